//! What is written of what was learned.

use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::observed::RefusalReason::*;
use tracklayer_core::ledger::observed::{
    Adjusted, Adjustment, AttemptOutcome, Claim, Kind, Postponed, Refusal,
};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::errors::ErrorClass;
use tracklayer_core::microsoft::reply::MicrosoftError;
use tracklayer_core::reconcile::decide::Action;
use tracklayer_core::reconcile::note::Note;

use crate::support::*;

/// Half a day and a bit after acceptance.
pub const LATER: i64 = 15 * HOUR;
const QUARTER: i64 = 15 * 60;

fn error(code: i64, class: ErrorClass) -> MicrosoftError {
    MicrosoftError { code: Some(code), symbol: Some("Symbol".to_owned()), class }
}

fn bad_name() -> MicrosoftError {
    error(5606, ErrorClass::GoalName)
}

pub fn too_old() -> MicrosoftError {
    error(5623, ErrorClass::Final)
}

fn too_late() -> Note {
    Note::ClickRefused(mark(), error(5616, ErrorClass::Click))
}

fn soon(seconds: i64) -> Postponed {
    Postponed { until: after(seconds), reason: WaitReason::GoalTooRecent }
}

fn postponed(kind: Kind) -> Note {
    Note::Postponed(kind, mark(), error(5615, ErrorClass::Unknown), soon(DAY))
}

fn untaken(kind: Kind) -> Note {
    Note::NotTaken(kind, mark(), Some(error(106, ErrorClass::Account)))
}

pub fn unknown(kind: Kind) -> Note {
    Note::Unknown(kind, mark(), None)
}

/// The row after this note at this time.
pub fn noted(row: &Row, note: &Note, seconds: i64) -> Row {
    found(row, note, None, seconds)
}

/// The row after this note that comes with these facts.
fn found(row: &Row, note: &Note, found: Option<&Facts>, seconds: i64) -> Row {
    let write = note.write(row, found, &Bench::new().context(after(seconds)));
    let mut row = row.clone();
    assert!(carry_out(&mut row, &write));
    row
}

pub fn class(row: &Row) -> Option<IndexClass> {
    row.open.as_ref().map(|open| open.class.clone())
}

fn due(row: &Row) -> Option<i64> {
    row.open.as_ref().map(|open| open.due.seconds_since(sold()))
}

pub fn restate(text: &str) -> Note {
    Note::ClaimedAdjustment(Adjustment::Restate(usd(text)), after(LATER))
}

pub fn retract() -> Note {
    Note::ClaimedAdjustment(Adjustment::Retract, after(LATER))
}

/// A row with a refund of 30, its Restate claimed.
pub fn claimed_row() -> Row {
    noted(&accepted_row(vec![refund("r1", 60, "30")]), &restate("99.95"), LATER)
}

/// A row whose original is claimed.
pub fn applying_row() -> Row {
    noted(&row(), &Note::ClaimedApply, HOUR)
}

pub fn refused_row() -> Row {
    noted(&applying_row(), &Note::Failed(Kind::Apply, mark(), bad_name()), 2 * HOUR)
}

/// The notes that are made of such a row before it is sent.
pub fn plans() -> Vec<Note> {
    vec![
        Note::Waits(after(DAY), WaitReason::NoClick),
        Note::InSync,
        Note::ClaimedApply,
        restate("99.95"),
        retract(),
        Note::Refused(Expired),
    ]
}

/// All that a call may end in.
pub fn outcomes(kind: Kind) -> Vec<Note> {
    let mut notes = vec![
        Note::Accepted(kind, mark()),
        Note::Failed(kind, mark(), bad_name()),
        postponed(kind),
        unknown(kind),
        untaken(kind),
    ];
    notes.extend(Some(too_late()).filter(|_| kind == Kind::Apply));
    notes
}

#[test]
fn a_first_write_relies_on_both_revisions_and_raises_only_what_it_changed() {
    let renamed = Note::Redriven(Some(id("Purchases")));
    let others = [Note::Redriven(None), renamed, Note::Dead, Note::Left];
    let all = [Kind::Apply, Kind::Restate, Kind::Retract].into_iter().flat_map(outcomes);
    for note in all.chain(plans()).chain(others) {
        let row = claimed_row();
        let write = note.write(&row, None, &Bench::new().context(after(LATER)));
        let revisions = (row.observed_revision, row.desired_revision);
        assert_eq!((write.if_observed, write.if_desired), revisions);
        let plan = note == Note::InSync;
        assert_eq!(write.observed.is_none(), plan, "{note:?}");
        let changes = matches!(note, Note::Redriven(Some(_)) | Note::ClickRefused(..));
        assert_eq!(write.facts.is_some(), changes, "{note:?}");
        let after = write.applied_to(&row);
        let raised = (revisions.0 + u64::from(!plan), revisions.1 + u64::from(changes));
        assert_eq!((after.observed_revision, after.desired_revision), raised, "{note:?}");
    }
}

