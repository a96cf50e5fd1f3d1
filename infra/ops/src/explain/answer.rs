//! The story, for people and in JSON.

use owo_colors::OwoColorize as _;
use serde::Serialize;
use tracklayer_core::id::{EventName, RecordId, Source};
use tracklayer_core::ledger::observed::RefusalReason;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::microsoft::goals::GoalFinding;
use tracklayer_core::reconcile::advice::NEVER_CAME;
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;
use tracklayer_core::time::{EventTime, TextTime};

use super::timeline::Step;
use super::why::{Next, Why};
use crate::screen::{self, Screen, Table};

/// One row and what is told of it.
pub struct Told<'a> {
    /// The row.
    pub row: &'a Row,
    /// What happened, the earliest first.
    pub steps: Vec<Step>,
    /// Why it is where it is.
    pub why: Option<Why>,
    /// What is sent next.
    pub next: Option<Next>,
    /// What the checks of its account found that keeps it.
    pub findings: Vec<&'a GoalFinding>,
}

/// Shows the story.
pub fn show(
    told: &[Told<'_>], orphans: &[&Orphan], story: &status::Story<'_>, now: EventTime,
    screen: &Screen,
) {
    let explained = told.iter().map(Explained::of).collect();
    if screen.json(&Answer { records: story.records(), explained }) {
        return;
    }
    if told.is_empty() && orphans.is_empty() {
        screen.say("no event is known under this source and id");
        screen.note("What was it answered? `find` looks by order, lead, cart, session and click.");
    }
    for told in told {
        record(told, now, screen);
    }
    for orphan in orphans {
        corrections(orphan, screen);
    }
}

fn record(told: &Told<'_>, now: EventTime, screen: &Screen) {
    let row = told.row;
    let (state, reason) = state::state(row);
    let name = format!("{} {}", row.key.event, row.key.label());
    let reason = reason.map(|reason| format!(" {reason}")).unwrap_or_default();
    screen.say(format!("{}  {}{reason}", name.bold(), screen::state(state)));
    let mut table = Table::new(["when", "what", ""]);
    for step in &told.steps {
        let at = step.at.map_or_else(|| "unknown".to_owned(), |at| at.to_string());
        table.row([at, step.what.to_owned(), step.text.clone()]);
    }
    screen.say(&table);
    if let Some(why) = told.why {
        advice(why.meaning, why.cure, screen);
    }
    for finding in &told.findings {
        advice(&finding.problem, &finding.cure, screen);
    }
    let next = next(told, state, now);
    screen.say(format!("{} {next}\n", "next:".bold()));
}

/// Why something is so, and what helps.
pub fn advice(meaning: &str, cure: &str, screen: &Screen) {
    screen.say(format!("{}  {}", "why:".bold(), without_links(meaning)));
    screen.say(format!("{} {}", "cure:".bold(), without_links(cure)));
}

/// The texts are those of the pages, which link to each other: `[text](address)` is only `text` here.
pub fn without_links(text: &str) -> String {
    let mut parts = text.split("](");
    let mut plain = parts.next().unwrap_or_default().replace('[', "");
    for part in parts {
        let after = part.split_once(')').map_or(part, |(_, after)| after);
        plain.push_str(&after.replace('[', ""));
    }
    plain
}

fn next(told: &Told<'_>, state: State, now: EventTime) -> String {
    let waits_for = state::wait(told.row).and_then(|open| open.reason);
    match &told.next {
        Some(Next { at, .. }) if waits_for.is_some_and(WaitReason::is_for_click) => {
            format!("its click is looked for {}", when(*at, now))
        }
        Some(Next { action, at }) => format!("{} is sent {}", action.as_str(), when(*at, now)),
        None => nothing(told.row, state).to_owned(),
    }
}

/// Why nothing is sent next. What a row wants without being sent it has not got yet: its limit has
/// passed, or another account took it.
fn nothing(row: &Row, state: State) -> &'static str {
    let refusal = row.observed.refusal.as_ref().map(|refusal| &refusal.reason);
    let is_final = refusal.is_some_and(|reason| {
        reason.is_beyond_repair() || *reason == RefusalReason::MayAlreadyCount
    });
    match state {
        _ if row.is_erased() => {
            "nothing: its person was erased, and nothing of it is sent any more"
        }
        State::Refused | State::Dead if is_final => "nothing: no redrive can change that",
        State::Refused | State::Dead => "nothing, until somebody repairs the cause and redrives it",
        State::Queued | State::Waiting => {
            "nothing: it can't be sent any more, and ends with its \
                                           next run"
        }
        State::Accepted | State::Restated | State::Retracted => {
            "nothing: Microsoft has what the source said"
        }
    }
}

