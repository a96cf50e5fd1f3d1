//! `report`: what came, what was sent and what is open, as one page for people who run no commands.
//!
//! The ledger and the clicks are read once, page by page; what is kept are sums by day, goal, currency
//! and reason.
//!
//! - `period`: days
//! - `figures`, `reasons`: what the ledger says
//! - `captured`: what the clicks say
//! - `table`, `tables`: the figures, as people see them and as files have them
//! - `chart`, `page`: the page

mod captured;
mod chart;
mod figures;
mod page;
mod period;
mod reasons;
mod table;
mod tables;

use std::path::{Path, PathBuf};

use askama::Template as _;
use serde::Serialize;
use serde_json::{Map, Value};
use tracklayer_core::ledger::index::IndexClass;
use tracklayer_edge::ports::{Audited as _, Index as _};

use crate::failure::{Failure, Verdict};
use crate::goals::Counted;
use crate::options::ReportOptions;
use crate::place::Ops;
use crate::screen::{Progress, Screen};
use captured::Captured;
use figures::Ledger;
use page::Page;
pub use period::{Day, Period};
use table::{Table, unwritten};
use tables::Findings;

/// Items that are read together: about half a megabyte.
const PAGE: i32 = 1_000;

/// Writes the report; [`Verdict::Wrong`] if rows could not be read.
pub async fn run(ops: &Ops, options: &ReportOptions, screen: &Screen) -> Result<Verdict, Failure> {
    let period = Period::of(options.from, options.to, ops.now())
        .map_err(|message| Failure::input("bad_period", message, "Name --from before --to."))?;
    let findings = Findings {
        period,
        ledger: ledger(ops, period).await?,
        captured: Captured::read(ops, period).await?,
        counted: counted(ops, options, period).await?,
        has_accounts: ops.mapping.accounts().count() > 1,
    };
    let tables = findings.tables();
    if let Some(folder) = &options.csv {
        std::fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
        tables.iter().try_for_each(|table| table.write(folder))?;
    }
    let file = options.out.clone().unwrap_or_else(|| default_file(period));
    let answer = Answer { file: &file, tables: json(&tables) };
    let page = Page::new(&ops.deployment.name, &findings, tables.clone(), ops.now());
    write(&file, &page)?;
    if !screen.json(&answer) {
        screen.say(format!("written: {}", file.display()));
    }
    Ok(Verdict::fine_if(findings.ledger.unreadable == 0))
}

#[derive(Serialize)]
struct Answer<'a> {
    file: &'a Path,
    tables: Map<String, Value>,
}

fn json(tables: &[Table]) -> Map<String, Value> {
    tables.iter().map(|table| (table.id.to_owned(), table.json())).collect()
}

fn default_file(period: Period) -> PathBuf {
    format!("tracklayer-{}-to-{}.html", period.from, period.to).into()
}

fn write(file: &Path, page: &Page) -> Result<(), Failure> {
    let text = page.render().map_err(|error| unwritten(file, &error))?;
    std::fs::write(file, text).map_err(|error| unwritten(file, &error))
}

/// What Microsoft counts, asked anew unless it is not to be.
async fn counted(ops: &Ops, options: &ReportOptions, period: Period) -> Result<Counted, Failure> {
    let problems = if options.without_microsoft { Vec::new() } else { Counted::ask(ops).await };
    Ok(Counted { problems, ..Counted::read(ops, period).await? })
}

/// Adds up all rows of the period, and the corrections whose sale has not come.
async fn ledger(ops: &Ops, period: Period) -> Result<Ledger, Failure> {
    let progress = Progress::new("rows", ops.size_of("ConversionsTable").await);
    let (mut ledger, mut after) = (Ledger::default(), None);
    loop {
        let page = ops.ledger.rows(after.as_ref(), PAGE).await?;
        progress.add((page.rows.len() + page.unreadable.len()) as u64);
        page.rows.iter().for_each(|row| ledger.add(row, period));
        ledger.unreadable += page.unreadable.len() as u64;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    orphans(ops, period, &mut ledger).await?;
    Ok(ledger)
}

async fn orphans(ops: &Ops, period: Period, ledger: &mut Ledger) -> Result<(), Failure> {
    for shard in IndexClass::Orphan.shards() {
        let mut from = None;
        loop {
            let page = ops.ledger.open(&shard, None, None, from).await?;
            for entry in page.entries.iter().filter(|it| period.day(it.since).is_some()) {
                ledger.reasons.add_orphan(entry.since, entry.partition.label());
            }
            from = page.next;
            if from.is_none() {
                break;
            }
        }
    }
    Ok(())
}
