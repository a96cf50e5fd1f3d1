//! Microsoft's side of the simulator's HTTP.

use std::{io, net::SocketAddr};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State as Shared};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::calls::{Call, count_rows, kept};
use crate::consent;
use crate::control;
use crate::reply::Reply;
use crate::simulator::Simulator;

impl Simulator {
    /// Microsoft's paths and `/simulator/…`. A fault drops a connection by unwinding its task, so the
    /// server has to run each connection as a task of its own, as `axum::serve` does.
    pub fn router(&self) -> Router {
        control::routes().merge(consent::routes()).fallback(microsoft).with_state(self.clone())
    }

    /// Serves on the address until the runtime ends; port 0 picks a free port. Returns the address.
    pub async fn listen(&self, address: SocketAddr) -> io::Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        tokio::spawn(axum::serve(listener, self.router()).into_future());
        Ok(bound)
    }
}

async fn microsoft(Shared(simulator): Shared<Simulator>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        // The caller has closed the connection and reads no answer.
        return StatusCode::BAD_REQUEST.into_response();
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    let headers = kept(&parts.headers);
    let path = parts.uri.path();
    let outcome = simulator.handle(Call {
        at: simulator.now(),
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

/// Ends the connection's task without a panic message, which closes the socket.
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
