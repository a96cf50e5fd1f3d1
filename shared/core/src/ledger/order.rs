//! One order, one conversion: which event speaks for an order, and what leads from the other notices
//! of the order to its row.
//!
//! What these items mean is decided in [`crate::reconcile::orders`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_with::{DeserializeFromStr, SerializeDisplay};

use crate::id::{AccountName, EventName, Source, short_digest};
use crate::ledger::key::{BadKey, RowKey};
use crate::text::trim;
use crate::time::EventTime;

/// The sort key of every order claim.
pub const SORT_KEY: &str = "order";

/// What an order's claim has in place of its owner, if an event of the order denied consent.
const DENIED: &str = "denied";

/// Names an order of one goal in one account: the first 16 bytes of a SHA-256, as 32 hex digits.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderKey(#[serde(with = "hex")] [u8; 16]);

impl OrderKey {
    /// The order that an event's `orderId` names. `goal` is the goal's key in the mapping, so that a
    /// goal that is renamed at Microsoft stays the same. `own` is the event's source, where the order
    /// numbers of that source are its own. `None` for an empty number.
    ///
    /// Any text is a number here, also one that no id may be; blanks and invisible characters around
    /// it don't count.
    pub fn new(
        account: &AccountName, goal: &str, own: Option<&Source>, number: &str,
    ) -> Option<Self> {
        let number = trim(number);
        if number.is_empty() {
            return None;
        }
        // A goal's key may hold anything, so the lengths say where the parts end.
        let own = own.map_or("", Source::as_str);
        let text = format!("{account} {own} {} {goal} {number}", goal.len());
        Some(OrderKey(short_digest(text)))
    }

    /// The partition key of its claim: `order <hash>`.
    pub fn pk(&self) -> String {
        format!("order {self}")
    }
}

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub enum OrderOwner {
    /// The event that came first; its row may not be written yet.
    Row(RowKey),
    /// An event whose person denied consent: nothing of the order is stored.
    Denied,
}

impl FromStr for OrderOwner {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        if text == DENIED {
            return Ok(OrderOwner::Denied);
        }
        let (pk, sk) = text.rsplit_once(' ').ok_or(BadKey)?;
        RowKey::parse(pk, sk).map(OrderOwner::Row)
    }
}

/// The stored text: `denied`, or the row's `pk` and `sk`.
impl fmt::Display for OrderOwner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrderOwner::Denied => f.write_str(DENIED),
            OrderOwner::Row(key) => write!(f, "{} {}", key.pk(), key.sk()),
        }
    }
}

/// The claim of an order. It is never given back; an owner that wrote no row may be replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderClaim {
    pub owner: OrderOwner,
    /// When the owner began to write its row.
    pub claimed_at: EventTime,
}

/// Leads from a notice of an order that came second to the order's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameOrder {
    pub event: EventName,
    pub row: RowKey,
    /// Whether the notice came by a key that covers the row: only then the row takes the corrections
    /// that wait under the notice's id.
    pub covered: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(account: &str, goal: &str, own: Option<&str>, number: &str) -> Option<OrderKey> {
        let own: Option<Source> = own.map(|own| own.parse().expect("a source"));
        OrderKey::new(&account.parse().expect("an account"), goal, own.as_ref(), number)
    }

    #[test]
    fn blanks_around_a_number_don_t_count_and_an_empty_one_is_none() {
        assert_eq!(key("main", "purchase", None, " 4711\t"), key("main", "purchase", None, "4711"));
        assert_eq!(key("main", "purchase", None, "  "), None);
        let odd = key("main", "purchase", None, "jane@example.com #1");
        assert_eq!(odd.expect("any text will do").pk().len(), "order ".len() + 32);
    }

    #[test]
    fn orders_are_told_apart_by_account_goal_source_and_number() {
        let others = [
            key("eu", "purchase", None, "4711"),
            key("main", "lead", None, "4711"),
            key("main", "purchase", Some("shop"), "4711"),
            key("main", "purchase", Some("crm"), "4711"),
            key("main", "purchase", None, "4712"),
            key("main", "a", None, "b c"),
            key("main", "a b", None, "c"),
        ];
        let keys: std::collections::BTreeSet<_> = others.iter().flatten().collect();
        assert_eq!(keys.len(), others.len());
        assert!(!keys.contains(&key("main", "purchase", None, "4711").expect("a key")));
    }

    #[test]
    fn owners_and_keys_are_read_back() {
        let row = RowKey {
            source: "shop".parse().expect("a source"),
            event_id: "2026/4711".parse().expect("an id"),
            event: "purchase".parse().expect("an event"),
        };
        for owner in [OrderOwner::Row(row), OrderOwner::Denied] {
            assert_eq!(owner.to_string().parse(), Ok(owner));
        }
        for bad in ["", "somebody", "event shop purchase"] {
            assert_eq!(bad.parse::<OrderOwner>(), Err(BadKey), "{bad}");
        }
        let key = key("main", "purchase", None, "4711").expect("a key");
        let text = serde_json::to_string(&key).expect("text");
        assert_eq!(serde_json::from_str::<OrderKey>(&text).expect("a key"), key);
        assert!(serde_json::from_str::<OrderKey>("\"4711\"").is_err());
    }
}
