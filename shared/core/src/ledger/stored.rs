//! The stored form of a row: flat, with attribute names an operator can read in the console.
//!
//! Every form ever written stays readable; unknown attributes are ignored, and so are unknown reasons
//! and classes.

use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::id::{AccountName, GoalName, RecordId};
use crate::ledger::correction::Correction;
use crate::ledger::facts::{Click, ClickOrigin, Facts, References};
use crate::ledger::index::Open;
use crate::ledger::observed::Observed;
use crate::ledger::order::OrderKey;
use crate::ledger::row::{BadKey, Row, RowKey};
use crate::ledger::wait::WaitReason;
use crate::money::{Amount, Currency, Money};
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::person::identity::{Identity, Sha256Hash};
use crate::serde_help::is_default;
use crate::time::EventTime;

pub const VERSION: u8 = 1;

/// A row as it is in the table. Times are seconds since 1970, amounts decimal text.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredRow {
    pk: String,
    sk: String,
    v: u8,
    account: AccountName,
    fingerprint: String,
    goal: GoalName,
    occurred_at: EventTime,
    conversion_time: EventTime,
    value: Option<Amount>,
    currency: Option<Currency>,
    msclkid: Option<ClickId>,
    hashed_email: Option<Sha256Hash>,
    hashed_phone: Option<Sha256Hash>,
    clicked_at: Option<EventTime>,
    click_from: Option<ClickOrigin>,
    click_reference: Option<RecordId>,
    #[serde(default, skip_serializing_if = "is_default")]
    refused_clicks: Vec<ClickId>,
    order_key: Option<OrderKey>,
    session_id: Option<RecordId>,
    lead_id: Option<RecordId>,
    cart_id: Option<RecordId>,
    order_id: Option<RecordId>,
    consent: Consent,
    erased_at: Option<EventTime>,
    #[serde(default)]
    corrections: Vec<Correction>,
    desired: u64,
    observed: u64,
    #[serde(default, skip_serializing_if = "is_default")]
    microsoft: Observed,
    open: Option<String>,
    due: Option<EventTime>,
    since: Option<EventTime>,
    reason: Option<WaitReason>,
    recorded_at: EventTime,
    ttl: EventTime,
}

/// A stored row that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    #[error("the row has an unknown version")]
    Version,
    #[error(transparent)]
    Key(#[from] BadKey),
    #[error("the row lacks the attribute {0}")]
    Half(&'static str),
}

/// The attributes of a row's facts that a claim may change: what it is credited to, and its goal.
pub const CHANGEABLE_FACTS: [&str; 9] = [
    "goal",
    "conversionTime",
    "msclkid",
    "hashedEmail",
    "hashedPhone",
    "clickedAt",
    "clickFrom",
    "clickReference",
    "refusedClicks",
];

/// What a claim may change of a row's facts, as attributes of its item; see [`CHANGEABLE_FACTS`].
#[skip_serializing_none]
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredCredit<'a> {
    goal: &'a GoalName,
    conversion_time: EventTime,
    msclkid: Option<&'a ClickId>,
    hashed_email: Option<Sha256Hash>,
    hashed_phone: Option<Sha256Hash>,
    clicked_at: Option<EventTime>,
    click_from: Option<ClickOrigin>,
    click_reference: Option<&'a RecordId>,
    #[serde(skip_serializing_if = "<[ClickId]>::is_empty")]
    refused_clicks: &'a [ClickId],
}

impl<'a> From<&'a Facts> for StoredCredit<'a> {
    fn from(facts: &'a Facts) -> Self {
        let click = facts.click.as_ref();
        StoredCredit {
            goal: &facts.goal,
            conversion_time: facts.conversion_time,
            msclkid: facts.identity.click_id.as_ref(),
            hashed_email: facts.identity.email,
            hashed_phone: facts.identity.phone,
            clicked_at: click.and_then(|click| click.clicked_at),
            click_from: click.map(|click| click.from),
            click_reference: click.and_then(|click| click.reference.as_ref()),
            refused_clicks: &facts.refused_clicks,
        }
    }
}

impl From<&Row> for StoredRow {
    fn from(row: &Row) -> Self {
        let (facts, open) = (&row.facts, row.open.as_ref());
        let click = facts.click.as_ref();
        let references = facts.references.clone();
        StoredRow {
            pk: row.key.pk(),
            sk: row.key.sk().to_owned(),
            v: VERSION,
            account: row.account.clone(),
            fingerprint: facts.fingerprint.clone(),
            goal: facts.goal.clone(),
            occurred_at: facts.occurred_at,
            conversion_time: facts.conversion_time,
            value: facts.money.map(|money| money.amount),
            currency: facts.money.map(|money| money.currency),
            msclkid: facts.identity.click_id.clone(),
            hashed_email: facts.identity.email,
            hashed_phone: facts.identity.phone,
            clicked_at: click.and_then(|click| click.clicked_at),
            click_from: click.map(|click| click.from),
            click_reference: click.and_then(|click| click.reference.clone()),
            refused_clicks: facts.refused_clicks.clone(),
            order_key: facts.order.clone(),
            session_id: references.session,
            lead_id: references.lead,
            cart_id: references.cart,
            order_id: references.order,
            consent: facts.consent,
            erased_at: facts.erased_at,
            corrections: row.corrections.clone(),
            desired: row.desired_revision,
            observed: row.observed_revision,
            microsoft: row.observed.clone(),
            open: open.map(|open| open.class.index_key(&row.key.pk())),
            due: open.map(|open| open.due),
            since: open.map(|open| open.since),
            reason: open.and_then(|open| open.reason),
            recorded_at: row.recorded_at,
            ttl: row.ttl,
        }
    }
}

impl TryFrom<StoredRow> for Row {
    type Error = BadRow;

    fn try_from(stored: StoredRow) -> Result<Self, BadRow> {
        if stored.v != VERSION {
            return Err(BadRow::Version);
        }
        // A value without its currency is an error: guessing here would move money.
        let money = match (stored.value, stored.currency) {
            (Some(amount), Some(currency)) => Some(Money { amount, currency }),
            (None, None) => None,
            (Some(_), None) => return Err(BadRow::Half("currency")),
            (None, Some(_)) => return Err(BadRow::Half("value")),
        };
        let facts = Facts {
            fingerprint: stored.fingerprint,
            goal: stored.goal,
            occurred_at: stored.occurred_at,
            conversion_time: stored.conversion_time,
            money,
            identity: Identity {
                click_id: stored.msclkid,
                email: stored.hashed_email,
                phone: stored.hashed_phone,
            },
            click: stored.click_from.map(|from| Click {
                clicked_at: stored.clicked_at,
                from,
                reference: stored.click_reference,
            }),
            order: stored.order_key,
            references: References {
                session: stored.session_id,
                lead: stored.lead_id,
                cart: stored.cart_id,
                order: stored.order_id,
            },
            refused_clicks: stored.refused_clicks,
            consent: stored.consent,
            erased_at: stored.erased_at,
        };
        Ok(Row {
            key: RowKey::parse(&stored.pk, &stored.sk)?,
            account: stored.account,
            facts,
            corrections: stored.corrections,
            desired_revision: stored.desired,
            observed_revision: stored.observed,
            observed: stored.microsoft,
            open: Open::of_item(stored.open, stored.due, stored.since, stored.reason),
            recorded_at: stored.recorded_at,
            ttl: stored.ttl,
        })
    }
}
