//! Items of the ledger that can't be read: somebody is told, wherever they are met.

use serde_json::json;
use test_support::events::{MSCLKID, purchase};
use test_support::rig::{KEY, World, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_can_not_be_read_rings_wherever_it_is_met() {
    let world = World::quick(|_| {}).await;
    let stuck = || world.points().iter().filter(|point| point.metric == "Stuck").count();
    let odd = json!({"pk": {"S": "event shop odd"}, "sk": {"S": "purchase"}, "v": {"N": "9"},
                     "desired": {"N": "1"}, "open": {"S": "wait#0"}, "due": {"N": "1"}});
    world.aws("DynamoDB_20120810.PutItem", json!({"TableName": "Conversions", "Item": odd})).await;
    world.until_rings("StuckElsewhere").await;
    world.until_logged("sweep", &["stuck", "event shop odd"]).await;
    let mut request =
        json!({"TableName": "Conversions", "Key": {"pk": odd["pk"], "sk": odd["sk"]}});
    request["UpdateExpression"] = json!("REMOVE #open");
    request["ExpressionAttributeNames"] = json!({"#open": "open"});
    world.aws("DynamoDB_20120810.UpdateItem", request).await;
    for function in ["status", "enqueue", "upload"] {
        // A run of sweep may have read the index before.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        let before = stuck();
        match function {
            "status" => assert_eq!(world.status(KEY, "shop/odd").await.status, 503),
            "enqueue" => {
                assert_eq!(world.post(&purchase("odd", MSCLKID, &json!(1))).await.status, 503);
            }
            _ => world.send_signals("odd", "purchase", 1).await,
        }
        until(function, || async { if stuck() > before { Ok(()) } else { Err(()) } }).await;
        world.until_logged(function, &["can't be read"]).await;
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_can_not_be_read_rings_in_each_run_and_where_it_is_asked_for() {
    let world = World::quick(|_| {}).await;
    let ask = || world.erase(KEY, r#"{"leadId":"l"}"#);
    assert_eq!(ask().await.status, 202);
    let item = world.items_with("Conversions", "erasure").await.remove(0);
    let mut request = json!({"TableName": "Conversions"});
    request["Key"] = json!({"pk": item["pk"], "sk": item["sk"]});
    request["UpdateExpression"] = json!("SET traces = :odd");
    request["ExpressionAttributeValues"] = json!({":odd": {"BOOL": true}});
    world.aws("DynamoDB_20120810.UpdateItem", request).await;
    world.until_rings("StuckElsewhere").await;
    world.until_logged("sweep", &["stuck", "erasures can't be read"]).await;
    assert_eq!(ask().await.status, 503);
    world.until_logged("erase", &["Stuck"]).await;
    world.until_logged("erase", &["request failed", "can't be read"]).await;
    world.stop().await;
}
