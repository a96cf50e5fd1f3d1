//! The records under an id, and what is known of their accounts.

use tracklayer_core::id::{RecordId, Source};
use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::originals::{Siblings, siblings};
use tracklayer_edge::ports::{Claims, GoalChecks, LedgerError, Partition, Rows};

use crate::wire::{Accounts, asks_for_account};

/// What is known of the accounts that may keep these rows; their story is whole without it.
pub async fn accounts(ledger: &impl GoalChecks, found: &[Partition]) -> Accounts {
    let mut accounts = Accounts::new();
    let rows = found.iter().flat_map(|partition| &partition.rows);
    for row in rows.filter(|row| asks_for_account(row)) {
        match ledger.account_item(&row.account).await {
            Ok(item) => _ = accounts.insert(row.account.clone(), item),
            Err(error) => {
                tracing::warn!(account = row.account.as_str(), %error, "account not read");
            }
        }
    }
    accounts
}

/// The records under this id, and those that it corrects.
pub async fn find(
    ledger: &(impl Rows + Claims), source: &Source, event_id: &RecordId, now: EventTime,
) -> Result<Vec<Partition>, LedgerError> {
    let key = PartitionKey { source: source.clone(), event_id: event_id.clone() };
    let (own, pointer) = tokio::try_join!(siblings(ledger, &key, now), ledger.pointer(&key, now))?;
    let mut found = all_of(own);
    let original = pointer
        .map(|it| PartitionKey { source: it.original_source, event_id: it.original_event_id });
    if let Some(original) = original.filter(|original| *original != key) {
        let original = siblings(ledger, &original, now).await?;
        let originals = all_of(original).into_iter();
        found.extend(originals.map(|it| corrected_by(it, source, event_id)));
    }
    Ok(found)
}

/// What is under an id, and the rows of the orders that it leads to, each once.
fn all_of(siblings: Siblings) -> Vec<Partition> {
    let mut rows: Vec<Row> = Vec::new();
    for (_, row) in siblings.led_to {
        let is_new = siblings.partition.row(&row.key).is_none();
        if is_new && rows.iter().all(|known| known.key != row.key) {
            rows.push(row);
        }
    }
    let of_orders =
        rows.into_iter().map(|row| Partition { rows: vec![row], ..Partition::default() });
    std::iter::once(siblings.partition).chain(of_orders).collect()
}

/// The records that have this correction: one, whichever it is by now.
fn corrected_by(mut partition: Partition, source: &Source, event_id: &RecordId) -> Partition {
    let has = |corrections: &[Correction]| {
        corrections.iter().any(|known| known.source == *source && known.event_id == *event_id)
    };
    partition.rows.retain(|row| has(&row.corrections));
    partition.orphan = partition.orphan.filter(|orphan| has(&orphan.corrections));
    partition
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::rows::{orphan, refund, row};

    #[test]
    fn of_an_original_only_what_has_the_correction_is_shown_by_the_corrections_id() {
        let mut sale = row("shop", "4711", None);
        sale.corrections.push(refund("r", "1"));
        let waits = orphan("shop", "4711", vec![refund("other", "1")]);
        let rows = vec![sale.clone(), row("shop", "4711", None)];
        let partition = Partition { rows, orphan: Some(waits), ..Partition::default() };
        let (source, id) = (sale.key.source.clone(), "r".parse().expect("an id"));
        let expected = Partition { rows: vec![sale], ..Partition::default() };
        assert_eq!(corrected_by(partition, &source, &id), expected);
    }
}
