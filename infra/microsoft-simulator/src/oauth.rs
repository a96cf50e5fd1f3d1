//! The token endpoint, and the tokens that it issued: for a refresh token, or for the code of a
//! consent.
//!
//! Issued tokens stay valid over a reset. Rotated refresh tokens, which are the configured text, a
//! dot and a number, are accepted after a restart as well, so that a client can keep using a stored one.
//!
//! <https://learn.microsoft.com/advertising/guides/authentication-oauth-get-tokens>

use std::collections::HashMap;

use serde_json::json;
use time::{Duration, OffsetDateTime};

use crate::consent::Consent;
use crate::reply::{Reply, oauth_error};
use crate::settings::{OAuth, RefreshTokens};

const SCOPES: [&str; 2] =
    ["https://ads.microsoft.com/msads.manage", "https://si.ads.microsoft.com/msads.manage"];

/// Whether an access token is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Valid,
    Expired,
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct Tokens {
    expiries: HashMap<String, OffsetDateTime>,
    /// Number of the newest refresh token; 0 is the configured one.
    newest: u64,
    /// Refresh tokens with lower numbers are revoked.
    oldest_valid: u64,
    /// Time of the last refresh, if there was one.
    refreshed: Option<OffsetDateTime>,
    /// What was consented to, by code; a code that was redeemed has nothing any more.
    codes: HashMap<String, Option<Consent>>,
}

impl Tokens {
    pub(crate) fn standing(&self, access_token: &str, now: OffsetDateTime) -> Standing {
        match self.expiries.get(access_token) {
            None => Standing::Unknown,
            Some(expiry) if *expiry <= now => Standing::Expired,
            Some(_) => Standing::Valid,
        }
    }

    pub(crate) fn expire_all(&mut self, now: OffsetDateTime) {
        self.expiries.values_mut().for_each(|expiry| *expiry = now.min(*expiry));
    }

    /// Starts with a new configured refresh token: none is rotated or revoked yet.
    pub(crate) fn new_consent(&mut self) {
        (self.newest, self.oldest_valid, self.refreshed) = (0, 0, None);
    }

    /// Gives out a code for a consent.
    pub(crate) fn code(&mut self, consent: Consent) -> String {
        let code = format!("simulated-code-{}", self.codes.len() + 1);
        self.codes.insert(code.clone(), Some(consent));
        code
    }

    /// Answers the form post of a refresh or of a code.
    pub(crate) fn answer(&mut self, settings: &OAuth, form: &[u8], now: OffsetDateTime) -> Reply {
        let form = Form::read(form);
        let granted = match form.get("grant_type") {
            Some("refresh_token") => self.check(settings, &form, now),
            Some("authorization_code") => self.redeem(settings, &form, now),
            _ => {
                let text = "The grant type is not supported.";
                Err(oauth_error(400, "unsupported_grant_type", 70_003, text))
            }
        };
        granted.map_or_else(
            |refusal| refusal,
            |(scope, refresh_token)| self.issue(settings, &scope, refresh_token, now),
        )
    }

    /// The scope and the new refresh token of a code, which is good once. A consent without
    /// `offline_access` has no refresh token.
    fn redeem(&mut self, settings: &OAuth, form: &Form, now: OffsetDateTime) -> Granted {
        check_client(settings, form)?;
        let refused = |number, text| oauth_error(400, "invalid_grant", number, text);
        let code = self.codes.get_mut(form.get("code").unwrap_or_default());
        let code = code.ok_or_else(|| refused(9_002_313, "The code is not valid."))?;
        let consent =
            code.take().ok_or_else(|| refused(54_005, "The code was redeemed before."))?;
        let (redirect, verifier) = (form.get("redirect_uri"), form.get("code_verifier"));
        consent.check(redirect, verifier, now).map_err(|(number, text)| refused(number, text))?;
        let is_offline = consent.scope.split_whitespace().any(|part| part == "offline_access");
        let refresh_token = is_offline.then(|| {
            self.newest += 1;
            text_of(settings, self.newest)
        });
        Ok((consent.scope, refresh_token))
    }

