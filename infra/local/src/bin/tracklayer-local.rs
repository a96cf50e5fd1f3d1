//! `cargo local`: starts the local stack, says when it is ready, and runs until Ctrl-C or SIGTERM.

use std::io::Write;

use anyhow::Result;
use clap::Parser;
use local_stack::{Options, Stack, sample};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    eprintln!(
        "starting: building the functions{}",
        if options.release { " (release)" } else { "" }
    );
    let settle_delay = options.settle_delay;
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        _ = interrupt.recv() => return Ok(()),
        _ = terminate.recv() => return Ok(()),
    };
    announce(&stack, settle_delay);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    eprintln!("stopping");
    stack.stop().await;
    Ok(())
}

/// Standard output may be closed; the stack runs on without it.
fn announce(stack: &Stack, settle_delay: u64) {
    eprintln!(
        "AWS       {}  (DynamoDB, SQS, Secrets Manager; any credentials, region {})",
        stack.aws_url(),
        local_stack::stack::REGION
    );
    eprintln!("Microsoft {}", stack.simulator_url());
    let mut out = std::io::stdout().lock();
    let sample = sample::sample(stack.api_url(), stack.simulator_url(), settle_delay);
    let _ = writeln!(out, "ready {}\n{sample}", stack.api_url());
    let _ = out.flush();
}
