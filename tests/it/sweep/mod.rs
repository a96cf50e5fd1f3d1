//! Whole runs against a local AWS, through the real SDKs.

mod erasures;
mod looks;
mod many;
mod places;
mod rig;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
pub use rig::clicks_table;
use rig::{POLICY, Rig, own_key, row};
use sweep::{span::Span, wire::Summary};
use tracklayer_core::id::Source;
use tracklayer_core::ledger::correction::{Change, Correction};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::goals::{GoalFinding, Gravity};
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::orphans::{Original, add, take};
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::aws::queue::Queue;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{
    AccountItems as _, CheckFailure, Claims as _, GoalCheck, GoalChecks as _, Index as _,
    OpenEntry, Orphans as _, Pointer, Rows as _,
};

fn open(mut row: Row, class: IndexClass, due: EventTime, reason: Option<WaitReason>) -> Row {
    row.open = Some(class.entry(due, due, reason));
    row
}

fn waiting(event_id: &str, now: EventTime, due_in: i64) -> Row {
    let row = row(event_id, "purchase", now);
    open(row, IndexClass::Wait, now.plus_seconds(due_in), Some(WaitReason::SettleDelay))
}

/// A full refund of `event_id` that waits for its original since so many seconds.
fn orphan(event_id: &str, now: EventTime, waits: i64) -> Orphan {
    let since = now.plus_seconds(-waits);
    let source: Source = "shop".parse().expect("a source");
    let correction = Correction {
        source: source.clone(),
        event_id: format!("{event_id}-r1").parse().expect("an id"),
        occurred_at: since.into(),
        recorded_at: since,
        original_event: None,
        account: None,
        change: Change::default(),
        refused: None,
    };
    let key = PartitionKey { source, event_id: event_id.parse().expect("an id") };
    let (account, policy) = (AccountView::default(), POLICY);
    let context = Context { account: &account, now: since, policy: &policy };
    let main = "main".parse().expect("an account");
    add(&key, None, correction, Some(&main), &context).expect("room")
}

#[tokio::test]
async fn what_is_due_is_signalled_once() {
    let rig = Rig::start().await;
    let now = rig.now;
    for (id, due_in) in [("1", -5), ("2", -300), ("3", 0), ("later", 60)] {
        rig.put(&waiting(id, now, due_in)).await;
    }
    let past = now.plus_seconds(-500);
    let held = IndexClass::Held("main".to_owned());
    let rests = [
        (held, "held", Some(WaitReason::AccountHeld)),
        (IndexClass::Refused, "refused", None),
        (IndexClass::Dead, "dead", None),
    ];
    for (class, id, reason) in rests.clone() {
        rig.put(&open(row(id, "purchase", now), class, past, reason)).await;
    }

    let summary = rig.run().await;
    assert_eq!(summary, Summary { signalled: 3, ..Summary::default() });
    let signalled = ["1", "2", "3"].map(|id| format!("purchase shop/{id} 129.95 USD"));
    assert_eq!(rig.signals().await, BTreeSet::from(signalled));
    for id in ["1", "2", "3"] {
        let row = rig.rows(id).await.remove(0);
        assert_eq!(row.open.expect("still open").due, now.plus_seconds(1_000));
        assert_eq!(
            (row.desired_revision, row.observed_revision),
            (1, 0),
            "moving due raises no revision"
        );
    }

    assert_eq!(rig.run().await, Summary::default());
    assert!(rig.signals().await.is_empty());
    for (_, id, _) in rests {
        assert_eq!(rig.rows(id).await[0].open.as_ref().expect("open").due, past);
    }
}

#[tokio::test]
async fn runs_at_the_same_time_signal_each_row_once() {
    let rig = Rig::start().await;
    for n in 0..25 {
        rig.put(&waiting(&format!("row-{n}"), rig.now, -n)).await;
    }
    let (one, other) = tokio::join!(rig.run(), rig.run());
    assert_eq!(one.signalled + other.signalled, 25);
    assert_eq!(rig.signals().await.len(), 25, "checked to be different ones");
}

