//! The conversion that a row of either list is about.

use time::OffsetDateTime;

use crate::reason::Reason;

/// The fields by which Microsoft recognises a conversion. The goal is named by its id, so that a
/// renamed goal's conversions are found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) account: String,
    pub(crate) identity: Identity,
    pub(crate) goal_id: String,
    pub(crate) at: OffsetDateTime,
}

/// A click id as [`bare_click_id`] returns it; without one the hashed e-mail and phone.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Identity {
    Click(String),
    Hashes(Option<String>, Option<String>),
}

/// The conversion that a row is about.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) key: Key,
    pub(crate) goal: String,
    pub(crate) click_id: Option<String>,
    /// Hashed e-mail and phone, if the goal has enhanced conversions.
    pub(crate) hashes: Vec<String>,
    /// Whether the goal counts only the first conversion of a click.
    pub(crate) counts_once: bool,
    /// Set if it comes to nothing in any case.
    pub(crate) lost: Option<Reason>,
}

/// A click id without dashes in lower case, so that two spellings of one id are equal.
pub(crate) fn bare_click_id(text: &str) -> String {
    text.replace('-', "").to_ascii_lowercase()
}
