//! What happened to a row, step by step.
//!
//! The row keeps what was decided and the last attempt, not every attempt: the log of `upload` has
//! one line per call, by its TrackingId.

use tracklayer_core::ledger::correction::{Correction, Effect};
use tracklayer_core::ledger::facts::{Click, ClickOrigin};
use tracklayer_core::ledger::observed::{Attempt, AttemptOutcome, Kind};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::reconcile::attribution::{Tie, TiedBy};
use tracklayer_core::reconcile::state;
use tracklayer_core::time::EventTime;

/// One thing that happened.
#[derive(Debug)]
pub struct Step {
    /// When; unknown of a click that only the event named.
    pub at: Option<EventTime>,
    /// What kind of thing it is, in a word.
    pub what: &'static str,
    /// What it was.
    pub text: String,
}

fn step(at: impl Into<Option<EventTime>>, what: &'static str, text: String) -> Step {
    Step { at: at.into(), what, text }
}

/// What happened to `row`, the earliest first. `ties` are those of the records that it names.
pub fn steps(row: &Row, ties: &[Tie]) -> Vec<Step> {
    let mut steps = clicks(row);
    steps.extend(links(row, ties));
    steps.extend(facts(row));
    steps.extend(corrections(row));
    steps.extend(at_microsoft(row));
    // Of one second, in the order in which things happen.
    steps.sort_by_key(|step| step.at);
    steps
}

fn clicks(row: &Row) -> Vec<Step> {
    let mut steps = Vec::new();
    let click = row.facts.click.as_ref();
    if let Some((id, click)) = row.facts.click_id().zip(click) {
        steps.push(step(click.clicked_at, "click", format!("{id}, {}", found_by(click))));
    }
    for refused in &row.facts.refused_clicks {
        let text = format!("{refused} is not credited again: Microsoft says it is later (5616)");
        steps.push(step(None, "click", text));
    }
    steps
}

fn found_by(click: &Click) -> String {
    let under = click.reference.as_ref();
    let under = under.map(|reference| format!(", stored under {reference}")).unwrap_or_default();
    let by = match click.from {
        ClickOrigin::Event => "named by the event",
        ClickOrigin::Session => "found by the session",
        ClickOrigin::Lead => "found by the lead",
        ClickOrigin::Cart => "found by the cart",
        ClickOrigin::Order => "found by the order",
        ClickOrigin::Other => "found in a way that only a newer version knows",
    };
    format!("{by}{under}")
}

/// The links that lead to the credited click; of a row without one, all there are.
fn links(row: &Row, ties: &[Tie]) -> Vec<Step> {
    let used = row.facts.click.as_ref().and_then(|click| click.reference.as_ref());
    let leads = |tie: &&Tie| used.is_none_or(|reference| *reference == tie.reference);
    let needs_one = row.facts.click.as_ref().is_none_or(|click| {
        matches!(click.from, ClickOrigin::Lead | ClickOrigin::Cart | ClickOrigin::Order)
    });
    let told = ties.iter().filter(leads).filter(|_| needs_one);
    told.map(|tie| {
        let record = tie.kind.as_str();
        let by = if tie.by == TiedBy::Key { "a key" } else { "a browser" };
        step(tie.at, "link", format!("{record} linked to {} by {by}", tie.reference))
    })
    .collect()
}

fn facts(row: &Row) -> Vec<Step> {
    let facts = &row.facts;
    let money = facts.money.map(|money| format!(" of {money}")).unwrap_or_default();
    let mut text = format!("{}{money}", row.key.event);
    if facts.conversion_time != facts.occurred_at {
        text.push_str(&format!(
            "; sent as {}, since another conversion has its second",
            facts.conversion_time
        ));
    }
    let mut steps = vec![
        step(facts.occurred_at, "event", text),
        step(row.recorded_at, "recorded", format!("for goal {} of {}", facts.goal, row.account)),
    ];
    if let Some(at) = facts.erased_at {
        steps.push(step(at, "erased", "the person was erased or took consent back".to_owned()));
    }
    steps
}

fn corrections(row: &Row) -> Vec<Step> {
    let (_, effects) = state::corrections(row);
    let told = row.corrections.iter().zip(effects).map(|(correction, effect)| {
        let effect = match effect {
            Effect::Counted => "it counts".to_owned(),
            Effect::NoEffect => "it changes nothing".to_owned(),
            Effect::Refused(refusal) => format!("without effect: {}", refusal.as_str()),
        };
        let (id, what) = (&correction.event_id, change(correction));
        let text = format!("{id} {what}, recorded {}; {effect}", correction.recorded_at);
        step(correction.occurred_at.second(), "correction", text)
    });
    told.collect()
}

fn change(correction: &Correction) -> String {
    let change = &correction.change;
    let currency = change.currency.map(|currency| format!(" {currency}")).unwrap_or_default();
    match (change.amount, change.new_value) {
        (Some(amount), _) => format!("gives back {amount}{currency}"),
        (None, Some(value)) => format!("makes it worth {value}{currency}"),
        (None, None) => "takes everything back".to_owned(),
    }
}

fn at_microsoft(row: &Row) -> Vec<Step> {
    let observed = &row.observed;
    let mut steps = Vec::new();
    if let Some(accepted) = &observed.accepted {
        let money = row.facts.money.map(|money| format!(" with {money}")).unwrap_or_default();
        let text = format!("Microsoft took it{money} (account {})", accepted.by.account_id);
        steps.push(step(accepted.at, "accepted", text));
    }
    if let Some(adjusted) = &observed.adjusted {
        let text = match adjusted.value {
            Some(value) => {
                let currency = row.facts.money.map(|money| format!(" {}", money.currency));
                format!("Microsoft counts {value}{} since", currency.unwrap_or_default())
            }
            None => "Microsoft counts nothing of it since".to_owned(),
        };
        steps.push(step(adjusted.at, "adjusted", text));
    }
    // An attempt that was accepted is told already.
    let is_told = |attempt: &&Attempt| attempt.outcome != AttemptOutcome::Accepted;
    let last = observed.last.as_ref().filter(is_told);
    steps.extend(last.map(|last| step(last.at, "attempt", attempt(last, observed.attempts))));
    if let Some(at) = observed.attempting() {
        let text = "claimed for an attempt whose end is not known yet".to_owned();
        steps.push(step(at, "attempt", text));
    }
    if let Some(refusal) = &observed.refusal {
        steps.push(step(refusal.at, "refused", refusal.reason.to_string()));
    }
    if let Some(at) = observed.dead_at {
        steps.push(step(at, "dead", "the queue gave its message up".to_owned()));
    }
    steps
}

fn attempt(attempt: &Attempt, attempts: u32) -> String {
    let kind = attempt.kind.map_or("an attempt", Kind::as_str);
    let outcome = match attempt.outcome {
        AttemptOutcome::Accepted => "was accepted",
        AttemptOutcome::Refused => "was not taken",
        AttemptOutcome::Unknown => "had no answer",
    };
    let code = attempt.code.map(|code| code.to_string());
    let words: Vec<String> = code.into_iter().chain(attempt.error_code.clone()).collect();
    let words = if words.is_empty() { String::new() } else { format!(": {}", words.join(" ")) };
    let tracking = attempt.tracking_id.as_ref();
    let tracking = tracking.map(|id| format!(", TrackingId {id}")).unwrap_or_default();
    format!("{kind} {outcome}{words} (attempt {attempts}{tracking})")
}
