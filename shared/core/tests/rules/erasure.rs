//! Who is meant by an erasure, and that an erased row keeps its money and sends nothing.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tracklayer_core::ledger::correction::{CorrectionRefusal, Effect};
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts, References};
use tracklayer_core::ledger::observed::{Adjusted, Kind, Refusal, RefusalReason};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::stored::StoredRow;
use tracklayer_core::person::identity::{Identity, Sha256Hash};
use tracklayer_core::reconcile::audit::{Finding, examine};
use tracklayer_core::reconcile::decide::{Action, is_about_to_expire};
use tracklayer_core::reconcile::erasure::{Erasure, Person, Scope, erase};
use tracklayer_core::reconcile::intake::append;
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::redrive::{Redrive, redrive};
use tracklayer_core::reconcile::state::{
    State, corrections, held_by_microsoft, state, value_at_microsoft,
};

use crate::convergence::{members, order_log, step, take, thousandths, worth};
use crate::support::*;
use crate::world::World;

const ERASED: Effect = Effect::Refused(CorrectionRefusal::IdentityErased);

fn erased(row: &Row) -> Row {
    erase(row, after(3 * HOUR)).expect("something to erase")
}

fn restated(row: Row, value: &str) -> Row {
    let (at, value, corrections) = (after(DAY), Some(amount(value)), row.corrections.len());
    let mut row = row;
    row.observed.adjusted = Some(Adjusted { at, value, corrections, tracking_id: None });
    row
}

fn effects(row: &Row) -> Vec<Effect> {
    corrections(row).1
}

fn shown_net(row: &Row) -> String {
    let (folded, _) = corrections(row);
    folded.net.expect("a value").to_string()
}

fn doubtful() -> (State, Option<String>) {
    (State::Refused, Some("may_already_count".to_owned()))
}

fn refused() -> (State, Option<String>) {
    (State::Refused, Some("identity_erased".to_owned()))
}

// --- who is meant

fn asked(person: Person, sources: &str, accounts: &str) -> Erasure {
    let list = |name: &str| vec![name.to_owned()];
    let scope = Scope { sources: list(sources), accounts: list(accounts) };
    let (by, references) = ("crm".to_owned(), BTreeSet::new());
    Erasure { person, scope, by, asked_at: after(3 * HOUR), references }
}

#[test]
fn a_person_is_found_by_any_name_the_row_knows() {
    let mail = Sha256Hash::parse(MAIL).expect("a hash");
    let all = References {
        session: Some(id("s")),
        lead: Some(id("l")),
        cart: Some(id("c")),
        order: Some(id("o")),
    };
    let identity = Identity { email: Some(mail), ..Identity::default() };
    let reference = Some(id("tied"));
    let click = Some(Click { clicked_at: None, from: ClickOrigin::Order, reference });
    let row = row_of(Facts { references: all, identity, click, ..facts() });
    for (kind, value) in [
        ("session", "s"),
        ("session", "tied"),
        ("lead", "l"),
        ("cart", "c"),
        ("order", "o"),
        ("email", MAIL),
    ] {
        let person = Person::parse(kind, value).expect("a person");
        assert_eq!((person.kind(), person.value().as_str()), (kind, value));
        assert!(asked(person.clone(), "*", "*").means(&row), "{kind}");
        assert!(asked(person.clone(), "shop", "main").means(&row), "{kind}");
        assert!(!asked(person.clone(), "crm", "*").means(&row), "another source: {kind}");
        assert!(!asked(person.clone(), "*", "eu").means(&row), "another account: {kind}");
        assert!(!asked(person, "*", "*").means(&erased(&row)), "erased already: {kind}");
        let other = Person::parse(kind, &value.replace(['s', 'l', 'c', 'o', 't', 'e'], "f"));
        assert!(!asked(other.expect("a person"), "*", "*").means(&row), "somebody else: {kind}");
    }
    assert_eq!(Person::parse("email", "jane@x.example"), None);
    assert_eq!(Person::parse("phone", "1"), None);
}

#[test]
fn rows_of_the_visitors_that_the_record_leads_to_are_meant_too_within_the_scope() {
    let lead = Person::parse("lead", "l").expect("a person");
    let by = |session: Option<&str>, reference: Option<&str>| {
        let click =
            Click { clicked_at: None, from: ClickOrigin::Cart, reference: reference.map(id) };
        let references = References { session: session.map(id), ..References::default() };
        row_of(Facts { references, click: Some(click), ..facts() })
    };
    let led = |sources: &str| {
        let references = BTreeSet::from([id("s"), id("t")]);
        Erasure { references, ..asked(lead.clone(), sources, "*") }
    };
    for row in [by(Some("s"), None), by(Some("x"), Some("t")), by(None, Some("s"))] {
        assert!(led("*").means(&row) && led("shop").means(&row), "{row:?}");
        assert!(!led("crm").means(&row), "another source: {row:?}");
        assert!(!led("*").means(&erased(&row)), "erased already: {row:?}");
        assert!(!asked(lead.clone(), "*", "*").means(&row), "nothing leads there: {row:?}");
    }
    for row in [by(Some("x"), Some("y")), by(None, None)] {
        assert!(!led("*").means(&row), "somebody else: {row:?}");
    }
}

