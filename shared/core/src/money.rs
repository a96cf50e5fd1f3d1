//! Money: an exact decimal amount and its currency, never a binary float.
//!
//! Limits of a conversion's value: 0 to 999,999,999,999 with at most three decimals
//! (learn.microsoft.com/advertising/campaign-management-service/offlineconversion and the column
//! descriptions of the offline conversion file).

use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

#[cfg(test)]
mod tests;

pub const MAX_DECIMALS: u32 = 3;

/// Largest amount, in units of the currency.
pub const MAX_AMOUNT: i64 = 999_999_999_999;

/// Why a number is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("is not a plain decimal number such as 129.95")]
    NotANumber,
    #[error("is negative")]
    Negative,
    #[error("is above 999,999,999,999")]
    TooLarge,
    #[error("has more than 3 decimals")]
    TooManyDecimals,
}

/// An amount from 0 to 999,999,999,999 with at most three decimals, without trailing zeros.
///
/// Stored as a string (`"10.5"`), since stores and JSON readers turn numbers into binary floats;
/// on the wire it is a bare JSON number: [`JsonAmount`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(Decimal);

impl Amount {
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Reads the text of a JSON number token (`10.50`, `1e3`) exactly.
    pub fn from_json(token: &str) -> Result<Self, AmountError> {
        match Self::rounded(token)? {
            (amount, true) => Ok(amount),
            (_, false) => Err(AmountError::TooManyDecimals),
        }
    }

    /// Reads the text of a JSON number token, rounded half up to [`MAX_DECIMALS`] decimals, and says
    /// whether it was exact: sums of binary floats end in digits that nobody has paid
    /// (`836.9999999999998`).
    pub fn rounded(token: &str) -> Result<(Self, bool), AmountError> {
        let number = Token::split(token).ok_or(AmountError::NotANumber)?;
        let (thousandths, is_exact) = number.thousandths()?;
        if number.negative && thousandths != 0 {
            return Err(AmountError::Negative);
        }
        let amount = Self::try_from_decimal(Decimal::new(thousandths, MAX_DECIMALS))?;
        Ok((amount, is_exact))
    }

    /// Takes a decimal that is within the limits as it is.
    pub fn try_from_decimal(value: Decimal) -> Result<Self, AmountError> {
        let value = value.normalize();
        if value.is_sign_negative() && !value.is_zero() {
            return Err(AmountError::Negative);
        }
        if value > Decimal::from(MAX_AMOUNT) {
            return Err(AmountError::TooLarge);
        }
        if value.scale() > MAX_DECIMALS {
            return Err(AmountError::TooManyDecimals);
        }
        Ok(Self(value))
    }

    /// The amount as a decimal, for sums that may fall below zero.
    pub fn decimal(self) -> Decimal {
        self.0
    }

    /// The amount as a bare JSON number with exactly its digits.
    pub fn to_json_number(self) -> Box<RawValue> {
        RawValue::from_string(self.to_string()).expect("a decimal's text is a JSON number")
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The stored form: a string.
impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_json(&text).map_err(de::Error::custom)
    }
}

/// An amount on the wire: a bare JSON number with exact digits. For `serde_json` only: other
/// serialisers don't know its raw values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonAmount(pub Amount);

impl Serialize for JsonAmount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.to_json_number().serialize(serializer)
    }
}

/// An active ISO 4217 code, such as `USD`; written in upper case.
///
/// Microsoft publishes a list of its own that still has codes withdrawn years ago and lacks newer
/// ones, so ISO 4217 decides here
/// (learn.microsoft.com/advertising/guides/currencies).
///
/// A stored code is read even if it was withdrawn since: a row must stay readable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Currency(iso_currency::Currency);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not an ISO 4217 currency code such as USD")]
pub struct CurrencyError;

impl Currency {
    /// Reads the code, in either case, of a currency in which something can be sold.
    ///
    /// Funds codes (`CLF`, `UYI`, …) count: contracts are priced in them. Metals, accounting and
    /// test codes (`XAU`, `XDR`, `XTS`, `XXX`) don't, nor do withdrawn codes (`HRK`): a shop that
    /// still sends one most likely mislabels its money.
    pub fn parse(code: &str) -> Result<Self, CurrencyError> {
        use iso_currency::Currency as Iso;
        let found = Iso::from_code(&code.to_ascii_uppercase()).ok_or(CurrencyError)?;
        // The crate calls VES superseded by VED; in ISO 4217 both are active.
        let withdrawn = found.is_superseded().is_some() && found != Iso::VES;
        if withdrawn || found.is_special() {
            return Err(CurrencyError);
        }
        Ok(Self(found))
    }

    /// Half of the smallest unit in which the currency is paid: 0.005 of euros, 0.5 of yen.
    pub fn half_of_smallest_unit(self) -> Decimal {
        let decimals = self.0.exponent().map_or(2, u32::from);
        Decimal::new(5, decimals + 1)
    }

    /// The three upper-case letters.
    pub fn as_str(self) -> &'static str {
        self.0.code()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in a currency. There is no amount without one: a goal's default currency would turn
/// euros into dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

/// `129.95 USD`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// The parts of a JSON number token.
struct Token<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i64,
}

impl<'a> Token<'a> {
    /// RFC 8259 section 6: `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`.
    fn split(token: &'a str) -> Option<Self> {
        let (negative, rest) = match token.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, token),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((whole, fraction)) if all_digits(fraction) => (whole, fraction),
            Some(_) => return None,
            None => (mantissa, ""),
        };
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        (all_digits(whole) && !leading_zero).then_some(Self { negative, whole, fraction, exponent })
    }

    /// The absolute value in thousandths, rounded half up, and whether it is exact; cheap however
    /// long the number or its exponent.
    fn thousandths(&self) -> Result<(i64, bool), AmountError> {
        let digits = || self.whole.bytes().chain(self.fraction.bytes());
        let length = self.whole.len() + self.fraction.len();
        let Some(first) = digits().position(|d| d != b'0') else {
            return Ok((0, true));
        };
        let zeros_after = digits().rev().take_while(|&d| d == b'0').count();
        let significant = length - first - zeros_after;
        // value = significant digits × 10^power
        let power = self.exponent + as_i64(zeros_after) - as_i64(self.fraction.len());
        if as_i64(significant) + power > 12 {
            return Err(AmountError::TooLarge);
        }
        let shift = power + i64::from(MAX_DECIMALS);
        let mut digits = digits().skip(first).take(significant).map(|d| i64::from(d - b'0'));
        // How many of them are thousandths or more: with those that follow at most 12 before the
        // point and 3 after it, fifteen, which fit.
        let Ok(kept) = usize::try_from(as_i64(significant) + shift.min(0)) else {
            return Ok((0, false));
        };
        let value = digits.by_ref().take(kept).fold(0, |sum, digit| sum * 10 + digit);
        match digits.next() {
            None => Ok(((0..shift).fold(value, |v, _| v * 10), true)),
            Some(next) => Ok((value + i64::from(next >= 5), false)),
        }
    }
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// Lengths of texts in memory, far below the limit.
fn as_i64(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX / 4)
}

/// An exponent beyond any amount is as good as any other one: kept within ± 10^12.
fn exponent_of(text: &str) -> Option<i64> {
    const BOUND: i64 = 1_000_000_000_000;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !all_digits(digits) {
        return None;
    }
    let size = digits.parse::<i64>().map_or(BOUND, |e| e.min(BOUND));
    Some(if text.starts_with('-') { -size } else { size })
}
