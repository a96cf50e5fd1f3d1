//! What upload itself costs per conversion, without AWS: read a batch of 1,000 messages, decide each
//! row, claim it, write the call, read the answer, write down each outcome.
//!
//! ```sh
//! cargo run --release -p upload --example per_conversion
//! ```
//!
//! The yardstick is `serde_json` reading the same batch into untyped values and writing it out
//! again, in the same process: the ratio depends little on the machine.

use std::{hint::black_box, time::Instant};

use tracklayer_core::event::{Event, parse_event};
use tracklayer_core::ledger::facts::Click;
use tracklayer_core::ledger::observed::{Destination, Environment, Kind};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::signal::Signal;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::microsoft::payload::{ApplyConversions, OfflineConversion};
use tracklayer_core::microsoft::reply::read_apply;
use tracklayer_core::reconcile::decide::{AccountView, Action, Policy};
use tracklayer_core::reconcile::intake::{facts_of, place};
use tracklayer_core::reconcile::note::{CallRef, Context, Note};
use tracklayer_core::reconcile::verdict::{Sent, verdict};
use tracklayer_core::time::EventTime;
use upload::wire::SqsEvent;

const ROWS: usize = 1_000;
const ROUNDS: u32 = 200;
const POLICY: Policy =
    Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };

fn main() {
    let now = EventTime::from_epoch(1_800_000_000);
    let rows: Vec<Row> = (0..ROWS).map(|n| row(n, now)).collect();
    let batch = batch(&rows);
    let account = AccountView {
        destination: Some(Destination {
            environment: Environment::Production,
            account_id: "7654321".to_owned(),
        }),
        ..AccountView::default()
    };
    let context = Context { account: &account, now, policy: &POLICY };
    let ours = per_row(|| run(&batch, &rows, &context));
    let yardstick = per_row(|| {
        let value: serde_json::Value = serde_json::from_slice(&batch).expect("JSON");
        serde_json::to_vec(&value).expect("JSON").len()
    });
    println!("upload: {ours:.0} ns per conversion");
    println!("yardstick, the batch read and written as untyped JSON: {yardstick:.0} ns");
    println!("ratio {:.2}", ours / yardstick);
}

#[expect(clippy::disallowed_methods, reason = "a stopwatch")]
fn per_row(mut work: impl FnMut() -> usize) -> f64 {
    black_box(work());
    let start = Instant::now();
    for _ in 0..ROUNDS {
        black_box(work());
    }
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let rows = ROWS as f64;
    start.elapsed().as_secs_f64() * 1e9 / (f64::from(ROUNDS) * rows)
}

fn run(batch: &[u8], rows: &[Row], context: &Context<'_>) -> usize {
    let event: SqsEvent = serde_json::from_slice(batch).expect("a batch");
    let signals = event.records.iter().map(|record| Signal::parse(&record.body).expect("a signal"));
    let keys: Vec<_> = signals.map(|signal| signal.key).collect();
    assert_eq!(keys.len(), rows.len());
    let send: Vec<&Row> = rows.iter().filter(|row| context.next(row) == Action::Apply).collect();
    let claims: Vec<_> =
        send.iter().map(|row| Note::ClaimedApply.write(row, None, context)).collect();
    let facts = send.iter().map(|row| &row.facts);
    let call =
        ApplyConversions { offline_conversions: facts.map(OfflineConversion::new).collect() };
    let body = serde_json::to_vec(&call).expect("a body");
    let reply = read_apply(200, br#"{"PartialErrors":[]}"#, send.len());
    let to = context.account.destination.clone().expect("a destination");
    let mark = CallRef { to, tracking_id: Some("t".to_owned()) };
    let sent: Vec<Sent> = send.iter().map(|row| Sent::of(row, Kind::Apply)).collect();
    let notes = verdict(reply, &sent, &mark, context.now, context.policy).notes;
    let outcomes: Vec<_> =
        send.iter().zip(&notes).map(|(row, note)| note.write(row, None, context)).collect();
    body.len() + black_box(claims).len() + black_box(outcomes).len()
}

fn row(n: usize, now: EventTime) -> Row {
    let event = format!(
        r#"{{"event":"purchase","eventId":"order-{n}","source":"shop","occurredAt":"{now}",
            "value":{n}.95,"currency":"USD","msclkid":"f894f652ea334e739002f7167ab{n:05}"}}"#
    );
    let parsed = parse_event(&event, &Mapping::sample(), now).event.expect("an event");
    let Event::Conversion(conversion) = parsed else { panic!("a conversion") };
    let click_id = conversion.msclkid.clone().expect("a click id");
    let search = Ok((click_id, Click::BROUGHT));
    let account = AccountView::default();
    let context = Context { account: &account, now, policy: &POLICY };
    place(&conversion, facts_of(&conversion, &search), None, &context, 395).0
}

fn batch(rows: &[Row]) -> Vec<u8> {
    let record = |row: &Row| {
        serde_json::json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
            "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": serde_json::to_string(&Signal::new(row, None)).expect("a signal"),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1800000000000",
                "SenderId": "AIDAIENQZJOLO23YVJ4VO", "ApproximateFirstReceiveTimestamp": "1800000000001"},
            "messageAttributes": {},
            "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:uploads",
            "awsRegion": "us-east-1"
        })
    };
    let records: Vec<_> = rows.iter().map(record).collect();
    serde_json::to_vec(&serde_json::json!({"Records": records})).expect("JSON")
}
