//! What was found, for people and in JSON.

use owo_colors::OwoColorize as _;
use serde::Serialize;
use serde_json::{Value, json};
use tracklayer_core::id::{AccountName, EventName, GoalName, RecordId, Source};
use tracklayer_core::ledger::facts::ClickOrigin;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::{Currency, JsonAmount};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::reconcile::attribution::{Sighting, Tie, TiedBy};
use tracklayer_core::reconcile::state;
use tracklayer_core::time::TextTime;
use tracklayer_edge::ports::Partition;

use crate::screen::{self, Screen, Table};

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// Records of the ledger.
    pub partitions: Vec<Partition>,
    /// Links of a record to references.
    pub ties: Vec<Tie>,
    /// Clicks.
    pub clicks: Vec<Sighting>,
    /// An event of the order denied consent: nothing of the order is stored.
    pub is_denied: bool,
    /// Rows that can't be read, so that nobody knows whether they are meant.
    pub unreadable: usize,
}

impl Found {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        let has_records = self.rows().next().is_some() || self.orphans().next().is_some();
        !has_records && self.ties.is_empty() && self.clicks.is_empty() && !self.is_denied
    }

    fn rows(&self) -> impl Iterator<Item = &Row> {
        self.partitions.iter().flat_map(|partition| &partition.rows)
    }

    /// One that has given all its corrections away is none.
    fn orphans(&self) -> impl Iterator<Item = &Orphan> {
        let orphans = self.partitions.iter().filter_map(|partition| partition.orphan.as_ref());
        orphans.filter(|orphan| !orphan.corrections.is_empty())
    }
}

/// Shows what was found.
pub fn show(found: &Found, screen: &Screen) {
    if screen.json(&Answer::of(found)) {
        return;
    }
    if found.is_empty() {
        screen.say("nothing found");
    }
    if found.is_denied {
        screen.say("An event of this order denied consent: nothing of the order is stored.");
    }
    rows(found, screen);
    orphans(found, screen);
    links(found, screen);
    clicks(found, screen);
    if found.unreadable > 0 {
        screen.note(format!("{} rows can't be read", found.unreadable));
    }
}

fn heading(screen: &Screen, title: &str) {
    screen.say(format!("{}", title.bold().underline()));
}

fn rows(found: &Found, screen: &Screen) {
    let mut table =
        Table::new(["event", "id", "account", "goal", "when", "value", "state", "click"])
            .right(&[5]);
    let mut is_empty = true;
    for row in found.rows() {
        is_empty = false;
        let (state, reason) = state::state(row);
        let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
        let click = row.facts.click_id().map(ToString::to_string);
        table.row([
            row.key.event.to_string(),
            row.key.label(),
            row.account.to_string(),
            row.facts.goal.to_string(),
            row.facts.occurred_at.to_string(),
            row.facts.money.map(|money| money.to_string()).unwrap_or_default(),
            format!("{}{reason}", screen::state(state)),
            click.unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    if !is_empty {
        heading(screen, "conversions");
        screen.say(&table);
    }
}

fn orphans(found: &Found, screen: &Screen) {
    for orphan in found.orphans() {
        let (state, reason) = state::state_of_orphan(orphan);
        let (count, id, state) =
            (orphan.corrections.len(), orphan.key.label(), screen::state(state));
        screen.say(format!("{count} corrections of {id}, which has not come: {state} {reason}"));
    }
}

fn links(found: &Found, screen: &Screen) {
    if found.ties.is_empty() {
        return;
    }
    heading(screen, "links");
    let mut table = Table::new(["record", "made by", "when", "leads to"]);
    for tie in &found.ties {
        let cells =
            [tie.kind.as_str(), made_by(tie.by), &tie.at.to_string(), tie.reference.as_str()];
        table.row(cells.map(str::to_owned));
    }
    screen.say(&table);
}

fn clicks(found: &Found, screen: &Screen) {
    if found.clicks.is_empty() {
        return;
    }
    heading(screen, "clicks");
    let mut table = Table::new(["click id", "seen", "session or cookie"]);
    for click in &found.clicks {
        let (id, at) = (click.click_id.to_string(), click.at().to_string());
        table.row([id, at, click.reference.to_string()]);
    }
    screen.say(&table);
}

fn made_by(by: TiedBy) -> &'static str {
    match by {
        TiedBy::Key => "key",
        TiedBy::Browser => "browser",
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    conversions: Vec<Conversion<'a>>,
    orphans: Vec<Value>,
    links: Vec<Value>,
    clicks: Vec<Value>,
    denied: bool,
    unreadable: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conversion<'a> {
    source: &'a Source,
    event_id: &'a RecordId,
    event: &'a EventName,
    account: &'a AccountName,
    goal: &'a GoalName,
    occurred_at: TextTime,
    value: Option<JsonAmount>,
    currency: Option<Currency>,
    state: &'static str,
    reason: Option<String>,
    msclkid: Option<&'a ClickId>,
    click_from: Option<ClickOrigin>,
}

impl<'a> Answer<'a> {
    fn of(found: &'a Found) -> Self {
        Answer {
            conversions: found.rows().map(Conversion::of).collect(),
            orphans: found.orphans().map(orphan_json).collect(),
            links: found.ties.iter().map(tie_json).collect(),
            clicks: found.clicks.iter().map(click_json).collect(),
            denied: found.is_denied,
            unreadable: found.unreadable,
        }
    }
}

impl<'a> Conversion<'a> {
    fn of(row: &'a Row) -> Self {
        let (state, reason) = state::state(row);
        let facts = &row.facts;
        Conversion {
            source: &row.key.source,
            event_id: &row.key.event_id,
            event: &row.key.event,
            account: &row.account,
            goal: &facts.goal,
            occurred_at: facts.occurred_at.into(),
            value: facts.money.map(|money| JsonAmount(money.amount)),
            currency: facts.money.map(|money| money.currency),
            state: state.as_str(),
            reason,
            msclkid: facts.click_id(),
            click_from: facts.click.as_ref().map(|click| click.from),
        }
    }
}

fn orphan_json(orphan: &Orphan) -> Value {
    let (state, reason) = state::state_of_orphan(orphan);
    json!({"source": orphan.key.source, "eventId": orphan.key.event_id, "state": state.as_str(),
        "reason": reason, "corrections": orphan.corrections.len()})
}

fn tie_json(tie: &Tie) -> Value {
    json!({"record": tie.kind.as_str(), "by": made_by(tie.by), "at": TextTime(tie.at),
        "reference": tie.reference})
}

fn click_json(click: &Sighting) -> Value {
    json!({"msclkid": click.click_id, "at": TextTime(click.at()), "reference": click.reference})
}
