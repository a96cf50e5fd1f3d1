//! What is sent again, and what is left, for people and in JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::plan::Plan;
use crate::{backlog::Sums, screen::Screen};

/// Rows that are shown as a sample.
const SAMPLE: usize = 5;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    /// Rows that can be sent.
    rows: usize,
    money: &'a Sums,
    /// `purchase shop/4711 129.95 USD`.
    sample: Vec<&'a str>,
    /// Rows that are no longer refused or dead then, but not sent now either, by why.
    not_sent: &'a BTreeMap<String, usize>,
    /// Rows that are left where they are, by why.
    left: &'a BTreeMap<String, usize>,
    /// Rows that were signalled; absent in a preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    signalled: Option<usize>,
}

/// Shows the plan, or what became of it: how many signals did not reach the queue.
pub fn show(plan: &Plan, failed: Option<usize>, screen: &Screen) {
    let rows = plan.sent.len();
    let sample = plan.sent.iter().take(SAMPLE).map(|(_, it)| it.summary.as_str()).collect();
    let signalled = failed.map(|failed| rows + plan.others.len() - failed);
    let Plan { money, not_sent, left, .. } = plan;
    if screen.json(&Answer { rows, money, sample, not_sent, left, signalled }) {
        return;
    }
    match (signalled, failed) {
        (Some(signalled), Some(failed)) => sent(signalled, failed, screen),
        _ => planned(plan, screen),
    }
}

fn planned(plan: &Plan, screen: &Screen) {
    let (rows, money) = (plan.sent.len(), plan.money.to_string());
    let worth = if money.is_empty() { String::new() } else { format!(", of orders worth {money}") };
    screen.say(format!("{rows} rows can be sent again{worth}"));
    for (_, signal) in plan.sent.iter().take(SAMPLE) {
        screen.say(format!("  {}", signal.summary));
    }
    if rows > SAMPLE {
        screen.say(format!("  and {} more", rows - SAMPLE));
    }
    for (why, count) in &plan.not_sent {
        screen.say(format!("{count} rows are not sent now: {why}"));
    }
    for (why, count) in &plan.left {
        screen.say(format!("{count} rows stay where they are: {why}"));
    }
}

fn sent(signalled: usize, failed: usize, screen: &Screen) {
    screen.say(format!("{signalled} rows are on their way; `open` shows what comes back"));
    if failed > 0 {
        screen.note(format!("{failed} signals did not reach the queue: run it again"));
    }
}
