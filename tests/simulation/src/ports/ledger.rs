//! The ledger's ports over the table in memory.

use tracklayer_core::{
    id::{AccountName, RecordId, Source},
    ledger::{
        observed::Destination,
        row::{Row, RowKey},
    },
    reconcile::note::Write,
    time::EventTime,
};
use tracklayer_edge::ports::{
    AccountItem, AccountItems, AuditState, Audited, Batches, CheckFailure, Claims, Cursor,
    DueEntry, DuePage, Found, GoalCheck, GoalChecks, Index, LedgerError, Place, Pointer, RowPage,
    Rows, Tally, Written,
};

use super::{Lost, Port};
use crate::{mutation::Mutation, plan::OutageOf, table::Table, world::World};

impl From<Lost> for LedgerError {
    fn from(Lost: Lost) -> Self {
        LedgerError::Unavailable("simulated".to_owned())
    }
}

impl Port {
    pub(super) async fn table<T>(&self, effect: impl Fn(&mut Table) -> T) -> Result<T, Lost> {
        let out = self.world().is_out(OutageOf::Ledger);
        self.request(out, |world| effect(&mut open(world))).await
    }

    /// A deliberate mistake about a write; `Some`: it is not carried out at all.
    fn mistake(&self, write: &mut Write, table: &Table) -> Option<Written> {
        let current = table.rows.get(&write.key);
        let observed = write.microsoft.as_mut();
        if self.mutated(Mutation::OneRevision) {
            write.if_desired = None;
        }
        if self.mutated(Mutation::NoDue)
            && write.open.as_ref().is_some_and(|o| o.class.starts_with("wait"))
        {
            write.open = None;
        }
        let (Some(current), Some(observed)) = (current, observed) else { return None };
        if self.mutated(Mutation::UnknownUnmarked) {
            observed.apply_unknown = false;
            observed.unsettled = current.observed.unsettled && observed.unsettled;
        }
        if self.mutated(Mutation::RetractForgotten) {
            observed.retract_claimed = None;
        }
        if self.mutated(Mutation::NoClaim) {
            observed.claim.clone_from(&current.observed.claim);
        }
        let accepts = observed.accepted.is_some() && current.observed.accepted.is_none();
        // Only a row that another one has written since it was read is written this way.
        let second = current.observed.attempts > 0 || current.observed.refusal.is_some();
        (self.mutated(Mutation::AcceptedDropped) && accepts && second)
            .then_some(Written::Conflict(None))
    }

    /// Deliberate mistakes about what is read.
    fn misremember(&self, found: &mut Found) {
        if self.mutated(Mutation::HoldIgnored) {
            found.accounts.values_mut().for_each(|item| item.held_goals.clear());
        }
        let second = self.world().now_ms() / 1_000;
        for row in found.rows.values_mut() {
            if self.mutated(Mutation::EndUnseen)
                && let Some(ended) = self.world().table.borrow().ended.get(&row.key)
            {
                row.facts.clone_from(&ended.before.facts);
            }
            let setting = &self.world().plan.setting;
            let here = Destination {
                environment: self.0.environment,
                account_id: setting.account_id(row.account.as_str(), second).to_owned(),
            };
            let Some(accepted) = row.observed.accepted.as_mut().filter(|it| it.by != here) else {
                continue;
            };
            if self.mutated(Mutation::ElsewhereIsHere) {
                accepted.by = here;
            } else if self.mutated(Mutation::ElsewhereForgotten) {
                row.observed.accepted = None;
            }
        }
    }

    fn write_one(&self, write: &Write, world: &World) -> Written {
        let mut table = open(world);
        let mut write = write.clone();
        if let Some(outcome) = self.mistake(&mut write, &table) {
            return outcome;
        }
        let before = table.rows.get(&write.key).cloned();
        let written = table.write(&write);
        world.tell([write.key.label()], || {
            let outcome = match &written {
                Written::Done => describe(before.as_ref(), &table.rows[&write.key]),
                Written::Conflict(_) => "write meets a conflict".to_owned(),
                Written::Failed(reason) => reason.clone(),
            };
            format!("{} {outcome}", self.0.name)
        });
        written
    }
}

