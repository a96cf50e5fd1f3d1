//! One order, one conversion: the events that name one order, of which the first one counts.

use tracklayer_core::ledger::correction::MAX_CORRECTIONS;
use tracklayer_core::ledger::facts::ClickOrigin;
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::person::click_id::ClickId;

use super::{ended, key_of, label};
use crate::plan::{Change, Fix, Order};
use crate::world::World;

/// Seconds that two notices of one order may lie apart.
const APART: i64 = 7 * 86_400;

/// What names an order: its account, its goal, the source where its numbers are its own, its number.
fn number(world: &World, order: &Order) -> Option<[String; 4]> {
    let goal = match order.event {
        "purchase" | "phone_sale" => "purchase",
        // All of them count.
        "subscription_start" => return None,
        event => event,
    };
    let is_own = world.plan.setting.own_orders && order.source == "crm";
    let own = if is_own { order.source } else { "" };
    let number = order.names.order.clone()?;
    Some([order.account.to_owned(), goal.to_owned(), own.to_owned(), number])
}

/// Whether its row, stored without its number, counts by itself: the number came when another event
/// counted for it already, or the row had lost its person.
pub(super) fn is_apart(world: &World, order: &Order) -> bool {
    let Some(named) = order.learns.and_then(|_| number(world, order)) else { return false };
    let table = world.table.borrow();
    let row_of = |it: &Order| table.rows.get(&key_of(it));
    let counts = |it: &Order| table.has_order(&key_of(it)) && row_of(it).is_some();
    let counts_for_it = |it: &Order| counts(it) && number(world, it).as_ref() == Some(&named);
    let Some(row) = row_of(order).filter(|_| !counts(order)) else { return false };
    row.is_erased() || world.plan.orders.iter().any(counts_for_it)
}

/// All notices of the order, itself included.
pub(super) fn notices<'a>(world: &'a World, order: &'a Order) -> Vec<&'a Order> {
    let named = number(world, order).filter(|_| !is_apart(world, order));
    let Some(named) = named else { return vec![order] };
    let is_it = |it: &&Order| number(world, it).as_ref() == Some(&named) && !is_apart(world, it);
    let all: Vec<_> = world.plan.orders.iter().filter(is_it).collect();
    if all.iter().any(|it| key_of(it) == key_of(order)) { all } else { vec![order] }
}

/// Whether others name the same order.
#[must_use]
pub fn has_notices(world: &World, order: &Order) -> bool {
    notices(world, order).len() > 1
}

/// The notice whose row counts the order; itself where there is no row.
pub(super) fn counted<'a>(world: &'a World, order: &'a Order) -> &'a Order {
    let table = world.table.borrow();
    let has_row = |it: &&&Order| table.rows.contains_key(&key_of(it));
    if has_row(&&order) {
        return order;
    }
    notices(world, order).iter().find(has_row).copied().unwrap_or(order)
}

/// The key of the row that counts the order, if there is one.
pub(super) fn counted_key(world: &World, order: &Order) -> RowKey {
    key_of(counted(world, order))
}

/// The corrections given under any id of the order.
pub(super) fn fixes<'a>(world: &'a World, order: &'a Order) -> Vec<(&'a Order, &'a Fix)> {
    let notices = notices(world, order).into_iter();
    notices.flat_map(|it| it.corrections.iter().map(move |fix| (it, fix))).collect()
}

/// Whether more corrections are given under the ids of the order than its row takes.
#[must_use]
pub fn is_crowded(world: &World, order: &Order) -> bool {
    fixes(world, order).len() > MAX_CORRECTIONS
}

/// Whether the order's consent is denied under any of its ids.
pub(super) fn is_denied(world: &World, order: &Order) -> bool {
    notices(world, order).into_iter().any(|it| ended::is_denied(world, it))
}

/// Looks at the answer to the order's number: the row has it, or else it is a conflict, unless nothing of
/// the row counts.
pub fn check_learned(world: &World, order: &Order, answer: &str) {
    let (table, is_apart) = (world.table.borrow(), is_apart(world, order));
    let Some(row) = table.rows.get(&key_of(order)) else { return };
    let known = &row.observed;
    let may_count = known.refusal.is_none() && (known.accepted.is_some() || known.attempts == 0);
    let counts = may_count && row.corrections.is_empty();
    let is_counted = table.has_order(&row.key) || number(world, order).is_none();
    let is_right = match answer {
        "conflict" => is_apart,
        "duplicate" => is_counted || is_apart && (row.is_erased() || !counts),
        _ => true,
    };
    if !is_right {
        let what = format!("answered {answer}, apart: {is_apart}, {known:?}");
        world.violated("a late number joins nothing", row.key.label(), what);
    }
}

/// Nothing that came with the number is in a row that counts by itself.
fn check_apart(world: &World, order: &Order, row: &Row) {
    let facts = world.table.borrow().whole(row).facts;
    let brought = facts.click.as_ref().is_some_and(|click| click.from == ClickOrigin::Event);
    let click = facts.click_id().filter(|_| brought).map(ClickId::key);
    let is_known = click.is_none() || click == order.at_first().names.click;
    if !is_known || facts.order.is_some() || facts.references.order.is_some() {
        let what = format!("another event counts, and it has {facts:?}");
        world.violated("a late number joins nothing", row.key.label(), what);
    }
}

/// The order has one row, and a notice that says the same and knows somebody adds what it knows.
pub(super) fn check(world: &World, order: &Order, row: &Row) {
    if is_apart(world, order) {
        return check_apart(world, order, row);
    }
    let table = world.table.borrow();
    let notices = notices(world, order);
    let mut others = notices.iter().filter(|it| key_of(it) != row.key);
    if let Some(other) = others.find(|it| table.rows.contains_key(&key_of(it))) {
        let what = format!("{} has a row as well", label(other));
        world.violated("one order, one conversion", row.key.label(), what);
    }
    let refusal = row.observed.refusal.as_ref();
    let is_unmatched = refusal.is_some_and(|it| it.reason == RefusalReason::Unmatched);
    // A notice of what was taken back is another sale.
    let keeps = |fix: &Fix| matches!(fix.change, Change::NewValue(value) if value >= 5);
    let is_kept = notices.iter().all(|it| it.corrections.iter().all(keeps));
    let later = notices.iter().filter(|it| key_of(it) != row.key || it.learns.is_some());
    let mut richer = later.filter(|it| {
        let is_near = (it.occurred - order.occurred).abs() <= APART;
        // Nobody else knows this click: it can't be later, or taken back.
        let is_own = |click: &String| !world.plan.clicked.contains_key(click);
        it.names.click.as_ref().is_some_and(is_own) && it.value == order.value && is_near
    });
    if let Some(richer) = richer.next().filter(|_| is_unmatched && is_kept) {
        let what = format!("{} has a click", label(richer));
        world.violated("a poorer notice costs no sale", row.key.label(), what);
    }
}
