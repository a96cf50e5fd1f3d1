//! The report, for whoever invokes the function by hand.

use serde::Serialize;
use tracklayer_core::id::AccountName;
use tracklayer_core::microsoft::goals::GoalFinding;
use tracklayer_core::microsoft::report::GoalOutcome;

#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One entry per account of the mapping.
    pub accounts: Vec<AccountReport>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountReport {
    pub account: AccountName,
    /// Whether Microsoft could be asked; if not, nothing is held or released.
    pub checked: bool,
    /// Goals whose rows wait.
    pub held: Vec<String>,
    /// Whether all rows of the account wait, because checks in a row could not use it.
    pub account_held: bool,
    pub findings: Vec<GoalFinding>,
    /// What became of the rows of the last seven days, by goal; no part of the check.
    pub outcomes: Vec<GoalOutcome>,
    /// Why Microsoft could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip)]
    pub trouble: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes_error: Option<String>,
}

impl AccountReport {
    /// An account of which nothing is known yet.
    pub fn new(account: AccountName) -> Self {
        AccountReport {
            account,
            checked: false,
            held: Vec::new(),
            account_held: false,
            findings: Vec::new(),
            outcomes: Vec::new(),
            error: None,
            trouble: None,
            outcomes_error: None,
        }
    }
}
