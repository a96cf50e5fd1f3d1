//! A virtual environment of Python, made once.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python of the environment at `place`, which has what `requirements` names. One without the
/// mark was not finished, or has other packages, and is made anew.
///
/// # Errors
/// There is no Python, or a package can't be installed; in the words of who said so.
pub fn environment(place: &Path, requirements: &Path) -> Result<PathBuf, String> {
    let wanted = std::fs::read_to_string(requirements).map_err(|error| error.to_string())?;
    let (mark, python) = (place.join("installed"), place.join("bin/python"));
    if std::fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(place);
    run(make, "").map_err(|why| format!("no virtual environment can be made: {why}"))?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "1"]);
    pip.arg("--requirement").arg(requirements);
    run(pip, "").map_err(|why| format!("it can't be installed: {why}"))?;
    std::fs::write(mark, wanted).map_err(|error| error.to_string())?;
    Ok(python)
}

/// Runs a command to its end; returns its standard output.
///
/// # Errors
/// It can't be started or fails; what it wrote to standard error.
pub fn run(mut command: Command, input: &str) -> Result<String, String> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let name = command.get_program().display().to_string();
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(|error| error.to_string())?;
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}
