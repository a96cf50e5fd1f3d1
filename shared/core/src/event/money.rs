//! The money of an event. A currency is never invented: where an amount is, its currency must be.

use super::error::{ErrorCode, EventError, at};
use super::fields::Fields;
use super::read::Reading;
use crate::field::Field;
use crate::ledger::correction::Change;
use crate::mapping::Revenue;
use crate::money::{Amount, Currency, Money};
use crate::text::trim;

impl Reading<'_> {
    /// The value of a conversion, as its goal's revenue mode wants it.
    pub fn value(&mut self, revenue: Revenue) -> Result<Option<Money>, EventError> {
        let has = |field| self.fields.has(field);
        let given = [Field::Value, Field::Currency].into_iter().find(|field| has(*field));
        match (revenue, given) {
            (Revenue::NoValue | Revenue::FixedValue, None) => Ok(None),
            (Revenue::NoValue, Some(field)) => {
                Err(not_allowed(field, "is given, but this goal has no value"))
            }
            (Revenue::VariableValue, _) if !has(Field::Value) => {
                let problem = "is missing: every conversion of this goal has its own value";
                Err(EventError::at(ErrorCode::MissingValue, Field::Value, problem))
            }
            _ => self.money(Field::Value),
        }
    }

    /// What a correction does: `amount` refunded, `newValue`, or neither for all of it. An empty text
    /// is not the same as neither, or the whole sale would be taken back by mistake.
    pub fn change(&mut self) -> Result<Change, EventError> {
        let (fields, is_given) = (&self.fields, |field| self.fields.raw(field).is_some());
        if is_given(Field::Value) {
            // Read as "neither" it would retract the whole conversion.
            let problem = "is not a field of a correction; give amount or newValue";
            return Err(not_allowed(Field::Value, problem));
        }
        let has_amount = fields.has(Field::Amount);
        if has_amount && fields.has(Field::NewValue) {
            return Err(not_allowed(Field::NewValue, "is given beside amount; give one of them"));
        }
        let restated = is_given(Field::NewValue) && !has_amount;
        let field = if restated { Field::NewValue } else { Field::Amount };
        let Some(Money { amount, currency }) = self.money(field)? else {
            return Ok(Change::default());
        };
        let (amount, new_value) =
            if restated { (None, Some(amount)) } else { (Some(amount), None) };
        Ok(Change { amount, new_value, currency: Some(currency) })
    }

    /// The amount of this field with its currency; `None` when both are absent.
    fn money(&mut self, field: Field) -> Result<Option<Money>, EventError> {
        match (self.amount(field)?, self.fields.currency()?) {
            (Some(amount), Some(currency)) => Ok(Some(Money { amount, currency })),
            (None, None) => Ok(None),
            (Some(_), None) => {
                let problem = format!("is missing beside {}", field.as_str());
                Err(EventError::at(ErrorCode::MissingCurrency, Field::Currency, problem))
            }
            (None, Some(_)) => {
                Err(EventError::at(ErrorCode::MissingValue, field, "is missing beside currency"))
            }
        }
    }

    fn amount(&mut self, field: Field) -> Result<Option<Amount>, EventError> {
        let Some(token) = self.fields.number(field)? else { return Ok(None) };
        let (amount, is_exact) =
            Amount::rounded(&token).map_err(at(ErrorCode::InvalidValue, field))?;
        if !is_exact {
            let problem = "has more than 3 decimals and is rounded";
            self.warnings.push(EventError::at(ErrorCode::Rounded, field, problem));
        }
        Ok(Some(amount))
    }
}

impl Fields<'_> {
    fn currency(&self) -> Result<Option<Currency>, EventError> {
        let invalid = at(ErrorCode::InvalidCurrency, Field::Currency);
        let code = self.text(Field::Currency)?;
        code.map(|code| Currency::parse(trim(&code)).map_err(invalid)).transpose()
    }
}

fn not_allowed(field: Field, problem: &str) -> EventError {
    EventError::at(ErrorCode::ValueNotAllowed, field, problem)
}
