//! Whole runs against the local stand-in for AWS, through the real SDKs.

use std::collections::BTreeSet;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use local_aws::{Aws, Settings};
use serde_json::json;
use sweep::{Sweep, wire::Summary};
use tracklayer_core::{
    click::ClickId,
    decide::Policy,
    erasure::{Erasure, Person, Scope},
    identity::{Identity, Sha256Hash},
    mapping::Mapping,
    money::{Amount, Currency, Money},
    observed::Observed,
    open::{Class, WaitReason},
    record::{Change, Correction, Facts, References, Row, RowKey},
    signal::Signal,
    time::{DAY, EventTime},
};
use tracklayer_edge::{
    clicks::Clicks,
    clock::{self, SystemClock},
    ledger::{GoalCheck, Ledger},
    ports::{Erasures as _, GoalChecks as _, Index as _, Rows as _},
    queue::Queue,
    telemetry::StandardOutput,
};

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

struct Stand {
    sweep: Sweep,
    now: EventTime,
    dynamo: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
    queue_url: String,
}

impl Stand {
    async fn start() -> Self {
        let aws = Aws::open(None, Settings::default()).await.expect("opens");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = aws.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        for table in [table(), clicks()] {
            aws.call("DynamoDB_20120810.CreateTable", table).await.expect("created");
        }
        let sqs = client!(aws_sdk_sqs, &url);
        let queue = sqs.create_queue().queue_name("uploads").send().await.expect("created");
        let queue_url = queue.queue_url.expect("an address");
        let dynamo = client!(aws_sdk_dynamodb, &url);
        Stand {
            sweep: Sweep {
                policy: Policy { settle_delay: 5, run_margin: 45, min_click_age: 0, hour: 1_000 },
                mapping: Mapping::shipped(),
                ledger: Ledger::new(dynamo.clone(), "Conversions".to_owned()),
                clicks: Clicks::new(dynamo.clone(), "Clicks".to_owned()),
                queue: Queue::new(sqs.clone(), queue_url.clone()),
                clock: SystemClock::default(),
                telemetry: StandardOutput,
            },
            now: clock::now(),
            dynamo,
            sqs,
            queue_url,
        }
    }

    async fn put(&self, row: &Row) {
        let known = self.sweep.ledger.insert(row, self.now).await.expect("written");
        assert_eq!(known, None);
    }

    async fn run(&self) -> Summary {
        let deadline = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
        self.sweep.handle(self.now, deadline).await.expect("a run")
    }

    async fn rows(&self, event_id: &str) -> Vec<Row> {
        let (source, id) = ("shop".parse().expect("a source"), event_id.parse().expect("an id"));
        self.sweep.ledger.partition(&source, &id, self.now).await.expect("read")
    }

    /// The rows that were signalled; their messages are gone then.
    async fn signals(&self) -> BTreeSet<String> {
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

fn clicks() -> serde_json::Value {
    let mut table = table();
    table["TableName"] = json!("Clicks");
    let members = table.as_object_mut().expect("an object");
    members.remove("GlobalSecondaryIndexes");
    let keys = members["AttributeDefinitions"].as_array_mut().expect("a list");
    keys.truncate(2);
    table
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
                "NonKeyAttributes": ["account", "goal", "value", "currency", "reason"]},
        }],
    })
}

fn row(event_id: &str, event: &str, now: EventTime) -> Row {
    let money = Money {
        amount: Amount::from_json("129.95").expect("an amount"),
        currency: Currency::parse("USD").expect("a currency"),
    };
    Row {
        key: RowKey {
            source: "shop".parse().expect("a source"),
            event_id: event_id.parse().expect("an id"),
            event: event.parse().expect("an event"),
        },
        account: "main".parse().expect("an account"),
        facts: Some(Facts {
            fingerprint: "f".to_owned(),
            goal: "Purchase".parse().expect("a goal"),
            occurred_at: now.plus_seconds(-DAY),
            conversion_time: now.plus_seconds(-DAY),
            money: Some(money),
            identity: Identity::default(),
            click: None,
            references: References::default(),
            consent: None,
            erased_at: None,
        }),
        corrections: Vec::new(),
        desired: 1,
        observed: 0,
        microsoft: Observed::default(),
        open: None,
        waits: 1,
        recorded_at: None,
        ttl: None,
    }
}

