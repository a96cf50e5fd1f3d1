//! The PHP of functions/RECIPES.md, run between stand-ins for WordPress and WooCommerce.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use test_support::events::click;
use test_support::rig::World;

use super::{credited, land};
use crate::files::folder;

const REFERENCE: &str = "tl.0123456789abcdef0123456789abcdef";

/// What became of the shop's day; None, with the reason printed, without PHP.
fn day() -> Option<Value> {
    let page = include_str!("../../../functions/RECIPES.md");
    let (_, section) = page.split_once("\n## WooCommerce\n").expect("a section");
    let recipe = section.split("```php\n").nth(1).and_then(|rest| rest.split("```").next());
    let place = folder();
    let file = place.path().join("recipe.php");
    std::fs::write(&file, format!("<?php\n{}", recipe.expect("a recipe"))).expect("written");
    let shop = Path::new(env!("CARGO_MANIFEST_DIR")).join("it/capture/woocommerce.php");
    let Ok(output) = Command::new("php").arg(shop).arg(file).output() else {
        println!("skipped: there is no PHP on this machine");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text} {output:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recipe_for_woocommerce_keeps_the_reference_and_sends_the_sale_once_it_is_paid() {
    let Some(day) = day() else { return };
    let script = "https://API/api/tracklayer/ms-attribution.js";
    assert_eq!(day["scripts"], json!([[script, {"strategy": "async"}]]));
    assert_eq!(day["field"], json!(r#"<input type="hidden" name="tl_session">"#));
    // With the number of times that the order was saved.
    let kept = json!({"_tl_session": REFERENCE});
    assert_eq!(day["kept"]["classic"], json!([kept, 0]));
    assert_eq!(day["kept"]["blocks"], json!([kept, 1]));
    assert_eq!(day["kept"]["bad"], json!([[], [], [], []]));
    assert_eq!(day["early"], json!(0));
    assert_eq!(day["queued"], json!([[0, "tracklayer_send", [4711, 1]]]));
    let failed = |status: u16| format!("TrackLayer answered {status}: ");
    let again = |seconds: u32, number: u32| json!([seconds, "tracklayer_send", [4711, number]]);
    let ends = json!([
        [202, 1, null, null],
        [200, 1, null, null],
        [503, 1, again(120, 2), failed(503)],
        [0, 2, again(240, 3), failed(0)],
        [429, 11, again(122_880, 12), failed(429)],
        [503, 12, null, failed(503)],
        [422, 1, null, failed(422)],
    ]);
    assert_eq!(day["ends"], ends);
    let posts = day["posted"].as_array().expect("an array");
    assert!(posts.iter().all(|post| *post == posts[0]), "{posts:#?}");
    assert_eq!(posts[0][0], json!("https://API/api/tracklayer/events"));
    assert_eq!(posts[0][1]["headers"]["Authorization"], json!("Bearer local-key"));
    let body = posts[0][1]["body"].as_str().expect("text");
    let event: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&event["eventId"], &event["orderId"]), (&json!("4711"), &json!("4711")));

    let world = World::start().await;
    land(&world, json!({"msclkid": click(1), "sessionId": REFERENCE})).await;
    world.queued(&event).await;
    assert_eq!(credited(&world, "4711").await, (json!("session"), json!(click(1))));
    world.stop().await;
}