#[test]
fn what_the_person_does_after_asking_is_not_meant() {
    let asked = asked(Person::Session(id("sess_10492")), "*", "*");
    let told = |happened: i64, recorded: Option<i64>| {
        let occurred_at = asked.asked_at.plus_seconds(happened);
        let recorded_at = asked.asked_at.plus_seconds(recorded.unwrap_or(happened));
        Row { recorded_at, ..row_of(Facts { occurred_at, ..facts() }) }
    };
    // Known before; told of later; of an earlier version; still to come, but known.
    for (happened, recorded) in [(-9, Some(-8)), (-1, Some(DAY)), (0, None), (240, Some(0))] {
        assert!(asked.means(&told(happened, recorded)), "{happened} {recorded:?}");
    }
    for (happened, recorded) in [(1, Some(1)), (240, Some(1)), (1, None)] {
        assert!(!asked.means(&told(happened, recorded)), "{happened} {recorded:?}");
    }
}

// --- what is left

#[test]
fn the_money_stays_and_nothing_of_the_person() {
    let row = accepted_row(vec![refund("r1", 60, "30")]);
    let after = erased(&row);
    let stored = serde_json::to_string(&StoredRow::from(&after)).expect("JSON");
    for gone in [CLICK, "sess_10492", "f1", "clickFrom", "clickedAt", "sessionId", "msclkid"] {
        assert!(!stored.contains(&format!("\"{gone}\"")), "{gone} in {stored}");
    }
    let (before, facts) = (&row.facts, &after.facts);
    assert_eq!((facts.money, &facts.goal), (before.money, &before.goal));
    assert_eq!(facts.conversion_time, before.conversion_time);
    assert_eq!((&after.corrections, &after.observed), (&row.corrections, &row.observed));
    assert_eq!(
        (after.desired_revision, after.observed_revision),
        (row.desired_revision + 1, row.observed_revision)
    );
    assert_eq!(erase(&after, crate::support::after(DAY)), None, "once is enough");
}

#[test]
fn a_row_that_was_never_accepted_is_refused_and_sends_nothing() {
    let bench = Bench::new();
    let mut unknown = row();
    unknown.observed.apply_unknown = true;
    for (row, reason, held) in [
        (row(), RefusalReason::IdentityErased, None),
        (unknown, RefusalReason::MayAlreadyCount, Some("unknown")),
    ] {
        let row = erased(&row);
        assert_eq!(state(&row), (State::Refused, Some(reason.to_string())));
        let next = bench.context(after(4 * HOUR)).next(&row);
        assert_eq!((next, held_by_microsoft(&row)), (Action::Refuse(reason), held));
        assert_eq!(examine(&row, &bench.context(after(5 * DAY))), Finding::Fine);
        assert!(!is_about_to_expire(&row, after(90 * DAY)));
    }
}

#[test]
fn no_redrive_wakes_it() {
    let mut row = row();
    let reason = RefusalReason::Microsoft { code: Some(5606), symbol: None };
    row.observed.refusal = Some(Refusal { at: after(HOUR), reason });
    let row = erased(&row);
    let goal = id("Another");
    assert_eq!(state(&row), refused());
    let redriven = redrive(&row, after(5 * HOUR), Some(&goal));
    assert_eq!(redriven, Redrive::NotNeeded);
    let mut dead = accepted_row(vec![refund("r1", 60, "30")]);
    dead.observed.dead_at = Some(after(DAY));
    assert_eq!(state(&erased(&dead)), refused());
}

#[test]
fn later_corrections_are_refused_and_shown() {
    let bench = Bench::new();
    let row = erased(&accepted_row(Vec::new()));
    assert_eq!(state(&row), (State::Accepted, None));
    let row = append(&row, refund("r1", 60, "30"), &bench.context(after(DAY)));
    assert_eq!((state(&row), row.open.clone()), (refused(), None));
    assert_eq!((effects(&row), shown_net(&row)), (vec![ERASED], "99.95".to_owned()));
    assert_eq!(value_at_microsoft(&row), Some(usd("129.95")));
    assert_eq!(bench.context(after(2 * DAY)).next(&row), Action::InSync);
    // Neither does one that came before acceptance bring a message back.
    let waiting =
        append(&erased(&crate::support::row()), full("r2", 60), &bench.context(after(DAY)));
    assert_eq!((state(&waiting), waiting.open), (refused(), None));
}

#[test]
fn corrections_that_microsoft_was_not_told_of_are_shown_as_refused() {
    let told = restated(accepted_row(vec![refund("r1", 60, "30")]), "99.95");
    assert_eq!(state(&erased(&told)), (State::Restated, None));
    let mut half = told.clone();
    half.corrections.push(refund("r2", 120, "9.95"));
    let half = erased(&half);
    assert_eq!((state(&half), effects(&half)), (refused(), vec![Effect::Counted, ERASED]));
    assert_eq!(shown_net(&half), "90");
}

