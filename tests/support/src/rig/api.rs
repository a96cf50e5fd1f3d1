//! The HTTP API of a running system, its ingest keys, and what requests have left in the tables.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json, value::RawValue};

use super::{Answer, KEY, World};

/// Where landings and ties go.
pub const CAPTURE: &str = "/api/tracklayer/ms-attribution";
/// The header of most requests.
pub const JSON: (&str, &str) = ("content-type", "application/json");
/// Where events go, and where status is asked.
pub const EVENTS: &str = "/api/tracklayer/events";

/// `shop-key`, `read-key`, `write-key`, `eu-key` and `erase-shop-key` by their SHA-256, and what each
/// may do.
const KEYS: [(&str, &str, &str, &[&str]); 5] = [
    (
        "44cfdcdd88354fa1412781f5a01a901c9112db33bfa8b165fbec9b618d9cf112",
        "shop",
        "*",
        &["read", "write"],
    ),
    ("8578df6c579d44d3bf7caeada69ed9cbca30b318a50a0e60216b46760edf5477", "*", "*", &["read"]),
    ("9a7ac94eebad54f90bf2ee767e6765138c44b2ad6bd68e05938b5e7b0f4b232f", "*", "*", &["write"]),
    (
        "aa2620b2a0792a34ee5d7b6404092c964c2746d8221962967925388470f608e0",
        "*",
        "eu",
        &["read", "write"],
    ),
    ("4f540ae1b436b36709dff383b6ce188111b53c21edd4bc805c3806a85812e30e", "shop", "*", &["erase"]),
];

/// Where erasures are asked for.
pub const ERASURES: &str = "/api/tracklayer/erasures";

/// Fields as a call to Microsoft carries them, with exactly their text.
pub type Row = BTreeMap<String, Box<RawValue>>;

impl World {
    /// A request to capture, as raw as it gets.
    pub async fn landing(&self, headers: &[(&str, &str)], body: impl Into<String>) -> Answer {
        self.request(Method::POST, CAPTURE, headers, body.into()).await
    }

    /// A landing, as the page snippet sends it.
    pub async fn capture(&self, body: &Value) -> Answer {
        self.landing(&[JSON], body.to_string()).await
    }

    /// One event or an array as text, under some key.
    pub async fn enqueue(&self, key: &str, body: impl Into<String>) -> Answer {
        self.with_key(Method::POST, EVENTS, key, body.into()).await
    }

    /// One event, or an array of them, with the local key.
    pub async fn post(&self, events: &Value) -> Answer {
        self.enqueue(KEY, events.to_string()).await
    }

    /// Asks for an erasure, under some key.
    pub async fn erase(&self, key: &str, body: impl Into<String>) -> Answer {
        self.with_key(Method::POST, ERASURES, key, body.into()).await
    }

    /// Asks status for `<source>/<event id>`.
    pub async fn status(&self, key: &str, of: &str) -> Answer {
        self.with_key(Method::GET, &format!("{EVENTS}/{of}"), key, String::new()).await
    }

    async fn with_key(&self, method: Method, path: &str, key: &str, body: String) -> Answer {
        let authorization = format!("Bearer {key}");
        self.request(method, path, &[JSON, ("authorization", &authorization)], body).await
    }

    /// The records under an event id of `shop`; empty if it is unknown.
    pub async fn records(&self, event_id: &str) -> Vec<Value> {
        let answer = self.status(KEY, &format!("shop/{event_id}")).await;
        answer.body["records"].as_array().cloned().unwrap_or_default()
    }

    /// Adds keys to `local-key`: `shop-key` (source shop only), `read-key`, `write-key` (one right
    /// only), `eu-key` (account eu only) and `erase-shop-key` (source and right). The functions read keys when they first need one.
    pub async fn add_keys(&self) {
        let target = "secretsmanager.GetSecretValue";
        let secret = json!({"SecretId": "tracklayer/ingest-keys"});
        let known = self.aws(target, secret).await;
        let text = known["SecretString"].as_str().expect("text");
        let mut file: Value = serde_json::from_str(text).expect("JSON");
        let list = file["keys"].as_array_mut().expect("a list");
        list.extend(KEYS.map(|(sha256, source, account, rights)| {
            json!({"name": "test", "sha256": sha256, "sources": [source], "accounts": [account],
                   "rights": rights})
        }));
        let target = "secretsmanager.PutSecretValue";
        let secret =
            json!({"SecretId": "tracklayer/ingest-keys", "SecretString": file.to_string()});
        self.aws(target, secret).await;
    }

    /// All items of a table.
    pub async fn items(&self, table: &str) -> Vec<Value> {
        let (mut items, mut request) = (Vec::new(), json!({"TableName": table}));
        loop {
            let target = "DynamoDB_20120810.Scan";
            let mut page = self.aws(target, request.clone()).await;
            items.append(page["Items"].as_array_mut().expect("items"));
            if page["LastEvaluatedKey"].is_null() {
                return items;
            }
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"].clone();
        }
    }

    /// The items of a table that hold `text` anywhere.
    pub async fn items_with(&self, table: &str, text: &str) -> Vec<Value> {
        let mut items = self.items(table).await;
        items.retain(|item| item.to_string().contains(text));
        items
    }

    /// What events have left in the ledger: rows, pointers, claims.
    pub async fn entries(&self) -> Vec<Value> {
        let mut items = self.items("Conversions").await;
        let is_of_events = |pk: &str| pk.starts_with("event ") || pk.starts_with("key ");
        items.retain(|item| item["pk"]["S"].as_str().is_some_and(is_of_events));
        items
    }

    /// The rows that went to Microsoft for a click id: originals and adjustments, in order.
    #[must_use]
    pub fn sent(&self, msclkid: &str) -> Vec<Row> {
        let mut sent = Vec::new();
        for call in self.microsoft().calls() {
            // Not a batch of rows otherwise.
            let Ok(body) = serde_json::from_str::<BTreeMap<String, Vec<Row>>>(&call.body) else {
                continue;
            };
            sent.extend(body.into_values().flatten());
        }
        let wanted = format!("\"{msclkid}\"");
        sent.retain(|row: &Row| row.get("MicrosoftClickId").is_some_and(|id| id.get() == wanted));
        sent
    }

    /// Posts an event that must be taken as new; answers with what was said.
    pub async fn queued(&self, event: &Value) -> Value {
        let answer = self.enqueue(KEY, event.to_string()).await;
        assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")), "{answer:?}");
        answer.body
    }
}

impl Answer {
    /// HTTP status, code and field of an error of the request as a whole, or of a single event.
    #[must_use]
    pub fn problem(&self) -> (u16, &str, Option<&str>) {
        let error = &self.body["error"];
        (self.status, error["code"].as_str().unwrap_or("none"), error["field"].as_str())
    }
}
