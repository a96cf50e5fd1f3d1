//! Microsoft, by what its pages say: a repeated key is ignored without an error; what is taken shows
//! up to six hours later; an adjustment whose original does not show is dropped without an error; a
//! Restate is absolute; nothing is taken after a Retract; nothing older than 90 days. It knows when each
//! click was made: one that is not earlier than its conversion is refused (5616), an adjustment more
//! than 90 days after it is dropped without an error.

mod sent;

use std::collections::BTreeMap;

use serde_json::json;
use tracklayer_core::time::{DAY, EventTime};

pub use sent::Sent;

use crate::{decimal::thousandths, random::Random, setting::Setting};

/// The longest time until something taken has effect, in seconds.
pub const PIPELINE: i64 = 6 * 3_600;
/// How old a goal must be.
const GOAL_AGE: i64 = 2 * 3_600;

/// A goal: renaming leaves it what it is.
#[derive(Clone, Debug)]
pub struct Goal {
    /// The environment and ad account it belongs to.
    pub place: String,
    /// Its name now; empty once it is deleted.
    pub name: String,
    /// When it was made.
    pub made: i64,
}

/// A conversion that counts.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The environment and ad account.
    pub place: String,
    /// Its goal, by position.
    pub goal: usize,
    /// Its person and second.
    pub person: String,
    /// Its value in thousandths.
    pub value: Option<i64>,
    currency: Option<String>,
    /// Taken back.
    pub retracted: bool,
    shows: i64,
    last_adjustment: String,
}

impl Counted {
    /// Whether a value has the currency of all sources, and nothing else has one.
    #[must_use]
    pub fn has_currency(&self) -> bool {
        self.currency.as_deref() == self.value.map(|_| "EUR")
    }
}

/// What Microsoft knows.
#[derive(Debug, Default)]
pub struct Microsoft {
    /// Its goals.
    pub goals: Vec<Goal>,
    /// The conversions that count.
    pub counted: Vec<Counted>,
    /// Calls that reached it.
    pub calls: u64,
    /// Rows that were taken, whatever came of them, with the runs that sent them.
    pub taken: Vec<(String, Sent)>,
    /// Adjustments that were dropped without an error, by person and second.
    pub dropped: Vec<(String, Drop)>,
    /// What had adjustments take effect in another order than their times, by person and second.
    pub reordered: Vec<String>,
    /// Payloads it must never see.
    pub mistakes: Vec<(String, String)>,
    applies: BTreeMap<String, Vec<Sent>>,
    coming: Vec<(i64, Sent, usize)>,
    goal_in_key: bool,
    clicked: BTreeMap<String, i64>,
}

/// Why an adjustment was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drop {
    /// Its original did not show yet, or there is none.
    Unseen,
    /// Its click was older than 90 days.
    OldClick,
}

/// The answer to one row: a code, or taken.
pub type Taken = Result<(), i64>;

impl Microsoft {
    /// With the goals of all accounts, and the moments of clicks.
    #[must_use]
    pub fn new(goal_in_key: bool, setting: &Setting, clicked: &BTreeMap<String, i64>) -> Self {
        let old = |(place, name): (String, &str)| Goal { place, name: name.to_owned(), made: 0 };
        let goals = setting.goals().into_iter().map(old).collect();
        let clicked = clicked.clone();
        Microsoft { goals, goal_in_key, clicked, ..Microsoft::default() }
    }

    /// The person at the screen renames a goal.
    pub fn rename(&mut self, from: &str, to: &str) {
        for goal in self.goals.iter_mut().filter(|goal| goal.name == from) {
            to.clone_into(&mut goal.name);
        }
    }

    /// The person deletes a goal and makes another one.
    pub fn replace(&mut self, from: &str, to: &str, now: i64) {
        let places = self.goals.iter().filter(|goal| goal.name == from);
        let goal = |place| Goal { place, name: to.to_owned(), made: now };
        let new: Vec<Goal> = places.map(|goal| goal.place.clone()).map(goal).collect();
        self.rename(from, "");
        self.goals.extend(new);
    }

    /// Whether there is a goal of this name.
    #[must_use]
    pub fn has_goal(&self, place: &str, name: &str) -> bool {
        self.goals.iter().any(|goal| goal.place == place && goal.name == name)
    }

    /// The answer to the question for an account's goals.
    #[must_use]
    pub fn list_goals(&self, place: &str) -> String {
        let there = self.goals.iter().filter(|goal| goal.place == place && !goal.name.is_empty());
        let goals: Vec<_> = there
            .map(|goal| json!({"Name": goal.name, "Type": "OfflineConversion", "Status": "Active"}))
            .collect();
        json!({"ConversionGoals": goals, "AccountProperties": null}).to_string()
    }

