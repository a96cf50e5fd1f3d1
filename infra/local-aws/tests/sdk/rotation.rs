//! Rotation of secrets and Lambda's Invoke, with functions made here.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use axum::body::Bytes;
use local_aws::{FunctionError, Functions, Invocation};
use serde_json::{Value, json};

use crate::Rig;

const ARN: &str = "arn:aws:lambda:eu-west-1:000000000000:function:Rotate";

/// Keeps events; answers with them, or fails at one step.
#[derive(Default)]
struct Notes {
    events: Mutex<Vec<Value>>,
    fail: Mutex<Option<&'static str>>,
}

impl Functions for Notes {
    fn has(&self, name: &str) -> bool {
        name == ARN || name == "Rotate"
    }

    fn invoke(&self, _: &str, payload: Bytes) -> Invocation {
        let event: Value = serde_json::from_slice(&payload).expect("JSON");
        let fails = self.fail.lock().expect("no panic").is_some_and(|step| event["Step"] == step);
        self.events.lock().expect("no panic").push(event);
        Box::pin(async move {
            if fails {
                let (kind, message) = ("Broken".to_owned(), "on purpose".to_owned());
                return Err(FunctionError::Failed { kind, message });
            }
            Ok(payload)
        })
    }
}

impl Notes {
    fn steps(&self) -> Vec<(String, String)> {
        let text = |event: &Value, name: &str| event[name].as_str().expect("a text").to_owned();
        let events = self.events.lock().expect("no panic");
        events
            .iter()
            .map(|event| (text(event, "Step"), text(event, "ClientRequestToken")))
            .collect()
    }

    async fn until(&self, count: usize) -> Vec<(String, String)> {
        for _ in 0..200 {
            if self.steps().len() >= count {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // One more would have come by now.
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.steps()
    }
}

async fn rig() -> (Rig, Arc<Notes>) {
    let rig = Rig::start().await;
    let notes = Arc::new(Notes::default());
    rig.aws.on_invoke(notes.clone());
    rig.aws.secrets().put_if_absent("app/main", "old").expect("put");
    (rig, notes)
}

#[tokio::test]
async fn rotation_calls_the_function_in_four_steps_on_a_version_without_contents() {
    let (rig, notes) = rig().await;
    let rotate = || rig.secrets.rotate_secret().secret_id("app/main");
    let nobody = rotate().rotation_lambda_arn("arn:nobody").send().await.expect_err("no function");
    assert_eq!(nobody.code(), Some("AccessDeniedException"));
    let rules = aws_sdk_secretsmanager::types::RotationRulesType::builder();
    let rules = rules.automatically_after_days(7).build();
    let set = rotate().rotation_lambda_arn(ARN).rotation_rules(rules).rotate_immediately(false);
    assert_eq!(set.send().await.expect("configured").version_id(), None);
    assert!(notes.until(0).await.is_empty());

    let token = "t".repeat(32);
    let started = rotate().client_request_token(&token).send().await.expect("started");
    assert_eq!(started.version_id(), Some(token.as_str()));
    let steps: Vec<String> = notes.until(4).await.into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, ["createSecret", "setSecret", "testSecret", "finishSecret"]);

    let pending = rig.secrets.get_secret_value().secret_id("app/main").version_id(&token);
    let empty = pending.send().await.expect_err("no contents").into_service_error();
    assert!(empty.is_resource_not_found_exception());
    let described = rig.secrets.describe_secret().secret_id("app/main").send().await;
    let described = described.expect("found");
    assert_eq!(described.version_ids_to_stages().expect("labels")[&token], ["AWSPENDING"]);
    assert_eq!(
        (described.rotation_enabled(), described.rotation_lambda_arn()),
        (Some(true), Some(ARN))
    );
    let days = described.rotation_rules().and_then(|rules| rules.automatically_after_days());
    assert!(days == Some(7) && described.last_rotated_date().is_some());

    let put = rig.secrets.put_secret_value().secret_id("app/main").client_request_token(&token);
    put.secret_string("new").version_stages("AWSPENDING").send().await.expect("filled");
    let again = rotate().send().await.expect_err("pending").into_service_error();
    assert!(again.is_invalid_request_exception());
    assert!(again.to_string().contains("A previous rotation isn't complete"), "{again}");
    let steps = notes.until(8).await;
    assert!(steps.iter().all(|(_, version)| *version == token), "the same again: {steps:?}");
}

#[tokio::test]
async fn a_step_that_fails_ends_the_rotation() {
    let (rig, notes) = rig().await;
    *notes.fail.lock().expect("no panic") = Some("testSecret");
    let rotate = rig.secrets.rotate_secret().secret_id("app/main").rotation_lambda_arn(ARN);
    rotate.send().await.expect("started");
    assert_eq!(notes.until(3).await.len(), 3);
    let described = rig.secrets.describe_secret().secret_id("app/main").send().await;
    assert!(described.expect("found").last_rotated_date().is_none());
}

#[tokio::test]
async fn a_function_is_invoked_as_with_lambda() {
    let (rig, notes) = rig().await;
    let post = |name: &str, kind: &str, body: Value| {
        let url = format!("{}/2015-03-31/functions/{name}/invocations", rig.url);
        let kind = kind.to_owned();
        async move { raw(&url, &kind, body.to_string()).await }
    };
    let event = json!({"Step": "x", "ClientRequestToken": "y"});
    for name in ["Rotate", &ARN.replace(':', "%3A")] {
        let (status, _, body) = post(name, "RequestResponse", event.clone()).await;
        assert_eq!((status, body), (200, event.to_string()));
    }
    assert_eq!(notes.until(2).await.len(), 2);
    assert_eq!(post("Rotate", "Event", event.clone()).await.0, 400, "only synchronous calls");

    *notes.fail.lock().expect("no panic") = Some("x");
    let (status, error, body) = post("Rotate", "RequestResponse", event.clone()).await;
    assert_eq!((status, error.as_str()), (200, "Unhandled"));
    assert!(body.contains(r#""errorMessage":"on purpose""#), "{body}");
    let (status, _, body) = post("Nobody", "RequestResponse", event).await;
    assert_eq!(status, 404);
    assert!(body.contains("function:Nobody"), "{body}");
}

async fn raw(url: &str, kind: &str, body: String) -> (u16, String, String) {
    use axum::http::{Request, header::CONTENT_TYPE};
    use hyper_util::{client::legacy::Client, rt::TokioExecutor};
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::post(url)
        .header(CONTENT_TYPE, "application/json")
        .header("x-amz-invocation-type", kind)
        .body(axum::body::Body::from(body))
        .expect("a request");
    let response = client.request(request).await.expect("an answer");
    let error = response.headers().get("x-amz-function-error");
    let error = error.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(axum::body::Body::new(response.into_body()), 1_000_000).await;
    (status, error, String::from_utf8_lossy(&body.expect("a body")).into_owned())
}
