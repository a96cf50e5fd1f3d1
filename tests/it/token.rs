//! Rotation of refresh tokens with the real function, a Microsoft that drops each used token at
//! once, and an upload that goes on through all of it.

use std::time::Duration;

use base64::Engine as _;
use microsoft_simulator::{Fault, FaultRule, RefreshTokens};
use serde_json::{Value, json};
use test_support::events::{click, purchase};
use test_support::rig::operator::{CONVERSIONS, TOKEN, quick};
use test_support::rig::{World, until};

const SECRET: &str = "tracklayer/main";
const ROTATE: &str = "secretsmanager.RotateSecret";

/// Id of the current version, and whether one is pending.
async fn labels(world: &World) -> (String, bool) {
    let described = world.aws("secretsmanager.DescribeSecret", json!({"SecretId": SECRET})).await;
    let versions = described["VersionIdsToStages"].as_object().expect("versions").clone();
    let holder = |label: &str| {
        let mut found = versions.iter().filter(|(_, held)| {
            held.as_array().is_some_and(|held| held.iter().any(|held| held == label))
        });
        found.next().map(|(version, _)| version.clone())
    };
    (holder("AWSCURRENT").expect("a current version"), holder("AWSPENDING").is_some())
}

async fn secret(world: &World) -> Value {
    let answer = world.aws("secretsmanager.GetSecretValue", json!({"SecretId": SECRET})).await;
    serde_json::from_str(answer["SecretString"].as_str().expect("a text")).expect("JSON")
}

