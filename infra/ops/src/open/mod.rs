//! `open`: what waits, is refused or dead, in counts and money.

mod groups;

use std::collections::BTreeMap;

use owo_colors::OwoColorize as _;
use serde::Serialize;
use tracklayer_core::microsoft::errors::look_up;
use tracklayer_core::time::{EventTime, TextTime};

use crate::backlog::{Filter, OpenRow};
use crate::failure::{Failure, Verdict};
use crate::place::Ops;
use crate::screen::{Screen, Table};
use crate::{backlog, explain, screen};
use groups::{Group, Groups};

/// Shows what is open; [`Verdict::Wrong`] if anything of it is refused or dead.
pub async fn run(
    ops: &Ops, filter: &Filter, list: usize, screen: &Screen,
) -> Result<Verdict, Failure> {
    let (mut groups, mut oldest, mut open) = (Groups::default(), Oldest::new(list), 0);
    let mut needs_somebody = false;
    backlog::for_each(ops, filter, |row| {
        open += 1;
        needs_somebody |= row.row.is_some() || row.is_unread();
        groups.add(&row);
        oldest.add(&row);
    })
    .await?;
    let (groups, rows) = (groups.oldest_first(), oldest.lines());
    if !screen.json(&Answer { open, groups: &groups, rows: &rows }) {
        show(&groups, &rows, ops.now(), screen);
    }
    Ok(Verdict::fine_if(!needs_somebody))
}

/// The rows that are open for longest, and no more of them than are listed.
struct Oldest {
    most: usize,
    lines: BTreeMap<(EventTime, String, Option<String>), Line>,
}

impl Oldest {
    fn new(most: usize) -> Self {
        Oldest { most, lines: BTreeMap::new() }
    }

    fn add(&mut self, open: &OpenRow) {
        let event = open.entry.event.as_ref().map(ToString::to_string);
        let age = (open.entry.since, open.label(), event);
        let is_young = self.lines.last_key_value().is_some_and(|(last, _)| *last < age);
        if self.lines.len() >= self.most && (self.most == 0 || is_young) {
            return;
        }
        self.lines.insert(age, Line::of(open));
        if self.lines.len() > self.most {
            self.lines.pop_last();
        }
    }

    fn lines(self) -> Vec<Line> {
        self.lines.into_values().collect()
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    open: usize,
    groups: &'a [Group],
    rows: &'a [Line],
}

/// One open row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    id: String,
    event: Option<String>,
    class: &'static str,
    reason: String,
    since: TextTime,
    due: TextTime,
    value: Option<String>,
}

impl Line {
    fn of(open: &OpenRow) -> Self {
        Line {
            id: open.label(),
            event: open.entry.event.as_ref().map(ToString::to_string),
            class: groups::class(open),
            reason: open.reason.clone(),
            since: open.entry.since.into(),
            due: open.entry.due.into(),
            value: open.entry.money.map(|money| money.to_string()),
        }
    }
}

fn show(groups: &[Group], rows: &[Line], now: EventTime, screen: &Screen) {
    if groups.is_empty() {
        screen.say("nothing is open");
        return;
    }
    let mut table =
        Table::new(["class", "reason", "account", "goal", "rows", "order value", "oldest", "next"])
            .right(&[4, 5]);
    for group in groups {
        table.row([
            group.coloured_class(),
            group.reason.clone(),
            group.account.clone().unwrap_or_default(),
            group.goal.clone().unwrap_or_default(),
            group.rows.to_string(),
            group.money.to_string(),
            since(group, now),
            next(group, now),
        ]);
    }
    screen.say(&table);
    advice(groups, screen);
    if !rows.is_empty() {
        list(rows, screen);
    }
}

/// For how long the oldest of a group is open; what waits for its time is not, before that.
fn since(group: &Group, now: EventTime) -> String {
    match now.seconds_since(group.oldest.0) {
        ..0 => "not due yet".to_owned(),
        age => screen::ago(age),
    }
}

/// When the first of a group is looked at; nobody looks at what is refused or dead.
fn next(group: &Group, now: EventTime) -> String {
    if group.needs_somebody() {
        return "a redrive".to_owned();
    }
    match group.next.0.seconds_since(now) {
        ..=0 => "now".to_owned(),
        rest => format!("in {}", screen::duration(rest)),
    }
}

/// What Microsoft's codes among the reasons mean, each once.
fn advice(groups: &[Group], screen: &Screen) {
    let mut told = Vec::new();
    for group in groups.iter().filter(|group| group.needs_somebody()) {
        let mut words = group.reason.strip_prefix("microsoft ").unwrap_or_default().split(' ');
        let code = words.next().and_then(|code| code.parse().ok());
        let entry = look_up(code, words.next());
        if let Some(entry) = entry.filter(|entry| !told.contains(&entry.symbol)) {
            told.push(entry.symbol);
            screen.say(format!("\n{}", group.reason.bold()));
            explain::advice(entry.cause, entry.cure, screen);
        }
    }
}

fn list(rows: &[Line], screen: &Screen) {
    let mut table = Table::new(["id", "event", "class", "reason", "since", "value"]).right(&[5]);
    for row in rows {
        table.row([
            row.id.clone(),
            row.event.clone().unwrap_or_default(),
            row.class.to_owned(),
            row.reason.clone(),
            row.since.to_string(),
            row.value.clone().unwrap_or_default(),
        ]);
    }
    screen.say(format!("\n{table}"));
}
