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

    /// Reads one of the three words, or another usual one for it; only letters and digits count, in
    /// either case.
    pub fn parse(word: &str) -> Option<Self> {
        let signs = word.chars().filter(|c| c.is_alphanumeric());
        match &*signs.flat_map(char::to_lowercase).collect::<String>() {
            "granted" | "true" | "yes" | "y" | "1" | "on" | "accepted" | "given" | "optin"
            | "optedin" => Some(Self::Granted),
            "denied" | "false" | "no" | "n" | "0" | "off" | "rejected" | "declined" | "refused"
            | "withdrawn" | "revoked" | "optout" | "optedout" => Some(Self::Denied),
            "unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}
