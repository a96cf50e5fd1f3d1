//! Each function may do what its policy in the template grants, and nothing else.

use std::collections::HashMap;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use test_support::rig::{KEY, World, until};

/// DynamoDB with the credentials of a function.
fn tables(world: &World, function: &str) -> Client {
    let credentials = Credentials::new(format!("local-{function}"), "local", None, None, "tests");
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(world.stack.aws_url())
        .region(Region::new("eu-west-1"))
        .credentials_provider(credentials)
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}

fn key(pk: &str) -> Option<HashMap<String, AttributeValue>> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    Some(HashMap::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text("x"))]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_refused_what_its_policy_does_not_name() {
    let world = World::start().await;
    let goals = tables(&world, "goals");
    let get = |pk: &str| goals.get_item().table_name("Conversions").set_key(key(pk)).send();
    get("account main").await.expect("its own items");
    let refused = get("erasure").await.expect_err("not its own").into_service_error();
    assert_eq!(refused.code(), Some("AccessDeniedException"));
    let scanned = goals.scan().table_name("Clicks").send().await;
    let refused = scanned.expect_err("not its table").into_service_error();
    assert_eq!(
        refused.message(),
        Some(
            "User: arn:aws:sts::000000000000:assumed-role/goals/goals is not authorized to \
             perform: dynamodb:Scan on resource: arn:aws:dynamodb:eu-west-1:000000000000:table/Clicks \
             because no identity-based policy allows the dynamodb:Scan action"
        )
    );

    // The process of a function signs with the function's own credentials.
    assert_eq!(world.status(KEY, "shop/e-1").await.status, 404);
    world.stack.aws().restrict("local-status", "arn:aws:sts::0:nobody".to_owned(), Vec::new());
    until("refused", || async {
        let answer = world.status(KEY, "shop/e-1").await;
        if answer.status == 503 { Ok(()) } else { Err(answer) }
    })
    .await;
    world.stop().await;
}
