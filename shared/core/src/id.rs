//! Names and ids that callers, mappings and stores agree on.

use std::{cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::text::{says_nothing, stands_for_nothing, trim};

/// The text breaks the rule of its kind. It does not carry the text: an e-mail address given as
/// an id would end in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be {rule}")]
pub struct IdError {
    rule: &'static str,
}

/// The first 16 bytes of a SHA-256, as 32 lower-case hex digits.
pub fn short_hash(text: impl AsRef<[u8]>) -> String {
    hex::encode(short_digest(text))
}

pub(crate) fn short_digest(text: impl AsRef<[u8]>) -> [u8; 16] {
    let mut first = [0; 16];
    first.copy_from_slice(&Sha256::digest(text)[..16]);
    first
}

/// Compares ids with their digits read as numbers (`edit-9` before `edit-10`), then by their bytes,
/// so that no two different ids are equal.
pub fn compare_naturally(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let order = match (next_part(&mut left), next_part(&mut right)) {
            (None, None) => return a.cmp(b),
            (one, other) => one.cmp(&other),
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Cuts the next number, or the text before it, off `rest`.
fn next_part<'a>(rest: &mut &'a str) -> Option<Part<'a>> {
    let first = rest.chars().next()?;
    let is_number = first.is_ascii_digit();
    let end = rest.find(|c: char| c.is_ascii_digit() != is_number).unwrap_or(rest.len());
    let (part, after) = rest.split_at(end);
    *rest = after;
    Some(if is_number {
        let digits = part.trim_start_matches('0');
        Part::Number(digits.len(), digits)
    } else {
        Part::Text(part)
    })
}

/// A longer number without leading zeros is the larger one; of equal length, digits decide.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Number(usize, &'a str),
    Text(&'a str),
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $check:path, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            #[doc = concat!("Takes the text if it is ", $rule, ".")]
            pub fn parse(text: &str) -> Result<Self, IdError> {
                text.to_owned().try_into()
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        /// So that a `&str` finds an entry in maps keyed by it.
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                if $check(&text) { Ok(Self(text)) } else { Err(IdError { rule: $rule }) }
            }
        }
    };
}

text_type!(
    /// Id of an event, session, lead, cart or order in the caller's system.
    ///
    /// No e-mail addresses (`@`), since ids end in queues and logs; nothing that needs escaping in
    /// JSON. What comes from outside is read with [`RecordId::of_event`], [`RecordId::of_record`] and
    /// [`RecordId::of_cart`].
    RecordId,
    is_record_id,
    "1 to 128 visible ASCII characters without @ \" ' \\"
);

impl RecordId {
    /// Reads the id of an event, which is also a part of addresses: it holds nothing that a gateway
    /// decodes or cuts in a path (`?`, `#`, `%`). A word for a missing value would make one event of
    /// all that a source sends.
    pub fn of_event(text: &str) -> Result<Self, IdError> {
        let text = trim(text);
        if stands_for_nothing(text) {
            return Err(IdError { rule: "more than what stands for a missing value" });
        }
        if text.contains(['?', '#', '%']) {
            return Err(IdError {
                rule: "1 to 128 visible ASCII characters without @ \" ' \\ ? # %",
            });
        }
        Self::parse(text)
    }

    /// Reads the id of a session, lead or order; blanks and invisible characters around it don't
    /// count. What stands for a missing value is no id: everybody would share it, and with it clicks
    /// and sales.
    pub fn of_record(text: &str) -> Result<Self, IdError> {
        if says_nothing(text) {
            return Err(IdError { rule: "more than what stands for a missing value" });
        }
        Self::parse(trim(text))
    }

    /// Reads the id of a cart, like [`RecordId::of_record`]. Shopify's carts have a secret behind a
    /// `?`, which is not always sent along: it is cut.
    pub fn of_cart(text: &str) -> Result<Self, IdError> {
        Self::of_record(text.split('?').next().unwrap_or(text))
    }
}

text_type!(
    /// The system an event comes from, such as `shop`: one space of event ids.
    Source,
    is_plain_name,
    "1 to 64 characters of A-Z a-z 0-9 . _ -"
);
text_type!(
    /// Our name of a Microsoft Advertising account, such as `main`; its secret is named after it.
    AccountName,
    is_plain_name,
    "1 to 64 characters of A-Z a-z 0-9 . _ -"
);
text_type!(
    /// Name of an event in the mapping, such as `purchase`.
    EventName,
    is_plain_name,
    "1 to 64 characters of A-Z a-z 0-9 . _ -"
);
text_type!(
    /// Name of an offline conversion goal, exactly as at Microsoft, case and spaces included;
    /// at most 100 characters
    /// (learn.microsoft.com/advertising/campaign-management-service/conversiongoal).
    GoalName,
    is_goal_name,
    "1 to 100 characters, none of them a control character, not only blanks"
);

fn is_record_id(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_graphic() && !br#"@"'\"#.contains(&b);
    (1..=128).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_plain_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn is_goal_name(text: &str) -> bool {
    let length = text.chars().take(101).count();
    length <= 100 && !text.trim().is_empty() && !text.contains(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_ids() {
        for good in ["4711", "a/b/c", "x".repeat(128).as_str(), "4711-r1:~`!$&()*+,;=<>[]^{|}"] {
            assert!(RecordId::parse(good).is_ok(), "{good}");
        }
        let long = "x".repeat(129);
        for bad in ["", "a b", "a@b", "a\"", "a'", "a\\", "ä", "a\u{7f}", "a\n", &long] {
            assert!(RecordId::parse(bad).is_err(), "{bad}");
        }
        for only_of_records in ["#1001", "a%7Cb", "a?b"] {
            assert!(RecordId::parse(only_of_records).is_ok(), "{only_of_records}");
            assert!(RecordId::of_event(only_of_records).is_err(), "{only_of_records}");
        }
        assert_eq!(RecordId::of_event("\u{feff}4711\n"), RecordId::parse("4711"));
        for nothing in ["undefined", "null", "{{order_id}}", "N/A"] {
            assert!(RecordId::of_event(nothing).is_err(), "{nothing}");
        }
        assert_eq!(RecordId::of_event("0"), RecordId::parse("0"));
        assert_eq!(RecordId::of_cart("token?key=secret"), RecordId::parse("token"));
        for nothing in ["?key=secret", "undefined", " NULL", "None", "n/a", "NaN", "(not set)", ""]
        {
            assert!(RecordId::of_cart(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn names() {
        assert!(Source::parse("shop.eu_1-a").is_ok());
        assert!(Source::parse("").is_err());
        assert!(Source::parse("shop eu").is_err());
        assert!(Source::parse(&"s".repeat(65)).is_err());
        assert!(GoalName::parse("Closed Deal – Ü").is_ok());
        assert!(GoalName::parse(&"ü".repeat(100)).is_ok());
        assert!(GoalName::parse(&"ü".repeat(101)).is_err());
        assert!(GoalName::parse("  ").is_err());
    }

    #[test]
    fn reading_back_checks_the_rule() {
        let id: RecordId = serde_json::from_str("\"4711\"").expect("valid");
        assert_eq!(serde_json::to_string(&id).expect("text"), "\"4711\"");
        assert!(serde_json::from_str::<RecordId>("\"jane@x.com\"").is_err());
    }

    #[test]
    fn an_error_does_not_repeat_the_text() {
        let error = RecordId::parse("jane@contoso.com").expect_err("an e-mail address");
        assert!(!format!("{error} {error:?}").contains("jane"));
    }
}
