//! The money of an event. A currency is never invented: where an amount is, its currency must be.

use super::CorrectionKind;
use super::error::{ErrorCode, EventError};
use super::field::Field;
use super::fields::Fields;
use crate::mapping::Revenue;
use crate::money::{Amount, Currency, Money};

/// The value of a conversion, as its goal's revenue mode wants it.
pub(super) fn conversion_value(
    fields: &Fields<'_>,
    revenue: Revenue,
) -> Result<Option<Money>, EventError> {
    match revenue {
        Revenue::VariableValue if !fields.has(Field::Value) => {
            let problem = "is missing: every conversion of this goal has its own value";
            Err(EventError::at(ErrorCode::MissingValue, Field::Value.as_str(), problem))
        }
        Revenue::NoValue => no_value(fields).map(|()| None),
        Revenue::VariableValue | Revenue::FixedValue => money(fields, Field::Value),
    }
}

fn no_value(fields: &Fields<'_>) -> Result<(), EventError> {
    let given = [Field::Value, Field::Currency].into_iter().find(|field| fields.has(*field));
    given.map_or(Ok(()), |field| Err(not_allowed(field, "is given, but this goal has no value")))
}

/// What a correction does: `amount` refunded, `newValue`, or neither for all of it.
pub(super) fn correction_kind(fields: &Fields<'_>) -> Result<CorrectionKind, EventError> {
    if fields.has(Field::Value) {
        // Read as "neither" it would retract the whole conversion.
        let problem = "is not a field of a correction; give amount or newValue";
        return Err(not_allowed(Field::Value, problem));
    }
    if fields.has(Field::Amount) && fields.has(Field::NewValue) {
        return Err(not_allowed(Field::NewValue, "is given beside amount; give one of them"));
    }
    let restated = fields.has(Field::NewValue);
    let field = if restated { Field::NewValue } else { Field::Amount };
    Ok(match money(fields, field)? {
        None => CorrectionKind::Full,
        Some(value) if restated => CorrectionKind::Restatement(value),
        Some(amount) => CorrectionKind::Refund(amount),
    })
}

fn not_allowed(field: Field, problem: &str) -> EventError {
    EventError::at(ErrorCode::ValueNotAllowed, field.as_str(), problem)
}

/// The amount of this field with its currency; `None` when both are absent.
fn money(fields: &Fields<'_>, field: Field) -> Result<Option<Money>, EventError> {
    let amount =
        match fields.number(field)? {
            Some(token) => Some(Amount::from_json(token).map_err(|problem| {
                EventError::at(ErrorCode::InvalidValue, field.as_str(), problem)
            })?),
            None => None,
        };
    match (amount, currency(fields)?) {
        (Some(amount), Some(currency)) => Ok(Some(Money { amount, currency })),
        (None, None) => Ok(None),
        (Some(_), None) => {
            let problem = format!("is missing beside {}", field.as_str());
            Err(EventError::at(ErrorCode::MissingCurrency, Field::Currency.as_str(), problem))
        }
        (None, Some(_)) => {
            let problem = "is missing beside currency";
            Err(EventError::at(ErrorCode::MissingValue, field.as_str(), problem))
        }
    }
}

fn currency(fields: &Fields<'_>) -> Result<Option<Currency>, EventError> {
    let invalid =
        |problem| EventError::at(ErrorCode::InvalidCurrency, Field::Currency.as_str(), problem);
    fields.text(Field::Currency)?.map(|code| Currency::parse(&code).map_err(invalid)).transpose()
}
