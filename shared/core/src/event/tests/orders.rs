//! Which order an event is about.

use super::*;
use crate::ledger::order::OrderKey;

fn order(mapping: &Mapping, event: &Value) -> Option<OrderKey> {
    match parse_event(&event.to_string(), mapping, now()).event.expect("an event") {
        Event::Conversion(conversion) => conversion.order,
        Event::Ignored(ignored) => ignored.orders.into_values().next(),
        Event::Correction(_) => panic!("a correction"),
    }
}

fn edited(edit: impl FnOnce(&mut Value)) -> Mapping {
    let mut file = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
    edit(&mut file);
    Mapping::parse(&file.to_string()).expect("a mapping")
}

fn of_order(number: Value) -> Value {
    with(purchase(), json!({ "orderId": number }))
}

#[test]
fn all_sources_and_events_of_a_goal_name_the_same_order() {
    let mapping = Mapping::sample();
    let wanted = order(&mapping, &of_order(json!("4711")));
    assert!(wanted.is_some());
    for (changes, why) in [
        (json!({ "eventId": "delivery-2" }), "another id"),
        (json!({ "source": "crm", "eventId": "DEAL-88" }), "another source"),
        (json!({ "event": "phone_sale" }), "another event of the same goal"),
        (json!({ "orderId": 4711 }), "a whole number"),
        (json!({ "orderId": 4711.0 }), "one from a column with gaps"),
        (json!({ "orderId": "\u{feff}4711\u{200b}" }), "what nobody sees"),
        (json!({ "consent": "denied" }), "a denial"),
    ] {
        assert_eq!(order(&mapping, &with(of_order(json!("4711")), changes)), wanted, "{why}");
    }
    for (changes, why) in [
        (json!({ "orderId": "4712" }), "another order"),
        (json!({ "event": "subscription_start" }), "another goal"),
        (json!({ "orderId": null }), "none"),
        (json!({ "orderId": "" }), "none"),
    ] {
        assert_ne!(order(&mapping, &with(of_order(json!("4711")), changes)), wanted, "{why}");
    }
}

#[test]
fn what_stands_for_a_missing_value_is_no_order_and_no_person_and_costs_no_sale() {
    for nothing in ["undefined", " NULL ", "[object Object]", "\u{200b}", "{{Order ID}}", "-", "0"]
    {
        let event = with(of_order(json!(nothing)), json!({ "leadId": nothing, "cartId": nothing }));
        let Parsed { event, warnings } = parse_event(&event.to_string(), &Mapping::sample(), now());
        let Ok(Event::Conversion(sale)) = event else { panic!("{nothing}") };
        assert_eq!((sale.order, &sale.references.order), (None, &None), "{nothing}");
        let left_out = warnings.iter().map(|it| (it.code, it.field));
        let expected =
            ["leadId", "cartId", "orderId"].map(|field| (ErrorCode::InvalidId, Some(field)));
        assert!(left_out.eq(expected), "{nothing}: {warnings:?}");
    }
    assert_eq!(order(&Mapping::sample(), &of_order(json!(0))), None, "as a number");
    let nobody = with(without(purchase(), "sessionId"), json!({ "sessionId": "undefined" }));
    assert_eq!(refusal(&nobody), (ErrorCode::InvalidId, Some("sessionId")));
}

#[test]
fn a_goal_that_is_renamed_at_microsoft_has_the_same_orders() {
    let renamed = edited(|file| file["goals"]["purchase"]["name"] = json!("Kauf"));
    let event = of_order(json!("4711"));
    assert_eq!(order(&renamed, &event), order(&Mapping::sample(), &event));
}

#[test]
fn order_numbers_are_a_source_s_own_where_the_mapping_says_so() {
    let own = edited(|file| file["ownOrders"] = json!(["shop-de", "shop-at"]));
    let from =
        |source: &str| order(&own, &with(of_order(json!("1001")), json!({ "source": source })));
    assert_ne!(from("shop-de"), from("shop-at"));
    assert_eq!(from("shop"), from("crm"));
    assert_ne!(from("shop"), from("shop-at"));
}

#[test]
fn a_goal_that_counts_many_per_order_has_no_orders() {
    let many = edited(|file| file["goals"]["purchase"]["perOrder"] = json!("many"));
    assert_eq!(order(&many, &of_order(json!("4711"))), None);
    let other = with(of_order(json!("4711")), json!({ "event": "subscription_start" }));
    assert!(order(&many, &other).is_some());
}

#[test]
fn a_denied_event_names_its_order_by_any_text_and_its_account() {
    let mapping = Mapping::sample();
    let denied = with(of_order(json!(" jane@example.com #1 ")), json!({ "consent": "denied" }));
    assert!(order(&mapping, &denied).is_some());
    let Ok(Event::Ignored(ignored)) = parse_event(&denied.to_string(), &mapping, now()).event
    else {
        panic!("ignored");
    };
    assert_eq!(ignored.account.expect("an account").as_str(), "main");
    let unknown = with(denied, json!({ "account": "other" }));
    assert_eq!(order(&mapping, &unknown), None, "of no account, no order");
}

#[test]
fn a_denial_that_names_no_account_denies_the_order_in_all_of_them() {
    let mapping = edited(|file| file["accounts"]["eu"] = file["accounts"]["main"].clone());
    let sale = |account: &str| with(of_order(json!("4711")), json!({ "account": account }));
    let denied = with(of_order(json!("4711")), json!({ "consent": "denied" }));
    let Ok(Event::Ignored(ignored)) = parse_event(&denied.to_string(), &mapping, now()).event
    else {
        panic!("ignored");
    };
    let of_sales = ["main", "eu"].map(|account| order(&mapping, &sale(account)).expect("an order"));
    let mut denied: Vec<_> = ignored.orders.into_values().collect();
    denied.sort();
    let mut of_sales = of_sales.to_vec();
    of_sales.sort();
    assert_eq!(denied, of_sales);
}
