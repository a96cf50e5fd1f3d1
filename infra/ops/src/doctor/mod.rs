//! `doctor`: looks at everything that must be right, one line each, with the cure of what is not.
//!
//! - `stack`: the stack, its API, the clock
//! - `secrets`: ingest keys and the credentials of accounts
//! - `accounts`: what the checks of goals found at Microsoft
//! - `queues`: the queue, its dead-letter queue, who reads it
//! - `watch`: who is told of alarms, the audit
//! - `activity`, `metrics`: when something last came and went, by CloudWatch
//! - `check`: one line

mod accounts;
mod activity;
mod check;
mod metrics;
mod queues;
mod secrets;
mod stack;
mod watch;

use serde::Serialize;

use crate::failure::{Failure, Verdict};
use crate::place::Ops;
use crate::screen::Screen;
use check::{Check, Mark};

/// Looks at everything; [`Verdict::Wrong`] if anything is wrong.
pub async fn run(ops: &Ops, check_goals: bool, screen: &Screen) -> Result<Verdict, Failure> {
    let mut checks = Vec::new();
    checks.extend(stack::checks(ops).await);
    checks.extend(secrets::checks(ops).await);
    checks.extend(accounts::checks(ops, check_goals).await);
    checks.extend(queues::checks(ops).await);
    checks.extend(watch::checks(ops).await);
    checks.extend(activity::checks(ops).await);
    let wrong = checks.iter().filter(|check| check.mark == Mark::Wrong).count();
    if !screen.json(&Answer { wrong, checks: &checks }) {
        checks.iter().for_each(|check| check.show(screen));
    }
    Ok(Verdict::fine_if(wrong == 0))
}

#[derive(Serialize)]
struct Answer<'a> {
    wrong: usize,
    checks: &'a [Check],
}
