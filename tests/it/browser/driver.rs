//! A headless Chromium, driven by its driver.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator, cookies::Cookie};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::rig::{http, until};
use tokio::sync::{Mutex, MutexGuard};

use crate::files::folder;

/// One browser at a time: each has several processes.
static TURN: Mutex<()> = Mutex::const_new(());

/// Chromium runs as root only without its sandbox, and calls home unless told not to.
const ARGUMENTS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A running browser with a fresh profile; it ends with this value.
pub struct Browser {
    pub page: Client,
    driver: String,
    child: Child,
    profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// The first of these programs that `PATH` leads to.
fn find(names: &[&str]) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()))
}

impl Browser {
    /// Starts one; `None`, with the reason printed, if there is none on this machine.
    pub async fn open() -> Option<Browser> {
        Browser::with(json!({})).await
    }

    /// Starts one with preferences, as its settings page makes them.
    pub async fn with(preferences: Value) -> Option<Browser> {
        let browser = find(&["chromium", "chromium-browser", "google-chrome"]);
        let (Some(browser), Some(driver)) = (browser, find(&["chromedriver"])) else {
            let is_required = std::env::var_os("TRACKLAYER_REQUIRE_BROWSER").is_some();
            assert!(!is_required, "there is no Chromium with its driver");
            println!("skipped: there is no Chromium with its driver on this machine");
            return None;
        };
        let turn = TURN.lock().await;
        let profile = folder();
        let (child, driver) = start(&driver);
        let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": {"binary": browser, "args": arguments, "prefs": preferences,
                // The driver turns the back-forward cache off.
                "excludeSwitches": ["disable-back-forward-cache"]},
            "goog:loggingPrefs": {"browser": "ALL"},
        });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let page = builder.capabilities(capabilities).connect(&driver).await.expect("a session");
        Some(Browser { page, driver, child, profile, _turn: turn })
    }

    /// Opens an address, and waits until it is loaded.
    pub async fn goto(&self, url: &str) {
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

    /// What the pages have written to the console since this was asked last.
    pub async fn console(&self) -> Vec<String> {
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

    /// Ends it; the console must have stayed empty.
    pub async fn close(self) {
        let console = self.console().await;
        assert!(console.is_empty(), "{console:#?}");
        self.page.clone().close().await.expect("closed");
    }
}

/// A driver on a free port, and its address.
fn start(program: &PathBuf) -> (Child, String) {
    let mut command = Command::new(program);
    command.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("a driver");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse::<u16>().ok()
    });
    // It must always find somebody who reads.
    std::thread::spawn(move || lines.for_each(drop));
    (child, format!("http://127.0.0.1:{}", port.expect("a port")))
}

impl Drop for Browser {
    /// A test that failed leaves no browser behind: its processes name the profile.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let profile = self.profile.path().display().to_string();
        for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let pid = entry.file_name().to_string_lossy().into_owned();
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let is_process = pid.bytes().all(|byte| byte.is_ascii_digit());
            if is_process && String::from_utf8_lossy(&line).contains(&profile) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        }
    }
}

/// Long enough for whatever should not come.
pub async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(500)).await;
}
