//! What a person has consented to.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// What the person has consented to. An absent field is [`Consent::Unknown`].
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Consent {
    Granted,
    Denied,
    /// Not asked, or not reported; or a stored word that only a later version knows, which is no
    /// agreement.
    #[default]
    #[serde(other)]
    Unknown,
}

impl Consent {
    /// `granted`, `denied` or `unknown`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads one of the three words, in either case and with blanks around it. A refusal may also be
    /// `false`, `no` or `0`; only its own word is an agreement.
    pub fn parse(word: &str) -> Option<Self> {
        let is_it = |known: &str| known.eq_ignore_ascii_case(word.trim());
        if ["false", "no", "0"].into_iter().any(is_it) {
            return Some(Self::Denied);
        }
        [Self::Granted, Self::Denied, Self::Unknown].into_iter().find(|it| is_it(it.as_str()))
    }
}
