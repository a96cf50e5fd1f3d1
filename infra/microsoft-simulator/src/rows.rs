//! The rules that conversions and adjustments share: the list, and how a row names its conversion.
//!
//! A list or a time that can't be read fails the whole call; everything else is an error of the row,
//! and a row gets every error that applies.

use std::collections::HashMap;

use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::errors::{ApiFault, BatchError};
use crate::fault_rule::ForcedError;
use crate::limits::{MAX_AGE, MAX_DECIMALS, MAX_ROWS, MAX_VALUE};
use crate::money::Number;
use crate::reason::{PAUSED, Reason};
use crate::scene::Scene;
use crate::settings::{CountType, Goal};
use crate::subject::{Identity, Key, Subject, bare_click_id};
use crate::{instant, money};

/// Ids of Microsoft's samples: never a real click.
const TEST_CLICK_IDS: [&str; 2] = ["Example-123", "01234567890123456789012345678901"];

/// A row of either list; each operation reads the members it knows.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Row {
    pub(crate) conversion_name: Option<String>,
    pub(crate) conversion_time: Option<String>,
    pub(crate) microsoft_click_id: Option<String>,
    hashed_email_address: Option<String>,
    hashed_phone_number: Option<String>,
    pub(crate) conversion_value: Option<Box<RawValue>>,
    pub(crate) conversion_currency_code: Option<String>,
    pub(crate) external_attribution_credit: Option<Box<RawValue>>,
    pub(crate) external_attribution_model: Option<String>,
    pub(crate) adjustment_type: Option<String>,
    pub(crate) adjustment_time: Option<String>,
    pub(crate) adjustment_value: Option<Box<RawValue>>,
    pub(crate) adjustment_currency_code: Option<String>,
}

/// The errors found in a row so far.
pub(crate) struct Findings(Vec<BatchError>);

impl Findings {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn add(&mut self, code: i64, field: &str) {
        self.0.push(BatchError::numbered(code, field));
    }

    pub(crate) fn add_symbol(&mut self, error_code: &str, field: &str) {
        self.0.push(BatchError::symbolic(error_code, field));
    }

    /// The result of the row if no errors were found, else the errors.
    pub(crate) fn result<T>(self, row: Option<T>) -> Result<T, Vec<BatchError>> {
        match row {
            Some(row) if self.0.is_empty() => Ok(row),
            _ => Err(self.0),
        }
    }
}

/// Reads `{"<list>": [row or null, …]}`.
pub(crate) fn read_list(body: &[u8], list: &str) -> Result<Vec<Option<Row>>, ApiFault> {
    let unreadable = |error: serde_json::Error| ApiFault::because(400, 100, error.to_string());
    let request: HashMap<String, Box<RawValue>> =
        serde_json::from_slice(body).map_err(unreadable)?;
    let raw = request.get(list).ok_or_else(|| ApiFault::new(400, 5600))?;
    let rows: Option<Vec<Option<Row>>> = serde_json::from_str(raw.get()).map_err(unreadable)?;
    let rows = rows.filter(|rows| !rows.is_empty()).ok_or_else(|| ApiFault::new(400, 5600))?;
    if rows.len() > MAX_ROWS {
        return Err(ApiFault::new(400, 5601));
    }
    rows.iter().flatten().try_for_each(Row::check_is_readable)?;
    Ok(rows)
}

/// Runs `apply` on each row to which no rule gives an error; returns `PartialErrors`.
pub(crate) fn for_each(
    scene: &Scene<'_>, list: &str, rows: &[Option<Row>],
    mut apply: impl FnMut(&Row) -> Result<(), Vec<BatchError>>,
) -> Vec<BatchError> {
    let mut errors = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if scene.is_forced(index) {
            continue;
        }
        let null = || vec![BatchError::numbered(5602, "")];
        let outcome = row.as_ref().ok_or_else(null).and_then(&mut apply);
        let found = outcome.err().unwrap_or_default();
        errors.extend(found.into_iter().map(|error| error.at(list, index)));
    }
    errors.extend(scene.plan.forced_errors().iter().map(BatchError::from));
    errors
}

