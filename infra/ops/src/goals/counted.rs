//! What Microsoft counts by goal and day of upload, as the function `goals` keeps it. It knows no
//! money.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::report::DayOutcome;
use tracklayer_edge::ports::OutcomeHistory as _;

use crate::failure::Failure;
use crate::place::Ops;
use crate::report::{Day, Period};
use crate::screen;

/// An account of the mapping, and the name of a goal.
pub type Goal = (AccountName, String);

/// What Microsoft says of some days.
#[derive(Debug, Default)]
pub struct Counted {
    /// The days of each goal. One that is not there is unknown.
    pub goals: BTreeMap<Goal, BTreeMap<Day, DayOutcome>>,
    /// Why Microsoft could not be asked anew.
    pub problems: Vec<String>,
}

/// Rows – sales and corrections – that Microsoft accepted on some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Days of which it is known.
    pub days: usize,
    /// Those that count.
    pub counted: u64,
    /// Those that don't.
    pub left_out: u64,
    /// Why they don't, by Microsoft's name of the reason.
    pub reasons: BTreeMap<String, u64>,
}

impl Rows {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.counted + self.left_out
    }

    fn of<'a>(days: impl Iterator<Item = &'a DayOutcome>) -> Self {
        let mut rows = Rows::default();
        for day in days {
            rows.days += 1;
            rows.counted += day.succeeded;
            rows.left_out += day.unattributed;
            for (reason, number) in &day.reasons {
                *rows.reasons.entry(reason.clone()).or_default() += number;
            }
        }
        rows
    }
}

#[derive(Deserialize)]
struct Answer {
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    account: String,
    error: Option<String>,
    outcomes_error: Option<String>,
}

impl Counted {
    /// Reads what is kept of all accounts.
    pub async fn read(ops: &Ops, period: Period) -> Result<Self, Failure> {
        let mut counted = Counted::default();
        for account in ops.mapping.accounts() {
            let kept = ops.ledger.outcomes(account.name(), &period.from.to_string()).await?;
            for (goal, days) in kept {
                let day = |it: DayOutcome| Some((Day::parse(&it.day).ok()?, it));
                let days = days.into_iter().filter_map(day).filter(|(day, _)| *day <= period.to);
                counted.goals.insert((account.name().clone(), goal), days.collect());
            }
        }
        Ok(counted)
    }

    /// Has the function `goals` ask Microsoft and keep the answer, and answers why it could not.
    pub async fn ask(ops: &Ops) -> Vec<String> {
        let client = aws_sdk_lambda::Client::new(&ops.config);
        let invoked = client.invoke().function_name(&ops.goals_function).payload(Blob::new("{}"));
        match invoked.send().await {
            Err(error) => vec![screen::chain_of(&error)],
            Ok(answer) => match (answer.function_error, answer.payload) {
                (Some(error), _) => vec![format!("the function goals failed: {error}")],
                (None, payload) => problems(payload.unwrap_or(Blob::new("")).as_ref()),
            },
        }
    }

    /// Rows of a goal that Microsoft accepted on a day.
    pub fn day(&self, goal: &Goal, day: Day) -> Option<Rows> {
        Some(Rows::of([self.goals.get(goal)?.get(&day)?].into_iter()))
    }

    /// Rows of a goal on the days that are known.
    pub fn known(&self, goal: &Goal) -> Rows {
        Rows::of(self.goals.get(goal).into_iter().flat_map(BTreeMap::values))
    }

    /// Rows of a goal in the period; unknown unless all of its days are known.
    pub fn period(&self, goal: &Goal, period: Period) -> Option<Rows> {
        Some(self.known(goal)).filter(|rows| rows.days == period.days().count())
    }

    /// Rows of all goals on a day, as far as they are known.
    pub fn all(&self, days: &[Day]) -> Rows {
        Rows::of(days.iter().flat_map(|day| self.goals.values().filter_map(|it| it.get(day))))
    }
}

fn problems(answer: &[u8]) -> Vec<String> {
    let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
        return vec!["the function goals answers something else".to_owned()];
    };
    let problem =
        |it: Account| Some(format!("{}: {}", it.account, it.error.or(it.outcomes_error)?));
    answer.accounts.into_iter().filter_map(problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_microsoft_does_not_say_is_unknown_and_never_nothing() {
        let day = |text| Day::parse(text).expect("a day");
        let of = |counted, lost: u64| DayOutcome {
            succeeded: counted,
            unattributed: lost,
            reasons: [("AccountMismatch".to_owned(), lost)].into(),
            ..DayOutcome::default()
        };
        let goal = |name: &str| ("main".parse().expect("an account"), name.to_owned());
        let days = [(day("2026-04-23"), of(8, 1)), (day("2026-04-24"), of(0, 0))];
        let goals = [(goal("Purchase"), days.into())].into();
        let counted = Counted { goals, problems: Vec::new() };
        let rows = counted.known(&goal("Purchase"));
        assert_eq!((rows.days, rows.all(), rows.reasons["AccountMismatch"]), (2, 9, 1));
        let nothing = counted.day(&goal("Purchase"), day("2026-04-24"));
        assert_eq!(nothing.map(|rows| rows.all()), Some(0), "known to be nothing");
        assert_eq!(counted.day(&goal("Purchase"), day("2026-04-22")), None);
        assert_eq!(counted.day(&goal("Lead"), day("2026-04-23")), None);
        let period = |from| Period { from: day(from), to: day("2026-04-24") };
        assert_eq!(counted.period(&goal("Purchase"), period("2026-04-23")), Some(rows));
        assert_eq!(counted.period(&goal("Purchase"), period("2026-04-22")), None);
        for bad in [&b"{}"[..], b"", br#"{"accounts":[{"account":"a","error":"no"}]}"#] {
            assert_eq!(problems(bad).len(), 1);
        }
        assert_eq!(problems(br#"{"accounts":[{"account":"a","error":null}]}"#).len(), 0);
    }
}
