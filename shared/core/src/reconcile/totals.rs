//! Rows and money by account, state, goal and currency, to be compared with an order log.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    ledger::row::Row,
    reconcile::state::{corrections, is_doubtful, state, untold},
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
    /// How many of them have lost their person.
    #[serde(default, skip_serializing_if = "is_none")]
    pub erased: u64,
    /// How many of these have an attempt without answer: nobody knows what Microsoft counts.
    #[serde(default, skip_serializing_if = "is_none")]
    pub doubtful: u64,
    /// How much of the others' net Microsoft was not told of for that; below zero where it counts more.
    #[serde(default, with = "decimal_text", skip_serializing_if = "Decimal::is_zero")]
    pub untold: Decimal,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_none(n: &u64) -> bool {
    *n == 0
}

impl Totals {
    /// Adds a row under `account/state/goal/currency`; `-` where there is no goal or no value.
    pub fn add(&mut self, row: &Row) {
        let facts = row.facts.as_ref();
        let goal = facts.map_or("-", |facts| facts.goal.as_str());
        let currency =
            facts.and_then(|facts| facts.money).map_or("-", |money| money.currency.as_str());
        let key = format!("{}/{}/{goal}/{currency}", row.account, state(row).0.as_str());
        let total = self.0.entry(key).or_default();
        total.rows += 1;
        total.net += corrections(row).and_then(|(folded, _)| folded.net).unwrap_or_default();
        total.erased += u64::from(row.is_erased());
        total.doubtful += u64::from(row.is_erased() && is_doubtful(row));
        total.untold += untold(row).unwrap_or_default();
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
