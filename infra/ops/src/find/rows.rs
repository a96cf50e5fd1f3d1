//! Rows of the ledger, by the claim of their order or by reading all of it.

use tracklayer_core::id::Source;
use tracklayer_core::ledger::order::{OrderKey, OrderOwner};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::person::click_id::ClickId;
use tracklayer_edge::flows::originals;
use tracklayer_edge::ports::{Audited as _, Partition};

use super::answer::Found;
use crate::{failure::Failure, place::Ops, screen::Progress};

/// Items of one page of the ledger: 1 MB of usual rows, which is the most that DynamoDB answers.
const PAGE: i32 = 1_000;

/// Adds the rows that count for an order: one per account and goal.
pub async fn of_order(
    ops: &Ops, number: &str, source: Option<&Source>, found: &mut Found,
) -> Result<(), Failure> {
    let now = ops.now();
    for key in order_keys(ops, number, source) {
        match ops.ledger.order_claim(&key, now).await?.map(|claim| claim.owner) {
            Some(OrderOwner::Row(owner)) => {
                found.add(originals::row(&ops.ledger, &owner, now).await?);
            }
            Some(OrderOwner::Denied) => found.is_denied = true,
            None => {}
        }
    }
    Ok(())
}

/// The keys that the order's number may have: the account, the goal and, of some sources, the source
/// are part of it.
fn order_keys(ops: &Ops, number: &str, source: Option<&Source>) -> Vec<OrderKey> {
    let own = ops.mapping.own_orders().map(Some).chain([source, None]);
    let own: Vec<Option<&Source>> = own.collect();
    let mut keys = Vec::new();
    for account in ops.mapping.accounts() {
        for (goal, _) in account.goals() {
            let of = |own: &Option<&Source>| OrderKey::new(account.name(), goal, *own, number);
            keys.extend(own.iter().filter_map(of));
        }
    }
    keys.sort();
    keys.dedup();
    keys
}

/// Adds the rows that are wanted: reads the whole ledger.
pub async fn among_all(
    ops: &Ops, found: &mut Found, is_wanted: impl Fn(&Row) -> bool,
) -> Result<(), Failure> {
    let progress = Progress::new("ledger", ops.size_of("ConversionsTable").await);
    let mut after = None;
    loop {
        let page = ops.ledger.rows(after.as_ref(), PAGE).await?;
        progress.add(u64::try_from(PAGE).unwrap_or(0));
        found.unreadable += page.unreadable.len();
        page.rows.into_iter().filter(&is_wanted).for_each(|row| found.add(Some(row)));
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Whether the row is credited to this click, or was until Microsoft refused it.
pub fn is_credited_to(row: &Row, id: &ClickId) -> bool {
    let credited = row.facts.identity.click_id.iter().chain(&row.facts.refused_clicks);
    credited.map(ClickId::key).any(|key| key == id.key())
}

impl Found {
    /// Adds a row, once.
    fn add(&mut self, row: Option<Row>) {
        let Some(row) = row else { return };
        let is_known = |partition: &Partition| partition.row(&row.key).is_some();
        if !self.partitions.iter().any(is_known) {
            self.partitions.push(Partition { rows: vec![row], ..Partition::default() });
        }
    }
}
