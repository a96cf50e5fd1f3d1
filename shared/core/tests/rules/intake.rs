//! How events become rows and corrections of rows.

use proptest::prelude::*;
use serde_json::{Value, json};
use tracklayer_core::{
    event::{Conversion, Correction as CorrectionEvent, Event, parse_event},
    ledger::{
        correction::{CorrectionRefusal, MAX_CORRECTIONS},
        facts::{ClickOrigin, click_or_hashes},
        observed::{Refusal, RefusalReason},
        row::Row,
        wait::WaitReason,
    },
    mapping::Mapping,
    microsoft::payload::OfflineConversion,
    person::click_id::ClickId,
    reconcile::{
        decide::{AccountView, Action},
        intake::{
            ClickSearch, Dispatch, Unfit, append, bind, check, facts_of, has, key_of, orphan,
            place, recorded, unbind, without_hashes,
        },
        note::Note,
        redrive::{Delivery, Redrive, Today, redrive},
    },
};

use crate::support::*;

fn parse(mapping: &Mapping, event: &Value) -> Event {
    parse_event(&event.to_string(), mapping, after(DAY)).expect("an event")
}

fn sale_in(mapping: &Mapping) -> Conversion {
    let event = json!({ "event": "purchase", "eventId": "4711", "source": "shop", "value": 129.95,
        "currency": "USD", "occurredAt": sold().to_string(), "hashedEmail": MAIL,
        "orderId": "o-1", "sessionId": "sess_10492" });
    match parse(mapping, &event) {
        Event::Conversion(conversion) => conversion,
        other => panic!("{other:?}"),
    }
}

fn sale() -> Conversion {
    sale_in(&Mapping::shipped())
}

fn refund_event() -> CorrectionEvent {
    let event = json!({ "event": "refund", "eventId": "r1", "source": "shop", "amount": 30,
        "currency": "USD", "occurredAt": after(60).to_string(), "original": {"eventId": "4711"} });
    match parse(&Mapping::shipped(), &event) {
        Event::Correction(correction) => correction,
        other => panic!("{other:?}"),
    }
}

fn found(clicked: i64) -> ClickSearch {
    ClickSearch::Found {
        click_id: ClickId::parse(CLICK).expect("a click id"),
        clicked_at: Some(after(clicked)),
        from: ClickOrigin::Order,
        reference: Some(id("s-1")),
    }
}

fn placed(conversion: &Conversion, search: &ClickSearch, seconds: i64) -> (Row, Dispatch) {
    let missing = match search {
        ClickSearch::Missing(reason) => Some(*reason),
        ClickSearch::Found { .. } => None,
    };
    let facts = facts_of(conversion, search);
    place(conversion, facts, None, missing, &Bench::new().context(after(seconds)), 400)
}

fn appended(row: &Row, seconds: i64) -> Row {
    append(row, refund("r1", 60, "30"), &Bench::new().context(after(seconds)))
}

fn open(row: &Row) -> Option<(&str, i64, Option<WaitReason>)> {
    let open = row.open.as_ref()?;
    let class = open.class.split('#').next().expect("a class");
    Some((class, open.due.seconds_since(sold()), open.reason))
}

#[test]
fn facts_are_the_events_and_the_clicks() {
    let facts = facts_of(&sale(), &found(-HOUR));
    assert_eq!((facts.goal.as_str(), facts.money), ("Purchase", Some(usd("129.95"))));
    assert_eq!((facts.occurred_at, facts.conversion_time), (sold(), sold()));
    assert_eq!(facts.identity.click_id.as_ref().expect("a click").as_str(), CLICK);
    assert_eq!(facts.identity.email, hash(MAIL));
    assert_eq!(facts.click.expect("a click").from, ClickOrigin::Order);
    assert_eq!(facts.references.order, Some(id("o-1")));
    assert_eq!(facts.references.session, Some(id("sess_10492")));
}

/// The shipped mapping, in which no hashes go to the goal `Purchase`.
fn plain() -> Mapping {
    let mut file: Value = serde_json::from_str(Mapping::SHIPPED).expect("JSON");
    file["goals"]["purchase"]["enhancedConversions"] = json!(false);
    Mapping::parse(&file.to_string()).expect("a mapping")
}

