//! The oracle can fail: every deliberate mistake is found within a few hundred histories.

use simulation::{Mutation, Plan, run};

/// The first seed that finds the mistake, and the rule it breaks.
fn found(mutation: Mutation, seeds: u64) -> Option<(u64, &'static str)> {
    (0..seeds).find_map(|seed| {
        let plan = Plan { mutation: Some(mutation), ..Plan::new(seed) };
        run(plan, false).violations.first().map(|violation| (seed, violation.rule))
    })
}

/// Two runs that find the claim of a dead one at the same time are rare.
#[test]
fn an_order_that_is_taken_over_twice() {
    let violations = |seed: u64, mutation: Option<Mutation>| {
        run(Plan { mutation, ..Plan::contended(seed) }, false).violations
    };
    let found = (0..2_000).find_map(|seed| {
        assert_eq!(violations(seed, None), [], "seed {seed}");
        violations(seed, Some(Mutation::OrderTakenAnyhow)).pop()
    });
    assert_eq!(found.expect("found").rule, "one order, one conversion");
}

/// One run leaves a row to its `due`, which another run with the same message then sends in vain: it
/// has read the row before, or it reads it afterwards.
#[test]
fn a_wait_that_another_run_does_not_see() {
    let violations = |mutation| run(Plan { mutation, ..Plan::new(9_111_241) }, false).violations;
    assert_eq!(violations(None), []);
    for mistake in [Mutation::WaitUnseen, Mutation::LeftOverSent] {
        let found = violations(Some(mistake)).pop();
        assert_eq!(found.expect("found").rule, "dead letters are what can be repaired");
    }
}

macro_rules! finds {
    ($($name:ident: $mutation:ident,)*) => {$(
        #[test]
        fn $name() {
            let found = found(Mutation::$mutation, 500);
            println!("{:?}: {found:?}", Mutation::$mutation);
            assert!(found.is_some());
        }
    )*};
}

finds! {
    one_revision_instead_of_two: OneRevision,
    outcomes_by_position: ByPosition,
    seconds_that_nobody_claims: NoKeyClaim,
    orders_that_nobody_claims: NoOrderClaim,
    corrections_left_under_the_id_of_another_notice: NoticeCorrectionsLeft,
    a_notice_that_adds_nothing: NoticeUnread,
    a_number_that_came_too_late_and_adds_its_click: LateNumberJoins,
    originals_without_a_claim: ApplyUnclaimed,
    adjustments_without_a_claim: NoClaim,
    a_claim_that_keeps_nobody_away: ClaimIgnored,
    a_message_deleted_that_another_run_needs: SharedDeleted,
    an_identity_that_changes_after_a_claim: IdentityChanged,
    an_unknown_outcome_taken_for_not_taken: UnknownIsNotTaken,
    what_was_not_taken_taken_for_accepted: NotTakenIsTaken,
    a_lost_answer_taken_for_accepted: LostIsAccepted,
    an_accepted_outcome_dropped: AcceptedDropped,
    a_folded_first_value: FoldedFirstValue,
    claims_without_spacing: NoSpacing,
    no_settle_delay: NoSettleDelay,
    a_correction_later_than_90_days_after_its_click: ClickAgeIgnored,
    a_claimed_retract_forgotten: RetractForgotten,
    a_due_that_is_not_written: NoDue,
    an_orphan_that_nobody_gathers: OrphanForgotten,
    corrections_ordered_by_seconds: MillisecondsDropped,
    a_failed_look_that_is_left_to_the_next_one: LookLost,
    a_death_that_nobody_writes_down: DeadUnwritten,
    a_correction_lost_when_it_moves: CorrectionLost,
    corrections_that_wait_for_a_row_without_room: TooManyWaiting,
    a_click_that_is_gone_and_still_credited: ClickGoneUnseen,
    a_sale_that_is_earlier_than_its_click: EarlierThanClick,
    a_refused_click_that_is_credited_again: RefusedClickAgain,
    a_person_who_is_not_taken_out: EndUnwritten,
    a_person_who_is_taken_out_and_not_named: EndUnnamed,
    an_ended_row_that_is_sent_all_the_same: EndUnseen,
    a_hold_that_is_ignored: HoldIgnored,
    held_rows_that_nobody_releases: HeldForgotten,
    held_rows_of_a_name_that_was_corrected: OldNameForgotten,
    one_account_for_all: OneAccount,
    accepted_elsewhere_passes_for_here: ElsewhereIsHere,
    an_unanswered_original_is_sent_elsewhere: SentToForgotten,
    accepted_elsewhere_is_forgotten: ElsewhereForgotten,
}
