//! Which of the open rows are meant.

use clap::{Args, ValueEnum};
use tracklayer_core::{id::AccountName, ledger::index::IndexClass};
use tracklayer_edge::ports::OpenEntry;

/// Which of the open rows are meant. Its comments are part of `--help`.
#[derive(Clone, Debug, Default, Args)]
pub struct Filter {
    /// Only these; may be repeated
    #[arg(long, value_enum)]
    pub class: Vec<Class>,

    /// Only those with this reason, or with this word of it: 5606, no_click
    #[arg(long)]
    pub reason: Option<String>,

    /// Only those of this account
    #[arg(long)]
    pub account: Option<AccountName>,

    /// Only those of the goal with this name at Microsoft
    #[arg(long)]
    pub goal: Option<String>,
}

/// The classes of open rows, as people name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Class {
    /// The queue gave them up after three hours of trouble
    Dead,
    /// Microsoft or a rule refused them
    Refused,
    /// A check found fault with their goal or account
    Held,
    /// They wait for a time
    Wait,
    /// Nobody is recognised yet: a click is looked for
    Look,
    /// Corrections whose original has not come
    Orphan,
}

impl Filter {
    /// Whether anything of this class can be meant.
    pub fn takes_class(&self, class: &IndexClass) -> bool {
        let class = Class::of(class);
        self.class.is_empty() || class.is_some_and(|class| self.class.contains(&class))
    }

    /// Whether the index already says that this one is not meant.
    pub fn takes_entry(&self, entry: &OpenEntry) -> bool {
        let account = self.account.as_ref();
        let is_of = account.is_none_or(|it| entry.account.as_deref() == Some(it.as_str()));
        is_of && self.goal.as_ref().is_none_or(|goal| entry.goal.as_ref() == Some(goal))
    }

    /// Whether one with this reason is meant.
    pub fn takes_reason(&self, reason: &str) -> bool {
        let Some(wanted) = self.reason.as_deref() else { return true };
        reason == wanted || reason.split(' ').any(|word| word == wanted)
    }
}

impl Class {
    /// The class that the index has.
    pub fn of(class: &IndexClass) -> Option<Self> {
        match class {
            IndexClass::Dead => Some(Class::Dead),
            IndexClass::Refused => Some(Class::Refused),
            IndexClass::Held(_) => Some(Class::Held),
            IndexClass::Wait => Some(Class::Wait),
            IndexClass::Look => Some(Class::Look),
            IndexClass::Orphan => Some(Class::Orphan),
            IndexClass::Other => None,
        }
    }

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Dead => "dead",
            Class::Refused => "refused",
            Class::Held => "held",
            Class::Wait => "wait",
            Class::Look => "look",
            Class::Orphan => "orphan",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_named_whole_or_by_a_word_of_it() {
        let takes = |wanted: &str, reason: &str| {
            let filter = Filter { reason: Some(wanted.to_owned()), ..Filter::default() };
            filter.takes_reason(reason)
        };
        let name = "microsoft 5606 OfflineConversionNameInvalid";
        for wanted in [name, "5606", "OfflineConversionNameInvalid", "microsoft"] {
            assert!(takes(wanted, name), "{wanted}");
        }
        assert!(!takes("560", name) && !takes("no_click", name));
        assert!(Filter::default().takes_reason("anything"));
    }
}
