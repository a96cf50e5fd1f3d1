//! The ledger's other items, the index, and all rows for the audit.

use std::collections::BTreeMap;

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_core::ledger::order::{OrderClaim, OrderKey, OrderOwner, SameOrder};
use tracklayer_core::ledger::row::{PartitionKey, RowKey};
use tracklayer_core::microsoft::report::DayOutcome;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    AccountItem, AccountItems, AuditState, Audited, CheckFailure, Claims, Counted, Cursor,
    GoalCheck, GoalChecks, Index, LedgerError, OpenEntry, OpenPage, Orders, OutcomeHistory,
    Outcomes, Place, Pointer, RowPage,
};

use super::Port;
use crate::{mutation::Mutation, table::Table};
use tracklayer_edge::ports::Clock as _;

impl Claims for Port {
    async fn claim(
        &self, claim: &str, owner: &RowKey, now: EventTime,
    ) -> Result<bool, LedgerError> {
        if self.mutated(Mutation::NoKeyClaim) {
            return Ok(true);
        }
        Ok(self.table(|table| table.claim(claim, owner, now)).await?)
    }

    async fn point(
        &self, own: &PartitionKey, pointer: &Pointer, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        Ok(self.table(|table| table.point(own, pointer, now)).await?)
    }

    async fn pointer(
        &self, own: &PartitionKey, now: EventTime,
    ) -> Result<Option<Pointer>, LedgerError> {
        Ok(self.table(|table| table.pointer(own, now)).await?)
    }

    async fn remove_pointer(
        &self, own: &PartitionKey, fingerprint: &str,
    ) -> Result<(), LedgerError> {
        Ok(self.table(|table| table.remove_pointer(own, fingerprint)).await?)
    }
}

impl Orders for Port {
    async fn claim_order(
        &self, order: &OrderKey, owner: &OrderOwner, now: EventTime,
    ) -> Result<Option<OrderClaim>, LedgerError> {
        if self.mutated(Mutation::NoOrderClaim) {
            return Ok(None);
        }
        let known = self.table(|table| table.claim_order(order, owner, now)).await?;
        self.world().announce(|| format!("{} claims {order} for {owner}: {known:?}", self.0.name));
        Ok(known.filter(|_| !self.joins_late(owner)))
    }

    async fn take_over_order(
        &self, order: &OrderKey, from: &OrderClaim, owner: &OrderOwner, now: EventTime,
    ) -> Result<bool, LedgerError> {
        let anyhow = self.mutated(Mutation::OrderTakenAnyhow);
        let take = |table: &mut Table| table.take_over_order(order, from, owner, anyhow, now);
        let taken = self.table(take).await?;
        self.world().announce(|| format!("{} takes {order} over: {taken}", self.0.name));
        Ok(taken)
    }

    async fn point_to_order(
        &self, notice: &PartitionKey, pointer: &SameOrder, now: EventTime,
    ) -> Result<(), LedgerError> {
        let is_there = self.table(|table| table.point_to_order(notice, pointer, now)).await?;
        if is_there { Ok(()) } else { Err(LedgerError::Conflict) }
    }
}

impl AccountItems for Port {
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError> {
        let read = |table: &mut Table| table.accounts.get(account).cloned().unwrap_or_default();
        let mut item = self.table(read).await?;
        if self.mutated(Mutation::OldNameForgotten) {
            item.once_held.clear();
        }
        Ok(item)
    }

    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        let pause = |table: &mut Table| {
            table.accounts.entry(account.clone()).or_default().paused_until = Some(until);
        };
        Ok(self.table(pause).await?)
    }

    async fn refuse_secret(&self, account: &AccountName, version: &str) -> Result<(), LedgerError> {
        let refuse = |table: &mut Table| {
            let item = table.accounts.entry(account.clone()).or_default();
            item.refused_secret_version = Some(version.to_owned());
        };
        Ok(self.table(refuse).await?)
    }
}

