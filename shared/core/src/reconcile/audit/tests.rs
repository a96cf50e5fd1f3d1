use super::*;
use crate::ledger::observed::{Kind, Refusal, RefusalReason};
use crate::ledger::wait::WaitReason;
use crate::reconcile::decide::AccountView;
use crate::reconcile::erasure::erase;
use crate::reconcile::note::Note;
use crate::reconcile::tests::{POLICY, call, context, noted, row_at, time};
use crate::time::DAY;

fn finding(row: &Row) -> Finding {
    examine(row, &context(&AccountView::default(), time(0)))
}

fn due_again(row: &Row) -> Open {
    match finding(row) {
        Finding::Stuck(write) => write.open.expect("due"),
        finding => panic!("not stuck: {finding:?}"),
    }
}

#[test]
fn a_row_that_nothing_drives_is_due_again_after_a_day() {
    let day = 24 * POLICY.hour;
    assert_eq!(finding(&row_at(1 - day)), Finding::Fine, "its message may be on its way");
    let open = due_again(&row_at(-day));
    assert_eq!((open.class, open.due, open.since), (IndexClass::Wait, time(0), time(0)));
    let mut driven = row_at(-2 * DAY);
    driven.open = Some(IndexClass::Look.entry(time(9), time(9), Some(WaitReason::NoClick)));
    assert_eq!(finding(&driven), Finding::Fine);
}

#[test]
fn a_row_in_a_class_of_a_later_version_is_driven_by_nobody() {
    let mut row = row_at(-2 * DAY);
    row.open = Some(IndexClass::Other.entry(time(-DAY), time(-DAY), None));
    assert_eq!(due_again(&row).class, IndexClass::Wait);
}

#[test]
fn what_a_second_pass_sees_is_fine() {
    let row = row_at(-2 * DAY);
    let Finding::Stuck(write) = finding(&row) else { panic!("stuck") };
    assert_eq!((&write.observed, &write.facts), (&None, &None), "nothing is learned of it");
    assert_eq!(finding(&write.applied_to(&row)), Finding::Fine);
}

#[test]
fn a_row_that_is_in_sync_or_erased_wants_nothing() {
    let mut row = noted(&row_at(-2 * DAY), &Note::ClaimedApply, time(-DAY));
    due_again(&row);
    row = noted(&row, &Note::Accepted(Kind::Apply, call()), time(-DAY));
    assert_eq!(finding(&row), Finding::Fine);
    let erased = erase(&row_at(-2 * DAY), time(-9)).expect("erased");
    assert_eq!(finding(&erased), Finding::Fine);
}

#[test]
fn a_held_row_is_looked_at_a_last_time() {
    let held = |age: i64| {
        let mut row = row_at(-80 * DAY);
        row.facts.conversion_time = time(-age);
        let class = IndexClass::Held("main/Purchase".to_owned());
        row.open = Some(class.entry(time(-5), time(-5), Some(WaitReason::GoalHeld)));
        row
    };
    assert_eq!(finding(&held(90 * DAY)), Finding::Fine);
    let Finding::Ended(write) = finding(&held(90 * DAY + 1)) else { panic!("ended") };
    let open = write.open.expect("due");
    assert_eq!((open.class, open.due), (IndexClass::Wait, time(0)));
}

#[test]
fn a_refused_or_dead_row_leaves_the_index_when_microsoft_takes_nothing_any_more() {
    let refused = |row: &mut Row| {
        row.observed.refusal = Some(Refusal { at: time(-DAY), reason: RefusalReason::Expired });
        row.open = Some(IndexClass::Refused.entry(time(-DAY), time(-DAY), None));
    };
    let dead = |row: &mut Row| {
        row.observed.dead_at = Some(time(-DAY));
        row.open = Some(IndexClass::Dead.entry(time(-DAY), time(-DAY), None));
    };
    let ends: [&dyn Fn(&mut Row); 2] = [&refused, &dead];
    for end in ends {
        let mut row = row_at(-89 * DAY);
        end(&mut row);
        assert_eq!(finding(&row), Finding::Fine, "a redrive may help");
        row.facts.conversion_time = time(-91 * DAY);
        let Finding::Ended(write) = finding(&row) else { panic!("ended") };
        assert_eq!(write.open, None);
        assert_eq!(finding(&write.applied_to(&row)), Finding::Fine);
    }
}
