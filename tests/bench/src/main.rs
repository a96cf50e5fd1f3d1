//! `cargo bench-functions`: what the functions cost, beside a Python program of the same jobs.
//!
//! The release binaries run in the local stack: Lambda's runtime API, DynamoDB, SQS, Secrets Manager
//! and Microsoft are parts of this process, so that what the kernel counts of the functions'
//! processes is theirs alone. The yardstick runs in the same way, right after them, and both must
//! leave the same conversions. Times depend on the machine; the ratios are the claim.

mod contender;
mod jobs;
mod process;
mod table;

use anyhow::Result;
use clap::Parser;
use local_stack::console;

/// Builds the functions, measures them and a Python program of the same jobs, and prints a table.
#[derive(Parser)]
#[command(name = "cargo bench-functions", bin_name = "cargo bench-functions")]
struct Options {
    /// How many thousands of conversions go through arrays and upload
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: u32,

    /// Show what the functions log
    #[arg(long)]
    logs: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let functions = contender::functions()?;
    if !options.logs {
        console::mute();
    }
    let measured = jobs::measure(&functions, options.rounds).await?;
    let yardstick = match contender::yardstick() {
        Ok(yardstick) => {
            let figures = jobs::measure(&yardstick, options.rounds).await?;
            Some((yardstick, figures))
        }
        Err(why) => {
            eprintln!("skipped: the Python program: {why:#}");
            None
        }
    };
    table::print(&(functions, measured), yardstick.as_ref());
    Ok(())
}
