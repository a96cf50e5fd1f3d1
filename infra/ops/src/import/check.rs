//! What the API's own parser says of an event.

use tracklayer_core::event::{Event, EventError, parse_event};
use tracklayer_core::mapping::Mapping;
use tracklayer_core::money::Money;
use tracklayer_core::time::EventTime;

/// An event that the API would accept.
pub struct Said {
    /// `conversion`, `full_refund`, `partial_refund`, `new_value` or `ignored`.
    pub status: &'static str,
    /// The original's value, the amount refunded, or the new value.
    pub money: Option<Money>,
    /// Fields that would be left out or changed.
    pub warnings: usize,
}

impl Said {
    /// The value, of a conversion.
    pub fn value(&self) -> Option<Money> {
        self.money.filter(|_| self.status == CONVERSION)
    }
}

/// The status of what counts as a sale.
pub const CONVERSION: &str = "conversion";

/// Reads an event as the API does.
pub fn check(event: &str, mapping: &Mapping, now: EventTime) -> Result<Said, EventError> {
    let parsed = parse_event(event, mapping, now);
    let (status, money) = match parsed.event.map_err(|rejection| rejection.error)? {
        Event::Conversion(conversion) => (CONVERSION, conversion.value),
        Event::Correction(correction) => {
            let change = correction.recorded.change;
            let status = match (change.amount, change.new_value) {
                (Some(_), _) => "partial_refund",
                (None, Some(_)) => "new_value",
                (None, None) => "full_refund",
            };
            (status, change.money())
        }
        Event::Ignored(_) => ("ignored", None),
    };
    Ok(Said { status, money, warnings: parsed.warnings.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_how_much_of_a_sale_is_taken_back() {
        let now = EventTime::from_epoch(1_800_000_000);
        let refund = |more: &str| {
            let event = format!(
                r#"{{"event":"refund","eventId":"r","source":"shop","occurredAt":"{now}",
                "original":{{"eventId":"1"}}{more}}}"#
            );
            check(&event, &Mapping::shipped(), now)
                .map(|said| (said.status, said.money.map(|money| money.to_string())))
                .map_err(|error| error.code.to_string())
        };
        let money = |text: &str| Some(text.to_owned());
        assert_eq!(refund(""), Ok(("full_refund", None)));
        let partial = refund(r#","amount":"30","currency":"USD""#);
        assert_eq!(partial, Ok(("partial_refund", money("30 USD"))));
        let new = refund(r#","amount":"","newValue":"9","currency":"USD""#);
        assert_eq!(new, Ok(("new_value", money("9 USD"))));
        for empty in [r#","amount":"""#, r#","amount":"","newValue":"""#] {
            assert_eq!(refund(empty), Err("invalid_value".to_owned()), "{empty}");
        }
    }
}