#[tokio::test]
async fn a_row_that_was_refused_since_the_index_was_read_is_not_moved() {
    let rig = Rig::start().await;
    let row = waiting("1", rig.now, -5);
    rig.put(&row).await;
    let ledger = &rig.sweep.ledger;
    let class = IndexClass::Wait.index_key(&row.key.pk());
    let entry =
        ledger.open(&class, Some(rig.now), Some(10), None).await.expect("read").entries.remove(0);
    let refused = open(row.clone(), IndexClass::Refused, rig.now.plus_seconds(-5), None);
    assert!(ledger.change(&row, &refused).await.expect("written"));
    let next = OpenEntry { due: rig.now.plus_seconds(1_000), ..entry.clone() };
    let moved = ledger.move_entry(&entry, &next).await.expect("answered");
    assert!(!moved, "its signal would count as a redrive");
}

#[tokio::test]
async fn a_row_whose_signal_is_lost_comes_again_in_an_hour() {
    let mut rig = Rig::start().await;
    rig.put(&waiting("1", rig.now, -5)).await;
    let nowhere = format!("{}-missing", rig.queue_url);
    let queue = std::mem::replace(&mut rig.sweep.queue, Queue::new(rig.sqs.clone(), nowhere));
    assert_eq!(rig.run().await, Summary { unsent: 1, ..Summary::default() });
    rig.sweep.queue = queue;
    assert_eq!(rig.run().await, Summary::default());
    rig.now = rig.now.plus_seconds(1_000);
    assert_eq!(rig.run().await, Summary { signalled: 1, ..Summary::default() });
}

#[tokio::test]
async fn orphans_find_their_original_wait_or_end() {
    let rig = Rig::start().await;
    let now = rig.now;
    rig.put(&row("found", "qualified_lead", now)).await;
    let waits = [("found", 72_000), ("young", 71_999), ("missing", 72_000), ("over", 336_000)];
    for (id, seconds) in waits {
        rig.put_orphan(&orphan(id, now, seconds)).await;
    }

    let expected =
        Summary { orphans_moved: 1, orphans_missing: 1, orphans_ended: 1, ..Summary::default() };
    assert_eq!(rig.run().await, expected);

    let found = rig.rows("found").await.remove(0);
    assert_eq!((found.corrections.len(), found.desired_revision), (1, 2));
    assert!(found.open.is_some(), "it is due even if its message is lost");
    assert_eq!(rig.orphan("found").await.expect("an item").corrections, []);
    let young = orphan("young", now, 71_999);
    assert_eq!(rig.orphan("young").await, Some(young), "as it was");
    let missing = rig.orphan("missing").await.expect("an orphan");
    assert_eq!(missing.open.expect("open").due, now.plus_seconds(336_000 - 72_000));
    let over = rig.orphan("over").await.expect("an orphan");
    assert!(over.has_ended() && over.corrections.len() == 1, "a late original takes it");

    assert_eq!(rig.run().await, Summary::default());
    assert!(rig.signals().await.is_empty());
}

#[tokio::test]
async fn an_orphan_gives_its_corrections_once_or_not_at_all() {
    let rig = Rig::start().await;
    let (now, ledger) = (rig.now, &rig.sweep.ledger);
    let (row, orphan) = (row("1", "purchase", now), orphan("1", now, 5));
    let (account, policy) = (AccountView::default(), POLICY);
    let context = Context { account: &account, now, policy: &policy };
    rig.put(&row).await;
    rig.put_orphan(&orphan).await;
    let moved = take(Original::own(&row), &orphan, &context).expect("taken");

    let stale = Orphan { revision: 7, ..orphan.clone() };
    assert!(!ledger.move_corrections(&stale, &row, &moved).await.expect("answered"));
    let stale = Row { desired_revision: 7, ..row.clone() };
    assert!(!ledger.move_corrections(&orphan, &stale, &moved).await.expect("answered"));
    assert_eq!(rig.rows("1").await, std::slice::from_ref(&row));
    assert_eq!(rig.orphan("1").await, Some(orphan.clone()));

    assert!(ledger.move_corrections(&orphan, &row, &moved).await.expect("written"));
    assert!(!ledger.move_corrections(&orphan, &row, &moved).await.expect("answered"), "once");
    assert_eq!(rig.rows("1").await, std::slice::from_ref(&moved.row));
    assert_eq!(rig.orphan("1").await, Some(moved.orphan.clone()));
    let expired = now.plus_seconds(100 * DAY);
    let key = &row.key;
    let late = ledger.partition(&key.partition_key(), expired).await.expect("read");
    assert_eq!((late.rows.len(), late.orphan), (1, None));
}

