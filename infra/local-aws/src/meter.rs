//! What DynamoDB would charge: capacity units by operation and table, once they are measured.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::Bytes;
use serde_json::{Value, json};

/// Capacity units of an operation, `PutItem` for example, on a table.
pub type Units = BTreeMap<(String, String), f64>;

#[derive(Default)]
pub(crate) struct Meter {
    running: AtomicBool,
    units: Mutex<Units>,
}

impl Meter {
    /// Counts from zero.
    pub(crate) fn start(&self) {
        self.units().clear();
        self.running.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running.load(Ordering::Relaxed)
    }

    /// The units counted since the start.
    pub(crate) fn read(&self) -> Units {
        self.units().clone()
    }

    /// Adds the cost that an answer reports.
    pub(crate) fn add(&self, target: &str, answer: &[u8]) {
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
            *units.entry((operation.to_owned(), table)).or_default() += cost;
        }
    }

    fn units(&self) -> std::sync::MutexGuard<'_, Units> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
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
