//! What is left of a person among clicks and ties, as a list of work.
//!
//! An erasure keeps the list with its request: whoever has the time works it off, and what a run
//! leaves the next one finds.

use std::fmt;
use std::str::FromStr;

use serde_with::{DeserializeFromStr, SerializeDisplay};

use super::{Person, UnknownName, persons};
use crate::{id::RecordId, ledger::facts::Facts};

/// Clicks or ties that have to go, in the order in which they are worked off: where a record leads
/// to must be known before its ties go, and the cookies of a session before its clicks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, SerializeDisplay, DeserializeFromStr)]
pub enum Trace {
    /// A record whose ties still have to be followed.
    Record(Person),
    /// The clicks under a session id or a cookie's value, and the cookies they came with.
    Session(RecordId),
    /// The clicks under a cookie's value that came with this cookie.
    Cookie(RecordId),
    /// The ties of a record, once they have been followed.
    Ties(Person),
}

impl Trace {
    /// Where a person is found by name; an e-mail address leads to no click.
    pub fn of(person: Person) -> Option<Self> {
        match person {
            Person::Session(id) => Some(Trace::Session(id)),
            Person::Record(..) => Some(Trace::Record(person)),
            Person::Email(_) => None,
        }
    }

    /// Where the person of a row is found.
    pub fn in_facts(facts: &Facts) -> impl Iterator<Item = Self> {
        persons(facts).into_iter().filter_map(Trace::of)
    }
}

/// As it is stored. Personal: never for logs.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trace::Record(record) => record.fmt(f),
            Trace::Session(id) => write!(f, "session {id}"),
            Trace::Cookie(id) => write!(f, "cookie {id}"),
            Trace::Ties(record) => write!(f, "ties {record}"),
        }
    }
}

impl FromStr for Trace {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, UnknownName> {
        match text.split_once(' ') {
            Some(("cookie", id)) => id.parse().map(Trace::Cookie).map_err(|_| UnknownName),
            Some(("ties", record)) => record.parse().map(Trace::Ties),
            _ => Trace::of(text.parse()?).ok_or(UnknownName),
        }
    }
}
