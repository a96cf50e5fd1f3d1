//! What goes wrong: processes die, Microsoft misbehaves, AWS refuses requests.

use std::time::{Duration, Instant};

use microsoft_simulator::{AnswerBody, Fault, FaultRule, ForcedError, ThrottleAnswer};
use simulation::random::Random;
use test_support::rig::World;
use test_support::rig::operator::{APPLY, TOKEN};

/// The ad account that is throttled once; it pauses for a minute then.
const THROTTLED: &str = "7654322";
/// Requests to AWS that fail now and then, a few in a row.
const AWS: [&str; 6] = [
    "DynamoDB_20120810.BatchExecuteStatement",
    "DynamoDB_20120810.BatchGetItem",
    "DynamoDB_20120810.UpdateItem",
    "DynamoDB_20120810.PutItem",
    "DynamoDB_20120810.Query",
    "AmazonSQS.SendMessage",
];

/// Makes trouble until `end`, then leaves everything in order. Answers how often something was
/// killed.
pub async fn make(world: &World, random: &mut Random, end: Instant) -> usize {
    let mut killed = 0;
    let mut throttled = false;
    while Instant::now() < end {
        // Not all the time: copies of messages that fail again and again leave copies themselves.
        let disorder = random.chance(3_000).then(|| random.between(1, i64::MAX).unsigned_abs());
        world.stack.aws().queues().set_disorder("uploads", disorder).expect("a queue");
        if random.chance(4_000) {
            let mut rules = rules(random);
            if !std::mem::replace(&mut throttled, true) {
                let answer = random.pick(&[ThrottleAnswer::Http429, ThrottleAnswer::Fault117]);
                let fault = Fault::Throttle { calls_per_minute: 0, answer };
                rules.push(FaultRule::new(fault).on(APPLY).for_account(THROTTLED).times(1));
            }
            world.faults(rules);
        }
        if random.chance(1_500) {
            let times = usize::try_from(random.between(1, 8)).unwrap_or(1);
            world.stack.aws().refuse(random.pick(&AWS), times);
        }
        if random.chance(5_000) {
            let function =
                random.pick(&["upload", "upload", "upload", "enqueue", "sweep", "capture"]);
            world.stack.kill_function(function).await.expect("a function");
            killed += 1;
        }
        let ms = u64::try_from(random.between(50, 900)).unwrap_or(0);
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
    AWS.iter().for_each(|target| world.stack.aws().refuse(target, 0));
    world.stack.aws().queues().set_disorder("uploads", None).expect("a queue");
    world.faults(Vec::new());
    killed
}

/// A run in which nothing went wrong shows nothing.
pub fn was_made(world: &World, killed: usize) {
    let calls = world.calls(APPLY);
    let unanswered = calls.iter().filter(|call| call.status != Some(200)).count();
    println!("{killed} kills, {} calls to Microsoft, {unanswered} of them failed", calls.len());
    assert!(killed >= 5 && unanswered >= 1, "{killed} kills, {unanswered} failed calls");
}

/// How Microsoft behaves for the next second or two.
fn rules(random: &mut Random) -> Vec<FaultRule> {
    let status = |status, body, after_accepting| Fault::Status { status, body, after_accepting };
    let after = random.chance(5_000);
    let milliseconds = 5_000;
    let fault = match random.below(12) {
        0 | 1 => return Vec::new(),
        2 => status(500, AnswerBody::Empty, after),
        3 => status(503, AnswerBody::Html, after),
        4 => status(200, AnswerBody::Malformed, after),
        5 => Fault::TimeoutAfterAccepting { milliseconds },
        6 => Fault::DropConnection { after_accepting: after },
        7 => {
            let milliseconds = u64::try_from(random.between(200, 3_000)).unwrap_or(0);
            Fault::Latency { milliseconds }
        }
        8 => return vec![FaultRule::new(Fault::ExpireTokens {}).times(1)],
        9 => {
            let fault = status(503, AnswerBody::Html, false);
            return vec![FaultRule::new(fault).on(TOKEN)];
        }
        // 5612 is trouble of the moment; 5617 is a refusal that a redrive lifts.
        _ => Fault::PartialErrors { errors: vec![error(random, 5612), error(random, 5617)] },
    };
    let times = u32::try_from(random.between(1, 4)).unwrap_or(1);
    vec![FaultRule::new(fault).on(APPLY).times(times)]
}

fn error(random: &mut Random, code: i64) -> ForcedError {
    ForcedError { index: Some(random.between(0, 3)), code, error_code: None }
}
