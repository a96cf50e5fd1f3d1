//! `explain`: the story of one event.
//!
//! - `timeline`: what happened to a row, step by step
//! - `why`: why it is where it is, what helps, and what comes next
//! - `answer`: what is shown

mod answer;
mod timeline;
mod why;

pub use answer::{advice, without_links};
pub use why::why;

use tracklayer_core::id::{RecordId, Source};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::attribution::{TIES_READ, Tie, TieKind};
use tracklayer_edge::ports::Clicks as _;

use crate::failure::{Failure, Verdict};
use crate::place::Ops;
use crate::screen::Screen;

/// Tells the story of an event; [`Verdict::Wrong`] if it is unknown.
pub async fn run(
    ops: &Ops, source: &Source, event_id: &RecordId, screen: &Screen,
) -> Result<Verdict, Failure> {
    let now = ops.now();
    let mut found = status::find(&ops.ledger, source, event_id, now).await?;
    for partition in &mut found {
        partition.orphan = partition.orphan.take().filter(|orphan| !orphan.corrections.is_empty());
    }
    let accounts = status::accounts(&ops.ledger, &found).await;
    let mut told = Vec::new();
    for row in found.iter().flat_map(|partition| &partition.rows) {
        let ties = ties(ops, row).await?;
        told.push(answer::Told {
            row,
            steps: timeline::steps(row, &ties),
            why: why::why(row),
            next: why::next(row, &ops.policy, now),
            findings: status::findings(row, &accounts),
        });
    }
    let story = status::Story::of(&found, &accounts, &ops.policy, now);
    let orphans: Vec<_> = found.iter().filter_map(|it| it.orphan.as_ref()).collect();
    answer::show(&told, &orphans, &story, now, screen);
    Ok(Verdict::fine_if(!told.is_empty() || !orphans.is_empty()))
}

/// The links of the records that the row names.
async fn ties(ops: &Ops, row: &Row) -> Result<Vec<Tie>, Failure> {
    let references = &row.facts.references;
    let records = [
        (TieKind::Lead, &references.lead),
        (TieKind::Cart, &references.cart),
        (TieKind::Order, &references.order),
    ];
    let mut ties = Vec::new();
    for (kind, id) in records {
        if let Some(id) = id {
            ties.extend(ops.clicks.ties(kind, id, TIES_READ, ops.now()).await?);
        }
    }
    Ok(ties)
}
