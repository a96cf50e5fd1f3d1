//! Rows and money by account, state, goal and currency, to be compared with an order log.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::ledger::row::Row;
use crate::money::Amount;
use crate::reconcile::state::{corrections, state};
use crate::serde_help::is_default;

/// Rows and money by account, state, goal and currency.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Totals(BTreeMap<String, Total>);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Total {
    pub rows: u64,
    /// Their net value, as it is sent to Microsoft, as decimal text.
    #[serde(with = "rust_decimal::serde::str")]
    pub net: Decimal,
    /// How many of them belong to persons who were erased.
    #[serde(default, skip_serializing_if = "is_default")]
    pub erased: u64,
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
        let net = corrections(row).0.net.map_or(Decimal::ZERO, Amount::decimal);
        total.net = (total.net + net).normalize();
        total.erased += u64::from(row.is_erased());
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Total)> {
        self.0.iter().map(|(key, total)| (key.as_str(), total))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconcile::decide::AccountView;
    use crate::reconcile::erasure::erase;
    use crate::reconcile::intake::append;
    use crate::reconcile::tests::{accepted, context, refund, row_at, time};
    use crate::time::DAY;

    fn erased(row: &Row) -> Row {
        erase(row, time(0)).expect("erased")
    }

    #[test]
    fn totals_count_the_money_of_all_and_how_many_are_erased() {
        let taken = accepted(row_at(-DAY));
        let mut doubtful = row_at(-DAY);
        doubtful.observed.apply_unknown = true;
        let view = AccountView::default();
        let corrected =
            append(&erased(&taken), refund("r", Some("2"), time(-5)), &context(&view, time(0)));
        let mut totals = Totals::default();
        for row in [
            row_at(-DAY),
            doubtful.clone(),
            erased(&taken),
            // Refused, for different reasons: never taken, a refund that was not sent, a doubt.
            erased(&row_at(-DAY)),
            corrected,
            erased(&doubtful),
        ] {
            totals.add(&row);
        }
        let line = |state: &str, rows, net: &str, erased| {
            let total = Total { rows, net: net.parse().expect("a number"), erased };
            (format!("main/{state}/Purchase/EUR"), total)
        };
        let expected = [
            line("accepted", 1, "9.5", 1),
            line("queued", 2, "19", 0),
            line("refused", 3, "26.5", 3),
        ];
        let found: Vec<_> = totals.iter().map(|(key, it)| (key.to_owned(), it.clone())).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_refund_above_the_sale_takes_nothing_from_others() {
        let view = AccountView::default();
        let refunded =
            append(&row_at(-DAY), refund("r", Some("20"), time(-5)), &context(&view, time(0)));
        let mut totals = Totals::default();
        [row_at(-DAY), refunded].iter().for_each(|row| totals.add(row));
        let nets: Vec<String> = totals.iter().map(|(_, it)| it.net.to_string()).collect();
        assert_eq!(nets.iter().filter(|net| **net == "9.5").count(), 1, "{nets:?}");
        assert!(nets.iter().all(|net| net == "9.5" || net == "0"), "{nets:?}");
    }

    #[test]
    fn totals_are_exact_and_survive_being_stored() {
        let mut totals = Totals::default();
        (0..3).for_each(|_| totals.add(&row_at(-DAY)));
        let stored = serde_json::to_string(&totals).expect("JSON");
        assert_eq!(stored, r#"{"main/queued/Purchase/EUR":{"rows":3,"net":"28.5"}}"#);
        assert_eq!(serde_json::from_str::<Totals>(&stored).expect("totals"), totals);
    }
}
