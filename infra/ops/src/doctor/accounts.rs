//! What the checks of goals found at Microsoft: consent, developer token and environment, the pair
//! of account numbers, auto-tagging, goals and their enhanced conversions.

use aws_sdk_lambda::primitives::Blob;
use tracklayer_core::id::AccountName;
use tracklayer_core::mapping::Account;
use tracklayer_core::microsoft::goals::{AUTO_TAGGING, ENHANCED, GoalFinding, Gravity};
use tracklayer_edge::ports::{
    AccountItem, AccountItems as _, AccountSecret, Secrets as _, Versioned,
};

use super::check::Check;
use super::secrets::has_placeholders;
use crate::{place::Ops, screen};

/// Hours of the policy after which a check is missing: it runs every hour.
const LATE: i64 = 3;

/// A line for each thing of each account.
pub async fn checks(ops: &Ops, check_now: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if check_now {
        checks.extend(run_check(ops).await);
    }
    for account in ops.mapping.accounts() {
        match ops.ledger.account_item(account.name()).await {
            Ok(item) => checks.extend(of_account(ops, account, &item).await),
            Err(error) => checks.push(Check::ledger(format!("goals of {}", account.name()), error)),
        }
    }
    checks
}

/// Has the function `goals` check everything now. What it finds is read from the ledger.
async fn run_check(ops: &Ops) -> Option<Check> {
    let client = aws_sdk_lambda::Client::new(&ops.config);
    let invoked = client.invoke().function_name(&ops.goals_function).payload(Blob::new("{}"));
    let cure = "Look at the log of goals; these credentials need lambda:InvokeFunction.";
    match invoked.send().await {
        Ok(answer) => answer
            .function_error
            .map(|error| Check::wrong("check of goals", format!("it failed: {error}"), cure)),
        Err(error) => Some(Check::wrong("check of goals", screen::chain_of(&error), cure)),
    }
}

async fn of_account(ops: &Ops, account: &Account, item: &AccountItem) -> Vec<Check> {
    let name = account.name();
    let secret = ops.secrets.account(name).await.ok();
    let mut checks = vec![last_check(ops, account, item)];
    if let Some(finding) = &item.failing_for {
        checks.push(Check::wrong(format!("account {name}"), &finding.problem, &finding.cure));
    }
    let is_through = is_through(item, secret.as_ref());
    checks.push(match &item.refused_secret_version {
        Some(version) => {
            let current = secret.as_ref().map(|secret| secret.version.as_str());
            refused_consent(name, version, current)
        }
        None => proved(is_through, format!("consent of {name}"), "its token works"),
    });
    checks.extend(credentials(ops, account, secret.as_ref(), is_through));
    checks.extend(settings(account, &item.findings, is_through));
    checks.extend(item.findings.iter().map(|finding| of_finding(account, item, finding)));
    checks
}

/// Whether the last check could use the account, with a secret that is still the current one.
fn is_through(item: &AccountItem, secret: Option<&Versioned<AccountSecret>>) -> bool {
    let Some(at) = item.checked_at.filter(|_| item.failing_for.is_none()) else { return false };
    secret.is_none_or(|secret| {
        let is_older = secret.created.is_none_or(|created| created <= at.epoch());
        is_older && !has_placeholders(&secret.value)
    })
}

/// What a check that gets through has used, so that it is right.
fn proved(is_through: bool, what: String, found: &str) -> Check {
    if is_through {
        Check::fine(what, format!("{found}, by the last check of the goals"))
    } else {
        Check::unknown(what, "no check of the goals gets through with this secret")
    }
}

/// The developer token, which is of one environment, and the pair of account numbers.
fn credentials(
    ops: &Ops, account: &Account, secret: Option<&Versioned<AccountSecret>>, is_through: bool,
) -> [Check; 2] {
    let name = account.name();
    let environment = ops.deployment.parameter("MicrosoftEnvironment").unwrap_or("unknown");
    let token = format!("it is one of {environment}");
    let numbers = secret.map_or_else(String::new, |secret| {
        let AccountSecret { account_id, customer_id, .. } = &secret.value;
        format!("ad account {account_id} of customer {customer_id} ")
    });
    [
        proved(is_through, format!("developer token of {name}"), &token),
        proved(is_through, format!("account numbers of {name}"), &format!("{numbers}may be used")),
    ]
}

/// Auto-tagging and enhanced conversions, where there is no finding about them.
fn settings(account: &Account, findings: &[GoalFinding], is_through: bool) -> Vec<Check> {
    let has = |words: &str| findings.iter().any(|finding| finding.problem.contains(words));
    let all = [
        ("auto-tagging", AUTO_TAGGING, "it is on"),
        ("enhanced conversions", ENHANCED, "they are on where the mapping sends hashes"),
    ];
    let fine = all.into_iter().filter(|(_, words, _)| !has(words));
    fine.map(|(what, _, found)| proved(is_through, format!("{what} of {}", account.name()), found))
        .collect()
}

/// Nothing of the account is sent while the version that was refused is the current one.
fn refused_consent(name: &AccountName, version: &str, current: Option<&str>) -> Check {
    let what = format!("consent of {name}");
    let found = format!("the identity service refused version {version} of its secret");
    match current {
        Some(current) if current == version => {
            Check::wrong(what, found, "Consent again: `connect`.")
        }
        Some(_) => Check::warns(what, found, "None: a newer version will be tried."),
        None => {
            let cure = "If it is still the current one, consent again: `connect`.";
            Check::warns(what, found, cure)
        }
    }
}

fn last_check(ops: &Ops, account: &Account, item: &AccountItem) -> Check {
    let what = format!("goals of {}", account.name());
    let cure = "Run `doctor --check`; if that fails, the log of goals says why.";
    let Some(at) = item.checked_at else {
        return Check::wrong(what, "they were never checked", cure);
    };
    let age = ops.now().seconds_since(at);
    // Locally, goals are checked every five minutes, whatever an hour lasts.
    if !ops.is_local && age > LATE * ops.policy.hour {
        return Check::wrong(what, format!("last checked {}", screen::ago(age)), cure);
    }
    let held = item.held_goals.len();
    let found =
        format!("{} at Microsoft, {held} held, checked {}", item.goals_seen, screen::ago(age));
    if item.held {
        let cure = "Do what its findings say; its rows are sent by themselves then.";
        return Check::wrong(what, "the account is held: all its rows wait", cure);
    }
    if held == 0 { Check::fine(what, found) } else { Check::wrong(what, found, "See below.") }
}

fn of_finding(account: &Account, item: &AccountItem, finding: &GoalFinding) -> Check {
    let goal = finding.goal.as_deref();
    let name = account.name();
    let what = match goal {
        Some(goal) => format!("goal {goal} of {name}"),
        None if finding.problem.starts_with(AUTO_TAGGING) => format!("auto-tagging of {name}"),
        None => format!("account {name}"),
    };
    let holds = finding.gravity == Gravity::Holds
        || goal.is_some_and(|goal| item.held_goals.iter().any(|held| held == goal));
    if holds {
        Check::wrong(what, &finding.problem, &finding.cure)
    } else {
        Check::warns(what, &finding.problem, &finding.cure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Mark;

    #[test]
    fn a_refused_consent_is_wrong_while_its_version_is_the_current_one() {
        let name = "main".parse().expect("an account");
        let mark = |current| refused_consent(&name, "v1", current).mark;
        assert_eq!(mark(Some("v1")), Mark::Wrong);
        assert_eq!((mark(Some("v2")), mark(None)), (Mark::Warns, Mark::Warns));
    }
}
