//! A small shop to try everything with a mouse: an ad, a page with the snippet and a consent banner,
//! and a back end that sends the event of an order.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Response, StatusCode, header};
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use axum::{Form, Router};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tower::ServiceExt as _;
use uuid::Uuid;

const EVENTS: &str = "/api/tracklayer/events";
/// Every page of the shop runs under it: no inline code, nothing from elsewhere but the API.
const POLICY: &str = "default-src 'self'; script-src 'self' {api}; connect-src {api}";
const NO_CLICK: &str = "No ad is known to have brought this visitor, or consent is missing, so there \
                        was nothing to send: a sale without a click is no conversion.";
const CLICK: &str = "The order names the visitor's reference, by which the click is found.";

/// Where the shop's pages and its back end find the rest.
pub(crate) struct Shop {
    /// The HTTP API as the shop's back end calls it.
    pub(crate) api: Router,
    pub(crate) api_url: String,
    pub(crate) microsoft_url: String,
    /// An ingest key.
    pub(crate) key: String,
}

/// The shop's pages.
pub(crate) fn router(shop: Shop) -> Router {
    let css = ([(header::CONTENT_TYPE, "text/css")], include_str!("shop.css"));
    let script = ([(header::CONTENT_TYPE, "text/javascript")], include_str!("shop.js"));
    Router::new()
        .route("/", get(search))
        .route("/shoes", get(shoes))
        .route("/order", post(order))
        .route("/shop.css", get(css))
        .route("/shop.js", get(script))
        .route("/favicon.ico", get(StatusCode::NO_CONTENT))
        .with_state(Arc::new(shop))
}

async fn search(State(shop): State<Arc<Shop>>) -> impl IntoResponse {
    let click = Uuid::new_v4().simple().to_string();
    shop.page(include_str!("search.html"), &[("click", &click)])
}

async fn shoes(State(shop): State<Arc<Shop>>) -> impl IntoResponse {
    shop.page(include_str!("shoes.html"), &[])
}

#[derive(Deserialize)]
struct Order {
    #[serde(default)]
    tl_session: String,
}

/// What a shop's back end does once it has confirmed an order.
async fn order(State(shop): State<Arc<Shop>>, Form(order): Form<Order>) -> impl IntoResponse {
    let now = OffsetDateTime::now_utc();
    let number = format!("W-{}", now.unix_timestamp_nanos() / 1_000_000);
    let second = now.replace_nanosecond(0).unwrap_or(now);
    let event = json!({
        "event": "purchase", "eventId": number, "source": "shop", "orderId": number,
        "occurredAt": second.format(&Rfc3339).unwrap_or_default(),
        "value": 129.95, "currency": "USD", "sessionId": order.tl_session,
    });
    let (answer, hint) = if order.tl_session.is_empty() {
        ("–".to_owned(), NO_CLICK)
    } else {
        (shop.send(&event).await, CLICK)
    };
    let event = pretty(&event);
    let values = [("order", &*number), ("event", &event), ("answer", &answer), ("hint", hint)];
    shop.page(include_str!("thanks.html"), &values)
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_default()
}

impl Shop {
    /// A page with its `{name}`s filled in.
    fn page(&self, page: &str, values: &[(&str, &str)]) -> impl IntoResponse + use<> {
        let own = [("api", &*self.api_url), ("microsoft", &self.microsoft_url)];
        let html = values.iter().chain(&own).fold(page.to_owned(), |html, (name, value)| {
            html.replace(&format!("{{{name}}}"), &escape(value))
        });
        let policy = POLICY.replace("{api}", &self.api_url);
        ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html))
    }

    /// Sends an event; the answer as text.
    async fn send(&self, event: &Json) -> String {
        let request = Request::post(EVENTS)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key))
            .body(Body::from(event.to_string()));
        let Ok(request) = request else { return "the event can't be sent".to_owned() };
        let Ok(response) = self.api.clone().oneshot(request).await;
        text(response).await
    }
}

async fn text(response: Response<Body>) -> String {
    let status = response.status();
    let body = to_bytes(response.into_body(), 1024 * 1024).await.unwrap_or_default();
    format!("{status}\n{}", String::from_utf8_lossy(&body))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