impl GoalChecks for Port {
    async fn save_check(
        &self, account: &AccountName, check: &GoalCheck,
    ) -> Result<(), LedgerError> {
        Ok(self.table(|table| table.save_check(account, check)).await?)
    }

    async fn fail_check(
        &self, account: &AccountName, failure: &CheckFailure,
    ) -> Result<bool, LedgerError> {
        let note = |table: &mut Table| {
            let item = table.accounts.entry(account.clone()).or_default();
            let is_over = item.checked_at.is_some_and(|at| at > failure.began);
            if !is_over {
                (item.failing_since, item.held) = (Some(failure.since), failure.held);
                item.failing_for = Some(failure.finding.clone());
                item.shared_with.clone_from(&failure.shared_with);
            }
            !is_over
        };
        Ok(self.table(note).await?)
    }
}

impl OutcomeHistory for Port {
    async fn outcomes(&self, account: &AccountName, first: &str) -> Result<Outcomes, LedgerError> {
        let read = |table: &mut Table| table.outcomes.get(account).cloned().unwrap_or_default();
        let mut outcomes = self.table(read).await?;
        outcomes.values_mut().for_each(|days| days.retain(|day| &*day.day >= first));
        Ok(outcomes)
    }

    async fn keep_outcome(
        &self, account: &AccountName, goal: &str, day: &DayOutcome,
    ) -> Result<(), LedgerError> {
        let keep = |table: &mut Table| {
            let goals = table.outcomes.entry(account.clone()).or_default();
            let days = goals.entry(goal.to_owned()).or_default();
            days.retain(|it| it.day != day.day);
            days.push(day.clone());
        };
        Ok(self.table(keep).await?)
    }
}

const HOUR: i64 = 3_600;

impl Index for Port {
    async fn open(
        &self, index_key: &str, until: Option<EventTime>, limit: Option<i32>, from: Option<Cursor>,
    ) -> Result<OpenPage, LedgerError> {
        Ok(self.table(|table| table.open(index_key, until, limit, from.as_ref())).await?)
    }

    async fn tally(
        &self, index_key: &str, _pages: usize,
    ) -> Result<BTreeMap<String, Counted>, LedgerError> {
        Ok(self.table(|table| table.tally(index_key)).await?)
    }

    async fn move_entry(&self, seen: &OpenEntry, next: &OpenEntry) -> Result<bool, LedgerError> {
        if next.class != seen.class {
            let forgotten = self.mutated(Mutation::HeldForgotten);
            return Ok(!forgotten && self.table(|table| table.move_entry(seen, next)).await?);
        }
        let key = seen.row().filter(|_| seen.class == IndexClass::Look);
        let repeats = key.is_some() && next.due <= self.now().plus_seconds(HOUR);
        if self.mutated(Mutation::LookLost) && repeats {
            return Ok(true);
        }
        let postpone = |table: &mut Table| {
            let done = table.move_entry(seen, next);
            if let Some(key) = key.clone().filter(|_| done && !repeats) {
                self.0.looks.borrow_mut().insert(key);
            }
            done
        };
        let done = self.table(postpone).await;
        if let Some(key) = key.filter(|_| repeats) {
            // Once it could not be written, nothing is left but the next look.
            self.0.looks.borrow_mut().remove(&key);
        }
        self.world().tell([seen.partition.label()], || {
            format!("{} moves due to {}: {:?}", self.0.name, next.due, done.as_ref().ok())
        });
        Ok(done?)
    }
}

impl Audited for Port {
    async fn audit_state(&self) -> Result<AuditState, LedgerError> {
        Ok(self.table(|table| table.audit()).await?)
    }

    async fn save_audit(&self, state: &AuditState) -> Result<bool, LedgerError> {
        Ok(self.table(|table| table.save_audit(state)).await?)
    }

    async fn rows(&self, after: Option<&Place>, _limit: i32) -> Result<RowPage, LedgerError> {
        Ok(self.table(|table| table.page(after)).await?)
    }
}