#[test]
fn an_adjustment_without_answer_leaves_a_doubt_and_no_difference() {
    let mut row = accepted_row(vec![refund("r1", 60, "30")]);
    row.observed.unsettled = true;
    let row = erased(&row);
    assert_eq!(held_by_microsoft(&row), Some("unknown"));
    // An answer that comes after all ends it; so does the acceptance after a lost first attempt.
    let mut told = restated(row, "99.95");
    told.observed.unsettled = false;
    told.observed.apply_unknown = true;
    assert_eq!(held_by_microsoft(&told), Some("restated"));
}

#[test]
fn a_correction_of_a_row_that_was_never_taken_still_moves_the_net() {
    let bench = Bench::new();
    let before = append(&row(), refund("r1", 60, "30"), &bench.context(after(HOUR)));
    let row = append(&erased(&before), refund("r2", 90, "9.95"), &bench.context(after(DAY)));
    assert_eq!((state(&row), effects(&row)), (refused(), vec![ERASED, ERASED]));
    assert_eq!(shown_net(&row), "90");
    // More given back than paid: Microsoft counts nothing, and that is right.
    let gone = append(&row, refund("r3", 99, "100"), &bench.context(after(DAY)));
    assert_eq!(shown_net(&gone).as_str(), "0");
}

#[test]
fn after_a_retract_it_stays_retracted() {
    let mut row = accepted_row(vec![full("r1", 60), restatement("n", 120, "50")]);
    let adjusted = Adjusted { at: after(DAY), value: None, corrections: 1, tracking_id: None };
    row.observed.adjusted = Some(adjusted);
    let after = erased(&row);
    assert_eq!((state(&after), effects(&after)), (state(&row), effects(&row)));
    assert_eq!(held_by_microsoft(&after), Some("retracted"));
}

#[test]
fn an_outcome_that_was_on_its_way_is_still_written() {
    let bench = Bench::new();
    let context = bench.context(after(4 * HOUR));
    let seen = row();
    let current = erased(&seen);
    let Some(write) = Note::Accepted(Kind::Apply, mark()).again(&seen, &current, &context) else {
        panic!("an acceptance is never lost")
    };
    let mut row = current.clone();
    assert!(carry_out(&mut row, &write));
    assert_eq!((state(&row), row.open), ((State::Accepted, None), None));
    for note in [Note::Dead, Note::Unknown(Kind::Apply, mark(), None)] {
        let Some(write) = note.again(&seen, &current, &context) else { panic!("{note:?}") };
        assert_eq!(write.open, None, "{note:?}");
    }
}

// --- in a world full of accidents

fn check_money(world: &World, log: &[(i64, crate::convergence::Change)]) {
    let row = world.row();
    let Some(counted) = world.microsoft.counted.values().next() else {
        let ended = if row.observed.may_count() { doubtful() } else { refused() };
        return assert_eq!((state(row), row.observed.accepted.is_none()), (ended, true));
    };
    if row.observed.accepted.is_none() {
        // Taken, but nobody heard: that is said, whoever died before it could be written.
        return assert_eq!((held_by_microsoft(row), state(row)), (Some("unknown"), doubtful()));
    }
    if row.observed.unsettled {
        assert_eq!(held_by_microsoft(row), Some("unknown"));
        return assert_eq!(state(row), doubtful(), "a doubt is never in sync");
    }
    let (folded, effects) = corrections(row);
    let counted_value = match counted.retracted {
        true => 0,
        false => thousandths(counted.value.as_deref().expect("a value")),
    };
    let shown = value_at_microsoft(row).map_or(0, |m| thousandths(&m.amount.to_string()));
    assert_eq!(counted_value, shown, "the ledger knows what Microsoft has");
    let refusals = effects.iter().any(|effect| matches!(effect, Effect::Refused(_)));
    assert!(refusals || counted_value == worth(log), "a difference that nobody sees");
    let late = effects.contains(&Effect::Refused(CorrectionRefusal::TooOldForMicrosoft));
    let shown_net = thousandths(&folded.net.expect("a value").to_string());
    assert!(late || shown_net == worth(log), "the net is the order log's");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn nothing_new_is_sent_and_the_money_is_what_microsoft_has(
        log in order_log(),
        first in prop::collection::vec(step(), 0..60),
        then in prop::collection::vec(step(), 0..60),
    ) {
        let changes: Vec<_> = log.iter().map(|(second, it)| (*second, members(*it))).collect();
        let mut world = World::new("purchase", Some("129.95"), &changes);
        world.sale_arrives();
        for step in first {
            take(&mut world, step, changes.len());
        }
        let known = world.person_is_erased();
        let sent = (world.applies.len(), world.claims.len());
        for step in then {
            take(&mut world, step, changes.len());
        }
        world.calm_down();
        prop_assert!(world.applies.len() <= sent.0 + known, "only what was on its way");
        prop_assert!(world.claims.len() <= sent.1, "no adjustment is claimed any more");
        prop_assert!(world.microsoft.counted.len() <= 1, "one sale, one conversion");
        check_money(&world, &log);
    }
}
