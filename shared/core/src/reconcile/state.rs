//! The state a row is in, in the words that operators read.

use strum::IntoStaticStr;

use crate::ledger::correction::{
    Correction, CorrectionRefusal, Effect, Folded, effects_shown, fold,
};
use crate::ledger::index::{IndexClass, Open};
use crate::ledger::observed::RefusalReason;
use crate::ledger::orphan::Orphan;
use crate::ledger::row::Row;
use crate::ledger::wait::WaitReason;
use crate::money::Money;

/// The state that `status` and the answers show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum State {
    Queued,
    /// It has a time at which it is looked at again.
    Waiting,
    Accepted,
    Restated,
    Retracted,
    /// Something of it will not reach Microsoft without a person.
    Refused,
    Dead,
}

impl State {
    /// The code that `status` shows.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The state of `row`, and the reason where there is one.
pub fn state(row: &Row) -> (State, Option<String>) {
    if row.is_erased() {
        return state_of_erased(row);
    }
    if row.observed.dead_at.is_some() {
        return (State::Dead, None);
    }
    if let Some(refusal) = &row.observed.refusal {
        return (State::Refused, Some(refusal.reason.to_string()));
    }
    if let Some(refusal) = lost_correction(row) {
        return (State::Refused, Some(refusal.as_str().to_owned()));
    }
    if let Some(open) = wait(row) {
        let reason = open
            .reason
            .or_else(|| (!row.corrections.is_empty()).then_some(WaitReason::SettleDelay));
        return (State::Waiting, reason.map(|reason| reason.as_str().to_owned()));
    }
    (at_microsoft(row), None)
}

/// The entry of a row that waits for a time. A refused or dead row waits for a person. An original
/// that was attempted is on its way, unless something has come up since: the entry it had before
/// stays only in case its message gets lost. So does that of an original which waits for nothing and
/// has no correction: a correction waits for Microsoft to show the original, even if that was not sent.
pub fn wait(row: &Row) -> Option<&Open> {
    let came_up_since = |open: &&Open| {
        matches!(open.class, IndexClass::Held(_)) || open.reason == Some(WaitReason::GoalTooRecent)
    };
    row.open
        .as_ref()
        .filter(|open| !matches!(open.class, IndexClass::Refused | IndexClass::Dead))
        .filter(|open| {
            let waits = !row.corrections.is_empty() || open.reason.is_some();
            row.observed.accepted.is_some() || waits
        })
        .filter(|open| !row.observed.may_count() || came_up_since(open))
}

/// Why no original takes this correction of the orphan any more, if none does.
pub fn refusal_in_orphan(orphan: &Orphan, correction: &Correction) -> Option<&'static str> {
    let never_came = orphan.has_ended().then_some("original_never_came");
    correction.refused.map(CorrectionRefusal::as_str).or(never_came)
}

/// The state of corrections whose original has not come, and the reason.
pub fn state_of_orphan(orphan: &Orphan) -> (State, &'static str) {
    let refusals = orphan.corrections.iter().map(|it| refusal_in_orphan(orphan, it));
    let all: Option<Vec<_>> = refusals.collect();
    match all.as_deref() {
        Some([first, ..]) => (State::Refused, first),
        _ => (State::Waiting, WaitReason::OriginalMissing.as_str()),
    }
}

/// Why the correction at this position can have no effect, if it can't.
pub fn refusal_of(row: &Row, position: usize) -> Option<CorrectionRefusal> {
    let (_, effects) = corrections(row);
    match effects.get(position) {
        Some(Effect::Refused(refusal)) => Some(*refusal),
        _ => None,
    }
}

/// What a log says of a correction that can have no effect.
pub fn without_effect(correction: &Correction, refusal: CorrectionRefusal) -> String {
    format!("{correction}: {}", refusal.as_str())
}

/// The corrections from this position on that can have no effect, as [`without_effect`].
pub fn lost_since(row: &Row, position: usize) -> Vec<String> {
    let (_, effects) = corrections(row);
    let new = row.corrections.iter().zip(effects).skip(position);
    let lost = new.filter_map(|(it, effect)| match effect {
        Effect::Refused(refusal) => Some(without_effect(it, refusal)),
        _ => None,
    });
    lost.collect()
}

/// What became of its messages doesn't matter any more, only what Microsoft has, and what it has not
/// heard of.
fn state_of_erased(row: &Row) -> (State, Option<String>) {
    let reason = if row.observed.is_doubtful() {
        RefusalReason::MayAlreadyCount
    } else if row.observed.accepted.is_none() {
        RefusalReason::IdentityErased
    } else {
        return match lost_correction(row) {
            Some(refusal) => (State::Refused, Some(refusal.as_str().to_owned())),
            None => (at_microsoft(row), None),
        };
    };
    (State::Refused, Some(reason.to_string()))
}

fn at_microsoft(row: &Row) -> State {
    match (&row.observed.accepted, &row.observed.adjusted) {
        (None, _) => State::Queued,
        (Some(_), None) => State::Accepted,
        (Some(_), Some(adjusted)) if adjusted.value.is_none() => State::Retracted,
        (Some(_), Some(_)) => State::Restated,
    }
}

