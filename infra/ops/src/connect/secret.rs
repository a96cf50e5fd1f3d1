//! The account's secret. What is written is what was there, with new tokens and numbers.
//!
//! A version that is written becomes the current one at once. Nothing of an earlier one outlives it:
//! the functions keep an access token with the version that it came from, a version that was refused
//! is remembered by its id, and a rotation that is under way gives its own version up.

use serde_json::{Map, Value};
use tracklayer_core::id::AccountName;
use tracklayer_edge::ports::SecretError;

use super::application::Application;
use super::consent::Tokens;
use super::customers::AdAccount;
use crate::{failure::Failure, place::Ops, screen};

/// What the template writes where an operator must write something else.
pub const PLACEHOLDER: &str = "replace me";

/// The members of a secret.
pub struct Known(Map<String, Value>);

impl Known {
    /// A member that is some text or number, and not the template's.
    pub fn text(&self, name: &str) -> Option<String> {
        let text = match self.0.get(name)? {
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        Some(text).filter(|text| !text.is_empty() && text != PLACEHOLDER)
    }

    fn set(&mut self, name: &str, text: Option<&str>) {
        match text {
            Some(text) => _ = self.0.insert(name.to_owned(), text.into()),
            None => _ = self.0.remove(name),
        }
    }
}

/// Reads the account's secret anew. One that is not there is the stack's to make.
pub async fn read(ops: &Ops, account: &AccountName) -> Result<Known, Failure> {
    match ops.secrets.read::<Map<String, Value>>(account.as_str()).await {
        Ok(secret) => Ok(Known(secret.value)),
        Err(error @ SecretError::Malformed(..)) => {
            let help = "Write a JSON object into it first: infra/README.md, \"Deploy\".";
            Err(Failure::input("bad_secret", error.to_string(), help))
        }
        Err(error @ SecretError::Unavailable(..)) => {
            let help = "The stack makes it: deploy a template with this account. To read it, these \
                        credentials need secretsmanager:GetSecretValue.";
            Err(Failure::unreachable("no_secret", error.to_string(), help))
        }
    }
}

/// Writes a new version; answers with its id.
pub async fn write(
    ops: &Ops, account: &AccountName, application: &Application, tokens: &Tokens,
    chosen: &AdAccount,
) -> Result<String, Failure> {
    // Read again: a rotation may have changed a member that stays as it is.
    let mut secret = read(ops, account).await?;
    secret.set("client_id", Some(&application.client_id));
    secret.set("client_secret", application.client_secret.as_ref().map(|it| it.expose()));
    secret.set("tenant", application.tenant.as_deref());
    secret.set("developer_token", Some(application.developer_token.expose()));
    secret.set("refresh_token", Some(tokens.refresh.expose()));
    secret.set("customer_id", Some(&chosen.customer_id));
    secret.set("account_id", Some(&chosen.account_id));
    let id = format!("{}/{account}", ops.deployment.output("SecretPrefix")?);
    let client = aws_sdk_secretsmanager::Client::new(&ops.config);
    let text = Value::Object(secret.0).to_string();
    let written = client.put_secret_value().secret_id(&id).secret_string(text).send().await;
    match written {
        Ok(answer) => Ok(answer.version_id.unwrap_or_default()),
        Err(error) => {
            let message = format!("{id} can't be written: {}", screen::chain_of(&error));
            let help = "These credentials need secretsmanager:PutSecretValue. Then run it again.";
            Err(Failure::unreachable("not_written", message, help))
        }
    }
}
