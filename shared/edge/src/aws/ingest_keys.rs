//! Ingest keys: who may send events for which sources and accounts.
//!
//! The secret holds SHA-256 hashes, so that reading it gives nobody a key.

use std::time::Duration;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::{
    aws::account_secrets::Secrets,
    lambda::clock::SystemClock,
    ports::{self, Clock as _, IngestKey, KeyError},
};

/// How long the keys are used before they are read again.
const FRESH: Duration = Duration::from_secs(300);
/// An unknown key makes them be read again, but not more often than this: otherwise a stranger
/// could run up the bill.
const UNKNOWN_KEY_PAUSE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct KeyFile {
    keys: Vec<IngestKey>,
}

/// Checks keys against the secret `<prefix>/ingest-keys`.
#[derive(Debug)]
pub struct Keys {
    secrets: Secrets,
    clock: SystemClock,
    /// With the monotonic time at which they were read.
    cache: Mutex<Option<(Duration, Vec<IngestKey>)>>,
}

impl Keys {
    /// Checks against the keys that `secrets` holds.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        Keys { secrets, clock: SystemClock::default(), cache: Mutex::default() }
    }
}

impl ports::Keys for Keys {
    async fn check(&self, authorization: Option<&str>) -> Result<IngestKey, KeyError> {
        let presented = authorization.and_then(bearer).ok_or(KeyError::Unknown)?;
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let mut cache = self.cache.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, keys)) = cache.as_ref() {
            let found = find(keys, &hash);
            let wait = if found.is_some() { FRESH } else { UNKNOWN_KEY_PAUSE };
            if now - *at < wait {
                return found.ok_or(KeyError::Unknown);
            }
        }
        let keys = self.secrets.read::<KeyFile>("ingest-keys").await?.value.keys;
        let found = find(&keys, &hash);
        *cache = Some((now, keys));
        found.ok_or(KeyError::Unknown)
    }
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Looks at every key, so that the time taken says nothing about which one nearly fitted.
fn find(keys: &[IngestKey], hash: &[u8; 32]) -> Option<IngestKey> {
    let mut found = None;
    for key in keys {
        if key.has_hash(hash) {
            found = Some(key);
        }
    }
    found.cloned()
}
