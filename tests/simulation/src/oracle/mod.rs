//! What must hold at every step, and in the end: Microsoft counts exactly what the order log says, and
//! whatever it doesn't is explained by a reason that the design admits. Nothing counts twice, and
//! there is no exception to that.

mod case;
mod credit;
mod ended;
mod group;
mod net;
mod places;
mod story;
mod whole;
mod written;

use std::collections::BTreeMap;

use tracklayer_core::ledger::correction::Correction;
use tracklayer_core::ledger::orphan::kept_until;
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::microsoft::payload::OfflineConversion;
use tracklayer_core::reconcile::decide::{AccountView, Action, next_action};
use tracklayer_core::time::MAX_AGE;

pub use ended::{check_ended, check_erased};
pub use group::{check_learned, has_notices, is_crowded};
pub use story::check_story;
pub use written::{
    check_acknowledged, check_given_up, check_heard, check_looks, check_sent, check_write,
};

use crate::microsoft::Sent;
use crate::plan::{Fix, Order};
use crate::queue::Message;
use crate::world::{World, policy};

/// How wrong two clocks may be together, in seconds, and then some.
const DOUBT: i64 = 15;

/// Something that must not happen and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule it breaks.
    pub rule: &'static str,
    /// The row, by source and id.
    pub row: String,
    /// What happened.
    pub what: String,
}

/// How often the admitted exceptions were needed.
pub type Exceptions = BTreeMap<&'static str, u32>;

/// What Microsoft would know the row's conversion by, if it were sent now.
#[must_use]
pub fn person_of(row: &Row) -> String {
    let json = serde_json::to_string(&OfflineConversion::new(&row.facts)).expect("JSON");
    let sent = serde_json::from_str::<Sent>(&json).expect("a row");
    sent.addressed(row.account.as_str(), "").person()
}

/// Whether the message is about the row.
fn is_about(message: &Message, row: &Row) -> bool {
    Signal::parse(&message.body).is_ok_and(|signal| signal.key == row.key)
}

/// The row of a message, by source and id.
#[must_use]
pub fn label_of(body: &str) -> String {
    Signal::parse(body).map_or_else(|_| "-".to_owned(), |signal| signal.key.label())
}

fn key_of(order: &Order) -> RowKey {
    RowKey {
        source: order.source.parse().expect("a source"),
        event_id: order.id.parse().expect("an id"),
        event: order.event.parse().expect("an event"),
    }
}

fn order_of<'a>(world: &'a World, row: &Row) -> Option<&'a Order> {
    world.plan.orders.iter().find(|order| key_of(order) == row.key)
}

fn label(order: &Order) -> String {
    format!("{}/{}", order.source, order.id)
}

/// Whether the ledger has the original, or another notice of its order.
#[must_use]
pub fn is_recorded(world: &World, order: &Order) -> bool {
    world.table.borrow().rows.contains_key(&group::counted_key(world, order))
}

/// Whether the order can be found by its own id.
#[must_use]
pub fn is_known(world: &World, order: &Order) -> bool {
    let (table, key) = (world.table.borrow(), key_of(order));
    let leads = table.counted_as(&key, world.now());
    table.rows.contains_key(&key) || leads.is_some_and(|row| table.rows.contains_key(row))
}

/// Whether the order's row has this correction.
#[must_use]
pub fn has_correction(world: &World, order: &Order, fix: &Fix) -> bool {
    let key = group::counted_key(world, order);
    let table = world.table.borrow();
    let row = table.rows.get(&key);
    row.is_some_and(|row| row.corrections.iter().any(|known| is(known, fix)))
}

/// Whether it does, and can be found by its own id, too.
#[must_use]
pub fn has_recent_correction(world: &World, order: &Order, fix: &Fix) -> bool {
    let key = group::counted_key(world, order);
    let table = world.table.borrow();
    let corrections = table.rows.get(&key).into_iter().flat_map(|row| &row.corrections);
    let mut own = corrections.filter(|known| is(known, fix));
    own.any(|known| kept_until(known.recorded_at).plus_seconds(-86_400) > world.now())
}

