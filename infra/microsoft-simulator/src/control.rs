//! `/simulator/…`: what was stored, the calls, and the settings.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::calls::Call;
use crate::clicks::Click;
use crate::ledger::{Conversion, Unattributed};
use crate::settings::Settings;
use crate::simulator::Simulator;

pub(crate) fn routes() -> Router<Simulator> {
    Router::new()
        .route("/", get(to_page))
        .route("/simulator/", get(to_page))
        .route("/simulator", get(page))
        .route("/simulator/clicks", get(clicks).post(declare))
        .route("/simulator/conversions", get(conversions))
        .route("/simulator/unattributed", get(unattributed))
        .route("/simulator/calls", get(calls))
        .route("/simulator/settings", get(settings).put(replace).patch(merge))
        .route("/simulator/reset", post(reset))
}

/// `?account=7654321` narrows a list to one ad account.
#[derive(Deserialize)]
struct Narrow {
    account: Option<String>,
}

impl Narrow {
    fn includes(&self, account: &str) -> bool {
        self.account.as_deref().is_none_or(|wanted| wanted == account)
    }
}

#[derive(serde::Serialize)]
struct Conversions {
    conversions: Vec<Conversion>,
}

async fn conversions(
    State(simulator): State<Simulator>, Query(narrow): Query<Narrow>,
) -> Json<Conversions> {
    let mut conversions = simulator.conversions();
    conversions.retain(|conversion| narrow.includes(&conversion.account));
    Json(Conversions { conversions })
}

#[derive(serde::Serialize)]
struct UnattributedRows {
    /// Rows by reason.
    counts: BTreeMap<&'static str, usize>,
    unattributed: Vec<Unattributed>,
}

async fn unattributed(
    State(simulator): State<Simulator>, Query(narrow): Query<Narrow>,
) -> Json<UnattributedRows> {
    let mut unattributed = simulator.unattributed();
    unattributed.retain(|row| narrow.includes(&row.account));
    let mut counts = BTreeMap::new();
    for row in &unattributed {
        *counts.entry(row.reason).or_default() += 1;
    }
    Json(UnattributedRows { counts, unattributed })
}

async fn page(State(simulator): State<Simulator>) -> Html<String> {
    Html(simulator.page())
}

/// Leads from the bare address to the page.
async fn to_page() -> Redirect {
    Redirect::to("/simulator")
}

#[derive(Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
struct Clicks {
    clicks: Vec<Click>,
}

async fn clicks(State(simulator): State<Simulator>) -> Json<Clicks> {
    Json(Clicks { clicks: simulator.clicks() })
}

/// Adds clicks to the history; none of them if one can't be read.
async fn declare(State(simulator): State<Simulator>, body: Bytes) -> Response {
    match serde_json::from_slice::<Clicks>(&body) {
        Ok(declared) => {
            simulator.declare_clicks(declared.clicks);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &serde_json::Error) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response()
}

#[derive(serde::Serialize)]
struct Calls {
    calls: Vec<Call>,
}

async fn calls(State(simulator): State<Simulator>) -> Json<Calls> {
    Json(Calls { calls: simulator.calls() })
}

async fn settings(State(simulator): State<Simulator>) -> Json<Settings> {
    Json(simulator.settings())
}

/// `PUT`: absent members get their defaults.
async fn replace(State(simulator): State<Simulator>, body: Bytes) -> Response {
    change(&simulator, serde_json::from_slice(&body))
}

/// `PATCH`: absent members of the first level stay as they are.
async fn merge(State(simulator): State<Simulator>, body: Bytes) -> Response {
    change(&simulator, merged(&simulator.settings(), &body))
}

fn merged(settings: &Settings, change: &[u8]) -> serde_json::Result<Settings> {
    let change: serde_json::Map<String, Value> = serde_json::from_slice(change)?;
    let mut merged = serde_json::to_value(settings)?;
    for (name, value) in change {
        merged[name] = value;
    }
    serde_json::from_value(merged)
}

fn change(simulator: &Simulator, wanted: serde_json::Result<Settings>) -> Response {
    match wanted {
        Ok(wanted) => {
            simulator.update_settings(|settings| *settings = wanted);
            Json(simulator.settings()).into_response()
        }
        Err(error) => refused(&error),
    }
}

async fn reset(State(simulator): State<Simulator>) -> StatusCode {
    simulator.reset();
    StatusCode::NO_CONTENT
}
