//! One request: who sends it, and what its events share.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use tracklayer_core::{
    event::{ErrorCode, Event, EventError, Ignored, IgnoredReason, Rejection},
    id::{AccountName, Source},
    ledger::{
        facts::Facts,
        row::{Row, RowKey},
        signal::Signal,
    },
    reconcile::{
        decide::{AccountView, Policy},
        note::Context,
    },
    time::EventTime,
};
use tracklayer_edge::ports::{IngestKey, claim_of};

/// One event can't get there: the whole answer is 503, and the caller sends everything again.
pub(crate) struct Unavailable;

/// One event and the request it came in.
pub(crate) struct Call<'a> {
    pub key: &'a IngestKey,
    pub now: EventTime,
    pub account: AccountView,
    /// Rows that are ended by a denial later in the request: upload must not be faster.
    pub denied: BTreeSet<RowKey>,
    /// Signals of rows that are written: sent together, ten a request.
    pub signals: Mutex<Vec<Signal>>,
    /// How many events of the request share a click (or person) and second: each takes the next one.
    pub seconds: Mutex<HashMap<String, i64>>,
}

impl<'a> Call<'a> {
    pub fn new(key: &'a IngestKey, now: EventTime, denied: BTreeSet<RowKey>) -> Self {
        let account = AccountView::default();
        let (signals, seconds) = (Mutex::default(), Mutex::default());
        Call { key, now, account, denied, signals, seconds }
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
        if self.denied.contains(&row.key) {
            return;
        }
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.push(Signal::new(row, not_before));
    }

    /// Whether the key may speak for this source and account.
    pub fn allows(&self, source: &Source, account: Option<&AccountName>) -> Result<(), EventError> {
        let field = if !self.key.covers_source(source) {
            "source"
        } else if account.is_some_and(|account| !self.key.covers_account(account)) {
            "account"
        } else {
            return Ok(());
        };
        Err(EventError::at(ErrorCode::SourceNotAllowed, field, "is not covered by this key"))
    }

    /// Decides with this request's time.
    pub fn context<'b>(&'b self, policy: &'b Policy) -> Context<'b> {
        Context { account: &self.account, now: self.now, policy }
    }
}

/// The rows whose persons deny consent in this very request.
pub(crate) fn denied(parsed: &[Result<Event, Rejection>]) -> BTreeSet<RowKey> {
    let key = |event: &Result<Event, Rejection>| match event {
        Ok(Event::Ignored(ignored)) if is_denial(ignored) => Some(RowKey {
            source: ignored.source.clone(),
            event_id: ignored.event_id.clone(),
            event: ignored.event.clone(),
        }),
        _ => None,
    };
    parsed.iter().filter_map(key).collect()
}

pub(crate) fn is_denial(ignored: &Ignored) -> bool {
    ignored.reason == IgnoredReason::ConsentDenied
}
