//! What a message means for a row that is refused, dead, or left to its `due`.
//!
//! An operator repairs the cause and moves the dead-letter messages back to their queue; such a
//! message is new, so it was sent after the refusal. Any older one is a left-over and changes nothing;
//! so is one that is older than the moment at which the row was left to its `due`.

use crate::id::GoalName;
use crate::ledger::observed::{Refusal, RefusalReason};
use crate::ledger::row::Row;
use crate::microsoft::errors::{ErrorClass, classify};
use crate::reconcile::decide::Action;
use crate::reconcile::note::{Context, Note};
use crate::time::EventTime;

/// What to do with a message before the row is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redrive {
    /// The row is neither refused nor dead, or no redrive can change anything.
    NotNeeded,
    /// The message is older than the refusal: it becomes a dead-letter message. Or another run that has
    /// received it left the row to its `due`: it is over.
    LeftOver,
    /// The refusal is lifted; with a name, the row also takes today's goal.
    Lift(Option<GoalName>),
}

/// Reads a message that was sent at `sent_at` for `row`; `goal` is what the mapping names today for
/// the row's event.
pub fn redrive(row: &Row, sent_at: EventTime, goal: Option<&GoalName>) -> Redrive {
    if row.is_erased() {
        return Redrive::NotNeeded;
    }
    match &row.observed.refusal {
        Some(refusal) if sent_at <= refusal.at => Redrive::LeftOver,
        Some(refusal) => Redrive::Lift(renamed(row, refusal, goal)),
        // By any message: an operator may redrive within the second of the death.
        None if row.observed.dead_at.is_some() => Redrive::Lift(None),
        None if row.observed.left_at.is_some_and(|left_at| sent_at <= left_at) => Redrive::LeftOver,
        None => Redrive::NotNeeded,
    }
}

/// What the decision on `row` would be if it were redriven now, as far as the row can say; `None` if
/// a redrive means nothing for it. Only [`Action::Refuse`] makes one pointless: the row would end
/// where it is.
pub fn prospect(row: &Row, goal: Option<&GoalName>, context: &Context<'_>) -> Option<Action> {
    let Redrive::Lift(goal) = redrive(row, context.now, goal) else { return None };
    let lifted = Note::Redriven(goal).write(row, None, context).applied_to(row);
    Some(context.next(&lifted))
}

/// The new goal name, where the row may change it: never accepted, refused for its name, and no
/// attempt whose outcome is unknown – otherwise it could count under both names.
fn renamed(row: &Row, refusal: &Refusal, goal: Option<&GoalName>) -> Option<GoalName> {
    let RefusalReason::Microsoft { code, symbol } = &refusal.reason else {
        return None;
    };
    let by_name = classify(*code, symbol.as_deref()) == ErrorClass::GoalName;
    let free = row.observed.accepted.is_none() && !row.observed.may_count();
    goal.filter(|goal| by_name && free && **goal != row.facts.goal).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::observed::Kind;
    use crate::microsoft::reply::MicrosoftError;
    use crate::reconcile::decide::AccountView;
    use crate::reconcile::erasure::erase;
    use crate::reconcile::tests::{accepted, call, context, noted, row_at, time};
    use crate::time::DAY;

    fn refused_for_its_name(row: &Row) -> Row {
        let class = classify(Some(5606), None);
        let error = MicrosoftError { code: Some(5606), symbol: None, class };
        noted(row, &Note::Failed(Kind::Apply, call(), error), time(0))
    }

    fn prospect_at(row: &Row, seconds: i64) -> Option<Action> {
        let view = AccountView::default();
        prospect(row, None, &context(&view, time(seconds)))
    }

    #[test]
    fn what_microsoft_refused_or_nobody_could_deliver_can_be_sent() {
        let dead = noted(&row_at(-DAY), &Note::Dead, time(0));
        for row in [refused_for_its_name(&row_at(-DAY)), dead] {
            assert_eq!(prospect_at(&row, 1), Some(Action::Apply));
        }
        let settled = noted(&accepted(row_at(-DAY)), &Note::Dead, time(0));
        assert_eq!(prospect_at(&settled, 1), Some(Action::InSync), "its mark of death is removed");
    }

    #[test]
    fn what_is_too_old_would_end_where_it_is() {
        let row = refused_for_its_name(&row_at(-DAY));
        assert_eq!(prospect_at(&row, 90 * DAY), Some(Action::Refuse(RefusalReason::Expired)));
    }

    #[test]
    fn a_redrive_means_nothing_for_other_rows() {
        let refused = refused_for_its_name(&row_at(-DAY));
        assert_eq!(prospect_at(&refused, 0), None, "not within the second of the refusal");
        assert_eq!(prospect_at(&erase(&refused, time(1)).expect("erased"), 2), None);
        assert_eq!(prospect_at(&row_at(-DAY), 1), None);
    }
}
