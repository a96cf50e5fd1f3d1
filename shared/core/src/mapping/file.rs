//! The mapping as it is in its file, and the checks that turn it into a [`Mapping`].

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Account, EventRule, GoalRule, Mapping};
use crate::field::Field;
use crate::id::{AccountName, EventName, GoalName, Source};
use crate::person::phone::is_calling_code;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("mapping: {path}: {problem}")]
pub struct MappingError {
    path: String,
    problem: String,
}

impl MappingError {
    fn new(path: impl Into<String>, problem: impl ToString) -> Self {
        Self { path: path.into(), problem: problem.to_string() }
    }

    /// The place, such as `events.purchase.goal`; `$` for the file as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventEntry {
    goal: Option<String>,
    #[serde(default)]
    adjusts: bool,
    #[serde(default)]
    required: Vec<Field>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountEntry {
    #[serde(default)]
    goals: BTreeMap<String, GoalName>,
    #[serde(default)]
    browser_order_ties: bool,
    default_country_code: Option<String>,
}

const SECTIONS: [&str; 5] = ["goals", "events", "analyticsOnly", "accounts", "ownOrders"];

pub(super) fn parse(json: &str) -> Result<Mapping, MappingError> {
    let mut top: Map<String, Value> =
        serde_json::from_str(json).map_err(|error| MappingError::new("$", error))?;
    let goals: Goals = section(&mut top, "goals")?;
    let mut events = events(section(&mut top, "events")?, &goals)?;
    add_analytics_only(&mut events, names(&mut top, "analyticsOnly")?)?;
    let own_orders: BTreeSet<Source> = names(&mut top, "ownOrders")?.into_iter().collect();
    let accounts = accounts(section(&mut top, "accounts")?, &goals)?;
    match top.keys().next() {
        Some(key) => Err(MappingError::new(key, format!("is none of {}", SECTIONS.join(", ")))),
        None => Ok(Mapping { events, accounts, own_orders }),
    }
}

/// An object of named entries, each read on its own so that an error can name it.
fn section<T: DeserializeOwned>(
    top: &mut Map<String, Value>, name: &str,
) -> Result<BTreeMap<String, T>, MappingError> {
    let Some(Value::Object(entries)) = top.remove(name) else {
        return Err(MappingError::new(name, "is missing or not an object"));
    };
    if entries.is_empty() {
        return Err(MappingError::new(name, "is empty"));
    }
    let read = |(key, entry): (String, Value)| match serde_json::from_value(entry) {
        Ok(entry) => Ok((key, entry)),
        Err(error) => Err(MappingError::new(format!("{name}.{key}"), error)),
    };
    entries.into_iter().map(read).collect()
}

type Goals = BTreeMap<String, GoalRule>;

fn events(
    entries: BTreeMap<String, EventEntry>, goals: &Goals,
) -> Result<BTreeMap<EventName, EventRule>, MappingError> {
    let read = |(name, entry): (String, EventEntry)| {
        let path = format!("events.{name}");
        let rule = event_rule(&path, entry, goals)?;
        Ok((EventName::parse(&name).map_err(|e| MappingError::new(path, e))?, rule))
    };
    entries.into_iter().map(read).collect()
}

fn event_rule(path: &str, entry: EventEntry, goals: &Goals) -> Result<EventRule, MappingError> {
    let required = entry.required;
    match (entry.goal, entry.adjusts) {
        (Some(goal), false) if goals.contains_key(&goal) => {
            Ok(EventRule::Conversion { goal, required })
        }
        (Some(_), false) => {
            Err(MappingError::new(format!("{path}.goal"), "names no key of \"goals\""))
        }
        (None, true) => Ok(EventRule::Correction { required }),
        _ => Err(MappingError::new(path, "needs either \"goal\" or \"adjusts\": true")),
    }
}

/// A list of names, which may be left out.
fn names<T: DeserializeOwned>(
    top: &mut Map<String, Value>, section: &str,
) -> Result<Vec<T>, MappingError> {
    let Some(list) = top.remove(section) else { return Ok(Vec::new()) };
    serde_json::from_value(list).map_err(|error| MappingError::new(section, error))
}

fn add_analytics_only(
    events: &mut BTreeMap<EventName, EventRule>, names: Vec<EventName>,
) -> Result<(), MappingError> {
    for name in names {
        if events.contains_key(&name) {
            return Err(MappingError::new(format!("analyticsOnly.{name}"), "is named twice"));
        }
        events.insert(name, EventRule::AnalyticsOnly);
    }
    Ok(())
}

fn accounts(
    entries: BTreeMap<String, AccountEntry>, goals: &Goals,
) -> Result<BTreeMap<AccountName, Account>, MappingError> {
    let read = |(name, entry): (String, AccountEntry)| {
        let account = account(&format!("accounts.{name}"), &name, entry, goals)?;
        Ok((account.name.clone(), account))
    };
    entries.into_iter().map(read).collect()
}

fn account(
    path: &str, name: &str, entry: AccountEntry, goals: &Goals,
) -> Result<Account, MappingError> {
    let name = AccountName::parse(name).map_err(|error| MappingError::new(path, error))?;
    if entry.default_country_code.as_deref().is_some_and(|code| !is_calling_code(code)) {
        let path = format!("{path}.defaultCountryCode");
        let problem = "is no country's calling code: 1 to 3 digits without +, such as 49";
        return Err(MappingError::new(path, problem));
    }
    let mut goals = goals.clone();
    for (key, own_name) in entry.goals {
        let unknown = || MappingError::new(format!("{path}.goals.{key}"), "is no key of \"goals\"");
        goals.get_mut(&key).ok_or_else(unknown)?.name = own_name;
    }
    Ok(Account {
        name,
        goals,
        browser_order_ties: entry.browser_order_ties,
        default_country_code: entry.default_country_code,
    })
}
