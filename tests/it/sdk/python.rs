//! Microsoft's own Python SDK, in a virtual environment of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use serde_json::Value;
use test_support::python;

/// One test makes the environment, the others wait for it; what went wrong goes wrong once.
static PYTHON: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// The installed SDK.
#[derive(Clone, Debug)]
pub struct Sdk {
    python: PathBuf,
}

impl Sdk {
    /// Installs the SDK under `place`, once. None, with a word on standard error, on a machine
    /// without Python or its registry.
    ///
    /// # Panics
    /// Instead of that if `TRACKLAYER_REQUIRE_SDK` is `1`.
    #[must_use]
    pub fn find(place: &str) -> Option<Sdk> {
        let environment = Path::new(place).join("microsoft-sdk");
        let install = || python::environment(&environment, &scripts().join("requirements.txt"));
        match PYTHON.get_or_init(install) {
            Ok(python) => Some(Sdk { python: python.clone() }),
            Err(why) if std::env::var_os("TRACKLAYER_REQUIRE_SDK").is_some_and(|v| v == "1") => {
                panic!("Microsoft's SDK is required: {why}")
            }
            Err(why) => {
                // Past the test harness, which keeps the output of tests that pass to itself.
                let _ = writeln!(std::io::stderr(), "skipped: Microsoft's Python SDK: {why}");
                None
            }
        }
    }

    /// Makes the calls at `url`, one after the other; returns what the SDK read of each answer.
    ///
    /// # Errors
    /// If the script fails; its words are in the error.
    pub async fn drive(&self, url: &str, calls: &Value) -> Result<Vec<Value>> {
        let order = serde_json::json!({ "url": url, "calls": calls }).to_string();
        let mut command = Command::new(&self.python);
        command.arg(scripts().join("drive.py")).env("NO_PROXY", "127.0.0.1");
        let output = tokio::task::spawn_blocking(move || python::run(command, &order)).await?;
        Ok(serde_json::from_str(&output.map_err(|why| anyhow!(why))?)?)
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}