#[test]
fn a_row_leaves_the_index_when_it_is_in_sync_and_the_looks_when_its_found_click_is_claimed() {
    let row = noted(&row_of(nobody()), &Note::Waits(after(DAY), WaitReason::NoClick), 0);
    assert_eq!((class(&row), due(&row)), (Some(IndexClass::Look), Some(DAY)));
    let in_sync = noted(&row, &Note::InSync, 60);
    assert_eq!((in_sync.open, in_sync.observed_revision), (None, row.observed_revision));
    let claimed = noted(&row, &Note::ClaimedApply, 60);
    // Its message may be gone: another run that has received it found no click yet.
    assert_eq!((class(&claimed), due(&claimed)), (Some(IndexClass::Wait), Some(60 + HOUR)));
    assert_eq!(claimed.observed_revision, row.observed_revision + 1);
}

#[test]
fn each_wait_is_in_a_class_of_its_own_and_counts_from_a_moment_that_stays() {
    let waits =
        |row: &Row, reason, now: i64| noted(row, &Note::Waits(after(now + DAY), reason), now);
    let held = |name: &str| IndexClass::Held(name.to_owned());
    for (reason, expected) in [
        (WaitReason::AccountHeld, held("main")),
        (WaitReason::GoalHeld, held("main/Purchase")),
        (WaitReason::NoClick, IndexClass::Look),
        (WaitReason::AmbiguousClick, IndexClass::Look),
        (WaitReason::SettleDelay, IndexClass::Wait),
        (WaitReason::GoalTooRecent, IndexClass::Wait),
    ] {
        let once = waits(&row(), reason, 5);
        let again = waits(&once, reason, 500);
        assert_eq!(class(&again), Some(expected.clone()), "{reason:?}");
        let since = match expected {
            IndexClass::Look => sold(),
            IndexClass::Held(_) => after(5),
            _ => after(DAY + 500),
        };
        assert_eq!(again.open.expect("an entry").since, since, "{reason:?}");
    }
}

// --- claims

#[test]
fn a_claim_of_an_original_fixes_what_was_found_with_the_same_write() {
    let waiting = noted(&row_of(nobody()), &Note::Waits(after(DAY), WaitReason::NoClick), 0);
    let claimed = found(&waiting, &Note::ClaimedApply, Some(&facts()), HOUR);
    assert_eq!((&claimed.facts, claimed.observed.applying), (&facts(), Some(after(HOUR))));
    assert_eq!(claimed.desired_revision, waiting.desired_revision + 1);
    assert_eq!((class(&claimed), due(&claimed)), (Some(IndexClass::Wait), Some(2 * HOUR)));
    // What it waited for otherwise brings it back if the run dies.
    let corrected = Row { open: open(IndexClass::Wait, DAY, None), ..row() };
    let claimed = noted(&corrected, &Note::ClaimedApply, HOUR);
    assert_eq!((&claimed.facts, &claimed.open), (&row().facts, &corrected.open));
    assert_eq!(claimed.desired_revision, corrected.desired_revision);
}

#[test]
fn a_claim_without_outcome_is_noted_as_unknown_by_the_next_one_until_the_row_is_accepted() {
    let first = applying_row();
    assert!(!first.observed.apply_unknown && first.observed.may_count());
    let second = noted(&first, &Note::ClaimedApply, 2 * HOUR);
    assert_eq!(
        (second.observed.apply_unknown, second.observed.applying),
        (true, Some(after(2 * HOUR)))
    );
    let untaken = noted(&second, &untaken(Kind::Apply), 2 * HOUR);
    assert_eq!((untaken.observed.applying, untaken.observed.may_count()), (None, true));
    let accepted = noted(&second, &Note::Accepted(Kind::Apply, mark()), 2 * HOUR);
    assert_eq!((accepted.observed.applying, accepted.observed.apply_unknown), (None, false));
}

#[test]
fn a_claim_of_an_adjustment_records_what_is_about_to_be_sent() {
    let row = claimed_row();
    let claim = Claim {
        at: after(LATER),
        value: Some(amount("99.95")),
        adjustment_time: after(LATER),
        corrections: 1,
        unanswered: false,
        after_unsettled: false,
        before: None,
    };
    assert_eq!(row.observed.claim, Some(claim));
    assert!(row.observed.unsettled, "until its outcome is known");
    assert_eq!(row.observed.tries, 1);
}

