use test_support::rows::{self, POLICY, after as time, id, key_of, row, usd};
use tracklayer_core::{
    ledger::{
        correction::{Correction, CorrectionRefusal},
        facts::{Facts, References},
        index::IndexClass,
    },
    person::identity::Identity,
    reconcile::decide::AccountView,
    time::DAY,
};

use super::*;

fn key(event: &str) -> RowKey {
    key_of("4711", event)
}

fn refund(id: &str, seconds: i64) -> Correction {
    Correction { recorded_at: time(seconds), ..rows::refund(id, seconds, "30") }
}

fn orphan(corrections: Vec<Correction>) -> Row {
    let due =
        IndexClass::Orphan.entry(&key("purchase"), time(3_600), Some(WaitReason::OriginalMissing));
    Row { facts: None, corrections, open: Some(due), waits: 1, ..row() }
}

fn original(event: &str) -> Row {
    let facts = Facts {
        goal: id("Goal"),
        occurred_at: time(-100),
        conversion_time: time(-100),
        money: Some(usd("100")),
        identity: Identity::default(),
        click: None,
        references: References::default(),
        ..rows::facts()
    };
    Row { key: key(event), ..rows::row_of(facts) }
}

fn decide(rows: &[Row], now: EventTime) -> Plan {
    let account = AccountView::default();
    let due = rows[0].open.as_ref().expect("an orphan").due;
    plan(&key("purchase"), due, rows, &Context { account: &account, now, policy: &POLICY })
}

fn noted(plan: Plan) -> (Note, Option<&'static str>) {
    match plan {
        Plan::Note { note, ring, .. } => (note, ring),
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_waits_longer_each_time() {
    for (waits, hours) in [(1, 6), (2, 24), (7, 24)] {
        let orphan = Row { waits, ..orphan(vec![refund("r1", 0)]) };
        let (note, ring) = noted(decide(&[orphan], time(3_600)));
        let again = time(3_600 + hours * 3_600);
        assert_eq!(note, Note::Waits(again, WaitReason::OriginalMissing));
        assert_eq!(ring, None);
    }
}

#[test]
fn it_rings_after_three_days_and_ends_ninety_days_after_its_youngest_correction() {
    let rows = [orphan(vec![refund("r1", 0), refund("r2", 10 * DAY)])];
    assert_eq!(noted(decide(&rows, time(3 * DAY))).1, None);
    assert!(noted(decide(&rows, time(3 * DAY + 1))).1.is_some());
    assert!(matches!(noted(decide(&rows, time(100 * DAY))).0, Note::Waits(..)));
    let (note, ring) = noted(decide(&rows, time(100 * DAY + 1)));
    assert_eq!((note, ring), (Note::Refused(RefusalReason::OriginalNeverCame), None));
}

#[test]
fn the_only_original_takes_what_it_lacks() {
    let mut lead = original("qualified_lead");
    lead.corrections.push(refund("r1", 0));
    let rows = [orphan(vec![refund("r1", 0), refund("r2", 5), refund("r3", 6)]), lead];
    let Plan::Move { orphan, before, after } = decide(&rows, time(3_600)) else { panic!("moves") };
    assert_eq!((orphan.as_ref(), before.as_ref()), (&rows[0], &rows[1]));
    let ids: Vec<_> = after.corrections.iter().map(|c| c.event_id.as_str()).collect();
    assert_eq!(ids, ["r1", "r2", "r3"]);
    assert_eq!(after.desired, before.desired + 2);
    assert!(after.open.is_some(), "it comes up again even if its message is lost");
    // A run that died before it removed the orphan: nothing is left to write.
    let rows = [rows[0].clone(), *after];
    let Plan::Move { before, after, .. } = decide(&rows, time(3_600)) else { panic!("moves") };
    assert_eq!(before, after);
}

#[test]
fn a_correction_that_is_too_old_by_now_is_moved_as_refused() {
    let rows = [orphan(vec![refund("r1", 80 * DAY)]), original("qualified_lead")];
    let Plan::Move { after, .. } = decide(&rows, time(95 * DAY)) else { panic!("moves") };
    assert_eq!(after.corrections[0].refused, Some(CorrectionRefusal::TooOldForMicrosoft));
}

#[test]
fn between_several_originals_a_person_decides() {
    let rows = [orphan(vec![refund("r1", 0)]), original("qualified_lead"), original("phone_sale")];
    let (note, ring) = noted(decide(&rows, time(3_600)));
    assert!(matches!(note, Note::Waits(..)) && ring.is_some());
}

#[test]
fn an_original_with_fifty_corrections_takes_no_more() {
    let mut full = original("qualified_lead");
    full.corrections = (0..MAX_CORRECTIONS).map(|n| refund(&format!("x{n}"), 0)).collect();
    assert!(noted(decide(&[orphan(vec![refund("r1", 0)]), full], time(3_600))).1.is_some());
}

#[test]
fn what_is_no_due_orphan_any_more_is_left_alone() {
    let account = AccountView::default();
    let context = Context { account: &account, now: time(3_600), policy: &POLICY };
    let moved_on = orphan(vec![refund("r1", 0)]);
    let key = key("purchase");
    assert_eq!(plan(&key, time(0), std::slice::from_ref(&moved_on), &context), Plan::Gone);
    assert_eq!(plan(&key, time(3_600), &[original("purchase")], &context), Plan::Gone);
    assert_eq!(plan(&key, time(3_600), &[], &context), Plan::Gone);
}

#[test]
fn a_correction_that_names_its_originals_event_is_not_given_to_a_sibling() {
    let sibling = original("phone_sale");
    let mut orphan = orphan(vec![refund("r1", 0)]);
    orphan.corrections[0].names_event = true;
    let (note, _) = noted(decide(&[orphan.clone(), sibling.clone()], time(3_600)));
    assert!(matches!(note, Note::Waits(..)), "{note:?}");
    orphan.corrections[0].names_event = false;
    assert!(matches!(decide(&[orphan, sibling], time(3_600)), Plan::Move { .. }));
}
