//! The classes of the index in which rows are held until a check passes.

use std::collections::BTreeSet;

use tracklayer_core::{ledger::index::IndexClass, mapping::Account};

use crate::ports::AccountItem;

/// All classes in which rows of an account can be held.
pub fn classes_of(account: &Account, item: &AccountItem) -> Vec<IndexClass> {
    classes(account, goals(account, item).into_iter())
}

/// The class of the account and those of these goals.
pub fn classes<'a>(account: &Account, goals: impl Iterator<Item = &'a str>) -> Vec<IndexClass> {
    let name = account.name();
    let of_goals = goals.map(|goal| IndexClass::Held(format!("{name}/{goal}")));
    std::iter::once(IndexClass::Held(name.to_string())).chain(of_goals).collect()
}

/// The goals of which rows may wait: once a wrong name is corrected in the mapping no check looks at
/// it any more, but its rows may still be in its class.
pub fn goals<'a>(account: &'a Account, item: &'a AccountItem) -> BTreeSet<&'a str> {
    let mapped = account.goals().map(|(_, goal)| goal.name.as_str());
    mapped.chain(item.once_held.keys().map(String::as_str)).collect()
}
