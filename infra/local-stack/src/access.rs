//! Lets each function do what its policy in the template allows, and nothing else.

use anyhow::{Context, Result};
use local_aws::{Aws, Statement};
use serde_json::{Value as Json, json};

use crate::accounts::LocalAccount;
use crate::runtime::access_key_id;
use crate::stack::ACCOUNT;
use crate::template::{FunctionPlan, Plan};

pub(crate) fn restrict(aws: &Aws, plan: &Plan, accounts: &[LocalAccount]) -> Result<()> {
    for function in &plan.functions {
        let statements = statements(function, accounts)
            .with_context(|| format!("the policy of {}", function.name))?;
        let role = format!("assumed-role/{0}/{0}", function.name);
        let user = format!("arn:aws:sts::{ACCOUNT}:{role}");
        aws.restrict(&access_key_id(&function.name), user, statements);
    }
    Ok(())
}

fn statements(function: &FunctionPlan, accounts: &[LocalAccount]) -> Result<Vec<Statement>> {
    let read = |statement: &Json| {
        let mut statement = statement.clone();
        let resource = statement["Resource"].take();
        let named = resource.as_array().cloned().unwrap_or_else(|| vec![resource]);
        let named = named.iter().filter_map(Json::as_str);
        statement["Resource"] = named.flat_map(|arn| granted(arn, accounts)).collect();
        Ok(serde_json::from_value(statement)?)
    };
    function.policy.iter().map(read).collect()
}

/// A secret's ARN is known here without its random end. The secret of an account stands for those
/// of all accounts of the mapping: with each of them a deployment gets these lines once more.
fn granted(arn: &str, accounts: &[LocalAccount]) -> Vec<Json> {
    match arn.rsplit_once('/') {
        Some((start, name)) if arn.contains(":secretsmanager:") => {
            let others = accounts.iter().map(|account| account.name.as_str());
            let others = others.filter(|other| name != "ingest-keys" && *other != name);
            [name]
                .into_iter()
                .chain(others)
                .map(|it| json!(format!("{start}/{it}-??????")))
                .collect()
        }
        _ => vec![json!(arn)],
    }
}
