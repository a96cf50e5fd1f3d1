//! How events become rows and corrections of rows.

use serde_json::{Value, json};
use tracklayer_core::event::{Conversion, Correction as CorrectionEvent, Event, parse_event};
use tracklayer_core::ledger::correction::{CorrectionRefusal, MAX_CORRECTIONS};
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts, click_or_hashes};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::{Refusal, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Credit, LATE};
use tracklayer_core::reconcile::decide::Action;
use tracklayer_core::reconcile::intake::{
    Dispatch, Unfit, append, check, credited_to, facts_of, has, place,
};

use crate::support::*;

fn parse(mapping: &Mapping, event: &Value) -> Event {
    parse_event(&event.to_string(), mapping, after(DAY)).event.expect("an event")
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

pub fn sale() -> Conversion {
    sale_in(&Mapping::sample())
}

fn refund_event() -> CorrectionEvent {
    let event = json!({ "event": "refund", "eventId": "r1", "source": "shop", "amount": 30,
        "currency": "USD", "occurredAt": after(60).to_string(), "original": {"eventId": "4711", "event": "purchase"} });
    match parse(&Mapping::sample(), &event) {
        Event::Correction(correction) => correction,
        other => panic!("{other:?}"),
    }
}

fn found(clicked: i64) -> Credit {
    Ok((
        ClickId::parse(CLICK).expect("a click id"),
        Click {
            clicked_at: Some(after(clicked)),
            from: ClickOrigin::Order,
            reference: Some(id("s-1")),
        },
    ))
}

fn placed(conversion: &Conversion, search: &Credit, seconds: i64) -> (Row, Dispatch) {
    let missing = search.as_ref().err().copied();
    let facts = facts_of(conversion, search);
    place(conversion, facts, missing, &Bench::new().context(after(seconds)), 400)
}

fn appended(row: &Row, seconds: i64) -> Row {
    append(row, refund("r1", 60, "30"), &Bench::new().context(after(seconds)))
}

fn entry(row: &Row) -> Option<(IndexClass, i64, Option<WaitReason>)> {
    let open = row.open.as_ref()?;
    Some((open.class.clone(), open.due.seconds_since(sold()), open.reason))
}

fn waits(seconds: i64, reason: WaitReason) -> Option<(IndexClass, i64, Option<WaitReason>)> {
    Some((IndexClass::Wait, seconds, Some(reason)))
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

#[test]
fn hashes_are_kept_only_where_the_mapping_sends_them() {
    let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    file["goals"]["purchase"]["enhancedConversions"] = json!(false);
    let plain = sale_in(&Mapping::parse(&file.to_string()).expect("a mapping"));
    assert!(plain.email.is_some(), "the event brought one");
    for search in [found(-HOUR), Err(WaitReason::NoClick)] {
        assert_eq!(facts_of(&plain, &search).identity.email, None);
        assert_eq!(facts_of(&sale(), &search).identity.email, hash(MAIL));
    }
}

#[test]
fn hashes_alone_wait_for_a_click_where_the_last_check_found_that_the_goal_takes_none() {
    let mut bench = Bench::new();
    bench.account.goals_without_hashes = vec![id("Purchase")];
    let missing = WaitReason::AmbiguousClick;
    let facts = facts_of(&sale(), &Err(missing));
    let context = bench.context(after(2 * HOUR));
    let (row, dispatch) = place(&sale(), facts.clone(), Some(missing), &context, 400);
    assert_eq!(dispatch, Dispatch::Due);
    assert_eq!(entry(&row), Some((IndexClass::Look, 3 * HOUR, Some(missing))));
    let credited = Row { facts: credited_to(&facts, &found(-HOUR)), ..row.clone() };
    assert_eq!(bench.context(after(3 * HOUR)).next(&credited), Action::Apply);
    assert_eq!(Bench::new().context(after(3 * HOUR)).next(&row), Action::Apply, "or by themselves");
    // Where the goal takes them, nothing is waited for.
    let (_, dispatch) = placed(&sale(), &Err(missing), 2 * HOUR);
    assert_eq!(dispatch, Dispatch::Message(None));
}

#[test]
fn a_ripe_sale_goes_by_message_and_a_young_click_by_a_later_one() {
    let (row, dispatch) = placed(&sale(), &found(-2 * HOUR), 0);
    assert_eq!((dispatch, &row.open), (Dispatch::Message(None), &None));
    assert_eq!((row.desired_revision, row.observed_revision), (1, 0));
    assert_eq!((row.recorded_at, row.ttl), (after(0), after(400 * DAY)));
    let (row, dispatch) = placed(&sale(), &found(-600), 0);
    assert_eq!(dispatch, Dispatch::Message(Some(after(HOUR - 600))));
    assert_eq!(row.open, None);
}

#[test]
fn without_click_or_hashes_it_waits_with_the_reason_of_the_search() {
    let mut sale = sale();
    sale.email = None;
    let (row, dispatch) = placed(&sale, &Err(WaitReason::AmbiguousClick), 0);
    assert_eq!(dispatch, Dispatch::Due);
    assert_eq!(entry(&row), Some((IndexClass::Look, HOUR, Some(WaitReason::AmbiguousClick))));
}

#[test]
fn what_can_not_be_sent_any_more_ends_at_once() {
    let (row, dispatch) = placed(&sale(), &found(-HOUR), 90 * DAY + 1);
    assert_eq!((dispatch, &row.open), (Dispatch::Ended, &None));
    assert_eq!(row.observed.refusal.expect("refused").reason, RefusalReason::Expired);
}

#[test]
fn a_correction_is_recorded_as_it_came() {
    let correction = refund_event().recorded;
    let then = (after(60).into(), after(DAY));
    assert_eq!((correction.occurred_at, correction.recorded_at), then);
    assert_eq!(correction.original_event, Some(id("purchase")));
    assert_eq!(correction.change, refund("r1", 60, "30").change);
    let mut row = accepted_row(Vec::new());
    assert!(!has(&row.corrections, &correction));
    row = append(&row, correction.clone(), &Bench::new().context(after(99)));
    assert!(has(&row.corrections, &correction));
    assert!(!has(&row.corrections, &refund("r2", 60, "30")));
}

#[test]
fn a_correction_of_an_accepted_row_is_due_when_it_may_go() {
    let row = appended(&accepted_row(Vec::new()), 3 * HOUR);
    assert_eq!(row.desired_revision, 2);
    assert_eq!(entry(&row), waits(14 * HOUR, WaitReason::SettleDelay));
    let late = appended(&accepted_row(Vec::new()), 20 * HOUR);
    assert_eq!(entry(&late), Some((IndexClass::Wait, 20 * HOUR, None)));
}

#[test]
fn a_correction_of_a_row_on_its_way_brings_it_back_if_its_message_is_lost() {
    let row = appended(&row(), HOUR);
    assert_eq!(entry(&row), waits(2 * HOUR, WaitReason::SettleDelay));
}

#[test]
fn a_correction_of_a_waiting_row_leaves_its_time() {
    let mut sale = sale();
    sale.email = None;
    let (row, _) = placed(&sale, &Err(WaitReason::NoClick), 0);
    let corrected = appended(&row, 60);
    assert_eq!(entry(&corrected), entry(&row));
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

/// Click on day 0, lead sold on day 40: the last moment is the click's (case: a refund on day 95).
#[test]
fn a_correction_after_the_last_useful_moment_is_recorded_and_refused() {
    for (click, limit) in [(-40 * DAY, 50 * DAY), (-HOUR, 90 * DAY - HOUR)] {
        let accepted = Row { facts: clicked(click), ..accepted_row(Vec::new()) };
        let row = appended(&accepted, limit);
        assert_eq!(row.corrections[0].refused, None);
        let row = appended(&accepted, limit + 1);
        let refused = Some(CorrectionRefusal::TooOldForMicrosoft);
        assert_eq!((row.corrections[0].refused, &row.open), (refused, &None));
    }
}

/// The click of an original that is not accepted may still change: it may get a younger one.
#[test]
fn until_the_original_is_accepted_the_last_useful_moment_counts_from_the_conversion() {
    let queued = Row { facts: clicked(-95 * DAY), ..row() };
    assert_eq!(appended(&queued, HOUR).corrections[0].refused, None);
    let refused = Some(CorrectionRefusal::TooOldForMicrosoft);
    assert_eq!(appended(&queued, 90 * DAY + 1).corrections[0].refused, refused);
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
    // A goal without value has no currency that it could miss.
    assert_eq!(check(&Row { facts: without_value(), ..row }, &euros), Ok(()));
}

#[test]
fn a_row_takes_fifty_corrections() {
    let many = |n| (0..n).map(|n| refund(&format!("r{n}"), 60, "1")).collect::<Vec<_>>();
    let one = refund("one-more", 60, "1");
    assert_eq!(check(&accepted_row(many(MAX_CORRECTIONS - 1)), &one), Ok(()));
    assert_eq!(check(&accepted_row(many(MAX_CORRECTIONS)), &one), Err(Unfit::TooMany));
}

#[test]
fn another_identity_starts_from_the_second_of_the_sale() {
    let shifted = Facts { conversion_time: after(3), ..facts_of(&sale(), &found(-HOUR)) };
    assert_eq!(credited_to(&shifted, &found(-HOUR)), shifted, "the same one keeps its second");
    // The same click, reached in another way, is the same identity.
    assert_eq!(credited_to(&shifted, &found(-DAY)).conversion_time, after(3));
    let hashes = credited_to(&shifted, &Err(WaitReason::NoClick));
    assert_eq!((hashes.conversion_time, hashes.click), (sold(), None));
    assert_eq!((hashes.identity.click_id, hashes.identity.email), (None, hash(MAIL)));
}

#[test]
fn a_click_first_seen_after_the_sale_moves_its_time_and_an_earlier_one_moves_it_back() {
    for (clicked, time) in [(-1, 0), (0, 0), (1, 2), (LATE, LATE + 1)] {
        let facts = facts_of(&sale(), &found(clicked));
        assert_eq!((facts.occurred_at, facts.conversion_time), (sold(), after(time)), "{clicked}");
    }
    let late = Facts { conversion_time: after(204), ..facts_of(&sale(), &found(200)) };
    assert_eq!(credited_to(&late, &found(200)), late, "its key was taken: it keeps its second");
    // From the event's own time again, never from one that was moved already.
    assert_eq!(credited_to(&late, &found(90)).conversion_time, after(91));
    assert_eq!(credited_to(&late, &found(-HOUR)).conversion_time, sold());
    let unseen =
        credited_to(&late, &Ok((ClickId::parse(CLICK).expect("a click id"), Click::BROUGHT)));
    assert_eq!(unseen.conversion_time, sold(), "nobody has seen it");
    let hashes = credited_to(&late, &Err(WaitReason::NoClick));
    assert_eq!(hashes.conversion_time, sold());
    assert_eq!(credited_to(&hashes, &found(200)).conversion_time, after(201));
}

#[test]
fn a_moved_sale_is_adjusted_and_waits_by_the_time_that_is_sent() {
    let (row, dispatch) = placed(&sale(), &found(200), 300);
    assert_eq!(dispatch, Dispatch::Message(Some(after(200 + HOUR))));
    assert_eq!(row.limit(), after(201 + 90 * DAY));
    assert_eq!(row.correction_limit(), after(200 + 90 * DAY), "the click's end comes first");
    let ahead = row_of(clicked(0));
    let ahead = Row { facts: Facts { conversion_time: after(1), ..ahead.facts.clone() }, ..ahead };
    let mut bench = Bench::new();
    bench.policy.min_click_age = 0;
    let wait = Action::WaitUntil(after(1), WaitReason::TimeInFuture);
    assert_eq!(bench.context(sold()).next(&ahead), wait);
    assert_eq!(bench.context(after(1)).next(&ahead), Action::Apply);
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
