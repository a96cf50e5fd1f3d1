//! The stored form of a row: flat, with attribute names an operator can read in the console.
//!
//! Every form ever written stays readable; unknown attributes are ignored. Half a conversion is an
//! error, never an orphan: guessing here would move money.

use serde::{Deserialize, Serialize};

use crate::{
    id::{AccountName, GoalName, RecordId},
    ledger::{
        correction::Correction,
        facts::{Click, ClickOrigin, Facts, References},
        index::Open,
        observed::Observed,
        row::{BadKey, Row, RowKey},
        wait::WaitReason,
    },
    money::{Amount, Currency, Money},
    person::{
        click_id::ClickId,
        consent::Consent,
        identity::{Identity, Sha256Hash},
    },
    serde_help::{is_false, is_zero},
    time::EventTime,
};

/// Version of the stored form.
pub const VERSION: u8 = 1;

/// A row as it stands in the table. Times are seconds since 1970, amounts decimal text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredRow {
    pk: String,
    sk: String,
    v: u8,
    account: AccountName,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    goal: Option<GoalName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    occurred_at: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversion_time: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<Currency>,
    #[serde(skip_serializing_if = "Option::is_none")]
    msclkid: Option<ClickId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_email: Option<Sha256Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_phone: Option<Sha256Hash>,
    #[serde(default, skip_serializing_if = "is_false")]
    bare: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    clicked_at: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_from: Option<ClickOrigin>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_reference: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lead_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cart_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<RecordId>,
    /// The event's own word; given when it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<Consent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_at: Option<EventTime>,
    #[serde(default)]
    corrections: Vec<Correction>,
    desired: u64,
    #[serde(default)]
    observed: u64,
    #[serde(default, skip_serializing_if = "Observed::is_empty")]
    microsoft: Observed,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<WaitReason>,
    #[serde(default, skip_serializing_if = "is_zero")]
    waits: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded_at: Option<EventTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<EventTime>,
}

/// A stored row that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRow {
    /// It was written by a newer version of this software.
    #[error("the row has an unknown version")]
    Version,
    /// Its key is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// Attributes that belong together are not all there.
    #[error("the row lacks the attribute {0}")]
    Half(&'static str),
}

impl From<&Row> for StoredRow {
    fn from(row: &Row) -> Self {
        let facts = row.facts.as_ref();
        let identity = facts.map(|facts| &facts.identity);
        let click = facts.and_then(|facts| facts.click.as_ref());
        let references = facts.map(|facts| facts.references.clone()).unwrap_or_default();
        let money = facts.and_then(|facts| facts.money);
        StoredRow {
            pk: row.key.pk(),
            sk: row.key.sk().to_owned(),
            v: VERSION,
            account: row.account.clone(),
            fingerprint: facts.map(|facts| facts.fingerprint.clone()),
            goal: facts.map(|facts| facts.goal.clone()),
            occurred_at: facts.map(|facts| facts.occurred_at),
            conversion_time: facts.map(|facts| facts.conversion_time),
            value: money.map(|money| money.amount),
            currency: money.map(|money| money.currency),
            msclkid: identity.and_then(|identity| identity.click_id.clone()),
            hashed_email: identity.and_then(|identity| identity.email),
            hashed_phone: identity.and_then(|identity| identity.phone),
            bare: facts.is_some_and(|facts| facts.bare),
            clicked_at: click.and_then(|click| click.clicked_at),
            click_from: click.map(|click| click.from),
            click_reference: click.and_then(|click| click.reference.clone()),
            session_id: references.session,
            lead_id: references.lead,
            cart_id: references.cart,
            order_id: references.order,
            consent: facts.and_then(|facts| facts.consent),
            erased_at: facts.and_then(|facts| facts.erased_at),
            corrections: row.corrections.clone(),
            desired: row.desired_revision,
            observed: row.observed_revision,
            microsoft: row.observed.clone(),
            open: row.open.as_ref().map(|open| open.class.clone()),
            due: row.open.as_ref().map(|open| open.due),
            reason: row.open.as_ref().and_then(|open| open.reason),
            waits: row.waits,
            recorded_at: row.recorded_at,
            ttl: row.ttl,
        }
    }
}

impl TryFrom<StoredRow> for Row {
    type Error = BadRow;

    fn try_from(mut stored: StoredRow) -> Result<Self, BadRow> {
        if stored.v != VERSION {
            return Err(BadRow::Version);
        }
        let key = RowKey::parse(&stored.pk, &stored.sk)?;
        let facts = stored.take_facts()?;
        let open = match (stored.open, stored.due) {
            (Some(class), Some(due)) => Some(Open { class, due, reason: stored.reason }),
            _ => None,
        };
        Ok(Row {
            key,
            account: stored.account,
            facts,
            corrections: stored.corrections,
            desired_revision: stored.desired,
            observed_revision: stored.observed,
            observed: stored.microsoft,
            open,
            waits: stored.waits,
            recorded_at: stored.recorded_at,
            ttl: stored.ttl,
        })
    }
}

impl StoredRow {
    /// The facts; none if there is no goal, which is what makes a row an orphan.
    fn take_facts(&mut self) -> Result<Option<Facts>, BadRow> {
        let Some(goal) = self.goal.take() else {
            return if self.has_facts() { Err(BadRow::Half("goal")) } else { Ok(None) };
        };
        Ok(Some(Facts {
            fingerprint: self.fingerprint.take().ok_or(BadRow::Half("fingerprint"))?,
            goal,
            occurred_at: self.occurred_at.ok_or(BadRow::Half("occurredAt"))?,
            conversion_time: self.conversion_time.ok_or(BadRow::Half("conversionTime"))?,
            money: self.money()?,
            identity: Identity {
                click_id: self.msclkid.take(),
                email: self.hashed_email,
                phone: self.hashed_phone,
            },
            bare: self.bare,
            click: self.take_click(),
            references: References {
                session: self.session_id.take(),
                lead: self.lead_id.take(),
                cart: self.cart_id.take(),
                order: self.order_id.take(),
            },
            consent: self.consent,
            erased_at: self.erased_at,
        }))
    }

    fn take_click(&mut self) -> Option<Click> {
        let from = self.click_from?;
        let reference = self.click_reference.take();
        Some(Click { clicked_at: self.clicked_at, from, reference })
    }

    fn has_facts(&self) -> bool {
        self.fingerprint.is_some()
            || self.occurred_at.is_some()
            || self.conversion_time.is_some()
            || self.value.is_some()
            || self.currency.is_some()
            || self.msclkid.is_some()
    }

    fn money(&self) -> Result<Option<Money>, BadRow> {
        match (self.value, self.currency) {
            (Some(amount), Some(currency)) => Ok(Some(Money { amount, currency })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(BadRow::Half("currency")),
            (None, Some(_)) => Err(BadRow::Half("value")),
        }
    }
}
