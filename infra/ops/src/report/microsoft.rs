//! What Microsoft's report counts, as the function `goals` asks for it: rows of the last seven days,
//! by goal and day of upload. It knows no money.

use std::collections::BTreeMap;

use aws_sdk_lambda::primitives::Blob;
use serde::Deserialize;
use tracklayer_core::microsoft::report::{DayOutcome, explain};

use super::period::{Day, Period};
use crate::place::Ops;
use crate::screen;

/// Rows that Microsoft received: sales and corrections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Those that count.
    pub counted: u64,
    /// Those that don't.
    pub left_out: u64,
}

impl Rows {
    /// All of them.
    pub fn all(self) -> u64 {
        self.counted + self.left_out
    }

    fn add(&mut self, counted: u64, left_out: u64) {
        self.counted += counted;
        self.left_out += left_out;
    }
}

/// Why rows of a goal don't count.
#[derive(Debug)]
pub struct LeftOut {
    /// The account in the mapping, and the goal's name.
    pub goal: (String, String),
    /// Microsoft's name of the reason.
    pub reason: String,
    /// Rows.
    pub rows: u64,
    /// Why it happens.
    pub cause: &'static str,
    /// What helps.
    pub cure: &'static str,
}

/// What Microsoft's report says, as far as it could be had.
#[derive(Debug, Default)]
pub struct Counted {
    /// Rows of the last seven days by account and goal.
    pub goals: BTreeMap<(String, String), Rows>,
    /// The same by account, goal and day of upload.
    pub days: BTreeMap<(String, String, Day), Rows>,
    /// Why rows don't count.
    pub left_out: Vec<LeftOut>,
    /// Why the report of an account is missing.
    pub problems: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    accounts: Vec<Account>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    account: String,
    outcomes: Vec<Outcome>,
    error: Option<String>,
    outcomes_error: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    goal: String,
    succeeded: u64,
    unattributed: u64,
    reasons: Vec<Reason>,
    #[serde(default)]
    days: Vec<DayOutcome>,
}

#[derive(Deserialize)]
struct Reason {
    reason: String,
    count: u64,
}

impl Counted {
    /// Nothing is known, for this reason.
    pub fn unknown(why: impl Into<String>) -> Self {
        Counted { problems: vec![why.into()], ..Counted::default() }
    }

    /// Has the function `goals` ask Microsoft.
    pub async fn ask(ops: &Ops) -> Self {
        let client = aws_sdk_lambda::Client::new(&ops.config);
        let invoked = client.invoke().function_name(&ops.goals_function).payload(Blob::new("{}"));
        match invoked.send().await {
            Err(error) => Counted::unknown(screen::chain_of(&error)),
            Ok(answer) => match (answer.function_error, answer.payload) {
                (Some(error), _) => Counted::unknown(format!("the function goals failed: {error}")),
                (None, payload) => Counted::read(payload.unwrap_or(Blob::new("")).as_ref()),
            },
        }
    }

    fn read(answer: &[u8]) -> Self {
        let Ok(answer) = serde_json::from_slice::<Answer>(answer) else {
            return Counted::unknown("the function goals answers something else");
        };
        let mut counted = Counted::default();
        for account in answer.accounts {
            let problem = account.error.as_ref().or(account.outcomes_error.as_ref());
            let problem = problem.map(|problem| format!("{}: {problem}", account.account));
            counted.problems.extend(problem);
            for outcome in account.outcomes {
                counted.add(&account.account, outcome);
            }
        }
        counted
    }

    fn add(&mut self, account: &str, outcome: Outcome) {
        let goal = (account.to_owned(), outcome.goal);
        let rows = self.goals.entry(goal.clone()).or_default();
        rows.add(outcome.succeeded, outcome.unattributed);
        for day in outcome.days {
            let Ok(at) = Day::parse(&day.day) else { continue };
            let rows = self.days.entry((goal.0.clone(), goal.1.clone(), at)).or_default();
            rows.add(day.succeeded, day.unattributed);
        }
        self.left_out.extend(outcome.reasons.into_iter().map(|it| {
            let (cause, cure) = explain(&it.reason);
            LeftOut { goal: goal.clone(), reason: it.reason, rows: it.count, cause, cure }
        }));
    }

    /// Rows of a goal that Microsoft received on a day; unknown where its report has nothing of it.
    pub fn day(&self, account: &str, goal: &str, day: Day) -> Option<Rows> {
        let rows = self.days.get(&(account.to_owned(), goal.to_owned(), day));
        rows.copied().filter(|rows| rows.all() > 0)
    }

    /// Rows of a goal that Microsoft received in the period, if its report knows all days of it.
    pub fn period(&self, account: &str, goal: &str, period: Period) -> Option<Rows> {
        let mut sum = Rows::default();
        for day in period.days() {
            let rows = self.days.get(&(account.to_owned(), goal.to_owned(), day))?;
            sum.add(rows.counted, rows.left_out);
        }
        Some(sum)
    }

    /// Rows of all goals in the last seven days; unknown unless every account has a report.
    pub fn total(&self) -> Option<Rows> {
        let mut sum = Rows::default();
        self.goals.values().for_each(|rows| sum.add(rows.counted, rows.left_out));
        (self.problems.is_empty() && !self.goals.is_empty()).then_some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_microsoft_does_not_say_is_unknown_and_never_nothing() {
        let day = |text| Day::parse(text).expect("a day");
        let answer = br#"{"accounts":[{"account":"main","checked":true,"outcomes":[
            {"goal":"Purchase","succeeded":8,"unattributed":1,
             "reasons":[{"reason":"AccountMismatch","count":1,"cause":"","cure":""}],
             "days":[{"day":"2026-04-23","succeeded":8,"unattributed":1},
                     {"day":"2026-04-24","succeeded":0,"unattributed":0}]}]}]}"#;
        let counted = Counted::read(answer);
        let all = Rows { counted: 8, left_out: 1 };
        assert_eq!(counted.total(), Some(all));
        assert_eq!(counted.day("main", "Purchase", day("2026-04-23")), Some(all));
        assert_eq!(counted.day("main", "Purchase", day("2026-04-24")), None, "nothing came");
        assert_eq!(counted.day("main", "Lead", day("2026-04-23")), None);
        let period = |from| Period { from: day(from), to: day("2026-04-24") };
        assert_eq!(counted.period("main", "Purchase", period("2026-04-23")), Some(all));
        assert_eq!(counted.period("main", "Purchase", period("2026-04-22")), None);
        assert!(counted.left_out[0].cause.len() > 9);
        for bad in
            [&b"{}"[..], b"", br#"{"accounts":[{"account":"a","outcomes":[],"error":"no"}]}"#]
        {
            let counted = Counted::read(bad);
            assert_eq!((counted.total(), counted.problems.len()), (None, 1));
        }
    }
}
