//! Ingest keys: who may send events for which sources and accounts.
//!
//! The secret holds SHA-256 hashes, so that reading it gives nobody a key.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::aws::account_secrets::Secrets;
use crate::lambda::clock::SystemClock;
use crate::lambda::telemetry::StandardOutput;
use crate::ports;
use crate::ports::{
    Clock as _, IngestKey, KeyError, Metric, SecretError, Telemetry as _, Versioned, shape_of,
};

/// How long the keys are used before they are read again.
const FRESH: Duration = Duration::from_secs(300);
/// An unknown key makes them be read again, but not more often than this: otherwise a stranger
/// could run up the bill. After a reading that failed, the next one waits as long.
const PAUSE: Duration = Duration::from_secs(60);
/// How long keys still count after the last good reading, while they can't be read.
const KEPT: Duration = Duration::from_secs(3_600);
/// The name of their secret, behind the prefix.
const SECRET: &str = "ingest-keys";

#[derive(Deserialize)]
struct KeyFile {
    keys: Vec<Value>,
}

/// Checks keys against the secret `<prefix>/ingest-keys`.
#[derive(Debug)]
pub struct Keys {
    secrets: Secrets,
    clock: SystemClock,
    known: Mutex<Known>,
}

impl Keys {
    /// Checks against the keys that `secrets` holds.
    pub fn new(secrets: Secrets) -> Self {
        Keys { secrets, clock: SystemClock::default(), known: Mutex::default() }
    }
}

impl ports::Keys for Keys {
    async fn check(&self, authorization: Option<&str>) -> Result<IngestKey, KeyError> {
        let presented = authorization.and_then(bearer).ok_or(KeyError::Unknown)?;
        let hash: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        let mut known = self.known.lock().await;
        let now = self.clock.monotonic();
        if let Some(answer) = known.answer(&hash, now) {
            return answer;
        }
        let read = read(&self.secrets).await;
        report(&read);
        match read {
            Ok((keys, _)) => *known = Known { keys, read_at: Some(now), failed_at: None },
            Err(error) => {
                known.failed_at = Some(now);
                return known.old(&hash, now).ok_or_else(|| error.into());
            }
        }
        find(&known.keys, &hash).ok_or(KeyError::Unknown)
    }
}

/// The keys of the last good reading. Times are monotonic.
#[derive(Debug, Default)]
struct Known {
    keys: Vec<IngestKey>,
    read_at: Option<Duration>,
    /// When a reading last failed, if none succeeded since.
    failed_at: Option<Duration>,
}

impl Known {
    /// The answer about a key; `None` if the keys must be read first.
    fn answer(&self, hash: &[u8; 32], now: Duration) -> Option<Result<IngestKey, KeyError>> {
        let read_at = self.read_at?;
        let asked_of_late = now - self.failed_at.unwrap_or(read_at) < PAUSE;
        match find(&self.keys, hash) {
            Some(key) if now - read_at < FRESH => Some(Ok(key)),
            _ if !asked_of_late => None,
            None if self.failed_at.is_none() => Some(Err(KeyError::Unknown)),
            // It may be a new key.
            _ => Some(self.old(hash, now).ok_or_else(|| not_read("not asked again yet").into())),
        }
    }

    /// A key that counts although the secret can't be read now.
    fn old(&self, hash: &[u8; 32], now: Duration) -> Option<IngestKey> {
        let counts = self.read_at.is_some_and(|at| now - at < KEPT);
        find(&self.keys, hash).filter(|_| counts)
    }
}

fn not_read(why: &str) -> SecretError {
    SecretError::Unavailable(SECRET.to_owned(), why.to_owned())
}

/// The name of an entry that can't be read, and what is wrong with it.
pub type Unreadable = (String, String);
/// The keys, and the entries that are none.
pub type Read = Result<(Vec<IngestKey>, Vec<Unreadable>), SecretError>;

/// Logs and counts what can't be read.
fn report(read: &Read) {
    let mut stuck = false;
    match read {
        Ok((_, unreadable)) => {
            for (name, why) in unreadable {
                tracing::error!(key = name, why, "an ingest key can't be read, it is left out");
                stuck = true;
            }
        }
        Err(error) => {
            tracing::error!(%error, "ingest keys not read; known ones count for an hour");
            stuck = true;
        }
    }
    if stuck {
        StandardOutput.emit("none", &[Metric::count("Stuck", 1)]);
    }
}

