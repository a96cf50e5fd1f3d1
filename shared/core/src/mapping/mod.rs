//! Which event becomes which Microsoft goal, in which account: one data file, `mapping.json`.
//!
//! ```text
//! goals          key → exact goal name, revenue mode, count type, whether hashes go along, perOrder
//! events         event name → a goal's key, or "adjusts": true for corrections; required fields
//! analyticsOnly  event names that are answered and dropped
//! accounts       account name → its own goal names by goal key, browserOrderTies, defaultCountryCode
//! ownOrders      sources whose order numbers are their own
//! ```
//!
//! A new event is an edit of that file; no test but those of the pages looks at its names. It is the
//! only list of accounts.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use file::MappingError;

use crate::field::Field;
use crate::id::{AccountName, EventName, GoalName, Source};

/// How a goal counts money
/// (learn.microsoft.com/advertising/campaign-management-service/conversiongoalrevenue).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Revenue {
    /// Each conversion has its own value: events must carry one.
    VariableValue,
    /// Conversions have no value: events must not carry one.
    NoValue,
    /// The goal has a value of its own; an event may carry another.
    FixedValue,
}

/// How many conversions of one click a goal counts
/// (learn.microsoft.com/advertising/campaign-management-service/conversiongoalcounttype).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CountType {
    All,
    /// The first per click: right for leads.
    Unique,
}

/// How many conversions of one order a goal counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerOrder {
    /// One: what else comes with its `orderId` is another notice of the same order.
    #[default]
    One,
    /// Every one, such as the renewals of a contract.
    Many,
}

/// A goal as one account has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GoalRule {
    pub name: GoalName,
    pub revenue: Revenue,
    /// How many conversions of a click it counts.
    pub count_type: CountType,
    /// Whether hashes go along; not where enhanced conversions are off.
    #[serde(rename = "enhancedConversions")]
    pub enhanced: bool,
    /// How many conversions of an order it counts.
    #[serde(default)]
    pub per_order: PerOrder,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventRule {
    Conversion {
        /// The goal's key in the mapping; [`Account::goal`] gives the goal itself.
        goal: String,
        /// Fields that events of this name must have beyond what every event must have.
        required: Vec<Field>,
    },
    /// A correction of an earlier conversion (refund, restatement, cancellation).
    Correction {
        /// Fields that events of this name must have beyond what every correction must have.
        required: Vec<Field>,
    },
    /// Answered and dropped: of use to web analytics only.
    AnalyticsOnly,
}

/// A Microsoft Advertising account that conversions can go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: AccountName,
    goals: BTreeMap<String, GoalRule>,
    browser_order_ties: bool,
    default_country_code: Option<String>,
}

impl Account {
    pub fn name(&self) -> &AccountName {
        &self.name
    }

    /// The goal under this key, with the name it has in this account.
    pub fn goal(&self, key: &str) -> Option<&GoalRule> {
        self.goals.get(key)
    }

    /// All goals of the mapping with the names they have in this account, by key.
    pub fn goals(&self) -> impl Iterator<Item = (&str, &GoalRule)> {
        self.goals.iter().map(|(key, goal)| (key.as_str(), goal))
    }

    /// Whether a tie of an order number that an anonymous browser made counts. Order numbers can
    /// be guessed, so this lets strangers claim orders for their own clicks.
    pub fn browser_order_ties(&self) -> bool {
        self.browser_order_ties
    }

    /// Country code (digits without `+`) for phone numbers written without one.
    pub fn default_country_code(&self) -> Option<&str> {
        self.default_country_code.as_deref()
    }
}

/// The whole mapping, checked: every goal an event names exists in every account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    events: BTreeMap<EventName, EventRule>,
    accounts: BTreeMap<AccountName, Account>,
    own_orders: BTreeSet<Source>,
}

impl Mapping {
    /// The text of the shipped mapping.
    pub const SHIPPED: &str = include_str!("../../mapping.json");

    /// The text of a mapping for tests, so that an edit of the shipped one breaks none of them.
    pub const SAMPLE: &str = include_str!("../../tests/fixtures/mapping.json");

    /// Reads and checks a mapping; an error names the place in the file.
    pub fn parse(json: &str) -> Result<Self, MappingError> {
        file::parse(json)
    }

    pub fn shipped() -> Self {
        Self::parse(Self::SHIPPED).expect("the shipped mapping is valid, which a test checks")
    }

    /// The mapping for tests.
    pub fn sample() -> Self {
        Self::parse(Self::SAMPLE).expect("the sample is valid")
    }

    /// What an event name means; `None` for an unknown one.
    pub fn event(&self, name: &str) -> Option<&EventRule> {
        self.events.get(name)
    }

    pub fn events(&self) -> impl Iterator<Item = (&EventName, &EventRule)> {
        self.events.iter()
    }

    pub fn account(&self, name: &str) -> Option<&Account> {
        self.accounts.get(name)
    }

    /// Whether ties that browsers make count for the orders of this account.
    pub fn browser_order_ties(&self, account: &AccountName) -> bool {
        self.account(account.as_str()).is_some_and(Account::browser_order_ties)
    }

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Whether the order numbers of this source are its own. Those of all other sources are the same
    /// numbers, whoever sends them.
    pub fn has_own_orders(&self, source: &Source) -> bool {
        self.own_orders.contains(source)
    }

    /// The sources whose order numbers are their own.
    pub fn own_orders(&self) -> impl Iterator<Item = &Source> {
        self.own_orders.iter()
    }

    /// The account that is meant when an event names none: the only one, else `None`.
    pub fn only_account(&self) -> Option<&Account> {
        let mut accounts = self.accounts.values();
        accounts.next().filter(|_| accounts.next().is_none())
    }

    /// The goal that this event has in this account today; `None` unless it is a conversion.
    pub fn goal(&self, account: &AccountName, event: &EventName) -> Option<&GoalRule> {
        match self.events.get(event)? {
            EventRule::Conversion { goal, .. } => self.accounts.get(account)?.goal(goal),
            EventRule::Correction { .. } | EventRule::AnalyticsOnly => None,
        }
    }
}
