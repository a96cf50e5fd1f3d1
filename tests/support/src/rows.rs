//! What the ledger holds: rows, their facts and corrections, and what a decision is made with.

use tracklayer_core::ledger::correction::{Change, Correction};
use tracklayer_core::ledger::facts::{Click, ClickOrigin, Facts, References};
use tracklayer_core::ledger::index::{IndexClass, Open};
use tracklayer_core::ledger::observed::{Acceptance, Destination, Environment, Observed};
use tracklayer_core::ledger::row::{Row, RowKey};
use tracklayer_core::ledger::wait::WaitReason;
use tracklayer_core::money::{Amount, Currency, Money};
use tracklayer_core::person::click_id::ClickId;
use tracklayer_core::person::consent::Consent;
use tracklayer_core::person::identity::{Identity, Sha256Hash};
use tracklayer_core::reconcile::decide::{AccountView, Policy};
use tracklayer_core::reconcile::note::{CallRef, Context, Write};
use tracklayer_core::time::EventTime;

/// Seconds of an hour.
pub const HOUR: i64 = 3_600;
/// Seconds of a day.
pub const DAY: i64 = 24 * HOUR;
/// The click id of [`facts`].
pub const CLICK: &str = "f894f652ea334e739002f7167ab8f8e3";
/// The waits of production.
pub const POLICY: Policy =
    Policy { settle_delay: 12 * HOUR, run_margin: 15 * 60, min_click_age: HOUR, hour: HOUR };
/// SHA-256 of `john@contoso.com`.
pub const MAIL: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";
/// SHA-256 of `+14255551234`.
pub const PHONE: &str = "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e";

/// A time from RFC 3339 text.
pub fn time(text: &str) -> EventTime {
    EventTime::parse_rfc3339(text).expect("a time")
}

/// When the sale of these tests happened.
pub fn sold() -> EventTime {
    time("2026-04-24T09:42:13Z")
}

/// So many seconds after the sale.
pub fn after(seconds: i64) -> EventTime {
    sold().plus_seconds(seconds)
}

/// An amount from the text of a JSON number.
pub fn amount(text: &str) -> Amount {
    Amount::from_json(text).expect("an amount")
}

/// So many US dollars.
pub fn usd(text: &str) -> Money {
    Money { amount: amount(text), currency: currency("USD") }
}

/// A currency by its ISO 4217 code.
pub fn currency(code: &str) -> Currency {
    Currency::parse(code).expect("a currency")
}

/// An id, name or hash of whatever type is wanted.
pub fn id<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} is none"))
}

/// The purchase `4711` of the shop.
pub fn key() -> RowKey {
    key_of("4711", "purchase")
}

/// An event of the shop.
pub fn key_of(event_id: &str, event: &str) -> RowKey {
    RowKey { source: id("shop"), event_id: id(event_id), event: id(event) }
}

/// A purchase of 129.95 USD, an hour after its click.
pub fn facts() -> Facts {
    Facts {
        fingerprint: "f1".to_owned(),
        goal: id("Purchase"),
        occurred_at: sold(),
        conversion_time: sold(),
        money: Some(usd("129.95")),
        identity: Identity {
            click_id: Some(ClickId::parse(CLICK).expect("a click id")),
            ..Identity::default()
        },
        click: Some(Click {
            clicked_at: Some(after(-HOUR)),
            from: ClickOrigin::Session,
            reference: None,
        }),
        order: None,
        references: References { session: Some(id("sess_10492")), ..References::default() },
        refused_clicks: Vec::new(),
        consent: Consent::Unknown,
        erased_at: None,
    }
}

/// [`facts`] of a goal that has no value.
pub fn without_value() -> Facts {
    Facts { goal: id("Qualified Lead"), money: None, ..facts() }
}

/// A hash, in the form in which an identity holds one.
pub fn hash(hex: &str) -> Option<Sha256Hash> {
    Some(Sha256Hash::parse(hex).expect("a hash"))
}

/// [`facts`] of somebody known by the hash of an e-mail address alone.
pub fn hashed() -> Facts {
    let identity = Identity { email: hash(MAIL), ..Identity::default() };
    Facts { identity, click: None, ..facts() }
}

