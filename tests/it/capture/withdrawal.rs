//! Consent that is taken back: who may, what goes, and what is not sent then.

use serde_json::{Value, json};
use test_support::events::{click, time, with};
use test_support::rig::{KEY, World};

use super::{JSON, cookie, credited, has_cookie, land, sale};

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_withdrawn_by_the_visitor_or_a_key_and_by_nobody_else() {
    let world = World::with(|options| options.hour = 600).await;
    let landed = json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)}).to_string();
    let visitor = format!("tl_ref={}", cookie(&world.landing(&[JSON], &*landed).await));
    let other = json!({"msclkid": click(2), "sessionId": "s", "landedAt": time(-50)}).to_string();
    let stranger = format!("tl_ref={}", cookie(&world.landing(&[JSON], &*other).await));
    let alone = json!({"msclkid": click(3), "landedAt": time(-40)}).to_string();
    let third = format!("tl_ref={}", cookie(&world.landing(&[JSON], &*alone).await));
    // A shop's session ids may look like the cookie's values.
    let alike = "0123456789abcdef".repeat(2);
    let of_alike = json!({"msclkid": click(4), "sessionId": alike, "landedAt": time(-30)});
    land(&world, of_alike).await;
    let kept = || async {
        let items = world.items("Clicks").await;
        let is_there = |n: &u32| items.iter().any(|item| item.to_string().contains(&click(*n)));
        [1, 2, 3, 4].into_iter().filter(is_there).collect::<Vec<u32>>()
    };
    let denied = |body: Value| with(&body, &json!({"consent": "denied"})).to_string();
    let of_session = denied(json!({"sessionId": "s", "msclkid": 5}));
    let key = format!("Bearer {KEY}");
    let made_up = format!("tl_ref={}", "0".repeat(32));
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a [u32]);
    let named = format!("tl_ref={alike}");
    let cases: [Case<'_>; 10] = [
        (&[JSON], &of_session, &[1, 2, 3, 4]),
        (&[JSON, ("cookie", &made_up)], &of_session, &[1, 2, 3, 4]),
        (&[JSON, ("cookie", "tl_ref=x")], &of_session, &[1, 2, 3, 4]),
        (&[JSON, ("cookie", &named)], &denied(json!({})), &[1, 2, 3, 4]),
        (&[JSON, ("cookie", &named)], &denied(json!({"sessionId": alike})), &[1, 2, 3, 4]),
        (&[JSON, ("cookie", &stranger)], &of_session, &[1, 3, 4]),
        (&[JSON, ("cookie", &visitor)], &of_session, &[3, 4]),
        (&[JSON, ("authorization", &key)], &denied(json!({"sessionId": "nobody"})), &[3, 4]),
        (&[JSON, ("cookie", &third)], &denied(json!({})), &[4]),
        (&[JSON, ("authorization", &key)], &denied(json!({"sessionId": alike})), &[]),
    ];
    for (headers, body, left) in cases {
        let answer = world.landing(headers, body).await;
        assert_eq!((answer.status, has_cookie(&answer)), (204, false), "{headers:?}");
        assert_eq!(kept().await, left, "{headers:?}");
    }
    // With a key the whole session goes, whatever cookies its clicks came with.
    for body in [&landed, &other] {
        assert_eq!(world.landing(&[JSON], body.as_str()).await.status, 204);
    }
    assert_eq!(kept().await, [1, 2]);
    let wrong = world.landing(&[JSON, ("authorization", "Bearer nobody")], &*of_session).await;
    assert_eq!((wrong.status, kept().await.len()), (401, 2));
    let answer = world.landing(&[JSON, ("authorization", &key)], &*of_session).await;
    assert_eq!((answer.status, kept().await.len()), (204, 0));
    // What the browser snippet calls a session is known to nobody else: it needs no cookie.
    let snippets = format!("tl.{}", "89abcdef".repeat(4));
    land(&world, json!({"msclkid": click(1), "sessionId": snippets})).await;
    let of_snippet = denied(json!({"sessionId": snippets}));
    assert_eq!(world.landing(&[JSON], &*of_snippet).await.status, 204);
    assert_eq!(kept().await, Vec::<u32>::new());
    world.queued(&sale("after", 10, json!({"sessionId": "s"}))).await;
    assert_eq!(credited(&world, "after").await, (json!("no_click"), json!(null)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clicks_are_withdrawn_page_by_page() {
    let world = World::start().await;
    let landed = |n: u32| json!({"msclkid": click(n), "sessionId": "s", "landedAt": time(-60)});
    let answer = world.landing(&[JSON], landed(0).to_string()).await;
    let mine = format!("tl_ref={}", cookie(&answer));
    for n in 1..520 {
        let cookie = [JSON, ("cookie", mine.as_str())];
        // A stranger's are in between.
        let headers = if n % 125 == 0 { &cookie[..1] } else { &cookie[..] };
        assert_eq!(world.landing(headers, landed(n).to_string()).await.status, 204);
    }
    let denied = json!({"sessionId": "s", "consent": "denied"}).to_string();
    assert_eq!(world.landing(&[JSON, ("cookie", &mine)], denied).await.status, 204);
    assert_eq!(world.items("Clicks").await.len(), 4);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_with_a_withdrawn_click_is_not_sent() {
    let world = World::start().await;
    for (n, session) in [(1, "stays"), (2, "goes"), (3, "tied")] {
        let body = json!({"msclkid": click(n), "sessionId": session, "landedAt": time(-60)});
        land(&world, body).await;
    }
    land(&world, json!({"sessionId": "tied", "leadId": "l"})).await;
    let ahead = |id: &str, by: Value| with(&sale(id, 0, by), &json!({"occurredAt": time(6)}));
    world.queued(&ahead("stays", json!({"sessionId": "stays"}))).await;
    world.queued(&ahead("goes", json!({"sessionId": "goes", "email": "jane@x.example"}))).await;
    world.queued(&ahead("tied", json!({"leadId": "l", "email": "jane@x.example"}))).await;
    let key = format!("Bearer {KEY}");
    for session in ["goes", "tied"] {
        let denied = json!({"sessionId": session, "consent": "denied"}).to_string();
        let answer = world.landing(&[JSON, ("authorization", &key)], denied).await;
        assert_eq!(answer.status, 204);
    }
    for id in ["goes", "tied"] {
        assert_eq!(world.record(id).await["state"], "waiting");
    }
    world.until_state("stays", "accepted").await;
    let record = world.until_state("goes", "refused").await;
    let told = (&record["reason"], &record["click"]);
    assert_eq!(told, (&json!("identity_erased"), &json!(null)), "its own session gave the click");
    let record = world.until_state("tied", "accepted").await;
    assert_eq!(record["click"], json!(null), "the address counts without the click");
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 2);
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_ties_himself_to_a_sale_and_withdraws_stops_nothing() {
    let world = World::start().await;
    let ahead = |id: &str, by: Value| with(&sale(id, 0, by), &json!({"occurredAt": time(7)}));
    // He ties an order, and adds a click of his own to a session that has one.
    let tied = json!({"msclkid": click(1), "orderId": "20001", "landedAt": time(-60)}).to_string();
    let mine = format!("tl_ref={}", cookie(&world.landing(&[JSON], tied).await));
    land(&world, json!({"msclkid": click(2), "sessionId": "s", "landedAt": time(-90)})).await;
    let added = json!({"msclkid": click(3), "sessionId": "s", "landedAt": time(-50)}).to_string();
    let also_mine = format!("tl_ref={}", cookie(&world.landing(&[JSON], added).await));
    let by_mail = json!({"orderId": "20001", "email": "jane@x.example"});
    world.queued(&ahead("order", by_mail)).await;
    world.queued(&ahead("session", json!({"sessionId": "s"}))).await;
    for (cookie, body) in [(&mine, json!({})), (&also_mine, json!({"sessionId": "s"}))] {
        let denied = with(&body, &json!({"consent": "denied"})).to_string();
        assert_eq!(world.landing(&[JSON, ("cookie", cookie)], denied).await.status, 204);
    }
    world.until_state("order", "accepted").await;
    world.until_state("session", "accepted").await;
    assert_eq!(credited(&world, "session").await, (json!("session"), json!(click(2))));
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_visitor_of_a_session_stops_what_waits_hashes_and_all() {
    let world = World::start().await;
    let landed = json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-60)}).to_string();
    let mine = format!("tl_ref={}", cookie(&world.landing(&[JSON], landed).await));
    let by_session = json!({"sessionId": "s", "email": "jane@x.example", "occurredAt": time(6)});
    world.queued(&with(&sale("own", 0, json!({})), &by_session)).await;
    let denied = json!({"sessionId": "s", "consent": "denied"}).to_string();
    assert_eq!(world.landing(&[JSON, ("cookie", &mine)], denied).await.status, 204);
    let record = world.until_state("own", "refused").await;
    assert_eq!((&record["reason"], &record["click"]), (&json!("identity_erased"), &json!(null)));
    world.until_drained().await;
    assert!(world.conversions().await.is_empty());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_without_click_is_stopped_by_the_event_and_not_by_a_withdrawal() {
    let world = World::start().await;
    let event = |id: &str| {
        let by = json!({"sessionId": id, "email": "jane@x.example", "occurredAt": time(6)});
        with(&sale(id, 0, json!({})), &by)
    };
    for id in ["key", "event"] {
        world.queued(&event(id)).await;
    }
    let key = format!("Bearer {KEY}");
    let denied = json!({"sessionId": "key", "consent": "denied"}).to_string();
    assert_eq!(world.landing(&[JSON, ("authorization", &key)], denied).await.status, 204);
    let again = world.post(&with(&event("event"), &json!({"consent": "denied"}))).await;
    assert_eq!((again.status, &again.body["status"]), (200, &json!("ignored")));
    assert_eq!(world.record("event").await["reason"], "identity_erased");
    world.until_state("key", "accepted").await;
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}