impl Scene<'_> {
    /// Whether a fault rule gives the row at this index an error.
    fn is_forced(&self, index: usize) -> bool {
        let index = i64::try_from(index).ok();
        let named = |error: &ForcedError| error.index.is_some() && error.index == index;
        self.plan.forced_errors().iter().any(named)
    }

    /// The code with which a fault rule refuses rows of the goal.
    fn refusal_of(&self, goal: &str) -> Option<i64> {
        let refused = self.plan.refused_goals.iter().find(|(name, _)| name == goal)?;
        Some(refused.1)
    }

    /// The reason for which a fault rule makes rows of the goal come to nothing.
    fn loss_of(&self, goal: &str) -> Option<Reason> {
        let lost = self.plan.lost_goals.iter().find(|(name, _)| name == goal)?;
        Some(lost.1)
    }

    /// Reads and checks the members that name the row's conversion.
    pub(crate) fn subject(&self, row: &Row, findings: &mut Findings) -> Option<(Subject, &Goal)> {
        let goal = self.goal(row, findings);
        let at = self.conversion_time(row, findings);
        let identity = identity(row, goal, findings);
        let (goal, at, identity) = (goal?, at?, identity?);
        let key = Key {
            account: self.account.account_id.clone(),
            identity,
            goal_id: goal.id.clone(),
            at,
        };
        let subject = Subject {
            key,
            goal: goal.name.clone(),
            click_id: row.click_id().map(str::to_owned),
            hashes: if goal.enhanced_conversions { row.hashes() } else { Vec::new() },
            counts_once: goal.count_type == CountType::Unique,
            lost: goal.paused.then_some(PAUSED).or_else(|| self.loss_of(&goal.name)),
        };
        Some((subject, goal))
    }

    fn goal(&self, row: &Row, findings: &mut Findings) -> Option<&Goal> {
        let Some(name) = filled(&row.conversion_name) else {
            findings.add(5605, "ConversionName");
            return None;
        };
        if let Some(code) = self.refusal_of(name) {
            findings.add(code, "ConversionName");
            return None;
        }
        let goal = self.account.goals.iter().find(|goal| goal.name == name);
        if goal.is_none() {
            findings.add(5606, "ConversionName");
        }
        goal
    }

    fn conversion_time(&self, row: &Row, findings: &mut Findings) -> Option<OffsetDateTime> {
        let Some(at) = filled(&row.conversion_time).and_then(instant::parse) else {
            findings.add(5608, "ConversionTime");
            return None;
        };
        if at > self.now {
            findings.add(5614, "ConversionTime");
        } else if self.now - at > MAX_AGE {
            findings.add(5609, "ConversionTime");
        }
        Some(at)
    }
}

impl Row {
    fn click_id(&self) -> Option<&str> {
        filled(&self.microsoft_click_id)
    }

    fn hashes(&self) -> Vec<String> {
        let hashes = [&self.hashed_email_address, &self.hashed_phone_number];
        hashes.into_iter().filter_map(filled).map(str::to_owned).collect()
    }

    /// A time that can't be read, or a value that is no JSON number, fails the call. An empty time is
    /// only an error of the row.
    fn check_is_readable(&self) -> Result<(), ApiFault> {
        match filled(&self.conversion_time) {
            Some(text) if instant::parse(text).is_none() => {
                return Err(ApiFault::because(400, 113, format!("ConversionTime: {text}")));
            }
            _ => {}
        }
        let numbers =
            [&self.conversion_value, &self.adjustment_value, &self.external_attribution_credit];
        for raw in numbers.into_iter().flatten() {
            if money::parse(raw).is_none() {
                return Err(ApiFault::because(400, 100, format!("not a number: {raw}")));
            }
        }
        Ok(())
    }
}

/// A member that is present and not blank.
pub(crate) fn filled(member: &Option<String>) -> Option<&str> {
    member.as_deref().filter(|text| !text.trim().is_empty())
}

fn identity(row: &Row, goal: Option<&Goal>, findings: &mut Findings) -> Option<Identity> {
    let enhanced = goal.is_none_or(|goal| goal.enhanced_conversions);
    if enhanced {
        check_hashes(row, findings);
    }
    if let Some(click_id) = row.click_id() {
        if !is_click_id(click_id) {
            findings.add(5604, "MicrosoftClickId");
        }
        return Some(Identity::Click(bare_click_id(click_id)));
    }
    let email = filled(&row.hashed_email_address).map(str::to_owned);
    let phone = filled(&row.hashed_phone_number).map(str::to_owned);
    if email.is_none() && phone.is_none() {
        findings.add(5603, "MicrosoftClickId");
    } else if !enhanced {
        findings.add_symbol("NotEligibleForEnhancedConversions", "ConversionName");
    }
    Some(Identity::Hashes(email, phone))
}

fn check_hashes(row: &Row, findings: &mut Findings) {
    if filled(&row.hashed_email_address).is_some_and(|hash| !is_hash(hash)) {
        findings.add_symbol("ConversionEmailAddressIsNotHashed", "HashedEmailAddress");
    }
    if filled(&row.hashed_phone_number).is_some_and(|hash| !is_hash(hash)) {
        findings.add_symbol("ConversionPhoneNumberIsNotHashed", "HashedPhoneNumber");
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// Published samples have 32, 29 or, with dashes, 36 characters; similar lengths are accepted.
fn is_click_id(text: &str) -> bool {
    let bare = text.replace('-', "");
    let in_range = (16..=64).contains(&bare.len());
    let is_sample = TEST_CLICK_IDS.contains(&text);
    in_range && !is_sample && bare.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Checks a value, if there is one.
pub(crate) fn value(
    raw: Option<&RawValue>, field: &str, findings: &mut Findings,
) -> Option<Decimal> {
    let amount = match money::parse(raw?)? {
        Number::Exact(amount) if is_value(amount) => Some(amount),
        Number::Exact(_) | Number::TooLong => None,
    };
    if amount.is_none() {
        findings.add(5610, field);
    }
    amount
}

/// Checks a currency, if there is one, against ISO 4217: Microsoft's own list is out of date.
pub(crate) fn currency(
    code: &Option<String>, field: &str, findings: &mut Findings,
) -> Option<String> {
    let code = filled(code)?;
    if Currency::from_code(code).is_none() {
        findings.add(5611, field);
    }
    Some(code.to_owned())
}

fn is_value(amount: Decimal) -> bool {
    let in_range = !amount.is_sign_negative() || amount.is_zero();
    in_range && amount <= MAX_VALUE.into() && amount.normalize().scale() <= MAX_DECIMALS
}