/// [`facts`] with a click of then.
pub fn clicked(seconds: i64) -> Facts {
    let mut facts = facts();
    facts.click.as_mut().expect("a click").clicked_at = Some(after(seconds));
    facts
}

/// [`facts`] of nobody.
pub fn nobody() -> Facts {
    Facts { identity: Identity::default(), click: None, ..facts() }
}

/// A new row with [`facts`].
pub fn row() -> Row {
    row_of(facts())
}

/// A new row with these facts; neither tried nor corrected.
pub fn row_of(facts: Facts) -> Row {
    Row {
        key: key(),
        account: id("main"),
        facts,
        corrections: Vec::new(),
        desired_revision: 1,
        observed_revision: 0,
        observed: Observed::default(),
        open: None,
        recorded_at: sold(),
        ttl: after(400 * DAY),
    }
}

/// [`row`], accepted two hours after the sale, with these corrections.
pub fn accepted_row(corrections: Vec<Correction>) -> Row {
    let mut row = row();
    let acceptance = Acceptance { at: after(2 * HOUR), by: production(), tracking_id: None };
    row.observed.accepted = Some(acceptance);
    row.observed_revision = 1;
    row.desired_revision += corrections.len() as u64;
    row.corrections = corrections;
    row
}

/// A correction that happened so many seconds after the sale.
pub fn correction(event_id: &str, seconds: i64, change: Change) -> Correction {
    Correction {
        source: id("shop"),
        event_id: id(event_id),
        occurred_at: after(seconds).into(),
        recorded_at: after(seconds + 60),
        original_event: None,
        account: None,
        change,
        refused: None,
    }
}

/// A refund of so many US dollars.
pub fn refund(event_id: &str, seconds: i64, text: &str) -> Correction {
    let change =
        Change { amount: Some(amount(text)), currency: Some(currency("USD")), ..Change::default() };
    correction(event_id, seconds, change)
}

/// A correction that names a new value in US dollars.
pub fn restatement(event_id: &str, seconds: i64, text: &str) -> Correction {
    let change = Change {
        new_value: Some(amount(text)),
        currency: Some(currency("USD")),
        ..Change::default()
    };
    correction(event_id, seconds, change)
}

/// A refund of everything.
pub fn full(event_id: &str, seconds: i64) -> Correction {
    correction(event_id, seconds, Change::default())
}

/// The account that [`Bench`] uploads to.
pub fn production() -> Destination {
    Destination { environment: Environment::Production, account_id: "1001".to_owned() }
}

/// An account of the same id in Microsoft's sandbox.
pub fn sandbox() -> Destination {
    Destination { environment: Environment::Sandbox, account_id: "1001".to_owned() }
}

/// A call to [`production`].
pub fn mark() -> CallRef {
    CallRef { to: production(), tracking_id: Some("t-1".to_owned()) }
}

/// What a decision is made with.
pub struct Bench {
    /// What is known of the account.
    pub account: AccountView,
    /// The waits.
    pub policy: Policy,
}

impl Default for Bench {
    fn default() -> Self {
        Bench::new()
    }
}

impl Bench {
    /// An account without trouble, and the waits of production.
    pub fn new() -> Self {
        Bench {
            account: AccountView { destination: Some(production()), ..AccountView::default() },
            policy: POLICY,
        }
    }

    /// The same at a time.
    pub fn context(&self, now: EventTime) -> Context<'_> {
        Context { account: &self.account, now, policy: &self.policy }
    }
}

/// An entry of the index, as if swept since `seconds` after the sale.
pub fn open(class: IndexClass, seconds: i64, reason: Option<WaitReason>) -> Option<Open> {
    Some(class.entry(after(seconds), after(seconds), reason))
}

/// Carries out a write on its conditions, as the table would; answers whether they held.
pub fn carry_out(row: &mut Row, write: &Write) -> bool {
    let holds = write.key == row.key
        && write.if_observed == row.observed_revision
        && write.if_desired == row.desired_revision;
    if holds {
        *row = write.applied_to(row);
    }
    holds
}
