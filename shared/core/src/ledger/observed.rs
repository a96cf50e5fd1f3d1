//! What is known of Microsoft about one row: what it took, what it refused, what was tried.

use serde::{Deserialize, Serialize};

use crate::{
    ledger::wait::WaitReason,
    money::Amount,
    serde_help::{is_false, is_zero},
    time::EventTime,
};

/// What is known of Microsoft. Written whole, on condition of its revision.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Observed {
    /// The original was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
    /// The last adjustment that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adjusted: Option<Adjusted>,
    /// The last adjustment that was claimed, whatever became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Claim>,
    /// A Retract was claimed, when the row had this many corrections: nothing but a Retract may follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retract_claimed: Option<u32>,
    /// An adjustment's outcome is missing or unknown, and none was taken since.
    #[serde(skip_serializing_if = "is_false")]
    pub unsettled: bool,
    /// An Apply's outcome was unknown: the conversion may count already.
    #[serde(skip_serializing_if = "is_false")]
    pub apply_unknown: bool,
    /// It is refused until somebody redrives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Its message was given up by the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_at: Option<EventTime>,
    /// Microsoft wants it later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postponed: Option<Postponed>,
    /// Calls that carried it.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Attempt>,
}

impl Observed {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Observed::default()
    }
}

/// Which Microsoft took the conversion: the same row is unknown to any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    /// Production or sandbox.
    pub environment: Environment,
    /// The ad account's number (`CustomerAccountId`).
    pub account_id: String,
}

/// Microsoft's two worlds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// The real one.
    #[default]
    Production,
    /// Accepts, but never attributes.
    Sandbox,
}

/// The original was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    /// When the answer came.
    pub at: EventTime,
    /// By whom.
    #[serde(flatten)]
    pub by: Destination,
    /// Microsoft's mark of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

/// An adjustment that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    /// When the answer came.
    pub at: EventTime,
    /// The value now standing there; absent after a Retract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// Microsoft's mark of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}

/// An adjustment about to be sent, recorded before it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// When it was claimed.
    pub at: EventTime,
    /// The net to restate; absent for a Retract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// What Microsoft is told.
    pub adjustment_time: EventTime,
    /// Whether an earlier adjustment was unsettled when this one was claimed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub after_unsettled: bool,
}

/// Why a row is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// When. A message sent later is a redrive.
    pub at: EventTime,
    /// Why.
    #[serde(flatten)]
    pub reason: RefusalReason,
}

/// The reasons for which a row is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "reason")]
pub enum RefusalReason {
    /// Microsoft refused it.
    Microsoft {
        /// Its number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// Its symbol.
        #[serde(default, rename = "errorCode", skip_serializing_if = "Option::is_none")]
        symbol: Option<String>,
    },
    /// The conversion grew older than 90 days before it was taken.
    Expired,
    /// A correction could not be sent within 90 days of the conversion.
    TooOldForMicrosoft,
    /// Another environment or ad account took it.
    AcceptedElsewhere,
    /// It can't be sent any more, or not under this name, after an attempt whose outcome is unknown.
    MayAlreadyCount,
    /// Only corrections came, never the original.
    OriginalNeverCame,
    /// The person's identity was erased.
    IdentityErased,
}

impl std::fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self {
            RefusalReason::Microsoft { code, symbol } => {
                let code = code.map_or_else(|| "-".to_owned(), |code| code.to_string());
                return write!(f, "microsoft {code} {}", symbol.as_deref().unwrap_or("-"));
            }
            RefusalReason::Expired => "expired",
            RefusalReason::TooOldForMicrosoft => "too_old_for_microsoft",
            RefusalReason::AcceptedElsewhere => "accepted_elsewhere",
            RefusalReason::MayAlreadyCount => "may_already_count",
            RefusalReason::OriginalNeverCame => "original_never_came",
            RefusalReason::IdentityErased => "identity_erased",
        };
        f.write_str(word)
    }
}

/// Microsoft refused it for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Postponed {
    /// Not before this.
    pub until: EventTime,
    /// Why.
    pub reason: WaitReason,
}

/// The three things that are sent to Microsoft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The original conversion.
    Apply,
    /// A new absolute value.
    Restate,
    /// It doesn't count any more.
    Retract,
}

impl Kind {
    /// As Microsoft and `status` spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Apply => "Apply",
            Kind::Restate => "Restate",
            Kind::Retract => "Retract",
        }
    }
}

/// How a call ended for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// Taken.
    Accepted,
    /// Not taken.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One call that carried the row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it was answered or given up.
    pub at: EventTime,
    /// What was sent.
    pub kind: Kind,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Microsoft's number, if it named an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Microsoft's symbol, if it named an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// Microsoft's mark of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_id: Option<String>,
}
