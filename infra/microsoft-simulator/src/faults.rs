//! Which fault rules act on a call.
//!
//! A rule is considered for the calls whose path, account and click it names. Rules that only add
//! something (`latency`, `rejectGoal`, …) all act. Of the rules that decide the answer only the first
//! one acts, so `[{"status":503,"times":1}, {"status":429,"times":1}]` is a sequence over two calls.
//! A rule with `times` is used up after it has acted that often.

use std::collections::VecDeque;

use time::{Duration, OffsetDateTime};

use crate::calls::Call;
use crate::fault_rule::{Fault, FaultRule, ForcedError};
use crate::reason::Reason;

/// What the rules that act on a call do to it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) expire_tokens: bool,
    pub(crate) latency: std::time::Duration,
    /// Goal names to refuse, each with its code.
    pub(crate) refused_goals: Vec<(String, i64)>,
    /// Goal names whose rows come to nothing, each with the reason.
    pub(crate) lost_goals: Vec<(String, Reason)>,
    /// The fault that decides the answer, if one does.
    pub(crate) decided: Option<Fault>,
}

/// The rules and how often each has acted.
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
                plan.add(active.rule.fault.clone(), call.rows.unwrap_or_default());
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
    fn add(&mut self, fault: Fault, rows: usize) {
        let delay = std::time::Duration::from_millis;
        match fault {
            Fault::Latency { milliseconds } => self.latency += delay(milliseconds),
            Fault::LatencyPerRow { milliseconds } => {
                self.latency += delay(milliseconds.saturating_mul(rows as u64));
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
