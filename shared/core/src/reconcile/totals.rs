//! Rows and money by account, state, goal and currency, to be compared with an order log.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    ledger::row::Row,
    reconcile::state::{corrections, state},
};

/// Rows and money by account, state, goal and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(BTreeMap<String, Total>);

/// Rows of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    /// How many.
    pub rows: u64,
    /// Their net value as the order log sees it, as decimal text.
    #[serde(with = "decimal_text")]
    pub net: Decimal,
    /// How many of them belong to persons who were erased.
    #[serde(default, skip_serializing_if = "is_none")]
    pub erased: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(n: &u64) -> bool {
    *n == 0
}

impl Totals {
    /// Adds a row under `account/state/goal/currency`; `-` where there is no value.
    pub fn add(&mut self, row: &Row) {
        let facts = &row.facts;
        let currency = facts.money.map_or("-", |money| money.currency.as_str());
        let state = state(row).0.as_str();
        let key = format!("{}/{state}/{}/{currency}", row.account, facts.goal);
        let total = self.0.entry(key).or_default();
        total.rows += 1;
        total.net += corrections(row).0.net.unwrap_or_default();
        total.erased += u64::from(row.is_erased());
    }

    /// The totals by their keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Total)> {
        self.0.iter().map(|(key, total)| (key.as_str(), total))
    }
}

mod decimal_text {
    use rust_decimal::Decimal;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(
        value: &Decimal,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&value.normalize())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Decimal, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
