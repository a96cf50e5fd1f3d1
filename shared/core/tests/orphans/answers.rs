//! What whoever sends a correction is told of it.

use tracklayer_core::ledger::correction::{Change, Correction, CorrectionRefusal};
use tracklayer_core::ledger::observed::{
    Acceptance, Adjusted, Attempt, AttemptOutcome, Claim, Destination, Environment, Kind,
};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::{Amount, Currency};
use tracklayer_core::reconcile::intake::append;
use tracklayer_core::reconcile::state::{State, refusal_of, state};

use crate::support::{DAY, HOUR, after, at, original, refund};

/// Accepted, everything was taken back, and the Retract is claimed.
fn with_claimed_retract() -> Row {
    let mut row = original("purchase", 10);
    let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
    row.observed.accepted = Some(Acceptance { at: after(HOUR), by, tracking_id: None });
    row = at(DAY, |context| append(&row, refund("r1", None), context));
    row.observed.claim = Some(Claim {
        at: after(DAY + 60),
        value: None,
        adjustment_time: after(DAY + 60),
        corrections: 1,
        unanswered: false,
        after_unsettled: false,
        before: None,
    });
    row
}

/// The row after a new value of 129.95 came.
fn revived(row: &Row) -> Row {
    let change = Change {
        new_value: Some(Amount::from_json("129.95").expect("an amount")),
        currency: Some(Currency::parse("USD").expect("a currency")),
        ..Change::default()
    };
    let occurred_at = after(DAY + 90).into();
    let correction = Correction { occurred_at, change, ..refund("r2", None) };
    at(DAY + 120, |context| append(row, correction, context))
}

fn told(row: &Row) -> (State, Option<String>, Option<CorrectionRefusal>) {
    let row = revived(row);
    let (state, reason) = state(&row);
    (state, reason, refusal_of(&row, 1))
}

#[test]
fn while_a_retract_is_only_claimed_a_correction_waits() {
    let waits = Some("between_adjustments".to_owned());
    assert_eq!(told(&with_claimed_retract()), (State::Waiting, waits, None));
}

#[test]
fn once_a_retract_was_taken_or_has_no_answer_a_correction_comes_too_late() {
    let refusal = Some(CorrectionRefusal::AfterRetraction);
    let mut taken = with_claimed_retract();
    taken.observed.adjusted =
        Some(Adjusted { at: after(DAY + 61), value: None, corrections: 1, tracking_id: None });
    assert_eq!(told(&taken), (State::Retracted, None, refusal));

    let mut unanswered = with_claimed_retract();
    let claim = unanswered.observed.claim.take().expect("claimed");
    unanswered.observed.claim = Some(Claim { unanswered: true, ..claim });
    unanswered.observed.unsettled = true;
    unanswered.observed.last = Some(Attempt {
        at: after(DAY + 61),
        kind: Some(Kind::Retract),
        outcome: AttemptOutcome::Unknown,
        code: None,
        error_code: None,
        tracking_id: None,
    });
    let (state, _, lost) = told(&unanswered);
    assert_eq!((state, lost), (State::Waiting, refusal), "the Retract is sent again");
}
