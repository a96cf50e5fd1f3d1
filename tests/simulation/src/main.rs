//! Runs histories: `cargo run --release -p simulation -- --seeds 0..1000000`, or tells one of them:
//! `-- --seed 4711`.

use std::{collections::BTreeMap, num::NonZero, time::Instant};

use anyhow::{Context as _, bail};
use simulation::{Plan, Units, run, shrink};

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

/// What some histories came to.
#[derive(Default)]
struct Sum {
    exceptions: BTreeMap<&'static str, u32>,
    calls: u64,
    counted: u64,
    units: Units,
    failed: Vec<u64>,
}

impl Sum {
    fn of(seeds: impl Iterator<Item = u64>) -> Sum {
        let mut sum = Sum::default();
        for seed in seeds {
            let outcome = run(Plan::new(seed), false);
            if let Some(violation) = outcome.violations.first() {
                println!("seed {seed}: {}: {}: {}", violation.rule, violation.row, violation.what);
                sum.failed.push(seed);
            }
            sum.add(Sum {
                exceptions: outcome.exceptions,
                calls: outcome.calls,
                counted: outcome.counted,
                units: outcome.units,
                failed: Vec::new(),
            });
        }
        sum
    }

    fn add(&mut self, other: Sum) {
        self.calls += other.calls;
        self.counted += other.counted;
        self.units.write += other.units.write;
        self.units.read += other.units.read;
        self.failed.extend(other.failed);
        for (what, times) in other.exceptions {
            *self.exceptions.entry(what).or_default() += times;
        }
    }
}

fn run_all(from: u64, to: u64) -> anyhow::Result<()> {
    let start = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut sum = Sum::default();
    std::thread::scope(|scope| {
        let shares = (0..threads).map(|share| (from..to).skip(share).step_by(threads));
        let running: Vec<_> = shares.map(|seeds| scope.spawn(move || Sum::of(seeds))).collect();
        running.into_iter().for_each(|run| sum.add(run.join().expect("no panic")));
    });
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{} histories in {seconds:.1} s, {} calls, {} conversions",
        to - from,
        sum.calls,
        sum.counted
    );
    let per = |units: u64| units as f64 / sum.counted.max(1) as f64;
    println!(
        "per conversion, with all its corrections and trouble: {:.1} write units, {:.1} read units",
        per(sum.units.write),
        per(sum.units.read)
    );
    let plain = run(Plan::plain(), false);
    let per = |units: u64| units as f64 / plain.counted.max(1) as f64;
    println!(
        "per plain conversion: {:.1} write units, {:.1} read units (the account's included)",
        per(plain.units.write),
        per(plain.units.read)
    );
    for (what, times) in sum.exceptions {
        println!("admitted {times} times: {what}");
    }
    if let Some(seed) = sum.failed.iter().min() {
        bail!("{} failed; see --seed {seed}", sum.failed.len());
    }
    Ok(())
}
