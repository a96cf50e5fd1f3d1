//! The JSON that Microsoft's two Apply operations take.
//!
//! Limits and members: learn.microsoft.com/advertising/campaign-management-service/offlineconversion
//! and …/offlineconversionadjustment. One instant is always one text (`2026-04-24T09:42:13Z`):
//! the conversion time is part of Microsoft's duplicate key.

use serde::Serialize;
use serde_json::value::RawValue;

use crate::id::GoalName;
use crate::ledger::facts::Facts;
use crate::ledger::observed::Adjustment;
use crate::money::Money;
use crate::person::identity::Sha256Hash;
use crate::time::EventTime;

/// Rows that one Apply call may carry
/// (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions).
pub const MAX_ROWS: usize = 1_000;

/// Path of the operation that sends conversions.
pub const APPLY_CONVERSIONS: &str = "/CampaignManagement/v13/OfflineConversions/Apply";
/// Path of the operation that corrects them.
pub const APPLY_ADJUSTMENTS: &str = "/CampaignManagement/v13/OfflineConversionAdjustments/Apply";

/// Body of `OfflineConversions/Apply`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyConversions<'a> {
    /// At most [`MAX_ROWS`].
    pub offline_conversions: Vec<OfflineConversion<'a>>,
}

/// Body of `OfflineConversionAdjustments/Apply`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ApplyAdjustments<'a> {
    /// At most [`MAX_ROWS`].
    pub offline_conversion_adjustments: Vec<OfflineConversionAdjustment<'a>>,
}

/// What names a conversion at Microsoft: its duplicate key.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Key<'a> {
    conversion_name: &'a GoalName,
    conversion_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    microsoft_click_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_email_address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hashed_phone_number: Option<String>,
}

impl<'a> Key<'a> {
    fn of(facts: &'a Facts) -> Self {
        let identity = &facts.identity;
        let hex = |hash: Option<&Sha256Hash>| hash.map(Sha256Hash::hex);
        Key {
            conversion_name: &facts.goal,
            conversion_time: facts.conversion_time.to_string(),
            microsoft_click_id: facts.click_id().map(|id| id.as_str()),
            hashed_email_address: hex(identity.email.as_ref()),
            hashed_phone_number: hex(identity.phone.as_ref()),
        }
    }
}

/// One conversion. Always the original value: Microsoft ignores a second Apply of the same key
/// without an error, so a corrected value in here would be lost.
#[derive(Serialize)]
pub struct OfflineConversion<'a> {
    #[serde(flatten)]
    key: Key<'a>,
    #[serde(rename = "ConversionValue", skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(rename = "ConversionCurrencyCode", skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
}

impl<'a> OfflineConversion<'a> {
    /// The conversion that `facts` describe; without a value on a no-value goal.
    pub fn new(facts: &'a Facts) -> Self {
        OfflineConversion {
            key: Key::of(facts),
            value: facts.money.as_ref().map(|money| money.amount.to_json_number()),
            currency: facts.money.as_ref().map(|money| money.currency.as_str()),
        }
    }
}

/// One correction of an earlier conversion.
#[derive(Serialize)]
pub struct OfflineConversionAdjustment<'a> {
    #[serde(flatten)]
    key: Key<'a>,
    #[serde(rename = "AdjustmentType")]
    kind: &'static str,
    #[serde(rename = "AdjustmentTime")]
    time: String,
    #[serde(rename = "AdjustmentValue", skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(rename = "AdjustmentCurrencyCode", skip_serializing_if = "Option::is_none")]
    currency: Option<&'a str>,
}

impl<'a> OfflineConversionAdjustment<'a> {
    /// A Restate carries the absolute net and its currency; a Retract carries neither, because
    /// Microsoft refuses a value there (5624).
    pub fn new(facts: &'a Facts, adjustment: &'a Adjustment, time: EventTime) -> Self {
        let (kind, money): (_, Option<&Money>) = match adjustment {
            Adjustment::Restate(net) => ("Restate", Some(net)),
            Adjustment::Retract => ("Retract", None),
        };
        OfflineConversionAdjustment {
            key: Key::of(facts),
            kind,
            time: time.to_string(),
            value: money.map(|money| money.amount.to_json_number()),
            currency: money.map(|money| money.currency.as_str()),
        }
    }
}
