//! Microsoft's own Python SDK, in a virtual environment of its own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};
use serde_json::Value;

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
        let install = || install(Path::new(place)).map_err(|why| format!("{why:#}"));
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
        let output = tokio::task::spawn_blocking(move || run(command, &order)).await??;
        Ok(serde_json::from_str(&output)?)
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk")
}

/// The Python that has the SDK. An environment without the mark was not finished and is made anew.
fn install(place: &Path) -> Result<PathBuf> {
    let wanted = std::fs::read_to_string(scripts().join("requirements.txt"))?;
    let environment = place.join("microsoft-sdk");
    let mark = environment.join("installed");
    let python = environment.join("bin/python");
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&environment);
    run(make, "").context("no virtual environment can be made")?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]);
    pip.arg("--requirement").arg(scripts().join("requirements.txt"));
    run(pip, "").context("it can't be installed")?;
    std::fs::write(mark, wanted)?;
    Ok(python)
}

/// Runs a command to its end; returns its standard output.
fn run(mut command: Command, input: &str) -> Result<String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("{:?}", command.get_program()))?;
    child.stdin.take().context("no standard input")?.write_all(input.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}
