//! The page of consent, and the exchange of its code: OAuth's authorization code with PKCE
//! (learn.microsoft.com/advertising/guides/authentication-oauth-get-tokens).

use std::time::Duration;

use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl,
    RequestTokenError, Scope, TokenResponse as _, TokenUrl,
};
use tracklayer_core::microsoft::token_errors::{WITHOUT_SCOPE, look_up_token};
use tracklayer_edge::microsoft::client::Client;
use tracklayer_edge::ports::Secret;

use super::application::Application;
use crate::{failure::Failure, place::Microsoft, screen};

/// How long the exchange of the code may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// What every usable scope holds.
const MANAGE: &str = "msads.manage";

type OAuth = BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

/// One question for consent.
pub struct Consent {
    client: OAuth,
    scopes: String,
    url: String,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
}

/// What a consent is worth.
pub struct Tokens {
    /// For calls, for about an hour.
    pub access: Secret,
    /// For access tokens, for 90 days from its last use.
    pub refresh: Secret,
}

impl Consent {
    /// A question whose answer goes to the address `redirect`.
    pub fn new(
        application: &Application, microsoft: &Microsoft, redirect: &str,
    ) -> Result<Consent, Failure> {
        let client = client(application, microsoft, redirect)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let scopes = format!("offline_access {}", microsoft.scope());
        let (url, state) = client
            .authorize_url(CsrfToken::new_random)
            .add_scopes(scopes.split(' ').map(|scope| Scope::new(scope.to_owned())))
            .add_extra_param("response_mode", "query")
            // Who is signed in already is seldom who manages the ad account.
            .add_extra_param("prompt", "select_account")
            .set_pkce_challenge(challenge)
            .url();
        Ok(Consent { client, scopes, url: url.into(), state, verifier })
    }

    /// The address that a person opens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the answer must carry.
    pub fn state(&self) -> &CsrfToken {
        &self.state
    }

    /// Exchanges the code, and looks whether the tokens are of use.
    pub async fn exchange(self, code: AuthorizationCode) -> Result<Tokens, Failure> {
        let http = Client::http()
            .map_err(|error| Failure::unreachable("no_http", screen::chain_of(&error), ""))?;
        let answer = self
            .client
            .exchange_code(code)
            .set_pkce_verifier(self.verifier)
            .add_extra_param("scope", self.scopes)
            .request_async(&|request| send(http.clone(), request))
            .await
            .map_err(|error| refused(&error))?;
        usable(&answer)
    }
}

fn client(
    application: &Application, microsoft: &Microsoft, redirect: &str,
) -> Result<OAuth, Failure> {
    let tenant = application.tenant();
    let bad = |error: oauth2::url::ParseError| {
        let help = "Look at --tenant, and at the stack's parameter MicrosoftTokenUrl.";
        Failure::input("bad_address", format!("no address of Microsoft: {error}"), help)
    };
    let client = BasicClient::new(ClientId::new(application.client_id.clone()))
        .set_auth_uri(AuthUrl::new(microsoft.authorize_url(tenant)?).map_err(bad)?)
        .set_token_uri(TokenUrl::new(microsoft.token_url(tenant)).map_err(bad)?)
        .set_redirect_uri(RedirectUrl::new(redirect.to_owned()).map_err(bad)?)
        .set_auth_type(AuthType::RequestBody);
    Ok(match &application.client_secret {
        Some(secret) => client.set_client_secret(ClientSecret::new(secret.expose().to_owned())),
        None => client,
    })
}

/// Without a redirect: a code must not be sent on.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let mut request = reqwest::Request::try_from(request)?;
    *request.timeout_mut() = Some(TIMEOUT);
    let answer = http.execute(request).await.map_err(reqwest::Error::without_url)?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = HttpResponse::new(answer.bytes().await?.to_vec());
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    Ok(response)
}

/// A token without the scope would be refused with 105 by every call; one without a refresh token
/// would end in an hour.
fn usable(answer: &BasicTokenResponse) -> Result<Tokens, Failure> {
    let scopes = answer.scopes().map(Vec::as_slice).unwrap_or_default();
    if !scopes.is_empty() && !scopes.iter().any(|scope| scope.contains(MANAGE)) {
        let given: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
        let message = format!("{} It covers: {}.", WITHOUT_SCOPE.cause, given.join(" "));
        let help = "Add the permission msads.manage of Microsoft Advertising to the app \
                    registration, and consent to it. The secret is unchanged.";
        return Err(Failure::input("without_scope", message, help));
    }
    let refresh = answer.refresh_token().map(|token| token.secret().clone());
    let refresh = refresh.filter(|token| !token.is_empty()).ok_or_else(|| {
        let help = "Consent must cover offline_access. The secret is unchanged.";
        Failure::input("no_refresh_token", "the identity service gave no refresh token", help)
    })?;
    Ok(Tokens { access: answer.access_token().secret().clone().into(), refresh: refresh.into() })
}

type Refusal = RequestTokenError<reqwest::Error, BasicErrorResponse>;

fn refused(error: &Refusal) -> Failure {
    let RequestTokenError::ServerResponse(answer) = error else {
        let message = format!("the identity service: {}", screen::chain_of(error));
        return Failure::unreachable("no_token", message, "Run it again. The secret is unchanged.");
    };
    let text = answer.error_description().map_or("", String::as_str);
    let entry = look_up_token(400, answer.error().as_ref(), &numbers(text));
    let message = format!("the identity service refuses: {} {text}", answer.error().as_ref());
    let help = match entry.error {
        // The words of the table are about refresh tokens.
        "invalid_grant" => "The code is good once, for five minutes. Run it again.",
        _ => entry.cure,
    };
    Failure::input("token_refused", message.trim_end(), help)
}

/// The AADSTS number at the beginning of a description.
fn numbers(text: &str) -> Vec<i64> {
    let digits = text.strip_prefix("AADSTS").unwrap_or_default();
    digits.split(|it: char| !it.is_ascii_digit()).take(1).filter_map(|it| it.parse().ok()).collect()
}
