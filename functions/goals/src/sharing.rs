//! Which accounts of the mapping have the same ad account. Each would swallow the other's
//! conversions, so both are held.

use std::collections::BTreeMap;

use tracklayer_core::{id::AccountName, mapping::Mapping};
use tracklayer_edge::ports::{AccountItem, Secrets};

/// What the secrets of all accounts say.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    /// Accounts that share their ad account with another one, and with which.
    shared: BTreeMap<AccountName, AccountName>,
    /// Accounts of which it is not known which ad account they have: their secrets could not be read.
    unread: Vec<AccountName>,
}

impl Sharing {
    /// Reads the secrets of all accounts.
    pub async fn read(mapping: &Mapping, secrets: &impl Secrets) -> Self {
        let mut names: BTreeMap<String, AccountName> = BTreeMap::new();
        let mut sharing = Sharing::default();
        for account in mapping.accounts() {
            let name = account.name().clone();
            let Ok(secret) = secrets.account(&name).await else {
                // It fails its own check.
                sharing.unread.push(name);
                continue;
            };
            if let Some(other) = names.insert(secret.value.account_id, name.clone()) {
                // A repair counts with the next check.
                secrets.forget(&other).await;
                secrets.forget(&name).await;
                sharing.shared.insert(other.clone(), name.clone());
                sharing.shared.insert(name, other);
            }
        }
        sharing
    }

    /// The account with which this one shares its ad account. One with which it was found to share it,
    /// by what is known from `before`, counts until its secret can be read and says otherwise.
    pub fn with(&self, account: &AccountName, before: &AccountItem) -> Option<&AccountName> {
        let was_shared = |other: &&AccountName| before.shared_with.as_ref() == Some(*other);
        self.shared.get(account).or_else(|| self.unread.iter().find(was_shared))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_can_not_be_read_releases_nobody() {
        let name = |name: &str| name.parse::<AccountName>().expect("a name");
        let [main, other, third] = ["main", "other", "third"].map(name);
        let held = AccountItem { shared_with: Some(other.clone()), ..AccountItem::default() };
        let free = AccountItem::default();
        let unread = |names: &[&AccountName]| Sharing {
            unread: names.iter().copied().cloned().collect(),
            ..Sharing::default()
        };
        assert_eq!(unread(&[&other]).with(&main, &held), Some(&other));
        assert_eq!(unread(&[&other]).with(&main, &free), None, "was never shared");
        assert_eq!(unread(&[&third]).with(&main, &held), None, "known not to be shared any more");
        assert_eq!(unread(&[]).with(&main, &held), None);
        let shared = BTreeMap::from([(main.clone(), third.clone())]);
        let now = Sharing { shared, unread: vec![other] };
        assert_eq!(now.with(&main, &held), Some(&third));
    }
}
