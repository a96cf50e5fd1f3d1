//! Why a row that got no error came to nothing, in the words of Microsoft's reports.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use time::OffsetDateTime;

/// An unattributed reason.
pub(crate) type Reason = &'static str;

/// All reasons.
/// <https://learn.microsoft.com/advertising/campaign-management-service/offlineconversionunattributedreason>
pub(crate) const REASONS: [Reason; 14] = [
    "AccountMismatch",
    "AdjustmentOriginalNotFound",
    "ClickTimestampAfterConversion",
    "ConversionAlreadyRetracted",
    "ConversionTimeExceedsMaxLookback",
    "ConversionTimeInFuture",
    "DuplicateConversionKey",
    "GoalNotFoundOrInactive",
    "HistoricalClickDataExpired",
    "MalformedData",
    "MissingMatchIdentifiers",
    "NoMatchingClickFound",
    "OutsideGoalLookbackWindow",
    "Unknown",
];

/// When the click that a conversion is credited to happened, if that is known; or the reason why the
/// conversion comes to nothing.
pub(crate) type Credit = Result<Option<OffsetDateTime>, Reason>;

/// Reason of every row of a paused goal.
pub(crate) const PAUSED: Reason = "GoalNotFoundOrInactive";

/// A reason that a fault rule gives to rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ForcedReason(pub(crate) Reason);

impl ForcedReason {
    /// The reason of this name.
    pub fn named(name: &str) -> Option<Self> {
        REASONS.into_iter().find(|reason| *reason == name).map(Self)
    }
}

impl<'de> Deserialize<'de> for ForcedReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format!("no reason of a report: {name}")))
    }
}
