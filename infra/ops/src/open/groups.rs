//! What is open, by class, reason, goal and account.

use std::collections::BTreeMap;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use tracklayer_core::time::TextTime;

use crate::backlog::{Class, OpenRow, Sums};

/// Open rows that have class, reason, account and goal in common.
#[derive(Debug, Serialize)]
pub struct Group {
    /// The class of the index.
    pub class: &'static str,
    /// In the words of `status`.
    pub reason: String,
    /// The account, if one is known.
    pub account: Option<String>,
    /// The goal's name at Microsoft.
    pub goal: Option<String>,
    /// How many they are.
    pub rows: usize,
    /// Their original values.
    pub money: Sums,
    /// Since when the oldest of them is open.
    pub oldest: TextTime,
    /// When the first of them is looked at.
    pub next: TextTime,
}

impl Group {
    /// Whether nothing happens to them until a person does something.
    pub fn needs_somebody(&self) -> bool {
        self.class == Class::Refused.as_str() || self.class == Class::Dead.as_str()
    }

    /// The class in its colour.
    pub fn coloured_class(&self) -> String {
        if self.needs_somebody() {
            self.class.red().bold().to_string()
        } else {
            self.class.yellow().to_string()
        }
    }
}

/// The class of an open row, in a word.
pub fn class(open: &OpenRow) -> &'static str {
    Class::of(&open.entry.class).map_or("other", Class::as_str)
}

/// What open rows have in common, added up row by row.
#[derive(Debug, Default)]
pub struct Groups(BTreeMap<Key, Group>);

/// Class, reason, account and goal.
type Key = (&'static str, String, Option<String>, Option<String>);

impl Groups {
    /// Adds a row.
    pub fn add(&mut self, open: &OpenRow) {
        let entry = &open.entry;
        let key = (class(open), open.reason.clone(), entry.account.clone(), entry.goal.clone());
        let group = self.0.entry(key).or_insert_with_key(|(class, reason, account, goal)| Group {
            class,
            reason: reason.clone(),
            account: account.clone(),
            goal: goal.clone(),
            rows: 0,
            money: Sums::default(),
            oldest: entry.since.into(),
            next: entry.due.into(),
        });
        group.rows += 1;
        group.money.add(entry.money);
        group.oldest = group.oldest.min(entry.since.into());
        group.next = group.next.min(entry.due.into());
    }

    /// The group with the oldest row first.
    pub fn oldest_first(self) -> Vec<Group> {
        let mut groups: Vec<Group> = self.0.into_values().collect();
        groups.sort_by_key(|group| group.oldest);
        groups
    }
}
