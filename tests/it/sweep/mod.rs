//! Whole runs against a local AWS, through the real SDKs.

mod erasures;
mod many;
mod rig;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use rig::{Rig, row};
use sweep::wire::Summary;
use test_support::rows::full;
use tracklayer_core::{
    ledger::{correction::Correction, index::IndexClass, row::Row, wait::WaitReason},
    microsoft::goals::{GoalFinding, Gravity},
    time::{DAY, EventTime},
};
use tracklayer_edge::{
    clock,
    ledger::GoalCheck,
    ports::{GoalChecks as _, Index as _, Rows as _},
    queue::Queue,
};

fn open(mut row: Row, class: IndexClass, due: EventTime, reason: Option<WaitReason>) -> Row {
    row.open = Some(class.entry(&row.key, due, reason));
    row
}

fn waiting(event_id: &str, now: EventTime, due_in: i64) -> Row {
    let row = row(event_id, "purchase", now);
    open(row, IndexClass::Wait, now.plus_seconds(due_in), Some(WaitReason::NoClick))
}

fn orphan(event_id: &str, now: EventTime, occurred: i64) -> Row {
    let occurred_at = now.plus_seconds(occurred);
    let correction =
        Correction { occurred_at, recorded_at: occurred_at, ..full(&format!("{event_id}-r1"), 0) };
    let row = Row { facts: None, corrections: vec![correction], ..row(event_id, "purchase", now) };
    let due = now.plus_seconds(-10);
    open(row, IndexClass::Orphan, due, Some(WaitReason::OriginalMissing))
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
        assert_eq!((row.desired, row.observed), (1, 0), "moving due raises no revision");
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
    let class = row.open.as_ref().expect("open").class.clone();
    let entry = ledger.due(&class, rig.now, 10, None).await.expect("read").entries.remove(0);
    let refused = open(row.clone(), IndexClass::Refused, rig.now.plus_seconds(-5), None);
    assert!(ledger.change(&row, &refused).await.expect("written"));
    let moved = ledger.postpone(&entry, rig.now.plus_seconds(1_000)).await.expect("answered");
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
    rig.put(&orphan("found", now, -20)).await;
    rig.put(&row("found", "qualified_lead", now)).await;
    rig.put(&orphan("young", now, -20)).await;
    rig.put(&orphan("stuck", now, -73 * 1_000)).await;
    rig.put(&orphan("over", now, -91 * DAY)).await;

    let expected = Summary {
        orphans_moved: 1,
        orphans_waiting: 2,
        orphans_refused: 1,
        stuck: 1,
        ..Summary::default()
    };
    assert_eq!(rig.run().await, expected);

    let found = rig.rows("found").await;
    assert_eq!(found.len(), 1, "the orphan is gone");
    assert_eq!((found[0].corrections.len(), found[0].desired), (1, 2));
    assert_eq!(found[0].open.as_ref().expect("due").due, now.plus_seconds(5));
    let young = rig.rows("young").await.remove(0);
    assert_eq!(young.open.expect("open").due, now.plus_seconds(6 * 1_000));
    assert_eq!(young.waits, 2);
    let over = rig.rows("over").await.remove(0);
    assert_eq!(over.microsoft.refusal.expect("refused").reason.to_string(), "original_never_came");
    assert!(over.open.expect("counted").class.starts_with("refused#"));

    assert_eq!(rig.run().await, Summary::default());
    assert!(rig.signals().await.is_empty());
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_nothing() {
    let rig = Rig::start().await;
    let row = waiting("1", rig.now, -5);
    let class = row.open.as_ref().expect("open").class.clone();
    rig.put(&row).await;
    let junk = [("pk", text("junk")), ("sk", text("junk"))];
    let entry = [("open", text(&class)), ("due", AttributeValue::N("1".to_owned()))];
    let item = junk.into_iter().chain(entry).map(|(name, value)| (name.to_owned(), value));
    let put = rig.dynamo.put_item().table_name("Conversions").set_item(Some(item.collect()));
    put.send().await.expect("written");

    let page = rig.sweep.ledger.due(&class, rig.now, 1, None).await.expect("read");
    assert!(page.entries.is_empty(), "the junk is the oldest");
    let page = rig.sweep.ledger.due(&class, rig.now, 1, page.next).await.expect("read");
    assert_eq!(page.entries.len(), 1, "the page after it is reached");
    assert_eq!(rig.run().await, Summary { signalled: 1, ..Summary::default() });
    let tally = rig.sweep.ledger.tally(&class, 5).await.expect("counted");
    assert!(tally.complete && tally.accounts["main"] == 1);
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_run_without_time_leaves_everything_due() {
    let rig = Rig::start().await;
    rig.put(&waiting("1", rig.now, -5)).await;
    rig.put(&orphan("2", rig.now, -20)).await;
    let summary = rig.sweep.handle(rig.now, 0).await.expect("a run");
    assert_eq!(summary, Summary { cut_short: true, ..Summary::default() });
    assert_eq!(rig.run().await.signalled, 1);
}

#[tokio::test]
async fn the_audit_finds_what_nothing_drives_and_is_through_once_a_week() {
    let rig = Rig::start().await;
    let now = rig.now;
    let mut stuck = row("forgotten", "purchase", now);
    stuck.recorded_at = Some(now.plus_seconds(-25_000));
    let mut fresh = row("fresh", "purchase", now);
    fresh.recorded_at = Some(now.plus_seconds(-10));
    for row in [&stuck, &fresh, &waiting("driven", now, 60)] {
        rig.put(row).await;
    }
    let deadline_ms = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
    let span = sweep::signals::Span { now, deadline_ms };

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
    let deadline_ms = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
    let span = sweep::signals::Span { now, deadline_ms };
    let main = "main".parse().expect("an account");
    let held = vec!["Purchse".to_owned()];
    let once_held: BTreeSet<String> = held.iter().cloned().collect();
    let check = GoalCheck { held_goals: held, once_held, ..GoalCheck::default() };
    rig.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(rig.sweep.release_held(&span).await.expect("a run"), 0);

    // The next check looks for "Purchase" only, and finds it.
    let check = GoalCheck { held_goals: Vec::new(), ..check };
    rig.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(rig.sweep.release_held(&span).await.expect("a run"), 1);
    assert_eq!(rig.signals().await.len(), 1);
    // Should that signal get lost, the row is due again once its message can't be alive any more.
    let row = rig.rows("1").await.remove(0);
    let open = row.open.expect("still open");
    assert!(open.class.starts_with("wait#"), "{}", open.class);
    assert_eq!((open.due, open.reason), (now.plus_seconds(4_000), Some(WaitReason::GoalHeld)));
    assert_eq!((row.desired, row.observed), (1, 0), "letting it go raises no revision");
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
    let once_plain = BTreeSet::from(["Purchase".to_owned()]);
    let check = GoalCheck {
        findings: vec![of_goal.clone()],
        once_plain,
        goals_seen: 3,
        ..GoalCheck::default()
    };
    ledger.save_check(&main, &check).await.expect("kept");
    let of_account = finding(None, Gravity::Holds);
    ledger.fail_check(&main, rig.now, true, &of_account).await.expect("kept");
    let item = ledger.account_item(&main).await.expect("read");
    assert_eq!((&item.findings, item.goals_seen), (&vec![of_goal], 3));
    assert_eq!((item.held, item.failing_for), (true, Some(of_account)));
    assert_eq!(item.once_plain, check.once_plain);

    ledger.save_check(&main, &GoalCheck::default()).await.expect("kept");
    let item = ledger.account_item(&main).await.expect("read");
    assert_eq!((item.held, item.failing_for, item.findings.len()), (false, None, 0));
}
