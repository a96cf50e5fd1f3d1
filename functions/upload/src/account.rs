//! The ad accounts of a batch: their secrets, what all workers know of them, their access tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tracklayer_core::{decide::AccountView, id::AccountName, observed::Destination};
use tracklayer_edge::{
    clock,
    ledger::AccountItem,
    microsoft::AuthError,
    secrets::{AccountSecret, Secret, SecretError, Versioned},
};

use crate::{handler::Upload, report::Report};

/// One account that can be used.
#[derive(Debug)]
pub struct Account {
    pub name: AccountName,
    pub secret: Versioned<AccountSecret>,
    pub view: AccountView,
    pub item: AccountItem,
}

/// The accounts of a batch whose secrets could be read.
#[derive(Debug, Default)]
pub struct Accounts(BTreeMap<AccountName, Account>);

impl Accounts {
    pub fn get(&self, name: &AccountName) -> Option<&Account> {
        self.0.get(name)
    }

    /// What the decision must know; nothing of an account whose secret can't be read.
    pub fn view(&self, name: &AccountName) -> AccountView {
        self.get(name).map(|account| account.view.clone()).unwrap_or_default()
    }
}

impl Account {
    /// Where its rows go.
    pub fn destination(&self) -> Option<&Destination> {
        self.view.destination.as_ref()
    }
}

impl Upload {
    /// Reads the secrets. An account without one fails alone: its rows are handed back.
    pub async fn accounts(
        &self,
        names: BTreeSet<AccountName>,
        mut items: HashMap<AccountName, AccountItem>,
        report: &mut Report,
    ) -> Accounts {
        let mut accounts = BTreeMap::new();
        for name in names {
            match self.secrets.account(&name).await {
                Ok(secret) => {
                    report.secret_age(&name, secret.created);
                    let item = items.remove(&name).unwrap_or_default();
                    accounts.insert(name.clone(), self.account(name, secret, item));
                }
                Err(error) => {
                    report.count(&name, "AuthFailed");
                    tracing::error!(account = name.as_str(), %error, "account can't be used, its rows are handed back");
                }
            }
        }
        Accounts(accounts)
    }

    fn account(
        &self,
        name: AccountName,
        secret: Versioned<AccountSecret>,
        item: AccountItem,
    ) -> Account {
        let destination = Destination {
            environment: self.environment,
            account_id: secret.value.account_id.clone(),
        };
        let view = AccountView {
            destination: Some(destination),
            held: item.held,
            held_goals: item.held_goals.clone(),
        };
        Account { name, secret, view, item }
    }

    /// The access token. A consent that was refused is not asked for again until the secret has a
    /// new version, by any worker.
    pub async fn token(&self, account: &Account) -> Result<Secret, TokenTrouble> {
        if account.item.refused_secret_version.as_deref() == Some(&account.secret.version) {
            return Err(TokenTrouble::Refused);
        }
        match self.auth.token(&account.name, &account.secret).await {
            Ok(token) => Ok(token),
            Err(error) => {
                if matches!(error, AuthError::Consent(_)) {
                    self.refuse_secret(account).await;
                }
                Err(TokenTrouble::Auth(error))
            }
        }
    }

    async fn refuse_secret(&self, account: &Account) {
        self.secrets.forget(&account.name).await;
        if let Err(error) = self.ledger.refuse_secret(&account.name, &account.secret.version).await
        {
            tracing::warn!(account = account.name.as_str(), %error, "refused secret not noted");
        }
    }

    /// A token after Microsoft refused the last one, perhaps with a secret written meanwhile.
    pub async fn new_token(&self, account: &Account) -> Result<Secret, TokenTrouble> {
        self.auth.forget(&account.name).await;
        self.secrets.forget(&account.name).await;
        let secret = self.secrets.account(&account.name).await.map_err(TokenTrouble::Secret)?;
        self.auth.token(&account.name, &secret).await.map_err(TokenTrouble::Auth)
    }

    /// Seconds for which calls of the account are paused.
    pub fn pause(account: &Account) -> Option<i64> {
        let until = account.item.paused_until?;
        let rest = until.seconds_since(clock::now());
        (rest > 0).then_some(rest)
    }
}

/// Why there is no access token.
#[derive(Debug, thiserror::Error)]
pub enum TokenTrouble {
    #[error("the identity service refused this version of the secret before; give consent again")]
    Refused,
    #[error(transparent)]
    Auth(AuthError),
    #[error(transparent)]
    Secret(SecretError),
}