#[test]
fn repeated_retracts_remember_the_corrections_that_the_first_one_knew() {
    let mut row = noted(&accepted_row(vec![full("f", 70)]), &retract(), LATER);
    row.corrections.push(restatement("n", 80, "50"));
    let again = noted(&row, &retract(), LATER + 13 * HOUR);
    assert_eq!(again.observed.claim.as_ref().expect("a claim").corrections, 1);
    let taken = noted(&again, &Note::Accepted(Kind::Retract, mark()), LATER + 13 * HOUR);
    assert_eq!(taken.observed.adjusted.expect("adjusted").corrections, 1);
}

#[test]
fn a_claim_keeps_the_entry_that_brings_the_row_back_if_the_run_dies() {
    let row = accepted_row(vec![refund("r1", 60, "30")]);
    let row = noted(&row, &Note::Waits(after(14 * HOUR), WaitReason::SettleDelay), 3 * HOUR);
    assert_eq!(noted(&row, &restate("99.95"), LATER).open, row.open);
}

// --- outcomes

#[test]
fn an_accepted_original_is_in_sync_or_waits_for_its_correction() {
    let taken = Note::Accepted(Kind::Apply, mark());
    let row = noted(&applying_row(), &taken, 2 * HOUR);
    let accepted = row.observed.accepted.as_ref().expect("accepted");
    assert_eq!((accepted.at, &accepted.by), (after(2 * HOUR), &production()));
    assert_eq!(accepted.tracking_id.as_deref(), Some("t-1"));
    assert_eq!((&row.open, row.observed.attempts), (&None, 1));
    let mut early = applying_row();
    early.corrections.push(refund("r1", 60, "30"));
    let early = noted(&early, &taken, 2 * HOUR);
    assert_eq!((class(&early), due(&early)), (Some(IndexClass::Wait), Some(14 * HOUR)));
}

#[test]
fn an_acceptance_removes_refusal_death_postponement_and_doubt_of_the_original() {
    let mut row = refused_row();
    row.observed.dead_at = Some(after(1));
    row.observed.apply_unknown = true;
    row.observed.postponed = Some(soon(DAY));
    let row = noted(&row, &Note::Accepted(Kind::Apply, mark()), 3 * HOUR);
    let known = &row.observed;
    assert_eq!((&known.refusal, known.dead_at, known.postponed), (&None, None, None));
    assert!(!known.apply_unknown);
    assert_eq!(row.open, None);
}

#[test]
fn a_second_acceptance_keeps_the_first_and_the_refusal_of_an_adjustment() {
    let refused = noted(&claimed_row(), &Note::Failed(Kind::Restate, mark(), too_old()), LATER);
    let row = noted(&refused, &Note::Accepted(Kind::Apply, mark()), LATER + 5);
    assert_eq!(row.observed.accepted, refused.observed.accepted);
    assert_eq!(row.observed.refusal, refused.observed.refusal);
    // In the class "wait" it would be signalled, and the signal would pass for a redrive.
    assert_eq!((class(&row), due(&row)), (Some(IndexClass::Refused), Some(LATER)));
}

#[test]
fn a_taken_adjustment_stands_and_settles() {
    let row = noted(&claimed_row(), &Note::Accepted(Kind::Restate, mark()), LATER + 2);
    let adjusted = Adjusted {
        at: after(LATER + 2),
        value: Some(amount("99.95")),
        corrections: 1,
        tracking_id: Some("t-1".to_owned()),
    };
    assert_eq!(row.observed.adjusted, Some(adjusted));
    assert_eq!((row.observed.unsettled, row.observed.tries), (false, 0));
    assert_eq!(row.open, None);
}

#[test]
fn a_refusal_is_in_the_class_refused_unless_no_redrive_could_help() {
    let row = refused_row();
    let reason = Microsoft { code: Some(5606), symbol: Some("Symbol".to_owned()) };
    assert_eq!(row.observed.refusal, Some(Refusal { at: after(2 * HOUR), reason }));
    assert_eq!(class(&row), Some(IndexClass::Refused));
    let last = row.observed.last.as_ref().expect("an attempt");
    let expected = (Some(Kind::Apply), AttemptOutcome::Refused, Some(5606));
    assert_eq!((last.kind, last.outcome, last.code), expected);
    let ends = [Unmatched, Expired, TooOldForMicrosoft, IdentityErased, MayAlreadyCount];
    for reason in ends.into_iter().chain([AcceptedElsewhere]) {
        let row = noted(&crate::support::row(), &Note::Refused(reason.clone()), 91 * DAY);
        let listed = (reason == AcceptedElsewhere).then_some(IndexClass::Refused);
        assert_eq!((class(&row), row.observed.attempts), (listed, 0), "{reason:?}");
    }
}

