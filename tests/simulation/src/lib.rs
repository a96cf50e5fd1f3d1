//! The whole system as a history that a seed decides: the functions' own code over stores, a queue
//! and a Microsoft in memory, under virtual time, with everything going wrong that can.
//!
//! - `plan`: what will happen, drawn from the seed; `random`: the one source of chance
//! - `setting`: accounts, goal checks, and where conversions go
//! - `executor`: tasks under virtual time; `world`: what they share, and invocations that can die
//! - `table`, `clicks`, `queue`, `microsoft`: the outsides by their rules; `ports`: the way to them
//! - `actors`: visitors, sources, workers, sweep's schedule, persons who withdraw or are erased, who
//!   asks for status, the operator
//! - `oracle`: what must hold in the end; `shrink`: the smallest plan that still fails;
//!   `mutation`: mistakes that the oracle must find

mod actors;
mod clicks;
mod decimal;
mod executor;
mod microsoft;
mod mutation;
mod oracle;
pub mod plan;
mod ports;
mod queue;
pub mod random;
pub mod setting;
mod shrink;
mod table;
mod world;

use std::fmt::Write as _;

pub use mutation::Mutation;
pub use oracle::{Exceptions, Violation};
pub use plan::Plan;
pub use shrink::shrink;
pub use table::Units;
use world::{Line, World};

pub use world::Measure;

/// What became of a history.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What must not happen and did.
    pub violations: Vec<Violation>,
    /// Exceptions that the design admits.
    pub exceptions: Exceptions,
    /// Calls that reached Microsoft.
    pub calls: u64,
    /// Conversions that Microsoft counts.
    pub counted: u64,
    /// Messages that the queue gave up.
    pub dead_letters: u64,
    /// What was counted and measured, where everything that is scheduled runs.
    pub measures: Vec<Measure>,
    /// What the ledger would charge for the history.
    pub units: Units,
    /// What happened, if it was asked for.
    lines: Vec<Line>,
    /// Rows with everything that Microsoft knows them by.
    persons: Vec<(String, Vec<String>)>,
}

/// Steps after which a history is given up.
const MAX_POLLS: u64 = 3_000_000;

/// Runs one history; with `traced` it can be told afterwards.
#[must_use]
pub fn run(plan: Plan, traced: bool) -> Outcome {
    let world = World::new(plan, traced);
    actors::visitor::start(&world);
    actors::source::start(&world);
    for _ in 0..world.plan.workers {
        actors::worker::start(&world);
    }
    actors::sweeper::start(&world);
    actors::checker::start(&world);
    actors::endings::start(&world);
    actors::asker::start(&world);
    actors::operator::start(&world);
    world.executor.run(MAX_POLLS, || world.over.get());
    if !world.over.get() {
        world.violated("ends", "-", "too many steps");
    }
    let exceptions = oracle::judge(&world);
    world.executor.clear();
    let microsoft = world.microsoft.borrow();
    Outcome {
        violations: world.violations.take(),
        exceptions,
        calls: microsoft.calls,
        counted: microsoft.counted.len() as u64,
        dead_letters: world.queue.borrow().given_up,
        units: world.table.borrow().units,
        lines: world.lines(),
        measures: world.measures.take(),
        persons: world.table.borrow().persons(),
    }
}

impl Outcome {
    /// The history of the first violation, as lines that a person can follow.
    #[must_use]
    pub fn story(&self, plan: &Plan) -> String {
        let mut story = format!("seed {}\n", plan.seed);
        for violation in &self.violations {
            let Violation { rule, row, what } = violation;
            let _ = writeln!(story, "broken: {rule}: {row}: {what}");
        }
        let Some(first) = self.violations.first() else { return story };
        let _ = writeln!(story, "{plan:#?}");
        let names = self.names(&first.row);
        let concerns = |line: &&Line| {
            line.about.is_empty() || line.about.iter().any(|row| names.contains(row))
        };
        for line in self.lines.iter().filter(concerns) {
            let second = line.at / 1_000 - plan::START;
            let (day, rest) = (second.div_euclid(86_400), second.rem_euclid(86_400));
            let clock = format!("{:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
            let _ = writeln!(story, "day {day} {clock}.{:03} {}", line.at % 1_000, line.text);
        }
        story
    }

    /// Every line of the history.
    #[must_use]
    pub fn story_of_all(&self) -> String {
        self.lines.iter().map(|line| format!("{} {}\n", line.at, line.text)).collect()
    }

    /// A row's label and what Microsoft knows it by.
    fn names(&self, row: &str) -> Vec<String> {
        let is = |(label, persons): &&(String, Vec<String>)| {
            label == row || persons.iter().any(|person| person == row)
        };
        let found = self.persons.iter().filter(is);
        let names = found.flat_map(|(label, persons)| persons.iter().chain([label]).cloned());
        names.chain([row.to_owned()]).collect()
    }
}
