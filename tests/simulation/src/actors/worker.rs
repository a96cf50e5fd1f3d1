//! The event source of upload: receives batches, runs the function, deletes what is done.

use std::{collections::BTreeSet, future::poll_fn, rc::Rc, task::Poll};

use serde_json::json;
use upload::wire::{SqsBatchResponse, SqsEvent};
use upload::{Deadline, Upload};

use crate::mutation::Mutation;
use crate::ports::{Port, Simulated};
use crate::queue::{MAX_RECEIVES, Received};
use crate::world::{Invocation, World, policy};

/// The function's timeout, in milliseconds.
const TIMEOUT: i64 = 120_000;
/// How long messages are collected for a batch.
const WINDOW: i64 = 5_000;
/// The most messages of a batch. Small ones show more of what can go wrong between two.
const BATCH: usize = 1_000;

/// Starts one worker.
pub fn start(world: &Rc<World>) {
    let world = Rc::clone(world);
    let spawner = Rc::clone(&world);
    spawner.executor.spawn(async move {
        while !world.over.get() {
            wait_for_messages(&world).await;
            let window = world.random().between(0, WINDOW);
            world.sleep(window).await;
            let batch = receive(&world);
            if !batch.is_empty() {
                work(&world, batch).await;
            }
        }
    });
}

async fn wait_for_messages(world: &World) {
    let mut asked = false;
    poll_fn(|cx| {
        let mut queue = world.queue.borrow_mut();
        let next = queue.next_visible();
        if asked || next.is_some_and(|at| at <= world.now_ms()) {
            return Poll::Ready(());
        }
        asked = true;
        queue.on_change(cx.waker());
        if let Some(at) = next {
            world.executor.at(at, cx.waker());
        }
        Poll::Pending
    })
    .await;
}

fn receive(world: &World) -> Vec<Received> {
    let small = 1 + world.random().below(8);
    let max = if world.plan.setting.all_runs { BATCH } else { small };
    let again = world.fault(|faults| faults.duplicate);
    let random = &mut world.random();
    world.queue.borrow_mut().receive(max, again, world.now_ms(), random)
}

async fn work(world: &Rc<World>, batch: Vec<Received>) {
    let invocation = Invocation::new(world, "upload");
    *invocation.about.borrow_mut() =
        batch.iter().map(|received| crate::oracle::label_of(&received.message.body)).collect();
    let rows = || batch.iter().map(|received| crate::oracle::label_of(&received.message.body));
    world.tell(rows(), || {
        let receives = batch.iter().map(|received| received.message.receives.to_string());
        format!(
            "{} receives (receives {})",
            invocation.name,
            receives.collect::<Vec<_>>().join(" ")
        )
    });
    let upload = function(world, &invocation);
    let deadline = u64::try_from(world.now_ms() + invocation.skew + TIMEOUT).unwrap_or(0);
    let deadline = Deadline::at_epoch_ms(deadline, &upload.clock);
    let Some(response) = invocation.run(TIMEOUT, upload.handle(event(&batch), deadline)).await
    else {
        return;
    };
    crate::oracle::check_heard(world, &invocation);
    acknowledge(world, &invocation, &batch, &response);
}

fn function(world: &Rc<World>, invocation: &Rc<Invocation>) -> Upload<Simulated> {
    let port = Port(Rc::clone(invocation));
    let mut policy = policy();
    match world.plan.mutation {
        Some(Mutation::NoSpacing) => policy.run_margin = -policy.settle_delay,
        Some(Mutation::NoSettleDelay) => {
            policy.run_margin += policy.settle_delay;
            policy.settle_delay = 0;
        }
        _ => {}
    }
    Upload {
        mapping: world.mapping.borrow().clone(),
        policy,
        max_receives: MAX_RECEIVES,
        environment: invocation.environment,
        clock: port.clone(),
        clicks: port.clone(),
        ledger: port.clone(),
        queue: port.clone(),
        secrets: port.clone(),
        auth: port.clone(),
        microsoft: port.clone(),
        telemetry: port,
    }
}

fn event(batch: &[Received]) -> SqsEvent {
    let record = |received: &Received| {
        let message = &received.message;
        json!({"messageId": message.id, "receiptHandle": received.handle, "body": message.body,
            "attributes": {"ApproximateReceiveCount": message.receives.to_string(),
                "SentTimestamp": message.sent.to_string()}})
    };
    let records: Vec<_> = batch.iter().map(record).collect();
    serde_json::from_value(json!({"Records": records})).expect("an event")
}

/// Deletes every message that the answer doesn't name. It names only what was given out.
fn acknowledge(
    world: &World, invocation: &Invocation, batch: &[Received], response: &SqsBatchResponse,
) {
    let failed: Vec<&str> =
        response.batch_item_failures.iter().map(|failed| failed.item_identifier.as_str()).collect();
    let given: BTreeSet<&str> = batch.iter().map(|received| received.message.id.as_str()).collect();
    let unique: BTreeSet<&str> = failed.iter().copied().collect();
    if unique.len() != failed.len() || !unique.is_subset(&given) {
        let what = format!("{} answers {failed:?} to {given:?}", invocation.name);
        world.violated("outcomes equal items", "-", what);
    }
    for received in batch {
        let message = &received.message;
        let done = !unique.contains(message.id.as_str());
        world.tell([crate::oracle::label_of(&message.body)], || {
            let fate = if done { "acknowledges" } else { "hands back" };
            format!("{} {fate} {}", invocation.name, message.id)
        });
        if !done && message.receives >= MAX_RECEIVES {
            crate::oracle::check_given_up(world, invocation, message);
        }
        if done {
            crate::oracle::check_acknowledged(world, invocation, message);
        }
        if done && !world.fault(|faults| faults.undeleted) {
            world.queue.borrow_mut().delete(&message.id);
        }
    }
}
