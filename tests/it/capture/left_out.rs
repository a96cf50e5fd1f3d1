//! Members that can't be used.

use serde_json::{Value, json};
use test_support::events::{click, with};
use test_support::rig::World;

use super::{JSON, credited, has_cookie, land, sale};

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_used_costs_nothing_else() {
    let world = World::with(|options| options.hour = 600).await;
    let minute = std::time::UNIX_EPOCH.elapsed().expect("a time").as_secs() - 60;
    let cases = [
        (json!({"cartId": "token?key=secret"}), json!({"cartId": "token?key=other"}), "cart"),
        (json!({"orderId": "#1001"}), json!({"orderId": "#1001"}), "order"),
        (json!({"orderId": 1002}), json!({"orderId": "1002"}), "order"),
        (json!({"sessionId": "a%7Cb"}), json!({"sessionId": "a%7Cb"}), "session"),
        (json!({"leadId": "jane@example.com", "cartId": "c"}), json!({"cartId": "c"}), "cart"),
        (
            json!({"sessionId": "s4", "landedAt": minute * 1_000}),
            json!({"sessionId": "s4"}),
            "session",
        ),
        (json!({"sessionId": "s5", "landedAt": "noon"}), json!({"sessionId": "s5"}), "session"),
        (json!({"sessionId": "s6", "consent": "maybe"}), json!({"sessionId": "s6"}), "session"),
        (json!({"sessionId": "s7", "landingUrl": 7}), json!({"sessionId": "s7"}), "session"),
        (json!({"sessionId": "a b", "leadId": "l"}), json!({"leadId": "l"}), "lead"),
    ];
    for (n, (members, found_by, from)) in (1..).zip(cases) {
        let landing = with(&members, &json!({"msclkid": click(n)})).to_string();
        let answer = world.landing(&[JSON], format!("\u{feff}{landing}")).await;
        assert_eq!((answer.status, has_cookie(&answer)), (204, true), "{landing}");
        let id = format!("sale-{n}");
        world.queued(&sale(&id, n.into(), found_by)).await;
        assert_eq!(credited(&world, &id).await, (json!(from), json!(click(n))), "{landing}");
    }
    for (n, broken) in
        (20..).zip([r#""sessionId":"\ud83d""#, r#""orderId":1e999"#, r#""\ud83d":1"#])
    {
        let body = format!(r#"{{"msclkid":"{}","cartId":"cart-{n}",{broken}}}"#, click(n));
        assert_eq!(world.landing(&[JSON], body).await.status, 204, "{broken}");
        let id = format!("sale-{n}");
        world.queued(&sale(&id, n.into(), json!({"cartId": format!("cart-{n}")}))).await;
        assert_eq!(credited(&world, &id).await, (json!("cart"), json!(click(n))), "{broken}");
    }
    let denied =
        world.capture(&json!({"msclkid": click(40), "leadId": "no", "consent": false})).await;
    assert_eq!((denied.status, has_cookie(&denied)), (204, false));
    assert_eq!(world.items_with("Clicks", &click(40)).await, Vec::<Value>::new());
    assert_eq!(world.items_with("Clicks", "jane").await, Vec::<Value>::new());
    // A bad click id does not cost the tie either.
    land(&world, json!({"msclkid": click(50), "sessionId": "s"})).await;
    land(&world, json!({"msclkid": "(not set)", "sessionId": "s", "leadId": "tied"})).await;
    world.queued(&sale("tied", 0, json!({"leadId": "tied"}))).await;
    assert_eq!(credited(&world, "tied").await, (json!("lead"), json!(click(50))));
    world.stop().await;
}
