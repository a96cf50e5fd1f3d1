//! What `status` answers.

use serde_json::Value;
use tracklayer_core::reconcile::state::state;

use super::{group, key_of, label, net::Net};
use crate::{decimal::thousandths, plan::Order, world::World};

/// Looks at the answer about an order that is recorded; with `settled` nothing has changed since.
pub fn check_story(world: &World, order: &Order, status: i64, answer: &Value, settled: bool) {
    let broken = |what: String| {
        world.violated(
            "status tells the story",
            label(order),
            format!("{what}: {status} {answer}"),
        );
    };
    let order = group::counted(world, order);
    let records = answer["records"].as_array();
    let is_it = |record: &&Value| record["event"].as_str() == Some(order.event);
    let record = records.and_then(|records| records.iter().find(is_it));
    let Some(record) = record.filter(|_| status == 200) else {
        return broken("the row is not there".to_owned());
    };
    if !settled {
        return;
    }
    let table = world.table.borrow();
    let Some(row) = table.rows.get(&key_of(order)) else { return };
    if record["state"].as_str() != Some(state(row).0.as_str()) {
        broken("another state".to_owned());
    }
    let (net, late) = Net::of(world, order, &table.whole(row));
    let shown = Some(&record["desired"]["netValue"]).filter(|net| !net.is_null());
    let shown = shown.map(|net| thousandths(&net.to_string()));
    if !late && shown != net.shown(order.value) {
        broken(format!("the net is {net:?}"));
    }
    let next = record["nextAction"]["action"].as_str();
    if next != Some("None") {
        broken("something is left to do".to_owned());
    }
}
