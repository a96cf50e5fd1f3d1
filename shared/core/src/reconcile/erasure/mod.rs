//! The erasure of a person: which rows are meant, and what is left of one.
//!
//! Left is the money: goal, times, value, corrections, and what is known of Microsoft. Gone are the
//! click id and the hashes, as one tuple, the records by which the person is known, and the
//! fingerprint, against which guesses at the person could be tried. Without its identity a row can't
//! be named to Microsoft any more: nothing of it is sent again, and corrections of it are refused.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use crate::id::{AccountName, RecordId, Source};
use crate::ledger::facts::{Facts, References};
use crate::ledger::row::Row;
use crate::person::identity::{Identity, Sha256Hash};
use crate::reconcile::attribution::TieKind;
use crate::time::EventTime;

mod trace;

pub use trace::Trace;

#[cfg(test)]
mod tests;

/// What an erased row has in place of its fingerprint.
const NO_FINGERPRINT: &str = "erased";

/// By what a person is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, SerializeDisplay, DeserializeFromStr)]
pub enum Person {
    /// The visitor's session, or the cookie's value.
    Session(RecordId),
    Record(TieKind, RecordId),
    /// The hash of an e-mail address, as events bring or get it.
    Email(Sha256Hash),
}

impl Person {
    /// The person of this kind and value, as [`Person::kind`] and [`Person::value`] give them.
    pub fn parse(kind: &str, value: &str) -> Option<Self> {
        Some(match kind {
            "session" => Person::Session(value.parse().ok()?),
            "email" => Person::Email(Sha256Hash::parse(value).ok()?),
            record => Person::Record(record.parse().ok()?, value.parse().ok()?),
        })
    }

    /// What kind of name it is; for logs, too.
    pub fn kind(&self) -> &'static str {
        match self {
            Person::Session(_) => "session",
            Person::Record(kind, _) => kind.as_str(),
            Person::Email(_) => "email",
        }
    }

    /// The id or hash. Personal: never for logs.
    pub fn value(&self) -> String {
        match self {
            Person::Session(id) | Person::Record(_, id) => id.to_string(),
            Person::Email(hash) => hash.hex(),
        }
    }

    /// Whether `facts` are this person's.
    pub fn is_in(&self, facts: &Facts) -> bool {
        match self {
            Person::Session(id) => visitors(facts).any(|visitor| visitor == id),
            Person::Record(kind, id) => kind.id_in(&facts.references) == Some(id),
            Person::Email(hash) => facts.identity.email.as_ref() == Some(hash),
        }
    }
}

/// As it is stored. Personal: never for logs.
impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.value())
    }
}

impl FromStr for Person {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let (kind, value) = text.split_once(' ').ok_or(UnknownName)?;
        Person::parse(kind, value).ok_or(UnknownName)
    }
}

/// Not by what a person is known, nor where one's clicks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("names no person")]
pub struct UnknownName;

/// By whatever `facts` know the person, except the hashes: where else the person's traces are.
pub fn persons(facts: &Facts) -> Vec<Person> {
    let sessions = visitors(facts).cloned().map(Person::Session);
    let record = |kind: TieKind| Some(Person::Record(kind, kind.id_in(&facts.references)?.clone()));
    sessions.chain(TieKind::ALL.into_iter().filter_map(record)).collect()
}

/// The references by which `facts` know the visitor.
fn visitors(facts: &Facts) -> impl Iterator<Item = &RecordId> {
    let credited = facts.click.as_ref().and_then(|click| click.reference.as_ref());
    facts.references.session.iter().chain(credited)
}

/// For which sources and accounts somebody may speak; `*` is all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    pub sources: Vec<String>,
    pub accounts: Vec<String>,
}

impl Scope {
    /// Whether `source` is among them.
    pub fn covers_source(&self, source: &Source) -> bool {
        covers(&self.sources, source.as_str())
    }

    /// Whether `account` is among them.
    pub fn covers_account(&self, account: &AccountName) -> bool {
        covers(&self.accounts, account.as_str())
    }
}

fn covers(list: &[String], name: &str) -> bool {
    list.iter().any(|entry| entry == "*" || entry == name)
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Erasure {
    pub person: Person,
    /// The rows that whoever asks for it may touch.
    pub scope: Scope,
    /// The name of the key that asks for it.
    pub by: String,
    /// When it was last asked for. What the person does after that is left alone.
    pub asked_at: EventTime,
    /// The sessions and cookies' values that were tied to the person's record, and the cookies'
    /// values of the person's browsers: rows of these visitors are the person's, too, though they
    /// don't name the record or the session.
    #[serde(rename = "tiedTo")]
    pub references: BTreeSet<RecordId>,
}

impl Erasure {
    /// Whether `row` is to be erased; false once it is.
    pub fn means(&self, row: &Row) -> bool {
        let scope = &self.scope;
        let is_in = |facts: &Facts| {
            self.person.is_in(facts) || visitors(facts).any(|id| self.references.contains(id))
        };
        is_in(&row.facts)
            && self.is_from_before(row)
            && scope.covers_source(&row.key.source)
            && scope.covers_account(&row.account)
    }

    /// Whether a row that can't be read may be meant: `texts` are its attributes.
    pub fn may_mean(&self, texts: &BTreeSet<String>) -> bool {
        let named = |id: &RecordId| texts.contains(id.as_str());
        texts.contains(&self.person.value()) || self.references.iter().any(named)
    }

    /// Whether `row` is about something that was over, or known, when it was last asked for: a later
    /// sale of the same person needs its identity, or a refund of it could not be sent.
    fn is_from_before(&self, row: &Row) -> bool {
        row.facts.occurred_at <= self.asked_at || row.recorded_at <= self.asked_at
    }
}

/// `row` without its person, and out of the index: nothing drives it any more. `None` if there is
/// nothing to erase.
pub fn erase(row: &Row, now: EventTime) -> Option<Row> {
    if row.is_erased() {
        return None;
    }
    let facts = Facts {
        fingerprint: NO_FINGERPRINT.to_owned(),
        identity: Identity::default(),
        click: None,
        order: None,
        references: References::default(),
        refused_clicks: Vec::new(),
        erased_at: Some(now),
        ..row.facts.clone()
    };
    let desired_revision = row.desired_revision + 1;
    Some(Row { facts, desired_revision, open: None, ..row.clone() })
}
