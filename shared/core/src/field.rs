//! The names of an event's and a landing's fields.

use serde::Deserialize;
use strum::IntoStaticStr;

/// A field of an event or a landing, as the mapping's `required` lists name those of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, IntoStaticStr)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum Field {
    Event,
    EventId,
    Source,
    OccurredAt,
    Value,
    Currency,
    Account,
    Msclkid,
    SessionId,
    LeadId,
    CartId,
    OrderId,
    Email,
    Phone,
    HashedEmail,
    HashedPhone,
    Consent,
    Original,
    Amount,
    NewValue,
    #[serde(skip_deserializing)]
    LandingUrl,
    #[serde(skip_deserializing)]
    LandedAt,
}

impl Field {
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
