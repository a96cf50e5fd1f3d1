//! The second that a conversion is sent with.
//!
//! Microsoft drops the second of two conversions that share person and second, so each second of a
//! person is claimed by one row, and whoever comes later takes another one.

use crate::id::{AccountName, short_hash};
use crate::ledger::facts::{Facts, click_or_hashes};
use crate::ledger::row::RowKey;
use crate::person::identity::Identity;
use crate::time::EventTime;

/// Seconds in a row that are tried first: the conversion's own and the next 15.
const IN_A_ROW: u32 = 16;
/// After those, up to this attempt, seconds of the next ten minutes.
const NEAR: u32 = IN_A_ROW + 16;
/// Attempts in all. Of a day that is half full, 64 seconds are all taken once in 2^64 times.
const ATTEMPTS: u32 = NEAR + 64;

/// The partition key of the item that claims what Microsoft would drop as a duplicate; none for a
/// conversion that nothing could match.
///
/// The goal is not part of it: Microsoft's pages disagree whether it is part of theirs, and a
/// needless shift costs a second where a missed one costs a conversion.
pub fn claim_of(account: &AccountName, identity: &Identity, time: EventTime) -> Option<String> {
    let person = click_or_hashes(identity)?;
    Some(format!("key {}", short_hash(format!("{account} {person} {}", time.epoch()))))
}

/// The seconds that are tried for the row `owner`, in this order. Counted from the first second that
/// may be sent ([`Facts::earliest_time`]) they are the 16 from `from` on, then seconds of the next ten
/// minutes, then of the next day: orders that are all stamped midnight must not queue up behind each
/// other. A row always tries the same seconds.
pub fn seconds(facts: &Facts, owner: &RowKey, from: i64) -> impl Iterator<Item = EventTime> {
    let time = facts.earliest_time();
    (0..ATTEMPTS).map(move |attempt| {
        let any_of = |seconds: u64| i64::try_from(owner.shuffled(attempt) % seconds).unwrap_or(0);
        time.plus_seconds(match attempt {
            0..IN_A_ROW => from + i64::from(attempt),
            IN_A_ROW..NEAR => 1 + any_of(600),
            _ => 1 + any_of(86_400),
        })
    })
}
