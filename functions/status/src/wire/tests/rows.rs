//! Rows and orphans to be shown.

use tracklayer_core::ledger::correction::{Change, Correction};
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts, References};
use tracklayer_core::ledger::observed::{
    Acceptance, Adjusted, Attempt, AttemptOutcome, Claim, Destination, Environment, Kind, Observed,
};
use tracklayer_core::ledger::orphan::{Orphan, entry, kept_until};
use tracklayer_core::ledger::row::{PartitionKey, Row, RowKey};
use tracklayer_core::money::{Amount, Currency, Money};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::person::consent::Consent;
use tracklayer_core::person::identity::Identity;
use tracklayer_core::time::{DAY, EventTime};

pub(crate) fn at(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).expect("a time")
}

pub(crate) fn amount(text: &str) -> Amount {
    Amount::from_json(text).expect("an amount")
}

pub(crate) fn money(text: &str) -> Money {
    Money { amount: amount(text), currency: Currency::parse("USD").expect("a currency") }
}

/// A row with a click and this value, not sent yet.
pub(crate) fn row(source: &str, event_id: &str, value: Option<&str>) -> Row {
    let conversion_time = at("2026-04-24T09:42:13Z");
    Row {
        key: RowKey {
            source: source.parse().expect("a source"),
            event_id: event_id.parse().expect("an id"),
            event: "purchase".parse().expect("an event"),
        },
        account: "main".parse().expect("an account"),
        facts: Facts {
            fingerprint: "secret-fingerprint".to_owned(),
            goal: "Purchase".parse().expect("a goal"),
            occurred_at: conversion_time,
            conversion_time,
            money: value.map(money),
            identity: Identity {
                click_id: Some(ClickId::parse("dd4afcccb1c9a4cad9544dd7e5006").expect("an id")),
                email: None,
                phone: None,
            },
            click: Some(Click {
                clicked_at: Some(at("2026-04-22T07:00:00Z")),
                from: ClickOrigin::Session,
                reference: None,
            }),
            order: None,
            references: References::default(),
            refused_clicks: Vec::new(),
            consent: Consent::Unknown,
            erased_at: None,
        },
        corrections: Vec::new(),
        desired_revision: 1,
        observed_revision: 0,
        observed: Observed::default(),
        open: None,
        recorded_at: conversion_time,
        ttl: conversion_time.plus_seconds(395 * DAY),
    }
}

/// A refund of this much.
pub(crate) fn refund(id: &str, amount: &str) -> Correction {
    let refund = money(amount);
    correction(
        id,
        Change {
            amount: Some(refund.amount),
            currency: Some(refund.currency),
            ..Change::default()
        },
    )
}

pub(crate) fn correction(id: &str, change: Change) -> Correction {
    Correction {
        source: "shop".parse().expect("a source"),
        event_id: id.parse().expect("an id"),
        occurred_at: at("2026-04-25T08:05:00Z").into(),
        recorded_at: at("2026-04-25T08:06:00Z"),
        original_event: None,
        account: None,
        change,
        refused: None,
    }
}

pub(crate) fn accepted(row: &mut Row) {
    row.observed.accepted = Some(Acceptance {
        at: at("2026-04-24T10:00:00Z"),
        by: Destination { environment: Environment::Production, account_id: "9876".to_owned() },
        tracking_id: Some("track-1".to_owned()),
    });
    row.observed.attempts = 1;
}

pub(crate) fn adjusted(row: &mut Row, value: Option<&str>) {
    let time = at("2026-04-25T08:10:00Z");
    let value = value.map(amount);
    let corrections = row.corrections.len();
    row.observed.claim = Some(Claim {
        at: time,
        value,
        adjustment_time: time,
        corrections,
        after_unsettled: false,
        unanswered: false,
        before: None,
    });
    row.observed.adjusted = Some(Adjusted { at: time, value, corrections, tracking_id: None });
    row.observed.attempts = 2;
    row.observed.last = Some(Attempt {
        at: time,
        kind: Some(if value.is_some() { Kind::Restate } else { Kind::Retract }),
        outcome: AttemptOutcome::Accepted,
        code: None,
        error_code: None,
        tracking_id: Some("track-2".to_owned()),
    });
}

/// Corrections of an original that has not come.
pub(crate) fn orphan(source: &str, event_id: &str, corrections: Vec<Correction>) -> Orphan {
    let recorded_at = at("2026-04-25T08:06:00Z");
    let due = recorded_at.plus_seconds(3 * DAY);
    Orphan {
        key: PartitionKey {
            source: source.parse().expect("a source"),
            event_id: event_id.parse().expect("an id"),
        },
        account: None,
        corrections,
        revision: 1,
        recorded_at,
        open: Some(entry(due, recorded_at)),
        ttl: kept_until(recorded_at),
    }
}
