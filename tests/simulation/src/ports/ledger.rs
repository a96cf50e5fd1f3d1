//! Rows and orphans, one by one and many at once.

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::order::OrderOwner;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::reconcile::note::Write;
use tracklayer_core::reconcile::orphans::Moved;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{
    Batches, Found, LedgerError, Orphans, Partition, Pointer, Rows, Written,
};

use super::{Lost, Port};
use crate::{mutation::Mutation, oracle, plan::OutageOf, table::Table, world::World};

impl From<Lost> for LedgerError {
    fn from(Lost: Lost) -> Self {
        LedgerError::Unavailable("simulated".to_owned())
    }
}

impl Port {
    pub(super) async fn table<T>(&self, effect: impl Fn(&mut Table) -> T) -> Result<T, Lost> {
        let out = self.world().is_out(OutageOf::Ledger);
        // What people ask is not what a conversion costs.
        let is_free = self.0.name.starts_with("status");
        let on_table = |world: &World| {
            let mut table = open(world);
            let units = table.units;
            let result = effect(&mut table);
            if is_free {
                table.units = units;
            }
            result
        };
        self.request(out, on_table).await
    }

    fn write_one(&self, write: &Write, world: &World) -> Written {
        let mut write = write.clone();
        let before = world.table.borrow().rows.get(&write.key).cloned();
        if let Some(outcome) = self.mistake(&mut write, before.as_ref()) {
            return outcome;
        }
        let written = open(world).write(&write, &self.0.name);
        let table = world.table.borrow();
        let after = table.rows.get(&write.key);
        world.tell([write.key.label()], || {
            let outcome = match &written {
                Written::Done => after.map(|after| describe(before.as_ref(), after)),
                Written::Conflict(_) => Some("write meets a conflict".to_owned()),
                Written::Failed(reason) => Some(reason.clone()),
            };
            format!("{} {}", self.0.name, outcome.unwrap_or_default())
        });
        if let (Written::Done, Some(before), Some(after)) = (&written, &before, after) {
            oracle::check_write(world, &self.0, before, after);
        }
        written
    }
}

impl Port {
    fn tell_orphan(&self, after: &Orphan, done: bool) {
        self.world().tell([after.key.label()], || {
            let (waiting, open) = (after.corrections.len(), &after.open);
            format!("{} has {waiting} corrections wait, {open:?}: {done}", self.0.name)
        });
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
    if old.applying != new.applying {
        let claimed = new.applying.is_some();
        words.push(if claimed { "claims Apply" } else { "claims nothing" }.to_owned());
    }
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
    if let Some(before) = before.filter(|before| before.facts != after.facts) {
        let name = |row: &Row| row.facts.click_id().map(|id| id.as_str().to_owned());
        words.push(format!("click {:?} -> {:?}", name(before), name(after)));
        words.push(format!("goal {}", after.facts.goal));
    }
    match &after.open {
        Some(open) => words.push(format!("open {} {} {:?}", open.class, open.due, open.reason)),
        None => words.push("not open".to_owned()),
    }
    words.join(", ")
}

impl Rows for Port {
    async fn insert(&self, row: &Row, now: EventTime) -> Result<Option<Row>, LedgerError> {
        let mut row = row.clone();
        let facts = &mut row.facts;
        if self.mutated(Mutation::EarlierThanClick) && facts.earliest_time() > facts.occurred_at {
            facts.conversion_time = facts.occurred_at;
        }
        let known = self.table(|table| table.insert(&row, now)).await?;
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
        let improves = after.facts != before.facts && !after.is_erased();
        if self.mutated(Mutation::NoticeUnread) && improves {
            return Ok(true);
        }
        let is_order = after.facts.order.is_some() && before.facts.order.is_none();
        if is_order && self.joins_late(&OrderOwner::Row(after.key.clone())) {
            return Ok(true);
        }
        let done = self.table(|table| table.change(before, after)).await?;
        if done && after.is_erased() && !before.is_erased() {
            oracle::check_ended(self.world(), &self.0, before);
        }
        self.world().tell([after.key.label()], || {
            let (corrections, ended) = (after.corrections.len(), after.is_erased());
            let open = &after.open;
            let what = format!("{corrections} corrections, {open:?}, ended {ended}");
            format!("{} changes: {what}: {done}", self.0.name)
        });
        Ok(done)
    }

    async fn partition(&self, id: &PartitionKey, now: EventTime) -> Result<Partition, LedgerError> {
        let mut found = self.table(|table| table.partition(id, now)).await?;
        if self.mutated(Mutation::OrphanForgotten) && !found.rows.is_empty() {
            found.orphan = None;
        }
        Ok(found)
    }
}

impl Orphans for Port {
    async fn record_in_orphan(
        &self, before: Option<&Orphan>, after: &Orphan, own: &PartitionKey, pointer: &Pointer,
        now: EventTime,
    ) -> Result<bool, LedgerError> {
        let record = |table: &mut Table| {
            let free = table.pointer(own, now).is_none();
            let done = free && table.put_orphan(before, after, now);
            if done {
                table.point(own, pointer, now);
            }
            done
        };
        let done = self.table(record).await?;
        self.tell_orphan(after, done);
        Ok(done)
    }

    async fn save_orphan(&self, before: &Orphan, after: &Orphan) -> Result<bool, LedgerError> {
        let now = before.recorded_at;
        let done = self.table(|table| table.put_orphan(Some(before), after, now)).await?;
        self.tell_orphan(after, done);
        Ok(done)
    }

    async fn move_corrections(
        &self, from: &Orphan, to: &Row, moved: &Moved,
    ) -> Result<bool, LedgerError> {
        let mut moved = moved.clone();
        if self.mutated(Mutation::CorrectionLost) {
            moved.row.corrections.clone_from(&to.corrections);
        }
        if self.mutated(Mutation::TooManyWaiting) {
            moved.orphan.corrections.iter_mut().for_each(|it| it.refused = None);
        }
        let is_own = from.key.pk() == to.key.pk();
        if self.mutated(Mutation::NoticeCorrectionsLeft) && !is_own {
            return Ok(true);
        }
        let done = self.table(|table| table.move_corrections(from, to, &moved)).await?;
        self.world().tell([to.key.label()], || {
            let (now, left) = (moved.row.corrections.len(), moved.orphan.corrections.len());
            format!("{} moves corrections: {now} and {left} left: {done}", self.0.name)
        });
        Ok(done)
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
