//! One row of the ledger: the facts and corrections a source sent (*desired*), and what is known
//! of Microsoft (*observed*).
//!
//! Each half has its own revision. Desired state is raised by whoever changes facts or corrections,
//! observed state by whoever learns something of Microsoft; every write names the revisions it
//! relies on, so that two workers can't undo each other.

use serde::{Deserialize, Serialize};

use crate::{
    click::ClickId,
    event::Consent,
    id::{AccountName, EventName, GoalName, RecordId, Source},
    identity::Identity,
    money::{Amount, Currency, Money},
    observed::{Observed, is_false},
    open::Open,
    time::EventTime,
};

/// Corrections that one row takes; more are refused at the door.
pub const MAX_CORRECTIONS: usize = 50;

/// Names one row: a source is one id-space, an id may stand under several event names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey {
    /// Who sent the event.
    pub source: Source,
    /// The source's own id of it.
    pub event_id: RecordId,
    /// Its event name, e.g. `purchase`.
    pub event: EventName,
}

impl RowKey {
    /// The partition all rows and pointers of one id share: `event <source> <eventId>`.
    #[must_use]
    pub fn partition(source: &Source, event_id: &RecordId) -> String {
        format!("event {source} {event_id}")
    }

    /// This row's partition key.
    #[must_use]
    pub fn pk(&self) -> String {
        Self::partition(&self.source, &self.event_id)
    }

    /// This row's sort key.
    #[must_use]
    pub fn sk(&self) -> &str {
        self.event.as_str()
    }

    /// The key that `pk` and `sk` spell.
    ///
    /// # Errors
    /// If they spell something else than a row.
    pub fn parse(pk: &str, sk: &str) -> Result<Self, BadKey> {
        let mut parts = pk.splitn(3, ' ');
        let (Some("event"), Some(source), Some(event_id)) =
            (parts.next(), parts.next(), parts.next())
        else {
            return Err(BadKey);
        };
        Ok(RowKey {
            source: source.parse().map_err(|_| BadKey)?,
            event_id: event_id.parse().map_err(|_| BadKey)?,
            event: sk.parse().map_err(|_| BadKey)?,
        })
    }

    /// `source/eventId`, as logs and people name it.
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}/{}", self.source, self.event_id)
    }
}

/// A key that names no row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the key of a ledger row")]
pub struct BadKey;

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its key.
    pub key: RowKey,
    /// The account of the mapping it belongs to.
    pub account: AccountName,
    /// What the source confirmed; absent while only corrections have come (an orphan).
    pub facts: Option<Facts>,
    /// Refunds, restatements and cancellations, in the order they came.
    pub corrections: Vec<Correction>,
    /// Raised by every change of facts or corrections.
    pub desired: u64,
    /// Raised by every change of `microsoft`.
    pub observed: u64,
    /// What is known of Microsoft.
    pub microsoft: Observed,
    /// Its entry in the index of open rows.
    pub open: Option<Open>,
    /// How often it has waited for the same thing; the next look is later each time.
    pub waits: u32,
    /// When it was first written; rows of earlier versions don't say.
    pub recorded_at: Option<EventTime>,
    /// When DynamoDB may delete it: long after Microsoft takes anything of it; never for an orphan.
    pub ttl: Option<EventTime>,
}

impl Row {
    /// Whether its person was erased: nothing of it can be sent any more.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.facts.as_ref().is_some_and(|facts| facts.erased_at.is_some())
    }
}

