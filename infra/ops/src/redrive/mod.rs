//! `redrive`: sends rows again that were refused or given up.
//!
//! What it needs is in the ledger: a signal that is younger than the refusal is a redrive, and a dead
//! row is taken up by any signal. The dead-letter messages of the same rows are not needed.

mod answer;
mod plan;

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use futures::{StreamExt as _, stream};
use tracklayer_core::ledger::signal::Signal;
use tracklayer_edge::ports::Signals as _;

use crate::backlog;
use crate::backlog::{Class, Filter};
use crate::failure::{Failure, Verdict};
use crate::options::RedriveOptions;
use crate::place::Ops;
use crate::screen::{Progress, Screen};
use plan::Plan;

/// Signals of one request to the queue, as many as SQS takes.
const TOGETHER: usize = 10;
/// What nobody sends again by itself.
const REDRIVEN: [Class; 2] = [Class::Dead, Class::Refused];
/// Requests at the same time.
const REQUESTS: usize = 8;

/// Sends again what can be sent; [`Verdict::Wrong`] if a signal did not reach the queue, or a row
/// could not be read.
pub async fn run(ops: &Ops, options: &RedriveOptions, screen: &Screen) -> Result<Verdict, Failure> {
    let (filter, views, now) = (meant(options)?, plan::views(ops).await?, ops.now());
    let mut plan = Plan::default();
    backlog::for_each(ops, &filter, |open| {
        plan.add(&open, &views, &ops.mapping, &ops.policy, now);
    })
    .await?;
    plan.sort();
    let unread = plan.unread;
    if options.preview || plan.signals().next().is_none() {
        answer::show(&plan, None, screen);
        return Ok(Verdict::fine_if(unread == 0));
    }
    if !screen.is_json() {
        answer::show(&plan, None, screen);
    }
    let signals: Vec<&Signal> = plan.signals().collect();
    confirm(signals.len(), options.yes, screen)?;
    let failed = send(ops, &signals).await;
    answer::show(&plan, Some(failed), screen);
    Ok(Verdict::fine_if(failed == 0 && unread == 0))
}

/// The rows that are meant: a redrive of everything must be asked for.
fn meant(options: &RedriveOptions) -> Result<Filter, Failure> {
    let mut filter = options.filter.clone();
    if filter.class.is_empty() && filter.reason.is_none() && !options.all {
        let help = "Name them with --class or --reason, or all of them with --all.";
        return Err(Failure::input("nothing_named", "nothing is named that may be sent", help));
    }
    if let Some(other) = filter.class.iter().find(|class| !REDRIVEN.contains(class)) {
        let message = format!("rows of class {} are sent by themselves", other.as_str());
        let help = "A redrive is for refused and dead rows.";
        return Err(Failure::input("not_redriven", message, help));
    }
    if filter.class.is_empty() {
        filter.class = REDRIVEN.to_vec();
    }
    Ok(filter)
}

/// Asks the person at the terminal; a script must have said yes before.
fn confirm(rows: usize, yes: bool, screen: &Screen) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    let help = "Say --yes to send them, or --preview to look only.";
    if screen.is_json() || !std::io::stdin().is_terminal() {
        let message = "nobody is there to confirm";
        return Err(Failure::input("not_confirmed", message, help));
    }
    let mut terminal = anstream::stderr();
    let _ = write!(terminal, "Redrive {rows} rows? [y/N] ");
    let _ = terminal.flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes") {
        return Ok(());
    }
    Err(Failure::input("not_confirmed", "nothing was sent", ""))
}

/// Sends the signals; answers how many did not reach the queue.
async fn send(ops: &Ops, signals: &[&Signal]) -> usize {
    let progress = Progress::new("signals", u64::try_from(signals.len()).unwrap_or(0));
    let requests = signals.chunks(TOGETHER).map(|part| async {
        let part: Vec<Signal> = part.iter().copied().cloned().collect();
        let sent = ops.queue.send(&part, ops.now(), 0).await;
        progress.add(u64::try_from(part.len()).unwrap_or(0));
        sent.iter().filter(|sent| sent.is_err()).count()
    });
    stream::iter(requests)
        .buffer_unordered(REQUESTS)
        .fold(0, |sum, failed| async move { sum + failed })
        .await
}
