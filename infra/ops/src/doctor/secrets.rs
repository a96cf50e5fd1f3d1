//! Ingest keys, and the credentials of accounts.

use tracklayer_core::{mapping::Account, time::DAY};
use tracklayer_edge::aws::ingest_keys;
use tracklayer_edge::ports::{AccountSecret, SecretError, Secrets as _, Versioned};

use super::check::Check;
use crate::{connect::PLACEHOLDER, place::Ops, screen};

/// Days after which the version of a secret is old: rotated every 7 days it has failed twice; not
/// rotated, its refresh token ends after 90.
const OLD: [i64; 2] = [75, 21];

/// The secrets.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let mut checks = keys(ops).await;
    for account in ops.mapping.accounts() {
        checks.push(credentials(ops, account).await);
    }
    checks
}

async fn keys(ops: &Ops) -> Vec<Check> {
    let cure = "Write keys into the secret: infra/README.md, \"Keys\".";
    let (keys, unreadable) = match ingest_keys::read(&ops.secrets).await {
        Ok(read) => read,
        Err(error) => return vec![Check::wrong("ingest keys", error.to_string(), cure)],
    };
    let bad = unreadable.iter().map(|(name, why)| {
        let cure = "Repair the entry: until then nobody can send with it.";
        Check::wrong(format!("ingest key {name}"), why, cure)
    });
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    let keys = if names.is_empty() {
        Check::wrong("ingest keys", "there is none, so nobody can send events", cure)
    } else {
        Check::fine("ingest keys", names.join(", "))
    };
    std::iter::once(keys).chain(bad).collect()
}

async fn credentials(ops: &Ops, account: &Account) -> Check {
    let what = format!("credentials of {}", account.name());
    match ops.secrets.account(account.name()).await {
        Ok(secret) => judged(ops, what, &secret),
        Err(error @ SecretError::Malformed(..)) => {
            let cure = "Run `connect`, which writes all its members: infra/README.md, \"Consent\".";
            Check::wrong(what, error.to_string(), cure)
        }
        Err(error @ SecretError::Unavailable(..)) => {
            Check::unknown(what, format!("{error} (needs secretsmanager:GetSecretValue)"))
        }
    }
}

/// Whether something in it is still what the template wrote.
pub fn has_placeholders(secret: &AccountSecret) -> bool {
    let texts = [&secret.client_id, &secret.customer_id, &secret.account_id];
    let hidden = [&secret.refresh_token, &secret.developer_token];
    texts.iter().any(|text| *text == PLACEHOLDER)
        || hidden.iter().any(|secret| secret.expose() == PLACEHOLDER)
}

fn judged(ops: &Ops, what: String, secret: &Versioned<AccountSecret>) -> Check {
    if has_placeholders(&secret.value) {
        let cure = "Run `connect`, which writes all its members: infra/README.md, \"Consent\".";
        return Check::wrong(what, "it still holds the template's placeholders", cure);
    }
    let age = secret.created.map(|created| ops.now().epoch() - created);
    let rotates = ops.deployment.parameter("RotateTokens") == Some("true");
    match age {
        Some(age) if !ops.is_local && age > OLD[usize::from(rotates)] * DAY => {
            let found = format!("this version is {} old", screen::duration(age));
            let cure = "See the log of token, repair the rotation or consent again (`connect`); \
                        `aws secretsmanager rotate-secret` tries it.";
            Check::wrong(what, found, cure)
        }
        Some(age) => Check::fine(what, format!("complete, {} old", screen::duration(age))),
        None => Check::fine(what, "complete"),
    }
}