/// The original conversion, fixed when the row is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// SHA-256 over the parsed event, to tell a repetition from a conflict.
    pub fingerprint: String,
    /// The goal's name at Microsoft.
    pub goal: GoalName,
    /// When the source says it happened.
    pub occurred_at: EventTime,
    /// What Microsoft is told: `occurred_at`, shifted by whole seconds if that key was taken.
    pub conversion_time: EventTime,
    /// The original value; absent on goals without value.
    pub money: Option<Money>,
    /// Click id and hashes, sent whole or not at all.
    pub identity: Identity,
    /// Its goal takes no hashes: they are kept, so that the person can be found and erased, and the
    /// click id goes alone.
    pub bare: bool,
    /// Where the click came from.
    pub click: Option<Click>,
    /// The records it may find a click by later.
    pub references: References,
    /// What the event said of the person's consent; rows of earlier versions don't say.
    pub consent: Option<Consent>,
    /// When the person was erased: identity, click, references and fingerprint are gone since.
    pub erased_at: Option<EventTime>,
}

/// The click a conversion is credited to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Click {
    /// When it was captured; unknown if the event brought the click id itself.
    pub clicked_at: Option<EventTime>,
    /// What led to it.
    pub from: ClickOrigin,
    /// The reference under which it is stored, where a tie led to it; else that is the session.
    pub reference: Option<RecordId>,
}

/// What led to a click, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClickOrigin {
    /// The event brought the click id.
    Event,
    /// The session's latest click before the conversion.
    Session,
    /// A click tied to the lead.
    Lead,
    /// A click tied to the cart.
    Cart,
    /// A click tied to the order.
    Order,
}

/// Records of the source by which a click can be found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The visitor's session, or the cookie's value.
    pub session: Option<RecordId>,
    /// A lead of the CRM.
    pub lead: Option<RecordId>,
    /// A cart of the shop.
    pub cart: Option<RecordId>,
    /// An order of the shop.
    pub order: Option<RecordId>,
}

impl References {
    /// Whether a click could be found by any of them.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == References::default()
    }
}

/// A refund, restatement or cancellation of the original.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// Who sent it.
    pub source: Source,
    /// The source's own id of it.
    pub event_id: RecordId,
    /// When it happened: the order in which corrections are folded.
    pub occurred_at: EventTime,
    /// When it reached the ledger.
    pub recorded_at: EventTime,
    /// Whether the source named the original's event: then no sibling under the same id will do.
    #[serde(default, skip_serializing_if = "is_false")]
    pub names_event: bool,
    /// The account it was meant for, if the source named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// What it changes.
    #[serde(flatten)]
    pub change: Change,
    /// Refused when it was recorded, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<CorrectionRefusal>,
}

/// What a correction changes. All absent: everything is taken back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Change {
    /// This much was given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<Amount>,
    /// This is what the conversion is worth now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_value: Option<Amount>,
    /// Of either.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

/// Why a correction has no effect at Microsoft.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CorrectionRefusal {
    /// It came after a Retract was sent; Microsoft takes nothing after that.
    AfterRetraction,
    /// It came later than 90 days after the conversion.
    TooOldForMicrosoft,
    /// It is in another currency than the original.
    CurrencyMismatch,
    /// It names another account than the original's.
    AccountMismatch,
    /// The person was erased, and with it what names the conversion to Microsoft.
    IdentityErased,
}

impl CorrectionRefusal {
    /// The code that `status` shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            CorrectionRefusal::AfterRetraction => "after_retraction",
            CorrectionRefusal::TooOldForMicrosoft => "too_old_for_microsoft",
            CorrectionRefusal::CurrencyMismatch => "currency_mismatch",
            CorrectionRefusal::AccountMismatch => "account_mismatch",
            CorrectionRefusal::IdentityErased => "identity_erased",
        }
    }
}

/// The identity Microsoft's duplicate key rests on: the click id, in lower case, or else the hashes.
#[must_use]
pub fn click_or_hashes(identity: &Identity) -> Option<String> {
    if let Some(click_id) = &identity.click_id {
        return Some(ClickId::key(click_id));
    }
    let hex =
        |hash: &Option<_>| hash.as_ref().map_or_else(String::new, crate::identity::Sha256Hash::hex);
    identity.is_matchable().then(|| format!("{}/{}", hex(&identity.email), hex(&identity.phone)))
}
