//! `tracklayer-ops` (`cargo ops` in a checkout): what an operator asks of a running TrackLayer.
//!
//! - `options`: the command line, whose comments are what `--help` shows
//! - `place`: the stack, by what CloudFormation says of it, and the clients of its parts
//! - `failure`: what keeps a command from its work, and what helps
//! - `backlog`: what is open
//! - `screen`: tables, colours, progress, JSON
//! - one module per command

mod backlog;
mod connect;
mod doctor;
mod explain;
mod failure;
mod find;
mod goals;
mod import;
mod open;
mod options;
mod place;
mod reconcile;
mod redrive;
mod report;
mod screen;
mod test_upload;
#[cfg(test)]
mod testing;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::{Failure, Verdict};
use crate::options::{Command, Options};
use crate::place::Ops;
use crate::screen::Screen;

fn main() -> ExitCode {
    // clap itself ends with 2 where a command line can't be read.
    let options = Options::parse();
    warn_on_standard_error();
    let screen = Screen::new(options.json);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(&options, &screen)),
        Err(error) => Err(Failure::unreachable("no_runtime", error.to_string(), "")),
    };
    match result {
        Ok(verdict) => verdict.exit_code(),
        Err(failure) => {
            screen.failure(&failure);
            failure.exit_code()
        }
    }
}

async fn run(options: &Options, screen: &Screen) -> Result<Verdict, Failure> {
    let ops = Ops::find(&options.place).await?;
    match &options.command {
        Command::Find { what } => find::run(&ops, what, screen).await,
        Command::Open { filter, list } => open::run(&ops, filter, *list, screen).await,
        Command::Connect(options) => connect::run(&ops, options, screen).await,
        Command::TestUpload(options) => test_upload::run(&ops, options, screen).await,
        Command::Doctor { check } => doctor::run(&ops, *check, screen).await,
        Command::Goals(options) => goals::run(&ops, options, screen).await,
        Command::Import(options) => import::run(&ops, options, screen).await,
        Command::Reconcile(options) => reconcile::run(&ops, options, screen).await,
        Command::Redrive(options) => redrive::run(&ops, options, screen).await,
        Command::Report(options) => report::run(&ops, options, screen).await,
        Command::Explain { source, event_id } => explain::run(&ops, source, event_id, screen).await,
    }
}

/// What the shared code logs – items that can't be read – and nothing of the libraries below it.
fn warn_on_standard_error() {
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .with_ansi(false);
    let own = Targets::new()
        .with_default(LevelFilter::OFF)
        .with_target("tracklayer_edge", LevelFilter::WARN)
        .with_target("status", LevelFilter::WARN);
    tracing_subscriber::registry().with(own).with(lines).init();
}
