//! Ways in which shops, CRMs, automation tools and spreadsheets write a sale, over HTTP: each is taken with
//! its click and its money, or refused by the name of its field, and an alarm goes off.

use serde_json::{Value, json};
use test_support::events::{click, purchase, time};
use test_support::rig::{KEY, World};

/// Who writes it, members in their own words – the last of equal ones counts –, and what becomes of the
/// sale: its money after `=`, the code and field after `!` if it is refused, `ignored`. The code of a
/// field that is left out or changed comes after a `?`.
const WAYS: &[(&str, &str, &str)] = &[
    (
        "Shopify",
        r#""eventId":5812345901,"value":"129.95","customer":{"email":null}"#,
        "=129.95 USD",
    ),
    ("Shopify", r#""eventId":"gid://shopify/Order/5812345902""#, "=129.95 USD"),
    ("Shopify", r##""orderId":"#1001","cartId":"hWN1a?key=0f3c""##, "=129.95 USD"),
    ("Shopify", r#""value":{"shop_money":{"amount":"129.95"}}"#, "!wrong_type value"),
    ("Shopify", r##""eventId":"#1002""##, "!invalid_id eventId"),
    ("Shopify, edited", r#""value":"129.95","value":"99.95""#, "=99.95 USD"),
    ("WooCommerce", r#""value":"129.9500","phone":"","email":"""#, "=129.95 USD"),
    ("WooCommerce", r#""occurredAt":"2026-11-29T07:42:13""#, "!missing_offset occurredAt"),
    ("WooCommerce", r#""currency":"""#, "!invalid_currency currency"),
    ("WooCommerce", r#""currency":"&euro;""#, "!invalid_currency currency"),
    ("HubSpot", r#""occurredAt":1777023733000"#, "!wrong_type occurredAt"),
    ("HubSpot", r#""value":null"#, "!missing_value value"),
    ("HubSpot", r#""email":"jane@a.example;jo@a.example""#, "=129.95 USD?invalid_value email"),
    ("HubSpot", r#""leadId":18823.5"#, "=129.95 USD?wrong_type leadId"),
    ("Salesforce", r#""leadId":"00Q5g00000AbCdEFGH""#, "=129.95 USD"),
    ("Salesforce", r#""value":"USD 129.95""#, "!invalid_value value"),
    ("Salesforce", r#""phone":"(425) 555-1234 x22""#, "=129.95 USD?invalid_value phone"),
    ("Salesforce", r#""leadId":"Müller GmbH""#, "=129.95 USD?invalid_id leadId"),
    ("Stripe", r#""currency":"eur","livemode":true,"metadata":{}"#, "=129.95 EUR"),
    ("Stripe", r#""occurredAt":1777023733"#, "!wrong_type occurredAt"),
    ("Stripe", r#""currency":["usd"]"#, "!wrong_type currency"),
    ("Zapier", r#""value":"129.95","consent":"","account":"","leadId":"""#, "=129.95 USD"),
    ("Zapier", r#""leadId":"{{123__id}}""#, "=129.95 USD?invalid_id leadId"),
    ("Zapier", r#""eventId":"{{1.order_id}}""#, "!invalid_id eventId"),
    ("Zapier", r#""value":"""#, "!missing_value value"),
    ("Make", r#""value":"129,95""#, "!invalid_value value"),
    ("Make", r#""email":["jane@a.example","jo@a.example"]"#, "=129.95 USD?wrong_type email"),
    ("Make", r#""phone":{"number":"+14255551234"}"#, "=129.95 USD?wrong_type phone"),
    ("Make", r#""orderId":["1003"]"#, "=129.95 USD?wrong_type orderId"),
    ("Make", r#""occurredAt":"November 29, 2026 7:42 AM""#, "!invalid_time occurredAt"),
    ("PHP", r#""value":129.94999999999999"#, "=129.95 USD?rounded value"),
    ("PHP", r#""occurredAt":{"date":"2026-11-29 07:42:13"}"#, "!wrong_type occurredAt"),
    ("PHP", r#""occurredAt":"Sun, 29 Nov 2026 07:42:13 +0000""#, "!invalid_time occurredAt"),
    ("PHP", r#""phone":false"#, "=129.95 USD?wrong_type phone"),
    ("PHP", r#""consent":[]"#, "=129.95 USD?wrong_type consent"),
    ("PHP", r#""note":"\ud83d","value":"129.95""#, "=129.95 USD"),
    ("Python", r#""eventId":10492.0,"value":1.2995e2"#, "=129.95 USD"),
    ("Python", r#""value":"None""#, "!invalid_value value"),
    ("Python", r#""value":-0.0"#, "=0 USD"),
    ("Python", r#""value":-30"#, "!invalid_value value"),
    ("Python", r#""msclkid":["a","b"]"#, "=129.95 USD?wrong_type msclkid"),
    (
        ".NET",
        r#""msclkid":"00000000-0000-0000-0000-000000000000""#,
        "=129.95 USD?invalid_click_id msclkid",
    ),
    (".NET", r#""occurredAt":"/Date(1777023733000)/""#, "!invalid_time occurredAt"),
    (
        "JavaScript",
        r#""occurredAt":"Sun Nov 29 2026 07:42:13 GMT+0000""#,
        "!invalid_time occurredAt",
    ),
    (
        "JavaScript",
        r#""msclkid":"N","msclkid":"undefined""#,
        "=129.95 USD?invalid_click_id msclkid",
    ),
    ("Tag manager", r#""consent":{"ad_storage":"granted"}"#, "=129.95 USD"),
    ("Tag manager", r#""consent":{"ad_storage":"denied"}"#, "ignored"),
    ("Tag manager", r#""consent":{"marketing":true}"#, "=129.95 USD?wrong_type consent"),
    ("Tag manager", r#""consent":"TCF:CPc""#, "=129.95 USD?invalid_value consent"),
    (
        "Tag manager",
        r#""msclkid":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx""#,
        "=129.95 USD?invalid_click_id msclkid",
    ),
    ("Spreadsheet", r#""phone":"4.93090182E+11""#, "=129.95 USD?invalid_value phone"),
    ("Spreadsheet", r#""occurredAt":"46355.32""#, "!invalid_time occurredAt"),
    ("Spreadsheet", r#""occurredAt":"29.11.2026 07:42""#, "!invalid_time occurredAt"),
    ("Spreadsheet", r#""value":" 1 299,95 ""#, "!invalid_value value"),
    ("Spreadsheet", r#""value":"$129.95""#, "!invalid_value value"),
    ("Spreadsheet", r#""currency":"$""#, "!invalid_currency currency"),
    ("Spreadsheet", r#""eventId":"INV 2026 12""#, "!invalid_id eventId"),
    ("Spreadsheet", r#""phone":"'+14255551234","email":" JANE@A.EXAMPLE ""#, "=129.95 USD"),
    ("Spreadsheet", r#""value":"1.299,95""#, "!invalid_value value"),
    ("People", r#""email":"jané@exämple.com""#, "=129.95 USD"),
    ("People", r#""email":"jane@localhost""#, "=129.95 USD?invalid_value email"),
    (
        "People",
        r#""phone":"+1 425 555 1234 or call the office""#,
        "=129.95 USD?invalid_value phone",
    ),
    ("People", r#""phone":"0000000000""#, "=129.95 USD?invalid_value phone"),
    ("Phone sales", r#""eventId":"jane@a.example""#, "!invalid_id eventId"),
    ("Phone sales", r#""event":"Phone Sale""#, "!unknown_event event"),
    ("Large", r#""value":999999999999"#, "=999999999999 USD"),
    ("Large", r#""value":1000000000000"#, "!invalid_value value"),
    ("Curaçao since 2025", r#""currency":"XCG""#, "=129.95 XCG"),
    ("Croatia before 2023", r#""currency":"HRK""#, "!invalid_currency currency"),
    (
        "Hashed by MD5",
        r#""hashedEmail":"5d41402abc4b2a76b9719d911017c592""#,
        "=129.95 USD?invalid_value hashedEmail",
    ),
    ("Two shops", r#""source":"https://a.example""#, "!invalid_id source"),
    ("Two accounts", r#""account":1234567"#, "!wrong_type account"),
];

/// What a result says, in the words of [`WAYS`], without the money.
fn told(result: &Value) -> String {
    let of = |it: &Value| {
        let (code, field) = (it["code"].as_str().expect("a code"), it["field"].as_str());
        let field = field.expect("the field's name");
        // Whoever reads nothing but the message knows the field as well.
        assert!(it["message"].as_str().expect("a message").starts_with(field), "{result}");
        format!("{code} {field}")
    };
    if result["status"] == "rejected" {
        return format!("!{}", of(&result["error"]));
    }
    let warnings = result["warnings"].as_array().into_iter().flatten();
    warnings.map(|warning| format!("?{}", of(warning))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn seventy_ways_to_write_a_sale_cost_none_that_can_be_used() {
    let world = World::start().await;
    let landing = json!({"msclkid": click(1), "sessionId": "s", "landedAt": time(-900)});
    assert_eq!(world.capture(&landing).await.status, 204);
    let sale = |n: usize, members: &str| {
        let at = time(-i64::try_from(n).expect("few") - 5);
        format!(
            r#"{{"event":"purchase","eventId":"way-{n}","source":"shop","occurredAt":"{at}","value":129.95,"currency":"USD","sessionId":"s",{members}}}"#
        )
    };
    let events: Vec<_> = WAYS.iter().enumerate().map(|(n, way)| sale(n, way.1)).collect();
    let answer = world.enqueue(KEY, format!("[{}]", events.join(","))).await;
    let results = answer.body["results"].as_array().expect("results");
    assert_eq!(results.len(), WAYS.len());
    assert!(!answer.body.to_string().contains("jane"), "a person in the answer");
    for ((who, members, expected), result) in WAYS.iter().zip(results) {
        let (money, warning) = expected.split_at(expected.find('?').unwrap_or(expected.len()));
        if let Some(money) = money.strip_prefix('=') {
            assert_eq!(
                (&result["status"], &*told(result)),
                (&json!("queued"), warning),
                "{members}"
            );
            let id = result["eventId"].as_str().expect("an id");
            let record = world.until_state(id, "accepted").await;
            let (sold, found) = (&record["microsoft"], &record["click"]);
            let paid = format!("{} {}", sold["value"], sold["currency"].as_str().unwrap_or("-"));
            assert_eq!((&*paid, &found["msclkid"]), (money, &json!(click(1))), "{who} {members}");
        } else if *expected == "ignored" {
            assert_eq!(result["status"], "ignored", "{who} {members}");
        } else {
            assert_eq!(told(result), *expected, "{who} {members}");
        }
    }
    world.until_rings("Rejected").await;
    world.until_logged("enqueue", &["refused", "invalid_currency"]).await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

/// What a refund says of its money is read exactly or refused: never as everything by mistake, and the
/// sale stays what it is.
const REFUNDS: &[(&str, &str)] = &[
    (r#""amount":-30,"currency":"USD""#, "!invalid_value amount"),
    (r#""amount":"30,00","currency":"USD""#, "!invalid_value amount"),
    (r#""amount":"","currency":"USD""#, "!invalid_value amount"),
    (r#""amount":null,"currency":"USD""#, "!missing_value amount"),
    (r#""amount":30"#, "!missing_currency currency"),
    (r#""amount":30,"currency":"EUR""#, "!currency_mismatch currency"),
    (r#""amount":30,"newValue":99.95,"currency":"USD""#, "!value_not_allowed newValue"),
    (r#""value":30,"currency":"USD""#, "!value_not_allowed value"),
    (r#""newValue":"-1","currency":"USD""#, "!invalid_value newValue"),
    (r#""amount":30,"currency":"USD","original":"sold""#, "!invalid_original original"),
    (r#""amount":30,"currency":"USD","original":null"#, "!missing_field original"),
    (r#""amount":30,"currency":"USD","original":{"id":"sold"}"#, "!invalid_original original"),
    (
        r#""amount":30,"currency":"USD","original":{"eventId":"sold","event":"refund"}"#,
        "!invalid_original original",
    ),
    (
        r#""amount":"10.00","currency":"usd","original":{"eventId":"sold","source":null,"event":""}"#,
        "",
    ),
    (
        r#""amount":10.0004,"currency":"USD","consent":false"#,
        "?invalid_value consent?rounded amount",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn ways_to_write_a_refund_take_nothing_back_that_they_do_not_say() {
    let world = World::start().await;
    world.queued(&purchase("sold", &click(1), &json!(129.95))).await;
    world.until_state("sold", "accepted").await;
    for (n, (members, expected)) in REFUNDS.iter().enumerate() {
        let at = time(0);
        let refund = format!(
            r#"{{"event":"refund","eventId":"r-{n}","source":"shop","occurredAt":"{at}","original":{{"eventId":"sold"}},{members}}}"#
        );
        let answer = world.enqueue(KEY, refund).await;
        assert_eq!(told(&answer.body), *expected, "{members}: {answer:?}");
    }
    world.until_worth(&click(1), "109.95").await;
    let record = world.until_state("sold", "restated").await;
    assert_eq!(record["desired"]["corrections"].as_array().map(Vec::len), Some(2));
    world.stop().await;
}