fn open(mut row: Row, class: Class, due: EventTime, reason: Option<WaitReason>) -> Row {
    row.open = Some(class.entry(&row.key, due, reason));
    row
}

fn waiting(event_id: &str, now: EventTime, due_in: i64) -> Row {
    let row = row(event_id, "purchase", now);
    open(row, Class::Wait, now.plus_seconds(due_in), Some(WaitReason::NoClick))
}

fn orphan(event_id: &str, now: EventTime, occurred: i64) -> Row {
    let occurred_at = now.plus_seconds(occurred);
    let correction = Correction {
        source: "shop".parse().expect("a source"),
        event_id: format!("{event_id}-r1").parse().expect("an id"),
        occurred_at,
        recorded_at: occurred_at,
        names_event: false,
        account: None,
        change: Change::default(),
        refused: None,
    };
    let row = Row { facts: None, corrections: vec![correction], ..row(event_id, "purchase", now) };
    let due = now.plus_seconds(-10);
    open(row, Class::Orphan, due, Some(WaitReason::OriginalMissing))
}

#[tokio::test]
async fn what_is_due_is_signalled_once() {
    let stand = Stand::start().await;
    let now = stand.now;
    for (id, due_in) in [("1", -5), ("2", -300), ("3", 0), ("later", 60)] {
        stand.put(&waiting(id, now, due_in)).await;
    }
    let past = now.plus_seconds(-500);
    let held = Class::Held("main".to_owned());
    let rests = [
        (held, "held", Some(WaitReason::AccountHeld)),
        (Class::Refused, "refused", None),
        (Class::Dead, "dead", None),
    ];
    for (class, id, reason) in rests.clone() {
        stand.put(&open(row(id, "purchase", now), class, past, reason)).await;
    }

    let summary = stand.run().await;
    assert_eq!(summary, Summary { signalled: 3, ..Summary::default() });
    let signalled = ["1", "2", "3"].map(|id| format!("purchase shop/{id} 129.95 USD"));
    assert_eq!(stand.signals().await, BTreeSet::from(signalled));
    for id in ["1", "2", "3"] {
        let row = stand.rows(id).await.remove(0);
        assert_eq!(row.open.expect("still open").due, now.plus_seconds(1_000));
        assert_eq!((row.desired, row.observed), (1, 0), "moving due raises no revision");
    }

    assert_eq!(stand.run().await, Summary::default());
    assert!(stand.signals().await.is_empty());
    for (_, id, _) in rests {
        assert_eq!(stand.rows(id).await[0].open.as_ref().expect("open").due, past);
    }
}

#[tokio::test]
async fn runs_at_the_same_time_signal_each_row_once() {
    let stand = Stand::start().await;
    for n in 0..25 {
        stand.put(&waiting(&format!("row-{n}"), stand.now, -n)).await;
    }
    let (one, other) = tokio::join!(stand.run(), stand.run());
    assert_eq!(one.signalled + other.signalled, 25);
    assert_eq!(stand.signals().await.len(), 25, "checked to be different ones");
}

#[tokio::test]
async fn a_row_that_was_refused_since_the_index_was_read_is_not_moved() {
    let stand = Stand::start().await;
    let row = waiting("1", stand.now, -5);
    stand.put(&row).await;
    let ledger = &stand.sweep.ledger;
    let class = row.open.as_ref().expect("open").class.clone();
    let entry = ledger.due(&class, stand.now, 10, None).await.expect("read").entries.remove(0);
    let refused = open(row.clone(), Class::Refused, stand.now.plus_seconds(-5), None);
    assert!(ledger.change(&row, &refused).await.expect("written"));
    let moved = ledger.postpone(&entry, stand.now.plus_seconds(1_000)).await.expect("answered");
    assert!(!moved, "its signal would count as a redrive");
}

#[tokio::test]
async fn a_row_whose_signal_is_lost_comes_again_in_an_hour() {
    let mut stand = Stand::start().await;
    stand.put(&waiting("1", stand.now, -5)).await;
    let nowhere = format!("{}-missing", stand.queue_url);
    let queue = std::mem::replace(&mut stand.sweep.queue, Queue::new(stand.sqs.clone(), nowhere));
    assert_eq!(stand.run().await, Summary { unsent: 1, ..Summary::default() });
    stand.sweep.queue = queue;
    assert_eq!(stand.run().await, Summary::default());
    stand.now = stand.now.plus_seconds(1_000);
    assert_eq!(stand.run().await, Summary { signalled: 1, ..Summary::default() });
}

