//! What a person has consented to.

use serde::{Deserialize, Serialize};

/// What the person has consented to. An absent field is [`Consent::Unknown`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Consent {
    /// Agreed.
    Granted,
    /// Refused.
    Denied,
    /// Not asked, or not reported.
    #[default]
    Unknown,
}

impl Consent {
    /// `granted`, `denied` or `unknown`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }

    /// Reads one of the three words, in either case and with blanks around it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is_it = |consent: &Self| consent.as_str().eq_ignore_ascii_case(word.trim());
        [Self::Granted, Self::Denied, Self::Unknown].into_iter().find(is_it)
    }
}
