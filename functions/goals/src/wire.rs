//! The report, for whoever invokes the function by hand.

use serde::Serialize;
use tracklayer_core::{goals::GoalFinding, id::AccountName};

/// What the check found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// One entry per account of the mapping.
    pub accounts: Vec<AccountReport>,
}

/// One account.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountReport {
    /// Its name in the mapping.
    pub account: AccountName,
    /// Whether Microsoft could be asked; if not, nothing is held or released.
    pub checked: bool,
    /// Goals whose rows wait.
    pub held: Vec<String>,
    /// Whether all rows of the account wait, because checks in a row could not use it.
    pub account_held: bool,
    /// Everything found, grave or not.
    pub findings: Vec<GoalFinding>,
    /// Why Microsoft could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
