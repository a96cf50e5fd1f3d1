//! What Microsoft said, also where it leaves the outcome open, is what an operator reads.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Fault, FaultRule, ForcedError};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund};
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS, TOKEN, parameter, quick, row_errors};
use test_support::rig::{World, until};

fn answer(status: u16, body: AnswerBody) -> FaultRule {
    FaultRule::new(Fault::Status { status, body, after_accepting: false })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_outcome_keeps_the_code_that_microsoft_gave() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "100")).await;
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
    let world = World::with(quick).await;
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
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(world.calls(TOKEN).len(), tokens + 1, "nobody asks while the account pauses");
    assert_eq!(world.calls(CONVERSIONS).len(), calls);
    assert_eq!(world.record("2").await["state"], "queued");
    let paused: Vec<_> = world.items_with("Conversions", "pausedUntil").await;
    assert_eq!(paused.len(), 1, "{paused:#?}");
    world.stop().await;
}

/// Ways in which Microsoft may refuse a call for one row without saying so, with what becomes of
/// that row: refused in words that nobody knows, it may have been taken.
fn riddles() -> Vec<(AnswerBody, &'static str, Value)> {
    let new = r#"{"Errors":[{"Code":4242,"ErrorCode":"BadJson"}]}"#.to_owned();
    let no_index = ForcedError { index: None, code: 5607, error_code: None };
    vec![
        (AnswerBody::Text(new), "dead", json!("BadJson")),
        (AnswerBody::BatchErrors(vec![no_index]), "refused", json!("OfflineConversionTimeInvalid")),
        (AnswerBody::Html, "dead", json!("HTTP 400")),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_spoils_its_calls_is_found_whatever_microsoft_says_of_them() {
    for (body, state, symbol) in riddles() {
        let world = World::quick(|options| options.batch_window = Duration::from_secs(1)).await;
        world.faults(vec![answer(400, body).on(CONVERSIONS).for_click(&click(4))]);
        let sales: Vec<_> =
            (1..8).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(n))).collect();
        assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 7);
        for number in [1, 2, 3, 5, 6, 7] {
            world.until_state(&format!("sale-{number}"), "accepted").await;
        }
        let spoiler = world.until_state("sale-4", state).await;
        assert_eq!(spoiler["lastAttempt"]["errorCode"], symbol, "{spoiler:#}");
        let conversions = world.conversions().await;
        assert_eq!(conversions.len(), 6);
        assert!(conversions.iter().all(|conversion| conversion["duplicates"] == 0));
        world.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_that_spoils_its_calls_does_not_keep_the_others_back() {
    let world = World::quick(|options| {
        options.settle_delay = 1;
        options.batch_window = Duration::from_secs(1);
    })
    .await;
    for number in 1..5 {
        let sale = purchase(&format!("sale-{number}"), &click(number), &json!(9));
        world.queued(&sale).await;
    }
    for number in 1..5 {
        world.until_state(&format!("sale-{number}"), "accepted").await;
    }
    let new = r#"{"Errors":[{"Code":4242,"ErrorCode":"BadJson"}]}"#.to_owned();
    world.faults(vec![answer(400, AnswerBody::Text(new)).on(ADJUSTMENTS).for_click(&click(2))]);
    let refunds: Vec<_> =
        (1..5).map(|n| refund(&format!("refund-{n}"), &format!("sale-{n}"), &json!(2))).collect();
    assert_eq!(world.post(&json!(refunds)).await.body["counts"]["queued"], 4);
    // All of them together, until the fourth try.
    world.until_called(ADJUSTMENTS, 3).await;
    for number in [1, 3, 4] {
        world.until_state(&format!("sale-{number}"), "restated").await;
        world.until_worth(&click(number), "7").await;
    }
    let spoiler = world.record("sale-2").await;
    assert_eq!(
        (&spoiler["state"], &spoiler["lastAttempt"]["code"]),
        (&json!("waiting"), &json!(4242))
    );
    world.faults(Vec::new());
    world.until_worth(&click(2), "7").await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_whole_account_is_not_tried_on_every_row() {
    let world = World::quick(|options| {
        options.batch_window = Duration::from_secs(1);
        parameter(options, "MaxReceiveCount", "100");
    })
    .await;
    world.faults(vec![answer(400, AnswerBody::Fault(116)).on(CONVERSIONS)]);
    let sales: Vec<_> =
        (0..60).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(1))).collect();
    assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 60);
    world.until_called(CONVERSIONS, 16).await;
    world.faults(Vec::new());
    until("all that were not alone in a call", || async {
        let taken = world.conversions().await.len();
        if taken >= 45 { Ok(()) } else { Err(taken) }
    })
    .await;
    world.stop().await;
}
