//! A browser without a window, driven by its driver.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator, cookies::Cookie};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::rig::{http, until};
use tokio::sync::{Mutex, MutexGuard};

use super::engine::{Choice, Engine};
use crate::files::folder;

/// One browser at a time: each has several processes.
static TURN: Mutex<()> = Mutex::const_new(());

/// Names the profile in the environment of the browser's processes.
const MARK: &str = "TRACKLAYER_BROWSER_PROFILE";

/// A running browser with a fresh profile; it ends with this value.
pub struct Browser {
    pub engine: Engine,
    pub page: Client,
    driver: String,
    child: Child,
    profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts one; `None`, with the reason printed, if there is none on this machine.
    pub async fn open() -> Option<Browser> {
        Browser::with(Choice::Nothing).await
    }

    /// Starts one whose visitor has made a choice.
    pub async fn with(choice: Choice) -> Option<Browser> {
        let engine = Engine::chosen();
        let Some((browser, driver)) = engine.programs() else {
            let is_required = std::env::var_os("TRACKLAYER_REQUIRE_BROWSER").is_some();
            assert!(!is_required, "there is no {engine:?} with its driver");
            println!("skipped: there is no {engine:?} with its driver on this machine");
            return None;
        };
        let turn = TURN.lock().await;
        let profile = folder();
        let (child, driver) = start(engine, &driver, profile.path()).await;
        let capabilities = engine.capabilities(&browser, profile.path(), choice);
        let capabilities = capabilities.as_object().expect("an object").clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let page = builder.capabilities(capabilities).connect(&driver).await.expect("a session");
        Some(Browser { engine, page, driver, child, profile, _turn: turn })
    }

    /// Opens an address, and waits until it is loaded.
    pub async fn goto(&self, url: &str) {
        // What has no answer yet, the next page would send again. Some answers never come.
        let is_heard = "return !localStorage.tl_failed && !localStorage.tl_owed";
        for _ in 0..10 {
            if self.page.execute(is_heard, Vec::new()).await.map_or(true, |heard| heard == true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        self.page.goto(url).await.expect("a page");
        // Where the new page has another origin, the driver may answer a moment early.
        until("loaded", || async {
            let state = self.js("return document.readyState").await;
            if state == "complete" { Ok(()) } else { Err(state) }
        })
        .await;
    }

    /// Runs a function's body in the page, and answers with what it returns.
    pub async fn js(&self, script: &str) -> Value {
        self.page
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// Waits until a function's body returns `true` in the page.
    pub async fn until_js(&self, script: &str) {
        until(script, || async {
            // A page that is being left answers with an error.
            let said = self.page.execute(script, Vec::new()).await;
            if said.as_ref().is_ok_and(|said| *said == true) { Ok(()) } else { Err(said) }
        })
        .await;
    }

    /// Clicks on what the selector finds first, once it is there.
    pub async fn click(&self, selector: &str) {
        let element = self.page.wait().for_element(Locator::Css(selector)).await.expect(selector);
        element.click().await.expect("a click");
    }

    /// The text of what the selector finds first, once it is there.
    pub async fn text(&self, selector: &str) -> String {
        let element = self.page.wait().for_element(Locator::Css(selector)).await.expect(selector);
        element.text().await.expect("a text")
    }

    /// A cookie of the page.
    pub async fn cookie(&self, name: &str) -> Option<Cookie<'static>> {
        self.page.get_named_cookie(name).await.ok()
    }

    /// Opens another tab, which is the current one from then on.
    pub async fn new_tab(&self) {
        let tab = self.page.new_window(true).await.expect("a tab");
        self.page.switch_to_window(tab.handle).await.expect("the tab");
    }

    /// What the pages have written to the console since this was asked last; only Chromium tells.
    pub async fn console(&self) -> Vec<String> {
        if self.engine != Engine::Chromium {
            return Vec::new();
        }
        let session = self.page.session_id().await.ok().flatten().expect("a session");
        let url = format!("{}/session/{session}/se/log", self.driver);
        let request = http().post(url).body(json!({"type": "browser"}).to_string());
        let answer = request.send().await.expect("an answer").text().await.expect("text");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let lines = answer["value"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let texts = lines.iter().map(|line| format!("{}: {}", line["level"], line["message"]));
        // Browsers ask every server for one.
        texts.filter(|text| !text.contains("/favicon.ico")).collect()
    }

    /// The browser itself writes a line for each answer that is an error, and nothing else was written.
    pub async fn expect_errors(&self, count: usize) {
        let console = self.console().await;
        assert!(self.engine != Engine::Chromium || console.len() == count, "{console:#?}");
    }

    /// Ends it; the console must have stayed empty.
    pub async fn close(self) {
        self.expect_errors(0).await;
        self.page.clone().close().await.expect("closed");
    }
}

/// A driver on a free port, and its address.
async fn start(engine: Engine, program: &Path, profile: &Path) -> (Child, String) {
    // The port that a driver chooses must be free for both protocols; else it ends at once.
    for _ in 0..5 {
        if let Some(started) = try_start(engine, program, profile).await {
            return started;
        }
    }
    panic!("the driver finds no port");
}

async fn try_start(engine: Engine, program: &Path, profile: &Path) -> Option<(Child, String)> {
    let port = if engine == Engine::WebKit { free_port() } else { 0 };
    let mut command = Command::new(program);
    command.arg(format!("--port={port}")).env(MARK, profile);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("a driver");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let port = if port == 0 {
        lines.by_ref().map_while(Result::ok).find_map(|line| port_in(&line))
    } else {
        until("the driver", || async { TcpStream::connect(("127.0.0.1", port)) }).await;
        Some(port)
    };
    let Some(port) = port else {
        child.wait().expect("its end");
        return None;
    };
    // It must always find somebody who reads.
    std::thread::spawn(move || lines.for_each(drop));
    Some((child, format!("http://127.0.0.1:{port}")))
}

/// The port that a driver says it has.
fn port_in(line: &str) -> Option<u16> {
    let said = ["started successfully on port ", "Listening on 127.0.0.1:"];
    let (_, port) = said.iter().find_map(|words| line.split_once(words))?;
    port.trim_end_matches('.').parse().ok()
}

/// WebKit's driver chooses none.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Drop for Browser {
    /// A test that failed leaves no browser behind: its processes name the profile.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let profile = self.profile.path().display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let is_process = pid.bytes().all(|byte| byte.is_ascii_digit());
            let names_it = |file: &str| {
                let text = std::fs::read(entry.path().join(file)).unwrap_or_default();
                String::from_utf8_lossy(&text).contains(&profile)
            };
            if is_process && (names_it("cmdline") || names_it("environ")) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        }
    }
}

/// Long enough for whatever should not come.
pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}
