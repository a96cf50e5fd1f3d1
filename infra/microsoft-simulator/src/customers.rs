//! Customer Management: the user who consented, and the ad accounts that it may use. It is one user,
//! who may use all accounts of the settings.
//!
//! <https://learn.microsoft.com/advertising/customer-management-service/getuser>,
//! <https://learn.microsoft.com/advertising/customer-management-service/searchaccounts>

use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::ApiFault;
use crate::reply::Reply;
use crate::settings::{Account, Settings};

/// The user's number.
const USER: &str = "5000001";
/// Accounts of one page of `SearchAccounts`, at most.
const MAX_PAGE: usize = 1_000;

/// Answers `User/Query` or `Accounts/Search`.
pub(crate) fn answer(settings: &Settings, operation: &str, body: &[u8]) -> Result<Reply, ApiFault> {
    match operation {
        "User/Query" => user(settings, body),
        "Accounts/Search" => search(settings, body),
        _ => Ok(Reply::html(404)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UserRequest {
    user_id: Option<String>,
}

/// Without a number it is the user whose token it is.
fn user(settings: &Settings, body: &[u8]) -> Result<Reply, ApiFault> {
    let request: UserRequest = read(body)?;
    if request.user_id.is_some_and(|id| id != USER) {
        return Err(ApiFault::new(400, 106));
    }
    let roles: Vec<Value> = settings.accounts.iter().map(role).collect();
    let customer = settings.accounts.first().map(|account| &account.customer_id);
    let user = json!({
        "Id": USER,
        "UserName": "operator@contoso.com",
        "CustomerId": customer,
        "UserLifeCycleStatus": "Active",
    });
    Ok(Reply::ok(&json!({ "User": user, "CustomerRoles": roles })))
}

/// Role 41 is a super admin.
fn role(account: &Account) -> Value {
    json!({
        "RoleId": 41,
        "CustomerId": account.customer_id,
        "AccountIds": null,
        "LinkedAccountIds": null,
        "CustomerLinkPermission": null,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SearchRequest {
    predicates: Vec<Predicate>,
    page_info: PageInfo,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Predicate {
    field: String,
    operator: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PageInfo {
    index: usize,
    size: usize,
}

/// By the user alone, a page at a time.
fn search(settings: &Settings, body: &[u8]) -> Result<Reply, ApiFault> {
    let request: SearchRequest = read(body)?;
    let PageInfo { index, size } = request.page_info;
    let [by] = request.predicates.as_slice() else { return Err(ApiFault::new(400, 100)) };
    if size > MAX_PAGE || (&*by.field, &*by.operator) != ("UserId", "Equals") {
        return Err(ApiFault::because(400, 100, "only a search by UserId is simulated"));
    }
    let known = settings.accounts.iter().filter(|_| by.value == USER);
    let page: Vec<Value> = known.skip(index * size).take(size).map(account).collect();
    Ok(Reply::ok(&json!({ "Accounts": page })))
}

/// Numbers of accounts have eight characters; names are made up.
fn account(account: &Account) -> Value {
    json!({
        "Id": account.account_id,
        "Number": format!("X{:0>7}", account.account_id),
        "Name": format!("Account {}", account.account_id),
        "ParentCustomerId": account.customer_id,
        "CurrencyCode": account.currency_code,
        "AccountLifeCycleStatus": "Active",
    })
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, ApiFault> {
    serde_json::from_slice(body).map_err(|_| ApiFault::new(400, 100))
}
