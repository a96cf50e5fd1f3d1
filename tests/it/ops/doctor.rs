//! `doctor`.

use serde_json::{Value, json};
use test_support::events::{click, purchase};
use test_support::rig::World;

use super::{Ran, ops};

/// What a check of the goals that gets through shows to be right.
const OF_ACCOUNT: [&str; 5] =
    ["consent", "developer token", "account numbers", "auto-tagging", "enhanced conversions"];

/// The lines of the answer about `what`, each its mark.
fn marks(ran: &Ran, what: &str) -> Vec<String> {
    let answer = ran.json();
    let checks = answer["checks"].as_array().expect("checks");
    let about = checks.iter().filter(|check| check["what"].as_str() == Some(what));
    about.filter_map(|check| check["mark"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_thing_is_one_line_with_its_cure() {
    // An hour of the policy is long: nothing is checked anew behind the test's back.
    let world = World::with(|options| options.hour = 600).await;
    let ran = ops(&world, &["doctor", "--check", "--json"]).await;
    let all = ["stack", "clock", "ingest keys", "credentials of main", "goals of main", "queue"];
    for what in all {
        assert_eq!(marks(&ran, what), ["fine"], "{what} in {}", ran.out);
    }
    assert_eq!((ran.code, &ran.json()["wrong"]), (Some(0), &json!(0)), "{}", ran.out);
    for what in ["last click captured", "last event queued of main"] {
        assert_eq!(marks(&ran, what), ["unknown"], "the local AWS keeps no metrics");
    }
    for what in OF_ACCOUNT {
        assert_eq!(marks(&ran, &format!("{what} of main")), ["fine"], "{}", ran.out);
    }
    let ran = ops(&world, &["doctor"]).await;
    ran.shows(&["✓ stack: tracklayer CREATE_COMPLETE", "✓ ingest keys: local", "✓ dead-letter"]);
    ran.shows(&["✓ account numbers of main: ad account 7654321 of customer 1234567"]);

    let settings = |on: bool| {
        world.change_goals(|goal| goal.enhanced_conversions = on);
        world.microsoft().update_settings(|settings| settings.accounts[0].auto_tagging = on);
    };
    settings(false);
    let ran = ops(&world, &["doctor", "--check", "--json"]).await;
    assert_eq!(marks(&ran, "auto-tagging of main"), ["warns"], "{}", ran.out);
    assert_eq!(marks(&ran, "enhanced conversions of main"), [""; 0], "goals have lines of it");
    assert_eq!(marks(&ran, "goal Purchase of main"), ["warns"]);
    settings(true);

    world.rename_goal("Purchase", "Purchases");
    world.change_secret("main", "developer_token", "replace me").await;
    let ran = ops(&world, &["doctor", "--check", "--json"]).await;
    assert_eq!(ran.code, Some(1));
    assert_eq!(marks(&ran, "credentials of main"), ["wrong"]);
    let wrong = ran.json()["wrong"].as_u64();
    assert!(wrong >= Some(2), "the account can't be used either: {}", ran.out);
    for what in OF_ACCOUNT {
        assert_ne!(marks(&ran, &format!("{what} of main")), ["fine"], "{}", ran.out);
    }

    world.change_secret("main", "developer_token", "local-developer-token").await;
    world.add_unreadable_key().await;
    let ran = ops(&world, &["doctor", "--check", "--json"]).await;
    assert_eq!(marks(&ran, "goal Purchase of main"), ["wrong"], "{}", ran.out);
    assert_eq!(marks(&ran, "ingest key odd"), ["wrong"]);
    let ran = ops(&world, &["doctor"]).await;
    ran.shows(&["✗ goal Purchase of main: the account has no goal of this name", "cure: "]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_and_a_changed_queue_are_seen() {
    let world = World::quick(|_| {}).await;
    world.rename_goal("Purchase", "Purchases");
    world.queued(&purchase("1", &click(1), &json!(20))).await;
    world.until_dead_letters(1).await;
    let policy = json!({"maxReceiveCount": 99,
        "deadLetterTargetArn": "arn:aws:sqs:eu-west-1:000000000000:uploads-dlq"});
    let change = json!({"QueueUrl": "uploads",
        "Attributes": {"RedrivePolicy": policy.to_string()}});
    world.aws("AmazonSQS.SetQueueAttributes", change).await;
    let ran = ops(&world, &["doctor", "--json"]).await;
    assert_eq!(ran.code, Some(1));
    for what in ["queue", "dead-letter queue"] {
        assert_eq!(marks(&ran, what), ["wrong"], "{}", ran.out);
    }
    world.stop().await;
}

trait Keys {
    async fn add_unreadable_key(&self);
}

impl Keys for World {
    /// Adds an entry to the ingest keys that is none.
    async fn add_unreadable_key(&self) {
        let id = json!({"SecretId": "tracklayer/ingest-keys"});
        let known = self.aws("secretsmanager.GetSecretValue", id).await;
        let text = known["SecretString"].as_str().expect("text");
        let mut file: Value = serde_json::from_str(text).expect("JSON");
        file["keys"].as_array_mut().expect("a list").push(json!({"name": "odd", "sha256": "abc"}));
        let changed =
            json!({"SecretId": "tracklayer/ingest-keys", "SecretString": file.to_string()});
        self.aws("secretsmanager.PutSecretValue", changed).await;
    }
}
