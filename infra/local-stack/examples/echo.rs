//! A function for the tests of the local stack: a real `lambda_runtime` binary that behaves as its
//! event says.
//!
//! `{"do": "echo" | "error" | "panic" | "exit" | "hang" | "environment" | "large", …}`; an HTTP
//! event carries that in its body, an SQS event in the body of its first message (`{"do": "reply",
//! "reply": …}` answers literally).

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var_os("ECHO_FAILS_AT_INIT").is_some() {
        return Err("no".into());
    }
    println!("echo starts");
    lambda_runtime::run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let payload = event.payload;
    let text = payload["body"].as_str().or(payload["Records"][0]["body"].as_str());
    let order =
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| payload.clone());
    match order["do"].as_str().unwrap_or("echo") {
        "error" => Err("asked to fail".into()),
        "panic" => panic!("asked to panic"),
        "exit" => std::process::exit(7),
        "hang" => std::future::pending().await,
        "large" => Ok(json!("x".repeat(7 * 1024 * 1024))),
        "reply" => Ok(order["reply"].clone()),
        "environment" => Ok(json!(std::env::vars().collect::<std::collections::BTreeMap<_, _>>())),
        "context" => Ok(json!({
            "pid": std::process::id(),
            "requestId": event.context.request_id,
            "deadline": event.context.deadline,
            "arn": event.context.invoked_function_arn,
        })),
        "fail" => Ok(failures(&payload)),
        _ => Ok(payload),
    }
}

/// Reports the messages whose body says `"fail": true`.
fn failures(payload: &Value) -> Value {
    let records = payload["Records"].as_array().into_iter().flatten();
    let failed = records.filter(|record| {
        record["body"].as_str().is_some_and(|body| body.contains(r#""fail":true"#))
    });
    let items: Vec<_> =
        failed.map(|record| json!({ "itemIdentifier": record["messageId"] })).collect();
    json!({ "batchItemFailures": items })
}