#[test]
fn an_unknown_original_is_marked_and_left_to_its_message() {
    let row = noted(&applying_row(), &unknown(Kind::Apply), HOUR);
    assert_eq!((row.observed.apply_unknown, row.observed.unsettled), (true, false));
    assert_eq!((row.observed.applying, row.open, row.observed.attempts), (None, None, 1));
    let late = noted(&accepted_row(Vec::new()), &unknown(Kind::Apply), DAY);
    assert!(!late.observed.apply_unknown, "it is accepted, there is no doubt");
}

#[test]
fn an_unknown_adjustment_is_due_when_the_next_may_be_claimed() {
    let row = noted(&claimed_row(), &unknown(Kind::Restate), LATER + 60);
    assert!(row.observed.unsettled);
    let reason = row.open.as_ref().expect("due").reason;
    assert_eq!(reason, Some(WaitReason::RepeatAfterUnknown));
    assert_eq!(due(&row), Some(LATER + Bench::new().policy.spacing()));
}

#[test]
fn an_adjustment_that_was_not_taken_is_due_again_in_a_quarter_of_an_hour() {
    let row = noted(&claimed_row(), &untaken(Kind::Restate), LATER + 60);
    assert_eq!((row.observed.unsettled, &row.observed.claim), (false, &None));
    assert_eq!((due(&row), class(&row)), (Some(LATER + 60 + QUARTER), Some(IndexClass::Wait)));
    let reason = row.open.as_ref().and_then(|open| open.reason);
    assert_eq!(reason, Some(WaitReason::BetweenAdjustments));
    let last = row.observed.last.as_ref().expect("an attempt");
    assert_eq!((last.outcome, last.code), (AttemptOutcome::Refused, Some(106)));
    assert_eq!(row.observed.tries, 1, "it may be what spoils its calls");
    // A connection that never stood is no attempt.
    let row = noted(&claimed_row(), &Note::NotTaken(Kind::Restate, mark(), None), LATER + 60);
    assert_eq!((row.observed.attempts, due(&row)), (0, Some(LATER + 60 + QUARTER)));
}

#[test]
fn what_microsoft_wants_later_is_due_later() {
    let row = noted(&applying_row(), &postponed(Kind::Apply), 2 * HOUR);
    assert_eq!((class(&row), due(&row)), (Some(IndexClass::Wait), Some(DAY)));
    assert_eq!((&row.observed.refusal, row.observed.may_count()), (&None, false));
    assert_eq!(row.observed.last.as_ref().expect("an attempt").code, Some(5615));
}

#[test]
fn a_click_that_is_later_than_the_sale_goes_for_good_and_nothing_else() {
    let row = noted(&applying_row(), &too_late(), 2 * HOUR);
    let refused = facts().identity.click_id.expect("a click id");
    assert_eq!((row.facts.click_id(), &row.facts.refused_clicks), (None, &vec![refused]));
    assert_eq!(row.observed.last.as_ref().expect("an attempt").code, Some(5616));
    let next = Bench::new().context(after(2 * HOUR)).next(&row);
    assert_eq!(next, Action::WaitUntil(after(6 * HOUR), WaitReason::NoClick));
    let twice = noted(&row, &too_late(), 3 * HOUR);
    assert_eq!(twice.facts, row.facts);
}

// --- redrives and deaths

#[test]
fn a_redriven_row_is_decided_under_its_new_goal() {
    let redriven = Note::Redriven(Some(id("Purchases")));
    let row = noted(&refused_row(), &redriven, DAY);
    assert_eq!(row.facts.goal.as_str(), "Purchases");
    assert_eq!((&row.observed.refusal, class(&row)), (&None, None));
    // The goal it had is held, as its name is unknown at Microsoft; the new one is not.
    let mut bench = Bench::new();
    bench.account.held_goals = vec![id("Purchase")];
    let write = redriven.write(&refused_row(), None, &bench.context(after(DAY)));
    assert_eq!(write.open, None);
}

#[test]
fn a_redriven_dead_row_is_alive() {
    let dead = noted(&row(), &Note::Dead, DAY);
    assert_eq!((class(&dead), dead.observed.dead_at), (Some(IndexClass::Dead), Some(after(DAY))));
    let lifted = noted(&dead, &Note::Redriven(None), 2 * DAY);
    assert_eq!((class(&lifted), lifted.observed.dead_at), (None, None));
}

#[test]
fn an_outcome_that_comes_late_does_not_wake_a_dead_or_refused_row() {
    for rest in [Note::Dead, Note::Failed(Kind::Restate, mark(), too_old())] {
        let resting = noted(&claimed_row(), &rest, LATER);
        let row = noted(&resting, &unknown(Kind::Restate), LATER + 9);
        assert_eq!((class(&row), due(&row)), (class(&resting), due(&resting)), "{rest:?}");
        assert!(row.observed.unsettled);
    }
}
