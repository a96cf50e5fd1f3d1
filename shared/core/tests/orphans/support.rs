//! Rows, corrections and times.

use tracklayer_core::event::{Conversion, Event, parse_event};
use tracklayer_core::ledger::correction::{Change, Correction};
use tracklayer_core::ledger::facts::Click;
use tracklayer_core::ledger::orphan::Orphan;
use tracklayer_core::ledger::row::{PartitionKey, Row};
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::decide::{AccountView, Policy};
use tracklayer_core::reconcile::intake::{facts_of, place};
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::reconcile::orphans::add;
use tracklayer_core::time::EventTime;

pub const HOUR: i64 = 3_600;
pub const DAY: i64 = 24 * HOUR;
pub const CLICK: &str = "f894f652ea334e739002f7167ab8f8e3";
pub const POLICY: Policy =
    Policy { settle_delay: 12 * HOUR, run_margin: 900, min_click_age: HOUR, hour: HOUR };

/// So many seconds after the sale.
pub fn after(seconds: i64) -> EventTime {
    EventTime::from_epoch(1_800_000_000 + seconds)
}

/// Decides at that time, for an account of which nothing is known.
pub fn at<T>(seconds: i64, decide: impl FnOnce(&Context<'_>) -> T) -> T {
    let account = AccountView::default();
    decide(&Context { account: &account, now: after(seconds), policy: &POLICY })
}

/// The sale shop/4711 as it is sent, with more members.
pub fn sale(event: &str, more: &str) -> Conversion {
    let json = format!(
        r#"{{"event":"{event}","eventId":"4711","source":"shop","occurredAt":"{}",
            "value":100,"currency":"USD"{more}}}"#,
        after(0)
    );
    match parse_event(&json, &Mapping::sample(), after(10)).event {
        Ok(Event::Conversion(conversion)) => conversion,
        other => panic!("{other:?}"),
    }
}

/// The row of a sale that brought its click id.
pub fn original(event: &str, recorded: i64) -> Row {
    let sale = sale(event, &format!(r#","msclkid":"{CLICK}""#));
    let search = Ok((sale.msclkid.clone().expect("a click id"), Click::BROUGHT));
    at(recorded, |context| place(&sale, facts_of(&sale, &search), None, context, 395).0)
}

pub fn orphan_key() -> PartitionKey {
    sale("purchase", r#","orderId":"1""#).key.partition_key()
}

/// A refund of everything, perhaps of this event only.
pub fn refund(id: &str, event: Option<&str>) -> Correction {
    Correction {
        source: "shop".parse().expect("a source"),
        event_id: id.parse().expect("an id"),
        occurred_at: after(60).into(),
        recorded_at: after(60),
        original_event: event.map(|event| event.parse().expect("an event")),
        account: None,
        change: Change::default(),
        refused: None,
    }
}

/// An orphan with these corrections, which came at that time.
pub fn orphan(corrections: &[Correction], seconds: i64) -> Orphan {
    let add_one = |orphan: Option<Orphan>, correction: &Correction| {
        let add = |context: &Context<'_>| {
            add(&orphan_key(), orphan.as_ref(), correction.clone(), None, context)
        };
        Some(at(seconds, add).expect("room"))
    };
    corrections.iter().fold(None, add_one).expect("a correction")
}

pub fn ids(corrections: &[Correction]) -> Vec<&str> {
    corrections.iter().map(|correction| correction.event_id.as_str()).collect()
}
