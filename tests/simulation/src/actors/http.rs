//! Requests to functions behind the gateway, and their answers.

use std::rc::Rc;

use serde_json::Value;
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::lambda::http_api::{Request, Response};

use crate::ports::Port;
use crate::world::{Invocation, World};

/// The gateway's patience, in milliseconds.
pub const TIMEOUT: i64 = 29_000;

/// An answer: its status and its body.
pub type Answer = (i64, Value);

/// A request with this body, sent with an ingest key or not.
pub fn request(body: &Value, keyed: bool) -> Request {
    let mut request = Request::default();
    request.body = Some(body.to_string());
    if keyed {
        let key = "Bearer key".parse().expect("a header");
        request.headers.insert("authorization", key);
    }
    request
}

/// When a run that begins now must answer, by its own clock.
pub fn deadline(invocation: &Invocation, port: &Port) -> Deadline {
    let deadline_ms = invocation.world.now_ms() + invocation.skew + TIMEOUT;
    Deadline::at_epoch_ms(u64::try_from(deadline_ms).unwrap_or(0), port)
}

/// Runs a function; `None` if it died.
pub async fn answer(
    invocation: &Invocation, function: impl Future<Output = Response>,
) -> Option<Answer> {
    let response = invocation.run(TIMEOUT, function).await?;
    let body = response.body.as_ref().map(|body| body.to_vec()).unwrap_or_default();
    Some((response.status_code, serde_json::from_slice(&body).unwrap_or_default()))
}

/// Asks again and again, until there is an answer.
pub async fn insist<F: Future<Output = Option<Answer>>>(
    world: &Rc<World>, ask: impl Fn() -> F,
) -> Answer {
    loop {
        if let Some(answer) = ask().await.filter(|(status, _)| *status < 500) {
            return answer;
        }
        let minutes = world.random().pick(&[1, 5, 60]);
        world.sleep(minutes * 60_000).await;
    }
}
