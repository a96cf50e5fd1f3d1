//! Runs histories: `cargo run --release -p simulation -- --seeds 0..1000000`, or tells one of them:
//! `-- --seed 4711`.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context as _, bail};
use simulation::{Plan, run, shrink};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["--seed", seed] => tell(seed.parse()?),
        ["--seeds", range] => {
            let (from, to) = range.split_once("..").context("--seeds FROM..TO")?;
            run_all(from.parse()?, to.parse()?)?;
        }
        _ => bail!("usage: simulation --seeds FROM..TO | --seed SEED"),
    }
    Ok(())
}

fn tell(seed: u64) {
    let plan = shrink(&Plan::new(seed));
    println!("{}", run(plan.clone(), true).story(&plan));
}

fn run_all(from: u64, to: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut exceptions: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut calls, mut counted, mut failed) = (0, 0, Vec::new());
    for seed in from..to {
        let outcome = run(Plan::new(seed), false);
        (calls, counted) = (calls + outcome.calls, counted + outcome.counted);
        for (what, times) in outcome.exceptions {
            *exceptions.entry(what).or_default() += times;
        }
        if let Some(violation) = outcome.violations.first() {
            println!("seed {seed}: {}: {}: {}", violation.rule, violation.row, violation.what);
            failed.push(seed);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{} histories in {seconds:.1} s, {calls} calls, {counted} conversions", to - from);
    for (what, times) in exceptions {
        println!("admitted {times} times: {what}");
    }
    if let Some(seed) = failed.first() {
        bail!("{} failed; see --seed {seed}", failed.len());
    }
    Ok(())
}
