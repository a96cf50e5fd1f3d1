//! Sweep over a local AWS, and rows for it.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use local_aws::{Aws, Settings};
use serde_json::json;
use sweep::{Sweep, span::Span, wire::Summary};
use test_support::rows::{facts, key_of, row_of};
use tracklayer_core::ledger::facts::{Facts, References};
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::person::identity::Identity;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::time::{DAY, EventTime};
use tracklayer_edge::aws::clicks::Clicks;
use tracklayer_edge::aws::ledger::Ledger;
use tracklayer_edge::aws::queue::Queue;
use tracklayer_edge::lambda::clock::SystemClock;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::telemetry::StandardOutput;
use tracklayer_edge::ports::{Clock as _, Orphans as _, Partition, Pointer, Rows as _};

macro_rules! client {
    ($sdk:ident, $url:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version($sdk::config::BehaviorVersion::latest())
                .endpoint_url($url)
                .region($sdk::config::Region::new("eu-west-1"))
                .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        )
    };
}

/// An hour is 1,000 seconds, so that times of the policy are told from others.
pub const POLICY: Policy =
    Policy { settle_delay: 5, run_margin: 45, min_click_age: 0, hour: 1_000 };

pub struct Rig {
    pub sweep: Sweep,
    pub aws: Aws,
    pub now: EventTime,
    pub dynamo: aws_sdk_dynamodb::Client,
    pub sqs: aws_sdk_sqs::Client,
    pub queue_url: String,
}

impl Rig {
    pub async fn start() -> Self {
        let aws = Aws::open(None, Settings::default()).await.expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = aws.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        for table in [table(), clicks_table()] {
            aws.call("DynamoDB_20120810.CreateTable", table).await.expect("created");
        }
        let sqs = client!(aws_sdk_sqs, &url);
        let queue = sqs.create_queue().queue_name("uploads").send().await.expect("created");
        let queue_url = queue.queue_url.expect("an address");
        let dynamo = client!(aws_sdk_dynamodb, &url);
        Rig {
            sweep: Sweep {
                policy: POLICY,
                mapping: Mapping::sample(),
                ledger: Ledger::new(dynamo.clone(), "Conversions".to_owned()),
                clicks: Clicks::new(dynamo.clone(), "Clicks".to_owned()),
                queue: Queue::new(sqs.clone(), queue_url.clone()),
                clock: SystemClock::default(),
                telemetry: StandardOutput,
            },
            aws,
            now: SystemClock::default().now(),
            dynamo,
            sqs,
            queue_url,
        }
    }

    pub async fn put(&self, row: &Row) {
        let known = self.sweep.ledger.insert(row, self.now).await.expect("written");
        assert_eq!(known, None);
    }

    /// An orphan of one correction, with its pointer.
    pub async fn put_orphan(&self, orphan: &Orphan) {
        let pointer = Pointer {
            original_source: orphan.key.source.clone(),
            original_event_id: orphan.key.event_id.clone(),
            fingerprint: "f".to_owned(),
            ttl: orphan.ttl,
        };
        let (ledger, own) = (&self.sweep.ledger, own_key(orphan));
        let written = ledger.record_in_orphan(None, orphan, &own, &pointer, self.now).await;
        assert!(written.expect("written"));
    }

    pub async fn run(&self) -> Summary {
        self.sweep.wake(&self.span(self.now)).await.expect("a run")
    }

    /// A run that decides with the time `now` and has five minutes.
    pub fn span(&self, now: EventTime) -> Span {
        let clock = &self.sweep.clock;
        let deadline_ms = u64::try_from(clock.now_ms() + 300_000).expect("after 1970");
        Span { now, deadline: Deadline::at_epoch_ms(deadline_ms, clock) }
    }

    pub async fn rows(&self, event_id: &str) -> Vec<Row> {
        self.partition(event_id).await.rows
    }

    pub async fn orphan(&self, event_id: &str) -> Option<Orphan> {
        self.partition(event_id).await.orphan
    }

    async fn partition(&self, event_id: &str) -> Partition {
        let (source, event_id) =
            ("shop".parse().expect("a source"), event_id.parse().expect("an id"));
        let id = PartitionKey { source, event_id };
        self.sweep.ledger.partition(&id, self.now).await.expect("read")
    }

    /// The rows that were signalled; their messages are gone then.
    pub async fn signals(&self) -> BTreeSet<String> {
        let mut labels = BTreeSet::new();
        loop {
            let receive = self.sqs.receive_message().queue_url(&self.queue_url);
            let received = receive.max_number_of_messages(10).send().await.expect("received");
            let messages = received.messages.unwrap_or_default();
            if messages.is_empty() {
                return labels;
            }
            for message in messages {
                let signal = Signal::parse(message.body().expect("a body")).expect("a signal");
                assert!(labels.insert(signal.summary), "signalled twice");
            }
        }
    }
}

/// The table of clicks, as the template makes it.
pub fn clicks_table() -> serde_json::Value {
    let mut table = table();
    table["TableName"] = json!("Clicks");
    let members = table.as_object_mut().expect("an object");
    members.remove("GlobalSecondaryIndexes");
    let keys = members["AttributeDefinitions"].as_array_mut().expect("a list");
    keys.truncate(2);
    table
}

/// The id of the orphan's only correction.
pub fn own_key(orphan: &Orphan) -> PartitionKey {
    let correction = orphan.corrections.first().expect("a correction");
    let (source, event_id) = (correction.source.clone(), correction.event_id.clone());
    PartitionKey { source, event_id }
}

fn table() -> serde_json::Value {
    let attribute = |name, kind| json!({"AttributeName": name, "AttributeType": kind});
    let key = |name, kind| json!({"AttributeName": name, "KeyType": kind});
    json!({
        "TableName": "Conversions",
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions":
            [attribute("pk", "S"), attribute("sk", "S"), attribute("open", "S"), attribute("due", "N")],
        "KeySchema": [key("pk", "HASH"), key("sk", "RANGE")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "open",
            "KeySchema": [key("open", "HASH"), key("due", "RANGE")],
            "Projection": {"ProjectionType": "INCLUDE",
                "NonKeyAttributes": ["account", "goal", "value", "currency", "reason", "since",
                    "conversionTime"]},
        }],
    })
}

/// A sale of yesterday that nothing is known to lead to.
pub fn row(event_id: &str, event: &str, now: EventTime) -> Row {
    let facts = Facts {
        occurred_at: now.plus_seconds(-DAY),
        conversion_time: now.plus_seconds(-DAY),
        identity: Identity::default(),
        click: None,
        references: References::default(),
        ..facts()
    };
    Row {
        key: key_of(event_id, event),
        recorded_at: now,
        ttl: now.plus_seconds(395 * DAY),
        ..row_of(facts)
    }
}
