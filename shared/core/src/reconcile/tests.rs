//! Rows for the tests of this folder.

use crate::event::{Event, parse_event};
use crate::ledger::correction::{Change, Correction};
use crate::ledger::facts::Click;
use crate::ledger::observed::{Acceptance, Destination, Environment};
use crate::ledger::row::Row;
use crate::mapping::Mapping;
use crate::person::identity::Sha256Hash;
use crate::reconcile::decide::{AccountView, Policy};
use crate::reconcile::intake::{facts_of, place};
use crate::reconcile::note::{CallRef, Context, Note};
use crate::time::EventTime;

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const POLICY: Policy =
    Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };
/// SHA-256 of `janedoe@example.org`.
pub(super) const MAIL: &str = "ebc4e4fa571d149a9f15b4a0dcaaaa91085ed91311072c967ba2cc18ee7798bd";

pub(super) fn time(offset: i64) -> EventTime {
    EventTime::from_epoch(NOW + offset)
}

pub(super) fn context(account: &AccountView, now: EventTime) -> Context<'_> {
    Context { account, now, policy: &POLICY }
}

/// A purchase with a click that was recorded when it happened, and that nothing drives.
pub(super) fn row_at(recorded: i64) -> Row {
    let at = time(recorded);
    let event = format!(
        r#"{{"event":"purchase","eventId":"1","source":"shop","occurredAt":"{at}","value":9.5,
            "currency":"EUR","msclkid":"f894f652ea334e739002f7167ab8f8e3","sessionId":"s",
            "leadId":"l","cartId":"c","orderId":"o","hashedEmail":"{MAIL}"}}"#
    );
    let Ok(Event::Conversion(conversion)) = parse_event(&event, &Mapping::sample(), at).event
    else {
        panic!("a conversion");
    };
    let click = conversion.msclkid.clone().expect("a click id");
    let mut facts = facts_of(&conversion, &Ok((click, Click::BROUGHT)));
    facts.identity.email = Sha256Hash::parse(MAIL).ok();
    let account = AccountView::default();
    let (row, _) = place(&conversion, facts, None, &context(&account, at), 395);
    assert_eq!(row.open, None, "a message drives it");
    row
}

pub(super) fn destination() -> Destination {
    Destination { environment: Environment::Production, account_id: "1".to_owned() }
}

pub(super) fn call() -> CallRef {
    CallRef { to: destination(), tracking_id: None }
}

pub(super) fn accepted(mut row: Row) -> Row {
    let acceptance = Acceptance { at: time(-9), by: destination(), tracking_id: None };
    row.observed.accepted = Some(acceptance);
    row
}

/// `row` after `note`.
pub(super) fn noted(row: &Row, note: &Note, now: EventTime) -> Row {
    let account = AccountView::default();
    note.write(row, None, &context(&account, now)).applied_to(row)
}

/// A refund of this much; of everything without.
pub(super) fn refund(id: &str, amount: Option<&str>, at: EventTime) -> Correction {
    let amount =
        amount.map(|text| serde_json::from_str(&format!("\"{text}\"")).expect("an amount"));
    Correction {
        source: "shop".parse().expect("a source"),
        event_id: id.parse().expect("an id"),
        occurred_at: at.into(),
        recorded_at: at,
        original_event: None,
        account: None,
        change: Change { amount, ..Change::default() },
        refused: None,
    }
}
