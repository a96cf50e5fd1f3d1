//! The stack, its API, and the clock of this machine.

use std::time::Duration;

use time::{OffsetDateTime, format_description::well_known::Rfc2822};
use tracklayer_edge::microsoft::client::Client;

use super::check::Check;
use crate::{place::Ops, screen};

/// The one route that needs neither key nor body.
const SNIPPET: &str = "/api/tracklayer/ms-attribution.js";
/// How long the API may take for it.
const TIMEOUT: Duration = Duration::from_secs(10);
/// By how much this machine's clock may be off, in seconds: times of what is found are told by it.
const SKEW: i64 = 60;

/// The stack was found, or nothing could be asked at all.
pub async fn checks(ops: &Ops) -> Vec<Check> {
    let deployment = &ops.deployment;
    let stack = match deployment.status.as_str() {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" => {
            Check::fine("stack", format!("{} {}", deployment.name, deployment.status))
        }
        status => {
            let found = format!("{} {status}", deployment.name);
            Check::warns("stack", found, "Look at its events in the console, and deploy again.")
        }
    };
    let mut checks = vec![stack];
    checks.extend(api(ops).await);
    checks
}

/// Asks the API for the snippet; its answer's date tells how right this machine's clock is.
async fn api(ops: &Ops) -> Vec<Check> {
    let what = format!("API {}", ops.api_url);
    let cure = "Look at the log of capture, and at the stage and domain of the HTTP API.";
    let Ok(http) = Client::http() else { return vec![Check::unknown(what, "no HTTP client")] };
    match http.get(format!("{}{SNIPPET}", ops.api_url)).timeout(TIMEOUT).send().await {
        Err(error) => vec![Check::wrong(what, error.without_url().to_string(), cure)],
        Ok(answer) if !answer.status().is_success() => {
            vec![Check::wrong(what, format!("it answers {}", answer.status()), cure)]
        }
        Ok(answer) => {
            let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
            vec![Check::fine(what, "it answers"), clock(ops, date)]
        }
    }
}

fn clock(ops: &Ops, date: Option<&str>) -> Check {
    let date = date.and_then(|date| OffsetDateTime::parse(date, &Rfc2822).ok());
    let Some(date) = date else { return Check::unknown("clock", "the API tells no time") };
    let off = ops.now().epoch() - date.unix_timestamp();
    if off.abs() <= SKEW {
        Check::fine("clock", "this machine's is right")
    } else {
        let found = format!("this machine's is off by {}", screen::duration(off));
        Check::warns("clock", found, "Set it: ages and times are told by it.")
    }
}
