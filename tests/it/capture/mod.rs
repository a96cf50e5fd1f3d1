//! Landings and ties as pages send them, and which click a conversion is credited to.

mod credited;
mod left_out;
mod snippet;
mod strangers;
mod withdrawal;
mod withdrawn_rows;
mod woocommerce;

use reqwest::Method;
use serde_json::{Value, json};
use test_support::events::{MSCLKID, click, purchase, time, with};
use test_support::rig::api::CAPTURE;
use test_support::rig::{Answer, KEY, World};

const DAY: u64 = 86_400;
/// Headers, a body, and the problem it is refused with.
type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, (u16, &'a str, Option<&'a str>));

const JSON: (&str, &str) = ("content-type", "application/json");

/// The value of the visitor's cookie, if the attributes are right.
fn cookie(answer: &Answer) -> String {
    let header = answer.headers["set-cookie"].to_str().expect("text");
    let (pair, attributes) = header.split_once("; ").expect("attributes");
    assert_eq!(attributes, "Max-Age=7776000; Path=/; HttpOnly; Secure; SameSite=Lax");
    let value = pair.strip_prefix("tl_ref=").expect("our cookie");
    assert_eq!(value.len(), 32, "{value}");
    assert!(value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)), "{value}");
    value.to_owned()
}

fn has_cookie(answer: &Answer) -> bool {
    answer.headers.contains_key("set-cookie")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_landing_is_stored_without_what_is_personal_and_the_visitor_keeps_the_cookie() {
    let world = World::start().await;
    let landing = json!({"msclkid": MSCLKID, "sessionId": "s-1", "consent": "granted",
        "landingUrl": "https://shop.example/a/b?utm_source=bing&email=jane%40x.example&utm_term=x&gclid=1#top",
        "landedAt": time(-5), "screen": {"width": 1}});
    let answer = world.capture(&landing).await;
    assert_eq!((answer.status, &answer.body), (204, &json!(null)));
    let first = cookie(&answer);

    let items = world.items_with("Clicks", MSCLKID).await;
    assert_eq!(items.len(), 1);
    let text = items[0].to_string();
    assert!(text.contains("https://shop.example/a/b?utm_source=bing&utm_term=x\""), "{text}");
    for lost in ["jane", "email", "gclid", "#top", "screen"] {
        assert!(!text.contains(lost), "{text}");
    }
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let ttl: u64 = items[0]["ttl"]["N"].as_str().unwrap().parse().unwrap();
    assert!((now + 90 * DAY + 3_600..now + 100 * DAY).contains(&ttl), "{ttl}");

    let body = json!({"msclkid": click(1)}).to_string();
    for (given, is_kept) in [
        (format!("tl_ref={first}"), true),
        (format!("a=1; tl_ref={first}; b=2"), true),
        ("tl_ref=of-somebody-else".to_owned(), false),
        (format!("tl_ref={}", first.replace(|_| true, "G")), false),
        (format!("other={first}"), false),
    ] {
        let answer = world.landing(&[JSON, ("cookie", &given)], &*body).await;
        assert_eq!(answer.status, 204);
        assert_eq!(cookie(&answer) == first, is_kept, "{given}");
    }
    let another = world.landing(&[JSON], &*body).await;
    assert_ne!(cookie(&another), first);

    let mut text = body.clone();
    text.insert_str(0, " \n");
    for kind in ["text/plain", "text/plain;charset=UTF-8", "application/json; charset=utf-8"] {
        let answer = world.landing(&[("content-type", kind)], &*text).await;
        assert_eq!(answer.status, 204, "{kind}");
    }
    assert_eq!(world.landing(&[], text).await.status, 204);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn click_ids_are_cleaned_or_refused() {
    let world = World::start().await;
    for (given, kept) in [
        (MSCLKID, MSCLKID),
        ("f894f652ea334e739002f7167ab8f8e3", "f894f652ea334e739002f7167ab8f8e3"),
        ("F894F652-EA33-4E73-9002-F7167AB8F8E4", "F894F652EA334E739002F7167AB8F8E4"),
        ("_uetf894f652ea334e739002f7167ab8f8e5", "f894f652ea334e739002f7167ab8f8e5"),
        ("_uetf894f652ea334e739002f7167ab8f8e6-0N", "f894f652ea334e739002f7167ab8f8e6"),
        (" f894f652ea334e739002f7167ab8f8e7-1 ", "f894f652ea334e739002f7167ab8f8e7"),
        ("f894f652%2Dea33%2D4e73%2D9002%2Df7167ab8f8e8", "f894f652ea334e739002f7167ab8f8e8"),
    ] {
        let session = format!("s-{kept}");
        let answer = world.capture(&json!({"msclkid": given, "sessionId": session})).await;
        assert_eq!(answer.status, 204, "{given}");
        let items = world.items_with("Clicks", &session).await;
        assert_eq!(items.len(), 1);
        assert!(items[0].to_string().contains(&format!(" {kept}\"")), "{given}: {}", items[0]);
    }
    let before = world.items("Clicks").await.len();
    let long = "a".repeat(65);
    for refused in [
        "N",
        "{msclkid}",
        "%7Bmsclkid%7D",
        "[msclkid]",
        "Example-123",
        "01234567890123456789012345678901",
        "tooshort",
        "jane@x.example-and-more",
        &long,
    ] {
        let answer = world.capture(&json!({"msclkid": refused, "sessionId": "s-bad"})).await;
        assert_eq!(answer.problem(), (422, "invalid_click_id", Some("msclkid")), "{refused}");
        assert!(!has_cookie(&answer));
        assert!(!answer.body.to_string().contains("jane"), "{}", answer.body);
    }
    assert_eq!(world.items("Clicks").await.len(), before);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_landing_is_refused_and_nothing_is_stored() {
    let world = World::start().await;
    world.add_keys().await;
    let good = json!({"msclkid": MSCLKID, "sessionId": "s-1"});
    let padded = |size: usize| {
        let bare = with(&good, &json!({"pad": ""})).to_string().len();
        with(&good, &json!({"pad": "x".repeat(size - bare)})).to_string()
    };
    let key = |key: &str| format!("Bearer {key}");
    let (unknown, reader) = (key("nobody"), key("read-key"));
    let good = good.to_string();
    let cases: &[Case<'_>] = &[
        (&[JSON], "{\"msclkid\":", (400, "invalid_json", None)),
        (&[JSON], "", (400, "invalid_json", None)),
        (&[JSON], "[]", (400, "invalid_json", None)),
        (&[JSON], "null", (400, "invalid_json", None)),
        (&[("content-type", "text/plain")], "hello", (400, "invalid_json", None)),
        (&[("content-type", "text/html")], &good, (415, "unsupported_media_type", None)),
        (&[("content-type", "image/png")], &good, (415, "unsupported_media_type", None)),
        (&[JSON], &padded(8 * 1_024 + 1), (413, "body_too_large", None)),
        (&[JSON], &padded(100_000), (413, "body_too_large", None)),
        (&[], &padded(8 * 1_024 + 1), (413, "body_too_large", None)),
        (&[JSON], "{}", (422, "missing_field", Some("msclkid"))),
        (&[JSON], r#"{"sessionId":"s-1"}"#, (422, "missing_field", Some("msclkid"))),
        (&[JSON], r#"{"msclkid":"","sessionId":"s-1"}"#, (422, "missing_field", Some("msclkid"))),
        (&[JSON], r#"{"msclkid":null}"#, (422, "missing_field", Some("msclkid"))),
        (&[JSON], r#"{"sessionId":"a b"}"#, (422, "missing_field", Some("msclkid"))),
        (&[JSON], r#"{"msclkid":5}"#, (422, "invalid_click_id", Some("msclkid"))),
        (&[JSON], r#"{"orderId":true}"#, (422, "invalid_id", Some("orderId"))),
        (&[JSON], r#"{"leadId":"jane@x.example"}"#, (422, "invalid_id", Some("leadId"))),
        (&[JSON], r#"{"leadId":"a b","msclkid":"N"}"#, (422, "invalid_click_id", Some("msclkid"))),
        (&[JSON, ("authorization", &unknown)], &good, (401, "unauthorized", None)),
        (&[JSON, ("authorization", "nonsense")], &good, (401, "unauthorized", None)),
        (&[JSON, ("authorization", &reader)], &good, (403, "forbidden", None)),
    ];
    for (headers, body, expected) in cases {
        let answer = world.landing(headers, *body).await;
        assert_eq!(answer.problem(), *expected, "{headers:?} {}", &body[..body.len().min(80)]);
        assert!(answer.body["error"]["message"].is_string() && !has_cookie(&answer));
    }
    for denied in [
        json!({"msclkid": MSCLKID, "sessionId": "s-1", "orderId": "o", "consent": "denied"}),
        json!({"consent": "denied"}),
    ] {
        let answer = world.capture(&denied).await;
        assert_eq!((answer.status, has_cookie(&answer)), (204, false));
    }
    let unknown = json!({"message": "Not Found"});
    for (method, path) in [
        (Method::POST, "/api/tracklayer/nothing"),
        (Method::GET, CAPTURE),
        (Method::POST, "/api/tracklayer/ms-attribution/"),
    ] {
        let answer = world.request(method, path, &[JSON], good.clone()).await;
        assert_eq!((answer.status, &answer.body), (404, &unknown), "{path}");
    }
    assert_eq!(world.items("Clicks").await, Vec::<Value>::new());
    assert_eq!(world.landing(&[JSON], padded(8 * 1_024)).await.status, 204);
    world.stop().await;
}

/// A sale without click id, some seconds ago.
fn sale(id: &str, ago: i64, found_by: Value) -> Value {
    let event = purchase(id, "", &json!(10));
    with(&with(&event, &json!({"msclkid": null, "occurredAt": time(-ago)})), &found_by)
}

async fn land(world: &World, body: Value) {
    let answer = world.capture(&body).await;
    assert_eq!(answer.status, 204, "{answer:?}");
}

/// Where the click of a record came from, and which it is.
async fn credited(world: &World, id: &str) -> (Value, Value) {
    let record = world.record(id).await;
    match record["click"].is_null() {
        true => (record["reason"].clone(), json!(null)),
        false => (record["click"]["from"].clone(), record["click"]["msclkid"].clone()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_latest_click_before_the_sale_is_credited_and_the_strongest_hint_wins() {
    let world = World::with(|options| options.hour = 600).await;
    let landed = [(1, -900), (2, -600), (3, -300)].map(|(n, at)| (click(n), time(at)));
    for (msclkid, at) in &landed {
        land(&world, json!({"msclkid": msclkid, "sessionId": "s", "landedAt": at})).await;
    }
    // A clock ahead of the server's, and one that is days behind.
    for (session, at) in [("ahead", time(7_200)), ("behind", time(-3 * 86_400))] {
        land(&world, json!({"msclkid": click(4), "sessionId": session, "landedAt": at})).await;
    }
    let other = json!({"msclkid": click(5), "sessionId": "other", "leadId": "l", "cartId": "c",
                       "orderId": "o", "landedAt": time(-900)});
    land(&world, other).await;

    let cases = [
        ("after-all", sale("after-all", 10, json!({"sessionId": "s"})), ("session", 3)),
        ("between", sale("between", 400, json!({"sessionId": "s"})), ("session", 2)),
        ("first", sale("first", 700, json!({"sessionId": "s"})), ("session", 1)),
        (
            "same-second",
            sale("same-second", 0, json!({"sessionId": "s", "occurredAt": landed[1].1})),
            ("session", 2),
        ),
        ("before", sale("before", 1_000, json!({"sessionId": "s"})), ("session", 1)),
        ("long-before", sale("long-before", 1_600, json!({"sessionId": "s"})), ("no_click", 0)),
        ("nobody", sale("nobody", 1, json!({"sessionId": "nobody"})), ("no_click", 0)),
        ("ahead", sale("ahead", 0, json!({"sessionId": "ahead"})), ("session", 4)),
        ("behind", sale("behind", 86_000, json!({"sessionId": "behind"})), ("session", 4)),
        ("lead", sale("lead", 1, json!({"leadId": "l"})), ("lead", 5)),
        ("cart", sale("cart", 2, json!({"cartId": "c"})), ("cart", 5)),
        ("order", sale("order", 3, json!({"orderId": "o"})), ("order", 5)),
        ("ranked", sale("ranked", 11, json!({"sessionId": "s", "leadId": "l"})), ("session", 3)),
        (
            "own",
            sale("own", 4, json!({"sessionId": "s", "leadId": "l", "msclkid": click(6)})),
            ("event", 6),
        ),
        (
            "session-without",
            sale("session-without", 5, json!({"sessionId": "nobody", "cartId": "c"})),
            ("cart", 5),
        ),
    ];
    for (id, event, (from, number)) in cases {
        world.queued(&event).await;
        let msclkid = if number == 0 { json!(null) } else { json!(click(number)) };
        assert_eq!(credited(&world, id).await, (json!(from), msclkid), "{id}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_tied_by_cookie_or_session_before_or_after_the_sale() {
    let world = World::start().await;
    let answer = world.landing(&[JSON], json!({"msclkid": click(1)}).to_string()).await;
    let visitor = format!("tl_ref={}", cookie(&answer));
    for tie in [json!({"leadId": "l"}), json!({"cartId": "c"})] {
        let answer = world.landing(&[JSON, ("cookie", &visitor)], tie.to_string()).await;
        assert_eq!(answer.status, 204, "{tie}");
    }
    land(&world, json!({"msclkid": click(2), "sessionId": "s"})).await;

    world.queued(&sale("lead", 0, json!({"leadId": "l"}))).await;
    world.queued(&sale("cart", 0, json!({"cartId": "c"}))).await;
    assert_eq!(credited(&world, "lead").await, (json!("lead"), json!(click(1))));
    assert_eq!(credited(&world, "cart").await, (json!("cart"), json!(click(1))));

    // The number of the order is known after the sale.
    let said = world.queued(&sale("order", 0, json!({"orderId": "o"}))).await;
    assert_eq!((&said["state"], &said["reason"]), (&json!("waiting"), &json!("no_click")));
    let record = world.record("order").await;
    assert!(record["due"].is_string() && record["click"].is_null(), "{record:#}");
    assert_eq!(record["nextAction"]["action"], "Apply");
    land(&world, json!({"orderId": "o", "sessionId": "s"})).await;
    let record = world.until_state("order", "accepted").await;
    assert_eq!(
        (&record["click"]["from"], &record["click"]["msclkid"]),
        (&json!("order"), &json!(click(2)))
    );
    world.until_state("lead", "accepted").await;
    world.until_state("cart", "accepted").await;
    assert_eq!(world.conversions().await.len(), 3);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_tied_by_many_is_nobodys_and_a_key_outranks_browsers() {
    let world = World::with(|options| options.hour = 600).await;
    for n in 1..=40 {
        let session = format!("s-{n}");
        land(
            &world,
            json!({"msclkid": click(n), "sessionId": session, "orderId": "flooded",
                            "landedAt": time(-100)}),
        )
        .await;
        if n <= 4 {
            land(&world, json!({"sessionId": session, "orderId": "four"})).await;
            land(&world, json!({"sessionId": session, "leadId": "four"})).await;
        }
        if n <= 3 {
            land(&world, json!({"sessionId": session, "orderId": "three"})).await;
        }
        if n == 1 {
            land(&world, json!({"sessionId": session, "orderId": "loud"})).await;
        }
    }
    let later = json!({"msclkid": click(99), "sessionId": "buyer", "landedAt": time(-50)});
    land(&world, later).await;
    let key = format!("Bearer {KEY}");
    for tie in [
        json!({"sessionId": "buyer", "orderId": "four-and-key"}),
        json!({"sessionId": "buyer", "orderId": "flooded"}),
    ] {
        let answer = world.landing(&[JSON, ("authorization", &key)], tie.to_string()).await;
        assert_eq!(answer.status, 204);
    }
    for n in 1..=4 {
        let tie = json!({"sessionId": format!("s-{n}"), "orderId": "four-and-key"});
        land(&world, tie).await;
    }
    // One visitor who reloads the page is one reference.
    for _ in 0..5 {
        land(&world, json!({"sessionId": "s-1", "orderId": "loud"})).await;
    }
    for (id, by, expected) in [
        ("three", json!({"orderId": "three"}), ("order", None)),
        ("four", json!({"orderId": "four"}), ("ambiguous_click", None)),
        ("four-leads", json!({"leadId": "four"}), ("lead", Some(4))),
        ("loud", json!({"orderId": "loud"}), ("order", Some(1))),
        ("four-and-key", json!({"orderId": "four-and-key"}), ("order", Some(99))),
        ("flooded", json!({"orderId": "flooded"}), ("order", Some(99))),
    ] {
        world.queued(&sale(id, 10, by)).await;
        let (from, msclkid) = credited(&world, id).await;
        assert_eq!(from, expected.0, "{id}");
        if let Some(n) = expected.1 {
            assert_eq!(msclkid, json!(click(n)), "{id}");
        }
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_kept_with_its_source_and_time() {
    let world = World::with(|options| options.hour = 600).await;
    let key = format!("Bearer {KEY}");
    let body = json!({"msclkid": click(1), "sessionId": "s", "orderId": "o", "consent": "granted"});
    let answer = world.landing(&[JSON, ("authorization", &key)], body.to_string()).await;
    assert_eq!(answer.status, 204);
    land(&world, json!({"msclkid": click(2), "sessionId": "t"})).await;
    for (wanted, consent, from) in [
        ("session s", "granted", "key"),
        ("order o", "granted", "key"),
        ("session t", "unknown", "page"),
    ] {
        let items = world.items_with("Clicks", &format!("\"{wanted}\"")).await;
        assert_eq!(items.len(), 1, "{wanted}");
        let (said, by) = (&items[0]["consent"]["S"], &items[0]["consentFrom"]["S"]);
        assert_eq!((said, by), (&json!(consent), &json!(from)), "{wanted}");
        assert!(items[0]["consentAt"]["S"].is_string(), "{wanted}");
    }
    world.queued(&sale("agreed", 0, json!({"sessionId": "s", "consent": "granted"}))).await;
    world.queued(&sale("unasked", 1, json!({"sessionId": "s"}))).await;
    for (id, consent) in [("agreed", "granted"), ("unasked", "unknown")] {
        let items = world.items_with("Conversions", &format!("\"event shop {id}\"")).await;
        let row = items.iter().find(|item| item["sk"]["S"] == "purchase").expect("a row");
        assert_eq!(row["consent"]["S"], json!(consent), "{row:#}");
        assert!(row["recordedAt"]["N"].is_string(), "{row:#}");
    }
    world.stop().await;
}
