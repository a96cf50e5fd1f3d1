//! What requests cost, once they are measured: calls, and the capacity units that DynamoDB charges.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Value, json};

/// Capacity units of an operation, `PutItem` for example, on a table.
pub type Units = BTreeMap<(String, String), f64>;

/// Calls that one access key id signed, by operation as `X-Amz-Target` names it.
pub type Calls = BTreeMap<String, u64>;

/// Capacity units that one access key id used, of reads and of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ReadAndWrite {
    /// Read units.
    pub read: f64,
    /// Write units.
    pub write: f64,
}

#[derive(Default)]
pub(crate) struct Meter {
    running: AtomicBool,
    /// By access key id, operation and table.
    units: Mutex<BTreeMap<(String, String, String), f64>>,
    /// By access key id and target.
    calls: Mutex<BTreeMap<(String, String), u64>>,
}

impl Meter {
    /// Counts from zero.
    pub(crate) fn start(&self) {
        self.units().clear();
        self.calls().clear();
        self.running.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// The units counted since the start.
    pub(crate) fn read(&self) -> Units {
        let mut units = Units::new();
        for ((_, operation, table), cost) in &*self.units() {
            *units.entry((operation.clone(), table.clone())).or_default() += cost;
        }
        units
    }

    pub(crate) fn units_of(&self, key_id: &str) -> ReadAndWrite {
        let mut sum = ReadAndWrite::default();
        for ((_, operation, _), cost) in self.units().iter().filter(|((key, ..), _)| key == key_id)
        {
            match operation.as_str() {
                "Query" | "Scan" | "GetItem" | "BatchGetItem" | "TransactGetItems" => {
                    sum.read += cost;
                }
                _ => sum.write += cost,
            }
        }
        sum
    }

    pub(crate) fn calls_of(&self, key_id: &str) -> Calls {
        let calls = self.calls();
        let own = calls.iter().filter(|((key, _), _)| key == key_id);
        own.map(|((_, target), count)| (target.clone(), *count)).collect()
    }

    /// Adds one request.
    pub(crate) fn call(&self, key_id: &str, target: &str) {
        *self.calls().entry((key_id.to_owned(), target.to_owned())).or_default() += 1;
    }

    /// Adds the cost that an answer reports.
    pub(crate) fn add(&self, key_id: &str, target: &str, answer: &[u8]) {
        let operation = target.split_once('.').map_or(target, |(_, operation)| operation);
        let Ok(answer) = serde_json::from_slice::<Value>(answer) else { return };
        let consumed = match &answer["ConsumedCapacity"] {
            Value::Array(list) => list.clone(),
            Value::Null => Vec::new(),
            one => vec![one.clone()],
        };
        let mut units = self.units();
        for one in consumed {
            let table = one["TableName"].as_str().unwrap_or("-").to_owned();
            let cost = one["CapacityUnits"].as_f64().unwrap_or(0.0);
            let entry = units.entry((key_id.to_owned(), operation.to_owned(), table));
            *entry.or_default() += cost;
        }
    }

    fn units(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String, String), f64>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), u64>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same request, asking for its cost as well; unchanged if it is not a JSON object.
pub(crate) fn asking(body: Bytes) -> Bytes {
    match serde_json::from_slice::<Value>(&body) {
        Ok(Value::Object(mut members)) => {
            members.insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
            Bytes::from(Value::Object(members).to_string())
        }
        _ => body,
    }
}
