//! `reconcile`: the shop's own list of orders against the ledger.
//!
//! - `orders`: the file's rows as orders
//! - `compare`: one order and what is here of it
//! - `extra`: what the file lacks
//! - `totals`: by day and goal, and what is shown

mod compare;
mod extra;
mod orders;
mod totals;

use std::collections::HashMap;

use tracklayer_core::event::IgnoredReason;
use tracklayer_core::ledger::order::OrderOwner;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_edge::flows::originals;
use tracklayer_edge::ports::Batches as _;

use crate::failure::{Failure, Verdict};
use crate::import::lines::Lines;
use crate::import::no_rows;
use crate::options::ReconcileOptions;
use crate::place::Ops;
use crate::screen::{Progress, Screen};
use compare::{Compared, Fate};
use extra::Listed;
use orders::Order;
use totals::Totals;

/// Rows that are read together, as many as DynamoDB answers in one batch.
const TOGETHER: usize = 100;

/// Compares a file with the ledger; [`Verdict::Wrong`] if too few of its orders are here as they
/// should be.
pub async fn run(
    ops: &Ops, options: &ReconcileOptions, screen: &Screen,
) -> Result<Verdict, Failure> {
    let mut lines = Lines::open(&options.reading)?;
    let progress = Progress::new("bytes compared", lines.bytes());
    let (mut totals, mut listed) = (Totals::new(screen.is_json()), Listed::default());
    loop {
        let part = read(ops, &mut lines, &progress)?;
        if part.is_empty() {
            break;
        }
        let rows = rows(ops, &part).await?;
        for order in &part {
            let fate = match order.key.as_ref().and_then(|key| rows.get(key)) {
                Some(row) => Fate::of(row),
                None => elsewhere(ops, order, &mut listed).await?,
            };
            let is_first = listed.add(order);
            totals.add(Compared::new(order, fate, options.net), is_first);
        }
    }
    drop(progress);
    if totals.is_empty() {
        return Err(no_rows());
    }
    if !options.part {
        extra::find(ops, &listed, &mut totals).await?;
    }
    totals.show(options, screen);
    Ok(Verdict::fine_if(totals.accuracy() >= options.accuracy))
}

/// The next orders of the file: no more are in memory at a time.
fn read(ops: &Ops, lines: &mut Lines, progress: &Progress) -> Result<Vec<Order>, Failure> {
    let (mut orders, now) = (Vec::new(), ops.now());
    for line in lines.take(TOGETHER) {
        let line = line?;
        progress.add(line.bytes);
        orders.push(Order::read(&line, &ops.mapping, now));
    }
    Ok(orders)
}

/// The rows of these orders that are in the ledger. Keys must be unique in one request.
async fn rows(ops: &Ops, orders: &[Order]) -> Result<HashMap<RowKey, Row>, Failure> {
    let mut keys: Vec<RowKey> = orders.iter().filter_map(|order| order.key.clone()).collect();
    keys.sort();
    keys.dedup();
    Ok(ops.ledger.read(&keys, &[]).await?.rows)
}

/// An order without a row of its own: another event speaks for it – by this id or by the number of
/// the order –, or it was dropped on purpose.
async fn elsewhere(ops: &Ops, order: &Order, listed: &mut Listed) -> Result<Fate, Failure> {
    if let Some(fate) = order.without_row() {
        return Ok(fate);
    }
    let Some(key) = &order.key else { return Ok(Fate::Missing) };
    let siblings = originals::siblings(&ops.ledger, &key.partition_key(), ops.now()).await?;
    // Of several rows for the goal under this id, none may be meant.
    let mut originals = siblings.originals().into_iter().filter(|it| {
        let goal = ops.mapping.goal(&it.row.account, it.event);
        goal.is_some_and(|goal| goal.name.as_str() == order.goal)
    });
    let first = originals.next();
    match first.filter(|first| originals.all(|other| other.row.key == first.row.key)) {
        Some(original) => Ok(listed.fate(original.row)),
        None => by_number(ops, order, listed).await,
    }
}

/// What the claim of the order's number says.
async fn by_number(ops: &Ops, order: &Order, listed: &mut Listed) -> Result<Fate, Failure> {
    let (Some(number), now) = (&order.order, ops.now()) else { return Ok(Fate::Missing) };
    Ok(match ops.ledger.order_claim(number, now).await?.map(|claim| claim.owner) {
        Some(OrderOwner::Row(owner)) => {
            let row = originals::row(&ops.ledger, &owner, now).await?;
            row.as_ref().map_or(Fate::Missing, |row| listed.fate(row))
        }
        Some(OrderOwner::Denied) => Fate::Ignored(IgnoredReason::ConsentDenied.as_str().to_owned()),
        None => Fate::Missing,
    })
}
