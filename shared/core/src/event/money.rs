//! The money of an event. A currency is never invented: where an amount is, its currency must be.

use super::error::{ErrorCode, EventError};
use super::field::Field;
use super::fields::Fields;
use super::read::Warnings;
use crate::ledger::correction::Change;
use crate::mapping::Revenue;
use crate::money::{Amount, Currency, Money};
use crate::text::trim;

/// The value of a conversion, as its goal's revenue mode wants it.
pub(super) fn conversion_value(
    fields: &Fields<'_>, revenue: Revenue, warnings: &mut Warnings,
) -> Result<Option<Money>, EventError> {
    match revenue {
        Revenue::VariableValue if !fields.has(Field::Value) => {
            let problem = "is missing: every conversion of this goal has its own value";
            Err(EventError::at(ErrorCode::MissingValue, Field::Value.as_str(), problem))
        }
        Revenue::NoValue => no_value(fields).map(|()| None),
        Revenue::FixedValue if !fields.has(Field::Value) && !fields.has(Field::Currency) => {
            Ok(None)
        }
        Revenue::VariableValue | Revenue::FixedValue => money(fields, Field::Value, warnings),
    }
}

fn no_value(fields: &Fields<'_>) -> Result<(), EventError> {
    let given = [Field::Value, Field::Currency].into_iter().find(|field| fields.has(*field));
    given.map_or(Ok(()), |field| Err(not_allowed(field, "is given, but this goal has no value")))
}

/// What a correction does: `amount` refunded, `newValue`, or neither for all of it. An empty text
/// is not the same as neither, or the whole sale would be taken back by mistake.
pub(super) fn change(fields: &Fields<'_>, warnings: &mut Warnings) -> Result<Change, EventError> {
    let is_given = |field| fields.raw(field).is_some();
    if is_given(Field::Value) {
        // Read as "neither" it would retract the whole conversion.
        let problem = "is not a field of a correction; give amount or newValue";
        return Err(not_allowed(Field::Value, problem));
    }
    if fields.has(Field::Amount) && fields.has(Field::NewValue) {
        return Err(not_allowed(Field::NewValue, "is given beside amount; give one of them"));
    }
    let restated =
        fields.has(Field::NewValue) || (is_given(Field::NewValue) && !fields.has(Field::Amount));
    let field = if restated { Field::NewValue } else { Field::Amount };
    let Some(Money { amount, currency }) = money(fields, field, warnings)? else {
        return Ok(Change::default());
    };
    let (amount, new_value) = if restated { (None, Some(amount)) } else { (Some(amount), None) };
    Ok(Change { amount, new_value, currency: Some(currency) })
}

fn not_allowed(field: Field, problem: &str) -> EventError {
    EventError::at(ErrorCode::ValueNotAllowed, field.as_str(), problem)
}

/// The amount of this field with its currency; `None` when both are absent.
fn money(
    fields: &Fields<'_>, field: Field, warnings: &mut Warnings,
) -> Result<Option<Money>, EventError> {
    match (amount(fields, field, warnings)?, currency(fields)?) {
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

fn amount(
    fields: &Fields<'_>, field: Field, warnings: &mut Warnings,
) -> Result<Option<Amount>, EventError> {
    let Some(token) = fields.number(field)? else { return Ok(None) };
    let invalid = |problem| EventError::at(ErrorCode::InvalidValue, field.as_str(), problem);
    let (amount, is_exact) = Amount::rounded(&token).map_err(invalid)?;
    if !is_exact {
        let problem = "has more than 3 decimals and is rounded";
        warnings.push(EventError::at(ErrorCode::Rounded, field.as_str(), problem));
    }
    Ok(Some(amount))
}

fn currency(fields: &Fields<'_>) -> Result<Option<Currency>, EventError> {
    let invalid =
        |problem| EventError::at(ErrorCode::InvalidCurrency, Field::Currency.as_str(), problem);
    let code = fields.text(Field::Currency)?;
    code.map(|code| Currency::parse(trim(&code)).map_err(invalid)).transpose()
}