fn is(known: &Correction, fix: &Fix) -> bool {
    known.source.as_str() == fix.source && known.event_id.as_str() == fix.id
}

/// What Microsoft may know the order by.
#[must_use]
pub fn persons_of_order(world: &World, order: &Order) -> Vec<String> {
    world.table.borrow().persons_of(&group::counted_key(world, order))
}

/// Whether the original may be older than 90 days when it gets through the door.
#[must_use]
pub fn may_be_too_old(world: &World, order: &Order) -> bool {
    order.occurred + MAX_AGE < world.plan.calm_at + 86_400
}

/// Whether the original may be ignored for ever: it names an order, of which a notice that denies
/// consent may come first.
#[must_use]
pub fn may_be_ignored(world: &World, order: &Order) -> bool {
    order.names.order.is_some() && group::is_denied(world, order)
}

/// Whether nobody has anything to do.
#[must_use]
pub fn is_quiet(world: &World) -> bool {
    world.posting.get() == 0
        && world.running.get() == 0
        && world.queue.borrow().messages.is_empty()
        && world.table.borrow().next_due().is_none()
        && !world.table.borrow().is_erasing(world.now())
}

/// Whether a row wants something and nothing drives it, not even a dead letter. The audit must not be
/// needed but for a lost message, or a request that died after the row and before the message and was
/// refused as too old when it was repeated.
#[must_use]
pub fn is_waiting_for_audit(world: &World) -> bool {
    let account = AccountView::default();
    let queue = world.queue.borrow();
    let has_letter = |row: &Row| queue.dead.iter().any(|message| is_about(message, row));
    let forgotten = |row: &Row| {
        let resting = row.observed.refusal.is_some() || row.observed.dead_at.is_some();
        let next = next_action(row, &account, world.now(), &policy());
        let wants = next != Action::InSync && !row.is_erased();
        !resting && row.open.is_none() && wants && !has_letter(row)
    };
    let table = world.table.borrow();
    let Some(row) = table.rows.values().find(|row| forgotten(row)) else { return false };
    let is_too_old = row.observed_revision == 0 && row.limit() < world.now();
    if world.plan.faults.vanished == 0 && !is_too_old {
        let what = format!("nothing drives it: {row:?}");
        world.violated("nothing is forgotten", row.key.label(), what);
    }
    true
}

/// What Microsoft counts now.
#[must_use]
pub fn at_microsoft(world: &World) -> Vec<String> {
    let mut microsoft = world.microsoft.borrow_mut();
    microsoft.pass(world.now_ms() / 1_000);
    microsoft.counted.iter().map(|counted| format!("{counted:?}")).collect()
}

/// Looks at everything once the history is over.
pub fn judge(world: &World) -> Exceptions {
    let mut exceptions = Exceptions::new();
    world.microsoft.borrow_mut().pass(world.now_ms() / 1_000);
    for order in &world.plan.orders {
        let row = world.table.borrow().rows.get(&key_of(order)).cloned();
        match row {
            Some(row) => {
                group::check(world, order, &row);
                if group::is_apart(world, order) {
                    let what = "by itself, for its number came too late";
                    *exceptions.entry(what).or_default() += 1;
                }
                case::Case::new(world, order, row).judge(&mut exceptions);
            }
            None if is_recorded(world, order) => {
                *exceptions.entry("another notice of an order").or_default() += 1;
            }
            None if may_be_too_old(world, order) => {
                *exceptions.entry("older than 90 days at the door").or_default() += 1;
            }
            // It came too late: the person had denied before.
            None if group::is_denied(world, order) => {
                *exceptions.entry("denied before it came").or_default() += 1;
            }
            None => world.violated("nothing is lost", label(order), "no row"),
        }
    }
    whole::check(world);
    ended::check_erasures(world);
    exceptions
}
