//! How the simulator can be told to misbehave: a fault, and the calls on which it acts.

use serde::{Deserialize, Serialize};

use crate::{calls::Call, reason::ForcedReason};

/// A fault and the calls on which it acts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// Part of the path, such as `OfflineConversions/Apply` or `token`; none: every path on which
    /// the fault makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The `CustomerAccountId` of the call; none: every account, and the token endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// A click id that one of the call's rows carries, as it is written there; none: any rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub click_id: Option<String>,
    /// How often it acts; none: until the settings change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens.
    #[serde(flatten)]
    pub fault: Fault,
}

impl FaultRule {
    /// A rule for every call, until the settings change.
    pub fn new(fault: Fault) -> Self {
        Self { path: None, account: None, click_id: None, times: None, fault }
    }

    /// Only calls whose path holds this text.
    pub fn on(mut self, path: &str) -> Self {
        self.path = Some(path.to_owned());
        self
    }

    /// Only calls for this ad account.
    pub fn for_account(mut self, account: &str) -> Self {
        self.account = Some(account.to_owned());
        self
    }

    /// Only calls with a row of this click.
    pub fn for_click(mut self, click_id: &str) -> Self {
        self.click_id = Some(click_id.to_owned());
        self
    }

    /// Acts this many times, then never again.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Whether the rule is meant for this call.
    pub(crate) fn names(&self, call: &Call) -> bool {
        let path_fits = self.path.as_deref().is_none_or(|part| call.path.contains(part));
        let of_account = |wanted| call.account.as_deref() == Some(wanted);
        let account_fits = self.account.as_deref().is_none_or(of_account);
        let has_click = |id| call.body.contains(&format!("\"{id}\""));
        let click_fits = self.click_id.as_deref().is_none_or(has_click);
        path_fits && account_fits && click_fits && self.fault.concerns(&call.path)
    }
}

/// What a rule does to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Fault {
    /// Refuses calls above a number in a sliding 60 s; refused calls do not count.
    Throttle {
        /// Calls allowed in 60 s.
        calls_per_minute: u32,
        /// How the refusal looks.
        #[serde(default)]
        answer: ThrottleAnswer,
    },
    /// Answers with a given status and body.
    Status {
        /// HTTP status.
        status: u16,
        /// Body.
        #[serde(default)]
        body: AnswerBody,
        /// Processes the call first, and hides its real answer.
        #[serde(default)]
        after_accepting: bool,
    },
    /// Processes the call at once, but answers later.
    Latency {
        /// Delay of the answer.
        milliseconds: u64,
    },
    /// Processes an Apply at once, but answers later the more rows it has.
    LatencyPerRow {
        /// Delay of the answer for each row.
        milliseconds: u64,
    },
    /// Processes the call, never answers, and closes the connection after this time.
    TimeoutAfterAccepting {
        /// How long the connection is held.
        milliseconds: u64,
    },
    /// Closes the connection without an answer.
    DropConnection {
        /// Processes the call first.
        #[serde(default)]
        after_accepting: bool,
    },
    /// Adds errors to the `PartialErrors` of an Apply. Rows that they name are not accepted, others are.
    PartialErrors {
        /// The errors.
        errors: Vec<ForcedError>,
    },
    /// Rows of this goal are refused.
    RejectGoal {
        /// The goal's name.
        goal: String,
        /// Code of the refusal.
        #[serde(default = "name_invalid")]
        code: i64,
    },
    /// Rows of this goal get no error and come to nothing.
    Unattributed {
        /// The goal's name.
        goal: String,
        /// One of the reasons of Microsoft's reports.
        reason: ForcedReason,
    },
    /// All access tokens expire before this call is processed.
    ExpireTokens {},
}

fn name_invalid() -> i64 {
    5606
}

impl Fault {
    /// Whether the fault makes sense on a path; elsewhere the rule is not used up.
    fn concerns(&self, path: &str) -> bool {
        match self {
            Self::PartialErrors { .. }
            | Self::RejectGoal { .. }
            | Self::Unattributed { .. }
            | Self::LatencyPerRow { .. } => path.ends_with("/Apply"),
            Self::Throttle { .. } | Self::ExpireTokens {} => !path.ends_with("/token"),
            _ => true,
        }
    }

    /// Whether the rule decides the answer, rather than adding to what happens.
    pub(crate) fn decides(&self) -> bool {
        !matches!(
            self,
            Self::Latency { .. }
                | Self::LatencyPerRow { .. }
                | Self::RejectGoal { .. }
                | Self::Unattributed { .. }
                | Self::ExpireTokens {}
        )
    }
}

/// How a throttled call is refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ThrottleAnswer {
    /// HTTP 429 with fault 117.
    #[default]
    Http429,
    /// HTTP 400 with fault 117.
    Fault117,
}

/// The body of a forced answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AnswerBody {
    /// None at all.
    #[default]
    Empty,
    /// A page of HTML, as proxies and gateways send it.
    Html,
    /// JSON that stops in the middle.
    Malformed,
    /// `AdApiFaultDetail` with this code.
    Fault(i64),
    /// `ApiFaultDetail` with these row errors in `BatchErrors`.
    BatchErrors(Vec<ForcedError>),
    /// `ApiFaultDetail` with this code in `OperationErrors`.
    OperationFault(i64),
    /// The token endpoint's error with this name, such as `invalid_grant`.
    OauthError(String),
    /// This text, declared as JSON.
    Text(String),
}

/// A row error that a rule adds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForcedError {
    /// The row; none: the member is left out of the answer; out of range: sent as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<i64>,
    /// Microsoft's number.
    pub code: i64,
    /// Microsoft's symbol; none: the published one of the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
}