/// A correction that will never reach Microsoft, of a conversion that is there. After a Retract the
/// row stays retracted: nothing of it counts any more.
fn lost_correction(row: &Row) -> Option<CorrectionRefusal> {
    row.observed.accepted.as_ref()?;
    let (_, effects) = corrections(row);
    effects.iter().find_map(|effect| match effect {
        Effect::Refused(CorrectionRefusal::AfterRetraction) => None,
        Effect::Refused(refusal) => Some(*refusal),
        _ => None,
    })
}

/// The corrections' effects as `status` shows them, and the folded net. Of an erased row those that
/// were not sent are refused, but part of the net like all others: the money is right whoever was
/// erased.
pub fn corrections(row: &Row) -> (Folded, Vec<Effect>) {
    let folded = fold(&row.account, &row.facts, &row.corrections);
    let mut effects = effects_shown(&folded, &row.observed);
    if row.is_erased() && at_microsoft(row) != State::Retracted {
        let sent = row.observed.adjusted.as_ref().map_or(0, |adjusted| adjusted.corrections);
        let unsent = effects.iter_mut().skip(sent);
        for effect in unsent.filter(|effect| **effect == Effect::Counted) {
            *effect = Effect::Refused(CorrectionRefusal::IdentityErased);
        }
    }
    (folded, effects)
}

/// What Microsoft has of the conversion, in the words of [`State`]; `unknown` if an attempt was made
/// whose end nobody knows, `None` if it has nothing.
pub fn held_by_microsoft(row: &Row) -> Option<&'static str> {
    match at_microsoft(row) {
        _ if row.observed.is_doubtful() => Some("unknown"),
        State::Queued => None,
        state => Some(state.as_str()),
    }
}

/// The value that Microsoft has; `None` before acceptance, on goals without value, after a Retract.
pub fn value_at_microsoft(row: &Row) -> Option<Money> {
    row.observed.accepted.as_ref()?;
    let original = row.facts.money?;
    match &row.observed.adjusted {
        None => Some(original),
        Some(adjusted) => adjusted.value.map(|amount| Money { amount, ..original }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::observed::Kind;
    use crate::reconcile::decide::AccountView;
    use crate::reconcile::intake::append;
    use crate::reconcile::note::Note;
    use crate::reconcile::tests::{accepted, call, context, noted, refund, row_at, time};
    use crate::time::DAY;

    fn waiting(row: &Row, reason: WaitReason) -> Row {
        noted(row, &Note::Waits(time(60), reason), time(0))
    }

    #[test]
    fn an_original_that_was_attempted_is_queued_whatever_it_waited_for_before() {
        let ahead = waiting(&row_at(-DAY), WaitReason::TimeInFuture);
        assert_eq!(state(&ahead), (State::Waiting, Some("time_in_future".to_owned())));
        let claimed = noted(&ahead, &Note::ClaimedApply, time(9));
        assert!(claimed.open.is_some(), "in case that its message gets lost");
        let unknown = noted(&claimed, &Note::Unknown(Kind::Apply, call(), None), time(10));
        for row in [claimed, unknown] {
            assert_eq!((state(&row), wait(&row)), ((State::Queued, None), None));
        }
    }

    #[test]
    fn a_correction_that_came_before_its_original_was_sent_waits_for_the_settle_delay() {
        let view = AccountView::default();
        let refunded =
            |row: &Row| append(row, refund("r", Some("2"), time(0)), &context(&view, time(0)));
        let settling = (State::Waiting, Some("settle_delay".to_owned()));
        let corrected = refunded(&row_at(-DAY));
        assert_eq!(state(&corrected), settling);
        let claimed = noted(&corrected, &Note::ClaimedApply, time(9));
        assert_eq!(state(&claimed), (State::Queued, None), "it is on its way");
        let not_taken = noted(&claimed, &Note::NotTaken(Kind::Apply, call(), None), time(10));
        assert_eq!(state(&not_taken), settling);
        let held = waiting(&row_at(-DAY), WaitReason::GoalHeld);
        assert_eq!(state(&refunded(&held)), state(&held), "it waits for what its original does");
        assert_eq!(state(&refunded(&accepted(row_at(0)))), settling);
    }

    #[test]
    fn what_has_come_up_since_the_attempt_is_shown() {
        let claimed = noted(&row_at(-DAY), &Note::ClaimedApply, time(-9));
        for reason in [WaitReason::GoalHeld, WaitReason::AccountHeld, WaitReason::GoalTooRecent] {
            let row = waiting(&claimed, reason);
            assert_eq!(state(&row), (State::Waiting, Some(reason.as_str().to_owned())));
        }
    }

    #[test]
    fn a_refused_or_dead_row_waits_for_no_time() {
        let dead = noted(&row_at(-DAY), &Note::Dead, time(0));
        let late = noted(&row_at(-DAY), &Note::Refused(RefusalReason::AcceptedElsewhere), time(0));
        for (row, name) in [(dead, "dead"), (late, "refused")] {
            assert!(row.open.is_some(), "listed to be found");
            assert_eq!((state(&row).0.as_str(), wait(&row)), (name, None));
        }
    }
}
