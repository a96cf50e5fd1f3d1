//! The index of open rows: why a row waits, and where it stands until it goes on.

use serde::{Deserialize, Serialize};

use crate::{
    record::{Facts, Row, RowKey},
    time::EventTime,
};

/// Why a row waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// No click is known; one may still be tied.
    NoClick,
    /// The only click came after the conversion.
    ClickAfterConversion,
    /// Too many references claim the record.
    AmbiguousClick,
    /// The conversion lies a little in the future.
    TimeInFuture,
    /// The goal is younger than two hours.
    GoalTooRecent,
    /// A check found fault with the goal.
    GoalHeld,
    /// A check found fault with the account.
    AccountHeld,
    /// Only corrections have come.
    OriginalMissing,
    /// Microsoft must show the original before it can be corrected.
    SettleDelay,
    /// The last adjustment must land before the next is sent.
    BetweenAdjustments,
    /// The last adjustment's outcome is unknown; it is sent again.
    RepeatAfterUnknown,
    /// The click is younger than Microsoft wants. Served by the signal's `notBefore`; such a row is
    /// queued, not waiting.
    ClickTooYoung,
}

impl WaitReason {
    /// Whether a click, once it is found, ends the wait.
    #[must_use]
    pub fn is_for_click(self) -> bool {
        use WaitReason::{AmbiguousClick, ClickAfterConversion, NoClick};
        matches!(self, NoClick | ClickAfterConversion | AmbiguousClick)
    }

    /// The code that `status` shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            WaitReason::NoClick => "no_click",
            WaitReason::ClickAfterConversion => "click_after_conversion",
            WaitReason::AmbiguousClick => "ambiguous_click",
            WaitReason::TimeInFuture => "time_in_future",
            WaitReason::GoalTooRecent => "goal_too_recent",
            WaitReason::GoalHeld => "goal_held",
            WaitReason::AccountHeld => "account_held",
            WaitReason::OriginalMissing => "original_missing",
            WaitReason::SettleDelay => "settle_delay",
            WaitReason::BetweenAdjustments => "between_adjustments",
            WaitReason::RepeatAfterUnknown => "repeat_after_unknown",
            WaitReason::ClickTooYoung => "click_too_young",
        }
    }
}

/// An entry in the index of open rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// `<class>#<shard>`: eight shards, because one hot index key would throttle the table.
    pub class: String,
    /// When it is to be looked at again; for refused and dead rows, since when they are.
    pub due: EventTime,
    /// Why it waits.
    pub reason: Option<WaitReason>,
}

/// The classes of open rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Class {
    /// Signalled when due.
    Wait,
    /// Skipped until a check passes.
    Held(String),
    /// Hashes alone, of a goal (`<account>/<goal>`) that takes none: signalled when due, since a
    /// click may have been tied, and all of them once the goal takes hashes.
    Plain(String),
    /// Refused; kept here to be counted.
    Refused,
    /// Given up by the queue; kept here to be counted.
    Dead,
    /// Waits for its original.
    Orphan,
}

/// Shards per class of the index.
pub const SHARDS: u8 = 8;

impl Class {
    /// The index key of one shard.
    #[must_use]
    pub fn shard(&self, shard: u8) -> String {
        match self {
            Class::Wait => format!("wait#{shard}"),
            Class::Held(what) => format!("held:{what}#{shard}"),
            Class::Plain(what) => format!("plain:{what}#{shard}"),
            Class::Refused => format!("refused#{shard}"),
            Class::Dead => format!("dead#{shard}"),
            Class::Orphan => format!("orphan#{shard}"),
        }
    }

    /// The index keys of all shards.
    #[must_use]
    pub fn shards(&self) -> Vec<String> {
        (0..SHARDS).map(|shard| self.shard(shard)).collect()
    }

    /// Where `row` waits for `reason`.
    #[must_use]
    pub fn of_wait(row: &Row, reason: WaitReason) -> Class {
        let of_goal = |facts: &Facts| format!("{}/{}", row.account, facts.goal);
        match (reason, &row.facts) {
            (WaitReason::AccountHeld, _) => Class::Held(row.account.to_string()),
            (WaitReason::GoalHeld, Some(facts)) => Class::Held(of_goal(facts)),
            (WaitReason::OriginalMissing, _) => Class::Orphan,
            // It has hashes, so nothing but its goal keeps it.
            (reason, Some(facts)) if reason.is_for_click() && facts.identity.is_hashes_alone() => {
                Class::Plain(of_goal(facts))
            }
            _ => Class::Wait,
        }
    }

    /// The entry of the row `key` in this class.
    #[must_use]
    pub fn entry(&self, key: &RowKey, due: EventTime, reason: Option<WaitReason>) -> Open {
        Open { class: self.shard(shard_of(key)), due, reason }
    }
}

/// Spreads rows evenly; FNV-1a, so that it stays the same in every build.
fn shard_of(key: &RowKey) -> u8 {
    let hash = key.pk().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits: the others hardly change between consecutive ids.
    u8::try_from(hash % u64::from(SHARDS)).unwrap_or(0)
}
