//! The operator's tool, as a program of its own beside a running system.

mod already_uploaded;
mod connecting;
mod doctor;
mod importing;
mod looking;
mod memory;
mod places;
mod reconciling;
mod redriving;
mod reporting;
mod uploading;

use std::{collections::BTreeMap, path::PathBuf, process::Stdio};

use serde_json::Value;
use test_support::rig::World;
use tokio::process::{Child, Command};

/// How the tool ended, and what it wrote.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Ran {
    /// The answer as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Fails unless every one of `texts` is on standard output.
    pub fn shows(&self, texts: &[&str]) {
        for text in texts {
            assert!(self.out.contains(text), "no {text:?} in\n{}\n{}", self.out, self.err);
        }
    }
}

/// The tool's program, built once.
async fn program() -> PathBuf {
    let name = "tracklayer-ops".to_owned();
    let built = local_stack::build::build(std::slice::from_ref(&name), false).await;
    built.expect("the tool is built").remove(&name).expect("a program")
}

/// Runs the tool with nothing but these variables and a pipe for everything.
async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = Command::new(program().await);
    command.args(arguments).env_clear().envs(variables.iter().copied().collect::<BTreeMap<_, _>>());
    let output = command.stdin(Stdio::null()).output().await.expect("the tool runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Runs the tool beside this system.
pub async fn ops(world: &World, arguments: &[&str]) -> Ran {
    run(&[&[&*local(world)], arguments].concat(), &[]).await
}

/// Starts the tool beside this system.
async fn started(world: &World, arguments: &[&str]) -> Child {
    let mut command = Command::new(program().await);
    command.arg(local(world)).args(arguments).env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the tool runs")
}

fn local(world: &World) -> String {
    format!("--local={}", world.stack.aws_url())
}
