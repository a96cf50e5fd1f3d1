//! Calls over HTTP.
//!
//! Nothing is retried here and no redirect is followed: every attempt is the caller's decision, and
//! nothing sent outlives the handler that sent it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracklayer_core::ledger::observed::Environment;

use crate::error_text::text_of;
use crate::lambda::config;
use crate::lambda::config::ConfigError;
use crate::ports::{AccountSecret, Answer, Microsoft, Secret};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// The address before `/CampaignManagement`.
    pub api: String,
    /// The token endpoint; Microsoft's own, by tenant, where it is absent.
    pub token: Option<String>,
    pub environment: Environment,
}

impl Endpoints {
    /// By `MSADS_ENVIRONMENT`, unless `MSADS_API_URL` and `MSADS_TOKEN_URL` say otherwise.
    pub fn from_env() -> Result<Self, ConfigError> {
        let environment = config::environment()?;
        let host = match environment {
            Environment::Production => "https://campaign.api.bingads.microsoft.com",
            Environment::Sandbox => "https://campaign.api.sandbox.bingads.microsoft.com",
        };
        let api = config::text("MSADS_API_URL").unwrap_or_else(|_| host.to_owned());
        let api = api.trim_end_matches('/').to_owned();
        Ok(Endpoints { api, token: config::text("MSADS_TOKEN_URL").ok(), environment })
    }
}

/// Calls of one environment, over HTTP.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    api: String,
    environment: Environment,
}

/// The revision of the API that requests are written for. Microsoft asks clients other than its own
/// to send it, and accepts only dates that it has published
/// (learn.microsoft.com/advertising/campaign-management-service/api-versioning).
const API_REVISION: &str = "2026-10-12";

/// The sandbox takes no other developer token, and production takes this one nowhere
/// (learn.microsoft.com/advertising/guides/sandbox).
const SANDBOX_DEVELOPER_TOKEN: &str = "BBD37VB98";

impl Client {
    /// Builds the HTTP client that this and the token endpoint use.
    pub fn http() -> Result<reqwest::Client, reqwest::Error> {
        // A second call finds it installed, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
    }

    pub fn new(http: reqwest::Client, endpoints: &Endpoints) -> Self {
        Client { http, api: endpoints.api.clone(), environment: endpoints.environment }
    }

    fn developer_token<'a>(&self, secret: &'a AccountSecret) -> &'a str {
        match self.environment {
            Environment::Production => secret.developer_token.expose(),
            Environment::Sandbox => SANDBOX_DEVELOPER_TOKEN,
        }
    }
}

impl Microsoft for Client {
    async fn post(
        &self, path: &str, body: &impl Serialize, token: &Secret, secret: &AccountSecret,
        timeout: Duration,
    ) -> Answer {
        let body = match serde_json::to_vec(body) {
            Ok(body) => body,
            Err(error) => return Answer::NotSent(error.to_string()),
        };
        let request = self
            .http
            .post(format!("{}{path}", self.api))
            .timeout(timeout)
            .bearer_auth(token.expose())
            .header("DeveloperToken", self.developer_token(secret))
            .header("CustomerId", &secret.customer_id)
            .header("CustomerAccountId", &secret.account_id)
            .header("Api-Revision", API_REVISION)
            .header("Content-Type", "application/json")
            .body(body);
        match request.send().await {
            Ok(answer) => read(answer).await,
            Err(error) if error.is_connect() || error.is_builder() => {
                Answer::NotSent(text_of(&error.without_url()))
            }
            Err(error) => Answer::Lost(text_of(&error.without_url())),
        }
    }
}

async fn read(answer: reqwest::Response) -> Answer {
    let status = answer.status().as_u16();
    let header =
        answer.headers().get("TrackingId").and_then(|id| id.to_str().ok()).map(str::to_owned);
    match answer.bytes().await {
        Ok(body) => {
            let tracking_id = header.or_else(|| tracking_id_of(&body).filter(|_| status != 200));
            Answer::Http { status, body: body.to_vec(), tracking_id }
        }
        Err(error) => Answer::Lost(text_of(&error.without_url())),
    }
}