fn plain_view() -> AccountView {
    AccountView::mapped(plain().account("main").expect("an account"))
}

#[test]
fn hashes_alone_wait_where_the_mapping_sends_none() {
    let (mapping, view) = (plain(), plain_view());
    let bench = Bench { account: view, ..Bench::new() };
    let missing = WaitReason::AmbiguousClick;
    let sale = sale_in(&mapping);
    let facts = facts_of(&sale, &ClickSearch::Missing(missing));
    assert_eq!(facts.identity.email, hash(MAIL), "kept for when they may go");
    let (row, dispatch) =
        place(&sale, facts, None, Some(missing), &bench.context(after(2 * HOUR)), 400);
    assert_eq!(dispatch, Dispatch::Due);
    assert_eq!(open(&row), Some(("plain:main/Purchase", 3 * HOUR, Some(missing))));
    assert_eq!(
        bench.context(after(3 * HOUR)).next(&bind(&row, &found(-HOUR), sold())),
        Action::Apply
    );
    assert_eq!(Bench::new().context(after(3 * HOUR)).next(&row), Action::Apply, "or by themselves");
}

#[test]
fn hashes_beside_a_click_go_only_where_the_goal_has_enhanced_conversions() {
    let (row, _) = placed(&sale(), &found(-2 * HOUR), 0);
    let hashed = row.facts.clone().expect("facts");
    assert_eq!(without_hashes(&row, &AccountView::default()), None);
    let bare = without_hashes(&row, &plain_view()).expect("another row");
    let facts = bare.facts.clone().expect("facts");
    let body = serde_json::to_string(&OfflineConversion::new(&facts)).expect("JSON");
    assert!(body.contains("MicrosoftClickId") && !body.contains("Hashed"), "{body}");
    assert_eq!(facts.identity, hashed.identity, "kept, or nobody could find and erase the person");
    assert_eq!(click_or_hashes(&facts.identity), click_or_hashes(&hashed.identity), "same claim");
    assert_eq!(
        (bare.desired_revision, bare.observed_revision),
        (row.desired_revision + 1, row.observed_revision)
    );
    assert_eq!(without_hashes(&bare, &plain_view()), None, "nothing is left to take");
    // Without the click the hashes are all there is, and may go some day.
    let bench = Bench::new();
    let unbound = unbind(&bare, &bench.context(after(HOUR)));
    assert!(!unbound.facts.expect("facts").bare);
}

#[test]
fn hashes_that_microsoft_may_have_stay_with_the_row() {
    let (row, _) = placed(&sale(), &found(-2 * HOUR), 0);
    let knows = |change: fn(&mut Row)| {
        let mut row = row.clone();
        change(&mut row);
        without_hashes(&row, &plain_view()).is_none()
    };
    assert!(knows(|row| row.observed.apply_unknown = true));
    assert!(knows(|row| row.observed.accepted = accepted_row(Vec::new()).observed.accepted));
    assert!(!knows(|row| row.observed.attempts = 1), "a refused attempt left nothing there");
    let (alone, _) = placed(&sale(), &ClickSearch::Missing(WaitReason::NoClick), 0);
    assert_eq!(without_hashes(&alone, &plain_view()), None, "they are all it has");
}

proptest! {
    #[test]
    fn no_first_call_carries_hashes_that_the_goal_does_not_take(
        plain in prop::bool::ANY,
        click in prop::bool::ANY,
        taken in prop::bool::ANY,
        unknown in prop::bool::ANY,
        attempts in 0_u32..3,
    ) {
        let search = if click { found(-2 * HOUR) } else { ClickSearch::Missing(WaitReason::NoClick) };
        let (mut row, _) = placed(&sale(), &search, 0);
        row.open = None;
        row.observed.attempts = attempts;
        row.observed.apply_unknown = unknown;
        row.observed.accepted = accepted_row(Vec::new()).observed.accepted.filter(|_| taken);
        let bench = Bench { account: if plain { plain_view() } else { AccountView::default() }, ..Bench::new() };
        let row = without_hashes(&row, &bench.account).unwrap_or(row);
        if bench.context(after(3 * HOUR)).next(&row) == Action::Apply {
            let body = serde_json::to_string(&OfflineConversion::new(row.facts.as_ref().expect("facts")));
            let hashed = body.expect("JSON").contains("HashedEmailAddress");
            prop_assert_eq!(hashed, !plain || unknown);
        }
    }
}

