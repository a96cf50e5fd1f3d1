//! What the events of one request share.

use std::cell::RefCell;
use std::collections::HashMap;

use tracklayer_core::event::{Conversion, ErrorCode, EventError};
use tracklayer_core::field::Field;
use tracklayer_core::id::{AccountName, Source};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::second::claim_of;
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::erase_person::KnownErasures;
use tracklayer_edge::ports::{IngestKey, LedgerError, Partition, Ports, Rows as _};

use crate::clicks::SharedClicks;
use crate::context::Enqueue;
use crate::denials::Denials;

/// How often a row is tried anew when another writer was faster.
pub(crate) const ROUNDS: usize = 8;

/// A request, while its events are stored.
pub(crate) struct Call<'a, P: Ports> {
    pub enqueue: &'a Enqueue<P>,
    pub ledger: &'a P::Ledger,
    pub clicks: SharedClicks<'a, P::Clicks>,
    pub key: &'a IngestKey,
    pub now: EventTime,
    account: AccountView,
    /// What is ended by a denial later in the request: upload must not send it before.
    denials: Denials<'a>,
    pub erasures: KnownErasures,
    /// Signals of rows that are written: sent together, ten a request.
    signals: RefCell<Vec<Signal>>,
    /// Corrections that can have no effect, as the log names them, each with its account.
    lost: RefCell<Vec<(AccountName, String)>>,
    /// How many events of the request share a click (or person) and second: each takes the next one.
    seconds: RefCell<HashMap<String, i64>>,
}

impl<'a, P: Ports> Call<'a, P> {
    pub fn new(
        enqueue: &'a Enqueue<P>, key: &'a IngestKey, now: EventTime, denials: Denials<'a>,
    ) -> Self {
        Call {
            enqueue,
            ledger: &enqueue.ledger,
            clicks: SharedClicks::new(&enqueue.clicks),
            key,
            now,
            account: AccountView::default(),
            denials,
            erasures: KnownErasures::new(),
            signals: RefCell::default(),
            lost: RefCell::default(),
            seconds: RefCell::default(),
        }
    }

    /// By how many seconds a conversion with these facts is shifted at least.
    pub fn next_second(&self, account: &AccountName, facts: &Facts) -> i64 {
        let Some(claim) = claim_of(account, &facts.identity, facts.conversion_time) else {
            return 0;
        };
        let mut seconds = self.seconds.borrow_mut();
        let next = seconds.entry(claim).or_insert(-1);
        *next += 1;
        *next
    }

    /// Has the row signalled once the rows around it are written.
    pub fn signal(&self, row: &Row, not_before: Option<EventTime>) {
        if self.denials.mean(row) {
            return;
        }
        self.signals.borrow_mut().push(Signal::new(row, not_before));
    }

    /// Whether an event of the request denies this one's order: nothing of it is stored then.
    pub fn is_denied(&self, conversion: &Conversion) -> bool {
        conversion.order.as_ref().is_some_and(|order| self.denials.include(order))
    }

    /// The signals of rows that were written since it was last asked.
    pub fn drain_signals(&self) -> Vec<Signal> {
        self.signals.take()
    }

    /// Has corrections of this account counted and logged that can have no effect.
    pub fn lose(&self, account: &AccountName, corrections: impl IntoIterator<Item = String>) {
        let lost = corrections.into_iter().map(|correction| (account.clone(), correction));
        self.lost.borrow_mut().extend(lost);
    }

    pub fn into_lost(self) -> Vec<(AccountName, String)> {
        self.lost.into_inner()
    }

    /// Whether the key may speak for this source and account.
    pub fn allows(&self, source: &Source, account: Option<&AccountName>) -> Result<(), EventError> {
        let field = if !self.key.scope.covers_source(source) {
            Field::Source
        } else if account.is_some_and(|account| !self.key.scope.covers_account(account)) {
            Field::Account
        } else {
            return Ok(());
        };
        Err(EventError::at(ErrorCode::SourceNotAllowed, field, "is not covered by this key"))
    }

    /// Whether the key may speak for the row's source and account.
    pub fn covers(&self, row: &Row) -> bool {
        self.allows(&row.key.source, Some(&row.account)).is_ok()
    }

    pub fn context(&self) -> Context<'_> {
        Context { account: &self.account, now: self.now, policy: &self.enqueue.policy }
    }

    /// The row under `key`, or where an event of this name leads.
    pub async fn known(&self, key: &RowKey) -> Result<Partition, LedgerError> {
        self.ledger.known(key, self.now).await
    }

    /// The row as it is now, if it is there.
    pub async fn row(&self, key: &RowKey) -> Result<Option<Row>, LedgerError> {
        Ok(self.known(key).await?.rows.pop())
    }

    /// Has `write` try with the row as it is, until it has written: it answers `None` where another
    /// writer was faster.
    pub async fn rewrite<T>(
        &self, mut row: Row, write: impl AsyncFn(Row) -> Result<Option<T>, LedgerError>,
    ) -> Result<T, LedgerError> {
        let key = row.key.clone();
        for _ in 0..ROUNDS {
            if let Some(written) = write(row).await? {
                return Ok(written);
            }
            row = self.row(&key).await?.ok_or(LedgerError::Conflict)?;
        }
        Err(LedgerError::Conflict)
    }
}