fn when(at: TextTime, now: EventTime) -> String {
    match at.0.seconds_since(now) {
        ..=0 => "with the next run".to_owned(),
        rest => format!("in {}, at {at}", screen::duration(rest)),
    }
}

fn corrections(orphan: &Orphan, screen: &Screen) {
    let (state, reason) = state::state_of_orphan(orphan);
    let name = format!("corrections of {}", orphan.key.label());
    screen.say(format!("{}  {} {reason}", name.bold(), screen::state(state)));
    for correction in &orphan.corrections {
        let (id, at) = (&correction.event_id, correction.occurred_at.second());
        screen.say(format!("{at}  {id}, recorded {}", correction.recorded_at));
    }
    let why = match orphan.open.as_ref().and_then(|open| open.reason) {
        Some(reason) => reason.advice(),
        None => NEVER_CAME,
    };
    advice(why.meaning, why.cure, screen);
}

#[derive(Serialize)]
struct Answer<'a> {
    /// As the API's status answers.
    records: &'a [status::Record<'a>],
    explained: Vec<Explained<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Explained<'a> {
    source: &'a Source,
    event_id: &'a RecordId,
    event: &'a EventName,
    timeline: Vec<Happened<'a>>,
    why: Option<Why>,
    next: Option<Next>,
}

#[derive(Serialize)]
struct Happened<'a> {
    at: Option<TextTime>,
    what: &'static str,
    text: &'a str,
}

impl<'a> Explained<'a> {
    fn of(told: &'a Told<'a>) -> Self {
        let happened = told.steps.iter().map(|step| Happened {
            at: step.at.map(TextTime),
            what: step.what,
            text: &step.text,
        });
        Explained {
            source: &told.row.key.source,
            event_id: &told.row.key.event_id,
            event: &told.row.key.event,
            timeline: happened.collect(),
            why: told.why,
            next: told.next,
        }
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::observed::Refusal;

    use super::*;
    use crate::testing::{POLICY, now, row};

    fn says(row: &Row, now: EventTime) -> String {
        let next = crate::explain::why::next(row, &POLICY, now);
        let told = Told { row, steps: Vec::new(), why: None, next, findings: Vec::new() };
        super::next(&told, state::state(row).0, now)
    }

    #[test]
    fn what_was_never_taken_is_not_said_to_be_at_microsoft() {
        let (now, mut row) = (now(), row());
        assert_eq!(says(&row, now), "Apply is sent with the next run");
        let late = row.limit().plus_seconds(1);
        assert_eq!(
            says(&row, late),
            "nothing: it can't be sent any more, and ends with its next run"
        );
        for (reason, redrives) in [
            (RefusalReason::Expired, false),
            (RefusalReason::MayAlreadyCount, false),
            (RefusalReason::AcceptedElsewhere, true),
        ] {
            row.observed.refusal = Some(Refusal { at: now, reason: reason.clone() });
            assert_eq!(says(&row, now).contains("and redrives it"), redrives, "{reason}");
            assert!(!says(&row, now).contains("Microsoft has"), "{reason}");
        }
    }

    #[test]
    fn links_of_pages_are_plain_words_on_a_screen() {
        let text = "Look it up [below](#errors), or [there](a.md) (twice).";
        assert_eq!(without_links(text), "Look it up below, or there (twice).");
        assert_eq!(without_links("nothing (to do)"), "nothing (to do)");
    }
}
