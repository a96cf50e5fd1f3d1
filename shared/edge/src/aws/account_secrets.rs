//! Secrets: the credentials of each ad account and the ingest keys, cached for a while.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;
use tokio::sync::Mutex;
use tracklayer_core::id::AccountName;

use crate::error_text::text_of;
use crate::lambda::clock::SystemClock;
use crate::ports;
use crate::ports::{AccountSecret, Clock as _, SecretError, Versioned, shape_of};

/// How long a secret is used before it is read again.
const FRESH: Duration = Duration::from_secs(300);

#[derive(Debug)]
pub struct Secrets {
    client: aws_sdk_secretsmanager::Client,
    prefix: String,
    clock: SystemClock,
    /// With the monotonic time at which they were read.
    accounts: Mutex<HashMap<AccountName, (Duration, Versioned<AccountSecret>)>>,
}

impl Secrets {
    /// Reads the secrets whose names begin with `prefix`.
    pub fn new(client: aws_sdk_secretsmanager::Client, prefix: String) -> Self {
        Secrets { client, prefix, clock: SystemClock::default(), accounts: Mutex::default() }
    }

    /// Reads `<prefix>/<name>` anew.
    pub async fn read<T: for<'a> Deserialize<'a>>(
        &self, name: &str,
    ) -> Result<Versioned<T>, SecretError> {
        let id = format!("{}/{name}", self.prefix);
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&id)
            .send()
            .await
            .map_err(|error| SecretError::Unavailable(id.clone(), text_of(&error)))?;
        let text = answer.secret_string().unwrap_or_default();
        let value = serde_json::from_str(text)
            .map_err(|error| SecretError::Malformed(id, shape_of(&error)))?;
        Ok(Versioned {
            value,
            version: answer.version_id().unwrap_or_default().to_owned(),
            created: answer.created_date().map(aws_sdk_secretsmanager::primitives::DateTime::secs),
        })
    }
}

impl ports::Secrets for Secrets {
    async fn account(
        &self, account: &AccountName,
    ) -> Result<Versioned<AccountSecret>, SecretError> {
        let mut accounts = self.accounts.lock().await;
        let now = self.clock.monotonic();
        if let Some((at, secret)) = accounts.get(account)
            && now - *at < FRESH
        {
            return Ok(secret.clone());
        }
        let secret: Versioned<AccountSecret> = self.read(account.as_str()).await?;
        accounts.insert(account.clone(), (now, secret.clone()));
        Ok(secret)
    }

    async fn forget(&self, account: &AccountName) {
        self.accounts.lock().await.remove(account);
    }
}
