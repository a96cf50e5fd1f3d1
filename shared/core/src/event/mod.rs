//! Events as callers send them, parsed once into types.
//!
//! - `fields` – one event's known fields ([`crate::field`]), each still its raw JSON text
//! - `read` – one field each: ids, names, times, click, person
//! - `money` – value and currency, amount and currency
//! - `landing` – what pages send, read field by field as well: [`Landing`]
//! - `parse` – the rules in order: [`parse_event`]
//! - `fingerprint` – whether two events say the same
//! - `error` – codes callers can rely on

mod error;
mod fields;
mod fingerprint;
mod landing;
mod money;
mod parse;
mod read;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::{ErrorCode, EventError, Rejection};
pub use landing::Landing;
pub use parse::{Parsed, parse_event};

use crate::id::{AccountName, EventName};
use crate::ledger;
use crate::ledger::facts::References;
use crate::ledger::order::OrderKey;
use crate::ledger::row::{PartitionKey, RowKey};
use crate::mapping::GoalRule;
use crate::money::Money;
use crate::person::click_id::ClickId;
use crate::person::consent::Consent;
use crate::person::identity::Sha256Hash;
use crate::time::EventTime;

/// One event, as far as it concerns Microsoft.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Conversion(Conversion),
    Correction(Correction),
    /// Valid, but nothing to store or send.
    Ignored(Ignored),
}

impl Event {
    /// Its source and its own id.
    pub fn id(&self) -> PartitionKey {
        match self {
            Self::Conversion(conversion) => conversion.key.partition_key(),
            Self::Correction(correction) => correction.recorded.id(),
            Self::Ignored(ignored) => ignored.key.partition_key(),
        }
    }
}

/// An event that is answered and dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    pub key: RowKey,
    /// The account, of a conversion that is dropped for want of consent; as far as it is said.
    pub account: Option<AccountName>,
    /// The order, of such a conversion: no other notice of it may be counted. In every account it may
    /// belong to, where none is named.
    pub orders: BTreeMap<AccountName, OrderKey>,
    pub reason: IgnoredReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum IgnoredReason {
    /// The mapping lists its name as of use to analytics only.
    AnalyticsOnly,
    /// The person has not consented. Microsoft's rows have no field for consent, so such events
    /// must not be sent at all.
    ConsentDenied,
}

impl IgnoredReason {
    /// The text in answers: `analytics_only` or `consent_denied`.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A conversion: the facts of the sale or lead, fixed for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// The key of the row that it owns.
    pub key: RowKey,
    /// The account it is sent to: as given, else the only one.
    pub account: AccountName,
    pub occurred_at: EventTime,
    /// The goal it counts for, in that account, by the mapping of the moment.
    pub goal: GoalRule,
    /// Its value: always there on a variable-value goal, never on a goal without value.
    pub value: Option<Money>,
    /// The click itself, where the caller knows it.
    pub msclkid: Option<ClickId>,
    /// The order that it is about, where its goal counts one conversion per order.
    pub order: Option<OrderKey>,
    /// By what its click may be found else.
    pub references: References,
    pub email: Option<Sha256Hash>,
    pub phone: Option<Sha256Hash>,
    /// What the person consented to; never [`Consent::Denied`] here.
    pub consent: Consent,
}

/// A correction of an earlier conversion.
#[derive(Clone, Debug, PartialEq)]
pub struct Correction {
    /// Event name of the mapping, such as `refund`.
    pub event: EventName,
    /// The id of its original, in the source that is given or else its own.
    pub original: PartitionKey,
    /// What is recorded of it with its original.
    pub recorded: ledger::correction::Correction,
}
