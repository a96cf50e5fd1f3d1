//! What is known of Microsoft about one row: what it took, what it refused, what was tried.
//!
//! Nothing is sent that is not claimed here first. A claim without a written outcome *is* an unknown
//! outcome: the run that made it may have died after Microsoft took what it sent.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;
use strum::IntoStaticStr;

use crate::ledger::wait::WaitReason;
use crate::money::{Amount, Money};
use crate::serde_help::{is_default, known};
use crate::time::EventTime;

/// What is known of Microsoft. Written whole, on condition of its revision.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Observed {
    pub accepted: Option<Acceptance>,
    /// When the original was claimed for an attempt whose outcome is not written yet.
    pub applying: Option<EventTime>,
    /// An earlier attempt of the original has no known outcome: the conversion may count already.
    #[serde(skip_serializing_if = "is_default")]
    pub apply_unknown: bool,
    /// Where the attempts were sent that have no known outcome: the original is sent nowhere else.
    pub sent_to: Option<Destination>,
    pub adjusted: Option<Adjusted>,
    /// The last adjustment that was claimed, unless it is known that it was not taken.
    pub claim: Option<Claim>,
    /// Adjustments that were claimed since Microsoft last took something of the row.
    #[serde(skip_serializing_if = "is_default")]
    pub tries: u32,
    /// An adjustment's outcome is missing or unknown, and none was taken since.
    #[serde(skip_serializing_if = "is_default")]
    pub unsettled: bool,
    /// It is refused until somebody redrives it.
    pub refusal: Option<Refusal>,
    /// Its message was given up by the queue.
    pub dead_at: Option<EventTime>,
    /// When it was last left to its `due`. A message that was sent before is over, whoever has received
    /// it: perhaps it is deleted, and could not become a dead-letter message.
    pub left_at: Option<EventTime>,
    /// It is not sent before a certain time.
    pub postponed: Option<Postponed>,
    #[serde(skip_serializing_if = "is_default")]
    pub attempts: u32,
    pub last: Option<Attempt>,
}

impl Observed {
    /// Whether the original may be at Microsoft although no acceptance is known.
    pub fn may_count(&self) -> bool {
        self.accepted.is_none() && (self.apply_unknown || self.applying.is_some())
    }

    /// Whether nobody knows what Microsoft counts: the last attempt has no outcome.
    pub fn is_doubtful(&self) -> bool {
        self.unsettled || self.may_count()
    }

    /// When the attempt was claimed that has no outcome yet, if there is one.
    pub fn attempting(&self) -> Option<EventTime> {
        let claim = self.claim.as_ref().filter(|claim| self.unsettled && !claim.unanswered);
        self.applying.or(claim.map(|claim| claim.at))
    }

    /// Whether a Retract was claimed and may have been taken. Nothing but a Retract may follow:
    /// Microsoft takes no second adjustment after one (`ConversionAlreadyRetracted`).
    pub fn is_retract_claimed(&self) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.value.is_none())
    }

    /// Whether a Retract was accepted, or was sent and has no answer.
    pub fn is_retracted_or_doubtful(&self) -> bool {
        let accepted = self.adjusted.as_ref().is_some_and(|adjusted| adjusted.value.is_none());
        let claims = self.claim.iter().flat_map(|claim| [Some(claim), claim.before.as_deref()]);
        let unanswered = |claim: &Claim| claim.value.is_none() && claim.unanswered;
        accepted || claims.flatten().any(unanswered)
    }
}

/// Which Microsoft took the conversion: the same row is unknown to any other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Destination {
    pub environment: Environment,
    /// The ad account's number (`CustomerAccountId`).
    pub account_id: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    #[default]
    Production,
    /// Accepts, but never attributes.
    Sandbox,
}

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Acceptance {
    pub at: EventTime,
    /// The environment and ad account that took it: no other knows the conversion.
    #[serde(flatten)]
    pub by: Destination,
    pub tracking_id: Option<String>,
}

#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Adjusted {
    pub at: EventTime,
    /// The value there since; absent after a Retract.
    pub value: Option<Amount>,
    /// How many of the row's corrections are in it.
    pub corrections: usize,
    pub tracking_id: Option<String>,
}

