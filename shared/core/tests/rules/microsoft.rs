//! A small model of Microsoft, built on what its pages say: a repeated key is ignored without an
//! error, a click that is later than its conversion is refused, what is taken shows up to six hours
//! later, an adjustment whose original does not show is dropped without an error, a Restate is
//! absolute, and nothing is taken after a Retract.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tracklayer_core::{ledger::observed::Kind, time::EventTime};

/// Longest time until something taken has effect.
pub const PIPELINE: i64 = 6 * 3_600;

/// One conversion as Microsoft counts it.
#[derive(Clone, Debug)]
pub struct Counted {
    pub value: Option<String>,
    pub retracted: bool,
    shows_from: EventTime,
    last_adjustment: String,
}

#[derive(Default)]
pub struct Microsoft {
    pub counted: BTreeMap<String, Counted>,
    /// Adjustments that were dropped, since their original did not show.
    pub dropped: usize,
    /// Clicks that are later than the sale.
    pub late_clicks: BTreeSet<String>,
    coming: Vec<(EventTime, Value)>,
}

fn key(row: &Value) -> String {
    let members =
        ["ConversionName", "ConversionTime", "MicrosoftClickId", "HashedEmailAddress"].iter();
    members.map(|name| row[*name].as_str().unwrap_or("-").to_owned()).collect::<Vec<_>>().join("|")
}

fn value(row: &Value, name: &str) -> Option<String> {
    row.get(name).map(Value::to_string)
}

impl Microsoft {
    /// Takes a conversion that shows from `shows_from`.
    pub fn apply(&mut self, row: &Value, shows_from: EventTime) {
        self.counted.entry(key(row)).or_insert_with(|| Counted {
            value: value(row, "ConversionValue"),
            retracted: false,
            shows_from,
            last_adjustment: String::new(),
        });
    }

    /// Whether it refuses this conversion for its click.
    pub fn finds_click_late(&self, row: &Value) -> bool {
        row["MicrosoftClickId"].as_str().is_some_and(|id| self.late_clicks.contains(id))
    }

    /// Takes an adjustment that has effect at `at`.
    pub fn adjust(&mut self, row: Value, at: EventTime) {
        self.coming.push((at, row));
    }

    /// Lets everything have effect that is due by `now`.
    pub fn pass(&mut self, now: EventTime) {
        self.coming.sort_by_key(|(at, _)| *at);
        let later = self.coming.partition_point(|(at, _)| *at <= now);
        for (at, row) in self.coming.drain(..later).collect::<Vec<_>>() {
            self.take_effect(at, &row);
        }
    }

    fn take_effect(&mut self, at: EventTime, row: &Value) {
        let shown = self.counted.get_mut(&key(row)).filter(|counted| counted.shows_from <= at);
        let Some(counted) = shown else {
            self.dropped += 1;
            return;
        };
        let time = row["AdjustmentTime"].as_str().expect("AdjustmentTime");
        assert!(time > counted.last_adjustment.as_str(), "adjustments in another order");
        assert!(time > row["ConversionTime"].as_str().expect("time"), "not after its conversion");
        counted.last_adjustment = time.to_owned();
        let given = value(row, "AdjustmentValue");
        match row["AdjustmentType"].as_str() {
            Some("Retract") => {
                assert_eq!(given, None, "5624");
                counted.retracted = true;
            }
            _ => {
                assert!(!counted.retracted, "ConversionAlreadyRetracted");
                assert!(row.get("AdjustmentCurrencyCode").is_some(), "5626");
                counted.value = Some(given.expect("5625"));
            }
        }
    }
}

/// How a call to Microsoft ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Taken and answered; shows after so many seconds.
    Taken(i64),
    /// Taken, but the answer is lost.
    TakenUnheard(i64),
    /// Not taken, and nobody knows.
    Lost,
    /// Refused for now.
    Later,
    /// Refused until a person repairs something.
    Refused,
    /// Too many calls.
    Throttled,
    /// The connection never stood.
    Unreached,
}

impl End {
    /// How many seconds later it has effect, if it was taken.
    pub fn delay(self) -> Option<i64> {
        match self {
            End::Taken(delay) | End::TakenUnheard(delay) => Some(delay % PIPELINE),
            _ => None,
        }
    }

    /// Status and body of the answer to a call with one row; none if no connection stood.
    pub fn answer(self, kind: Kind, late_click: bool) -> Option<(u16, String)> {
        let code = |code: i64| format!(r#"{{"PartialErrors":[{{"Code":{code},"Index":0}}]}}"#);
        Some(match self {
            End::Taken(_) if late_click => (200, code(5616)),
            End::Taken(_) => (200, r#"{"PartialErrors":null}"#.to_owned()),
            End::TakenUnheard(_) | End::Lost => (504, String::new()),
            End::Later => (200, code(if kind == Kind::Apply { 5615 } else { 5622 })),
            End::Refused => (200, code(if kind == Kind::Apply { 5606 } else { 5623 })),
            End::Throttled => (429, String::new()),
            End::Unreached => return None,
        })
    }
}
