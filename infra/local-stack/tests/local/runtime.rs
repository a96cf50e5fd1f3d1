//! Functions as Lambda runs them, with a real `lambda_runtime` binary.

use std::time::{Duration, Instant};

use crate::common::{echo, echo_with_timeout, spec};
use local_stack::runtime::{Failure, Function, FunctionSpec, Guard};
use serde_json::{Value, json};

async fn run(function: &Function, event: Value) -> Result<Value, Failure> {
    let reply = function.invoke(event.to_string()).await?;
    Ok(serde_json::from_slice(&reply).expect("JSON"))
}

fn is_running(pid: &Value) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[tokio::test]
async fn an_environment_is_kept_warm() {
    let function = echo();
    assert_eq!(run(&function, json!({"a": 1})).await, Ok(json!({"a": 1})));
    let first = run(&function, json!({"do": "context"})).await.expect("context");
    let second = run(&function, json!({"do": "context"})).await.expect("context");
    assert_eq!(first["pid"], second["pid"]);
    assert_ne!(first["requestId"], second["requestId"]);
    assert_eq!(first["arn"], "arn:aws:lambda:eu-west-1:000000000000:function:echo");
}

#[tokio::test]
async fn errors_leave_the_environment_crashes_do_not() {
    let function = echo();
    let pid = run(&function, json!({"do": "context"})).await.expect("context")["pid"].clone();
    for kind in ["error", "panic", "large"] {
        let failure = run(&function, json!({"do": kind})).await.expect_err(kind);
        assert!(matches!(failure, Failure::FunctionError { .. }), "{kind}: {failure}");
    }
    assert_eq!(run(&function, json!({"do": "context"})).await.expect("context")["pid"], pid);
    let failure = run(&function, json!({"do": "exit"})).await.expect_err("exit");
    assert_eq!(failure, Failure::Exited("exit status: 7".to_owned()));
    assert_ne!(run(&function, json!({"do": "context"})).await.expect("a new one")["pid"], pid);
}

#[tokio::test]
async fn a_timeout_kills() {
    let function = echo_with_timeout(Duration::from_millis(1500));
    let pid = run(&function, json!({"do": "context"})).await.expect("context")["pid"].clone();
    let started = Instant::now();
    assert_eq!(run(&function, json!({"do": "hang"})).await, Err(Failure::TimedOut));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(!is_running(&pid));
    assert!(run(&function, json!({})).await.is_ok(), "a new environment");
}

#[tokio::test]
async fn killing_and_stopping() {
    let function = echo();
    let pid = run(&function, json!({"do": "context"})).await.expect("context")["pid"].clone();
    let hanging = tokio::spawn({
        let function = function.clone();
        async move { run(&function, json!({"do": "hang"})).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    function.kill().await;
    assert!(matches!(hanging.await.expect("no panic"), Err(Failure::Exited(_))));
    assert!(!is_running(&pid));
    let pid = run(&function, json!({"do": "context"})).await.expect("started again")["pid"].clone();
    function.stop().await;
    assert!(!is_running(&pid));
    assert_eq!(run(&function, json!({})).await, Err(Failure::Stopping));
}

#[tokio::test]
async fn concurrency_is_limited_not_refused() {
    let function = echo();
    let runs: Vec<_> = (0..6)
        .map(|number| {
            let function = function.clone();
            tokio::spawn(async move { run(&function, json!(number)).await })
        })
        .collect();
    for (number, run) in runs.into_iter().enumerate() {
        assert_eq!(run.await.expect("no panic"), Ok(json!(number)));
    }
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_else() {
    let env = run(&echo(), json!({"do": "environment"})).await.expect("environment");
    assert_eq!(env["TRACKLAYER_X"], "1");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_NAME"], "echo");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(env["AWS_REGION"], "eu-west-1");
    assert_eq!(env.get("CARGO_MANIFEST_DIR"), None, "set for this test, not for a function");
}

#[tokio::test]
async fn too_large_an_event_never_runs() {
    let event = json!("x".repeat(6 * 1024 * 1024));
    assert_eq!(run(&echo(), event).await, Err(Failure::RequestTooLarge));
}

#[tokio::test]
async fn a_function_that_fails_at_init_is_reported() {
    let mut spec: FunctionSpec = spec();
    spec.env.insert("ECHO_FAILS_AT_INIT".to_owned(), "1".to_owned());
    let failure =
        run(&Function::new(spec, Guard::start()), json!({})).await.expect_err("no environment");
    assert!(matches!(failure, Failure::Exited(_)), "{failure}");
}

#[tokio::test]
async fn dropping_leaves_no_process() {
    let function = echo();
    let pid = run(&function, json!({"do": "context"})).await.expect("context")["pid"].clone();
    drop(function);
    let end = Instant::now() + Duration::from_secs(10);
    while is_running(&pid) {
        assert!(Instant::now() < end, "{pid} is still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
