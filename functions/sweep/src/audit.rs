//! The audit: every row is looked at once a week, for what nothing drives any more.
//!
//! It reads all rows page by page, as far as the run's time goes, and keeps its place in the ledger
//! for the next run. Its state is saved on condition of its revision, so of two runs at once only
//! one goes on; a page that was worked on but not saved is worked on again, which changes nothing.
//! Persons that are to be erased are erased from each page; one that waits for it starts a pass.
//! Reading costs one read unit per 8 KB, about $0.014 for a million rows.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tracklayer_core::{
    ledger::row::Row,
    reconcile::{
        audit::{Finding, examine},
        decide::{AccountView, is_about_to_expire},
        note::{Context, Write},
        totals::Total,
    },
    time::EventTime,
};
use tracklayer_edge::ports::{
    AuditState, Audited, Batches, ErasureItem, Erasures, Forgets, LedgerError, Metric, Ports,
    Telemetry, Written,
};

use crate::{context::Sweep, erasures::is_any_pending, signals::Span, wire::AuditSummary};

/// Items per page: about half a megabyte.
const PAGE: i32 = 1_000;

/// What one run's pages have in common.
struct Pass {
    now: EventTime,
    /// Seconds between two passes.
    period: i64,
    /// Whom to erase.
    erasures: Vec<ErasureItem>,
}

/// Findings of one page, by account and metric.
type Counts = BTreeMap<String, BTreeMap<&'static str, usize>>;

impl<P: Ports> Sweep<P>
where
    P::Ledger: Audited + Erasures,
    P::Clicks: Forgets,
{
    /// Goes on with the audit, or begins one when `hours` of the policy have passed since the last.
    ///
    /// # Errors
    /// If the ledger is unavailable. The next run goes on from the last page that was saved.
    pub async fn audit(&self, span: &Span, hours: i64) -> Result<AuditSummary, LedgerError> {
        let mut summary = AuditSummary::default();
        let mut state = self.ledger.audit_state().await?;
        let erasures = self.ledger.erasures(span.now).await?;
        let pending = is_any_pending(&erasures, span.now, self.policy.hour / 60);
        if !pending && !is_due(&state, span.now, hours * self.policy.hour) {
            return Ok(summary);
        }
        if state.started_at.is_none() {
            state = AuditState {
                revision: state.revision,
                finished_at: state.finished_at,
                started_at: Some(span.now),
                ..AuditState::default()
            };
        }
        let pass = Pass { now: span.now, period: hours * self.policy.hour, erasures };
        while span.has_time(&self.clock) && !summary.audit_finished {
            if !self.audit_page(&mut state, &pass, &mut summary).await? {
                break;
            }
        }
        Ok(summary)
    }

    /// One page. False if another run has gone on meanwhile.
    async fn audit_page(
        &self,
        state: &mut AuditState,
        pass: &Pass,
        summary: &mut AuditSummary,
    ) -> Result<bool, LedgerError> {
        let now = pass.now;
        let page = self.ledger.rows(state.after.as_ref(), PAGE).await?;
        let mut counts = Counts::new();
        let mut writes = Vec::new();
        for row in &page.rows {
            state.totals.add(row);
            match self.erase(row, &pass.erasures, now).await? {
                true => summary.audit_erased += 1,
                false => self.audit_row(row, now, &mut writes, &mut counts),
            }
        }
        let (stuck, ended) = self.carry_out(writes).await;
        state.stuck += u64::try_from(stuck).unwrap_or(0);
        state.ended += u64::try_from(ended).unwrap_or(0);
        state.after = page.next;
        summary.audited += page.rows.len();
        summary.audit_stuck += stuck;
        summary.audit_ended += ended;
        if state.after.is_none() {
            let began = state.started_at.unwrap_or(now);
            self.finish_erasures(&pass.erasures, began, now, pass.period).await?;
            state.finished_at = Some(now);
            state.started_at = None;
        }
        if !self.ledger.save_audit(state).await? {
            return Ok(false);
        }
        state.revision += 1;
        self.emit_audit(counts);
        if state.after.is_none() {
            summary.audit_finished = true;
            self.tell_audit(state);
        }
        Ok(true)
    }

    fn audit_row(
        &self,
        row: &Row,
        now: EventTime,
        writes: &mut Vec<(bool, Write)>,
        counts: &mut Counts,
    ) {
        let account = AccountView::default();
        let context = Context { account: &account, now, policy: &self.policy };
        let mut count = |name| {
            *counts.entry(row.account.to_string()).or_default().entry(name).or_default() += 1;
        };
        if is_about_to_expire(row, now) {
            count("AboutToExpire");
        }
        match examine(row, &context) {
            Finding::Fine => {}
            Finding::Stuck(write) => {
                tracing::warn!(record = row.key.label(), "stuck: nothing drove it, due again");
                count("Stuck");
                writes.push((true, *write));
            }
            Finding::Ended(write) => writes.push((false, *write)),
        }
    }

    /// Answers with how many stuck rows are due again and how many ended ones left the index. A row
    /// that somebody else changed meanwhile is not stuck.
    async fn carry_out(&self, writes: Vec<(bool, Write)>) -> (usize, usize) {
        let (kinds, writes): (Vec<bool>, Vec<Write>) = writes.into_iter().unzip();
        if writes.is_empty() {
            return (0, 0);
        }
        let outcomes = self.ledger.write(&writes).await;
        let done = |wanted: bool| {
            let pairs = kinds.iter().zip(&outcomes);
            pairs.filter(|(kind, outcome)| **kind == wanted && **outcome == Written::Done).count()
        };
        (done(true), done(false))
    }

    fn emit_audit(&self, counts: Counts) {
        for (account, counts) in counts {
            let metrics: Vec<Metric> =
                counts.into_iter().map(|(name, count)| Metric::count(name, count)).collect();
            self.telemetry.emit(&account, &metrics);
        }
    }

    /// The line to compare with an order log.
    fn tell_audit(&self, state: &AuditState) {
        let total = |(key, total): (&str, &Total)| (key.to_owned(), json!(total));
        let totals: Map<String, Value> = state.totals.iter().map(total).collect();
        let members = json!({"stuck": state.stuck, "ended": state.ended, "totals": totals});
        if let Value::Object(members) = members {
            self.telemetry.line("audit finished", members);
        }
    }
}

fn is_due(state: &AuditState, now: EventTime, interval: i64) -> bool {
    let waited = state.finished_at.is_none_or(|at| at.plus_seconds(interval) <= now);
    state.started_at.is_some() || waited
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_begins_when_its_time_has_come_and_goes_on_until_it_is_through() {
        let now = EventTime::from_epoch(1_000_000);
        let at = |seconds| Some(now.plus_seconds(seconds));
        assert!(is_due(&AuditState::default(), now, 60));
        let waiting = AuditState { finished_at: at(-59), ..AuditState::default() };
        assert!(!is_due(&waiting, now, 60));
        assert!(is_due(&AuditState { finished_at: at(-60), ..AuditState::default() }, now, 60));
        assert!(is_due(&AuditState { started_at: at(-1), ..waiting }, now, 60));
    }
}