    /// Carries out a call at this second; one answer per row. `refusals` are the codes of rows that
    /// are refused whatever they are.
    pub fn call(
        &mut self, rows: &[Sent], refusals: &[Option<i64>], by: &str, now: i64, random: &mut Random,
    ) -> Vec<Taken> {
        self.pass(now);
        self.calls += 1;
        let refused = |refusal: &Option<i64>| refusal.map_or(Ok(()), Err);
        rows.iter()
            .zip(refusals)
            .map(|(row, refusal)| {
                refused(refusal).and_then(|()| self.row(row, now, random))?;
                self.taken.push((by.to_owned(), row.clone()));
                Ok(())
            })
            .collect()
    }

    /// When the row's click was made.
    fn clicked(&self, row: &Sent) -> Option<i64> {
        self.clicked.get(&row.microsoft_click_id.as_ref()?.to_lowercase()).copied()
    }

    fn row(&mut self, row: &Sent, now: i64, random: &mut Random) -> Taken {
        let goal = self
            .goals
            .iter()
            .position(|goal| goal.place == row.place && goal.name == row.conversion_name);
        let goal = goal.ok_or(5606)?;
        let time = seconds(&row.conversion_time);
        if time > now {
            return Err(5614);
        }
        if time + 90 * DAY < now {
            return Err(if row.is_adjustment() { 5623 } else { 5609 });
        }
        match row.is_adjustment() {
            true => self.adjust(row, goal, now, random),
            false if self.clicked(row).is_some_and(|at| at > time) => Err(5616),
            false if self.goals[goal].made + GOAL_AGE > now => Err(5615),
            false => {
                self.apply(row, goal, now, random);
                Ok(())
            }
        }
    }

    fn apply(&mut self, row: &Sent, goal: usize, now: i64, random: &mut Random) {
        let person = row.person();
        let earlier = self.applies.entry(person.clone()).or_default();
        if earlier
            .iter()
            .any(|e| e.place == row.place && e.conversion_name == row.conversion_name && e != row)
        {
            let what = "an original was sent with two payloads".to_owned();
            self.mistakes.push((person.clone(), what));
        }
        earlier.push(row.clone());
        let same = |known: &&Counted| {
            known.person == person
                && known.place == row.place
                && (known.goal == goal || !self.goal_in_key)
        };
        if self.counted.iter().any(|known| same(&known)) {
            return;
        }
        self.counted.push(Counted {
            place: row.place.clone(),
            goal,
            person,
            value: row.conversion_value.as_deref().map(thousandths),
            currency: row.conversion_currency_code.clone(),
            retracted: false,
            shows: now + random.between(0, PIPELINE),
            last_adjustment: String::new(),
        });
    }

    fn adjust(&mut self, row: &Sent, goal: usize, now: i64, random: &mut Random) -> Taken {
        let mut mistake = |what: &str| self.mistakes.push((row.person(), what.to_owned()));
        let Some(time) = &row.adjustment_time else {
            mistake("an adjustment without a time");
            return Err(5619);
        };
        if *time <= row.conversion_time {
            mistake("an adjustment not later than its conversion");
            return Err(5620);
        }
        if seconds(time) > now {
            return Err(5622);
        }
        let value = (row.adjustment_value.is_some(), row.adjustment_currency_code.is_some());
        match (row.adjustment_type.as_deref(), value) {
            (Some("Retract"), (false, false)) | (Some("Restate"), (true, true)) => {}
            _ => {
                mistake("an adjustment of no known form");
                return Err(5624);
            }
        }
        // Whether the original shows is looked at when the adjustment comes.
        let shows = |known: &&Counted| {
            known.person == row.person()
                && known.place == row.place
                && (known.goal == goal || !self.goal_in_key)
                && known.shows <= now
        };
        let is_old = self.clicked(row).is_some_and(|at| at + 90 * DAY < now);
        match self.counted.iter().position(|known| shows(&known)) {
            _ if is_old => self.dropped.push((row.person(), Drop::OldClick)),
            Some(at) => self.coming.push((now + random.between(0, PIPELINE), row.clone(), at)),
            None => self.dropped.push((row.person(), Drop::Unseen)),
        }
        Ok(())
    }

    /// Lets everything have effect that is due.
    pub fn pass(&mut self, now: i64) {
        self.coming.sort_by_key(|(at, ..)| *at);
        let later = self.coming.partition_point(|(at, ..)| *at <= now);
        for (_, row, at) in self.coming.drain(..later).collect::<Vec<_>>() {
            self.take_effect(&row, at);
        }
    }

    fn take_effect(&mut self, row: &Sent, at: usize) {
        let counted = &mut self.counted[at];
        let time = row.adjustment_time.clone().unwrap_or_default();
        let in_order = time > counted.last_adjustment;
        if !in_order {
            self.reordered.push(row.person());
        }
        if counted.retracted && row.adjustment_value.is_some() {
            let mistake = || (row.person(), "a Restate came after a Retract".to_owned());
            self.mistakes.extend(in_order.then(mistake));
            return;
        }
        counted.last_adjustment = time;
        match &row.adjustment_value {
            Some(value) => counted.value = Some(thousandths(value)),
            None => counted.retracted = true,
        }
    }
}

fn seconds(time: &str) -> i64 {
    EventTime::parse_rfc3339(time).map_or(0, EventTime::epoch)
}
