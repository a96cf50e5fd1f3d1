//! What the events API accepts, as single events and as arrays, and what it answers.

mod people;
mod refused;
mod together;
mod written;

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json, value::RawValue};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::api::EVENTS;
use test_support::rig::{KEY, World, until};

fn sale(id: &str, number: u32) -> Value {
    purchase(id, &click(number), &json!(10.5))
}

fn lead(id: &str, number: u32) -> Value {
    let changes = json!({"event": "qualified_lead", "value": null, "currency": null});
    with(&sale(id, number), &changes)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mistake_has_its_code_alone_and_in_an_array_and_hurts_no_other_event() {
    let world = World::start().await;
    let cases = refused::cases();
    let mut array = vec![sale("good-1", 101)];
    let mut alone = Vec::new();
    for (event, changes, code, field) in &cases {
        let mut event = event.clone();
        event.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        let answer = world.post(&event).await;
        assert_eq!(answer.problem(), (422, *code, *field), "{event}");
        assert_eq!(answer.body["status"], "rejected");
        for key in ["eventId", "source"] {
            let usable = *field != Some(key);
            let expected = if usable { event[key].clone() } else { json!(null) };
            assert_eq!(answer.body.get(key), Some(&expected), "{event}");
        }
        let message = answer.body["error"]["message"].as_str().unwrap();
        assert!(!message.contains("jane") && !message.is_empty(), "{message}");
        alone.push(answer.body);
        array.push(event);
    }
    for no_event in [json!(5), json!("x"), json!(null), json!([])] {
        array.push(no_event);
    }
    array.push(sale("good-2", 102));
    let answer = world.post(&json!(array)).await;
    assert_eq!(answer.status, 200);
    let results = answer.body["results"].as_array().unwrap();
    assert_eq!(results.len(), array.len());
    assert_eq!(results[1..=cases.len()], alone);
    for result in &results[cases.len() + 1..results.len() - 1] {
        let expected = json!({"eventId": null, "source": null, "status": "rejected"});
        assert_eq!(with(result, &json!({"error": null})), expected);
        assert_eq!(
            (&result["error"]["code"], &result["error"]["field"]),
            (&json!("wrong_type"), &json!(null))
        );
    }
    let good =
        |id: &str| json!({"eventId": id, "source": "shop", "status": "queued", "state": "queued"});
    let taken = |position: usize| with(&results[position], &json!({"reason": null}));
    assert_eq!(taken(0), good("good-1"));
    assert_eq!(taken(results.len() - 1), good("good-2"));
    assert_eq!(answer.body["counts"], json!({"queued": 2, "rejected": cases.len() + 4}));
    world.until_state("good-1", "accepted").await;
    world.until_state("good-2", "accepted").await;
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

/// Authorization, content type, body, and the problem the request is refused with.
type Whole<'a> = (Option<&'a str>, Option<&'a str>, String, (u16, &'a str, Option<&'a str>));

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_none_is_refused_as_a_whole() {
    let world = World::start().await;
    world.add_keys().await;
    let event = sale("whole", 1).to_string();
    let array = |n: usize| format!("[{}]", vec!["{}"; n].join(","));
    let padded = |size: usize| format!("[{event}]{}", " ".repeat(size - event.len() - 2));
    let local = format!("Bearer {KEY}");
    let (json, none): (Option<&str>, Option<&str>) = (Some("application/json"), None);
    let cases: Vec<Whole<'_>> = vec![
        (Some(&local), json, "{\"event\":".to_owned(), (400, "invalid_json", None)),
        (Some(&local), json, String::new(), (400, "invalid_json", None)),
        (Some(&local), json, "[]".to_owned(), (400, "invalid_json", None)),
        (Some(&local), json, "null".to_owned(), (400, "invalid_json", None)),
        (Some(&local), json, "\"text\"".to_owned(), (400, "invalid_json", None)),
        (Some(&local), json, format!("{event}{event}"), (400, "invalid_json", None)),
        (Some(&local), json, format!("[{event},]"), (400, "invalid_json", None)),
        (Some(&local), Some("text/plain"), event.clone(), (415, "unsupported_media_type", None)),
        (Some(&local), Some("text/xml"), event.clone(), (415, "unsupported_media_type", None)),
        (Some(&local), json, array(501), (413, "too_many_events", None)),
        (Some(&local), json, padded(1_048_577), (413, "body_too_large", None)),
        (Some(&local), none, padded(1_048_577), (413, "body_too_large", None)),
        (Some(&local), json, padded(4_000_000), (413, "body_too_large", None)),
        (Some("Bearer read-key"), json, event.clone(), (403, "forbidden", None)),
        (Some("Bearer read-key"), json, format!("[{event}]"), (403, "forbidden", None)),
        (Some("Bearer nobody"), json, event.clone(), (401, "unauthorized", None)),
        (Some("Bearer "), json, event.clone(), (401, "unauthorized", None)),
        (Some("Basic bG9jYWwta2V5"), json, event.clone(), (401, "unauthorized", None)),
        (Some(KEY), json, event.clone(), (401, "unauthorized", None)),
        (none, json, event.clone(), (401, "unauthorized", None)),
    ];
    let send = async |key: Option<&str>, kind: Option<&str>, body: String| {
        let mut headers = Vec::new();
        headers.extend(key.map(|key| ("authorization", key)));
        headers.extend(kind.map(|kind| ("content-type", kind)));
        world.request(Method::POST, EVENTS, &headers, body).await
    };
    for (key, kind, body, expected) in cases {
        let shown = format!("{key:?} {kind:?} {}", &body[..body.len().min(60)]);
        let answer = send(key, kind, body).await;
        assert_eq!(answer.problem(), expected, "{shown}");
        assert!(answer.body["error"]["message"].is_string(), "{shown}");
    }
    let answer = send(Some(&local), json, " ".repeat(11 << 20)).await;
    assert_eq!(answer.status, 413);
    assert!(answer.body["message"].is_string(), "{:?}", answer.body);
    assert_eq!(world.entries().await, Vec::<Value>::new());

    let answer = send(Some(&local), none, padded(1_048_576)).await;
    assert_eq!((answer.status, &answer.body["counts"]), (200, &json!({"queued": 1})));
    let answer =
        send(Some("bearer local-key"), Some("application/json; charset=UTF-8"), event).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("duplicate")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_events_are_answered_in_order_and_each_sale_arrives_once() {
    let world = World::start().await;
    let view =
        |n: u32| json!({"event": "page_view", "eventId": format!("e-{n}"), "source": "shop"});
    let event = |n: u32| if n.is_multiple_of(10) { sale(&format!("e-{n}"), n) } else { view(n) };
    let events: Vec<Value> = (0..500).map(event).collect();
    for status in ["queued", "duplicate"] {
        let answer = world.post(&json!(events)).await;
        let expected = json!({status: 50, "ignored": 450});
        assert_eq!((answer.status, &answer.body["counts"]), (200, &expected));
        let ids = answer.body["results"].as_array().unwrap().iter().map(|r| r["eventId"].clone());
        assert!(ids.eq(events.iter().map(|event| event["eventId"].clone())));
    }
    until("50 conversions", || async {
        let conversions = world.conversions().await.len();
        if conversions == 50 { Ok(()) } else { Err(conversions) }
    })
    .await;
    world.until_drained().await;
    assert!(world.conversions().await.iter().all(|c| c["duplicates"] == 0));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_is_a_duplicate_and_other_content_a_conflict() {
    let world = World::start().await;
    let at = time(-90);
    let (day, clock) = at.trim_end_matches('Z').split_once('T').unwrap();
    let hour: u32 = clock[..2].parse().unwrap();
    // The same instant on a clock to the east, unless that would be another day.
    let east = match hour < 22 {
        true => format!("{day}T{:02}{}+02:00", hour + 2, &clock[2..]),
        false => format!("{day}T{:02}{}-02:00", hour - 2, &clock[2..]),
    };
    let text = |id: &str, value: &str, at: &str, more: &str| {
        format!(
            r#"{{"event":"purchase","eventId":"{id}","source":"shop","occurredAt":"{at}","value":{value},"currency":"USD","msclkid":"{}"{more}}}"#,
            click(1)
        )
    };
    let answer = world.enqueue(KEY, text("d", "10.50", &at, "")).await;
    assert_eq!((answer.status, &answer.body["status"]), (202, &json!("queued")));
    world.until_state("d", "accepted").await;
    for again in [
        text("d", "10.50", &at, ""),
        text("d", "10.5", &at, ""),
        text("d", "10.500", &east, ""),
        text("d", "1.05e1", &at, ""),
        text("d", "10.5", &at.replace('Z', ".999Z"), ""),
        text("d", "10.5", &at, r#","unknown":{"a":[1]},"leadId":null"#),
        text("d", "10.5", &at, r#","account":"main","consent":"unknown""#),
        text("d", "10.5", &at, r#","leadId":"l","email":"jane@x.example""#),
    ] {
        let answer = world.enqueue(KEY, &*again).await;
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("duplicate")), "{again}");
        assert_eq!(answer.body["state"], "accepted");
    }
    for other in [
        text("d", "10.51", &at, ""),
        text("d", "10.5", &time(-89), ""),
        text("d", "10.5", &at, "").replace("USD", "EUR"),
    ] {
        let answer = world.enqueue(KEY, &*other).await;
        assert_eq!((answer.status, &answer.body["status"]), (409, &json!("conflict")), "{other}");
        assert_eq!(answer.problem(), (409, "conflict", None));
    }
    // Another event name or another source is another event.
    let other = with(&sale("d", 1), &json!({"event": "phone_sale", "occurredAt": at}));
    world.queued(&other).await;
    world.queued(&with(&sale("d", 2), &json!({"source": "crm"}))).await;

    let twin = sale("twin", 3);
    let answer = world.post(&json!([twin, twin, with(&twin, &json!({"unknown": 1}))])).await;
    assert_eq!(answer.body["counts"], json!({"queued": 1, "duplicate": 2}));
    // The first one is taken, the other is told so.
    let answer =
        world.post(&json!([sale("two", 4), with(&sale("two", 4), &json!({"value": 3}))])).await;
    let statuses = ["queued", "conflict"].map(|status| json!(status));
    let results = answer.body["results"].as_array().expect("results");
    assert!(results.iter().map(|result| &result["status"]).eq(&statuses), "{results:?}");
    for id in ["twin", "two"] {
        world.until_state(id, "accepted").await;
    }
    world.until_drained().await;
    let conversions = world.conversions().await;
    let worth: Vec<_> = conversions.iter().filter(|c| c["clickId"] == click(1)).collect();
    assert_eq!(worth.len(), 2, "{conversions:#?}");
    assert!(worth.iter().all(|c| c["originalValue"] == 10.5), "{worth:#?}");
    assert!(conversions.iter().all(|c| c["duplicates"] == 0), "{conversions:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_are_asked_per_source_and_ignored_events_leave_nothing() {
    let world = World::start().await;
    world.add_keys().await;
    let crm = json!({"source": "crm"});
    let crms = with(&sale("r", 1), &crm);
    let of_crm = with(
        &refund("r-1", "r", &json!(1)),
        &json!({"original": {"eventId": "r", "source": "crm"}}),
    );
    for (key, event, code) in [
        ("shop-key", &crms, "source"),
        ("shop-key", &of_crm, "original"),
        ("shop-key", &with(&of_crm, &crm), "source"),
        ("shop-key", &with(&crms, &json!({"event": "page_view"})), "source"),
        ("eu-key", &sale("r", 1), "account"),
        ("eu-key", &refund("r-1", "unknown-yet", &json!(1)), "account"),
    ] {
        let answer = world.enqueue(key, event.to_string()).await;
        assert_eq!((answer.status, answer.problem().1), (403, "forbidden"), "{key} {code} {event}");
        let answer = world.enqueue(key, json!([event]).to_string()).await;
        assert_eq!((answer.status, &answer.body["counts"]), (200, &json!({"rejected": 1})));
        let error = &answer.body["results"][0]["error"];
        assert_eq!(error["code"], "source_not_allowed", "{key} {event}");
    }
    let person = json!({"consent": "denied", "email": "jane@x.example", "value": "nonsense"});
    for (event, reason) in [
        (with(&sale("i-1", 1), &json!({"event": "page_view"})), "analytics_only"),
        (json!({"event": "add_to_cart", "eventId": "i-2", "source": "shop"}), "analytics_only"),
        (
            json!({"event": "form_submit", "eventId": "i-3", "source": "shop", "email": "j@x.example"}),
            "analytics_only",
        ),
        (with(&sale("i-4", 1), &person), "consent_denied"),
        (with(&refund("i-5", "r", &json!(1)), &json!({"consent": "denied"})), "consent_denied"),
    ] {
        let expected = json!({"eventId": event["eventId"], "source": "shop", "status": "ignored",
                              "reason": reason});
        let answer = world.enqueue("shop-key", event.to_string()).await;
        assert_eq!((answer.status, &answer.body), (200, &expected));
        let answer = world.post(&json!([event])).await;
        assert_eq!(answer.body, json!({"results": [expected], "counts": {"ignored": 1}}));
    }
    assert_eq!(world.entries().await, Vec::<Value>::new());
    world.stop().await;
}

/// What a row says of money, as text.
fn value(rows: &[BTreeMap<String, Box<RawValue>>], position: usize, name: &str) -> Option<String> {
    Some(rows.get(position)?.get(name)?.get().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn money_arrives_with_exactly_its_digits_and_two_orders_of_one_second_both_arrive() {
    let world = World::start().await;
    let amounts = [
        ("0.3", "0.1", "0.3", Some("0.2")),
        ("123456789012.345", "0.001", "123456789012.345", Some("123456789012.344")),
        ("999999999999", "999999999998.995", "999999999999", Some("0.005")),
        // Less than half a cent is nothing.
        ("2", "1.996", "2", None),
        ("10.50", "10.500", "10.5", None),
        ("1e2", "0.7", "100", Some("99.3")),
        ("0.07", "0.01", "0.07", Some("0.06")),
        ("1.10", "0.1", "1.1", Some("1")),
    ];
    for (n, (value, amount, ..)) in (1_u32..).zip(amounts) {
        let (sale, back) =
            (sale(&format!("m-{n}"), n), refund(&format!("m-{n}-r"), &format!("m-{n}"), &json!(1)));
        let sale = sale.to_string().replace("\"value\":10.5", &format!("\"value\":{value}"));
        let back = back.to_string().replace("\"amount\":1,", &format!("\"amount\":{amount},"));
        let answer = world.enqueue(KEY, format!("[{sale},{back}]")).await;
        assert_eq!(answer.body["counts"], json!({"queued": 2}), "{sale} {back}");
    }
    // One click, one second, two orders and a lead.
    let at = time(-5);
    let twins = json!([
        with(&sale("twin-1", 50), &json!({"occurredAt": at})),
        with(&sale("twin-2", 50), &json!({"occurredAt": at})),
        with(&lead("twin-3", 50), &json!({"occurredAt": at})),
    ]);
    let answer = world.post(&twins).await;
    assert_eq!(answer.body["counts"], json!({"queued": 3}));

    for (n, (_, _, original, net)) in (1_u32..).zip(amounts) {
        let state = if net.is_some() { "restated" } else { "retracted" };
        let record = world.until_state(&format!("m-{n}"), state).await;
        let mut rows = world.sent(&click(n));
        // A row that signal and sweep bring at once may go twice, the same each time.
        rows.dedup_by(|a, b| a.values().map(|v| v.get()).eq(b.values().map(|v| v.get())));
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(value(&rows, 0, "ConversionValue").as_deref(), Some(original));
        assert_eq!(value(&rows, 0, "ConversionCurrencyCode").as_deref(), Some("\"USD\""));
        assert_eq!(value(&rows, 1, "AdjustmentValue").as_deref(), net);
        let shown =
            if net.is_some() { record["microsoft"]["value"].to_string() } else { "null".into() };
        assert_eq!(shown.trim_end_matches(".0"), net.unwrap_or("null"), "{record:#}");
    }
    let mut times = Vec::new();
    for id in ["twin-1", "twin-2", "twin-3"] {
        let record = world.until_state(id, "accepted").await;
        times.push(record["microsoft"]["conversionTime"].as_str().unwrap().to_owned());
    }
    times.sort();
    assert_eq!(times, [at, time_after(&times[0], 1), time_after(&times[0], 2)]);
    let mut arrived = world.conversions().await;
    arrived.retain(|conversion| conversion["clickId"] == click(50));
    assert_eq!(arrived.len(), 3);
    assert!(arrived.iter().all(|c| c["duplicates"] == 0), "{arrived:#?}");
    world.stop().await;
}

fn time_after(text: &str, seconds: i64) -> String {
    use time::{OffsetDateTime, format_description::well_known::Rfc3339};
    let time = OffsetDateTime::parse(text, &Rfc3339).expect("a time");
    (time + time::Duration::seconds(seconds)).format(&Rfc3339).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_orders_stamped_midnight_gets_through_and_so_does_its_repetition() {
    let world = World::start().await;
    let at = time(-3_600);
    let events: Vec<Value> = (0..150)
        .map(|n| with(&sale(&format!("midnight-{n}"), 1), &json!({"occurredAt": at})))
        .collect();
    let first = world.post(&json!(events)).await;
    assert_eq!(first.body["counts"], json!({"queued": 150}), "{:?}", first.body);
    let again = world.post(&json!(events)).await;
    assert_eq!(again.body["counts"], json!({"duplicate": 150}), "{:?}", again.body);
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 150);
    world.stop().await;
}