fn open(world: &World) -> std::cell::RefMut<'_, Table> {
    let lag = world.random().between(0, 3_000);
    let mut table = world.table.borrow_mut();
    table.now_ms = world.now_ms();
    table.lag = lag;
    table
}

/// What a write changed, in few words.
fn describe(before: Option<&Row>, after: &Row) -> String {
    let old = before.map(|row| row.observed.clone()).unwrap_or_default();
    let new = &after.observed;
    let mut words = Vec::new();
    if old.claim != new.claim {
        let value = new.claim.as_ref().and_then(|claim| claim.value);
        words.push(value.map_or("claims Retract".to_owned(), |value| format!("claims {value}")));
    }
    if let Some(last) = new.last.as_ref().filter(|last| Some(*last) != old.last.as_ref()) {
        words.push(format!("notes {:?} {:?}", last.kind, last.outcome));
    }
    if old.refusal != new.refusal {
        let reason = new.refusal.as_ref().map(|refusal| refusal.reason.to_string());
        words.push(reason.map_or("lifts the refusal".to_owned(), |why| format!("refuses: {why}")));
    }
    if old.dead_at != new.dead_at {
        words.push(if new.dead_at.is_some() { "dead" } else { "alive again" }.to_owned());
    }
    let goal = |row: &Row| row.facts.as_ref().map(|facts| facts.goal.to_string());
    if let Some(changed) = goal(after).filter(|name| before.and_then(goal).as_ref() != Some(name)) {
        words.push(format!("goal {changed}"));
    }
    match &after.open {
        Some(open) => words.push(format!("open {} {} {:?}", open.class, open.due, open.reason)),
        None => words.push("not open".to_owned()),
    }
    words.join(", ")
}

impl Rows for Port {
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        let known = self.table(|table| table.insert(row, now)).await?;
        self.world().tell([row.key.label()], || match &known {
            None => format!("{} inserts {} {:?}", self.0.name, row.key.event, row.open),
            Some(_) => format!("{} finds the row {} there", self.0.name, row.key.event),
        });
        Ok(known)
    }

    async fn change(&self, before: &Row, after: &Row) -> Result<bool, LedgerError> {
        if self.mutated(Mutation::EndUnwritten) && after.is_erased() {
            return Ok(true);
        }
        let done = self.table(|table| table.change(before, after)).await?;
        self.world().tell([after.key.label()], || {
            let (corrections, ended) = (after.corrections.len(), after.is_erased());
            let open = &after.open;
            let what = format!("{corrections} corrections, {open:?}, ended {ended}");
            format!("{} changes: {what}: {done}", self.0.name)
        });
        Ok(done)
    }

    async fn partition(
        &self,
        source: &Source,
        event_id: &RecordId,
        now: EventTime,
    ) -> Result<Vec<Row>, LedgerError> {
        Ok(self.table(|table| table.partition(source, event_id, now)).await?)
    }

    async fn hand_over(
        &self,
        before: &Row,
        after: &Row,
        orphan: &Row,
    ) -> Result<bool, LedgerError> {
        Ok(self.table(|table| table.hand_over(before, after, orphan)).await?)
    }
}

impl Batches for Port {
    async fn read(&self, keys: &[RowKey], accounts: &[AccountName]) -> Result<Found, LedgerError> {
        let found = self
            .table(|table| {
                let mut found = Found::default();
                table.units.read += (keys.len() + accounts.len()) as u64;
                for key in keys {
                    found.rows.extend(table.rows.get(key).map(|row| (key.clone(), row.clone())));
                }
                for name in accounts {
                    let item = table.accounts.get(name);
                    found.accounts.extend(item.map(|item| (name.clone(), item.clone())));
                }
                found
            })
            .await;
        let mut found = found?;
        self.misremember(&mut found);
        for key in keys {
            if self.world().fault(|faults| faults.unprocessed) {
                found.rows.remove(key);
            }
        }
        for name in accounts {
            if self.world().fault(|faults| faults.unprocessed) {
                found.accounts.remove(name);
                found.unread_accounts.insert(name.to_string());
            }
        }
        Ok(found)
    }

