//! `cargo local`: starts the local stack, says when it is ready, and runs until Ctrl-C or SIGTERM.

use std::io::Write;

use anyhow::Result;
use clap::Parser;
use local_stack::console::{flush, say};
use local_stack::stack::REGION;
use local_stack::{Options, Stack, sample};
use tokio::signal::unix::{Signal, SignalKind, signal};

fn main() -> Result<()> {
    let options = Options::parse();
    let runtime = tokio::runtime::Runtime::new()?;
    let result = runtime.block_on(run(options));
    flush();
    // Does not wait for whatever may still hang.
    runtime.shutdown_background();
    result
}

async fn run(options: Options) -> Result<()> {
    let mut end = End {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    say(if options.release {
        "building the functions (release)"
    } else {
        "building the functions"
    });
    let settle_delay = options.settle_delay;
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        () = end.asked() => return Ok(()),
    };
    announce(&stack, settle_delay);
    end.asked().await;
    say("stopping");
    stack.stop().await;
    Ok(())
}

struct End {
    interrupt: Signal,
    terminate: Signal,
}

impl End {
    async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Standard output may be closed; the stack runs on without it.
fn announce(stack: &Stack, settle_delay: u64) {
    let (api, aws, microsoft) = (stack.api_url(), stack.aws_url(), stack.simulator_url());
    say(format!("DynamoDB, SQS and Secrets Manager on {aws} (region {REGION}, any credentials)"));
    say(format!("Microsoft on {microsoft}"));
    say(format!("a shop on {}", stack.shop_url()));
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "ready {api}\n{}", sample::sample(stack, settle_delay));
    let _ = out.flush();
}
