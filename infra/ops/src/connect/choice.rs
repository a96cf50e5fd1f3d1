//! Which ad account it shall be.

use super::customers::AdAccount;
use super::prompt::Prompt;
use crate::{failure::Failure, options::ConnectOptions, screen::Table};

/// The ad accounts, for people.
pub fn table(accounts: &[AdAccount]) -> Table {
    let mut table = Table::new(["number", "id", "customer", "name", "currency", "status"]);
    for it in accounts {
        table.row([
            it.number.clone(),
            it.account_id.clone(),
            it.customer_id.clone(),
            it.name.clone(),
            it.currency_code.clone().unwrap_or_default(),
            it.status.clone().unwrap_or_default(),
        ]);
    }
    table
}

/// The one that is named; else the only one; else the one that the person at the terminal picks.
/// Where nobody can be asked it is the one that the secret has.
pub fn choose<'a>(
    accounts: &'a [AdAccount], options: &ConnectOptions, stored: Option<&str>, prompt: Prompt,
) -> Result<&'a AdAccount, Failure> {
    if let Some(named) = named(accounts, options) {
        return named;
    }
    let known = accounts.iter().position(|it| stored == Some(&it.account_id));
    match accounts {
        [] => Err(none()),
        [only] => Ok(only),
        _ => {
            let items: Vec<String> = accounts.iter().map(AdAccount::to_string).collect();
            let picked = prompt.one_of("Which one", &items, known.unwrap_or(0))?.or(known);
            picked.and_then(|index| accounts.get(index)).ok_or_else(|| {
                let help = format!("Name one with --account-number: {}.", numbers(accounts));
                let message = "the user may use several ad accounts";
                Failure::input("account_needed", message, help)
            })
        }
    }
}

fn named<'a>(
    accounts: &'a [AdAccount], options: &ConnectOptions,
) -> Option<Result<&'a AdAccount, Failure>> {
    let found = match (&options.account_number, &options.account_id) {
        (Some(number), _) => accounts.iter().find(|it| it.number.eq_ignore_ascii_case(number)),
        (None, Some(id)) => accounts.iter().find(|it| it.account_id == *id),
        (None, None) => return None,
    };
    Some(found.ok_or_else(|| {
        if accounts.is_empty() {
            return none();
        }
        let help = format!("The user may use {}.", numbers(accounts));
        Failure::input("not_this_account", "the user may not use this ad account", help)
    }))
}

fn numbers(accounts: &[AdAccount]) -> String {
    accounts.iter().map(|it| it.number.as_str()).collect::<Vec<_>>().join(", ")
}

fn none() -> Failure {
    let help = "Consent as a user of Microsoft Advertising who manages the ad account; the browser \
                may have signed in another one. The secret is unchanged.";
    Failure::input("no_accounts", "the user who consented may use no ad account", help)
}
