//! Why a row waits.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WaitReason {
    /// No click is known; one may still be tied.
    NoClick,
    AmbiguousClick,
    /// The conversion lies a little in the future.
    TimeInFuture,
    /// The goal is younger than two hours.
    GoalTooRecent,
    /// A check found fault with the goal.
    GoalHeld,
    /// A check found fault with the account.
    AccountHeld,
    OriginalMissing,
    /// Microsoft must show the original before it can be corrected.
    SettleDelay,
    /// The last adjustment must have arrived before the next is sent.
    BetweenAdjustments,
    /// The last adjustment's outcome is unknown; it is sent again.
    RepeatAfterUnknown,
    /// The click is younger than Microsoft wants. Served by the signal's `notBefore`; such a row is
    /// queued, not waiting.
    ClickTooYoung,
    /// Another run has claimed the original and may be sending it. Such a row is queued, not waiting.
    AttemptRunning,
    /// A word that a later version wrote: after a roll-back its rows stay readable.
    #[serde(other)]
    Other,
}

impl WaitReason {
    /// Whether a click, once it is found, ends the wait.
    pub fn is_for_click(self) -> bool {
        matches!(self, WaitReason::NoClick | WaitReason::AmbiguousClick)
    }

    /// Whether the row is queued meanwhile: its message comes later, no index entry is needed.
    pub fn is_queued(self) -> bool {
        matches!(self, WaitReason::ClickTooYoung | WaitReason::AttemptRunning)
    }

    /// The code that `status` shows.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
