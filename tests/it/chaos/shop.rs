//! The page, the shop and the CRM: they send until they are answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use simulation::random::Random;
use test_support::events::time;
use test_support::rig::{Answer, World};

use super::orders::{Click, Order};

/// Something that is sent at some time.
#[derive(Debug)]
pub enum Post {
    /// Events in one request, the same ones again after that, and what then must be a conflict.
    Events {
        after: Duration,
        events: Vec<Value>,
        again: bool,
        conflict: Option<Value>,
        /// Before it is sent again, in seconds.
        pause: u64,
    },
    /// A landing page's request.
    Landing { after: Duration, body: Value },
}

/// The visitors land, before anything goes wrong.
pub async fn land(world: &World, orders: &[Order]) {
    for order in orders {
        if let Click::Session(click) | Click::Lead(click) = &order.click {
            let landing = json!({"msclkid": click, "sessionId": format!("s-{click}")});
            assert_eq!(world.capture(&landing).await.status, 204);
        }
    }
    // No order happened before its click, nor a correction before now.
    tokio::time::sleep(Duration::from_secs(6)).await;
}

/// Everything that is sent, and when.
pub fn posts(orders: &[Order], random: &mut Random) -> Vec<Post> {
    let mut posts = Vec::new();
    let mut events = Vec::new();
    for order in orders {
        let start = random.between(0, 30_000);
        if let Click::Lead(click) = &order.click {
            let body = json!({"sessionId": format!("s-{click}"), "leadId": format!("l-{click}")});
            posts.push(Post::Landing { after: ms(random.between(0, 25_000)), body });
        }
        events.push(order.event());
        // Some of its corrections come with it, some before, some later.
        let mut corrections = order.fixes.iter().map(|fix| fix.event(order)).collect::<Vec<_>>();
        if random.chance(2_500) {
            events.append(&mut corrections);
        }
        for correction in corrections {
            let at = (start + random.between(-4_000, 12_000)).max(0);
            posts.push(post(random, at, vec![correction], None));
        }
        // Most come alone, some in arrays.
        if random.chance(7_500) {
            let conflict = (events.len() == 1 && random.chance(3_000)).then(|| other(&events[0]));
            posts.push(post(random, start, std::mem::take(&mut events), conflict));
        }
    }
    if !events.is_empty() {
        posts.push(post(random, 30_000, events, None));
    }
    posts
}

fn post(random: &mut Random, at: i64, events: Vec<Value>, conflict: Option<Value>) -> Post {
    let pause = u64::try_from(random.between(0, 8)).unwrap_or(0);
    Post::Events { after: ms(at), events, again: random.chance(3_000), conflict, pause }
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// The same id with something else.
fn other(event: &Value) -> Value {
    let mut event = event.clone();
    event["occurredAt"] = json!(time(-4_000));
    event
}

/// Sends it when its time has come, and what belongs to it.
pub async fn send(world: Arc<World>, begin: Instant, post: Post) {
    let wait = |after: Duration| tokio::time::sleep_until((begin + after).into());
    match post {
        Post::Landing { after, body } => {
            wait(after).await;
            let answer = until_answered(|| world.capture(&body)).await;
            assert_eq!(answer.status, 204, "{answer:?}");
        }
        Post::Events { after, events, again, conflict, pause } => {
            wait(after).await;
            send_events(&world, &events, &["queued", "duplicate"]).await;
            if again {
                tokio::time::sleep(Duration::from_secs(pause)).await;
                send_events(&world, &events, &["duplicate"]).await;
            }
            if let Some(event) = conflict {
                send_events(&world, &[event], &["conflict"]).await;
            }
        }
    }
}

async fn send_events(world: &World, events: &[Value], expected: &[&str]) {
    let body = if let [event] = events { event.clone() } else { json!(events) };
    let answer = until_answered(|| world.post(&body)).await;
    let results = match answer.body["results"].as_array() {
        Some(results) => results.clone(),
        None => vec![answer.body.clone()],
    };
    assert_eq!(results.len(), events.len(), "{answer:?}");
    let is_expected = |result: &Value| expected.iter().any(|status| result["status"] == *status);
    assert!(results.iter().all(is_expected), "{expected:?}: {answer:?} to {body}");
}

/// A function that dies or an AWS that is out is answered by 5xx: whoever sent sends again.
async fn until_answered<F: Future<Output = Answer>>(request: impl Fn() -> F) -> Answer {
    loop {
        let answer = request().await;
        if answer.status < 500 {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}
