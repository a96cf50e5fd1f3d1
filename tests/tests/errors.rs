//! What Microsoft said, also where it leaves the outcome open, is what an operator reads.

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::json;
use system_tests::{
    World,
    operate::{CONVERSIONS, TOKEN, click, parameter, quick, row_errors},
    purchase, until,
};

fn answer(status: u16, body: AnswerBody) -> FaultRule {
    FaultRule::new(Fault::Status { status, body, after_accepting: false })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_outcome_keeps_the_code_that_microsoft_gave() {
    let world = World::with(|options| {
        quick(options);
        parameter(options, "MaxReceiveCount", "100");
    })
    .await
    .unwrap();
    let inside = r#"{"Errors":[{"Code":7777,"ErrorCode":"BrandNew"}]}"#.to_owned();
    let cases = [
        (answer(500, AnswerBody::Fault(0)), json!(0), "InternalError"),
        (answer(400, AnswerBody::OperationFault(833)), json!(833), "ServiceTimeOut"),
        (answer(503, AnswerBody::Text(inside)), json!(7777), "BrandNew"),
        (answer(404, AnswerBody::Html), json!(null), "HTTP 404"),
        (row_errors(&[(0, 5612)]), json!(5612), "OfflineConversionsApplyFailed"),
        (row_errors(&[(0, 5613)]), json!(5613), "OfflineConversionPilotNotEnabledForCustomer"),
    ];
    for (number, (rule, code, symbol)) in (1..).zip(cases) {
        let id = format!("sale-{number}");
        world.faults(vec![FaultRule { times: None, ..rule }.on(CONVERSIONS)]);
        assert_eq!(world.post(&purchase(&id, &click(number), &json!(7))).await.status, 202);
        let attempt = until("an attempt", || async {
            let attempt = world.record(&id).await["lastAttempt"].clone();
            if attempt.is_null() { Err(attempt) } else { Ok(attempt) }
        })
        .await;
        assert_eq!(attempt["outcome"], "unknown", "{attempt}");
        assert_eq!((&attempt["code"], &attempt["errorCode"]), (&code, &json!(symbol)), "{attempt}");
        assert_eq!(attempt["cure"].is_string(), symbol != "BrandNew", "{attempt}");
        world.faults(Vec::new());
        world.until_state(&id, "accepted").await;
    }
    world.until_drained().await;
    assert!(world.conversions().await.iter().all(|conversion| conversion["value"] == 7));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_service_that_is_asked_too_often_is_left_alone_on_every_path() {
    let world = World::with(quick).await.unwrap();
    world.queued(&purchase("1", &click(1), &json!(5))).await;
    world.until_state("1", "accepted").await;
    let looping = r#"{"error":"invalid_request","error_codes":[50196]}"#.to_owned();
    // The token at hand is refused, and so is the question for a new one.
    world.faults(vec![
        FaultRule::new(Fault::ExpireTokens {}).on(CONVERSIONS).times(1),
        answer(400, AnswerBody::Text(looping)).on(TOKEN).times(1),
    ]);
    let tokens = world.calls(TOKEN).len();
    world.queued(&purchase("2", &click(2), &json!(6))).await;
    until("the refusal", || async {
        let asked = world.calls(TOKEN).len() - tokens;
        if asked == 1 { Ok(()) } else { Err(asked) }
    })
    .await;
    let calls = world.calls(CONVERSIONS).len();
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    assert_eq!(world.calls(TOKEN).len(), tokens + 1, "nobody asks while the account pauses");
    assert_eq!(world.calls(CONVERSIONS).len(), calls);
    assert_eq!(world.record("2").await["state"], "queued");
    let paused: Vec<_> = world.items_with("Conversions", "pausedUntil").await;
    assert_eq!(paused.len(), 1, "{paused:#?}");
    world.stop().await;
}
