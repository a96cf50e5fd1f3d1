//! What strangers send, on purpose or by mistake, changes nothing for others.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use test_support::events::{click, time, with};
use test_support::rig::{KEY, World};

use super::{JSON, credited, has_cookie, land, sale};

/// Landings of one session; a flood of them costs the session and nobody else.
const FLOOD: u32 = 1_500;
/// What it may add to the answer for somebody else.
const DELAY: Duration = Duration::from_secs(1);

/// How long enqueue takes to find the click of somebody else's sale, and which it finds.
async fn sells(world: &World, id: &str) -> (Duration, Value) {
    let start = Instant::now();
    world.queued(&sale(id, 60, json!({"sessionId": "other"}))).await;
    (start.elapsed(), credited(world, id).await.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_landings_of_one_session_delays_and_changes_no_other_sale() {
    let world = World::with(|options| options.hour = 3_600).await;
    land(&world, json!({"msclkid": click(0), "sessionId": "other", "landedAt": time(-90)})).await;
    let (before, credited_before) = sells(&world, "before").await;
    let start = Instant::now();
    let mut slowest = Duration::ZERO;
    for hundred in 0..FLOOD / 100 {
        let landings = (1..=100).map(|n| {
            let msclkid = click(1 + hundred * 100 + n);
            land(&world, json!({"msclkid": msclkid, "sessionId": "flooded", "landedAt": time(-90)}))
        });
        join_all(landings).await;
        if hundred % 5 == 4 {
            let (took, credited) = sells(&world, &format!("during-{hundred}")).await;
            assert_eq!(credited, json!(click(0)));
            slowest = slowest.max(took);
        }
    }
    let flood = start.elapsed();
    // The flooded session itself still finds a click.
    let start = Instant::now();
    world.queued(&sale("flooded", 60, json!({"sessionId": "flooded"}))).await;
    let own = start.elapsed();
    assert_ne!(credited(&world, "flooded").await.1, Value::Null);
    println!(
        "{FLOOD} landings in {flood:?}; another sale before: {before:?}, after: {slowest:?} at most; \
         a sale of the flooded session: {own:?}"
    );
    assert_eq!(credited_before, json!(click(0)));
    assert!(slowest < before + DELAY && own < before + DELAY, "{before:?} {slowest:?} {own:?}");
    world.stop().await;
}

/// Landings that are written into the table itself, since a million requests would take hours.
const STORED: u32 = 10_000;
/// Says how many, instead.
const STORED_VARIABLE: &str = "TRACKLAYER_FLOOD";
/// Items of one request to DynamoDB.
const BATCH: u32 = 25;

/// Writes landings of one session, numbered from 1, one a millisecond, as capture wrote `like`.
async fn store(world: &World, like: &Value, count: u32) {
    let first = ::time::OffsetDateTime::now_utc().unix_timestamp() * 1_000 - 7_200_000;
    for batch in 0..count.div_ceil(BATCH) {
        let numbers = batch * BATCH + 1..=count.min((batch + 1) * BATCH);
        let puts: Vec<Value> = numbers
            .map(|n| {
                let mut item = like.clone();
                item["sk"] = json!({"S": format!("{:013} {}", first + i64::from(n), click(n))});
                json!({"PutRequest": {"Item": item}})
            })
            .collect();
        let request = json!({"RequestItems": {"Clicks": puts}});
        world.aws("DynamoDB_20120810.BatchWriteItem", request).await;
    }
}

/// What finding the click of a sale of the session reads, in units, how long enqueue takes, and the
/// click.
async fn reads(world: &World, id: &str, session: &str) -> (f64, Duration, Value) {
    world.stack.aws().measure();
    let start = Instant::now();
    world.queued(&sale(id, 60, json!({"sessionId": session}))).await;
    let took = start.elapsed();
    world.until_state(id, "accepted").await;
    let all = world.stack.aws().units();
    let units = all.iter().filter(|((_, table), _)| table == "Clicks").map(|(_, units)| units);
    (units.sum(), took, credited(world, id).await.1)
}

/// How many landings a session has changes what is read for no sale, of others or of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_million_landings_of_one_session_cost_no_sale_a_read() {
    let count =
        std::env::var(STORED_VARIABLE).map_or(STORED, |text| text.parse().expect("a number"));
    let world = World::quick(|options| {
        options.hour = 3_600;
        options.sweep_every = Duration::from_secs(10_000);
    })
    .await;
    // More than are read of one session.
    let few = 200;
    for session in ["few", "flooded", "other"] {
        land(&world, json!({"msclkid": click(0), "sessionId": session, "landedAt": time(-90)}))
            .await;
    }
    let like = |session: &str| {
        let pk = format!("\"session {session}\"");
        let world = &world;
        async move { world.items_with("Clicks", &pk).await.remove(0) }
    };
    store(&world, &like("few").await, few).await;
    let (before, _, credited_before) = reads(&world, "before", "other").await;
    let (of_few, _, _) = reads(&world, "few", "few").await;
    let flooded = like("flooded").await;
    let start = Instant::now();
    store(&world, &flooded, count).await;
    println!("{count} landings stored in {:?}", start.elapsed());
    for (id, session, expected) in [("after", "other", before), ("own", "flooded", of_few)] {
        let (units, took, credited) = reads(&world, id, session).await;
        println!("a sale of {session}: {units} read units (expected {expected}), {took:?}");
        assert_eq!((units, &credited), (expected, &json!(click(0))), "{session}");
    }
    assert_eq!(credited_before, json!(click(0)));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_values_and_markup_that_is_no_value_store_nothing_and_are_not_repeated() {
    let world = World::start().await;
    // With quotes, which no id has.
    let markup = "<script>alert('1')</script>";
    let long = "a".repeat(10 * 1_024);
    let start = Instant::now();
    let answer = world.capture(&json!({"msclkid": long, "sessionId": "s"})).await;
    assert_eq!(answer.problem(), (413, "body_too_large", None));
    println!("a click id of 10 KB: {:?}", start.elapsed());
    let all = [
        "msclkid",
        "landingUrl",
        "sessionId",
        "leadId",
        "cartId",
        "orderId",
        "consent",
        "landedAt",
    ];
    let everything: Value = all.iter().map(|name| ((*name).to_owned(), json!(markup))).collect();
    let answer = world.capture(&everything).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(!answer.body.to_string().contains("script"), "{answer:?}");
    // An address that is markup is no address; the click beside it counts.
    land(&world, json!({"msclkid": click(1), "sessionId": "s", "landingUrl": markup})).await;
    let items = world.items("Clicks").await;
    assert!(!items.is_empty() && items.iter().all(|item| !item.to_string().contains("script")));
    world.stop().await;
}

/// Ids may have `<` and `>`: the pages that show ids (the report, the simulator's) escape them.
#[tokio::test(flavor = "multi_thread")]
async fn markup_that_is_an_id_ties_as_any_other() {
    let world = World::with(|options| options.hour = 3_600).await;
    let markup = "<script>alert(1)</script>";
    let landing = json!({"msclkid": click(1), "sessionId": "s", "leadId": markup});
    land(&world, with(&landing, &json!({"landedAt": time(-90)}))).await;
    assert!(!world.items_with("Clicks", &format!("\"lead {markup}\"")).await.is_empty());
    world.queued(&sale("1", 60, json!({"leadId": markup}))).await;
    assert_eq!(credited(&world, "1").await, (json!("lead"), json!(click(1))));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crawler_that_says_so_is_counted_and_dropped() {
    let world = World::start().await;
    let crawler =
        ("user-agent", "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)");
    let body = json!({"msclkid": click(1), "sessionId": "s"}).to_string();
    let answer = world.landing(&[JSON, crawler], &*body).await;
    assert_eq!((answer.status, has_cookie(&answer)), (204, false));
    assert!(world.items("Clicks").await.is_empty());
    world.until_logged("capture", &["\"CaptureCrawler\":1.0"]).await;
    let visitor =
        ("user-agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/148.0.0.0 Safari/537.36");
    assert!(has_cookie(&world.landing(&[JSON, visitor], &*body).await));
    world.stop().await;
}

/// More ties than are read of one order; the shop's own comes first, whenever it was made.
#[tokio::test(flavor = "multi_thread")]
async fn a_tie_made_with_a_key_is_seen_among_more_browsers_than_are_read() {
    let world = World::with(|options| options.hour = 3_600).await;
    let buyer = json!({"msclkid": click(1), "sessionId": "buyer", "landedAt": time(-90)});
    land(&world, buyer).await;
    let strangers = |range: std::ops::RangeInclusive<u32>| {
        range.map(|n| {
            let session = format!("a-{n}");
            land(&world, json!({"msclkid": click(n), "sessionId": session, "orderId": "o"}))
        })
    };
    join_all(strangers(100..=219)).await;
    let key = format!("Bearer {KEY}");
    let tie = json!({"sessionId": "buyer", "orderId": "o"}).to_string();
    assert_eq!(world.landing(&[JSON, ("authorization", &key)], tie).await.status, 204);
    join_all(strangers(220..=339)).await;
    assert_eq!(world.items_with("Clicks", "\"order o\"").await.len(), 241);
    world.queued(&sale("1", 0, json!({"orderId": "o"}))).await;
    assert_eq!(credited(&world, "1").await, (json!("order"), json!(click(1))));
    world.stop().await;
}
