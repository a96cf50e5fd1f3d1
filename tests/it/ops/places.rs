//! How the tool finds a system, and what it says where it can't.

use serde_json::json;
use test_support::events::{click, purchase};
use test_support::rig::World;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::{ops, run};
use crate::files::{folder, mapping};

const EXPLAIN: [&str; 3] = ["explain", "shop", "1"];

#[tokio::test(flavor = "multi_thread")]
async fn what_keeps_the_tool_from_its_work_is_told_with_what_helps() {
    let nobody = folder();
    let home = nobody.path().to_str().expect("a path");
    // No file, no variable, and no instance to ask.
    let none = [("HOME", home), ("AWS_EC2_METADATA_DISABLED", "true")];
    let ran = run(&EXPLAIN, &none).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("no AWS region") && ran.err.contains("--region"), "{}", ran.err);

    let somewhere = ["--region", "eu-central-1"];
    let ran = run(&[&somewhere[..], &EXPLAIN].concat(), &none).await;
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("no AWS credentials") && ran.err.contains("--profile"), "{}", ran.err);
    let ran = run(&[&somewhere[..], &["connect", "--json"]].concat(), &none).await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(3), &json!("no_credentials")));
    let mine = [&somewhere[..], &["--profile", "mine", "--json"], &EXPLAIN].concat();
    let ran = run(&mine, &none).await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(3), &json!("no_credentials")));
    assert!(ran.json()["error"]["help"].as_str().expect("help").contains("profile mine"));

    // A port that nobody listens on.
    let ran = run(&[&["--local=http://127.0.0.1:1"][..], &EXPLAIN].concat(), &[]).await;
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("cargo local"), "{}", ran.err);

    let ran = run(&["explain", "no source", "1"], &[]).await;
    assert_eq!(ran.code, Some(2));
    let ran = run(&["--help"], &[]).await;
    assert_eq!(ran.code, Some(0));
    ran.shows(&["find", "explain", "--local", "Exit codes"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_and_its_mapping_are_found() {
    let own = mapping("ops", |mapping| mapping["goals"]["purchase"]["name"] = json!("Sale"));
    let world = World::with(|options| options.mapping = Some(own)).await;
    let ran = ops(&world, &[&["--stack", "tracks", "--json"][..], &EXPLAIN].concat()).await;
    assert_eq!((ran.code, &ran.json()["error"]["code"]), (Some(2), &json!("no_such_stack")));

    world.queued(&purchase("1", &click(1), &json!(5))).await;
    let ran = ops(&world, &["find", "event", "shop", "1"]).await;
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    ran.shows(&["shop/1", "Sale", "5 USD"]);

    // A stack that an older template deployed.
    let stack = json!({"TableName": "Conversions"});
    world.aws("DynamoDB_20120810.DeleteTable", stack).await;
    let ran = ops(&world, &["find", "event", "shop", "1"]).await;
    assert_eq!(ran.code, Some(3));
    assert!(ran.err.contains("the ledger is unavailable"), "{}", ran.err);
    world.stop().await;
}

/// Answers one request with this, as an AWS or something else might; its address.
async fn answers(status: &str, body: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("--local=http://{}", listener.local_addr().expect("an address"));
    let length = body.len();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            let _ = caller.read(&mut [0; 8_192]).await;
            let _ = caller.write_all(answer.as_bytes()).await;
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_refuses_is_told_with_what_helps() {
    let refusal = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>"
        )
    };
    let cases = [
        ("403 Forbidden", refusal("ExpiredToken"), "credentials_expired", "Sign in again"),
        ("403 Forbidden", refusal("InvalidClientTokenId"), "credentials_invalid", "--profile"),
        (
            "403 Forbidden",
            refusal("AccessDenied"),
            "access_denied",
            "cloudformation:DescribeStacks",
        ),
        ("400 Bad Request", refusal("OptInRequired"), "aws_refused", "--region"),
        ("404 Not Found", r#"{"message":"Not Found"}"#.to_owned(), "no_aws", "9401"),
    ];
    for (status, body, code, help) in cases {
        let url = answers(status, &body).await;
        let ran = run(&[&[&*url, "--json"][..], &EXPLAIN].concat(), &[]).await;
        let error = &ran.json()["error"];
        assert_eq!((ran.code, &error["code"]), (Some(3), &json!(code)), "{ran:?}");
        assert!(error["help"].as_str().is_some_and(|text| text.contains(help)), "{ran:?}");
    }
    let ran = run(&[&["--local=127.0.0.1:9401"][..], &EXPLAIN].concat(), &[]).await;
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("http://127.0.0.1:9401") && !ran.err.contains("Request"), "{ran:?}");
}
