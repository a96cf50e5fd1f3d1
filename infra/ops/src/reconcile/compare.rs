//! One order and what is here of it.

use rust_decimal::Decimal;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::{Amount, Money};
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;

use super::orders::Order;

/// What became of an order.
#[derive(Clone, Debug, PartialEq)]
pub enum Fate {
    /// Microsoft has it; what is not right with a correction of it, or nothing; and what it is worth
    /// here, before and after corrections.
    Sent(String, Worth),
    /// It is on its way, or waits for this.
    Waiting(String, Worth),
    /// It is refused or dead, for this.
    Refused(String, Worth),
    /// It is no conversion, for this.
    Ignored(String),
    /// The API would reject it, for this.
    Rejected(String),
    /// It never came.
    Missing,
}

/// What an order is worth in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    original: Option<Money>,
    /// After corrections; where those can't reach Microsoft any more, what it has.
    net: Option<Decimal>,
}

impl Fate {
    /// What became of the order that this row is of.
    pub fn of(row: &Row) -> Self {
        let (state, reason) = state::state(row);
        let at_microsoft = row.observed.accepted.is_some();
        let net = if at_microsoft && state != State::Waiting {
            state::value_at_microsoft(row).map(|money| money.amount)
        } else {
            state::corrections(row).0.net
        };
        let worth = Worth { original: row.facts.money, net: net.map(Amount::decimal) };
        match state {
            State::Accepted | State::Restated | State::Retracted => {
                Fate::Sent(String::new(), worth)
            }
            // A correction waits; the order itself is there.
            State::Waiting if at_microsoft => Fate::Sent(String::new(), worth),
            State::Refused | State::Dead if at_microsoft => {
                let why = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                let what = format!("its correction is {}{why}", state.as_str());
                Fate::Sent(what, worth)
            }
            State::Queued | State::Waiting => {
                Fate::Waiting(reason.unwrap_or_else(|| state.as_str().to_owned()), worth)
            }
            State::Refused | State::Dead => {
                Fate::Refused(reason.unwrap_or_else(|| state.as_str().to_owned()), worth)
            }
        }
    }

    fn worth(&self) -> Option<Worth> {
        match self {
            Fate::Sent(_, worth) | Fate::Waiting(_, worth) | Fate::Refused(_, worth) => {
                Some(*worth)
            }
            Fate::Ignored(_) | Fate::Rejected(_) | Fate::Missing => None,
        }
    }
}

/// An order, what became of it, and whether its value is the same here.
#[derive(Debug)]
pub struct Compared<'a> {
    /// The order.
    pub order: &'a Order,
    /// What became of it.
    pub fate: Fate,
    /// The value here, where it is another one.
    pub differs: Option<String>,
}

impl<'a> Compared<'a> {
    /// Compares to the last digit: with what came, or with what is left after corrections.
    pub fn new(order: &'a Order, fate: Fate, net: bool) -> Self {
        let differs = fate.worth().and_then(|worth| difference(order.money?, worth, net));
        Compared { order, fate, differs }
    }

    /// Whether the order is accounted for: it is here with its value, or ignored on purpose.
    pub fn is_right(&self) -> bool {
        self.differs.is_none() && !matches!(self.fate, Fate::Missing | Fate::Rejected(_))
    }
}

fn difference(wanted: Money, worth: Worth, net: bool) -> Option<String> {
    let Some(original) = worth.original else { return Some("no value".to_owned()) };
    let here = if net { worth.net.unwrap_or_default() } else { original.amount.decimal() };
    let same = here == wanted.amount.decimal() && original.currency == wanted.currency;
    (!same).then(|| format!("{} {}", here.normalize(), original.currency))
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::correction::{Change, Correction};
    use tracklayer_core::ledger::index::IndexClass;
    use tracklayer_core::ledger::observed::{
        Acceptance, Adjusted, Destination, Environment, Refusal, RefusalReason,
    };
    use tracklayer_core::money::Currency;

    use super::*;
    use crate::testing::{now, row};

    #[test]
    fn an_order_that_microsoft_took_is_sent_whatever_becomes_of_its_corrections() {
        let mut row = row();
        let refusal = Refusal { at: now(), reason: RefusalReason::TooOldForMicrosoft };
        row.observed.refusal = Some(refusal);
        assert!(matches!(Fate::of(&row), Fate::Refused(why, _) if why == "too_old_for_microsoft"));
        let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
        row.observed.accepted = Some(Acceptance { at: now(), by, tracking_id: None });
        let Fate::Sent(why, _) = Fate::of(&row) else { panic!("{:?}", Fate::of(&row)) };
        assert_eq!(why, "its correction is refused: too_old_for_microsoft");
        row.observed.refusal = None;
        row.observed.dead_at = Some(now());
        let Fate::Sent(why, _) = Fate::of(&row) else { panic!("{:?}", Fate::of(&row)) };
        assert!(why.starts_with("its correction is dead"), "{why}");
    }

    fn worth_now(amount: &str) -> Correction {
        let new_value = Amount::from_json(amount).ok();
        Correction {
            source: "shop".parse().expect("a source"),
            event_id: "1-n".parse().expect("an id"),
            occurred_at: now().into(),
            recorded_at: now(),
            original_event: None,
            account: None,
            change: Change { new_value, ..Change::default() },
            refused: None,
        }
    }

    #[test]
    fn what_never_reaches_microsoft_is_not_taken_for_what_it_has() {
        let net = |row: &Row, net: &str| {
            difference(money(net, "EUR"), Fate::of(row).worth().expect("a worth"), true)
        };
        let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
        let mut row = row();
        row.observed.accepted = Some(Acceptance { at: now(), by, tracking_id: None });
        row.corrections.push(worth_now("5"));
        row.open = Some(IndexClass::Wait.entry(now(), now(), None));
        assert_eq!(net(&row, "5"), None, "it is on its way");
        row.open = None;
        row.observed.refusal = Some(Refusal { at: now(), reason: RefusalReason::Other });
        assert_eq!(net(&row, "5").as_deref(), Some("9.5 EUR"), "Microsoft refused it");
        row.observed.refusal = None;
        let retract = Adjusted { at: now(), value: None, corrections: 0, tracking_id: None };
        row.observed.adjusted = Some(retract);
        assert_eq!(net(&row, "5").as_deref(), Some("0 EUR"), "it came after the Retract");
    }

    fn money(amount: &str, currency: &str) -> Money {
        let amount = Amount::from_json(amount).expect("an amount");
        Money { amount, currency: Currency::parse(currency).expect("a currency") }
    }

    #[test]
    fn values_are_compared_to_the_cent_with_currency() {
        let worth =
            Worth { original: Some(money("129.95", "USD")), net: Some(Decimal::new(9995, 2)) };
        assert_eq!(difference(money("129.950", "USD"), worth, false), None);
        assert_eq!(difference(money("129.94", "USD"), worth, false).as_deref(), Some("129.95 USD"));
        assert_eq!(difference(money("129.95", "EUR"), worth, false).as_deref(), Some("129.95 USD"));
        assert_eq!(difference(money("99.95", "USD"), worth, true), None);
        assert_eq!(difference(money("129.95", "USD"), worth, true).as_deref(), Some("99.95 USD"));
        let none = Worth { original: None, net: None };
        assert_eq!(difference(money("1", "USD"), none, false).as_deref(), Some("no value"));
    }
}
