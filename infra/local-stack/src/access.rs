//! Lets each function do what its policy in the template allows, and nothing else.

use anyhow::{Context, Result};
use local_aws::{Aws, Statement};
use serde_json::{Value as Json, json};

use crate::accounts::LocalAccount;
use crate::runtime::access_key_id;
use crate::stack::ACCOUNT;
use crate::template::{FunctionPlan, Plan};

pub(crate) fn restrict(aws: &Aws, plan: &Plan, accounts: &[LocalAccount]) -> Result<()> {
    let further: Vec<&str> = further(plan, accounts).collect();
    for function in &plan.functions {
        let statements = statements(function, &further)
            .with_context(|| format!("the policy of {}", function.name))?;
        let role = format!("assumed-role/{0}/{0}", function.name);
        let user = format!("arn:aws:sts::{ACCOUNT}:{role}");
        aws.restrict(&access_key_id(&function.name), user, statements);
    }
    Ok(())
}

/// Accounts of the mapping whose secrets the template does not have.
fn further<'a>(plan: &Plan, accounts: &'a [LocalAccount]) -> impl Iterator<Item = &'a str> {
    let names = accounts.iter().map(|account| account.name.as_str());
    names.filter(|name| !plan.secrets.iter().any(|it| it.name.ends_with(&format!("/{name}"))))
}

fn statements(function: &FunctionPlan, further: &[&str]) -> Result<Vec<Statement>> {
    let read = |statement: &Json| {
        let mut statement = statement.clone();
        let resource = statement["Resource"].take();
        let named = resource.as_array().cloned().unwrap_or_else(|| vec![resource]);
        let named = named.iter().filter_map(Json::as_str);
        statement["Resource"] = named.flat_map(|arn| granted(arn, further)).collect();
        Ok(serde_json::from_value(statement)?)
    };
    function.policy.iter().map(read).collect()
}

/// A secret's ARN is known here without its random end. The secret of "main" stands for those of
/// further accounts: with each of them a deployment gets its lines once more.
fn granted(arn: &str, further: &[&str]) -> Vec<Json> {
    let Some((start, name)) = arn.rsplit_once('/').filter(|_| arn.contains(":secretsmanager:"))
    else {
        return vec![json!(arn)];
    };
    let further = further.iter().copied().filter(|_| name == "main");
    [name].into_iter().chain(further).map(|it| json!(format!("{start}/{it}-??????"))).collect()
}
