//! The answer of `GET /api/tracklayer/events/{source}/{eventId+}`. Never hashes, never anything of
//! a person but the click id that the conversion is credited to.

use std::collections::BTreeMap;

use serde::Serialize;
use tracklayer_core::id::{AccountName, EventName, GoalName, RecordId, Source};
use tracklayer_core::ledger::correction::{Correction, Effect};
use tracklayer_core::ledger::facts::ClickOrigin;
use tracklayer_core::ledger::observed::{AttemptOutcome, Kind};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::errors;
use tracklayer_core::microsoft::goals::{GoalFinding, Gravity};
use tracklayer_core::money::{Currency, JsonAmount};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;
use tracklayer_core::time::{EventTime, TextTime};

use tracklayer_edge::ports::{AccountItem, Partition};

use crate::next::next;

#[cfg(test)]
pub(crate) mod tests;

/// What all workers know of the rows' accounts.
pub type Accounts = BTreeMap<AccountName, AccountItem>;

/// One record per event name under the id that was asked for.
#[derive(Debug, Serialize)]
pub struct Story<'a> {
    records: Vec<Record<'a>>,
}

/// What one record shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    event_id: &'a RecordId,
    source: &'a Source,
    /// `null` while the original is missing; so may be the account.
    event: Option<&'a EventName>,
    account: Option<&'a AccountName>,
    state: &'static str,
    reason: Option<String>,
    due: Option<TextTime>,
    click: Option<Click<'a>>,
    desired: Desired<'a>,
    microsoft: Option<Microsoft<'a>>,
    attempts: u32,
    last_attempt: Option<Attempt<'a>>,
    next_action: Next,
    /// What the last check of the account's goals found that keeps this row, each with its cure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<&'a GoalFinding>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Click<'a> {
    msclkid: &'a ClickId,
    clicked_at: Option<TextTime>,
    from: ClickOrigin,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Desired<'a> {
    value: Option<JsonAmount>,
    currency: Option<Currency>,
    net_value: Option<JsonAmount>,
    corrections: Vec<Corrected<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Corrected<'a> {
    event_id: &'a RecordId,
    source: &'a Source,
    occurred_at: TextTime,
    amount: Option<JsonAmount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new_value: Option<JsonAmount>,
    currency: Option<Currency>,
    status: &'static str,
    reason: Option<&'static str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Microsoft<'a> {
    goal: &'a GoalName,
    conversion_time: TextTime,
    value: Option<JsonAmount>,
    currency: Option<Currency>,
    accepted_at: TextTime,
    tracking_id: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Attempt<'a> {
    at: TextTime,
    kind: Option<Kind>,
    outcome: AttemptOutcome,
    code: Option<i64>,
    error_code: Option<&'a str>,
    tracking_id: Option<&'a str>,
    /// What the error means and what helps, where there is an error that is known.
    #[serde(flatten)]
    advice: Option<Advice>,
}

#[derive(Debug, Serialize)]
struct Advice {
    cause: &'static str,
    cure: &'static str,
}

#[derive(Debug, Serialize)]
struct Next {
    action: &'static str,
    at: Option<TextTime>,
}

impl<'a> Story<'a> {
    /// The story of what was `found` as it is `now`, with what is known of the accounts.
    pub fn of(
        found: &'a [Partition], accounts: &'a Accounts, policy: &Policy, now: EventTime,
    ) -> Self {
        let mut records = Vec::new();
        for Partition { rows, orphan, .. } in found {
            records.extend(rows.iter().map(|row| Record::of(row, accounts, policy, now)));
            records.extend(orphan.as_ref().map(Record::of_orphan));
        }
        Story { records }
    }

    /// Its records, those of one id after another.
    pub fn records(&self) -> &[Record<'a>] {
        &self.records
    }
}

impl<'a> Record<'a> {
    fn of(row: &'a Row, accounts: &'a Accounts, policy: &Policy, now: EventTime) -> Self {
        let (state, reason) = state::state(row);
        let wait = state::wait(row).filter(|_| state == State::Waiting);
        Record {
            event_id: &row.key.event_id,
            source: &row.key.source,
            event: Some(&row.key.event),
            account: Some(&row.account),
            state: state.as_str(),
            reason,
            due: wait.map(|open| open.due.into()),
            click: click(row),
            desired: desired(row),
            microsoft: microsoft(row),
            attempts: row.observed.attempts,
            last_attempt: last_attempt(row),
            next_action: next_action(row, policy, now),
            findings: findings(row, accounts),
        }
    }

