//! Rows that a failing check held go on by themselves once a check passes; so do rows with hashes
//! alone once their goal takes hashes.
//!
//! They are in classes of their own, one per goal and one per account. Those of held rows are walked
//! by nobody while the goal or the account is held: a million rows of a broken goal would otherwise
//! be looked at again and again. Rows with hashes alone are looked at when due, since a click may
//! have been tied to them. When the account item no longer says so, the class is emptied, whatever
//! `due` its rows have: each of them leaves it for the class `wait` and gets one signal.

use std::collections::BTreeSet;

use tracklayer_core::{
    ledger::index::IndexClass,
    mapping::Account,
    time::{DAY, EventTime},
};
use tracklayer_edge::ports::{AccountItem, GoalChecks, LedgerError, Ports};

use crate::{
    context::Sweep,
    pages::Pages,
    signals::{MAX_SIGNALS, Step},
    span::Span,
    wire::Summary,
};

/// Further than any row waits.
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

    /// Signals the rows of goals and accounts that are held no more, and those with hashes alone whose
    /// goals take them now. The rest of a large class follows in the next run.
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
        &self,
        class: &IndexClass,
        span: &Span,
        summary: &mut Summary,
    ) -> Result<(), LedgerError> {
        let mut pages = Pages::new(&self.ledger, class, any_due(span.now));
        while let Some(entries) = pages.next().await? {
            if summary.signalled + entries.len() > MAX_SIGNALS || !span.has_time(&self.clock) {
                break;
            }
            self.signal_page(&entries, Step::Release, span, summary).await;
        }
        Ok(())
    }
}

fn any_due(now: EventTime) -> EventTime {
    now.plus_seconds(ANY_DUE)
}

/// Classes in which nothing keeps rows any more.
fn released(account: &Account, item: &AccountItem) -> Vec<IndexClass> {
    if item.held {
        return Vec::new();
    }
    let name = account.name();
    let of = |goal: &str| format!("{name}/{goal}");
    let held = |goal: &&str| item.held_goals.iter().any(|held| held == goal);
    let passed = goals(account, item).into_iter().filter(|goal| !held(goal));
    let hashed = goals(account, item).into_iter().filter(|goal| !is_plain(account, item, goal));
    std::iter::once(IndexClass::Held(name.to_string()))
        .chain(passed.map(|goal| IndexClass::Held(of(goal))))
        .chain(hashed.map(|goal| IndexClass::Plain(of(goal))))
        .collect()
}

/// Classes of rows with hashes alone that are looked at when due: of goals that take no hashes.
pub(crate) fn plain_now<'a>(items: &'a [Known<'_>]) -> impl Iterator<Item = IndexClass> + 'a {
    let usable = items.iter().filter(|(_, item)| !item.held);
    usable.flat_map(|(account, item)| {
        let plain = goals(account, item).into_iter().filter(|goal| is_plain(account, item, goal));
        plain.map(|goal| IndexClass::Plain(format!("{}/{goal}", account.name())))
    })
}

/// All classes in which rows with hashes alone can be.
pub(crate) fn plain_ever<'a>(items: &'a [Known<'_>]) -> impl Iterator<Item = IndexClass> + 'a {
    items.iter().flat_map(|(account, item)| {
        let goals = goals(account, item).into_iter();
        goals.map(|goal| IndexClass::Plain(format!("{}/{goal}", account.name())))
    })
}

/// The goals of which rows may wait: once a wrong name is corrected in the mapping no check looks at
/// it any more.
fn goals<'a>(account: &'a Account, item: &'a AccountItem) -> BTreeSet<&'a str> {
    let mapped = account.goals().map(|(_, goal)| goal.name.as_str());
    let once = item.once_held.iter().chain(&item.once_plain).map(String::as_str);
    mapped.chain(once).collect()
}

fn is_plain(account: &Account, item: &AccountItem, goal: &str) -> bool {
    item.plain_goals.iter().any(|plain| plain == goal)
        || account.plain_goals().any(|plain| plain.as_str() == goal)
}

#[cfg(test)]
mod tests {
    use tracklayer_core::mapping::Mapping;

    use super::*;

    fn item(held: bool, held_goals: &[&str], plain_goals: &[&str]) -> AccountItem {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        AccountItem {
            held,
            held_goals: names(held_goals),
            plain_goals: names(plain_goals),
            once_plain: BTreeSet::from(["Old name".to_owned()]),
            ..AccountItem::default()
        }
    }

    fn has(classes: &[IndexClass], class: &IndexClass) -> bool {
        classes.contains(class)
    }

    #[test]
    fn classes_are_released_once_nothing_keeps_their_rows() {
        let mapping = Mapping::shipped();
        let main = mapping.account("main").expect("an account");
        let held = IndexClass::Held("main/Purchase".to_owned());
        let plain = IndexClass::Plain("main/Purchase".to_owned());
        let free = released(main, &item(false, &[], &[]));
        assert!(
            has(&free, &held) && has(&free, &plain) && has(&free, &IndexClass::Held("main".into()))
        );
        assert!(
            has(&free, &IndexClass::Plain("main/Old name".to_owned())),
            "of a name corrected since"
        );
        let kept = released(main, &item(false, &["Purchase"], &["Purchase"]));
        assert!(!has(&kept, &held) && !has(&kept, &plain));
        assert_eq!(released(main, &item(true, &[], &[])), []);
    }

    #[test]
    fn hashes_alone_are_looked_at_when_due_while_their_goal_takes_none() {
        let mapping = Mapping::shipped();
        let main = mapping.account("main").expect("an account");
        let plain = IndexClass::Plain("main/Purchase".to_owned());
        let known = |held| vec![(main, item(held, &[], &["Purchase"]))];
        assert_eq!(plain_now(&known(false)).collect::<Vec<_>>(), vec![plain.clone()]);
        assert_eq!(plain_now(&known(true)).count(), 0, "not of an account that can't be used");
        assert!(has(&plain_ever(&known(true)).collect::<Vec<_>>(), &plain), "but counted");
        assert_eq!(plain_now(&[(main, item(false, &[], &[]))]).count(), 0);
    }

    #[test]
    fn the_mapping_makes_a_goal_plain_as_well() {
        let text = Mapping::SHIPPED
            .replace(r#""enhancedConversions": true"#, r#""enhancedConversions": false"#);
        let mapping = Mapping::parse(&text).expect("a mapping");
        let main = mapping.account("main").expect("an account");
        let known = vec![(main, AccountItem::default())];
        assert_eq!(plain_now(&known).count(), 3);
        assert!(
            !released(main, &known[0].1).iter().any(|class| matches!(class, IndexClass::Plain(_)))
        );
    }
}
