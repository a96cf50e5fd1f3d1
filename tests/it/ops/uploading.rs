//! `test-upload`.

use serde_json::{Value, json};
use test_support::events::click;
use test_support::rig::World;
use test_support::rig::operator::CONVERSIONS;

use super::ops;
use crate::files::folder;

/// What may be in no answer and no file.
const SECRETS: [&str; 3] =
    ["local-developer-token", "simulated-access-token", "local-refresh-token"];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_of_an_upload_is_what_microsoft_saw() {
    let world = World::quick(|_| {}).await;
    let folder = folder();
    let file = folder.path().join("kept.json");
    let out = file.to_str().expect("a path");
    let id = click(1);
    let upload = ["test-upload", "--msclkid", &id, "--value", "129.95", "--currency", "USD"];
    let upload = [&upload[..], &["--wait", "60", "--out", out]].concat();
    let ran = ops(&world, &[&upload[..], &["--json"]].concat()).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let kept = ran.json();
    let written = std::fs::read_to_string(&file).expect("a file");
    assert_eq!(serde_json::from_str::<Value>(&written).expect("JSON"), kept);

    let call = world.calls(CONVERSIONS).pop().expect("a call");
    assert_eq!(kept["reply"]["headers"]["TrackingId"], json!(call.tracking_id));
    assert_eq!(kept["reply"]["PartialErrors"], json!([]));
    // The request is built again: that it is the one that was sent is shown here.
    assert_eq!(kept["request"]["body"], call.json());
    assert!(kept["request"]["url"].as_str().expect("an address").ends_with(&call.path));
    for name in ["CustomerId", "CustomerAccountId", "Content-Type"] {
        let sent = call.header(&name.to_lowercase());
        assert_eq!(kept["request"]["headers"][name].as_str(), sent, "{name}");
    }
    assert_eq!(kept["status"]["state"], "accepted");
    for secret in SECRETS {
        assert!(!written.contains(secret) && !ran.out.contains(secret), "{secret} is shown");
    }

    let ran = ops(&world, &upload).await;
    assert_eq!(ran.code, Some(0), "a second test is no duplicate: {ran:?}");
    ran.shows(&["✓ Microsoft took it (0000", "Purchase of main", "7654321, customer 1234567", out]);
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_says_where() {
    let world = World::quick(|_| {}).await;
    world.rename_goal("Purchase", "Purchases");
    let folder = folder();
    let file = folder.path().join("kept.json");
    let out = file.to_str().expect("a path");
    let id = click(1);
    let upload = async |more: &[&str]| {
        let upload = ["test-upload", "--msclkid", &id, "--json", "--out", out];
        ops(&world, &[&upload[..], more].concat()).await
    };
    let worth = ["--value", "5", "--currency", "USD"];
    let ran = upload(&[&worth[..], &["--wait", "60"]].concat()).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let error = &ran.json()["reply"]["PartialErrors"][0];
    assert_eq!(error["Code"], 5606, "{ran:?}");
    assert_eq!(error["ErrorCode"], "OfflineConversionNameInvalid");

    for (more, code) in [
        (&[][..], "rejected"),
        (&["--event", "nothing"], "rejected"),
        (&["--event", "page_view"], "no_conversion"),
        (&[&worth[..], &["--key", "nobody"]].concat(), "refused"),
    ] {
        let ran = upload(more).await;
        assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!(code)), "{ran:?}");
    }
    // Nobody has read the queue within no time at all.
    let ran = upload(&[&worth[..], &["--wait", "0"]].concat()).await;
    assert_eq!((ran.code, &ran.json()["reply"]), (Some(1), &Value::Null), "{ran:?}");
    world.stop().await;
}
