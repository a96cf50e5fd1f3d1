//! What the events of one request share.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tracklayer_core::event::field::Field;
use tracklayer_core::event::{Conversion, ErrorCode, EventError};
use tracklayer_core::id::{AccountName, Source};
use tracklayer_core::ledger::facts::Facts;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::reconcile::decide::{AccountView, Policy};
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::time::EventTime;
use tracklayer_edge::ports::{IngestKey, claim_of};

use crate::denial::Denials;

/// A request, while its events are stored.
pub(crate) struct Call<'a> {
    pub key: &'a IngestKey,
    pub now: EventTime,
    account: AccountView,
    /// What is ended by a denial later in the request: upload must not send it before.
    denials: Denials<'a>,
    /// Signals of rows that are written: sent together, ten a request.
    signals: Mutex<Vec<Signal>>,
    /// How many events of the request share a click (or person) and second: each takes the next one.
    seconds: Mutex<HashMap<String, i64>>,
}

impl<'a> Call<'a> {
    pub fn new(key: &'a IngestKey, now: EventTime, denials: Denials<'a>) -> Self {
        let account = AccountView::default();
        let (signals, seconds) = (Mutex::default(), Mutex::default());
        Call { key, now, account, denials, signals, seconds }
    }

    /// By how many seconds a conversion with these facts is shifted at least.
    pub fn next_second(&self, account: &AccountName, facts: &Facts) -> i64 {
        let Some(claim) = claim_of(account, &facts.identity, facts.conversion_time) else {
            return 0;
        };
        let mut seconds = self.seconds.lock().unwrap_or_else(PoisonError::into_inner);
        let next = seconds.entry(claim).or_insert(-1);
        *next += 1;
        *next
    }

    /// Has the row signalled once the rows around it are written.
    pub fn signal(&self, row: &Row, not_before: Option<EventTime>) {
        if self.denials.mean(row) {
            return;
        }
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.push(Signal::new(row, not_before));
    }

    /// Whether an event of the request denies this one's order: nothing of it is stored then.
    pub fn is_denied(&self, conversion: &Conversion) -> bool {
        conversion.order.as_ref().is_some_and(|order| self.denials.include(order))
    }

    /// The signals of rows that were written since it was last asked.
    pub fn drain_signals(&self) -> Vec<Signal> {
        std::mem::take(&mut *self.signals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the key may speak for this source and account.
    pub fn allows(&self, source: &Source, account: Option<&AccountName>) -> Result<(), EventError> {
        let field = if !self.key.covers_source(source) {
            Field::Source
        } else if account.is_some_and(|account| !self.key.covers_account(account)) {
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

    pub fn context<'b>(&'b self, policy: &'b Policy) -> Context<'b> {
        Context { account: &self.account, now: self.now, policy }
    }
}