#[test]
fn a_ripe_sale_goes_by_message_and_a_young_click_by_a_later_one() {
    let (row, dispatch) = placed(&sale(), &found(-2 * HOUR), 0);
    assert_eq!((dispatch, &row.open), (Dispatch::Message(None), &None));
    assert_eq!((row.desired_revision, row.observed_revision, row.waits), (1, 0, 0));
    assert_eq!(row.ttl, Some(after(400 * DAY)));
    let (row, dispatch) = placed(&sale(), &found(-600), 0);
    assert_eq!(dispatch, Dispatch::Message(Some(after(HOUR - 600))));
    assert_eq!(row.open, None);
}

#[test]
fn without_click_or_hashes_it_waits_with_the_reason_of_the_search() {
    let mut sale = sale();
    sale.email = None;
    let (row, dispatch) = placed(&sale, &ClickSearch::Missing(WaitReason::AmbiguousClick), 0);
    assert_eq!(dispatch, Dispatch::Due);
    let expected = ("wait", HOUR, Some(WaitReason::AmbiguousClick));
    assert_eq!((open(&row), row.waits), (Some(expected), 1));
}

#[test]
fn a_found_orphan_hands_its_corrections_over() {
    let bench = Bench::new();
    let context = bench.context(after(2 * HOUR));
    let orphan = orphan(key_of(&sale()), &refund_event(), &id("main"), &context);
    let expected = ("orphan", 3 * HOUR, Some(WaitReason::OriginalMissing));
    assert_eq!(open(&orphan), Some(expected));
    assert_eq!((orphan.ttl, orphan.waits), (None, 1));
    let facts = facts_of(&sale(), &found(-HOUR));
    let (row, _) = place(&sale(), facts, Some(&orphan), None, &context, 400);
    assert_eq!(row.corrections, orphan.corrections);
    assert_eq!((row.key, row.desired_revision), (orphan.key, orphan.desired_revision + 1));
    assert_eq!(row.open, None);
}

#[test]
fn an_orphan_that_was_given_up_is_taken_up_by_the_message_of_its_original() {
    let bench = Bench::new();
    let context = bench.context(after(20 * DAY));
    let mut orphan = orphan(key_of(&sale()), &refund_event(), &id("main"), &context);
    let given_up = Note::Refused(RefusalReason::OriginalNeverCame).write(&orphan, &context);
    assert!(carry_out(&mut orphan, &given_up));
    let facts = facts_of(&sale(), &found(-HOUR));
    let came = after(21 * DAY);
    let (row, dispatch) = place(&sale(), facts, Some(&orphan), None, &bench.context(came), 400);
    assert_eq!(dispatch, Dispatch::Message(None));
    assert_eq!((row.corrections.len(), row.observed_revision), (1, orphan.observed_revision));
    assert_eq!(
        redrive(
            &row,
            Delivery { sent_at: came, receives: 1 },
            Today { goal: None, has_old: true },
            came,
            &bench.policy
        ),
        Redrive::Take(None)
    );
    let mut taken = row.clone();
    assert!(carry_out(&mut taken, &Note::Taken(None).write(&row, &bench.context(came))));
    assert_eq!(bench.context(came).next(&taken), Action::Apply);
}

#[test]
fn a_correction_is_recorded_as_it_came() {
    let correction = recorded(&refund_event(), after(99));
    assert_eq!((correction.occurred_at, correction.recorded_at), (after(60), after(99)));
    assert_eq!(correction.change, refund("r1", 60, "30").change);
    let mut row = accepted_row(Vec::new());
    assert!(!has(&row, &correction));
    row = append(&row, correction.clone(), &Bench::new().context(after(99)));
    assert!(has(&row, &correction));
    assert!(!has(&row, &refund("r2", 60, "30")));
}

#[test]
fn a_correction_of_an_accepted_row_is_due_when_it_may_go() {
    let row = appended(&accepted_row(Vec::new()), 3 * HOUR);
    assert_eq!(row.desired_revision, 2);
    assert_eq!(open(&row), Some(("wait", 14 * HOUR, Some(WaitReason::SettleDelay))));
    let late = appended(&accepted_row(Vec::new()), 20 * HOUR);
    assert_eq!(open(&late), Some(("wait", 20 * HOUR, None)));
}