    fn check(&mut self, settings: &OAuth, form: &Form, now: OffsetDateTime) -> Granted {
        check_client(settings, form)?;
        let scope = form.get("scope").unwrap_or_default();
        if !scope.split_whitespace().any(|part| SCOPES.contains(&part)) {
            let text = "The scope is not valid.";
            return Err(oauth_error(400, "invalid_scope", 70_011, text));
        }
        let given = form.get("refresh_token").and_then(|token| self.number(settings, token));
        let refused =
            || oauth_error(400, "invalid_grant", 9_002_313, "The refresh token is not valid.");
        let given = given.ok_or_else(refused)?;
        if self.is_idle_too_long(settings, now) {
            let text = "The refresh token has expired due to inactivity.";
            return Err(oauth_error(400, "invalid_grant", 700_082, text));
        }
        Ok((scope.to_owned(), Some(self.rotate(settings, given))))
    }

    fn is_idle_too_long(&self, settings: &OAuth, now: OffsetDateTime) -> bool {
        let life = Duration::seconds(settings.refresh_token_lifetime_seconds.into());
        self.refreshed.is_some_and(|refreshed| now - refreshed > life)
    }

    /// The number of a refresh token that is not revoked.
    fn number(&self, settings: &OAuth, token: &str) -> Option<u64> {
        let rest = token.strip_prefix(settings.refresh_token.as_str())?;
        let number = match rest {
            "" => 0,
            _ => rest.strip_prefix('.')?.parse().ok()?,
        };
        (number >= self.oldest_valid).then_some(number)
    }

    fn issue(
        &mut self, settings: &OAuth, scope: &str, refresh_token: Option<String>,
        now: OffsetDateTime,
    ) -> Reply {
        let lifetime = settings.token_lifetime_seconds;
        let access_token = format!("simulated-access-token-{}", self.expiries.len() + 1);
        let expiry = now + Duration::seconds(lifetime.into());
        self.expiries.insert(access_token.clone(), expiry);
        self.refreshed = Some(now);
        let scope: Vec<_> =
            scope.split_whitespace().filter(|part| *part != "offline_access").collect();
        let mut body = json!({
            "token_type": "Bearer",
            "scope": scope.join(" "),
            "expires_in": lifetime,
            "access_token": access_token,
        });
        if let Some(refresh_token) = refresh_token {
            body["refresh_token"] = refresh_token.into();
        }
        Reply::json(200, &body)
    }

    fn rotate(&mut self, settings: &OAuth, given: u64) -> String {
        let number = match settings.refresh_tokens {
            RefreshTokens::Keep => given,
            RefreshTokens::Rotate | RefreshTokens::RotateAndRevoke => {
                self.newest = self.newest.max(given).saturating_add(1);
                self.newest
            }
        };
        if settings.refresh_tokens == RefreshTokens::RotateAndRevoke {
            self.oldest_valid = number;
        }
        text_of(settings, number)
    }
}

/// Scope and refresh token of a grant, or why there is none.
type Granted = Result<(String, Option<String>), Reply>;

fn text_of(settings: &OAuth, number: u64) -> String {
    match number {
        0 => settings.refresh_token.clone(),
        _ => format!("{}.{number}", settings.refresh_token),
    }
}

fn check_client(settings: &OAuth, form: &Form) -> Result<(), Reply> {
    if form.get("client_id") != Some(&settings.client_id) {
        let text = "No application has this client_id.";
        return Err(oauth_error(400, "unauthorized_client", 700_016, text));
    }
    let secret = settings.client_secret.as_deref();
    if secret.is_some() && secret != form.get("client_secret") {
        let text = "The client secret is not valid.";
        return Err(oauth_error(401, "invalid_client", 7_000_215, text));
    }
    Ok(())
}

struct Form(HashMap<String, String>);

impl Form {
    fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
