//! Personal data goes in, and only hashes are ever written down.

use std::{path::Path, process::Command};

use serde_json::json;
use test_support::events::{click, purchase, refund, with};
use test_support::rig::{KEY, Place, World, until};

use crate::files::folder;

/// What is sent, and pieces of it that must be found nowhere.
const EMAIL: &str = "Jane.Doe+news@Example.org";
const PHONE: &str = "+49 151 12345678";
const PIECES: [&str; 6] =
    ["jane.doe", "janedoe", "example.org", "15112345678", "151 12345678", "secret-of-jane"];
/// SHA-256 of `janedoe@example.org` and `+4915112345678`.
const HASHES: [&str; 2] = [
    "ebc4e4fa571d149a9f15b4a0dcaaaa91085ed91311072c967ba2cc18ee7798bd",
    "536afd523e19dc83fccba822ef5e4ca646111314aaf0aa286667c5bea18dd70b",
];
/// The hash of somebody who is erased.
const ERASED: &str = "f25ad364d33972379a7a4f4df33db142205f5c40eb19cfdb2fc5aaf117e10101";
/// Set in the process whose output is read.
const INNER: &str = "TRACKLAYER_TEST_INNER";

fn assert_without_person(text: &str, what: &str) {
    let lower = text.to_lowercase();
    for piece in PIECES {
        if let Some(at) = lower.find(piece) {
            let around: String = lower.chars().skip(at.saturating_sub(200)).take(400).collect();
            panic!("{piece} in {what}: …{around}…");
        }
    }
}

async fn send_personal_data() {
    let folder = folder();
    let world = World::with(|options| {
        options.hour = 600;
        options.data = Some(folder.path().to_owned());
    })
    .await;
    let person = json!({"email": EMAIL, "phone": PHONE});
    let by_person = with(&purchase("person", "", &json!(10)), &json!({"msclkid": null}));
    world.queued(&with(&by_person, &person)).await;
    world.queued(&with(&purchase("click", &click(1), &json!(10)), &person)).await;
    world.queued(&with(&refund("click-r", "click", &json!(1)), &person)).await;
    // Fields where nobody expects them, and events that are refused or ignored.
    let landing = format!("https://shop.example/?email={EMAIL}&utm_source=bing#{EMAIL}");
    let capture = json!({"msclkid": click(2), "sessionId": "s", "landingUrl": landing,
                         "email": EMAIL, "leadId": "l"});
    assert_eq!(world.capture(&capture).await.status, 204);
    for (changes, status) in [
        (json!({"eventId": EMAIL}), 422),
        (json!({"source": EMAIL}), 422),
        (json!({"sessionId": EMAIL}), 422),
        (json!({"msclkid": EMAIL}), 422),
        (json!({"account": EMAIL}), 422),
        (json!({"event": EMAIL}), 422),
        (json!({"occurredAt": EMAIL}), 422),
        (json!({"currency": EMAIL}), 422),
        (json!({"consent": EMAIL}), 422),
        (json!({"hashedEmail": EMAIL}), 422),
        (json!({"phone": EMAIL}), 422),
        (json!({"value": EMAIL}), 422),
        (json!({"eventId": "left-out", "leadId": "l", "phone": EMAIL, "cartId": EMAIL}), 202),
        (json!({"eventId": "denied", "consent": "denied", "email": EMAIL, "orderId": EMAIL}), 200),
        (json!({"event": "page_view", "email": EMAIL, "name": EMAIL}), 200),
        (json!({"event": "refund", "original": {"eventId": EMAIL}, "value": null}), 422),
    ] {
        let answer = world.post(&with(&by_person, &changes)).await;
        assert_eq!(answer.status, status, "{changes}");
        let text = answer.body.to_string().replace(&json!(EMAIL).to_string(), "");
        assert_without_person(&text, "an answer");
        assert!(!answer.body["error"]["message"].to_string().contains("Jane"), "{answer:?}");
    }
    for body in [format!("{{\"email\":\"{EMAIL}\""), format!("\"{EMAIL}\"")] {
        assert_without_person(
            &world.enqueue(KEY, body.clone()).await.body.to_string(),
            "an answer",
        );
        let headers = [("content-type", "application/json")];
        assert_eq!(world.landing(&headers, body).await.status, 400);
    }
    assert_eq!(world.enqueue("secret-of-jane", "{}").await.status, 401);
    for (body, status) in [
        (json!({"leadId": EMAIL}), 422),
        (json!({"msclkid": EMAIL}), 422),
        (json!({"sessionId": EMAIL, "consent": EMAIL, "landedAt": EMAIL, "cartId": "c"}), 204),
    ] {
        let answer = world.capture(&body).await;
        assert_eq!(answer.status, status);
        assert_without_person(&answer.body.to_string(), "an answer");
    }
    world.status(KEY, &format!("shop/{EMAIL}")).await;

    let record = world.until_state("person", "accepted").await;
    world.until_state("click", "restated").await;
    for text in [record.to_string(), world.record("click").await.to_string()] {
        assert!(HASHES.iter().all(|hash| !text.contains(hash)), "hashes are shown: {text}");
        assert_without_person(&text, "status");
    }
    let stored = json!(world.items_with("Conversions", "event shop person").await).to_string();
    assert!(HASHES.iter().all(|hash| stored.contains(hash)), "{stored}");
    for call in world.microsoft().calls() {
        assert_without_person(&call.body, "a call to Microsoft");
    }
    let calls = world.microsoft().calls();
    let bodies: String = calls.iter().map(|call| call.body.as_str()).collect();
    assert!(HASHES.iter().all(|hash| bodies.contains(hash)), "{bodies}");
    let answer = world.erase(KEY, json!({"hashedEmail": ERASED}).to_string()).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    world.until_drained().await;
    world.stop().await;

    // Tables, queues and secrets as they lie on the disk, deleted messages included.
    let disk = until("all of the disk", || async { all_files(folder.path()) }).await;
    assert_without_person(&disk, "the disk");
    // What was looked through is the real thing: rows are in it, and queues. Messages that are done
    // may be overwritten.
    assert!(HASHES.iter().all(|hash| disk.contains(hash)), "no hashes on the disk");
    assert!(disk.contains("uploads-dlq"), "no queues on the disk");
}

/// The files of a folder; fails while the database takes a journal away.
fn all_files(folder: &Path) -> std::io::Result<String> {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder)? {
        all.push_str(&String::from_utf8_lossy(&std::fs::read(entry?.path())?));
    }
    Ok(all)
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_data_is_in_no_table_queue_log_or_answer() {
    if std::env::var_os(INNER).is_some() {
        return send_personal_data().await;
    }
    // This test again, in a process whose output can be read: the functions' logs are in it.
    let _place = Place::take().await;
    let name = "privacy::personal_data_is_in_no_table_queue_log_or_answer";
    let mut inner = Command::new(std::env::current_exe().unwrap());
    inner.args(["--exact", name, "--nocapture"]).env(INNER, "1");
    let output = tokio::task::spawn_blocking(move || inner.output()).await.unwrap().unwrap();
    let log = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{log}");
    for function in ["[capture] {", "[enqueue] {", "[upload] {", "[erase] {"] {
        assert!(log.contains(function), "no {function} in {log}");
    }
    assert_without_person(&log, "the log");
    for hash in HASHES.into_iter().chain([ERASED]) {
        assert!(!log.contains(hash), "a hash in the log: {log}");
    }
    assert!(!log.contains(KEY), "{log}");
}
