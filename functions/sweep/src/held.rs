//! Rows that a failing check held go on by themselves once a check passes.
//!
//! They are in classes of their own, one per goal and one per account, which nobody walks while the
//! goal or the account is held: a million rows of a broken goal would otherwise be looked at again and
//! again. When the account item no longer says so, the class is emptied, whatever `due` its rows have:
//! each of them leaves it for the class `wait` and gets one signal. So does each row of a goal that
//! the mapping names no more: it is sent under its old name, and redriven if Microsoft refuses that.

use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::mapping::Account;
use tracklayer_core::time::DAY;
use tracklayer_edge::flows::held::{classes, classes_of, goals};
use tracklayer_edge::ports::{
    AccountItem, AccountItems as _, GoalChecks, LedgerError, OpenEntry, Ports,
};

use crate::context::Sweep;
use crate::due_entries::DueEntries;
use crate::signals::MAX_SIGNALS;
use crate::span::Span;
use crate::wire::Summary;

const ANY_DUE: i64 = 400 * DAY;

/// An account of the mapping and what its checks found.
pub(crate) type Known<'a> = (&'a Account, AccountItem);

impl<P: Ports> Sweep<P>
where
    P::Ledger: GoalChecks,
{
    /// Every account of the mapping with its item.
    pub(crate) async fn account_items(&self) -> Result<Vec<Known<'_>>, LedgerError> {
        let mut items = Vec::new();
        for account in self.mapping.accounts() {
            items.push((account, self.ledger.account_item(account.name()).await?));
        }
        Ok(items)
    }

    /// Signals the rows of goals and accounts that are held no more. The rest of a large class follows
    /// in the next run.
    pub async fn release_held(&self, span: &Span) -> Result<usize, LedgerError> {
        let mut summary = Summary::default();
        for (account, item) in self.account_items().await? {
            for class in released(account, &item) {
                self.release(&class, span, &mut summary).await?;
            }
        }
        Ok(summary.signalled)
    }

    async fn release(
        &self, class: &IndexClass, span: &Span, summary: &mut Summary,
    ) -> Result<(), LedgerError> {
        // Each is due again in an hour, like the others in its new class.
        let due = span.now.plus_seconds(self.policy.hour);
        let next = |entry: &OpenEntry| OpenEntry {
            class: IndexClass::Wait,
            due,
            since: due,
            ..entry.clone()
        };
        let mut pages = DueEntries::new(&self.ledger, class, span.now.plus_seconds(ANY_DUE));
        while let Some(entries) = pages.next().await? {
            if summary.signalled + entries.len() > MAX_SIGNALS || !span.has_time(&self.clock) {
                break;
            }
            self.signal_page(&entries, next, span, summary).await;
        }
        Ok(())
    }
}

/// Classes in which nothing keeps rows any more.
fn released(account: &Account, item: &AccountItem) -> Vec<IndexClass> {
    if item.held {
        return Vec::new();
    }
    let held = |goal: &&str| item.held_goals.iter().any(|held| held == goal);
    let passed = goals(account, item).into_iter().filter(|goal| !held(goal));
    classes(account, passed)
}

/// All classes in which held rows can be.
pub(crate) fn all_held(items: &[Known<'_>]) -> Vec<IndexClass> {
    items.iter().flat_map(|(account, item)| classes_of(account, item)).collect()
}

#[cfg(test)]
mod tests {
    use tracklayer_core::mapping::Mapping;
    use tracklayer_core::time::EventTime;

    use super::*;

    fn item(held: bool, held_goals: &[&str]) -> AccountItem {
        AccountItem {
            held,
            held_goals: held_goals.iter().map(ToString::to_string).collect(),
            once_held: [("Old name".to_owned(), EventTime::default())].into(),
            ..AccountItem::default()
        }
    }

    fn held(what: &str) -> IndexClass {
        IndexClass::Held(what.to_owned())
    }

    #[test]
    fn classes_are_released_once_nothing_keeps_their_rows() {
        let mapping = Mapping::sample();
        let main = mapping.account("main").expect("an account");
        let free = released(main, &item(false, &[]));
        for class in [held("main"), held("main/Purchase"), held("main/Old name")] {
            assert!(free.contains(&class), "{class}");
        }
        let kept = released(main, &item(false, &["Purchase"]));
        assert!(!kept.contains(&held("main/Purchase")));
        assert!(kept.contains(&held("main/Old name")), "of a name corrected since");
        assert_eq!(released(main, &item(true, &[])), []);
    }

    #[test]
    fn held_rows_are_counted_whatever_holds_them() {
        let mapping = Mapping::sample();
        let main = mapping.account("main").expect("an account");
        let all = all_held(&[(main, item(true, &["Purchase"]))]);
        for class in [held("main"), held("main/Purchase"), held("main/Old name")] {
            assert!(all.contains(&class), "{class}");
        }
    }
}
