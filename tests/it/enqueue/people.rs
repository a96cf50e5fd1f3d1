//! What customers type and systems write: it costs no sale.

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::{KEY, World};

/// The hash of the empty text.
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// A member, a value and the code of its warning.
fn typed() -> Vec<(&'static str, Value, Option<&'static str>)> {
    let mut cases = vec![
        ("phone", json!("+1 425 555 1234 ext. 7"), None),
        ("phone", json!(""), None),
        ("email", json!(""), None),
        ("leadId", json!(""), None),
        ("msclkid", json!(""), None),
        ("leadId", json!(true), Some("wrong_type")),
        ("cartId", json!("jane@example.com"), Some("invalid_id")),
    ];
    for number in ["(425) 555-1234", "020 7946 0958", "n/a"] {
        cases.push(("phone", json!(number), Some("invalid_value")));
    }
    for address in ["jane.doe@example", "Jane <jane@example.com>"] {
        cases.push(("email", json!(address), Some("invalid_value")));
    }
    for hash in ["not-a-hash", EMPTY] {
        cases.push(("hashedEmail", json!(hash), Some("invalid_value")));
    }
    for id in ["undefined", "N", "(not set)", "{msclkid}"] {
        cases.push(("msclkid", json!(id), Some("invalid_click_id")));
    }
    cases
}

#[tokio::test(flavor = "multi_thread")]
async fn what_customers_type_beside_a_good_session_is_a_warning_and_the_session_s_click_counts() {
    let world = World::start().await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-900)});
    assert_eq!(world.capture(&landing).await.status, 204);
    let sale = |n: i64, members: &Value| {
        let bare = with(&purchase(&format!("p-{n}"), "", &json!(5)), &json!({"msclkid": null}));
        with(&with(&bare, &json!({"sessionId": "s", "occurredAt": time(-n - 5)})), members)
    };
    let cases = typed();
    let events: Vec<_> =
        (0..).zip(&cases).map(|(n, (name, value, _))| sale(n, &json!({*name: value}))).collect();
    for status in ["queued", "duplicate"] {
        let answer = world.post(&json!(events)).await;
        let results = answer.body["results"].as_array().expect("results");
        for (result, (name, value, code)) in results.iter().zip(&cases) {
            assert_eq!(result["status"], status, "{name} {value}: {result}");
            let warnings: &[Value] = result["warnings"].as_array().map_or(&[], Vec::as_slice);
            let told = warnings.iter().map(|it| (it["field"].as_str(), it["code"].as_str()));
            assert!(
                told.eq(code.map(|code| (Some(*name), Some(code)))),
                "{name} {value}: {result}"
            );
            assert!(!answer.body.to_string().contains("jane"));
        }
    }
    for (n, case) in cases.iter().enumerate() {
        let record = world.until_state(&format!("p-{n}"), "accepted").await;
        let found = (&record["click"]["from"], &record["click"]["msclkid"]);
        assert_eq!(found, (&json!("session"), &json!(click(1))), "{case:?}");
    }
    // The click's own id, as it is copied from addresses.
    for (n, tail) in [(90, format!(",{}", click(2))), (91, "?utm_source=bing".to_owned())] {
        let own = json!({"msclkid": format!("{}{tail}", click(2))});
        let answer = world.queued(&sale(n, &own)).await;
        assert_eq!(answer["warnings"], json!(null));
        let record = world.record(&format!("p-{n}")).await;
        assert_eq!(record["click"]["msclkid"], json!(click(2)), "{tail}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hash_of_nothing_is_nobody() {
    let world = World::start().await;
    let sale = with(&purchase("1", "", &json!(5)), &json!({"msclkid": null, "hashedEmail": EMPTY}));
    let answer = world.enqueue(KEY, sale.to_string()).await;
    assert_eq!(answer.problem(), (422, "invalid_value", Some("hashedEmail")));
    let answer = world.queued(&with(&sale, &json!({"sessionId": "unknown-yet"}))).await;
    assert_eq!((&answer["state"], &answer["reason"]), (&json!("waiting"), &json!("no_click")));
    assert_eq!(answer["warnings"][0]["field"], "hashedEmail");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_sale_in_other_words_is_a_duplicate_and_long_decimals_are_rounded() {
    let world = World::start().await;
    let at = time(-60);
    let plain = with(&purchase("10492", &click(1), &json!(129.95)), &json!({"occurredAt": at}));
    let date = at.trim_end_matches('Z');
    for (n, changes) in [
        json!({}),
        json!({"eventId": 10492, "value": "129.95", "currency": "usd"}),
        json!({"occurredAt": format!("{date}.000+0000")}),
        json!({"occurredAt": format!("{}+00:00", date.replace('T', " "))}),
    ]
    .iter()
    .enumerate()
    {
        for mark in ["", "\u{feff}"] {
            let answer = world.enqueue(KEY, format!("{mark}{}", with(&plain, changes))).await;
            let status = if (n, mark) == (0, "") { "queued" } else { "duplicate" };
            assert_eq!(answer.body["status"], status, "{mark:?} {changes}");
            assert_eq!(answer.body["warnings"], json!(null));
        }
    }
    let long = purchase("long", &click(2), &json!(1)).to_string();
    let answer = world.enqueue(KEY, long.replace("\"value\":1", "\"value\":836.9999999999998"));
    let answer = answer.await;
    assert_eq!((answer.status, &answer.body["warnings"][0]["code"]), (202, &json!("rounded")));
    let back = world.queued(&refund("long-r", "long", &json!("16.260163"))).await;
    assert_eq!(back["warnings"][0]["field"], "amount");
    world.until_worth(&click(2), "820.74").await;
    world.stop().await;
}
