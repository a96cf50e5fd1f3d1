//! `goals`: what Microsoft counts of the rows that it accepted, by goal and day.
//!
//! - `counted`: what is known of it; `report` shows it too

mod counted;

use std::collections::{BTreeMap, BTreeSet};

use owo_colors::OwoColorize as _;
use serde::Serialize;
use tracklayer_core::mapping::Account;
use tracklayer_core::microsoft::report::{DAYS, DayOutcome, explain as meaning_of};
use tracklayer_core::microsoft::usual::{LOOK_BACK_DAYS, shares};

use crate::explain;
use crate::failure::{Failure, Verdict};
use crate::options::GoalsOptions;
use crate::place::Ops;
use crate::report::{Day, Period};
use crate::screen::{Screen, Table};
pub use counted::{Counted, Goal, Rows};

/// Characters of a full bar.
const BAR: u64 = 20;

/// Shows the days; [`Verdict::Wrong`] where less of a goal counts than usual.
pub async fn run(ops: &Ops, options: &GoalsOptions, screen: &Screen) -> Result<Verdict, Failure> {
    let problems = if options.ask { Counted::ask(ops).await } else { Vec::new() };
    let today = Day::of(ops.now());
    let days = i64::from(options.days);
    let period = Period { from: today.plus(1 - days.max(LOOK_BACK_DAYS)), to: today };
    let counted = Counted { problems, ..Counted::read(ops, period).await? };
    let shown = Period { from: today.plus(1 - days), to: today };
    let wanted = |(account, _): &Goal| options.account.as_ref().is_none_or(|it| it == account);
    let goals: Vec<GoalHistory> = goals(ops, &counted)
        .into_iter()
        .filter(wanted)
        .map(|it| history(&counted, it, shown))
        .collect();
    if !screen.json(&Answer { goals: &goals, problems: &counted.problems }) {
        goals.iter().for_each(|goal| show(goal, screen));
        counted
            .problems
            .iter()
            .for_each(|it| screen.note(format!("Microsoft was not asked: {it}")));
    }
    Ok(Verdict::fine_if(!goals.iter().any(|goal| goal.is_low)))
}

/// The goals of the mapping, and others of which something is known.
fn goals(ops: &Ops, counted: &Counted) -> Vec<Goal> {
    let of = |account: &Account| {
        let name = account.name().clone();
        account.goals().map(|(_, goal)| (name.clone(), goal.name.to_string())).collect::<Vec<_>>()
    };
    let mut goals: Vec<Goal> = ops.mapping.accounts().flat_map(of).collect();
    goals.extend(counted.goals.keys().cloned());
    goals.sort();
    goals.dedup();
    goals
}

#[derive(Serialize)]
struct Answer<'a> {
    goals: &'a [GoalHistory],
    problems: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoalHistory {
    account: String,
    goal: String,
    /// Of a hundred rows of the latest days, how many count; null where they are too few.
    now: Option<f64>,
    /// The same of the four weeks before.
    usual: Option<f64>,
    is_low: bool,
    days: Vec<GoalDay>,
}

/// A day; all is null where nothing is known of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoalDay {
    day: String,
    accepted: Option<u64>,
    counted: Option<u64>,
    not_counted: Option<BTreeMap<String, u64>>,
}

fn history(counted: &Counted, goal: Goal, period: Period) -> GoalHistory {
    let window = Day::plus(period.to, 1 - DAYS);
    let known = counted.goals.get(&goal).into_iter().flatten();
    let (fresh, earlier): (Vec<_>, Vec<_>) = known.partition(|(day, _)| **day >= window);
    let of = |days: Vec<(&Day, &DayOutcome)>| days.into_iter().map(|it| it.1.clone()).collect();
    let (fresh, earlier): (Vec<DayOutcome>, Vec<DayOutcome>) = (of(fresh), of(earlier));
    let shares = shares(&earlier, &fresh);
    let percent = |share: f64| (share * 1000.0).round() / 10.0;
    let day = |day: Day| {
        let rows = counted.day(&goal, day);
        GoalDay {
            day: day.to_string(),
            accepted: rows.as_ref().map(Rows::all),
            counted: rows.as_ref().map(|rows| rows.counted),
            not_counted: rows.map(|rows| rows.reasons),
        }
    };
    GoalHistory {
        now: shares.map(|it| percent(it.now)),
        usual: shares.map(|it| percent(it.usual)),
        is_low: shares.is_some_and(|it| it.is_low),
        days: period.days().map(day).collect(),
        account: goal.0.to_string(),
        goal: goal.1,
    }
}

fn show(goal: &GoalHistory, screen: &Screen) {
    screen.say(format!("{} {}", goal.account.bold(), goal.goal.bold()));
    let Some(first) = goal.days.iter().position(|day| day.accepted.is_some()) else {
        screen.say("  unknown: no report of Microsoft is kept of these days\n");
        return;
    };
    let most = goal.days.iter().filter_map(|day| day.accepted).max().unwrap_or(0).max(1);
    let mut table = Table::new(["day", "accepted", "counted", "", "not counted"]).right(&[1, 2]);
    for day in &goal.days[first..] {
        let (Some(accepted), Some(counted)) = (day.accepted, day.counted) else {
            table.row([
                day.day.clone(),
                "unknown".into(),
                "unknown".into(),
                String::new(),
                String::new(),
            ]);
            continue;
        };
        let reasons =
            day.not_counted.iter().flatten().map(|(reason, rows)| format!("{rows} {reason}"));
        let bar = "█".repeat(length(counted, most)).green().to_string()
            + &"░".repeat(length(accepted, most) - length(counted, most));
        let reasons = reasons.collect::<Vec<_>>().join(", ");
        table.row([day.day.clone(), accepted.to_string(), counted.to_string(), bar, reasons]);
    }
    screen.say(&table);
    if let (Some(now), Some(usual)) = (goal.now, goal.usual) {
        let line = format!("of a hundred rows {now} count now, {usual} in the four weeks before");
        screen.say(if goal.is_low { line.red().to_string() } else { line });
    }
    advice(goal, screen);
}

fn length(rows: u64, most: u64) -> usize {
    usize::try_from((rows * BAR).div_ceil(most)).unwrap_or(0)
}

/// What the reasons mean, each once.
fn advice(goal: &GoalHistory, screen: &Screen) {
    let reasons = goal.days.iter().filter_map(|day| day.not_counted.as_ref()).flatten();
    let reasons: BTreeSet<&String> =
        reasons.filter(|(_, rows)| **rows > 0).map(|(reason, _)| reason).collect();
    for reason in reasons {
        let (cause, cure) = meaning_of(reason);
        screen.say(format!("\n{}", reason.bold()));
        explain::advice(cause, cure, screen);
    }
    screen.say("");
}
