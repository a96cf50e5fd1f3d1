//! Sums of money, one per currency.

use std::{collections::BTreeMap, fmt};

use rust_decimal::Decimal;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeMap as _,
};
use tracklayer_core::money::{Currency, Money};

/// Sums of money, one per currency, exact to the last digit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<&'static str, Decimal>);

impl Sums {
    /// Adds what one row is worth, if it is worth anything.
    pub fn add(&mut self, money: Option<Money>) {
        if let Some(money) = money {
            *self.0.entry(money.currency.as_str()).or_default() += money.amount.decimal();
        }
    }
}

/// `129.95 USD + 5 EUR`; nothing where there is no money.
impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sums = self.0.iter().map(|(currency, sum)| format!("{} {currency}", sum.normalize()));
        f.write_str(&sums.collect::<Vec<_>>().join(" + "))
    }
}

impl<'de> Deserialize<'de> for Sums {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
        let sum = |(currency, sum): (String, String)| {
            let currency = Currency::parse(&currency).map_err(D::Error::custom)?;
            Ok((currency.as_str(), sum.parse().map_err(D::Error::custom)?))
        };
        texts.into_iter().map(sum).collect::<Result<_, _>>().map(Sums)
    }
}

/// `{"USD": "129.95"}`: texts, so that no reader makes binary floats of them.
impl Serialize for Sums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (currency, sum) in &self.0 {
            map.serialize_entry(currency, &sum.normalize().to_string())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracklayer_core::money::{Amount, Currency};

    #[test]
    fn cents_are_exact_and_currencies_apart() {
        let money = |amount: &str, currency: &str| {
            let amount = Amount::from_json(amount).expect("an amount");
            Some(Money { amount, currency: Currency::parse(currency).expect("a currency") })
        };
        let mut sums = Sums::default();
        for one in [money("0.1", "USD"), money("0.2", "USD"), None, money("5", "EUR")] {
            sums.add(one);
        }
        assert_eq!(sums.to_string(), "5 EUR + 0.3 USD");
        let json = serde_json::to_string(&sums).expect("JSON");
        assert_eq!(json, r#"{"EUR":"5","USD":"0.3"}"#);
    }
}
