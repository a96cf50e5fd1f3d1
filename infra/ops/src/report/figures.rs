//! Money and numbers by day, goal and currency, added up row by row: no row is kept, so the memory
//! of a report depends on its days and goals and not on the size of the ledger.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use rust_decimal::Decimal;
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::{Amount, Currency};
use tracklayer_core::reconcile::state;
use tracklayer_core::reconcile::state::State;

use super::period::{Day, Period};
use super::reasons::Reasons;

/// A goal of an account, and the currency of its money if it has any.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoalKey {
    /// The account in the mapping.
    pub account: AccountName,
    /// The goal's name at Microsoft.
    pub goal: String,
    /// The three letters; none on goals without value.
    pub currency: Option<&'static str>,
}

/// Sales and their money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// How many.
    pub sales: u64,
    /// Their original values.
    pub money: Decimal,
}

/// What became of some sales. `ordered` is always the sum of `sent`, `waiting` and `refused`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// All that were reported.
    pub ordered: Sum,
    /// Those whose click or person is known.
    pub recognised: u64,
    /// Those that Microsoft took.
    pub sent: Sum,
    /// Those that are on their way or wait.
    pub waiting: Sum,
    /// Those that are refused or dead.
    pub refused: Sum,
    /// What refunds and other corrections changed, whether Microsoft knows it yet or not; below
    /// zero where money was given back.
    pub corrected: Decimal,
    /// What Microsoft was last told that these sales are worth.
    pub at_microsoft: Decimal,
}

impl Sum {
    fn add(&mut self, money: Decimal) {
        self.sales += 1;
        self.money += money;
    }
}

impl Figures {
    fn add(&mut self, row: &Row) {
        let money = row.facts.money.map_or(Decimal::ZERO, |money| money.amount.decimal());
        let net = state::corrections(row).0.net.map_or(money, Amount::decimal);
        let place = match state::state(row).0 {
            _ if row.observed.accepted.is_some() => &mut self.sent,
            State::Refused | State::Dead => &mut self.refused,
            _ => &mut self.waiting,
        };
        place.add(money);
        self.ordered.add(money);
        self.recognised += u64::from(row.facts.identity.is_matchable());
        self.corrected += net - money;
        let told = state::value_at_microsoft(row).map(|money| money.amount.decimal());
        self.at_microsoft += told.unwrap_or_default();
    }
}

impl AddAssign<&Figures> for Figures {
    fn add_assign(&mut self, other: &Figures) {
        let pairs = [
            (&mut self.ordered, other.ordered),
            (&mut self.sent, other.sent),
            (&mut self.waiting, other.waiting),
            (&mut self.refused, other.refused),
        ];
        for (sum, other) in pairs {
            sum.sales += other.sales;
            sum.money += other.money;
        }
        self.recognised += other.recognised;
        self.corrected += other.corrected;
        self.at_microsoft += other.at_microsoft;
    }
}

/// All figures of a report that come from the ledger.
#[derive(Debug, Default)]
pub struct Ledger {
    /// By the day of the sale, then by goal and currency.
    pub days: BTreeMap<(Day, GoalKey), Figures>,
    /// What is open or refused, and why.
    pub reasons: Reasons,
    /// Rows that could not be read: they are in no figure.
    pub unreadable: u64,
}

impl Ledger {
    /// Adds a row, if its sale lies in the period.
    pub fn add(&mut self, row: &Row, period: Period) {
        let Some(day) = period.day(row.facts.occurred_at) else { return };
        let key = GoalKey {
            account: row.account.clone(),
            goal: row.facts.goal.to_string(),
            currency: row.facts.money.as_ref().map(|money| Currency::as_str(money.currency)),
        };
        self.days.entry((day, key)).or_default().add(row);
        self.reasons.add(row);
    }

    /// The figures of all days by goal and currency.
    pub fn goals(&self) -> BTreeMap<&GoalKey, Figures> {
        let mut goals = BTreeMap::new();
        for ((_, key), figures) in &self.days {
            *goals.entry(key).or_insert_with(Figures::default) += figures;
        }
        goals
    }

    /// The figures of all goals by currency; those without value are under none.
    pub fn currencies(&self) -> BTreeMap<Option<&'static str>, Figures> {
        let mut currencies = BTreeMap::new();
        for ((_, key), figures) in &self.days {
            *currencies.entry(key.currency).or_insert_with(Figures::default) += figures;
        }
        currencies
    }

    /// The figures of everything; its money is in no one currency.
    pub fn total(&self) -> Figures {
        let mut total = Figures::default();
        self.days.values().for_each(|figures| total += figures);
        total
    }
}

#[cfg(test)]
mod tests {
    use tracklayer_core::ledger::correction::{Change, Correction};
    use tracklayer_core::ledger::observed::{Acceptance, Destination, Environment};
    use tracklayer_core::reconcile::decide::AccountView;
    use tracklayer_core::reconcile::intake::append;
    use tracklayer_core::reconcile::note::Context;

    use super::*;
    use crate::testing::{POLICY, now, row};

    fn refunded(row: &Row, amount: &str) -> Row {
        let view = AccountView::default();
        let context = Context { account: &view, now: now(), policy: &POLICY };
        let change = Change {
            amount: Some(Amount::from_json(amount).expect("an amount")),
            currency: row.facts.money.map(|money| money.currency),
            new_value: None,
        };
        let correction = Correction {
            source: row.key.source.clone(),
            event_id: "r".parse().expect("an id"),
            occurred_at: Default::default(),
            recorded_at: now(),
            original_event: None,
            account: None,
            change,
            refused: None,
        };
        append(row, correction, &context)
    }

    #[test]
    fn every_sale_is_in_one_place_and_its_money_with_it() {
        let period = Period { from: Day::of(now()), to: Day::of(now()) };
        let mut sent = refunded(&row(), "4");
        let by = Destination { environment: Environment::Production, account_id: "1".to_owned() };
        sent.observed.accepted = Some(Acceptance { at: now(), by, tracking_id: None });
        let mut dead = row();
        dead.observed.dead_at = Some(now());
        let mut early = row();
        early.facts.occurred_at = period.from.plus(-1).start();
        let mut ledger = Ledger::default();
        for row in [row(), sent, dead, early] {
            ledger.add(&row, period);
        }
        let total = ledger.total();
        let money = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!((total.ordered.sales, total.ordered.money), (3, money("28.5")));
        for place in [total.sent, total.waiting, total.refused] {
            assert_eq!(place, Sum { sales: 1, money: money("9.5") });
        }
        assert_eq!((total.corrected, total.at_microsoft), (money("-4"), money("9.5")));
        assert_eq!(ledger.goals().len(), 1);
        assert_eq!(ledger.currencies()[&Some("EUR")], total);
    }
}
