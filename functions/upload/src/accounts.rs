//! The ad accounts of a batch: their secrets, and what all workers know of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::{Destination, Environment};
use tracklayer_core::reconcile::decide::AccountView;
use tracklayer_core::time::EventTime;
use tracklayer_edge::flows::sign_in::SignIn;
use tracklayer_edge::ports::{
    AccountItem, AccountSecret, Clock as _, Found, Ports, Secrets as _, Versioned,
};

use crate::run::Run;

/// One account that can be used.
#[derive(Clone, Debug)]
pub struct Account {
    pub name: AccountName,
    pub secret: Versioned<AccountSecret>,
    pub item: AccountItem,
}

#[derive(Debug, Default)]
pub struct Accounts {
    /// Those whose secrets could be read.
    usable: BTreeMap<AccountName, Account>,
    /// What decisions must know, of all whose items could be read.
    views: BTreeMap<AccountName, AccountView>,
}

impl Accounts {
    /// The account, if it can be used: not if another one has the same ad account, where each would
    /// swallow the other's conversions.
    pub fn get(&self, name: &AccountName) -> Option<&Account> {
        self.usable.get(name).filter(|account| self.shares_with(account).is_none())
    }

    /// An account of the batch that has the same ad account.
    fn shares_with(&self, account: &Account) -> Option<&AccountName> {
        let is_same = |other: &&Account| {
            other.secret.value.account_id == account.secret.value.account_id
                && other.name != account.name
        };
        self.usable.values().find(is_same).map(|other| &other.name)
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

    /// The version of its secret that some worker was refused with.
    pub fn refused_version(&self) -> Option<&str> {
        self.item.refused_secret_version.as_deref()
    }
}

impl<P: Ports> Run<'_, P> {
    /// Reads the accounts of these rows, with their secrets. An account without one fails alone:
    /// nothing of it is sent, but its rows' clicks are looked for.
    pub async fn read_accounts(&mut self, part: Range<usize>, mut found: Found) {
        let rows = self.works[part].iter().filter_map(|work| work.row.as_ref());
        let names: BTreeSet<AccountName> = rows.map(|row| row.account.clone()).collect();
        // Whether the others are held or paused is unknown.
        let known = |name: &AccountName| !found.unread_accounts.contains(name.as_str());
        let names: Vec<AccountName> = names.into_iter().filter(known).collect();
        for name in names {
            let item = found.accounts.remove(&name).unwrap_or_default();
            self.read_account(name, item).await;
        }
        for account in self.accounts.usable.values() {
            if let Some(other) = self.accounts.shares_with(account) {
                let cause = format!("it has the same ad account as \"{other}\"");
                self.report.account_trouble(&account.name, cause);
                // A repair counts with the next run.
                self.upload.secrets.forget(&account.name).await;
            }
        }
    }

    async fn read_account(&mut self, name: AccountName, item: AccountItem) {
        let mut view = item.view();
        match self.sign_in().secret(&name, item.refused_secret_version.as_deref()).await {
            Ok(secret) => {
                self.report.secret_age(&name, secret.created, self.upload.clock.now());
                view.destination = Some(destination(self.upload.environment, &secret.value));
                let account = Account { name: name.clone(), secret, item };
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

    /// The way to an access token.
    pub fn sign_in(&self) -> SignIn<'_, P::Secrets, P::Auth, P::Ledger, P::Clock> {
        SignIn {
            secrets: &self.upload.secrets,
            tokens: &self.upload.auth,
            ledger: &self.upload.ledger,
            clock: &self.upload.clock,
            deadline: self.time.deadline,
            question: self.time.for_question(),
            pause: self.upload.policy.run_margin,
        }
    }
}

/// Where rows of the account are sent.
pub fn destination(environment: Environment, secret: &AccountSecret) -> Destination {
    Destination { environment, account_id: secret.account_id.clone() }
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

    #[test]
    fn two_accounts_with_one_ad_account_are_both_of_no_use() {
        let account = |name: &str, account_id: &str| {
            let mut account = crate::log::tests::account(AccountItem::default());
            account.name = name.parse().expect("an account");
            account.secret.value.account_id = account_id.to_owned();
            (account.name.clone(), account)
        };
        let of = |all: [(AccountName, Account); 3]| {
            let accounts = Accounts { usable: all.into(), ..Accounts::default() };
            let is_usable = |name: &&str| accounts.get(&name.parse().expect("a name")).is_some();
            ["eu", "main", "us"].into_iter().filter(is_usable).collect::<Vec<_>>()
        };
        assert_eq!(of([account("main", "1"), account("eu", "2"), account("us", "1")]), ["eu"]);
        assert_eq!(of([account("main", "1"), account("eu", "2"), account("us", "3")]).len(), 3);
    }
}
