//! `find`: conversions, clicks and the links between them.
//!
//! - `clicks`: what links and references lead to
//! - `rows`: what the ledger has, by a key or by reading all of it
//! - `answer`: what is shown

mod answer;
mod clicks;
mod rows;

use tracklayer_core::{id::RecordId, ledger::row::Row, reconcile::attribution::TieKind};

use crate::failure::{Failure, Verdict};
use crate::options::What;
use crate::place::Ops;
use crate::screen::Screen;
use answer::Found;

/// Looks for `what` and shows it; [`Verdict::Wrong`] if nothing is there.
pub async fn run(ops: &Ops, what: &What, screen: &Screen) -> Result<Verdict, Failure> {
    let mut found = by_key(ops, what).await?;
    if wants_rows(what) {
        rows::among_all(ops, &mut found, |row| is_meant(row, what)).await?;
    }
    answer::show(&found, screen);
    if has_rows_unread(what) {
        screen.note("conversions that name it are looked for with --rows");
    }
    Ok(Verdict::fine_if(!found.is_empty()))
}

/// What a few reads find, and of a click id all its sightings.
async fn by_key(ops: &Ops, what: &What) -> Result<Found, Failure> {
    match what {
        What::Event { source, event_id } => {
            let partitions = status::find(&ops.ledger, source, event_id, ops.now()).await?;
            Ok(Found { partitions, ..Found::default() })
        }
        What::Order { number, source, .. } => {
            let mut found = record(ops, TieKind::Order, number.parse().ok().as_ref()).await?;
            rows::of_order(ops, number, source.as_ref(), &mut found).await?;
            Ok(found)
        }
        What::Lead { id, .. } => record(ops, TieKind::Lead, Some(id)).await,
        What::Cart { id, .. } => record(ops, TieKind::Cart, Some(id)).await,
        What::Session { id, .. } => {
            let clicks = clicks::of_reference(ops, id).await?;
            Ok(Found { clicks, ..Found::default() })
        }
        What::Click { id, session: Some(session) } => {
            let mut clicks = clicks::of_reference(ops, session).await?;
            clicks.retain(|click| click.is_of(id));
            Ok(Found { clicks, ..Found::default() })
        }
        What::Click { id, session: None } => {
            let clicks = clicks::everywhere(ops, id).await?;
            Ok(Found { clicks, ..Found::default() })
        }
    }
}

/// Whether the whole ledger is read for rows that have no key by what is asked.
fn wants_rows(what: &What) -> bool {
    match what {
        What::Event { .. } => false,
        What::Order { rows, .. }
        | What::Lead { rows, .. }
        | What::Cart { rows, .. }
        | What::Session { rows, .. } => rows.wanted,
        What::Click { session, .. } => session.is_none(),
    }
}

/// Whether conversions may name what is asked, and were not looked for. That of an order has a key.
fn has_rows_unread(what: &What) -> bool {
    matches!(what, What::Lead { .. } | What::Cart { .. } | What::Session { .. })
        && !wants_rows(what)
}

/// Whether a row names what is asked.
fn is_meant(row: &Row, what: &What) -> bool {
    let references = &row.facts.references;
    match what {
        What::Event { .. } => false,
        What::Order { number, .. } => {
            references.order.as_ref().is_some_and(|id| id.as_str() == number.trim())
        }
        What::Lead { id, .. } => references.lead.as_ref() == Some(id),
        What::Cart { id, .. } => references.cart.as_ref() == Some(id),
        What::Session { id, .. } => is_of_session(row, id),
        What::Click { id, .. } => rows::is_credited_to(row, id),
    }
}

/// The links of a record and the clicks that they lead to; nothing of what no record can be called.
async fn record(ops: &Ops, kind: TieKind, id: Option<&RecordId>) -> Result<Found, Failure> {
    match id {
        Some(id) => clicks::of_record(ops, kind, id).await,
        None => Ok(Found::default()),
    }
}

/// Whether the row names the session, or its click was found under it.
fn is_of_session(row: &Row, id: &RecordId) -> bool {
    let of_click = row.facts.click.as_ref().and_then(|click| click.reference.as_ref());
    row.facts.references.session.as_ref() == Some(id) || of_click == Some(id)
}
