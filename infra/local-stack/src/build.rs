//! Lets Cargo build the functions and returns the paths of their binaries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;
use tokio::process::Command;
use tokio::sync::Mutex;

type Programs = BTreeMap<String, PathBuf>;

/// The programs that this process has built: tests start many stacks, and each Cargo would wait for
/// the lock of the others.
static BUILT: Mutex<BTreeMap<(Vec<String>, bool), Programs>> = Mutex::const_new(BTreeMap::new());

/// Variables that `cargo run` and `cargo test` set for this process alone. Build scripts that depend
/// on them would run again for no reason.
const OURS: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The file by which the root of a workspace is recognised.
const TEMPLATE: &str = "infra/template.yaml";

/// The workspace this tool runs in, looked for upwards from where Cargo runs it, from its own binary,
/// and from the current folder. Where it was built says nothing: a checkout may have been moved.
///
/// # Errors
/// None of them is inside a workspace.
fn workspace() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let starts = [cargo, std::env::current_exe().ok(), std::env::current_dir().ok()];
    let starts: Vec<PathBuf> = starts.into_iter().flatten().collect();
    workspace_above(&starts).with_context(|| {
        format!(
            "no {TEMPLATE} in or above any of {starts:?}: run `cargo local` inside the checkout"
        )
    })
}

fn workspace_above(starts: &[PathBuf]) -> Option<PathBuf> {
    let mut folders = starts.iter().flat_map(|start| start.ancestors());
    folders.find(|folder| folder.join(TEMPLATE).is_file()).map(Path::to_owned)
}

/// The template's path and text.
///
/// # Errors
/// The file can't be found or read.
pub fn template() -> Result<(PathBuf, String)> {
    let path = workspace()?.join(TEMPLATE);
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    Ok((path, text))
}

/// Builds the binaries, each of the package of its name, and returns their paths; once in the life
/// of this process. Cargo shows its progress itself.
///
/// # Errors
/// Cargo can't be run or fails.
pub async fn build(binaries: &[String], release: bool) -> Result<Programs> {
    let mut built = BUILT.lock().await;
    let wanted = (binaries.to_vec(), release);
    if let Some(programs) = built.get(&wanted) {
        return Ok(programs.clone());
    }
    let programs = cargo_build(binaries, release).await?;
    built.insert(wanted, programs.clone());
    Ok(programs)
}

async fn cargo_build(binaries: &[String], release: bool) -> Result<Programs> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--message-format", "json-render-diagnostics"]);
    command.arg("--manifest-path").arg(workspace()?.join("Cargo.toml"));
    // Together with this package, so that Cargo gives their dependencies the features they were
    // just built with.
    command.args(["--package", env!("CARGO_PKG_NAME")]);
    command.args(binaries.iter().flat_map(|name| ["--package", name, "--bin", name]));
    command.args(release.then_some("--release"));
    for (name, _) in std::env::vars_os() {
        if OURS.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    // Not `output()`, which would capture standard error as well.
    let child = command.spawn().context("cargo could not be run")?;
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "cargo build failed: {}", output.status);
    executables(&output.stdout, binaries)
}

fn executables(messages: &[u8], binaries: &[String]) -> Result<Programs> {
    let mut found = BTreeMap::new();
    for line in messages.split(|byte| *byte == b'\n') {
        let Ok(message) = serde_json::from_slice::<Json>(line) else {
            continue;
        };
        if let (Some(name), Some(path)) =
            (message["target"]["name"].as_str(), message["executable"].as_str())
        {
            found.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    let missing = binaries.iter().find(|name| !found.contains_key(*name));
    ensure!(missing.is_none(), "cargo built no binary {missing:?}");
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_found_above_wherever_the_checkout_is_now() {
        let folder = std::env::temp_dir().join(format!("tracklayer-moved-{}", std::process::id()));
        let (inside, outside) = (folder.join("now/target/debug"), folder.join("before"));
        for made in [&inside, &outside, &folder.join("now/infra")] {
            std::fs::create_dir_all(made).expect("a folder");
        }
        std::fs::write(folder.join("now").join(TEMPLATE), "").expect("a template");
        let binary = inside.join("tracklayer-local");
        let found = workspace_above(&[outside.join("infra/local-stack"), binary]);
        let nothing = workspace_above(&[outside]);
        std::fs::remove_dir_all(&folder).expect("removed");
        assert_eq!((found, nothing), (Some(folder.join("now")), None));
        assert!(template().is_ok_and(|(path, text)| path.is_file() && !text.is_empty()));
    }

    #[test]
    fn finds_executables_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"core"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"upload"},"executable":"/t/debug/upload"}"#,
            "\nnot json\n",
        );
        let found = executables(messages.as_bytes(), &["upload".to_owned()]).expect("found");
        assert_eq!(found["upload"].to_str(), Some("/t/debug/upload"));
        assert!(executables(messages.as_bytes(), &["sweep".to_owned()]).is_err());
    }
}
