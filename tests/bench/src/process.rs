//! What the kernel counts of a process, read from outside.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

/// Figures of a process at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reading {
    /// Processor time of all its threads.
    pub cpu: Duration,
    /// Resident memory in bytes.
    pub resident: u64,
    /// The most that it was ever resident with, in bytes.
    pub peak: u64,
}

/// The figures of a process now. Linux only.
///
/// # Errors
/// The process is gone, or the kernel does not tell.
pub fn read(pid: u32) -> Result<Reading> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let status = text(&folder.join("status"))?;
    Ok(Reading {
        cpu: cpu_of_threads(&folder)?,
        resident: kilobytes(&status, "VmRSS:")? * 1024,
        peak: kilobytes(&status, "VmHWM:")? * 1024,
    })
}

/// The first number of a thread's `schedstat` is its processor time in nanoseconds; the sums of the
/// whole process come in hundredths of a second, too coarse for a start.
fn cpu_of_threads(folder: &Path) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir(folder.join("task"))? {
        let text = text(&thread?.path().join("schedstat"))?;
        let nanoseconds = text.split(' ').next().context("an empty schedstat")?;
        sum += Duration::from_nanos(nanoseconds.parse()?);
    }
    Ok(sum)
}

fn kilobytes(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.with_context(|| format!("no {name}"))?.parse()?)
}

fn text(path: &Path) -> Result<String> {
    read_to_string(path).with_context(|| path.display().to_string())
}
