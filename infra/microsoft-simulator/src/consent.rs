//! The page on which a person consents, and what its codes stand for.
//!
//! <https://learn.microsoft.com/advertising/guides/authentication-oauth-consent>,
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use time::{Duration, OffsetDateTime};

use crate::page::Escaped;
use crate::simulator::Simulator;

/// How long a code can be redeemed.
const LIFE: Duration = Duration::minutes(5);
/// The one redirect address that is registered. Its port is not compared
/// (<https://learn.microsoft.com/entra/identity-platform/reply-url>).
const REGISTERED: &str = "http://localhost";

pub(crate) fn routes() -> Router<Simulator> {
    Router::new().route("/{tenant}/oauth2/v2.0/authorize", get(authorize))
}

/// What a person consented to.
#[derive(Debug)]
pub(crate) struct Consent {
    /// What the tokens are for.
    pub(crate) scope: String,
    redirect_uri: String,
    challenge: Option<Challenge>,
    until: OffsetDateTime,
}

#[derive(Debug, PartialEq)]
enum Challenge {
    Plain(String),
    S256(String),
}

impl Consent {
    /// Whether the code may be redeemed like that; else the number and the text of the error.
    pub(crate) fn check(
        &self, redirect_uri: Option<&str>, verifier: Option<&str>, now: OffsetDateTime,
    ) -> Result<(), (u32, &'static str)> {
        if now > self.until {
            return Err((70_008, "The code has expired."));
        }
        if redirect_uri != Some(&self.redirect_uri) {
            return Err((500_112, "The redirect address is not that of the code's request."));
        }
        match (&self.challenge, verifier) {
            (None, _) => Ok(()),
            (Some(_), None) => Err((50_148, "The code verifier is missing.")),
            (Some(challenge), Some(verifier)) if challenge.is_met_by(verifier) => Ok(()),
            _ => Err((501_481, "The code verifier does not match the code challenge.")),
        }
    }
}

impl Challenge {
    fn is_met_by(&self, verifier: &str) -> bool {
        match self {
            Challenge::Plain(challenge) => challenge == verifier,
            Challenge::S256(challenge) => {
                *challenge == URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
            }
        }
    }
}

/// The members of the address that a program opens, and what the person answers.
#[derive(Deserialize)]
struct Asked {
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    scope: String,
    state: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
    /// `accept` or `decline`: the page's own member.
    decision: Option<String>,
}

impl Asked {
    /// What is wrong with it. Nobody is redirected to an address that is not registered.
    fn refusal(&self, client_id: &str) -> Option<&'static str> {
        if self.client_id != client_id {
            return Some("AADSTS700016: No application has this client_id.");
        }
        (!is_registered(&self.redirect_uri))
            .then_some("AADSTS50011: The redirect address is not registered: http://localhost/.")
    }

    fn challenge(&self) -> Option<Challenge> {
        let challenge = self.code_challenge.clone()?;
        Some(match self.code_challenge_method.as_deref() {
            Some("S256") => Challenge::S256(challenge),
            _ => Challenge::Plain(challenge),
        })
    }

    /// Where the browser goes with these members.
    fn redirect(&self, members: &[(&str, &str)]) -> Response {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(members);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        let address = format!("{}?{}", self.redirect_uri, query.finish());
        (StatusCode::FOUND, [(header::LOCATION, address)]).into_response()
    }
}

async fn authorize(State(simulator): State<Simulator>, Query(asked): Query<Asked>) -> Response {
    if let Some(refusal) = asked.refusal(&simulator.settings().oauth.client_id) {
        return (StatusCode::BAD_REQUEST, refusal).into_response();
    }
    match asked.decision.as_deref() {
        Some("accept") => {
            let code = simulator.consent(Consent {
                scope: asked.scope.clone(),
                redirect_uri: asked.redirect_uri.clone(),
                challenge: asked.challenge(),
                until: simulator.now() + LIFE,
            });
            asked.redirect(&[("code", &code)])
        }
        Some(_) => {
            let text = "AADSTS65004: The user declined to consent.";
            asked.redirect(&[("error", "access_denied"), ("error_description", text)])
        }
        None => Html(page(&asked)).into_response(),
    }
}

fn is_registered(address: &str) -> bool {
    let Some(rest) = address.strip_prefix(REGISTERED) else { return false };
    let port =
        rest.strip_prefix(':').map(|rest| rest.trim_start_matches(|it| char::is_ascii_digit(&it)));
    port.unwrap_or(rest) == "/"
}

/// The page: what is asked for, and two buttons.
fn page(asked: &Asked) -> String {
    let members = [
        ("client_id", Some(&asked.client_id)),
        ("redirect_uri", Some(&asked.redirect_uri)),
        ("scope", Some(&asked.scope)),
        ("state", asked.state.as_ref()),
        ("code_challenge", asked.code_challenge.as_ref()),
        ("code_challenge_method", asked.code_challenge_method.as_ref()),
    ];
    let hidden = members.into_iter().filter_map(|(name, value)| {
        let value = Escaped(value?);
        Some(format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"))
    });
    format!(
        "<!doctype html><title>Consent</title><h1>Simulated consent</h1>\
         <p>An application asks for: {}</p><form>{}\
         <button name=\"decision\" value=\"accept\">Accept</button> \
         <button name=\"decision\" value=\"decline\">Decline</button></form>",
        Escaped(&asked.scope),
        hidden.collect::<String>()
    )
}
