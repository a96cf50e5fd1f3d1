//! The local accounts: the contents of their secrets, and their goals in the simulator.

use std::path::Path;

use anyhow::{Context, Result};
use microsoft_simulator::{Account, CountType, Goal, RevenueType};
use serde_json::{Value as Json, json};
use tracklayer_core::mapping::{self, GoalRule, Mapping, Revenue};

/// The ingest key of the shop and of whoever tries things out.
pub(crate) const LOCAL_KEY: &str = "local-key";
/// SHA-256 of it: `printf local-key | sha256sum`.
const LOCAL_KEY_SHA256: &str = "dba73d3fcb67907054ce8317378a14b30da1b86b75803e9ba66f18efd9bef09e";
/// Ad account number of `main`; further accounts get the numbers after it.
const MAIN_ACCOUNT_ID: u64 = 7_654_321;

/// One account of the mapping.
pub(crate) struct LocalAccount {
    pub(crate) name: String,
    id: u64,
    goals: Vec<Goal>,
}

/// The accounts of a mapping file, `main` first; without a file those of the shipped mapping.
pub(crate) fn accounts(mapping: Option<&Path>) -> Result<Vec<LocalAccount>> {
    let Some(path) = mapping else { return Ok(numbered(&Mapping::shipped())) };
    let named = || format!("mapping {}", path.display());
    let text = std::fs::read_to_string(path).with_context(named)?;
    Ok(numbered(&Mapping::parse(&text).with_context(named)?))
}

fn numbered(mapping: &Mapping) -> Vec<LocalAccount> {
    let mut accounts: Vec<_> = mapping.accounts().collect();
    accounts.sort_by_key(|account| account.name().as_str() != "main");
    // No other account gets the number of `main`, even if there is no `main`.
    let first = MAIN_ACCOUNT_ID + u64::from(mapping.account("main").is_none());
    let local = |(account, id): (&mapping::Account, u64)| LocalAccount {
        name: account.name().to_string(),
        id,
        goals: account.goals().zip(1001..).map(|((_, rule), id)| goal(rule, id)).collect(),
    };
    accounts.into_iter().zip(first..).map(local).collect()
}

fn goal(rule: &GoalRule, id: u32) -> Goal {
    let revenue = match rule.revenue {
        Revenue::VariableValue => RevenueType::VariableValue,
        Revenue::NoValue => RevenueType::NoValue,
        Revenue::FixedValue => RevenueType::FixedValue,
    };
    let count_type = match rule.count_type {
        mapping::CountType::All => CountType::All,
        mapping::CountType::Unique => CountType::Unique,
    };
    Goal::new(&id.to_string(), rule.name.as_str(), revenue, count_type)
}

impl LocalAccount {
    /// The account as the simulator knows it.
    pub(crate) fn simulated(&self) -> Account {
        Account { account_id: self.id.to_string(), goals: self.goals.clone(), ..Account::default() }
    }

    /// The content of its secret: credentials that the simulator accepts.
    pub(crate) fn secret(&self) -> Json {
        json!({
            "client_id": "local-client",
            "refresh_token": "local-refresh-token",
            "developer_token": "local-developer-token",
            "customer_id": "1234567",
            "account_id": self.id.to_string(),
        })
    }
}

/// The content of the secret with the only ingest key, `local-key`, which has all rights.
pub(crate) fn ingest_keys() -> Json {
    json!({"keys": [{
        "name": "local",
        "sha256": LOCAL_KEY_SHA256,
        "sources": ["*"],
        "accounts": ["*"],
        "rights": ["read", "write", "erase"],
    }]})
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn further_accounts_get_numbers_and_goals() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let mapping = json!({
            "goals": {"purchase": {"name": "Purchase", "revenue": "VariableValue", "countType": "All",
                "enhancedConversions": true}},
            "events": {"purchase": {"goal": "purchase"}},
            "accounts": {"eu": {"goals": {"purchase": "Kauf"}}, "main": {}},
        });
        write!(file, "{mapping}").expect("written");
        let accounts = accounts(Some(file.path())).expect("read");
        let seen: Vec<_> = accounts
            .iter()
            .map(|account| (account.name.as_str(), account.id, account.goals[0].name.as_str()))
            .collect();
        assert_eq!(seen, [("main", 7_654_321, "Purchase"), ("eu", 7_654_322, "Kauf")]);
        assert_eq!(accounts[1].secret()["account_id"], "7654322");
    }

    #[test]
    fn without_a_file_the_accounts_are_those_of_the_shipped_mapping() {
        let shipped = Mapping::shipped();
        let mut local: Vec<String> =
            accounts(None).expect("accounts").into_iter().map(|account| account.name).collect();
        local.sort();
        assert_eq!(local, shipped.accounts().map(|it| it.name().to_string()).collect::<Vec<_>>());
    }
}
