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

    /// Reads exactly one of the three words.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Granted, Self::Denied, Self::Unknown].into_iter().find(|c| c.as_str() == word)
    }
}
