//! Takes the browser's answer on localhost.
//!
//! Every request but the right one is refused and changes nothing: any page of the browser can send
//! one here.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::{Router, routing::get};
use oauth2::{AuthorizationCode, CsrfToken};
use serde::Deserialize;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Where the answer is taken.
pub struct Redirect {
    listener: TcpListener,
    address: String,
}

impl Redirect {
    /// Listens on this port of localhost. Entra compares all of a redirect address on localhost but
    /// its port (learn.microsoft.com/entra/identity-platform/reply-url).
    pub async fn bind(port: u16) -> Result<Redirect, Failure> {
        let taken = |error: std::io::Error| {
            let message = format!("port {port} of localhost can't be used: {error}");
            Failure::input("port_taken", message, "Name another one with --port.")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        Ok(Redirect { listener, address: format!("http://localhost:{port}/") })
    }

    /// The redirect address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The code, once the browser brings it with this state.
    pub async fn code(
        self, state: &CsrfToken, wait: Duration,
    ) -> Result<AuthorizationCode, Failure> {
        let (answers, mut answer) = mpsc::channel(1);
        let waiting = Arc::new(Waiting { state: state.secret().clone(), answers });
        let router = Router::new().route("/", get(take)).with_state(waiting);
        let serving = tokio::spawn(axum::serve(self.listener, router).into_future());
        let answer = tokio::time::timeout(wait, answer.recv()).await;
        serving.abort();
        answer.ok().flatten().unwrap_or_else(|| {
            let message = format!("no answer came within {} s", wait.as_secs());
            let help = "Run it again. The browser must run on this machine, and the application \
                        have the redirect address http://localhost/. From another machine, forward \
                        a port: `ssh -L 9403:localhost:9403` and --port 9403.";
            Err(Failure::unreachable("no_answer", message, help))
        })
    }
}

struct Waiting {
    state: String,
    answers: mpsc::Sender<Result<AuthorizationCode, Failure>>,
}

#[derive(Deserialize)]
struct Answer {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

type Page = (StatusCode, Html<&'static str>);

async fn take(State(waiting): State<Arc<Waiting>>, Query(answer): Query<Answer>) -> Page {
    if answer.state.as_ref() != Some(&waiting.state) {
        return page(StatusCode::BAD_REQUEST, "This is no answer to what was asked here.");
    }
    let (result, said) = match answer.code {
        Some(code) if answer.error.is_none() => {
            (Ok(AuthorizationCode::new(code)), "The answer has come. Go on in the terminal.")
        }
        _ => (Err(declined(&answer)), "There is no consent. The terminal says why."),
    };
    // A second answer finds nobody who waits, or one before it.
    let _ = waiting.answers.try_send(result);
    page(StatusCode::OK, said)
}

fn page(status: StatusCode, text: &'static str) -> Page {
    (status, Html(text))
}

fn declined(answer: &Answer) -> Failure {
    let error = answer.error.as_deref().unwrap_or("no code");
    let text = answer.error_description.as_deref().unwrap_or_default();
    let help = "Consent as a user who manages the ad account. Where an administrator must consent \
                first, the text says so. Nothing was changed.";
    Failure::input("declined", format!("no consent: {error} {text}").trim_end(), help)
}
