//! One run: read the rows, decide each, send, write what was learned, answer per message.

use std::{collections::BTreeMap, time::Duration};

use tracklayer_core::{ledger::observed::Environment, mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::{
    live::Live,
    ports::{Batches as _, Clock, Found, Ports, Signals as _},
};

use crate::{
    batch::{Batch, Work},
    report::Report,
    run::Run,
    wire::{SqsBatchResponse, SqsEvent},
};

/// Time kept free at the end of a run for writing what was learned; less in short runs.
const MAX_WRITE_TIME: Duration = Duration::from_secs(10);
/// The longest a call may take.
const MAX_CALL_TIME: Duration = Duration::from_secs(60);

/// What the function needs.
pub struct Upload<P: Ports = Live> {
    /// Which goals and accounts there are.
    pub mapping: Mapping,
    /// The waits of this deployment.
    pub policy: Policy,
    /// Receives after which the queue gives a message up.
    pub max_receives: u32,
    /// Which of Microsoft's worlds it uploads to.
    pub environment: Environment,
    /// The clock.
    pub clock: P::Clock,
    /// Where waiting conversions find their clicks.
    pub clicks: P::Clicks,
    /// Where the rows are.
    pub ledger: P::Ledger,
    /// Where the messages come from.
    pub queue: P::Queue,
    /// The accounts' credentials.
    pub secrets: P::Secrets,
    /// Their access tokens.
    pub auth: P::Auth,
    /// Microsoft.
    pub microsoft: P::Microsoft,
    /// Where lines and metrics go.
    pub telemetry: P::Telemetry,
}

/// When Lambda ends the run.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    /// By the clock's monotonic time.
    end: Duration,
    call_time: Duration,
    write_time: Duration,
}

impl Deadline {
    /// From the invocation's deadline in milliseconds since 1970. A call gets half of what is left
    /// at the start, at most a minute.
    pub fn at_epoch_ms(deadline: u64, clock: &impl Clock) -> Self {
        let left = i64::try_from(deadline).unwrap_or(i64::MAX).saturating_sub(clock.now_ms());
        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
        Deadline {
            end: clock.monotonic() + left,
            call_time: MAX_CALL_TIME.min(left / 2),
            write_time: MAX_WRITE_TIME.min(left / 4),
        }
    }

    /// How long a call may take; `None` if one begun now could outlive the time to write.
    pub(crate) fn for_call(&self, clock: &impl Clock) -> Option<Duration> {
        let end = clock.monotonic() + self.call_time + self.write_time;
        (end <= self.end).then_some(self.call_time)
    }
}

impl<P: Ports> Upload<P> {
    /// Answers one batch. Never fails as a whole: what could not be done is handed back.
    pub async fn handle(&self, event: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
        let mut batch = Batch::new(event, self.clock.now());
        let mut report = Report::default();
        let found = self.read(&mut batch.works).await;
        let accounts = self.accounts(&batch.works, found, &mut report).await;
        let mut run = Run {
            upload: self,
            works: &mut batch.works,
            accounts: &accounts,
            deadline,
            report: &mut report,
            refused_whole: BTreeMap::new(),
        };
        run.work().await;
        run.bury().await;
        self.queue.defer(&batch.deferrals()).await;
        report.finish(&batch, &self.telemetry);
        batch.response()
    }

    /// Reads the rows; answers with what was found of the accounts. A row that is not read is not
    /// worked on.
    async fn read(&self, works: &mut [Work]) -> Found {
        let keys: Vec<_> = works.iter().map(|work| work.key.clone()).collect();
        let accounts: Vec<_> =
            self.mapping.accounts().map(|account| account.name().clone()).collect();
        if keys.is_empty() {
            return Found::default();
        }
        let mut found = match self.ledger.read(&keys, &accounts).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "rows not read, nothing is sent");
                return Found::default();
            }
        };
        for work in works {
            work.row = found.rows.remove(&work.key);
            if work.row.is_none() {
                // Perhaps not processed, perhaps not written yet: never taken for settled.
                tracing::warn!(record = work.key.label(), "row not read, handed back");
            }
        }
        found
    }
}
