//! One run: read the rows, decide each, send, write what was learned, answer per message. What was
//! tried often comes last, from its reading on.

use std::ops::Range;

use tracklayer_core::reconcile::calls::Care;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::ports::{
    Batches as _, Clock as _, Erasures, Found, Ports, Signals as _, Telemetry as _,
};

use crate::accounts::Accounts;
use crate::batch::{Batch, Work};
use crate::context::Upload;
use crate::deadline::RunTime;
use crate::decide::Load;
use crate::log::Report;
use crate::run::Run;
use crate::wire::{SqsBatchResponse, SqsEvent};

impl<P: Ports> Upload<P>
where
    P::Ledger: Erasures,
{
    /// Answers one batch. Never fails as a whole: what could not be done is returned as a batch item
    /// failure.
    pub async fn handle(&self, event: SqsEvent, deadline: Deadline) -> SqsBatchResponse {
        let mut batch = Batch::new(event, self.clock.now());
        let mut report = Report::default();
        let works = batch.works.len();
        let (seldom, often) = (0..batch.tried_often_from, batch.tried_often_from..works);
        let mut run = Run {
            upload: self,
            works: &mut batch.works,
            accounts: Accounts::default(),
            time: RunTime::new(deadline, &self.clock),
            report: &mut report,
        };
        let mut careful = self.work(&mut run, seldom).await;
        careful.extend(self.work(&mut run, often).await);
        run.send_carefully(careful).await;
        run.leave().await;
        run.mark_dead().await;
        self.queue.defer(&batch.deferrals()).await;
        report.finish(&batch, &self.telemetry);
        batch.response()
    }

    /// Works on a part of the batch; answers with the rows that are to be sent with care, after all
    /// others.
    async fn work(&self, run: &mut Run<'_, P>, part: Range<usize>) -> Vec<Load> {
        if part.is_empty() {
            return Vec::new();
        }
        let found = self.read(&mut run.works[part.clone()]).await;
        run.read_accounts(part.clone(), found).await;
        run.redrive(part.clone()).await;
        run.look_for_clicks(part.clone()).await;
        let loads = run.decide(part).await;
        let (careful, loads): (Vec<_>, Vec<_>) =
            loads.into_iter().partition(|load| run.needs_care(load));
        run.send(loads, |_| Care::NONE).await;
        careful
    }

    /// Reads the rows; answers with what was found of the accounts. A row that is not read is not
    /// worked on.
    async fn read(&self, works: &mut [Work]) -> Found {
        let keys: Vec<_> = works.iter().map(|work| work.key.clone()).collect();
        let accounts: Vec<_> =
            self.mapping.accounts().map(|account| account.name().clone()).collect();
        let mut found = match self.ledger.read(&keys, &accounts).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "rows not read, nothing is sent");
                return Found::default();
            }
        };
        self.telemetry.stuck(found.unreadable);
        for work in works {
            work.row = found.rows.remove(&work.key);
            if work.row.is_none() {
                // Perhaps not processed, perhaps not written yet: never taken for settled.
                tracing::warn!(record = work.key.label(), "row not read, its message is returned");
            }
        }
        found
    }
}
