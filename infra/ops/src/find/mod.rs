//! `find`: conversions, clicks and the links between them.
//!
//! - `clicks`: what links and references lead to
//! - `rows`: what the ledger has, by a key or by reading all of it
//! - `answer`: what is shown

mod answer;
mod clicks;
mod rows;

use tracklayer_core::{id::RecordId, ledger::row::Row, reconcile::attribution::TieKind};

use crate::{
    connect::Ops,
    failure::{Failure, Verdict},
    options::{Rows, What},
    screen::Screen,
};
use answer::Found;

/// Looks for `what` and shows it; [`Verdict::Wrong`] if nothing is there.
pub async fn run(ops: &Ops, what: &What, screen: &Screen) -> Result<Verdict, Failure> {
    let found = match what {
        What::Event { source, event_id } => {
            let partitions = status::find(&ops.ledger, source, event_id, ops.now()).await?;
            Found { partitions, ..Found::default() }
        }
        What::Order { number, source, rows } => {
            let mut found = record(ops, TieKind::Order, number.parse().ok().as_ref()).await?;
            rows::of_order(ops, number, source.as_ref(), &mut found).await?;
            with_rows(ops, found, *rows, |row| names(row.facts.references.order.as_ref(), number))
                .await?
        }
        What::Lead { id, rows } => {
            let found = record(ops, TieKind::Lead, Some(id)).await?;
            with_rows(ops, found, *rows, |row| row.facts.references.lead.as_ref() == Some(id))
                .await?
        }
        What::Cart { id, rows } => {
            let found = record(ops, TieKind::Cart, Some(id)).await?;
            with_rows(ops, found, *rows, |row| row.facts.references.cart.as_ref() == Some(id))
                .await?
        }
        What::Session { id, rows } => {
            let clicks = clicks::of_reference(ops, id).await?;
            let found = Found { clicks, ..Found::default() };
            with_rows(ops, found, *rows, |row| is_of_session(row, id)).await?
        }
        What::Click { id, session: Some(session) } => {
            let mut clicks = clicks::of_reference(ops, session).await?;
            clicks.retain(|click| click.is_of(id));
            Found { clicks, ..Found::default() }
        }
        What::Click { id, session: None } => {
            let clicks = clicks::everywhere(ops, id).await?;
            let found = Found { clicks, ..Found::default() };
            let is_of = |row: &Row| rows::is_credited_to(row, id);
            with_rows(ops, found, Rows { wanted: true }, is_of).await?
        }
    };
    answer::show(&found, screen);
    Ok(Verdict::fine_if(!found.is_empty()))
}

/// The links of a record and the clicks that they lead to; nothing of what no record can be called.
async fn record(ops: &Ops, kind: TieKind, id: Option<&RecordId>) -> Result<Found, Failure> {
    match id {
        Some(id) => clicks::of_record(ops, kind, id).await,
        None => Ok(Found::default()),
    }
}

async fn with_rows(
    ops: &Ops,
    mut found: Found,
    rows: Rows,
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<Found, Failure> {
    if rows.wanted {
        rows::among_all(ops, &mut found, is_wanted).await?;
    }
    Ok(found)
}

fn names(id: Option<&RecordId>, number: &str) -> bool {
    id.is_some_and(|id| id.as_str() == number.trim())
}

/// Whether the row names the session, or its click was found under it.
fn is_of_session(row: &Row, id: &RecordId) -> bool {
    let of_click = row.facts.click.as_ref().and_then(|click| click.reference.as_ref());
    row.facts.references.session.as_ref() == Some(id) || of_click == Some(id)
}
