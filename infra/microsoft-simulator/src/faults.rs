//! How to misbehave: one list of rules.
//!
//! A rule is looked at when a call of Microsoft's comes in whose path, account and click it names. Rules
//! that only add something (`latency`, `rejectGoal`, `unattributed`, `expireTokens`) all act. Of those that decide
//! the answer only the first acts, so `[{"status":503,"times":1}, {"status":429,"times":1}]` is a
//! sequence over two calls. A rule with `times` is used up after having acted that often.

use std::collections::VecDeque;

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use time::{Duration, OffsetDateTime};

use crate::{
    calls::Call,
    ledger::{REASONS, Reason},
};

/// A fault and the calls that meet it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultRule {
    /// Part of the path, such as `OfflineConversions/Apply` or `token`; none: every path that the
    /// fault makes sense for.
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

    /// Acts so often, then never again.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn names(&self, call: &Call) -> bool {
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
    /// Calls over so many in a sliding 60 s are refused; refused ones do not count.
    Throttle {
        /// Calls allowed in 60 s.
        calls_per_minute: u32,
        /// How the refusal looks.
        #[serde(default)]
        answer: ThrottleAnswer,
    },
    /// Answers with this status and body.
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
    /// Processes the call at once and answers so much later.
    Latency {
        /// Wait before the answer.
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
    /// Adds errors to the `PartialErrors` of an Apply; rows named are not accepted, others are.
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
    /// Every access token that was handed out expires at this call, before it is looked at.
    ExpireTokens {},
}

fn name_invalid() -> i64 {
    5606
}

impl Fault {
    /// Whether the fault makes sense for a path; where not, it isn't used up either.
    fn concerns(&self, path: &str) -> bool {
        match self {
            Self::PartialErrors { .. } | Self::RejectGoal { .. } | Self::Unattributed { .. } => {
                path.ends_with("/Apply")
            }
            Self::Throttle { .. } | Self::ExpireTokens {} => !path.ends_with("/token"),
            _ => true,
        }
    }

    /// Whether the rule decides the answer, rather than adding to what happens.
    fn decides(&self) -> bool {
        !matches!(
            self,
            Self::Latency { .. }
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
    /// A page, as a proxy or gateway sends it.
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

/// An unattributed reason of Microsoft's reports, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ForcedReason(Reason);

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

/// A row error that a rule makes up.
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

/// What the rules make of one call.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) expire_tokens: bool,
    pub(crate) latency: std::time::Duration,
    /// Goal names to refuse, each with its code.
    pub(crate) refused_goals: Vec<(String, i64)>,
    /// Goal names whose rows come to nothing, each with the reason.
    pub(crate) lost_goals: Vec<(String, Reason)>,
    /// The deciding rule's fault.
    pub(crate) decided: Option<Fault>,
}

/// The rules with what they have done so far.
#[derive(Debug, Default)]
pub(crate) struct Faults(Vec<Active>);

#[derive(Debug)]
struct Active {
    rule: FaultRule,
    acted: u32,
    /// For `throttle`: the calls let through in the last 60 s.
    passed: VecDeque<OffsetDateTime>,
}

impl Faults {
    pub(crate) fn new(rules: &[FaultRule]) -> Self {
        let active =
            |rule: &FaultRule| Active { rule: rule.clone(), acted: 0, passed: VecDeque::new() };
        Self(rules.iter().map(active).collect())
    }

    /// Chooses what happens to a call, and counts the rules that act.
    pub(crate) fn plan(&mut self, call: &Call) -> Plan {
        let mut plan = Plan::default();
        for active in &mut self.0 {
            let late = plan.decided.is_some() && active.rule.fault.decides();
            if !late && active.rule.names(call) && active.acts(call.at) {
                active.acted += 1;
                plan.add(active.rule.fault.clone());
            }
        }
        plan
    }
}

impl Active {
    fn acts(&mut self, now: OffsetDateTime) -> bool {
        if self.rule.times.is_some_and(|times| self.acted >= times) {
            return false;
        }
        let Fault::Throttle { calls_per_minute, .. } = self.rule.fault else {
            return true;
        };
        self.passed.retain(|at| now - *at < Duration::MINUTE);
        let exceeded = self.passed.len() >= calls_per_minute as usize;
        if !exceeded {
            self.passed.push_back(now);
        }
        exceeded
    }
}

impl Plan {
    fn add(&mut self, fault: Fault) {
        match fault {
            Fault::Latency { milliseconds } => {
                self.latency += std::time::Duration::from_millis(milliseconds);
            }
            Fault::RejectGoal { goal, code } => self.refused_goals.push((goal, code)),
            Fault::Unattributed { goal, reason } => self.lost_goals.push((goal, reason.0)),
            Fault::ExpireTokens {} => self.expire_tokens = true,
            other => self.decided = Some(other),
        }
    }

    /// Errors to force into an Apply.
    pub(crate) fn forced_errors(&self) -> &[ForcedError] {
        match &self.decided {
            Some(Fault::PartialErrors { errors }) => errors,
            _ => &[],
        }
    }
}