    async fn write(&self, writes: &[Write]) -> Vec<Written> {
        let out = self.world().is_out(OutageOf::Ledger);
        let all = |world: &World| -> Vec<Written> {
            writes.iter().map(|write| self.write_one(write, world)).collect()
        };
        let failed = || writes.iter().map(|_| Written::Failed("simulated".to_owned())).collect();
        self.request(out, all).await.unwrap_or_else(|Lost| failed())
    }
}

impl Claims for Port {
    async fn claim(
        &self,
        claim: &str,
        owner: &RowKey,
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        if self.mutated(Mutation::NoKeyClaim) {
            return Ok(true);
        }
        Ok(self.table(|table| table.claim(claim, owner, now)).await?)
    }

    async fn release(&self, claim: &str, owner: &RowKey) -> Result<(), LedgerError> {
        Ok(self.table(|table| table.release(claim, owner)).await?)
    }

    async fn point(&self, own: &RowKey, pointer: &Pointer) -> Result<Option<Pointer>, LedgerError> {
        Ok(self.table(|table| table.point(own, pointer)).await?)
    }

    async fn pointer(&self, own: &RowKey) -> Result<Option<Pointer>, LedgerError> {
        Ok(self.table(|table| table.pointer(own)).await?)
    }
}

impl AccountItems for Port {
    async fn pause(&self, account: &AccountName, until: EventTime) -> Result<(), LedgerError> {
        let pause = |table: &mut Table| {
            table.accounts.entry(account.clone()).or_default().paused_until = Some(until);
        };
        Ok(self.table(pause).await?)
    }

    async fn trouble(&self, account: &AccountName, at: EventTime) -> Result<(), LedgerError> {
        let note = |table: &mut Table| {
            table.accounts.entry(account.clone()).or_default().troubled_at = Some(at);
        };
        Ok(self.table(note).await?)
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
    async fn account_item(&self, account: &AccountName) -> Result<AccountItem, LedgerError> {
        let read = |table: &mut Table| table.accounts.get(account).cloned().unwrap_or_default();
        let mut item = self.table(read).await?;
        if self.mutated(Mutation::OldNameForgotten) {
            item.once_held.clear();
        }
        Ok(item)
    }

    async fn save_check(
        &self,
        account: &AccountName,
        check: &GoalCheck,
    ) -> Result<(), LedgerError> {
        Ok(self.table(|table| table.save_check(account, check)).await?)
    }

    async fn fail_check(
        &self,
        account: &AccountName,
        failure: &CheckFailure,
    ) -> Result<(), LedgerError> {
        let note = |table: &mut Table| {
            let item = table.accounts.entry(account.clone()).or_default();
            (item.failing_since, item.held) = (Some(failure.since), failure.held);
            item.failing_for = Some(failure.finding.clone());
        };
        Ok(self.table(note).await?)
    }
}

impl Index for Port {
    async fn due(
        &self,
        class: &str,
        now: EventTime,
        limit: i32,
        from: Option<Cursor>,
    ) -> Result<DuePage, LedgerError> {
        Ok(self.table(|table| table.due(class, now, limit, from.as_ref())).await?)
    }

    async fn tally(&self, class: &str, _pages: usize) -> Result<Tally, LedgerError> {
        Ok(self.table(|table| table.tally(class)).await?)
    }

    async fn postpone(&self, seen: &DueEntry, until: EventTime) -> Result<bool, LedgerError> {
        Ok(self.table(|table| table.postpone(seen, until)).await?)
    }

    async fn let_go(&self, seen: &DueEntry, due: EventTime) -> Result<bool, LedgerError> {
        Ok(self.table(|table| table.let_go(seen, due)).await?)
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
