//! Rows for tests.

use tracklayer_core::event::{Event, parse_event};
use tracklayer_core::ledger::facts::Click;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::reconcile::decide::{AccountView, Policy};
use tracklayer_core::reconcile::intake::{facts_of, place};
use tracklayer_core::reconcile::note::Context;
use tracklayer_core::time::EventTime;

/// The usual waits.
pub const POLICY: Policy =
    Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };

/// A time at which things happen.
pub fn now() -> EventTime {
    EventTime::from_epoch(1_800_000_000)
}

/// A purchase of 9.5 EUR with a click, which came now and is queued.
pub fn row() -> Row {
    let now = now();
    let event = format!(
        r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{now}","value":9.5,
        "currency":"EUR","msclkid":"f894f652ea334e739002f7167ab8f8e3"}}"#
    );
    let event = parse_event(&event, &Mapping::shipped(), now).event;
    let Ok(Event::Conversion(conversion)) = event else { panic!("{event:?}") };
    let click = conversion.msclkid.clone().expect("a click id");
    let facts = facts_of(&conversion, &Ok((click, Click::BROUGHT)));
    let account = AccountView::default();
    let context = Context { account: &account, now, policy: &POLICY };
    place(&conversion, facts, None, &context, 395).0
}