#[tokio::test]
async fn orphans_find_their_original_wait_or_end() {
    let stand = Stand::start().await;
    let now = stand.now;
    stand.put(&orphan("found", now, -20)).await;
    stand.put(&row("found", "qualified_lead", now)).await;
    stand.put(&orphan("young", now, -20)).await;
    stand.put(&orphan("stuck", now, -73 * 1_000)).await;
    stand.put(&orphan("over", now, -91 * DAY)).await;

    let expected = Summary {
        orphans_moved: 1,
        orphans_waiting: 2,
        orphans_refused: 1,
        stuck: 1,
        ..Summary::default()
    };
    assert_eq!(stand.run().await, expected);

    let found = stand.rows("found").await;
    assert_eq!(found.len(), 1, "the orphan is gone");
    assert_eq!((found[0].corrections.len(), found[0].desired), (1, 2));
    assert_eq!(found[0].open.as_ref().expect("due").due, now.plus_seconds(5));
    let young = stand.rows("young").await.remove(0);
    assert_eq!(young.open.expect("open").due, now.plus_seconds(6 * 1_000));
    assert_eq!(young.waits, 2);
    let over = stand.rows("over").await.remove(0);
    assert_eq!(over.microsoft.refusal.expect("refused").reason.to_string(), "original_never_came");
    assert!(over.open.expect("counted").class.starts_with("refused#"));

    assert_eq!(stand.run().await, Summary::default());
    assert!(stand.signals().await.is_empty());
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_stops_nothing() {
    let stand = Stand::start().await;
    let row = waiting("1", stand.now, -5);
    let class = row.open.as_ref().expect("open").class.clone();
    stand.put(&row).await;
    let junk = [("pk", text("junk")), ("sk", text("junk"))];
    let entry = [("open", text(&class)), ("due", AttributeValue::N("1".to_owned()))];
    let item = junk.into_iter().chain(entry).map(|(name, value)| (name.to_owned(), value));
    let put = stand.dynamo.put_item().table_name("Conversions").set_item(Some(item.collect()));
    put.send().await.expect("written");

    let page = stand.sweep.ledger.due(&class, stand.now, 1, None).await.expect("read");
    assert!(page.entries.is_empty(), "the junk is the oldest");
    let page = stand.sweep.ledger.due(&class, stand.now, 1, page.next).await.expect("read");
    assert_eq!(page.entries.len(), 1, "the page after it is reached");
    assert_eq!(stand.run().await, Summary { signalled: 1, ..Summary::default() });
    let tally = stand.sweep.ledger.tally(&class, 5).await.expect("counted");
    assert!(tally.complete && tally.accounts["main"] == 1);
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_run_without_time_leaves_everything_due() {
    let stand = Stand::start().await;
    stand.put(&waiting("1", stand.now, -5)).await;
    stand.put(&orphan("2", stand.now, -20)).await;
    let summary = stand.sweep.handle(stand.now, 0).await.expect("a run");
    assert_eq!(summary, Summary { cut_short: true, ..Summary::default() });
    assert_eq!(stand.run().await.signalled, 1);
}

#[tokio::test]
async fn the_audit_finds_what_nothing_drives_and_is_through_once_a_week() {
    let stand = Stand::start().await;
    let now = stand.now;
    let mut stuck = row("forgotten", "purchase", now);
    stuck.recorded_at = Some(now.plus_seconds(-25_000));
    let mut fresh = row("fresh", "purchase", now);
    fresh.recorded_at = Some(now.plus_seconds(-10));
    for row in [&stuck, &fresh, &waiting("driven", now, 60)] {
        stand.put(row).await;
    }
    let deadline_ms = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
    let span = sweep::signals::Span { now, deadline_ms };

    let audit = stand.sweep.audit(&span, 168).await.expect("an audit");
    assert_eq!((audit.audited, audit.audit_stuck, audit.audit_finished), (3, 1, true));
    let open = stand.rows("forgotten").await.remove(0).open.expect("due");
    assert_eq!(open.due, now);
    assert_eq!(stand.rows("fresh").await.remove(0).open, None);
    assert_eq!(stand.run().await.signalled, 1);

    let again = stand.sweep.audit(&span, 168).await.expect("nothing to do");
    assert_eq!(again, sweep::wire::AuditSummary::default());
}

#[tokio::test]
async fn rows_of_a_name_that_was_corrected_in_the_mapping_are_released() {
    let stand = Stand::start().await;
    let now = stand.now;
    let row = row("1", "purchase", now);
    let class = Class::Held("main/Purchse".to_owned());
    stand.put(&open(row, class, now.plus_seconds(9_000), Some(WaitReason::GoalHeld))).await;
    let deadline_ms = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
    let span = sweep::signals::Span { now, deadline_ms };
    let main = "main".parse().expect("an account");
    let held = vec!["Purchse".to_owned()];
    let once_held: BTreeSet<String> = held.iter().cloned().collect();
    let check = GoalCheck { held_goals: held, once_held, ..GoalCheck::default() };
    stand.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(stand.sweep.release_held(&span).await.expect("a run"), 0);

    // The next check looks for "Purchase" only, and finds it.
    let check = GoalCheck { held_goals: Vec::new(), ..check };
    stand.sweep.ledger.save_check(&main, &check).await.expect("kept");
    assert_eq!(stand.sweep.release_held(&span).await.expect("a run"), 1);
    assert_eq!(stand.signals().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_erases_who_is_to_be_erased_and_a_second_pass_changes_nothing() {
    let stand = Stand::start().await;
    let ledger = &stand.sweep.ledger;
    let hash = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";
    for (event_id, session, email) in [("1", "s-1", true), ("2", "s-2", true), ("3", "s-3", false)]
    {
        let mut row = row(event_id, "purchase", stand.now);
        let facts = row.facts.as_mut().expect("facts");
        facts.references.session = Some(session.parse().expect("a session"));
        facts.identity.email = email.then(|| Sha256Hash::parse(hash).expect("a hash"));
        stand.put(&row).await;
        let click = ClickId::parse("f894f652ea334e739002f7167ab8f8e3").expect("a click id");
        let at = clock::now_ms() - 5_000;
        stand.sweep.clicks.add(session, &click, at, Vec::new()).await.expect("a click");
    }
    let list = || vec!["*".to_owned()];
    let erasure = Erasure {
        person: Person::parse("email", hash).expect("a person"),
        scope: Scope { sources: list(), accounts: list() },
        by: "crm".to_owned(),
    };
    let asked = stand.now.plus_seconds(-100);
    ledger.begin_erasure(&erasure, asked).await.expect("noted");

    let deadline = u64::try_from(clock::now_ms() + 300_000).expect("after 1970");
    let pass = |seconds| sweep::signals::Span {
        now: stand.now.plus_seconds(seconds),
        deadline_ms: deadline,
    };
    let audit = stand.sweep.audit(&pass(0), 168).await.expect("an audit");
    assert_eq!((audit.audit_erased, audit.audit_finished), (2, true));
    let item = &ledger.erasures(stand.now).await.expect("erasures")[0];
    assert_eq!((item.done_at, item.rows.len()), (Some(stand.now), 2));
    let erased = [&stand.rows("1").await[0], &stand.rows("2").await[0]].map(Row::is_erased);
    assert_eq!((erased, stand.rows("3").await[0].is_erased()), ([true, true], false));
    let left = stand.dynamo.scan().table_name("Clicks").send().await.expect("a scan");
    assert_eq!(left.count, 1, "the click of somebody else");

    let again = stand.sweep.audit(&pass(1), 168).await.expect("nothing to do");
    assert_eq!(again.audited, 0, "no pass is due, and none is pending");
    let before = stand.rows("1").await;
    let later = stand.sweep.audit(&pass(168 * 1_000), 168).await.expect("the next pass");
    assert_eq!((later.audited, later.audit_erased), (3, 0));
    assert_eq!(stand.rows("1").await, before);
    // Asked again while the row is as it is, the next pass is due at once.
    ledger.begin_erasure(&erasure, stand.now.plus_seconds(168_100)).await.expect("noted");
    let asked_again = stand.sweep.audit(&pass(168_200), 168).await.expect("a pass");
    assert_eq!((asked_again.audited, asked_again.audit_erased), (3, 0));
}
