//! The local accounts: what their secrets hold, and which goals the simulator knows of them.

use std::path::Path;

use anyhow::{Context, Result};
use microsoft_simulator::{Account, CountType, Goal, RevenueType};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tracklayer_core::mapping::Mapping;

/// SHA-256 of `local-key`: `printf local-key | sha256sum`.
const LOCAL_KEY_SHA256: &str = "dba73d3fcb67907054ce8317378a14b30da1b86b75803e9ba66f18efd9bef09e";
/// Ad account number of `main`; further accounts count on from it.
const MAIN_ACCOUNT_ID: u64 = 7_654_321;

/// One account of the mapping.
pub(crate) struct LocalAccount {
    pub(crate) name: String,
    id: u64,
    goals: Vec<Goal>,
}

/// The accounts of a mapping file, `main` first; without a file those of the shipped one.
pub(crate) fn accounts(mapping: Option<&Path>) -> Result<Vec<LocalAccount>> {
    match mapping {
        None => declared(Mapping::SHIPPED.as_bytes()),
        Some(path) => {
            let named = || format!("mapping {}", path.display());
            let text = std::fs::read(path).with_context(named)?;
            declared(&text).with_context(named)
        }
    }
}

fn declared(text: &[u8]) -> Result<Vec<LocalAccount>> {
    let mapping: Json = serde_json::from_slice(text)?;
    let declared = mapping["accounts"].as_object().context("the mapping has no accounts")?;
    let mut names: Vec<&String> = declared.keys().collect();
    names.sort_by_key(|name| (*name != "main", (*name).clone()));
    // The number of `main` is never another's.
    let first = MAIN_ACCOUNT_ID + u64::from(!declared.contains_key("main"));
    let numbered = names.into_iter().zip(first..);
    Ok(numbered
        .map(|(name, id)| LocalAccount {
            name: name.clone(),
            id,
            goals: goals(&mapping, &declared[name]),
        })
        .collect())
}

/// The mapping's goals under the account's own names.
fn goals(mapping: &Json, account: &Json) -> Vec<Goal> {
    let goals = mapping["goals"].as_object().into_iter().flatten().zip(1001..);
    goals
        .filter_map(|((key, rule), id)| {
            let name = account["goals"][key].as_str().or(rule["name"].as_str())?;
            Some(Goal::new(
                &id.to_string(),
                name,
                parsed::<RevenueType>(&rule["revenue"]),
                parsed::<CountType>(&rule["countType"]),
            ))
        })
        .collect()
}

fn parsed<T: DeserializeOwned + Default>(value: &Json) -> T {
    serde_json::from_value(value.clone()).unwrap_or_default()
}

impl LocalAccount {
    /// What the simulator knows of it.
    pub(crate) fn simulated(&self) -> Account {
        Account { account_id: self.id.to_string(), goals: self.goals.clone(), ..Account::default() }
    }

    /// Its secret: what the simulator takes.
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

/// The secret with the only ingest key, `local-key`, which may do everything.
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
            "goals": {"purchase": {"name": "Purchase", "revenue": "VariableValue", "countType": "All"}},
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
    fn shipped_account() {
        let accounts = accounts(None).expect("main");
        assert_eq!((accounts.len(), accounts[0].name.as_str()), (1, "main"));
    }
}
