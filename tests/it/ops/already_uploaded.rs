//! `import --already-uploaded`.

use std::fmt::Write as _;

use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::{World, http, until};

use super::{ops, started};
use crate::files::folder;

/// Uploads conversions as another program does: with an access token of its own.
async fn upload(world: &World, rows: &[Value]) {
    let url = world.stack.simulator_url();
    let form = [
        ("grant_type", "refresh_token"),
        ("client_id", "local-client"),
        ("refresh_token", "local-refresh-token"),
        ("scope", "https://ads.microsoft.com/msads.manage offline_access"),
    ];
    let request = http().post(format!("{url}/common/oauth2/v2.0/token")).form(&form);
    let answer = request.send().await.expect("an answer").text().await.expect("text");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    let token = answer["access_token"].as_str().expect("a token");
    let request = http()
        .post(format!("{url}/CampaignManagement/v13/OfflineConversions/Apply"))
        .bearer_auth(token)
        .header("developertoken", "local-developer-token")
        .header("customerid", "1234567")
        .header("customeraccountid", "7654321")
        .header("content-type", "application/json")
        .body(json!({"OfflineConversions": rows}).to_string());
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    let body: Value = serde_json::from_str(&answer.text().await.expect("text")).expect("JSON");
    assert_eq!(body["PartialErrors"], json!([]), "{body}");
}

fn uploaded(number: u32, value: &str, at: &str) -> Value {
    json!({"ConversionName": "Purchase", "ConversionTime": at, "MicrosoftClickId": click(number),
        "ConversionValue": value.parse::<f64>().expect("a number"), "ConversionCurrencyCode": "USD"})
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_uploaded_before_is_not_sent_again_and_its_refunds_are() {
    let world = World::quick(|_| {}).await;
    let at = time(-7_200);
    upload(&world, &[uploaded(1, "129.95", &at), uploaded(2, "20", &at)]).await;
    // A refund came before the import, and one sale from the shop itself.
    assert_eq!(world.post(&refund("2-r", "2", &Value::Null)).await.body["state"], "waiting");
    world.queued(&purchase("3", &click(3), &json!(5))).await;
    world.until_state("3", "accepted").await;
    let sent = world.calls("OfflineConversions/Apply").len();

    let folder = folder();
    let file = folder.path().join("sent.csv");
    let head = "eventId,occurredAt,value,currency,msclkid,orderId\n";
    let good = format!("1,{at},129.95,USD,{},o-1\n2,{at},20,USD,{},o-2\n", click(1), click(2));
    // Nobody to correct it by; the click and second of another sale; the order of another sale.
    let bad = format!(
        "4,{at},1,USD,,o-4\n5,{at},129.95,USD,{},o-5\n6,{at},129.95,USD,{},o-1\n",
        click(1),
        click(6)
    );
    std::fs::write(&file, format!("{head}{good}{bad}")).expect("written");
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--set", "event=purchase", "--set", "source=shop", "--json"];
    let import = [&import[..], &["--already-uploaded"]].concat();
    let ran = ops(&world, &[&import[..], &["--dry-run"]].concat()).await;
    let checked = json!({"conversion": 4, "rejected": 1});
    assert_eq!((ran.code, &ran.json()["rows"]), (Some(1), &checked), "{ran:?}");
    assert_eq!(world.record("1").await, Value::Null, "a check writes nothing");
    let ran = ops(&world, &import).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(ran.json()["rows"], json!({"recorded": 2, "rejected": 3}), "{ran:?}");
    assert_eq!(ran.json()["money"], json!({"USD": "149.95"}));
    let errors = json!({"conflict": 1, "no_identifier": 1, "same_order": 1});
    assert_eq!(ran.json()["errors"], errors);
    // What the accounts and the checks keep comes and goes beside it.
    let keys = async || {
        let items = world.items("Conversions").await;
        let of_events = |pk: &String| !pk.starts_with("account ") && !pk.starts_with("audit");
        let keys = items.iter().map(|item| item["pk"]["S"].as_str().unwrap_or_default().to_owned());
        keys.filter(of_events).collect::<std::collections::BTreeSet<_>>()
    };
    let before = keys().await;
    let ran = ops(&world, &import).await;
    assert_eq!(ran.json()["rows"], json!({"duplicate": 2, "rejected": 3}), "nothing changes");
    assert_eq!(keys().await, before);

    let record = world.record("1").await;
    assert_eq!(record["state"], "accepted", "{record}");
    let there = json!({"goal": "Purchase", "conversionTime": at, "value": 129.95});
    for member in ["goal", "conversionTime", "value"] {
        assert_eq!(record["microsoft"][member], there[member], "{record}");
    }
    world.until_state("2", "retracted").await;
    assert_eq!(world.conversion(&click(2)).await["state"], "retracted");
    let sale = with(&purchase("1", &click(1), &json!(129.95)), &json!({"occurredAt": at}));
    assert_eq!(
        world.post(&with(&sale, &json!({"orderId": "o-1"}))).await.body["status"],
        "duplicate"
    );
    let notice = with(&sale, &json!({"eventId": "1-b", "orderId": "o-1"}));
    assert_eq!(world.post(&notice).await.body["reason"], "same_order", "its order is claimed");
    assert_eq!(world.post(&refund("1-r", "1", &json!(30))).await.status, 202);
    let conversion = world.until_worth(&click(1), "99.95").await;
    assert_eq!((&conversion["state"], &conversion["duplicates"]), (&json!("restated"), &json!(0)));
    world.until_state("1", "restated").await;
    assert_eq!(world.calls("OfflineConversions/Apply").len(), sent, "no original was sent again");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_goes_on_and_records_every_sale_once() {
    let world = World::start().await;
    let folder = folder();
    let file = folder.path().join("sent.csv");
    let mut text = "eventId,occurredAt,value,currency,msclkid,orderId\n".to_owned();
    for number in 1..=60 {
        writeln!(text, "{number},{},1,USD,{},o-{number}", time(-60), click(number)).expect("text");
    }
    std::fs::write(&file, text).expect("written");
    let path = file.to_str().expect("a path");
    let import = ["import", path, "--set", "event=purchase", "--set", "source=shop", "--json"];
    let import = [&import[..], &["--already-uploaded", "--batch", "5"]].concat();
    let mut begun = started(&world, &import).await;
    until("some are recorded", || async {
        std::fs::metadata(file.with_extension("import.json")).map(|_| ())
    })
    .await;
    begun.kill().await.expect("killed");
    let ran = ops(&world, &import).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let rows = ran.json()["rows"].clone();
    let count = |status: &str| rows[status].as_u64().unwrap_or(0);
    assert_eq!(count("recorded") + count("duplicate"), 60, "{rows}");
    for number in [1, 30, 60] {
        assert_eq!(world.record(&number.to_string()).await["state"], "accepted");
    }
    assert!(world.conversions().await.is_empty(), "none is sent");
    world.stop().await;
}