    /// Corrections whose original has not come. They count if it does.
    fn of_orphan(orphan: &'a Orphan) -> Self {
        let (state, reason) = state::state_of_orphan(orphan);
        let outcome = |it| match state::refusal_in_orphan(orphan, it) {
            Some(reason) => ("refused", Some(reason)),
            None => outcome(Effect::Counted),
        };
        let corrections = orphan.corrections.iter().map(|it| corrected(it, outcome(it)));
        Record {
            event_id: &orphan.key.event_id,
            source: &orphan.key.source,
            event: None,
            account: orphan.account.as_ref(),
            state: state.as_str(),
            reason: Some(reason.to_owned()),
            due: orphan.open.as_ref().map(|open| open.due.into()),
            click: None,
            desired: Desired { corrections: corrections.collect(), ..Desired::default() },
            microsoft: None,
            attempts: 0,
            last_attempt: None,
            next_action: Next { action: "None", at: None },
            findings: Vec::new(),
        }
    }
}

/// Whether what the checks found of its account may keep this row.
pub fn asks_for_account(row: &Row) -> bool {
    let is_held = matches!(waits_for(row), Some(WaitReason::AccountHeld | WaitReason::GoalHeld));
    is_held || state::state(row).0 == State::Queued
}

fn waits_for(row: &Row) -> Option<WaitReason> {
    state::wait(row)?.reason
}

/// What the checks of the row's account found that keeps it.
pub fn findings<'a>(row: &Row, accounts: &'a Accounts) -> Vec<&'a GoalFinding> {
    let Some(item) = accounts.get(&row.account).filter(|_| asks_for_account(row)) else {
        return Vec::new();
    };
    let goal = row.facts.goal.as_str();
    let is_goal_held = waits_for(row) == Some(WaitReason::GoalHeld);
    let of_goal = |found: &&GoalFinding| {
        is_goal_held && found.gravity == Gravity::Holds && found.goal.as_deref() == Some(goal)
    };
    item.failing_for.iter().chain(item.findings.iter().filter(of_goal)).collect()
}

fn click(row: &Row) -> Option<Click<'_>> {
    let click = row.facts.click.as_ref()?;
    let msclkid = row.facts.click_id()?;
    Some(Click { msclkid, clicked_at: click.clicked_at.map(TextTime), from: click.from })
}

fn desired(row: &Row) -> Desired<'_> {
    let money = row.facts.money;
    let (folded, effects) = state::corrections(row);
    let corrections = row.corrections.iter().zip(effects);
    Desired {
        value: money.map(|money| JsonAmount(money.amount)),
        currency: money.map(|money| money.currency),
        corrections: corrections.map(|(it, effect)| corrected(it, outcome(effect))).collect(),
        net_value: folded.net.map(JsonAmount),
    }
}

type Outcome = (&'static str, Option<&'static str>);

fn outcome(effect: Effect) -> Outcome {
    match effect {
        Effect::Counted => ("counted", None),
        Effect::NoEffect => ("no_effect", None),
        Effect::Refused(refusal) => ("refused", Some(refusal.as_str())),
    }
}

fn corrected(correction: &Correction, (status, reason): Outcome) -> Corrected<'_> {
    Corrected {
        event_id: &correction.event_id,
        source: &correction.source,
        occurred_at: correction.occurred_at.second().into(),
        amount: correction.change.amount.map(JsonAmount),
        new_value: correction.change.new_value.map(JsonAmount),
        currency: correction.change.currency,
        status,
        reason,
    }
}

fn microsoft(row: &Row) -> Option<Microsoft<'_>> {
    let accepted = row.observed.accepted.as_ref()?;
    let money = state::value_at_microsoft(row);
    Some(Microsoft {
        goal: &row.facts.goal,
        conversion_time: row.facts.conversion_time.into(),
        value: money.map(|money| JsonAmount(money.amount)),
        currency: money.map(|money| money.currency),
        accepted_at: accepted.at.into(),
        tracking_id: accepted.tracking_id.as_deref(),
    })
}

fn last_attempt(row: &Row) -> Option<Attempt<'_>> {
    let last = row.observed.last.as_ref()?;
    Some(Attempt {
        at: last.at.into(),
        kind: last.kind,
        outcome: last.outcome,
        code: last.code,
        error_code: last.error_code.as_deref(),
        tracking_id: last.tracking_id.as_deref(),
        advice: errors::look_up(last.code, last.error_code.as_deref())
            .map(|entry| Advice { cause: entry.cause, cure: entry.cure }),
    })
}

fn next_action(row: &Row, policy: &Policy, now: EventTime) -> Next {
    match next(row, policy, now) {
        Some((kind, at)) => Next { action: kind.as_str(), at: Some(at.into()) },
        None => Next { action: "None", at: None },
    }
}
