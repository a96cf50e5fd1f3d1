//! The names of an event's and a landing's fields.

use serde::{Deserialize, Deserializer};

macro_rules! fields {
    ($($name:ident => $text:literal,)*) => {
        /// A field of an event or a landing, as the mapping's `required` lists name those of events.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(missing_docs, reason = "each is named like its field")]
        pub enum Field { $($name,)* }

        impl Field {
            pub(super) const COUNT: usize = [$(Self::$name,)*].len();

            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            pub(super) fn parse(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

fields! {
    Event => "event",
    EventId => "eventId",
    Source => "source",
    OccurredAt => "occurredAt",
    Value => "value",
    Currency => "currency",
    Account => "account",
    Msclkid => "msclkid",
    SessionId => "sessionId",
    LeadId => "leadId",
    CartId => "cartId",
    OrderId => "orderId",
    Email => "email",
    Phone => "phone",
    HashedEmail => "hashedEmail",
    HashedPhone => "hashedPhone",
    Consent => "consent",
    Original => "original",
    Amount => "amount",
    NewValue => "newValue",
    LandingUrl => "landingUrl",
    LandedAt => "landedAt",
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let unknown = || serde::de::Error::custom("is no field of an event");
        let of_event = |field: &Self| !matches!(field, Self::LandingUrl | Self::LandedAt);
        Self::parse(&name).filter(of_event).ok_or_else(unknown)
    }
}