/// A fault carries the mark in its body as well, as it is or inside `ApplicationFault`.
fn tracking_id_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Fault {
        tracking_id: Option<String>,
        application_fault: Option<Box<Fault>>,
    }
    let fault: Fault = serde_json::from_slice(body).ok()?;
    fault.tracking_id.or_else(|| fault.application_fault?.tracking_id)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;

    use super::*;

    /// The head of the next request in lower case; the body is left unread.
    fn answer_one(listener: &TcpListener) -> String {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut head = String::new();
        for line in BufReader::new(&stream).lines() {
            let line = line.expect("a line");
            if line.is_empty() {
                break;
            }
            head.push_str(&line.to_lowercase());
            head.push('\n');
        }
        let answer = b"HTTP/1.1 200 OK\r\nTrackingId: t-1\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(answer).expect("written");
        head
    }

    fn api_of(listener: &TcpListener) -> String {
        format!("http://{}", listener.local_addr().expect("an address"))
    }

    /// What becomes of a call to `api`.
    async fn call(api: String) -> Answer {
        let secret: AccountSecret = serde_json::from_str(
            r#"{"client_id":"c","refresh_token":"r","developer_token":"d","customer_id":"1","account_id":"2"}"#,
        )
        .expect("a secret");
        let endpoints = Endpoints { api, token: None, environment: Environment::Production };
        let client = Client::new(Client::http().expect("a client"), &endpoints);
        let (token, timeout) = (Secret::from("t".to_owned()), Duration::from_secs(10));
        client.post("/path", &serde_json::json!({}), &token, &secret, timeout).await
    }

    /// A claim is taken back only after what certainly did not leave this machine.
    #[tokio::test]
    async fn a_refused_connection_was_not_sent_and_one_that_broke_off_may_have_been() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let other = listener.try_clone().expect("a listener");
        let hangs_up = std::thread::spawn(move || drop(other.accept().expect("a connection")));
        let answer = call(api_of(&listener)).await;
        assert!(matches!(answer, Answer::Lost(_)), "{answer:?}");
        hangs_up.join().expect("a connection");

        let gone = TcpListener::bind("127.0.0.1:0").expect("a port");
        let api = api_of(&gone);
        drop(gone);
        let answer = call(api).await;
        assert!(matches!(answer, Answer::NotSent(_)), "{answer:?}");
    }

    #[tokio::test]
    async fn a_call_carries_the_headers_that_microsoft_documents() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let api = api_of(&listener);
        let head = std::thread::spawn(move || answer_one(&listener));
        let answer = call(api).await;
        let Answer::Http { status: 200, tracking_id, .. } = answer else { panic!("{answer:?}") };
        assert_eq!(tracking_id.as_deref(), Some("t-1"));
        let head = head.join().expect("a request");
        for line in [
            "post /path http/1.1",
            "authorization: bearer t",
            "developertoken: d",
            "customerid: 1",
            "customeraccountid: 2",
            "content-type: application/json",
            "api-revision: 2026-10-12",
        ] {
            assert!(head.lines().any(|it| it == line), "{line} in {head}");
        }
    }

    #[test]
    fn the_mark_of_a_fault_is_found_bare_and_wrapped() {
        let bare = r#"{"TrackingId":"t-1","Errors":[]}"#;
        assert_eq!(tracking_id_of(bare.as_bytes()).as_deref(), Some("t-1"));
        let wrapped = format!(r#"{{"ApplicationFault":{bare}}}"#);
        assert_eq!(tracking_id_of(wrapped.as_bytes()).as_deref(), Some("t-1"));
        assert_eq!(tracking_id_of(b"<html>"), None);
    }
}