/// An adjustment about to be sent, recorded before it is.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    pub at: EventTime,
    /// The net to restate; absent for a Retract.
    pub value: Option<Amount>,
    /// The AdjustmentTime that is sent to Microsoft.
    pub adjustment_time: EventTime,
    /// How many corrections the row had; of repeated Retracts, when the first was claimed.
    pub corrections: usize,
    /// It was sent and its outcome is unknown, or it was still missing when the next one was claimed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub unanswered: bool,
    /// Whether an earlier adjustment was unsettled when this one was claimed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub after_unsettled: bool,
    /// The claim before this one: it is in force again if this one is known not to have been taken.
    pub before: Option<Box<Claim>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// When. A message sent later is a redrive.
    pub at: EventTime,
    /// The reason that `status` shows.
    #[serde(flatten)]
    pub reason: RefusalReason,
}

/// The reasons for which a row is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case", tag = "reason")]
#[strum(serialize_all = "snake_case")]
pub enum RefusalReason {
    Microsoft {
        /// Microsoft's number (`Code`), where it sent one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<i64>,
        /// Microsoft's symbol (`ErrorCode`), where it sent one.
        #[serde(default, rename = "errorCode", skip_serializing_if = "Option::is_none")]
        symbol: Option<String>,
    },
    /// Nobody was recognised within 90 days of the conversion.
    Unmatched,
    /// The conversion grew older than 90 days before it was taken.
    Expired,
    /// A correction could not be sent within 90 days of the conversion and its click.
    TooOldForMicrosoft,
    /// Another environment or ad account took it, or may have.
    AcceptedElsewhere,
    /// It is not sent any more after an attempt whose outcome is unknown.
    MayAlreadyCount,
    /// The person was erased, or consent was taken back.
    IdentityErased,
    /// A word that a later version wrote: after a roll-back its rows stay readable.
    #[serde(other)]
    Other,
}

impl RefusalReason {
    /// Whether no redrive could help: such a row ends without a dead letter.
    pub fn is_beyond_repair(&self) -> bool {
        use RefusalReason::{Expired, IdentityErased, TooOldForMicrosoft, Unmatched};
        matches!(self, Unmatched | Expired | TooOldForMicrosoft | IdentityErased)
    }

    /// Whether a row that is refused for this before it is sent ends without a dead letter: it may
    /// already count, but is decided so only for its age.
    pub fn is_over_unsent(&self) -> bool {
        self.is_beyond_repair() || *self == RefusalReason::MayAlreadyCount
    }
}

impl std::fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RefusalReason::Microsoft { code, symbol } => {
                let code = code.map_or_else(|| "-".to_owned(), |code| code.to_string());
                write!(f, "microsoft {code} {}", symbol.as_deref().unwrap_or("-"))
            }
            word => f.write_str(word.into()),
        }
    }
}

/// It is sent later: Microsoft refused it for now, or a call was refused before it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Postponed {
    pub until: EventTime,
    /// The reason that `status` shows.
    pub reason: WaitReason,
}

/// The three things that are sent to Microsoft.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr,
)]
pub enum Kind {
    Apply,
    Restate,
    Retract,
}

impl Kind {
    /// As Microsoft and `status` spell it.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A correction as it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adjustment {
    Restate(Money),
    Retract,
}

impl Adjustment {
    pub fn kind(&self) -> Kind {
        match self {
            Adjustment::Restate(_) => Kind::Restate,
            Adjustment::Retract => Kind::Retract,
        }
    }
}

/// How a call ended for one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    Accepted,
    /// It is known that Microsoft did not take it.
    Refused,
    /// There was no answer, or none that could be read; or the outcome is one that only a later version
    /// knows, so that after a roll-back its rows stay readable.
    #[serde(other)]
    Unknown,
}

/// One call that carried the row.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attempt {
    /// When it was answered or given up.
    pub at: EventTime,
    /// What was sent; absent for what only a later version sends. No decision reads it: what may count
    /// at Microsoft is in [`Observed::applying`], [`Observed::apply_unknown`] and [`Observed::claim`].
    #[serde(default, deserialize_with = "known")]
    pub kind: Option<Kind>,
    pub outcome: AttemptOutcome,
    /// Microsoft's number, if it named an error.
    pub code: Option<i64>,
    /// Microsoft's symbol, if it named an error.
    pub error_code: Option<String>,
    pub tracking_id: Option<String>,
}
