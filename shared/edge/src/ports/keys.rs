use serde::Deserialize;
use strum::IntoStaticStr;
use subtle::ConstantTimeEq as _;
use tracklayer_core::person::identity::Sha256Hash;
use tracklayer_core::reconcile::erasure::Scope;

use super::secrets::SecretError;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Right {
    Write,
    Read,
    Erase,
}

impl Right {
    /// Its name in the file of keys.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[derive(Clone, Debug, Deserialize)]
pub struct IngestKey {
    pub name: String,
    sha256: Sha256Hash,
    /// The sources and accounts it may speak for.
    #[serde(flatten)]
    pub scope: Scope,
    rights: Vec<Right>,
}

impl IngestKey {
    /// Whether it is the key with this hash; takes the same time for any hash.
    pub(crate) fn has_hash(&self, hash: &[u8; 32]) -> bool {
        self.sha256.as_bytes().ct_eq(hash).into()
    }

    /// Whether it has `right`.
    pub fn may(&self, right: Right) -> bool {
        self.rights.contains(&right)
    }
}

/// Why a request is not let in.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("no or unknown ingest key")]
    Unknown,
    #[error(transparent)]
    Secret(#[from] SecretError),
}

pub trait Keys {
    /// The key of an `Authorization: Bearer …` header.
    async fn check(&self, authorization: Option<&str>) -> Result<IngestKey, KeyError>;
}
