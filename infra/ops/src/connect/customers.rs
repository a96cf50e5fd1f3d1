//! Customer Management: who consented, and which ad accounts they may use
//! (learn.microsoft.com/advertising/customer-management-service/getuser, …/searchaccounts).

use std::{fmt, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Value, json};
use tracklayer_core::microsoft::errors::look_up;
use tracklayer_core::microsoft::reply::{Reply, read_apply};
use tracklayer_edge::microsoft::client::Client;
use tracklayer_edge::ports::Secret;

use super::application::Application;
use super::consent::Tokens;
use crate::{failure::Failure, place::Microsoft, screen};

const USER: &str = "/CustomerManagement/v13/User/Query";
const ACCOUNTS: &str = "/CustomerManagement/v13/Accounts/Search";
/// How long a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Accounts of one page, as many as there may be
/// (learn.microsoft.com/advertising/customer-management-service/paging).
const PAGE: usize = 1_000;

/// Calls with the tokens of a consent.
pub struct Customers {
    http: reqwest::Client,
    base: String,
    token: Secret,
    developer_token: Secret,
}

/// Who consented.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// Its number.
    #[serde(deserialize_with = "number")]
    pub id: String,
    /// What it signs in with.
    #[serde(rename = "UserName", default)]
    pub name: String,
}

/// An ad account.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "PascalCase", serialize = "camelCase"))]
pub struct AdAccount {
    /// Its id, the header `CustomerAccountId`.
    #[serde(rename(deserialize = "Id"), deserialize_with = "number")]
    pub account_id: String,
    /// As the web interface shows it.
    #[serde(rename(deserialize = "Number", serialize = "accountNumber"), default)]
    pub number: String,
    /// Its name.
    #[serde(rename(serialize = "accountName"), default)]
    pub name: String,
    /// Who owns it, the header `CustomerId`.
    #[serde(rename(deserialize = "ParentCustomerId"), deserialize_with = "number")]
    pub customer_id: String,
    /// What it is billed in.
    #[serde(default)]
    pub currency_code: Option<String>,
    /// Active, or why not.
    #[serde(rename(deserialize = "AccountLifeCycleStatus"), default)]
    pub status: Option<String>,
}

impl fmt::Display for AdAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AdAccount { number, name, account_id, customer_id, .. } = self;
        write!(f, "{number} {name} (id {account_id}, customer {customer_id})")
    }
}

/// Numbers of 64 bits travel as texts; either is taken.
fn number<'de, D: Deserializer<'de>>(input: D) -> Result<String, D::Error> {
    match Value::deserialize(input)? {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(serde::de::Error::custom("no number")),
    }
}

impl Customers {
    /// Calls with these tokens.
    pub fn new(
        microsoft: &Microsoft, application: &Application, tokens: &Tokens,
    ) -> Result<Customers, Failure> {
        let http = Client::http()
            .map_err(|error| Failure::unreachable("no_http", screen::chain_of(&error), ""))?;
        Ok(Customers {
            http,
            base: microsoft.customers.clone(),
            token: tokens.access.clone(),
            developer_token: application.developer_token.clone(),
        })
    }

    /// Who consented.
    pub async fn user(&self) -> Result<User, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Found {
            user: User,
        }
        let found: Found = self.post(USER, &json!({"UserId": null})).await?;
        Ok(found.user)
    }

    /// Every ad account that the user may use, in the order of Microsoft.
    pub async fn accounts(&self, user: &str) -> Result<Vec<AdAccount>, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Found {
            accounts: Option<Vec<AdAccount>>,
        }
        let mut accounts = Vec::new();
        for index in 0.. {
            let body = json!({
                "Predicates": [{"Field": "UserId", "Operator": "Equals", "Value": user}],
                "PageInfo": {"Index": index, "Size": PAGE},
            });
            let found: Found = self.post(ACCOUNTS, &body).await?;
            let page = found.accounts.unwrap_or_default();
            let is_last = page.len() < PAGE;
            accounts.extend(page);
            if is_last {
                break;
            }
        }
        Ok(accounts)
    }

    async fn post<T: for<'a> Deserialize<'a>>(
        &self, path: &str, body: &Value,
    ) -> Result<T, Failure> {
        let lost = |error: reqwest::Error| {
            let message = format!("{path}: {}", screen::chain_of(&error.without_url()));
            Failure::unreachable("microsoft_unavailable", message, "Run it again.")
        };
        let request = self.http.post(format!("{}{path}", self.base)).timeout(TIMEOUT);
        let request = request
            .bearer_auth(self.token.expose())
            .header("DeveloperToken", self.developer_token.expose())
            .header("Content-Type", "application/json")
            .body(body.to_string());
        let answer = request.send().await.map_err(lost)?;
        let status = answer.status().as_u16();
        let tracking = answer.headers().get("TrackingId").and_then(|id| id.to_str().ok());
        let tracking = tracking.map(|id| format!(", TrackingId {id}")).unwrap_or_default();
        let body = answer.bytes().await.map_err(lost)?;
        if status != 200 {
            return Err(refused(path, status, &body, &tracking));
        }
        serde_json::from_slice(&body).map_err(|_| {
            let message = format!("{path} answers something else{tracking}");
            Failure::unreachable("bad_answer", message, "Run it again.")
        })
    }
}

fn refused(path: &str, status: u16, body: &[u8], tracking: &str) -> Failure {
    let Reply::Fault(error) = read_apply(status, body, 0) else {
        let message = format!("{path} answers HTTP {status}{tracking}");
        return Failure::unreachable("microsoft_unavailable", message, "Run it again.");
    };
    let code = error.code.map(|code| code.to_string());
    let words: Vec<String> = code.into_iter().chain(error.symbol.clone()).collect();
    let message = format!("{path} answers HTTP {status}: {}{tracking}", words.join(" "));
    let cure = look_up(error.code, error.symbol.as_deref()).map_or("", |entry| entry.cure);
    Failure::input("microsoft_refused", message, format!("{cure} The secret is unchanged.").trim())
}
