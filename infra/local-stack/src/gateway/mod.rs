//! The HTTP API in front of the functions: routes of the template, payload format 2.0, CORS, limits,
//! and the gateway's own responses to requests that never reach a function.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

mod answer;
mod cors;
mod event;
mod path;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, Response, StatusCode, header::CONTENT_TYPE, request::Parts};
use serde_json::json;
use tokio::time::timeout;

use crate::console::say;
use crate::runtime::{Failure, Function};
use crate::template::Cors;
use path::{Pattern, decode};

/// Largest request body.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html>
const BODY_LIMIT: usize = 10 * 1024 * 1024;
/// A body is read up to this size, although it is refused: many senders read the response only once
/// they have sent everything.
const READ_LIMIT: usize = 64 * 1024 * 1024;
/// How long the gateway waits for a function.
const INTEGRATION_TIMEOUT: Duration = Duration::from_secs(30);

/// One route and the function behind it.
pub struct Route {
    method: String,
    pattern: Pattern,
    function: Function,
}

impl Route {
    /// `method` in upper case or `ANY`, `path` as in the template.
    pub fn new(method: &str, path: &str, function: Function) -> Self {
        Self { method: method.to_owned(), pattern: Pattern::new(path), function }
    }

    fn key(&self) -> String {
        format!("{} {}", self.method, self.pattern.text())
    }
}

struct Gateway {
    routes: Vec<Route>,
    cors: Option<Cors>,
    account: String,
}

/// The whole API as a router; serve it with `ConnectInfo<SocketAddr>`.
pub fn router(routes: Vec<Route>, cors: Option<Cors>, account: &str) -> axum::Router {
    let gateway = Gateway { routes, cors, account: account.to_owned() };
    axum::Router::new().fallback(serve).with_state(Arc::new(gateway))
}

async fn serve(State(gateway): State<Arc<Gateway>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    match &gateway.cors {
        Some(cors) if parts.method == Method::OPTIONS => cors::preflight(cors, &parts.headers),
        Some(cors) => {
            let mut response = gateway.answer(&parts, body).await;
            cors::set_headers(cors, &parts.headers, response.headers_mut());
            response
        }
        None => gateway.answer(&parts, body).await,
    }
}

impl Gateway {
    async fn answer(&self, parts: &Parts, body: Body) -> Response<Body> {
        let path = decode(parts.uri.path());
        let Some((route, parameters)) = self.route(&parts.method, &path) else {
            return own(StatusCode::NOT_FOUND, "Not Found");
        };
        let body = match to_bytes(body, READ_LIMIT).await {
            Ok(body) if body.len() <= BODY_LIMIT => body,
            _ => return too_large(),
        };
        let event = self.event(route, parts, path, parameters, &body);
        match timeout(INTEGRATION_TIMEOUT, route.function.invoke(event)).await {
            Ok(Ok(reply)) => answer::response(&reply)
                .unwrap_or_else(|| failed(route, &"its answer is malformed")),
            Ok(Err(Failure::RequestTooLarge)) => too_large(),
            Ok(Err(Failure::TimedOut)) | Err(_) => {
                own(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Ok(Err(failure)) => failed(route, &failure),
        }
    }

    fn event(
        &self, route: &Route, parts: &Parts, path: String, parameters: BTreeMap<String, String>,
        body: &Bytes,
    ) -> Vec<u8> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
        let incoming = event::Incoming {
            route_key: route.key(),
            account: self.account.clone(),
            source_ip: peer.map_or_else(|| "127.0.0.1".to_owned(), |peer| peer.ip().to_string()),
            path,
            parameters,
        };
        event::event(&incoming, parts, body).to_string().into_bytes()
    }

    /// The most specific route that matches.
    fn route(&self, method: &Method, path: &str) -> Option<(&Route, BTreeMap<String, String>)> {
        let fits = self
            .routes
            .iter()
            .filter(|route| route.method == "ANY" || route.method == method.as_str());
        let matches = fits.filter_map(|route| Some((route, route.pattern.matches(path)?)));
        matches.max_by_key(|(route, _)| route.pattern.rank())
    }
}

fn failed(route: &Route, why: &dyn std::fmt::Display) -> Response<Body> {
    say(format!("{}: {why}", route.function.name()));
    own(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}

fn too_large() -> Response<Body> {
    own(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large")
}

/// A response of the gateway itself.
fn own(status: StatusCode, message: &str) -> Response<Body> {
    let body = Body::from(json!({ "message": message }).to_string());
    let response =
        Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(body);
    response.unwrap_or_default()
}
