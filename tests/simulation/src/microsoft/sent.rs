//! Rows as Microsoft gets them.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decimal::thousandths;

/// A row of either operation, as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Sent {
    /// The goal's name.
    pub conversion_name: String,
    /// When it happened.
    pub conversion_time: String,
    #[serde(default)]
    pub(super) microsoft_click_id: Option<String>,
    #[serde(default)]
    hashed_email_address: Option<String>,
    #[serde(default)]
    hashed_phone_number: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) conversion_value: Option<String>,
    #[serde(default)]
    pub(super) conversion_currency_code: Option<String>,
    #[serde(default)]
    pub(super) adjustment_type: Option<String>,
    #[serde(default)]
    pub(super) adjustment_time: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub(super) adjustment_value: Option<String>,
    #[serde(default)]
    pub(super) adjustment_currency_code: Option<String>,
    /// Our name of the account it was sent for.
    #[serde(skip)]
    pub account: String,
    /// The environment and ad account it was sent to.
    #[serde(skip)]
    pub place: String,
}

fn text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<Box<RawValue>>::deserialize(deserializer)
        .map(|raw| raw.map(|raw| raw.get().to_owned()))
}

impl Sent {
    /// What Microsoft knows the person and second by, in our account.
    #[must_use]
    pub fn person(&self) -> String {
        let hashes = || {
            let hash = |hash: &Option<String>| hash.clone().unwrap_or_default();
            format!("{}/{}", hash(&self.hashed_email_address), hash(&self.hashed_phone_number))
        };
        let id = self.microsoft_click_id.as_ref().map_or_else(hashes, |id| id.to_lowercase());
        format!("{} {id} {}", self.account, self.conversion_time)
    }

    /// Whether it is an adjustment.
    #[must_use]
    pub fn is_adjustment(&self) -> bool {
        self.adjustment_type.is_some()
    }

    /// For this account, to this place.
    #[must_use]
    pub fn addressed(self, account: &str, place: &str) -> Self {
        Sent { account: account.to_owned(), place: place.to_owned(), ..self }
    }

    /// Another value of the original.
    #[must_use]
    pub fn with_value(mut self, value: String) -> Self {
        self.conversion_value = self.conversion_value.map(|_| value);
        self
    }

    /// The original value, in thousandths.
    #[must_use]
    pub fn original_value(&self) -> Option<i64> {
        self.conversion_value.as_deref().map(thousandths)
    }

    /// The net in thousandths, if it is none of a Retract, and the time of an adjustment.
    #[must_use]
    pub fn adjustment(&self) -> Option<(Option<i64>, &str)> {
        let value = self.adjustment_value.as_deref().map(thousandths);
        self.adjustment_time.as_deref().map(|time| (value, time))
    }

    /// For the trace.
    #[must_use]
    pub fn describe(&self) -> String {
        match (&self.adjustment_type, &self.adjustment_value) {
            (Some(kind), Some(value)) => format!("{kind} {value}"),
            (Some(kind), None) => kind.clone(),
            (None, _) => format!(
                "Apply \"{}\" of {} {}",
                self.conversion_name,
                self.microsoft_click_id.as_deref().unwrap_or("hashes"),
                self.conversion_value.as_deref().unwrap_or("-"),
            ),
        }
    }
}
