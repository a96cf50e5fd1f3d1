//! The audit: every row is looked at once a week, for what nothing drives any more.
//!
//! It reads all rows page by page, as far as the run's time allows, and keeps its place in the ledger
//! for the next run. Its state is saved on condition of its revision, so of two runs at once only
//! one goes on; a page that was worked on but not saved is worked on again, which changes nothing.
//! Persons that are to be erased are erased from each page; one that waits for it starts a pass. One
//! row's trouble never ends it. Reading costs one read unit per 8 KB, about $0.014 for a million rows.

use serde_json::{Map, Value, json};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::audit::{Finding, examine};
use tracklayer_core::reconcile::decide::{AccountView, is_about_to_expire};
use tracklayer_core::reconcile::note::{Context, Write};
use tracklayer_core::reconcile::totals::Total;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    AuditState, Audited, Batches, Counts, ErasureItem, Erasures, LedgerError, Ports, RowPage,
    Telemetry, Traces, Written,
};

use crate::context::Sweep;
use crate::erasures::{Erased, is_waiting};
use crate::span::Span;
use crate::wire::AuditSummary;

/// Items per page: about half a megabyte.
const PAGE: i32 = 1_000;
/// The account of what has none, or none that can be read.
const NO_ACCOUNT: &str = "none";

/// What one run's pages have in common.
struct Pass {
    now: EventTime,
    period: i64,
    erasures: Vec<ErasureItem>,
}

/// What one page has come to.
#[derive(Default)]
struct Found {
    counts: Counts,
    stuck: usize,
    erased: usize,
    /// Rows that are due again, or leave the index.
    writes: Vec<Write>,
}

impl Found {
    fn is_stuck(&mut self, account: &str) {
        self.counts.add(account, "Stuck", 1);
        self.stuck += 1;
    }
}

impl<P: Ports> Sweep<P>
where
    P::Ledger: Audited + Erasures,
    P::Clicks: Traces,
{
    /// Goes on with the audit, or begins one when `hours` of the policy have passed since the last,
    /// or an erasure waits for it.
    ///
    /// # Errors
    /// If the ledger is unavailable. The next run goes on from the last page that was saved.
    pub async fn audit(&self, span: &Span, hours: i64) -> Result<AuditSummary, LedgerError> {
        let mut summary = AuditSummary::default();
        let mut state = self.ledger.audit_state().await?;
        let pass = Pass {
            now: span.now,
            period: hours * self.policy.hour,
            erasures: self.erasures(span).await?,
        };
        let waits = pass.erasures.iter().any(|item| is_waiting(item, span.now));
        if !waits && !is_due(&state, span.now, pass.period) {
            return Ok(summary);
        }
        if state.started_at.is_none() {
            let AuditState { revision, finished_at, .. } = state;
            let started_at = Some(span.now);
            state = AuditState { revision, finished_at, started_at, ..AuditState::default() };
        }
        while span.has_time(&self.clock) && !summary.audit_finished {
            if !self.audit_page(&mut state, &pass, &mut summary).await? {
                break;
            }
        }
        if summary.audit_erased > 0 {
            // Their clicks are known now.
            self.erasures(span).await?;
        }
        Ok(summary)
    }

    /// One page. False if another run has gone on meanwhile.
    async fn audit_page(
        &self, state: &mut AuditState, pass: &Pass, summary: &mut AuditSummary,
    ) -> Result<bool, LedgerError> {
        let page = self.ledger.rows(state.after.as_ref(), PAGE).await?;
        let mut found = Found::default();
        self.audit_rows(&page, state, pass, &mut found).await?;
        summary.audited += page.rows.len();
        summary.audit_erased += found.erased;
        summary.audit_stuck += found.stuck;
        self.carry_out(&found.writes).await;
        state.stuck += u64::try_from(found.stuck).unwrap_or(0);
        state.after = page.next;
        if state.after.is_none() {
            let began = state.started_at.take().unwrap_or(pass.now);
            self.finish_erasures(began, pass.now, pass.period).await?;
            state.finished_at = Some(pass.now);
        }
        if !self.ledger.save_audit(state).await? {
            return Ok(false);
        }
        state.revision += 1;
        found.counts.emit(&self.telemetry);
        if state.after.is_none() {
            summary.audit_finished = true;
            self.report_audit(state);
        }
        Ok(true)
    }

    async fn audit_rows(
        &self, page: &RowPage, state: &mut AuditState, pass: &Pass, found: &mut Found,
    ) -> Result<(), LedgerError> {
        for row in &page.rows {
            state.totals.add(row);
            match self.erase(row, &pass.erasures, pass.now).await? {
                Erased::Done => found.erased += 1,
                Erased::Failed => found.is_stuck(row.account.as_str()),
                Erased::NotMeant => self.audit_row(row, pass.now, found),
            }
        }
        for row in &page.unreadable {
            tracing::error!(pk = row.pk, why = %row.why, "stuck: the row can't be read");
            found.is_stuck(NO_ACCOUNT);
            self.erase_later(row, &pass.erasures, pass.now).await?;
        }
        Ok(())
    }

    fn audit_row(&self, row: &Row, now: EventTime, found: &mut Found) {
        let account = AccountView::default();
        if is_about_to_expire(row, now) {
            tracing::warn!(record = row.key.label(), "can be sent for a few days more only");
            found.counts.add(row.account.as_str(), "AboutToExpire", 1);
        }
        match examine(row, &Context { account: &account, now, policy: &self.policy }) {
            Finding::Fine => {}
            Finding::Stuck(write) => {
                tracing::warn!(record = row.key.label(), "stuck: nothing drove it, due again");
                found.is_stuck(row.account.as_str());
                found.writes.push(*write);
            }
            Finding::Ended(write) => found.writes.push(*write),
        }
    }

    /// A row that somebody else has changed meanwhile is left alone.
    async fn carry_out(&self, writes: &[Write]) {
        if writes.is_empty() {
            return;
        }
        for (write, outcome) in writes.iter().zip(self.ledger.write(writes).await) {
            if let Written::Failed(why) = outcome {
                tracing::error!(record = write.key.label(), why, "left to the next audit");
            }
        }
    }

    /// The line to compare with an order log.
    fn report_audit(&self, state: &AuditState) {
        let total = |(key, total): (&str, &Total)| (key.to_owned(), json!(total));
        let totals: Map<String, Value> = state.totals.iter().map(total).collect();
        let stuck = ("stuck".to_owned(), json!(state.stuck));
        let members = [stuck, ("totals".to_owned(), Value::Object(totals))];
        self.telemetry.line("audit finished", members.into_iter().collect());
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
