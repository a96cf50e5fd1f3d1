//! One order, one conversion: whose turn it is when several events name the same order.
//!
//! Shops deliver a webhook twice under new ids, and a CRM reports the same sale under its own. An event
//! of a goal that counts one conversion per order first of all claims the order ([`OrderClaim`]); what
//! the claim of somebody else means is decided by [`claimed`]. Who comes second is another notice of the
//! order: a repetition ([`is_repetition`]), which adds what it knows to the order's row, or else a
//! conflict. Either way a pointer leads from its id to that row.

use crate::event::Conversion;
use crate::ledger::correction::{Worth, fold};
use crate::ledger::order::{OrderClaim, OrderKey, OrderOwner};
use crate::ledger::row::Row;
use crate::time::{DAY, EventTime};

/// Seconds after which an owner that has written no row will write none: no run of enqueue lasts so
/// long.
pub const WRITTEN_WITHIN: i64 = 60;

/// Seconds that two notices of one order may lie apart; what is further apart is another sale, such as
/// one of a shop that has begun to count anew.
pub const APART: i64 = 7 * DAY;

/// What the claim of an order means to an event that comes after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Claimed<'a> {
    /// The owner has died before it wrote its row, or it is the event itself, in an earlier run. The
    /// claim may be taken over, on condition that it is still the one that was read: then an earlier
    /// run and a later one can't both go on.
    Abandoned,
    /// The owner may be about to write its row.
    InProgress,
    Counted(&'a Row),
    /// An event of the order denied consent.
    Denied,
}

/// Reads the `claim` of `order`, met by `own`, whose row is not there. `rows` are those in the
/// partition of the claim's owner, read after the claim.
pub fn claimed<'a>(
    order: &OrderKey, claim: &OrderClaim, own: &OrderOwner, rows: &'a [Row], now: EventTime,
) -> Claimed<'a> {
    let key = match &claim.owner {
        OrderOwner::Denied => return Claimed::Denied,
        owner if owner == own => return Claimed::Abandoned,
        OrderOwner::Row(key) => key,
    };
    if let Some(row) = rows.iter().find(|row| row.key == *key && is_of(row, order)) {
        return Claimed::Counted(row);
    }
    let age = now.seconds_since(claim.claimed_at);
    if age > WRITTEN_WITHIN { Claimed::Abandoned } else { Claimed::InProgress }
}

/// An erased row keeps no order, and a run that died may have left one without the order that it had
/// claimed for it. That the row's key has the claim says enough then.
fn is_of(row: &Row, order: &OrderKey) -> bool {
    row.facts.order.as_ref().is_none_or(|own| own == order)
}

/// Whether `conversion`, which names the order of `row`, says the same once more: the same value and
/// currency at about the same time, of an order that still counts. Anything else is a conflict.
pub fn is_repetition(row: &Row, conversion: &Conversion) -> bool {
    let apart = conversion.occurred_at.seconds_since(row.facts.occurred_at).abs();
    row.account == conversion.account
        && row.facts.money == conversion.value
        && apart <= APART
        && !is_taken_back(row)
}

/// Whether `conversion`, which was another notice of the order of `row`, still is: it repeats the sale
/// and does not name another order. Its number may be unknown, and its order may have another key since,
/// because the mapping was changed.
pub fn is_same_notice(row: &Row, conversion: &Conversion) -> bool {
    let (known, named) = (&row.facts.references.order, &conversion.references.order);
    let is_other = known.is_some() && named.is_some() && known != named;
    let is_own_source = row.key.source == conversion.key.source;
    match &conversion.order {
        None => true,
        Some(order) if row.facts.order.as_ref() == Some(order) => true,
        Some(_) => is_own_source && !is_other && is_repetition(row, conversion),
    }
}

/// Whether `row` counts, or still may, although another row counts for its order: its number came too
/// late.
#[must_use]
pub fn counts_as_well(row: &Row) -> bool {
    let has_ended = row.observed.accepted.is_none() && row.observed.refusal.is_some();
    !has_ended && !is_taken_back(row)
}

/// Whether nothing of the order counts any more, or is about to.
fn is_taken_back(row: &Row) -> bool {
    let folded = fold(&row.account, &row.facts, &row.corrections);
    folded.worth == Worth::Nothing || row.observed.is_retracted_or_doubtful()
}