/// Reads all keys.
pub async fn read(secrets: &Secrets) -> Read {
    secrets.read::<KeyFile>(SECRET).await.and_then(readable)
}

/// Reads entry by entry: a mistake in one must not lock out the others. A list of which nothing can
/// be read is as bad as none.
fn readable(file: Versioned<KeyFile>) -> Read {
    let (mut keys, mut unreadable) = (Vec::new(), Vec::new());
    for (entry, position) in file.value.keys.into_iter().zip(1..) {
        let name =
            entry["name"].as_str().map_or_else(|| format!("number {position}"), str::to_owned);
        match serde_json::from_value::<IngestKey>(entry) {
            Ok(key) => keys.push(key),
            Err(error) => unreadable.push((name, shape_of(&error))),
        }
    }
    if keys.is_empty() && !unreadable.is_empty() {
        let why = "no entry of it can be read".to_owned();
        return Err(SecretError::Malformed(SECRET.to_owned(), why));
    }
    Ok((keys, unreadable))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const MINUTE: u64 = 60;

    fn hash(number: u8) -> [u8; 32] {
        [number; 32]
    }

    fn entry(name: &str, number: u8) -> Value {
        let sha256: String = hash(number).iter().map(|byte| format!("{byte:02x}")).collect();
        json!({"name": name, "sha256": sha256, "sources": ["*"], "accounts": ["*"],
               "rights": ["write"]})
    }

    fn read_entries(keys: Vec<Value>) -> Read {
        readable(Versioned { value: KeyFile { keys }, version: String::new(), created: None })
    }

    /// A known key (1) and one that is not (2), so many minutes after the last good reading and the
    /// last failed one.
    fn answers(since: u64, failed: Option<u64>) -> [Option<String>; 2] {
        let now = Duration::from_secs(100 * MINUTE);
        let ago = |minutes: u64| now - Duration::from_secs(minutes * MINUTE);
        let (keys, _) = read_entries(vec![entry("shop", 1)]).expect("keys");
        let known = Known { keys, read_at: Some(ago(since)), failed_at: failed.map(ago) };
        let said = |answer: Result<IngestKey, KeyError>| match answer {
            Ok(key) => key.name,
            Err(KeyError::Unknown) => "unknown".to_owned(),
            Err(KeyError::Secret(_)) => "unavailable".to_owned(),
        };
        [1, 2].map(|number| known.answer(&hash(number), now).map(said))
    }

    fn are(known: Option<&str>, other: Option<&str>) -> [Option<String>; 2] {
        [known, other].map(|text| text.map(str::to_owned))
    }

    #[test]
    fn a_mistake_in_one_entry_locks_out_nobody_else_and_is_named() {
        let mut mistakes = vec![json!(7), json!({"name": "bare"})];
        for (name, member, value) in [
            ("short", "sha256", json!("abc")),
            ("right", "rights", json!(["wirte"])),
            ("source", "sources", json!("shop")),
        ] {
            let mut wrong = entry(name, 9);
            wrong[member] = value;
            mistakes.push(wrong);
        }
        let all = [vec![entry("first", 1)], mistakes.clone(), vec![entry("last", 2)]].concat();
        let (keys, unreadable) = read_entries(all).expect("the others");
        let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
        assert_eq!(names, ["first", "last"]);
        let named: Vec<&str> = unreadable.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(named, ["number 2", "bare", "short", "right", "source"]);
        assert!(unreadable.iter().all(|(_, why)| !why.contains("abc")), "{unreadable:?}");

        assert!(read_entries(mistakes).is_err(), "nobody is told that a good key is wrong");
        assert_eq!(read_entries(Vec::new()).expect("none").0.len(), 0, "all keys were taken away");
    }

    #[test]
    fn known_keys_count_for_an_hour_while_they_can_not_be_read() {
        assert_eq!(answers(0, None), are(Some("shop"), Some("unknown")));
        assert_eq!(answers(4, None), are(Some("shop"), None), "a new key works within a minute");
        assert_eq!(answers(5, None), are(None, None), "a removed one ends within five");
        assert_eq!(answers(59, Some(0)), are(Some("shop"), Some("unavailable")));
        assert_eq!(answers(59, Some(1)), are(None, None), "asked once a minute");
        assert_eq!(answers(60, Some(0)), are(Some("unavailable"), Some("unavailable")));
    }
}
