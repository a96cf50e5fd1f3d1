//! `import`: sends orders or refunds from a CSV file.
//!
//! Each row is an event with its own id, so a row that is sent twice is a duplicate. A file beside
//! the CSV says how far an import is; what is rejected is listed in another.
//!
//! - `columns`: which column is which field
//! - `reading`: which file is read, and how
//! - `zone`: times without a zone
//! - `numbers`: numbers with a comma
//! - `lines`: the rows, as events in JSON
//! - `check`: what the parser of the API says of an event
//! - `send`: arrays of events to the API
//! - `already`: sales that were sent to Microsoft by other means
//! - `state`: how far it is
//! - `tally`: what became of the rows, and what was rejected

mod already;
pub mod check;
pub mod columns;
pub mod lines;
mod numbers;
pub mod reading;
pub mod send;
mod state;
mod tally;
mod zone;

use crate::failure::{Failure, Verdict};
use crate::options::ImportOptions;
use crate::place::Ops;
use crate::screen::{Progress, Screen};
use lines::{Line, Lines};
use send::Sender;
use state::State;
use tally::{Reject, Rejects, Tally};

/// Bytes of one request; the API takes 1 MB.
const MOST_BYTES: usize = 900_000;

/// Sends a file, or checks it; [`Verdict::Wrong`] if rows were rejected or in conflict.
pub async fn run(ops: &Ops, options: &ImportOptions, screen: &Screen) -> Result<Verdict, Failure> {
    let lines = Lines::open(&options.reading)?;
    if !lines.unused().is_empty() {
        screen.note(format!("columns that are no field: {}", lines.unused().join(", ")));
    }
    let tally = if options.dry_run {
        dry_run(ops, lines, options)?
    } else {
        import(ops, lines, options, screen).await?
    };
    if tally.rows.is_empty() {
        return Err(no_rows());
    }
    tally.show(options.dry_run, options.reading.zone().is_some(), screen);
    Ok(Verdict::fine_if(tally.rejected() == 0))
}

/// There is nothing to send or to compare, which can hardly be meant.
pub fn no_rows() -> Failure {
    let help = "Its first line names the columns; what follows are its rows.";
    Failure::input("no_rows", "the file has no rows", help)
}

/// What the API's own parser says of each row; orders that are there already it can't know. Its list
/// is its own: that of an import which was interrupted goes on later.
fn dry_run(ops: &Ops, lines: Lines, options: &ImportOptions) -> Result<Tally, Failure> {
    let progress = Progress::new("bytes checked", lines.bytes());
    let mut rejects = Rejects::open(&options.reading.file, "dry-run.rejected.csv", 0)?;
    let mut tally = Tally::default();
    for line in lines {
        let line = line?;
        progress.add(line.bytes);
        tally.without_zone += usize::from(line.has_no_zone);
        let said = line.event.and_then(|event| {
            let sale = || already::sale(ops, &event).map(|_| ());
            let is_fit = if options.already_uploaded { sale() } else { Ok(()) };
            is_fit
                .and_then(|()| check::check(&event, &ops.mapping, ops.now()))
                .map_err(|error| Reject::of(line.number, &error))
        });
        match said {
            Ok(said) => tally.checked(&said),
            Err(reject) => {
                tally.reject(reject.code());
                rejects.add(&reject)?;
            }
        }
    }
    tally.rejects = rejects.finish();
    Ok(tally)
}

async fn import(
    ops: &Ops, lines: Lines, options: &ImportOptions, screen: &Screen,
) -> Result<Tally, Failure> {
    let sender = Sender::new(ops, options).await?;
    let progress = Progress::new("bytes sent", lines.bytes());
    let how = if options.already_uploaded { " already uploaded" } else { "" };
    let mark = lines.mark(&format!("{}{how}", ops.api_url))?;
    let mut state = State::open(&options.reading.file, mark);
    if state.done > 0 {
        screen.note(format!("going on after row {}", state.done));
    }
    let mut rejects = Rejects::open(&options.reading.file, "rejected.csv", state.listed)?;
    let mut batch = Vec::new();
    for line in lines {
        let line = line?;
        progress.add(line.bytes);
        if line.record <= state.done {
            continue;
        }
        let bytes: usize = batch.iter().chain([&line]).map(|line| size(line) + 1).sum();
        if batch.len() == usize::from(options.batch) || bytes > MOST_BYTES {
            sender.send(ops, std::mem::take(&mut batch), &mut state, &mut rejects).await?;
        }
        batch.push(line);
    }
    sender.send(ops, batch, &mut state, &mut rejects).await?;
    let mut tally = state.tally.clone();
    tally.rejects = rejects.finish();
    state.finish();
    Ok(tally)
}

/// The bytes that a row takes in a request.
fn size(line: &Line) -> usize {
    line.event.as_ref().map_or(0, String::len)
}
