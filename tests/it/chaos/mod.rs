//! A busy minute on the real processes: functions are killed at random, Microsoft and AWS misbehave,
//! the queue delivers twice and in any order, callers send again. Once the trouble is over and the
//! dead letters are moved back, Microsoft must count exactly what the order log says.
//!
//! The seed is printed; `TRACKLAYER_SEED=<seed>` plans the same orders and the same trouble again.

mod check;
mod orders;
mod shop;
mod trouble;

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::json;
use simulation::random::Random;
use test_support::rig::{Place, World, operator::quick};
use tokio::task::JoinSet;

use crate::files::mapping;

/// How long trouble lasts; most posts fall into it.
const TROUBLE: Duration = Duration::from_secs(45);
/// How long it may take after it until every row is right. Two cores with other work are slow.
const PATIENCE: Duration = Duration::from_secs(240);

#[tokio::test(flavor = "multi_thread")]
async fn every_row_ends_right_whatever_is_killed_and_whatever_microsoft_does() {
    let seed = seed();
    println!("TRACKLAYER_SEED={seed}");
    let mut random = Random::new(seed);
    let world = Arc::new(start().await);
    let orders = Arc::new(orders::draw(&mut random));
    shop::land(&world, &orders).await;

    let begin = Instant::now();
    let mut posts = JoinSet::new();
    for post in shop::posts(&orders, &mut random) {
        posts.spawn(shop::send(Arc::clone(&world), begin, post));
    }
    let killed = trouble::make(&world, &mut random, begin + TROUBLE).await;
    while let Some(post) = posts.join_next().await {
        post.expect("every post is answered as it must be");
    }
    trouble::was_made(&world, killed);

    settle(&world, &orders).await;
    check::nothing_came_to_nothing(&world);
    Arc::into_inner(world).expect("nobody else has it").stop().await;
}

fn seed() -> u64 {
    let given = std::env::var("TRACKLAYER_SEED").ok();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
    given.map_or_else(
        || u64::try_from(now).unwrap_or_default() % 1_000_000,
        |seed| seed.parse().expect("TRACKLAYER_SEED is a number"),
    )
}

/// Two accounts, waits of seconds, and a Microsoft that shows a conversion only a second after it
/// took it.
async fn start() -> World {
    let mapping = mapping("chaos", |mapping| mapping["accounts"]["eu"] = json!({}));
    let world = World::at(Place::take_all().await, |options| {
        quick(options);
        options.settle_delay = 2;
        options.hour = 1;
        options.mapping = Some(mapping);
    })
    .await;
    world.microsoft().update_settings(|settings| settings.visible_after_seconds = 1);
    world
}

/// The operator moves dead letters back until everything is as the order log says.
async fn settle(world: &World, orders: &[orders::Order]) {
    let end = Instant::now() + PATIENCE;
    loop {
        if world.messages("uploads-dlq").await > 0 {
            world.redrive().await;
        }
        let wrong = check::wrong(world, orders).await;
        let left = world.messages("uploads").await + world.messages("uploads-dlq").await;
        if wrong.is_empty() && left == 0 {
            return;
        }
        assert!(
            Instant::now() < end,
            "{left} messages are left, {} wrong: {wrong:#?}",
            wrong.len()
        );
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