/// A request to the endpoint, as an SDK or the CLI makes it.
async fn over_http(world: &World, target: &str, body: Value) -> (u16, Value) {
    let request = reqwest::Client::new().post(world.stack.aws_url()).header("X-Amz-Target", target);
    let request = request.header("content-type", "application/x-amz-json-1.1");
    let answer = request.body(body.to_string()).send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("text");
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn until_rotated(world: &World, from: &str) -> String {
    until("rotated", || async {
        let (current, pending) = labels(world).await;
        if current != from && !pending { Ok(current) } else { Err((current, pending)) }
    })
    .await
}

fn refresh_tokens(world: &World, mode: RefreshTokens) {
    world.microsoft().update_settings(|settings| settings.oauth.refresh_tokens = mode);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_is_taken_up_by_a_running_upload() {
    let world = World::with(quick).await;
    // Upload has the first version of the secret and an access token from it.
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    world.until_state("1", "accepted").await;

    refresh_tokens(&world, RefreshTokens::RotateAndRevoke);
    let (first, _) = labels(&world).await;
    let before = secret(&world).await;
    let (status, begun) = over_http(&world, ROTATE, json!({"SecretId": SECRET})).await;
    assert_eq!(status, 200, "{begun}");
    until_rotated(&world, &first).await;
    let after = secret(&world).await;
    assert_ne!(after["refresh_token"], before["refresh_token"]);
    assert_eq!(after["rotated_from"], json!(first));
    for (name, value) in before.as_object().expect("an object") {
        assert!(name == "refresh_token" || after[name] == *value, "{name} stays");
    }

    // The access token ends, too; the first version's refresh token is worth nothing any more.
    world.faults(vec![FaultRule::new(Fault::ExpireTokens {}).on(CONVERSIONS).times(1)]);
    let asked = world.calls(TOKEN).len();
    assert_eq!(world.post(&purchase("2", &click(2), &json!(7))).await.status, 202);
    world.until_state("2", "accepted").await;
    world.until_worth(&click(2), "7").await;
    assert!(world.calls(TOKEN).len() > asked, "upload asked with the new token");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_was_rotated_away_is_replaced_within_the_run() {
    let world = World::with(quick).await;
    // Every batch needs a new access token.
    world.microsoft().update_settings(|settings| settings.oauth.token_lifetime_seconds = 2);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    world.until_state("1", "accepted").await;
    refresh_tokens(&world, RefreshTokens::RotateAndRevoke);
    let (first, _) = labels(&world).await;
    over_http(&world, ROTATE, json!({"SecretId": SECRET})).await;
    until_rotated(&world, &first).await;

    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(world.post(&purchase("2", &click(2), &json!(7))).await.status, 202);
    world.until_state("2", "accepted").await;
    // It was only an old version; the same run has found the new one.
    let noted = world.items_with("Conversions", "refusedSecretVersion").await;
    assert!(noted.is_empty(), "{noted:#?}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_microsoft_refuses_changes_nothing_and_goes_on_after_a_new_consent() {
    let world = World::with(quick).await;
    world.change_secret("main", "refresh_token", "revoked").await;
    let (first, _) = labels(&world).await;
    let rotate = json!({"SecretId": SECRET});
    let (status, begun) = over_http(&world, ROTATE, rotate.clone()).await;
    assert_eq!(status, 200, "{begun}");
    // It runs by itself, and fails; what follows must not overlap with it.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let asked = world.calls(TOKEN).len();
    let event = json!({"Step": "createSecret", "SecretId": SECRET,
                       "ClientRequestToken": begun["VersionId"]});
    let error = world.stack.invoke("token", &event).await.expect_err("refused").to_string();
    assert!(error.contains("give consent again"), "{error}");
    assert_eq!(world.calls(TOKEN).len(), asked, "nobody asks again before the secret has changed");
    let noted = world.items_with("Conversions", "refusedSecretVersion").await;
    assert_eq!(noted.len(), 1, "{noted:#?}");
    assert!(!error.contains("revoked"), "{error}");
    assert_eq!(labels(&world).await, (first, true));
    assert_eq!(secret(&world).await["refresh_token"], json!("revoked"));

    // A person consents again; the rotation that was left is taken up.
    world.change_secret("main", "refresh_token", "local-refresh-token").await;
    let (second, _) = labels(&world).await;
    let (status, answer) = over_http(&world, ROTATE, rotate.clone()).await;
    assert_eq!((status, answer["__type"].as_str()), (400, Some("InvalidRequestException")));
    assert!(answer["message"].as_str().is_some_and(|text| text.contains("reattempted")));
    until("rotated", || async {
        let (current, pending) = labels(&world).await;
        if current == second || pending {
            // The first attempt may still have been at work, or have left its label to the next one,
            // which is given time to end.
            over_http(&world, ROTATE, rotate.clone()).await;
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        if current != second && !pending { Ok(()) } else { Err((current, pending)) }
    })
    .await;
    let token = secret(&world).await["refresh_token"].clone();
    assert!(token.as_str().is_some_and(|token| token.starts_with("local-refresh-token.")));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_invoked_through_the_endpoint() {
    let world = World::with(quick).await;
    let invoke = |name: &str, event: Value| {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", world.stack.aws_url());
        let request = reqwest::Client::new().post(url).body(event.to_string());
        async move { request.send().await.expect("an answer") }
    };
    let swept = invoke("sweep", json!({})).await;
    assert_eq!(swept.status(), 200);
    let swept_headers = swept.headers().clone();
    let answer: Value = serde_json::from_str(&swept.text().await.expect("text")).expect("JSON");
    assert_eq!(answer["cutShort"], false, "{answer}");

    let event = json!({"Step": "finishSecret", "SecretId": SECRET, "ClientRequestToken": "x"});
    let answer = invoke("token", event.clone()).await.text().await.expect("text");
    assert_eq!(answer, r#"{"step":"finishSecret","outcome":"nothing"}"#);
    let mut unknown = event;
    unknown["SecretId"] = json!("tracklayer/nobody");
    let failed = invoke("token", unknown).await;
    assert_eq!(failed.headers()["x-amz-function-error"], "Unhandled");
    let text = failed.text().await.expect("text");
    assert!(text.contains("tracklayer/nobody"), "{text}");
    assert_eq!(invoke("nobody", json!({})).await.status(), 404);

    // With the end of its log, when asked for it.
    assert!(!swept_headers.contains_key("x-amz-log-result"));
    let url = format!("{}/2015-03-31/functions/goals/invocations", world.stack.aws_url());
    let checked = reqwest::Client::new().post(url).header("X-Amz-Log-Type", "Tail").body("{}");
    let checked = checked.send().await.expect("an answer");
    let log = checked.headers()["x-amz-log-result"].to_str().expect("text").to_owned();
    let log = base64::engine::general_purpose::STANDARD.decode(log).expect("base64");
    let log = String::from_utf8_lossy(&log).into_owned();
    assert!(log.len() <= 4_096 && log.ends_with('\n'), "{log}");
    assert!(log.contains(r#""account":"main""#) && !log.contains("[goals]"), "{log}");
    world.stop().await;
}