#[tokio::test]
async fn a_correction_goes_into_the_orphan_with_its_pointer_or_not_at_all() {
    let rig = Rig::start().await;
    let (now, ledger) = (rig.now, &rig.sweep.ledger);
    let orphan = orphan("1", now, 5);
    let own = own_key(&orphan);
    let pointer = |fingerprint: &str| Pointer {
        original_source: orphan.key.source.clone(),
        original_event_id: orphan.key.event_id.clone(),
        fingerprint: fingerprint.to_owned(),
        ttl: now.plus_seconds(100),
    };
    // A row's correction has the pointer first.
    assert_eq!(ledger.point(&own, &pointer("f"), now).await.expect("written"), None);
    let there = ledger.point(&own, &pointer("g"), now).await.expect("answered");
    assert_eq!(there, Some(pointer("f")));
    let record = async |before: Option<&Orphan>, after: &Orphan, at| {
        ledger.record_in_orphan(before, after, &own, &pointer("h"), at).await.expect("answered")
    };
    assert!(!record(None, &orphan, now).await, "it has a pointer");
    assert_eq!(rig.orphan("1").await, None, "neither or both");
    ledger.remove_pointer(&own, "g").await.expect("answered");
    assert!(!record(None, &orphan, now).await, "that was another correction's");
    ledger.remove_pointer(&own, "f").await.expect("deleted");
    assert!(record(None, &orphan, now).await);
    assert_eq!(ledger.pointer(&own, now).await.expect("read"), Some(pointer("h")));

    ledger.remove_pointer(&own, "h").await.expect("deleted");
    assert!(!record(None, &orphan, now).await, "an orphan is there");
    let next = Orphan { revision: 2, ..orphan.clone() };
    assert!(!record(Some(&next), &next, now).await, "with another revision");
    assert!(record(Some(&orphan), &next, now).await);
    assert_eq!(rig.orphan("1").await.as_ref(), Some(&next));
    // What has expired, but is not deleted yet, counts for nothing.
    let late = now.plus_seconds(100);
    assert_eq!(ledger.pointer(&own, late).await.expect("read"), None);
    assert!(record(None, &orphan, now.plus_seconds(101 * DAY)).await);
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_nothing() {
    let rig = Rig::start().await;
    let row = waiting("1", rig.now, -5);
    let class = IndexClass::Wait.index_key(&row.key.pk());
    rig.put(&row).await;
    let junk = [("pk", text("junk")), ("sk", text("junk"))];
    let entry = [("open", text(&class)), ("due", AttributeValue::N("1".to_owned()))];
    let item = junk.into_iter().chain(entry).map(|(name, value)| (name.to_owned(), value));
    let put = rig.dynamo.put_item().table_name("Conversions").set_item(Some(item.collect()));
    put.send().await.expect("written");

    let page = rig.sweep.ledger.open(&class, Some(rig.now), Some(1), None).await.expect("read");
    assert!(page.entries.is_empty(), "the junk is the oldest");
    let page =
        rig.sweep.ledger.open(&class, Some(rig.now), Some(1), page.next).await.expect("read");
    assert_eq!(page.entries.len(), 1, "the page after it is reached");
    assert_eq!(rig.run().await, Summary { signalled: 1, ..Summary::default() });
    let tally = rig.sweep.ledger.tally(&class, 5).await.expect("counted");
    assert_eq!(tally["main"].entries, 1);
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_run_without_time_leaves_everything_due() {
    let rig = Rig::start().await;
    rig.put(&waiting("1", rig.now, -5)).await;
    let orphan = orphan("2", rig.now, 72_000);
    rig.put_orphan(&orphan).await;
    let span = Span { deadline: Deadline::at_epoch_ms(0, &rig.sweep.clock), ..rig.span(rig.now) };
    let summary = rig.sweep.wake(&span).await.expect("a run");
    assert_eq!(summary, Summary { cut_short: true, ..Summary::default() });
    assert_eq!(rig.run().await.signalled, 1);
}

#[tokio::test]
async fn the_audit_finds_what_nothing_drives_and_is_through_once_a_week() {
    let rig = Rig::start().await;
    let now = rig.now;
    let mut stuck = row("forgotten", "purchase", now);
    stuck.recorded_at = now.plus_seconds(-25_000);
    let mut fresh = row("fresh", "purchase", now);
    fresh.recorded_at = now.plus_seconds(-10);
    for row in [&stuck, &fresh, &waiting("driven", now, 60)] {
        rig.put(row).await;
    }
    let span = rig.span(now);

    let audit = rig.sweep.audit(&span, 168).await.expect("an audit");
    assert_eq!((audit.audited, audit.audit_stuck, audit.audit_finished), (3, 1, true));
    let open = rig.rows("forgotten").await.remove(0).open.expect("due");
    assert_eq!(open.due, now);
    assert_eq!(rig.rows("fresh").await.remove(0).open, None);
    assert_eq!(rig.run().await.signalled, 1);

    let again = rig.sweep.audit(&span, 168).await.expect("nothing to do");
    assert_eq!(again, sweep::wire::AuditSummary::default());
}

#[tokio::test]
async fn rows_of_a_name_that_was_corrected_in_the_mapping_are_released() {
    let rig = Rig::start().await;
    let now = rig.now;
    let row = row("1", "purchase", now);
    let class = IndexClass::Held("main/Purchse".to_owned());
    rig.put(&open(row, class, now.plus_seconds(9_000), Some(WaitReason::GoalHeld))).await;
    let span = rig.span(now);
    let main = "main".parse().expect("an account");
    let held = vec!["Purchse".to_owned()];
    let once_held = held.iter().map(|name| (name.clone(), now)).collect();
    let check = GoalCheck { held_goals: held, once_held, ..GoalCheck::default() };
    rig.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(rig.sweep.release_held(&span).await.expect("a run"), 0);

    // The next check looks for "Purchase" only, and finds it.
    let check = GoalCheck { held_goals: Vec::new(), ..check };
    rig.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(rig.sweep.release_held(&span).await.expect("a run"), 1);
    assert_eq!(rig.signals().await.len(), 1);
    // Should nobody get it through, the row is due again.
    let row = rig.rows("1").await.remove(0);
    let open = row.open.expect("still open");
    assert_eq!(open.class, IndexClass::Wait);
    assert_eq!((open.due, open.since), (now.plus_seconds(1_000), now.plus_seconds(1_000)));
    assert_eq!(
        (row.desired_revision, row.observed_revision),
        (1, 0),
        "letting it go raises no revision"
    );
    assert_eq!(rig.sweep.release_held(&span).await.expect("a run"), 0);
}

#[tokio::test]
async fn what_a_check_found_is_kept_until_another_one_says_otherwise() {
    let rig = Rig::start().await;
    let (ledger, main) = (&rig.sweep.ledger, "main".parse().expect("an account"));
    let finding = |goal: Option<&str>, gravity| GoalFinding {
        goal: goal.map(str::to_owned),
        gravity,
        problem: "something".to_owned(),
        cure: "a cure".to_owned(),
    };
    let of_goal = finding(Some("Purchase"), Gravity::Warns);
    let check = GoalCheck {
        findings: vec![of_goal.clone()],
        goals_without_hashes: vec!["Purchase".to_owned()],
        goals_seen: 3,
        ..GoalCheck::default()
    };
    ledger.save_check(&main, &check).await.expect("kept");
    let of_account = finding(None, Gravity::Holds);
    let finding = of_account.clone();
    let failure =
        CheckFailure { began: rig.now, since: rig.now, held: true, finding, shared_with: None };
    assert!(ledger.fail_check(&main, &failure).await.expect("kept"));
    let item = ledger.account_item(&main).await.expect("read");
    assert_eq!((&item.findings, item.goals_seen), (&vec![of_goal], 3));
    assert_eq!((item.held, item.failing_for), (true, Some(of_account)));
    assert_eq!(item.goals_without_hashes, check.goals_without_hashes);

    let passed = GoalCheck { checked_at: rig.now.plus_seconds(1), ..GoalCheck::default() };
    ledger.save_check(&main, &passed).await.expect("kept");
    // One that began before it and took its time holds nothing again.
    assert!(!ledger.fail_check(&main, &failure).await.expect("not kept"));
    let item = ledger.account_item(&main).await.expect("read");
    assert_eq!((item.held, item.failing_for, item.findings.len()), (false, None, 0));
    let later = CheckFailure { began: rig.now.plus_seconds(2), ..failure };
    assert!(ledger.fail_check(&main, &later).await.expect("kept"));
    assert!(ledger.account_item(&main).await.expect("read").held);
}
