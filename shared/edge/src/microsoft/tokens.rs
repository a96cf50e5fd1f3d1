//! Access tokens from refresh tokens
//! (learn.microsoft.com/advertising/guides/authentication-oauth-get-tokens).
//!
//! A token is fetched once and kept until shortly before it expires; while one task fetches, the
//! others of its account wait for the result. Nothing here writes a secret.

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::Mutex;
use tracklayer_core::id::AccountName;
use tracklayer_core::ledger::observed::Environment;
use tracklayer_core::microsoft::token_errors::{WITHOUT_SCOPE, look_up_token};

use crate::error_text::text_of;
use crate::lambda::clock::SystemClock;
use crate::ports::{AccountSecret, AuthError, Clock as _, Consents, Secret, Tokens, Versioned};

/// A token is renewed this long before it expires.
const EARLY: Duration = Duration::from_secs(300);
/// No token is kept longer, whatever is said of it. Microsoft's live for about an hour.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// How long a token lives of which the answer does not say so.
const UNKNOWN_LIFE: Duration = Duration::from_secs(600);

#[derive(Debug)]
pub struct Auth {
    http: reqwest::Client,
    url: Option<String>,
    scope: &'static str,
    clock: SystemClock,
    tokens: Mutex<HashMap<AccountName, Arc<Mutex<Option<Token>>>>>,
}

#[derive(Clone, Debug)]
struct Token {
    access: Secret,
    version: String,
    until: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Secret,
    expires_in: Option<Box<RawValue>>,
    scope: Option<String>,
    refresh_token: Option<Secret>,
}

#[derive(Deserialize)]
struct ErrorAnswer {
    error: String,
    error_codes: Option<Vec<i64>>,
}

impl Auth {
    /// Fetches from `url`, or from Microsoft's host where it is absent.
    pub fn new(http: reqwest::Client, url: Option<String>, environment: Environment) -> Self {
        let scope = match environment {
            Environment::Production => "https://ads.microsoft.com/msads.manage offline_access",
            Environment::Sandbox => "https://si.ads.microsoft.com/msads.manage offline_access",
        };
        Auth { http, url, scope, clock: SystemClock::default(), tokens: Mutex::default() }
    }

    async fn fetch(&self, secret: &AccountSecret) -> Result<TokenAnswer, AuthError> {
        let mut form = vec![
            ("client_id", secret.client_id.as_str()),
            ("grant_type", "refresh_token"),
            ("refresh_token", secret.refresh_token.expose()),
            ("scope", self.scope),
        ];
        if let Some(client_secret) = &secret.client_secret {
            form.push(("client_secret", client_secret.expose()));
        }
        let url = self.url.clone().unwrap_or_else(|| default_url(secret.tenant.as_deref()));
        let unavailable =
            |error: reqwest::Error| AuthError::unavailable(text_of(&error.without_url()));
        let answer = self.http.post(url).form(&form).timeout(Duration::from_secs(10)).send();
        let answer = answer.await.map_err(unavailable)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(unavailable)?;
        if status.is_success() {
            read_token(&body)
        } else {
            Err(read_error(status.as_u16(), &body))
        }
    }
}

impl Tokens for Auth {
    async fn token(
        &self, account: &AccountName, secret: &Versioned<AccountSecret>,
    ) -> Result<Secret, AuthError> {
        let slot = Arc::clone(self.tokens.lock().await.entry(account.clone()).or_default());
        let mut slot = slot.lock().await;
        if let Some(token) = slot.as_ref()
            && token.version == secret.version
            && self.clock.monotonic() < token.until
        {
            return Ok(token.access.clone());
        }
        let answer = self.fetch(&secret.value).await?;
        *slot = Some(Token {
            access: answer.access_token.clone(),
            version: secret.version.clone(),
            until: self.clock.monotonic() + kept_for(life_of(answer.expires_in.as_deref())),
        });
        Ok(answer.access_token)
    }

    async fn forget(&self, account: &AccountName) {
        self.tokens.lock().await.remove(account);
    }
}

impl Consents for Auth {
    /// An answer without a refresh token leaves the old one valid.
    async fn renew(&self, secret: &AccountSecret) -> Result<Secret, AuthError> {
        let answer = self.fetch(secret).await?;
        let given = answer.refresh_token.filter(|token| !token.expose().is_empty());
        Ok(given.unwrap_or_else(|| secret.refresh_token.clone()))
    }
}

/// How long a token lives, by seconds in any spelling: a token that is given is not lost over a
/// number that can't be read.
fn life_of(expires_in: Option<&RawValue>) -> Duration {
    let text = expires_in.map_or("", RawValue::get).trim_matches('"');
    let Ok(seconds) = text.trim().parse::<f64>() else { return UNKNOWN_LIFE };
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(LONGEST_LIFE)
}

/// How long a token is used that lives so long.
fn kept_for(life: Duration) -> Duration {
    let life = life.min(LONGEST_LIFE);
    life - EARLY.min(life / 2)
}

fn default_url(tenant: Option<&str>) -> String {
    let tenant = tenant.unwrap_or("common");
    format!("https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token")
}

/// A token without the right scope is refused by Microsoft later with code 105; it is named here.
fn read_token(body: &[u8]) -> Result<TokenAnswer, AuthError> {
    let answer: TokenAnswer =
        serde_json::from_slice(body).map_err(|_| AuthError::unavailable("unreadable answer"))?;
    match &answer.scope {
        Some(scope) if !scope.contains("msads.manage") => {
            Err(AuthError::of(&WITHOUT_SCOPE, WITHOUT_SCOPE.error.to_owned()))
        }
        _ => Ok(answer),
    }
}

fn read_error(status: u16, body: &[u8]) -> AuthError {
    let Ok(answer) = serde_json::from_slice::<ErrorAnswer>(body) else {
        return AuthError::unavailable(format!("HTTP {status}"));
    };
    let codes = answer.error_codes.unwrap_or_default();
    let entry = look_up_token(status, &answer.error, &codes);
    AuthError::of(entry, format!("{} {codes:?}", answer.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_kept_until_shortly_before_its_end_and_never_for_ever() {
        let answer = |seconds: &str| format!(r#"{{"access_token":"t","expires_in":{seconds}}}"#);
        let kept = |seconds: &str| {
            let answer = read_token(answer(seconds).as_bytes()).expect(seconds);
            kept_for(life_of(answer.expires_in.as_deref())).as_secs()
        };
        assert_eq!(["0", "60", "3599", "\"3599\""].map(kept), [0, 30, 3_299, 3_299]);
        assert_eq!(["3599.9", "36e2", "\" 3600 \""].map(kept), [3_299, 3_300, 3_300]);
        let no_longer = ["86401", "18446744073709551616", "1e999"];
        assert_eq!(no_longer.map(kept), [86_100; 3]);
        assert_eq!(["-5", "null", "\"soon\"", "[]"].map(kept), [0, 300, 300, 300]);
        let without = read_token(br#"{"access_token":"t"}"#).expect("a token");
        assert!(without.expires_in.is_none());
    }
}
