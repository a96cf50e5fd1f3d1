//! The order log beside what Microsoft counts and what `status` says.

use microsoft_simulator::Unattributed;
use serde_json::{Value, json};
use test_support::rig::World;

use super::orders::{Order, number};

/// What is not as it should be; empty in the end.
pub async fn wrong(world: &World, orders: &[Order]) -> Vec<String> {
    let mut wrong = Vec::new();
    let conversions = world.conversions().await;
    if conversions.len() > orders.len() {
        wrong.push(format!("{} conversions of {} orders", conversions.len(), orders.len()));
    }
    for order in orders {
        let problem = at_microsoft(order, &conversions).err();
        let record = match problem {
            None => explained(order, &world.record(&order.id).await).err(),
            problem => problem,
        };
        wrong.extend(record.map(|problem| format!("{}: {problem}\n{order:?}", order.id)));
    }
    wrong
}

/// Nothing was dropped in silence but repetitions after an answer that was lost: of an original that
/// counts, and of a Retract that was carried out.
pub fn nothing_came_to_nothing(world: &World) {
    let repetition = |row: &Unattributed| {
        let known =
            [("Conversion", "DuplicateConversionKey"), ("Retract", "ConversionAlreadyRetracted")];
        known.contains(&(row.row, row.reason))
    };
    let mut lost = world.microsoft().unattributed();
    lost.retain(|row| !repetition(row));
    assert!(lost.is_empty(), "{lost:#?}");
}

/// It counts once, with its original value, and is worth the net now.
fn at_microsoft(order: &Order, conversions: &[Value]) -> Result<(), String> {
    let value = order.value.map_or(Value::Null, number);
    let is = |conversion: &&Value| {
        let same_value = conversion["originalValue"].as_f64() == value.as_f64();
        conversion["clickId"] == json!(order.click_id()) && same_value
    };
    let found: Vec<&Value> = conversions.iter().filter(is).collect();
    let [conversion] = found.as_slice() else {
        return Err(format!("counted {} times: {found:?}", found.len()));
    };
    let (worth, retracted) = match (order.net(), order.value) {
        (None, _) => (json!(0), true),
        (Some(_), None) => (Value::Null, false),
        (Some(net), Some(_)) => (number(net), false),
    };
    let right = conversion["value"].as_f64() == worth.as_f64()
        && (conversion["state"] == "retracted") == retracted;
    if right { Ok(()) } else { Err(format!("should be worth {worth}: {conversion}")) }
}

/// `status` says the same, and that nothing is to come.
fn explained(order: &Order, record: &Value) -> Result<(), String> {
    let state = match order.net() {
        None => "retracted",
        net if net == order.value || order.value.is_none() => "accepted",
        Some(_) => "restated",
    };
    let state_fits = record["state"] == state || (state == "accepted" && !order.fixes.is_empty());
    let corrections = record["desired"]["corrections"].as_array().map_or(0, Vec::len);
    let is_at_rest = record["reason"].is_null()
        && record["due"].is_null()
        && record["nextAction"]["action"] == "None";
    let is_right = state_fits && is_at_rest && corrections == order.fixes.len();
    if is_right { Ok(()) } else { Err(format!("should be {state}: {record}")) }
}
