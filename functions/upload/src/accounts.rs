//! The ad accounts of a batch: their secrets, what all workers know of them, their access tokens.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use tracklayer_core::{
    id::AccountName, ledger::observed::Destination, reconcile::decide::AccountView, time::EventTime,
};
use tracklayer_edge::ports::{
    AccountItem, AccountItems as _, AccountSecret, AuthError, Clock as _, Found, Ports, Secret,
    SecretError, Secrets as _, Tokens as _, Versioned,
};

use crate::{context::Upload, run::Run};

/// One account that can be used.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: AccountName,
    /// Where its rows are sent.
    pub destination: Destination,
    pub secret: Versioned<AccountSecret>,
    pub item: AccountItem,
}

/// The accounts of a batch.
#[derive(Debug, Default)]
pub struct Accounts {
    /// Those whose secrets could be read.
    usable: BTreeMap<AccountName, Account>,
    /// What decisions must know, of all whose items could be read.
    views: BTreeMap<AccountName, AccountView>,
}

impl Accounts {
    /// The account, if it can be used.
    pub fn get(&self, name: &AccountName) -> Option<&Account> {
        self.usable.get(name)
    }

    /// What the decision must know of the account; `None` if its item could not be read: whether it
    /// is held is unknown then.
    pub fn view(&self, name: &AccountName) -> Option<&AccountView> {
        self.views.get(name)
    }
}

impl Account {
    /// Seconds for which its calls are paused.
    pub fn pause(&self, now: EventTime) -> Option<i64> {
        let rest = self.item.paused_until?.seconds_since(now);
        (rest > 0).then_some(rest)
    }

    /// Whether it was paused within the last hour of the policy: that explains why its messages were
    /// received often.
    pub fn was_paused(&self, now: EventTime, hour: i64) -> bool {
        self.item.paused_until.is_some_and(|at| at.plus_seconds(hour) > now)
    }
}

impl<P: Ports> Run<'_, P> {
    /// Reads the accounts of these rows, with their secrets. An account without one fails alone:
    /// nothing of it is sent, but its rows' clicks are looked for.
    pub async fn read_accounts(&mut self, part: Range<usize>, mut found: Found) {
        let upload = self.upload;
        let rows = self.works[part].iter().filter_map(|work| work.row.as_ref());
        let names: BTreeSet<AccountName> = rows.map(|row| row.account.clone()).collect();
        // Whether the others are held or paused is unknown.
        let known = |name: &AccountName| !found.unread_accounts.contains(name.as_str());
        let names: Vec<AccountName> = names.into_iter().filter(known).collect();
        for name in names {
            let item = found.accounts.remove(&name).unwrap_or_default();
            let mut view = view(&item);
            match upload.secret(&name, &item).await {
                Ok(secret) => {
                    self.report.secret_age(&name, secret.created, upload.clock.now());
                    let destination = Destination {
                        environment: upload.environment,
                        account_id: secret.value.account_id.clone(),
                    };
                    view.destination = Some(destination.clone());
                    let account = Account { name: name.clone(), destination, secret, item };
                    self.accounts.usable.insert(name.clone(), account);
                }
                Err(error) => {
                    self.report.count(&name, "AuthFailed");
                    let account = name.as_str();
                    tracing::error!(account, %error, "account can't be used, nothing of it is sent");
                }
            }
            self.accounts.views.insert(name, view);
        }
    }
}

fn view(item: &AccountItem) -> AccountView {
    let names = |names: &[String]| names.iter().filter_map(|name| name.parse().ok()).collect();
    AccountView {
        destination: None,
        held: item.held,
        held_goals: names(&item.held_goals),
        goals_without_hashes: names(&item.plain_goals),
    }
}

impl<P: Ports> Upload<P> {
    /// The account's secret; read anew where the version at hand is the refused one, so that a
    /// repair counts at once.
    async fn secret(
        &self,
        name: &AccountName,
        item: &AccountItem,
    ) -> Result<Versioned<AccountSecret>, SecretError> {
        let secret = self.secrets.account(name).await?;
        if item.refused_secret_version.as_deref() != Some(&secret.version) {
            return Ok(secret);
        }
        self.secrets.forget(name).await;
        self.secrets.account(name).await
    }

    /// The access token. A consent that was refused is not asked for again until the secret has a
    /// new version, by any worker.
    pub(crate) async fn token(&self, account: &Account) -> Result<Secret, TokenTrouble> {
        if account.item.refused_secret_version.as_deref() == Some(&account.secret.version) {
            return Err(TokenTrouble::Refused);
        }
        let error = match self.auth.token(&account.name, &account.secret).await {
            Ok(token) => return Ok(token),
            Err(error) => error,
        };
        if let AuthError::Consent(_) = error
            && let Some(newer) = self.newer(account).await
        {
            return self.ask(account, &newer).await;
        }
        self.share_refusal(account, &account.secret.version, &error).await;
        Err(TokenTrouble::Auth(error))
    }

    /// What all workers must know of a refused token request.
    async fn share_refusal(&self, account: &Account, version: &str, error: &AuthError) {
        match error {
            AuthError::Consent(_) => self.refuse_secret(account, version).await,
            AuthError::Configuration(_) => self.secrets.forget(&account.name).await,
            AuthError::Looping(_) => self.stop_asking(account).await,
            AuthError::Unavailable(_) => {}
        }
    }

    /// The secret, if a rotation or a person has written a new version since it was read.
    async fn newer(&self, account: &Account) -> Option<Versioned<AccountSecret>> {
        self.secrets.forget(&account.name).await;
        let secret = self.secrets.account(&account.name).await.ok()?;
        (secret.version != account.secret.version).then_some(secret)
    }

    async fn ask(
        &self,
        account: &Account,
        secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, TokenTrouble> {
        match self.auth.token(&account.name, secret).await {
            Ok(token) => Ok(token),
            Err(error) => {
                self.share_refusal(account, &secret.version, &error).await;
                Err(TokenTrouble::Auth(error))
            }
        }
    }

    /// No worker asks for this account for as long as a message rests.
    async fn stop_asking(&self, account: &Account) {
        let until = self.clock.now().plus_seconds(self.policy.run_margin);
        if let Err(error) = self.ledger.pause(&account.name, until).await {
            tracing::warn!(account = account.name.as_str(), %error, "pause not noted");
        }
    }

    async fn refuse_secret(&self, account: &Account, version: &str) {
        self.secrets.forget(&account.name).await;
        if let Err(error) = self.ledger.refuse_secret(&account.name, version).await {
            tracing::warn!(account = account.name.as_str(), %error, "refused secret not noted");
        }
    }

    /// A token after Microsoft refused the last one, perhaps with a secret written meanwhile.
    pub(crate) async fn new_token(&self, account: &Account) -> Result<Secret, TokenTrouble> {
        self.auth.forget(&account.name).await;
        self.secrets.forget(&account.name).await;
        let secret = self.secrets.account(&account.name).await.map_err(TokenTrouble::Secret)?;
        self.ask(account, &secret).await
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_within_the_hour_explains_what_comes_again() {
        let now = EventTime::from_epoch(1_800_000_000);
        let paused = |ago: i64| {
            let item = AccountItem {
                paused_until: Some(now.plus_seconds(-ago)),
                ..AccountItem::default()
            };
            crate::log::tests::account(item).was_paused(now, 3_600)
        };
        assert!(paused(-30) && paused(3_599));
        assert!(!paused(3_600));
    }
}
