//! A running `cargo local`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use test_support::rig::Place;
use tokio::runtime::Runtime;

/// A running `cargo local` on free ports; killed with this value if a test ends early.
pub struct Local {
    pub child: Child,
    /// What came on standard output up to the sample's last line.
    pub ready: String,
    /// Standard error, as far as it has come.
    log: Arc<Mutex<String>>,
    _place: Place,
}

impl Local {
    pub fn start(options: &[&str]) -> Local {
        let place = runtime().block_on(Place::take());
        let ports = ["--port", "--aws-port", "--simulator-port", "--shop-port"];
        let free = ["local"].into_iter().chain(ports.into_iter().flat_map(|port| [port, "0"]));
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
        let mut local = Local { child, ready: String::new(), log, _place: place };
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

    /// Address of the HTTP API.
    pub fn api(&self) -> String {
        let first = self.ready.lines().next().expect("a line");
        first.strip_prefix("ready ").expect("an address").to_owned()
    }

    /// The commands that it prints for trying.
    pub fn sample(&self) -> &str {
        self.ready.split_once('\n').expect("a sample").1
    }

    /// The log once it holds this text so often: what is printed is read a moment later, and what a
    /// function writes is printed a moment later.
    pub fn until_logged(&self, text: &str, times: usize) -> String {
        wait_until(|| {
            let log = self.log.lock().expect("no panic").clone();
            // A line that is still coming may end in the middle of a word.
            let whole = log.rfind('\n').map_or("", |end| &log[..=end]);
            let is_there = whole.matches(text).count() >= times;
            is_there.then(|| whole.to_owned()).ok_or(format!("not {times} times {text:?}: {log}"))
        })
    }

    /// The word behind this text in the log.
    pub fn logged(&self, text: &str) -> String {
        let log = self.until_logged(text, 1);
        let rest = log.split_once(text).expect("it is there").1;
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// The process itself (`cargo run` becomes it) and what it has started.
    pub fn processes(&self) -> BTreeSet<u32> {
        let of_parent = |pid: u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>();
            (parent.ok()? == self.child.id()).then_some(pid)
        };
        let entries = std::fs::read_dir("/proc").expect("processes").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter_map(of_parent).collect()
    }

    pub fn send(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().expect("kill").success());
    }

    /// Asks it to end, and requires that it does so at once and leaves nothing.
    pub fn end(mut self, signal: &str) {
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
pub fn leaves_nothing(started: &BTreeSet<u32>) {
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

pub fn runtime() -> Runtime {
    Runtime::new().expect("a runtime")
}

/// Asks until the answer is `Ok`; after half a minute it shows the last one.
pub fn wait_until<T>(ask: impl Fn() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) => assert!(Instant::now() < end, "after 30 s: {last}"),
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
