//! Pages report landings and ties, and take them back; so does the back end with a key.

use std::rc::Rc;

use capture::Capture;
use serde_json::{Value, json};
use tracklayer_core::reconcile::attribution::{TieKind, TiedBy};
use tracklayer_core::time::EventTime;

use super::http;
use crate::plan::{START, Visit};
use crate::ports::{Port, Simulated};
use crate::world::{Invocation, World};

/// Starts all visits of the plan; those of before are stored already.
pub fn start(world: &Rc<World>) {
    for visit in &world.plan.visits {
        if visit.at < START {
            keep(world, visit);
            continue;
        }
        let (world, visit) = (Rc::clone(world), visit.clone());
        world.posting.set(world.posting.get() + 1);
        let spawner = Rc::clone(&world);
        spawner.executor.spawn(async move {
            world.sleep_until(visit.at).await;
            report(&world, body(&visit), &visit.cookie, visit.keyed).await;
            world.posting.set(world.posting.get() - 1);
        });
    }
}

/// As capture stored it then.
fn keep(world: &World, visit: &Visit) {
    let mut table = world.clicks.borrow_mut();
    let (reference, now) = (visit.reference(), START * 1_000);
    if let Some(click) = &visit.click {
        let at_ms = visit.landed.unwrap_or(visit.at) * 1_000;
        table.add_click(reference, click, &visit.cookie, at_ms, now);
    }
    let by = if visit.keyed { TiedBy::Key } else { TiedBy::Browser };
    for (kind, id) in &visit.ties {
        table.add_tie(*kind, id, by, reference, visit.at * 1_000, now);
    }
}

fn body(visit: &Visit) -> Value {
    let mut body = json!({"msclkid": visit.click, "sessionId": visit.session});
    if let Some(landed) = visit.landed {
        body["landedAt"] = json!(EventTime::from_epoch(landed).to_string());
    }
    name(&mut body, &visit.ties);
    body
}

fn name(body: &mut Value, records: &[(TieKind, String)]) {
    for (kind, id) in records {
        let member = match kind {
            TieKind::Lead => "leadId",
            TieKind::Cart => "cartId",
            TieKind::Order => "orderId",
        };
        body[member] = json!(id);
    }
}

/// Withdraws consent.
pub async fn withdraw(
    world: &Rc<World>, session: Option<&str>, cookie: &str, records: &[(TieKind, String)],
    keyed: bool,
) {
    let mut body = json!({"consent": "denied", "sessionId": session});
    name(&mut body, records);
    report(world, body, cookie, keyed).await;
}

/// Sends it to capture until there is an answer.
async fn report(world: &Rc<World>, body: Value, cookie: &str, keyed: bool) {
    let (status, answer) = http::insist(world, || call(world, &body, cookie, keyed)).await;
    world.announce(|| format!("capture of {body} ({cookie}, keyed: {keyed}): {status}"));
    if status != 204 {
        world.violated("answers", "-", format!("{status} {answer} to {body}"));
    }
}

async fn call(world: &Rc<World>, body: &Value, cookie: &str, keyed: bool) -> Option<http::Answer> {
    let invocation = Invocation::new(world, "capture");
    let port = Port(Rc::clone(&invocation));
    let capture: Capture<Simulated> = Capture {
        clock: port.clone(),
        clicks: port.clone(),
        keys: port.clone(),
        telemetry: port.clone(),
    };
    let mut request = http::request(body, keyed);
    request.cookies = Some(vec![format!("tl_ref={cookie}")]);
    let deadline = http::deadline(&invocation, &port);
    http::answer(&invocation, capture.handle(&request, &deadline)).await
}
