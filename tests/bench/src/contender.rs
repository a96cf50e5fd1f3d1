//! The two programs that are compared: the functions, and the yardstick in Python.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use miniz_oxide::deflate::compress_to_vec;
use test_support::python;

/// The functions that are measured.
pub const MEASURED: [&str; 3] = ["capture", "enqueue", "upload"];

/// What runs as the functions of a system.
pub struct Contender {
    /// Its name in the table.
    pub name: &'static str,
    /// Programs by function; the others are those that the local stack builds, and never run.
    pub programs: BTreeMap<String, PathBuf>,
    /// Bytes of what is deployed, deflated, by function.
    pub deflated: BTreeMap<String, usize>,
    /// Whether the policies of the template hold for it.
    pub has_own_policies: bool,
}

/// Builds the functions as they are deployed, but for this machine's processor.
///
/// # Errors
/// Cargo fails.
pub fn functions() -> Result<Contender> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release"]).current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.args(MEASURED.iter().flat_map(|name| ["--package", name, "--bin", name]));
    ensure!(cargo.status()?.success(), "the functions can't be built");
    let folder = target()?.join("release");
    let programs: BTreeMap<_, _> =
        MEASURED.map(|name| (name.to_owned(), folder.join(name))).into_iter().collect();
    let deflated = deflated(&programs)?;
    Ok(Contender { name: "functions", programs, deflated, has_own_policies: true })
}

/// Installs what the yardstick needs, in Cargo's folder.
///
/// # Errors
/// This machine has no Python, or boto3 can't be installed.
pub fn yardstick() -> Result<Contender> {
    let (here, folder) = (Path::new(env!("CARGO_MANIFEST_DIR")), target()?.join("bench"));
    std::fs::create_dir_all(&folder)?;
    let environment = python::environment(&folder.join("python"), &here.join("requirements.txt"));
    let interpreter = environment.map_err(|why| anyhow!(why))?;
    let (script, start) = (here.join("yardstick.py"), folder.join("yardstick"));
    let text = format!("#!/bin/sh\nexec '{}' '{}'\n", interpreter.display(), script.display());
    std::fs::write(&start, text)?;
    std::fs::set_permissions(&start, std::fs::Permissions::from_mode(0o755))?;
    let all = |path: &PathBuf| MEASURED.map(|name| (name.to_owned(), path.clone())).into();
    let (programs, deflated) = (all(&start), deflated(&all(&script))?);
    Ok(Contender { name: "Python", programs, deflated, has_own_policies: false })
}

fn deflated(programs: &BTreeMap<String, PathBuf>) -> Result<BTreeMap<String, usize>> {
    let size = |(name, path): (&String, &PathBuf)| {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Ok((name.clone(), compress_to_vec(&bytes, 6).len()))
    };
    programs.iter().map(size).collect()
}

/// Cargo's folder: this program is in `debug` or `release` of it.
fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let folder = program.parent().and_then(Path::parent).context("not started by Cargo")?;
    Ok(folder.to_owned())
}
