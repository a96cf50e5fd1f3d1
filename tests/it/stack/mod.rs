//! `cargo local` as its user has it: what it prints, how it ends, what it keeps.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use microsoft_simulator::{AnswerBody, Fault, FaultRule, Settings, Simulator};
use serde_json::{Value, json};
use test_support::{events::{click, purchase, refund}, rig::{World, operator::quick}};
use tokio::runtime::Runtime;

/// A running `cargo local` on free ports; killed with this value if a test ends early.
struct Local {
    child: Child,
    /// What came on standard output up to the sample's last line.
    ready: String,
    /// Standard error, as far as it has come.
    log: Arc<Mutex<String>>,
}

impl Local {
    fn start(options: &[&str]) -> Local {
        let free = ["local", "--port", "0", "--aws-port", "0", "--simulator-port", "0"];
        let mut command = Command::new(env!("CARGO"));
        // What `cargo test` sets for a test would make build scripts run again in vain.
        let ours = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        };
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        let mut child = command
            .args(free)
            .args(options)
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("cargo");
        let log = Arc::new(Mutex::new(String::new()));
        let (mut errors, seen) = (child.stderr.take().expect("a pipe"), log.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(count @ 1..) = errors.read(&mut buffer) {
                seen.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        let (lines, printed) = mpsc::channel();
        let output = BufReader::new(child.stdout.take().expect("a pipe"));
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
        });
        let mut local = Local { child, ready: String::new(), log };
        // The build may have to wait for another one.
        let end = Instant::now() + Duration::from_secs(300);
        while local.ready.matches("/simulator/conversions").count() < 2 {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = printed.recv_timeout(left) else {
                panic!("not ready: {}\n{}", local.ready, local.log.lock().expect("no panic"))
            };
            local.ready.push_str(&line);
            local.ready.push('\n');
        }
        local
    }

    fn sample(&self) -> &str {
        self.ready.split_once('\n').expect("a sample").1
    }

    /// The log once it holds this text so often: what is printed is read a moment later, and what a
    /// function writes is printed a moment later.
    fn until_logged(&self, text: &str, times: usize) -> String {
        let end = Instant::now() + Duration::from_secs(30);
        loop {
            let log = self.log.lock().expect("no panic").clone();
            // A line that is still coming may end in the middle of a word.
            let whole = log.rfind('\n').map_or("", |end| &log[..=end]);
            if whole.matches(text).count() >= times {
                return whole.to_owned();
            }
            assert!(Instant::now() < end, "not {times} times {text:?} after 30 s: {log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The word behind this text in the log.
    fn logged(&self, text: &str) -> String {
        let log = self.until_logged(text, 1);
        let rest = log.split_once(text).expect("it is there").1;
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// The process itself (`cargo run` becomes it) and what it has started.
    fn processes(&self) -> BTreeSet<u32> {
        let of_parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>();
            (parent.ok()? == self.child.id()).then_some(pid)
        };
        let entries = std::fs::read_dir("/proc").expect("processes").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(of_parent).collect()
    }

    fn send(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }

    /// Asks it to end, and requires that it does so at once and leaves nothing.
    fn end(mut self, signal: &str) {
        let started = self.processes();
        assert!(started.len() >= 2, "functions were running: {started:?}");
        self.send(signal);
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                break status;
            }
            assert!(start.elapsed() < Duration::from_secs(5), "still there after 5 s");
            std::thread::sleep(Duration::from_millis(20));
        };
        assert!(status.success(), "{status}");
        leaves_nothing(&started);
    }
}

/// The shell that watches over the functions sees the end of its pipe a moment later.
fn leaves_nothing(started: &BTreeSet<u32>) {
    let alive = |pid: &&u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // A dead process whose new parent hasn't looked yet is none.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    let end = Instant::now() + Duration::from_secs(2);
    while started.iter().any(|pid| alive(&pid)) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    let left: Vec<&u32> = started.iter().filter(alive).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_printed_sample_yields_a_restated_conversion_and_ctrl_c_leaves_no_process() {
    let local = Local::start(&["--settle-delay", "1"]);
    let address = local.ready.lines().next().unwrap().strip_prefix("ready ").unwrap();
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
    let api = local.ready.lines().next().unwrap().trim_start_matches("ready ").to_owned();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    let end = Instant::now() + Duration::from_secs(30);
    while !curl(&[&format!("{base}/simulator/calls")]).contains("trackingId") {
        assert!(Instant::now() < end, "nothing was called");
        std::thread::sleep(Duration::from_millis(50));
    }
    local.end("-TERM");
}

#[test]
fn a_stack_that_is_killed_leaves_no_process_and_has_kept_what_it_acknowledged() {
    let folder = Folder::new("killed");
    let data = folder.0.to_str().expect("a path");
    let mut local = Local::start(&["--data", data, "--settle-delay", "600"]);
    let api = local.ready.lines().next().unwrap().trim_start_matches("ready ").to_owned();
    assert!(post(&api, &purchase("1", &click(1), &json!(3))).contains("queued"));
    let started = local.processes();
    local.send("-KILL");
    assert!(!local.child.wait().unwrap().success());
    leaves_nothing(&started);

    let local = Local::start(&["--data", data]);
    let api = local.ready.lines().next().unwrap().trim_start_matches("ready ").to_owned();
    assert!(post(&api, &purchase("1", &click(1), &json!(4))).contains("conflict"));
    let microsoft = address(local.sample(), "/simulator/conversions");
    let end = Instant::now() + Duration::from_secs(20);
    while !curl(&[&microsoft]).contains(r#""originalValue":3"#) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(curl(&[&microsoft]).matches(r#""duplicates":0"#).count(), 1);
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
    let api = local.ready.lines().next().unwrap().trim_start_matches("ready ").to_owned();
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
        let end = Instant::now() + Duration::from_secs(30);
        while self.simulator.conversions().len() < count {
            assert!(Instant::now() < end, "{:?}", self.simulator.calls());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

#[test]
fn a_host_that_nobody_answers_at_costs_no_money_and_rings() {
    let mut host = Host::start();
    let url = format!("http://{}", host.address);
    let patient = ["--retry-base", "0.5", "--parameter", "MaxReceiveCount=100"];
    let local = Local::start(&[&["--microsoft-url", &url], &patient[..]].concat());
    let api = local.ready.lines().next().unwrap().trim_start_matches("ready ").to_owned();
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
    let end = Instant::now() + Duration::from_secs(30);
    while !status().contains(r#""state":"accepted""#) {
        assert!(Instant::now() < end, "{}", status());
        std::thread::sleep(Duration::from_millis(100));
    }
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
    let folder = Folder::new("data");
    let within = || {
        let data = folder.0.clone();
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

/// Removed with this value.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        Folder(std::env::temp_dir().join(format!("tracklayer-{name}-{}", std::process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
