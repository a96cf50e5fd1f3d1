//! The ad accounts of a batch: their secrets, what all workers know of them, their access tokens.

use std::collections::{BTreeMap, BTreeSet};

use tracklayer_core::{
    id::AccountName, ledger::observed::Destination, reconcile::decide::AccountView, time::EventTime,
};
use tracklayer_edge::ports::{
    AccountItem, AccountItems as _, AccountSecret, AuthError, Clock as _, Found, Ports, Secret,
    SecretError, Secrets as _, Tokens as _, Versioned,
};

use crate::{batch::Work, handler::Upload, report::Report};

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

    /// The account of a work's row, if it can be used.
    pub fn of(&self, work: &Work) -> Option<&Account> {
        self.get(&work.row.as_ref()?.account)
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

    /// Seconds for which its calls are paused.
    pub fn pause(&self, now: EventTime) -> Option<i64> {
        let rest = self.item.paused_until?.seconds_since(now);
        (rest > 0).then_some(rest)
    }

    /// Whether the account itself explains that rows came back without an attempt: it was paused or
    /// could not be used within the last hour of the policy.
    pub fn was_in_trouble(&self, now: EventTime, hour: i64) -> bool {
        let latest = self.item.paused_until.max(self.item.troubled_at);
        latest.is_some_and(|at| at.plus_seconds(hour) > now)
    }
}

impl<P: Ports> Upload<P> {
    /// The accounts of these rows, with their secrets. An account without one fails alone: its rows
    /// are handed back.
    pub(crate) async fn accounts(
        &self,
        works: &[Work],
        mut found: Found,
        report: &mut Report,
    ) -> Accounts {
        let rows = works.iter().filter_map(|work| work.row.as_ref());
        let names: BTreeSet<AccountName> = rows.map(|row| row.account.clone()).collect();
        let mut accounts = BTreeMap::new();
        // Whether these are held or paused is unknown.
        let known = |name: &AccountName| !found.unread_accounts.contains(name.as_str());
        for name in names.into_iter().filter(known) {
            let item = found.accounts.remove(&name).unwrap_or_default();
            match self.secret(&name, &item).await {
                Ok(secret) => {
                    report.secret_age(&name, secret.created, self.clock.now());
                    accounts.insert(name.clone(), self.account(name, secret, item));
                }
                Err(error) => {
                    report.count(&name, "AuthFailed");
                    tracing::error!(account = name.as_str(), %error, "account can't be used, its rows are handed back");
                    self.note_trouble(&name).await;
                }
            }
        }
        Accounts(accounts)
    }

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
        let mapped = self.mapping.account(name.as_str()).map(AccountView::mapped);
        let mut view = AccountView {
            destination: Some(destination),
            held: item.held,
            held_goals: item.held_goals.clone(),
            ..mapped.unwrap_or_default()
        };
        view.plain_goals.extend(item.plain_goals.iter().cloned());
        Account { name, secret, view, item }
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
        self.take_to_heart(account, &account.secret.version, &error).await;
        Err(TokenTrouble::Auth(error))
    }

    /// What all workers must know of a refused token request.
    async fn take_to_heart(&self, account: &Account, version: &str, error: &AuthError) {
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
                self.take_to_heart(account, &secret.version, &error).await;
                Err(TokenTrouble::Auth(error))
            }
        }
    }

    /// Rows that are handed back without a call note no attempt; this says why not.
    pub(crate) async fn note_trouble(&self, account: &AccountName) {
        if let Err(error) = self.ledger.trouble(account, self.clock.now()).await {
            tracing::warn!(account = account.as_str(), %error, "trouble not noted");
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
    use tracklayer_core::time::EventTime;

    use super::*;

    #[test]
    fn a_pause_or_trouble_within_the_hour_explains_what_comes_back() {
        let now = EventTime::from_epoch(1_800_000_000);
        let ago = |seconds: i64| Some(now.plus_seconds(-seconds));
        let explained = |paused_until, troubled_at| {
            let item = AccountItem { paused_until, troubled_at, ..AccountItem::default() };
            crate::report::tests::account(item).was_in_trouble(now, 3_600)
        };
        assert!(!explained(None, None));
        assert!(explained(ago(-30), None) && explained(None, ago(3_599)));
        assert!(!explained(ago(3_600), ago(9_000)));
    }
}
