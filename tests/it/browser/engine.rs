//! The browsers in which the snippet is tested, and how each is started.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Chooses the browser: `chromium` (if it is absent), `firefox` or `webkit`.
const VARIABLE: &str = "TRACKLAYER_BROWSER";
/// Chromium runs as root only without its sandbox, and calls home unless told not to.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // Names under a public suffix, for the servers of the tests.
    "--host-resolver-rules=MAP *.co.uk 127.0.0.1, MAP *.github.io 127.0.0.1",
];
/// Where Debian has the browser of WebKitGTK, in a folder that is named after the machine.
const WEBKITS: [&str; 4] = [
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.0/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.1/MiniBrowser",
    "/usr/lib/aarch64-linux-gnu/webkit2gtk-4.0/MiniBrowser",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Chromium,
    Firefox,
    /// Needs a display.
    WebKit,
}

/// What a visitor has chosen on the browser's settings page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Nothing,
    /// Cookies are ignored; storage throws, but not in WebKit.
    BlockAll,
    BlockThirdParties,
}

impl Engine {
    pub fn chosen() -> Engine {
        match std::env::var(VARIABLE).as_deref() {
            Ok("firefox") => Engine::Firefox,
            Ok("webkit") => Engine::WebKit,
            Ok("chromium") | Err(_) => Engine::Chromium,
            Ok(other) => panic!("{VARIABLE}: there is no {other}"),
        }
    }

    /// The browser and its driver, if both are on this machine.
    pub fn programs(self) -> Option<(PathBuf, PathBuf)> {
        match self {
            Engine::Chromium => {
                let browser = find(&["chromium", "chromium-browser", "google-chrome"])?;
                Some((browser, find(&["chromedriver"])?))
            }
            Engine::Firefox => Some((find(&["firefox", "firefox-esr"])?, find(&["geckodriver"])?)),
            Engine::WebKit => {
                let browser = WEBKITS.iter().map(PathBuf::from).find(|path| path.is_file())?;
                Some((browser, find(&["WebKitWebDriver"])?))
            }
        }
    }

    /// What the driver is told, once it runs.
    pub fn capabilities(self, browser: &Path, profile: &Path, choice: Choice) -> Value {
        match self {
            Engine::Chromium => {
                let mut arguments: Vec<String> = ARGUMENTS.map(str::to_owned).to_vec();
                arguments.push(format!("--user-data-dir={}", profile.display()));
                let preferences = match choice {
                    Choice::Nothing => json!({}),
                    Choice::BlockAll => {
                        json!({"profile.default_content_setting_values.cookies": 2})
                    }
                    Choice::BlockThirdParties => json!({"profile.cookie_controls_mode": 1}),
                };
                json!({
                    "goog:chromeOptions": {"binary": browser, "args": arguments, "prefs": preferences,
                        // The driver turns the back-forward cache off.
                        "excludeSwitches": ["disable-back-forward-cache"]},
                    "goog:loggingPrefs": {"browser": "ALL"},
                })
            }
            Engine::Firefox => {
                // https://searchfox.org/mozilla-central/source/netwerk/cookie/nsICookieService.idl
                let behaviour = match choice {
                    Choice::Nothing => 5,
                    Choice::BlockAll => 2,
                    Choice::BlockThirdParties => 1,
                };
                json!({"moz:firefoxOptions": {"binary": browser, "args": ["-headless"],
                    "prefs": {"network.cookie.cookieBehavior": behaviour,
                        "network.dns.forceResolve": "127.0.0.1"}}})
            }
            Engine::WebKit => {
                let policy = match choice {
                    Choice::Nothing => "always",
                    Choice::BlockAll => "never",
                    Choice::BlockThirdParties => "no-third-party",
                };
                let arguments = ["--automation".to_owned(), format!("--cookies-policy={policy}")];
                json!({"webkitgtk:browserOptions": {"binary": browser, "args": arguments}})
            }
        }
    }
}

/// The first of these programs that `PATH` leads to.
fn find(names: &[&str]) -> Option<PathBuf> {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&paths).collect();
    names
        .iter()
        .find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file()))
}
