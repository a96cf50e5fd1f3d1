//! Takes a person out of the tables: clicks and ties first, then the row, which alone tells where
//! they are. A run that dies between two steps is repeated without harm.

use std::collections::BTreeSet;

use tracklayer_core::{
    id::RecordId,
    ledger::row::{Row, RowKey},
    mapping::{Account, Mapping},
    reconcile::{
        attribution::TieKind,
        erasure::{Erasure, Person, erase, persons},
    },
    time::EventTime,
};

use crate::ports::{ErasureItem, Erasures, Forgets, LedgerError, Removed, Rows};

/// How often a row is tried anew when another writer was faster.
const ROUNDS: usize = 8;

/// Carries out erasures.
pub struct Eraser<'a, L, C> {
    /// Where the rows are.
    pub ledger: &'a L,
    /// Where the clicks are.
    pub clicks: &'a C,
    /// Which says whether orders that browsers tied count.
    pub mapping: &'a Mapping,
    /// Now.
    pub now: EventTime,
}

/// What one request has done.
#[derive(Debug)]
pub struct CarriedOut {
    /// What it deleted and erased.
    pub removed: Removed,
    /// Whether rows are left to the audit that nobody has looked at since it was first asked for.
    pub pending: bool,
    /// The rows in which the person was found, now or earlier; some twice.
    pub rows: Vec<RowKey>,
}

impl<L: Rows + Erasures, C: Forgets> Eraser<'_, L, C> {
    /// Erases the person as far as `has_time` allows; the rest is left to the audit, which waits
    /// `audit_period` seconds between two passes.
    ///
    /// # Errors
    /// If a table is unavailable. The audit carries on with what was begun.
    pub async fn carry_out(
        &self,
        mut erasure: Erasure,
        has_time: impl Fn() -> bool,
        audit_period: i64,
    ) -> Result<CarriedOut, LedgerError> {
        erasure.references = self.references(&erasure.person).await?;
        // Before anything goes: whatever becomes of this run, the audit knows what to do.
        let item = self.ledger.begin_erasure(&erasure).await?;
        let removed = self.forget(&item.erasure.person, item.erasure.asked_at).await?;
        let mut done = CarriedOut { removed, pending: true, rows: item.rows.clone() };
        let through = self.erase_rows(&item, has_time, &mut done).await?;
        // Of one that was done before, rows from since then are the audit's as well, without a wait.
        if through || item.done_at.is_some() {
            done.pending = !self.ledger.erasure_done(&item, self.now, audit_period).await?;
        }
        Ok(done)
    }

    /// Erases the rows that the time allows to find. Answers whether those are all.
    async fn erase_rows(
        &self,
        item: &ErasureItem,
        has_time: impl Fn() -> bool,
        done: &mut CarriedOut,
    ) -> Result<bool, LedgerError> {
        let mut after = None;
        while has_time() {
            let page = self.ledger.rows_of(&item.erasure, after.as_ref()).await?;
            for row in page.rows.into_iter().filter(|row| item.erasure.means(row)) {
                if !has_time() {
                    return Ok(false);
                }
                done.rows.push(row.key.clone());
                done.removed += self.erase_row(&item.erasure, row).await?;
            }
            if page.next.is_none() {
                return Ok(true);
            }
            after = page.next;
        }
        Ok(false)
    }

    /// The visitors that are the person's because of the person's own session or record, and their
    /// cookies' values.
    async fn references(&self, person: &Person) -> Result<BTreeSet<RecordId>, LedgerError> {
        let mut references = match (record_of(person), person) {
            (Some((kind, id)), _) => {
                self.clicks.references_of(kind, id, self.browser_order_ties()).await?
            }
            (None, Person::Session(id)) => BTreeSet::from([id.clone()]),
            (None, _) => BTreeSet::new(),
        };
        for visitor in references.clone() {
            references.extend(self.clicks.cookies_of(visitor.as_str()).await?);
        }
        // Who is named by the erasure itself need not be listed.
        if let Person::Session(id) = person {
            references.remove(id);
        }
        Ok(references)
    }

    /// Whether any account credits them: clicks and ties are no account's.
    fn browser_order_ties(&self) -> bool {
        self.mapping.accounts().any(Account::browser_order_ties)
    }

    /// Deletes the clicks until then, and the ties, by which the person is known. An e-mail address
    /// leads to none: its rows do.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    async fn forget(&self, person: &Person, until: EventTime) -> Result<Removed, LedgerError> {
        if let Some((kind, id)) = record_of(person) {
            return self.clicks.forget_record(kind, id, self.browser_order_ties(), until).await;
        }
        let mut removed = Removed::default();
        if let Person::Session(id) = person {
            removed.clicks = self.clicks.forget_visitor(id.as_str(), until).await?;
        }
        Ok(removed)
    }

    /// Erases `row`, if the erasure means it, with all clicks and ties that it leads to.
    ///
    /// # Errors
    /// If a table is unavailable.
    pub async fn erase_row(&self, erasure: &Erasure, row: Row) -> Result<Removed, LedgerError> {
        let mut removed = Removed::default();
        let Some(facts) = row.facts.as_ref().filter(|_| erasure.means(&row)) else {
            return Ok(removed);
        };
        for person in persons(facts) {
            removed += self.forget(&person, erasure.asked_at).await?;
        }
        // Before the row: erased, it is not found any more.
        self.ledger.note_found(erasure, &row.key).await?;
        removed.rows = usize::from(self.erase_facts(erasure, row).await?);
        Ok(removed)
    }

    /// Whether there was still something to erase.
    async fn erase_facts(&self, erasure: &Erasure, mut row: Row) -> Result<bool, LedgerError> {
        for _ in 0..ROUNDS {
            let Some(after) = erase(&row, self.now).filter(|_| erasure.means(&row)) else {
                return Ok(false);
            };
            if self.ledger.change(&row, &after).await? {
                return Ok(true);
            }
            let key = &row.key;
            let siblings = self.ledger.partition(&key.source, &key.event_id, self.now).await?;
            match siblings.into_iter().find(|sibling| sibling.key == row.key) {
                Some(current) => row = current,
                None => return Ok(false),
            }
        }
        Err(LedgerError::Conflict)
    }
}

/// The record that the person is named by.
fn record_of(person: &Person) -> Option<(TieKind, &RecordId)> {
    match person {
        Person::Lead(id) => Some((TieKind::Lead, id)),
        Person::Cart(id) => Some((TieKind::Cart, id)),
        Person::Order(id) => Some((TieKind::Order, id)),
        Person::Session(_) | Person::Email(_) => None,
    }
}
