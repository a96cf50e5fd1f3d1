//! Takes a person out of the tables: clicks and ties first, then the row, which alone tells where
//! they are. A run that dies between two steps is repeated without harm.

use tracklayer_core::{
    erasure::{Erasure, Person, erase},
    record::{Facts, Row},
    time::EventTime,
};

use crate::{
    clicks::TieKind,
    ledger::LedgerError,
    ports::{Erasures, Forgets, Removed, Rows},
};

/// How often a row is tried anew when another writer was faster.
const ROUNDS: usize = 8;

/// Carries out erasures.
pub struct Eraser<'a, L, C> {
    /// Where the rows are.
    pub ledger: &'a L,
    /// Where the clicks are.
    pub clicks: &'a C,
    /// Now.
    pub now: EventTime,
}

impl<L: Rows + Erasures, C: Forgets> Eraser<'_, L, C> {
    /// Deletes the clicks and ties by which the person is known. An e-mail address leads to none:
    /// its rows do.
    ///
    /// # Errors
    /// If the clicks are unavailable.
    pub async fn forget(&self, person: &Person) -> Result<Removed, LedgerError> {
        match person {
            Person::Session(id) => {
                let clicks = self.clicks.forget_clicks(id.as_str(), None).await?;
                Ok(Removed { clicks, ..Removed::default() })
            }
            Person::Lead(id) => self.clicks.forget_record(TieKind::Lead, id).await,
            Person::Cart(id) => self.clicks.forget_record(TieKind::Cart, id).await,
            Person::Order(id) => self.clicks.forget_record(TieKind::Order, id).await,
            Person::Email(_) => Ok(Removed::default()),
        }
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
            removed += self.forget(&person).await?;
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
        Err(LedgerError::Unavailable("other writers are always faster".to_owned()))
    }
}

/// By whatever else the row knows the person.
fn persons(facts: &Facts) -> Vec<Person> {
    let references = facts.references.clone();
    let click = facts.click.as_ref().and_then(|click| click.reference.clone());
    let sessions = references.session.into_iter().chain(click).map(Person::Session);
    let records = [
        references.lead.map(Person::Lead),
        references.cart.map(Person::Cart),
        references.order.map(Person::Order),
    ];
    sessions.chain(records.into_iter().flatten()).collect()
}
