//! `cargo local` as its user has it: what it prints, how it ends, what it keeps.

mod local;

use std::{net::SocketAddr, process::Command, time::Duration};

use local::{Local, leaves_nothing, runtime, wait_until};
use microsoft_simulator::{AnswerBody, Fault, FaultRule, Settings, Simulator};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund};
use test_support::rig::World;
use test_support::rig::operator::quick;
use tokio::runtime::Runtime;

use crate::files::folder;

#[test]
fn the_printed_sample_yields_a_restated_conversion_and_ctrl_c_leaves_no_process() {
    let local = Local::start(&["--settle-delay", "1"]);
    let address = local.api();
    assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    assert!(local.sample().contains(&format!("{address}/api/tracklayer/events")));

    let pasted = Command::new("bash").arg("-c").arg(local.sample()).output().unwrap();
    let printed = String::from_utf8_lossy(&pasted.stdout).into_owned();
    assert!(printed.contains("HTTP/1.1 204") && printed.contains("tl_ref="), "{printed}");
    let answers: Vec<Value> =
        printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let shape = |answer: &Value| match answer["conversions"].as_array() {
        Some(found) => format!("{} {} {}", found.len(), found[0]["state"], found[0]["value"]),
        None => {
            answer["status"].as_str().or(answer["records"][0]["state"].as_str()).unwrap().to_owned()
        }
    };
    let expected =
        ["queued", r#"1 "accepted" 129.95"#, "accepted", "queued", r#"1 "restated" 99.95"#];
    assert_eq!(answers.iter().map(shape).collect::<Vec<_>>(), expected, "{printed}");
    let log = local.until_logged("[upload] ", 1) + &local.until_logged("[enqueue] ", 1);
    assert!(!log.contains("local-refresh-token") && !log.contains("local-key\""), "{log}");
    local.end("-INT");
}

#[test]
fn sigterm_ends_it_with_calls_under_way() {
    let local = Local::start(&[]);
    let microsoft = address(local.sample(), "/simulator/conversions");
    let fault = json!({"faults": [{"kind": "latency", "milliseconds": 20_000}]});
    let base = microsoft.trim_end_matches("/simulator/conversions").to_owned();
    assert!(
        curl(&["-X", "PATCH", "-d", &fault.to_string(), &format!("{base}/simulator/settings")])
            .contains("20000")
    );
    let api = local.api();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    wait_until(|| {
        let calls = curl(&[&format!("{base}/simulator/calls")]);
        if calls.contains("trackingId") { Ok(()) } else { Err(calls) }
    });
    local.end("-TERM");
}

#[test]
fn a_stack_that_is_killed_leaves_no_process_and_has_kept_what_it_acknowledged() {
    let folder = folder();
    let data = folder.path().to_str().expect("a path");
    let mut local = Local::start(&["--data", data, "--settle-delay", "600"]);
    let api = local.api();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    let started = local.processes();
    local.send("-KILL");
    assert!(!local.child.wait().unwrap().success());
    leaves_nothing(&started);
    drop(local);

    let local = Local::start(&["--data", data]);
    let api = local.api();
    assert!(post(&api, &purchase("1", &click(1), &json!(4))).contains("conflict"));
    let microsoft = address(local.sample(), "/simulator/conversions");
    let kept = wait_until(|| {
        let kept = curl(&[&microsoft]);
        if kept.contains(r#""originalValue":3"#) { Ok(kept) } else { Err(kept) }
    });
    assert_eq!(kept.matches(r#""duplicates":0"#).count(), 1);
    local.end("-INT");
}

#[test]
fn a_refused_consent_is_one_line_of_each_run_and_tells_no_secret() {
    let local = Local::start(&["--retry-base", "0.5", "--parameter", "MaxReceiveCount=3"]);
    let aws = local.logged("Secrets Manager on ");
    let secret = json!({"client_id": "local-client", "refresh_token": "revoked-by-somebody",
        "developer_token": "local-developer-token", "customer_id": "1234567",
        "account_id": "7654321"});
    let request = json!({"SecretId": "tracklayer/main", "SecretString": secret.to_string()});
    let target = "X-Amz-Target: secretsmanager.PutSecretValue";
    let json_type = "Content-Type: application/x-amz-json-1.1";
    let answer = curl(&["-H", target, "-H", json_type, "-d", &request.to_string(), &aws]);
    assert!(answer.contains("VersionId"), "{answer}");
    let api = local.api();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    local.until_logged("given up by the queue", 1);
    let log = local.until_logged("account can't be used", 3);
    let told: Vec<&str> =
        log.lines().filter(|line| line.contains("account can't be used")).collect();
    assert_eq!(told.len(), 3, "one of each run: {told:#?}");
    assert!(told[0].contains("invalid_grant") && told[0].contains("main"), "{}", told[0]);
    assert!(told[0].contains("Give consent again") && told[1].contains("give consent again"));
    assert!(!log.contains("revoked-by-somebody"), "{log}");
    local.end("-TERM");
}

/// A Microsoft of the test's own, which goes away and comes back at the same address.
struct Host {
    simulator: Simulator,
    address: SocketAddr,
    serving: Runtime,
}

impl Host {
    fn start() -> Host {
        let (simulator, serving) = (Simulator::new(Settings::default()), runtime());
        let free = ([127, 0, 0, 1], 0).into();
        let address = serving.block_on(simulator.listen(free)).expect("a free port");
        Host { simulator, address, serving }
    }

    /// Ends its connections, too: then nobody listens.
    fn go(&mut self) {
        std::mem::replace(&mut self.serving, runtime()).shutdown_timeout(Duration::from_secs(5));
    }

    fn come_back(&self) {
        self.serving.block_on(self.simulator.listen(self.address)).expect("the same port");
    }

    fn until_kept(&self, count: usize) {
        wait_until(|| {
            let is_kept = self.simulator.conversions().len() >= count;
            is_kept.then_some(()).ok_or_else(|| format!("{:?}", self.simulator.calls()))
        });
    }
}

#[test]
fn a_host_that_nobody_answers_at_costs_no_money_and_rings() {
    let mut host = Host::start();
    let url = format!("http://{}", host.address);
    let patient = ["--retry-base", "0.5", "--parameter", "MaxReceiveCount=100"];
    let local = Local::start(&[&["--microsoft-url", &url], &patient[..]].concat());
    let api = local.api();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    host.until_kept(1);

    // With the token of a moment ago, Microsoft is not even reached.
    host.go();
    assert!(post(&api, &purchase("2", &click(2), &json!(4))).contains("queued"));
    local.until_logged("Microsoft can't be reached", 3);
    local.until_logged(r#""Unknown":1.0"#, 3);
    let key = "Authorization: Bearer local-key";
    let status = || curl(&["-H", key, &format!("{api}/api/tracklayer/events/shop/2")]);
    let waits = status();
    assert!(waits.contains(r#""state":"queued""#) && waits.contains(r#""attempts":0"#), "{waits}");

    host.come_back();
    host.until_kept(2);
    let kept = host.simulator.conversions();
    let values: Vec<_> = kept.iter().map(|kept| kept.value.unwrap().to_string()).collect();
    assert_eq!(values, ["3", "4"]);
    assert!(kept.iter().all(|kept| kept.duplicates == 0), "{kept:?}");
    wait_until(|| {
        let status = status();
        if status.contains(r#""state":"accepted""#) { Ok(()) } else { Err(status) }
    });
    local.end("-INT");
}

fn post(api: &str, event: &Value) -> String {
    let (key, kind) = ("Authorization: Bearer local-key", "Content-Type: application/json");
    let events = format!("{api}/api/tracklayer/events");
    curl(&["-H", key, "-H", kind, "-d", &event.to_string(), &events])
}

fn address(sample: &str, path: &str) -> String {
    let words = sample.split_whitespace();
    words.map(str::to_owned).find(|word| word.ends_with(path)).expect("an address")
}

fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl").arg("-s").args(arguments).output().expect("curl");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_keeps_rows_messages_clicks_and_secrets() {
    let folder = folder();
    let within = || {
        let data = folder.path().to_owned();
        World::quick(move |options| options.data = Some(data))
    };
    let world = within().await;
    let landing = json!({"msclkid": click(3), "sessionId": "s-3"});
    assert_eq!(world.capture(&landing).await.status, 204);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(10))).await.status, 202);
    world.until_state("1", "accepted").await;
    let down = Fault::Status { status: 503, body: AnswerBody::Html, after_accepting: false };
    world.faults(vec![FaultRule::new(down)]);
    assert_eq!(world.post(&purchase("2", &click(2), &json!(20))).await.status, 202);
    world.change_secret("main", "tenant", "kept").await;
    world.stop().await;

    let world = within().await;
    assert_eq!(world.record("1").await["state"], "accepted");
    assert_eq!(world.post(&purchase("1", &click(1), &json!(11))).await.status, 409);
    world.until_state("2", "accepted").await;
    assert_eq!(world.conversion(&click(2)).await["value"], 20);
    let mut sale = purchase("3", "", &json!(30));
    sale.as_object_mut().unwrap().remove("msclkid");
    sale["sessionId"] = json!("s-3");
    assert_eq!(world.post(&sale).await.status, 202);
    world.until_state("3", "accepted").await;
    assert_eq!(world.conversion(&click(3)).await["value"], 30);
    let secret =
        world.aws("secretsmanager.GetSecretValue", json!({"SecretId": "tracklayer/main"})).await;
    assert!(secret["SecretString"].as_str().unwrap().contains("kept"));
    world.until_drained().await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_function_is_started_again() {
    let world = World::with(quick).await;
    for round in 1..3 {
        for name in ["capture", "enqueue", "upload", "status", "sweep"] {
            world.stack.kill_function(name).await.unwrap();
        }
        let id = round.to_string();
        let landing = json!({"msclkid": click(round), "sessionId": format!("s-{round}")});
        assert_eq!(world.capture(&landing).await.status, 204);
        assert_eq!(world.post(&purchase(&id, &click(round), &json!(10))).await.status, 202);
        world.until_state(&id, "accepted").await;
        assert_eq!(world.post(&refund(&format!("{id}-r"), &id, &json!(4))).await.status, 202);
        world.until_state(&id, "restated").await;
    }
    world.until_drained().await;
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}
