//! The simulator as a handle, and Microsoft's side of its HTTP.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State as Shared},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use time::OffsetDateTime;

use crate::{
    calls::{Call, count_rows, kept},
    clicks::Click,
    control,
    ledger::{Conversion, Unattributed},
    page,
    reply::Reply,
    settings::Settings,
    state::{Outcome, State},
};

/// Where the simulator takes the time from.
pub type Clock = Arc<dyn Fn() -> OffsetDateTime + Send + Sync>;

/// The simulator; clones share everything.
#[derive(Clone)]
pub struct Simulator {
    state: Arc<Mutex<State>>,
    clock: Clock,
}

impl Simulator {
    /// With the system's clock.
    pub fn new(settings: Settings) -> Self {
        Self::with_clock(settings, Arc::new(OffsetDateTime::now_utc))
    }

    /// With a clock of one's own: equal calls at equal times give equal answers.
    pub fn with_clock(settings: Settings, clock: Clock) -> Self {
        let state = Arc::new(Mutex::new(State::new(settings)));
        Self { state, clock }
    }

    /// Microsoft's paths and `/simulator/…`. A connection is dropped by unwinding its task, so
    /// serve this by a server that runs each connection as a task, as `axum::serve` does.
    pub fn router(&self) -> Router {
        control::routes().fallback(microsoft).with_state(self.clone())
    }

    /// Serves on the address until the runtime ends; port 0 takes a free one. Returns the address.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        tokio::spawn(axum::serve(listener, self.router()).into_future());
        Ok(bound)
    }

    /// What was accepted, in the order of arrival.
    pub fn conversions(&self) -> Vec<Conversion> {
        self.state().ledger.conversions().to_vec()
    }

    /// What got no error at upload and came to nothing.
    pub fn unattributed(&self) -> Vec<Unattributed> {
        self.state().ledger.unattributed().to_vec()
    }

    /// Adds to the click history.
    pub fn declare_clicks(&self, clicks: impl IntoIterator<Item = Click>) {
        let mut state = self.state();
        clicks.into_iter().for_each(|click| state.clicks.declare(click));
    }

    /// The click history.
    pub fn clicks(&self) -> Vec<Click> {
        self.state().clicks.declared().to_vec()
    }

    /// The page for people, as it is now.
    pub(crate) fn page(&self) -> String {
        page::written(&self.state(), (self.clock)())
    }

    /// Every call on Microsoft's paths, in the order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The settings as they are now.
    pub fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    /// Changes the settings; fault rules start anew, those that were used up included.
    pub fn update_settings(&self, change: impl FnOnce(&mut Settings)) {
        let mut state = self.state();
        let mut settings = state.settings.clone();
        change(&mut settings);
        state.change_settings(settings);
    }

    /// Back to the first settings, with nothing kept but the tokens that were handed out.
    pub fn reset(&self) {
        self.state().reset();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, call: Call) -> Outcome {
        self.state().take(call)
    }
}

async fn microsoft(Shared(simulator): Shared<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response(); // broken off: nobody reads this
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    let headers = kept(&parts.headers);
    let path = parts.uri.path();
    let outcome = simulator.take(Call {
        at: (simulator.clock)(),
        method: parts.method.to_string(),
        path: path.to_owned(),
        account: headers.get("customeraccountid").cloned(),
        rows: count_rows(path, &body),
        status: None,
        tracking_id: String::new(),
        headers,
        body,
    });
    if !outcome.wait.is_zero() {
        tokio::time::sleep(outcome.wait).await;
    }
    match outcome.reply {
        Some(reply) => response(reply, &outcome.tracking_id),
        None => hang_up(),
    }
}

/// Ends the connection's task without a panic message; the socket closes with it.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("the simulator drops the connection"))
}

fn response(reply: Reply, tracking_id: &str) -> Response {
    let tracking = (HeaderName::from_static("trackingid"), tracking_id.to_owned());
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let content_type = reply.content_type.map(|kind| [(header::CONTENT_TYPE, kind)]);
    let mut response = (status, [tracking], Body::from(reply.body)).into_response();
    for (name, value) in content_type.into_iter().flatten() {
        response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
    }
    response
}
