//! Runs a function on a schedule, with the event of an EventBridge rule. Runs never overlap, and one
//! that would be late because the last one took too long is dropped, as the template asks for no
//! retries and no late runs.

use std::time::Duration;

use serde_json::{Value as Json, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use uuid::Uuid;

use crate::console::say;
use crate::rest::Rest;
use crate::runtime::{Failure, Function};

/// Runs for ever, first after one period; abort its task to end it. With `rest`, runs that would find
/// nothing to do are left out.
pub async fn run(
    function: Function, every: Duration, mut rest: Option<Rest>, region: String, account: String,
) {
    let every = every.max(Duration::from_millis(100));
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        ticks.tick().await;
        if let Some(rest) = &mut rest
            && rest.is_called_for().await
        {
            continue;
        }
        let event = event(function.name(), &region, &account).to_string();
        match function.invoke(event).await {
            Ok(_) => {}
            Err(Failure::Stopping) => return,
            Err(failure) => {
                rest.iter_mut().for_each(Rest::forget);
                say(format!("{}: a scheduled run failed: {failure}", function.name()));
            }
        }
    }
}

fn event(name: &str, region: &str, account: &str) -> Json {
    let now = OffsetDateTime::now_utc().replace_nanosecond(0).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    json!({
        "version": "0",
        "id": Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account,
        "time": now.format(&Rfc3339).unwrap_or_default(),
        "region": region,
        "resources": [format!("arn:aws:events:{region}:{account}:rule/{name}")],
        "detail": {},
    })
}