#[test]
fn a_correction_of_a_row_on_its_way_brings_it_back_if_its_message_is_lost() {
    let row = appended(&row(), HOUR);
    assert_eq!(open(&row), Some(("wait", 13 * HOUR, Some(WaitReason::SettleDelay))));
}

#[test]
fn a_correction_of_a_waiting_row_leaves_its_time() {
    let mut sale = sale();
    sale.email = None;
    let (row, _) = placed(&sale, &ClickSearch::Missing(WaitReason::NoClick), 0);
    let corrected = appended(&row, 60);
    assert_eq!((open(&corrected), corrected.waits), (open(&row), row.waits));
}

#[test]
fn a_correction_does_not_wake_a_refused_or_dead_row() {
    let mut refused = accepted_row(Vec::new());
    refused.observed.refusal = Some(Refusal { at: after(9), reason: RefusalReason::Expired });
    let mut dead = accepted_row(Vec::new());
    dead.observed.dead_at = Some(after(9));
    for row in [refused, dead] {
        let corrected = appended(&row, DAY);
        assert_eq!(
            (&corrected.open, corrected.desired_revision),
            (&row.open, row.desired_revision + 1)
        );
    }
}

#[test]
fn a_correction_later_than_90_days_is_recorded_and_refused() {
    let row = appended(&accepted_row(Vec::new()), 90 * DAY);
    assert_eq!(row.corrections[0].refused, None);
    let row = appended(&accepted_row(Vec::new()), 90 * DAY + 1);
    let refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    assert_eq!((row.corrections[0].refused, &row.open), (refused, &None));
}

#[test]
fn a_correction_must_fit_its_original() {
    let row = accepted_row(Vec::new());
    assert_eq!(check(&row, &refund("r1", 60, "30")), Ok(()));
    let mut euros = refund("r1", 60, "30");
    euros.change.currency = Some(currency("EUR"));
    assert_eq!(check(&row, &euros), Err(Unfit::Currency));
    let mut elsewhere = refund("r1", 60, "30");
    elsewhere.account = Some(id("other"));
    assert_eq!(check(&row, &elsewhere), Err(Unfit::Account));
    // An orphan takes it as it is: only the original knows.
    assert_eq!(check(&Row { facts: None, ..row }, &euros), Ok(()));
}

#[test]
fn a_row_takes_fifty_corrections() {
    let many = |n| (0..n).map(|n| refund(&format!("r{n}"), 60, "1")).collect::<Vec<_>>();
    let one = refund("one-more", 60, "1");
    assert_eq!(check(&accepted_row(many(MAX_CORRECTIONS - 1)), &one), Ok(()));
    assert_eq!(check(&accepted_row(many(MAX_CORRECTIONS)), &one), Err(Unfit::TooMany));
}

#[test]
fn a_click_that_is_found_later_is_bound_with_its_time() {
    let mut sale = sale();
    sale.email = None;
    let (row, _) = placed(&sale, &ClickSearch::Missing(WaitReason::NoClick), 0);
    let bound = bind(&row, &found(-HOUR), after(1));
    let facts = bound.facts.as_ref().expect("facts");
    assert!(facts.identity.is_matchable());
    assert_eq!((facts.conversion_time, facts.occurred_at), (after(1), sold()));
    assert_eq!(
        (bound.desired_revision, bound.observed_revision),
        (row.desired_revision + 1, row.observed_revision)
    );
    assert_eq!(bound.open, row.open, "it is still looked at if the run dies here");
}

#[test]
fn one_identity_is_one_key_however_its_click_id_is_written() {
    let mut identity = facts_of(&sale(), &found(0)).identity;
    let lower = click_or_hashes(&identity);
    identity.click_id = Some(ClickId::parse(&CLICK.to_uppercase()).expect("a click id"));
    assert_eq!(click_or_hashes(&identity), lower);
    identity.click_id = None;
    assert_eq!(click_or_hashes(&identity), Some(format!("{MAIL}/")));
    identity.email = None;
    assert_eq!(click_or_hashes(&identity), None);
    identity.phone = hash(PHONE);
    assert_eq!(click_or_hashes(&identity), Some(format!("/{PHONE}")));
}
