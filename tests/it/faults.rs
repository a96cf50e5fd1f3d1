//! Microsoft misbehaves: whatever it does, its money is right once everything is quiet.

use std::time::Duration;

use microsoft_simulator::{AnswerBody, Fault, FaultRule, ForcedError, ThrottleAnswer};
use serde_json::json;
use test_support::events::{click, purchase};
use test_support::rig::operator::{CONVERSIONS, TOKEN, parameter, quick, row_errors};
use test_support::rig::{World, until};

use crate::files::mapping;

fn answer(status: u16, body: AnswerBody, after_accepting: bool) -> Fault {
    Fault::Status { status, body, after_accepting }
}

fn text(text: &str) -> AnswerBody {
    AnswerBody::Text(text.to_owned())
}

/// Each fault meets one call of one purchase, which then must count once, by the same payload.
async fn each_is_sent_again(faults: Vec<(&str, Fault, u32)>) {
    let world = World::with(quick).await;
    for (number, (name, fault, duplicates)) in (1..).zip(faults) {
        let (id, click) = (format!("sale-{number}"), click(number));
        let before = world.calls(CONVERSIONS).len();
        world.faults(vec![FaultRule::new(fault).on(CONVERSIONS).times(1)]);
        assert_eq!(world.post(&purchase(&id, &click, &json!(10.5))).await.status, 202);
        let record = world.until_state(&id, "accepted").await;
        world.until_drained().await;

        let calls = world.calls(CONVERSIONS).split_off(before);
        let bodies: Vec<&str> = calls.iter().map(|call| call.body.as_str()).collect();
        assert_eq!(bodies.len(), 2, "{name}: {calls:#?}");
        assert_eq!(bodies[0], bodies[1], "{name}");
        let conversion = world.conversion(&click).await;
        assert_eq!(conversion["value"].to_string(), "10.5", "{name}: {conversion}");
        assert_eq!(conversion["duplicates"], duplicates, "{name}: {conversion}");
        assert_eq!(record["attempts"], 2, "{name}: {record:#}");
        assert_eq!(record["lastAttempt"]["outcome"], "accepted", "{name}");
        assert_eq!(record["nextAction"]["action"], "None", "{name}: {record:#}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_is_sent_again_the_same() {
    each_is_sent_again(vec![
        ("timeout after accepting", Fault::TimeoutAfterAccepting { milliseconds: 10_000 }, 1),
        ("dropped before", Fault::DropConnection { after_accepting: false }, 0),
        ("dropped after accepting", Fault::DropConnection { after_accepting: true }, 1),
        ("500", answer(500, AnswerBody::Empty, false), 0),
        ("500 after accepting", answer(500, AnswerBody::Fault(0), true), 1),
        ("503 page", answer(503, AnswerBody::Html, true), 1),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_says_nothing_is_no_success() {
    let without_index = ForcedError { index: None, code: 5612, error_code: None };
    let beyond = ForcedError { index: Some(7), code: 5606, error_code: None };
    each_is_sent_again(vec![
        ("malformed", answer(200, AnswerBody::Malformed, true), 1),
        ("a page", answer(200, AnswerBody::Html, true), 1),
        ("empty", answer(200, AnswerBody::Empty, true), 1),
        ("no list", answer(200, text("{}"), true), 1),
        ("an array", answer(200, text("[[]]"), false), 0),
        ("no index", Fault::PartialErrors { errors: vec![without_index] }, 1),
        ("an index beyond", Fault::PartialErrors { errors: vec![beyond] }, 1),
        ("not found", answer(404, AnswerBody::Html, false), 0),
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_is_renewed_within_the_run() {
    let world = World::with(quick).await;
    let tokens = world.calls(TOKEN).len();
    world.faults(vec![FaultRule::new(Fault::ExpireTokens {}).on(CONVERSIONS).times(1)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    let record = world.until_state("1", "accepted").await;
    world.until_drained().await;
    let statuses: Vec<_> = world.calls(CONVERSIONS).iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(401), Some(200)]);
    assert_eq!(world.calls(TOKEN).len(), tokens + 2);
    assert_eq!(record["attempts"], 1);
    assert_eq!(world.conversion(&click(1)).await["duplicates"], 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_of_new_tokens() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "3")).await;
    // Whatever token comes, it has run out.
    world.faults(vec![FaultRule::new(Fault::ExpireTokens {}).on(CONVERSIONS)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    world.until_dead_letters(1).await;
    let statuses: Vec<_> = world.calls(CONVERSIONS).iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(401); 6], "each of three runs asks once more, with a new token");
    // The check of the goals needs one as well.
    let tokens = world.calls(TOKEN).len();
    assert!((3..=8).contains(&tokens), "{tokens} new tokens for three runs");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_refused_loses_nothing_and_goes_once_it_is_repaired() {
    let world = World::quick(|options| parameter(options, "MaxReceiveCount", "100")).await;
    let refusals = [
        ("401", answer(401, AnswerBody::Fault(105), false)),
        ("403", answer(403, AnswerBody::Fault(106), false)),
        ("403 page", answer(403, AnswerBody::Html, false)),
        ("account inactive", answer(400, AnswerBody::OperationFault(1008), false)),
    ];
    for (number, (name, fault)) in (1..).zip(refusals) {
        let (id, click) = (format!("sale-{number}"), click(number));
        let before = world.calls(CONVERSIONS).len();
        world.faults(vec![FaultRule::new(fault).on(CONVERSIONS)]);
        assert_eq!(world.post(&purchase(&id, &click, &json!(7))).await.status, 202);
        world.until_called(CONVERSIONS, before + 4).await;
        let record = world.record(&id).await;
        assert_eq!((&record["state"], &record["microsoft"]), (&json!("queued"), &json!(null)));
        let attempt = &record["lastAttempt"];
        assert_eq!((&attempt["kind"], &attempt["outcome"]), (&json!("Apply"), &json!("refused")));
        // A refused token is renewed once in a run; the run after this record may have begun.
        let (tries, attempts) = (world.calls(CONVERSIONS).len() - before, &record["attempts"]);
        let most = 2 * (usize::try_from(attempts.as_u64().unwrap_or(0)).unwrap() + 2);
        assert!(tries <= most, "{name}: {tries} calls in {attempts} attempts");
        assert!(attempt["code"].is_i64() && record["attempts"].as_i64() >= Some(1), "{record}");
        assert_eq!(world.messages("uploads").await, 1, "{name}");
        world.faults(Vec::new());
        world.until_state(&id, "accepted").await;
        world.until_drained().await;
        assert_eq!(world.conversion(&click).await["duplicates"], 0, "{name}");
    }
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_account_pauses_for_a_minute_while_others_go_on() {
    let world = with_accounts(&["main", "eu", "us"]).await;
    let throttle = |answer, account| {
        let fault = Fault::Throttle { calls_per_minute: 0, answer };
        FaultRule::new(fault).on(CONVERSIONS).for_account(account).times(1)
    };
    world.faults(vec![
        throttle(ThrottleAnswer::Http429, "7654321"),
        throttle(ThrottleAnswer::Fault117, "7654322"),
    ]);
    let sale = |id: &str, account: &str, number| {
        let mut event = purchase(id, &click(number), &json!(3));
        event["account"] = json!(account);
        event
    };
    let first = json!([sale("m-1", "main", 1), sale("e-1", "eu", 2), sale("u-1", "us", 3)]);
    let start = std::time::Instant::now();
    assert_eq!(world.post(&first).await.body["counts"]["queued"], 3);
    world.until_state("u-1", "accepted").await;
    let second = json!([sale("m-2", "main", 4), sale("e-2", "eu", 5), sale("u-2", "us", 6)]);
    assert_eq!(world.post(&second).await.body["counts"]["queued"], 3);
    world.until_state("u-2", "accepted").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let of = |account: &str| {
        let calls = world.calls(CONVERSIONS);
        calls.iter().filter(|call| call.account.as_deref() == Some(account)).count()
    };
    assert_eq!((of("7654321"), of("7654322")), (1, 1), "a paused account is not called");
    assert_eq!(world.messages("uploads").await, 4);
    assert_eq!(world.record("m-2").await["state"], "queued");

    tokio::time::sleep(Duration::from_secs(56).saturating_sub(start.elapsed())).await;
    assert_eq!((of("7654321"), of("7654322")), (1, 1), "not before the minute is over");
    for id in ["m-1", "m-2", "e-1", "e-2"] {
        world.until_state(id, "accepted").await;
    }
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 6);
    assert!(conversions.iter().all(|conversion| conversion["duplicates"] == 0));
    world.stop().await;
}

async fn with_accounts(names: &[&str]) -> World {
    let mapping = mapping("accounts", |mapping| {
        names.iter().for_each(|name| mapping["accounts"][name] = json!({}));
    });
    World::quick(|options| options.mapping = Some(mapping)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_of_two_rows_refuse_these_and_take_the_one_between() {
    let world = World::quick(|options| options.batch_window = Duration::from_secs(1)).await;
    world.faults(vec![row_errors(&[(0, 5617), (2, 5610)])]);
    let sales: Vec<_> =
        (1..4).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(n))).collect();
    assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 3);
    world.until_dead_letters(2).await;

    let calls = world.calls(CONVERSIONS);
    assert_eq!(calls.len(), 1, "one call for all, none again: {calls:#?}");
    let order: Vec<String> = calls[0].json()["OfflineConversions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["MicrosoftClickId"].as_str().unwrap().to_owned())
        .collect();
    let reasons = [
        "microsoft 5617 ClickIdDateTimeOutsideGoalConversionWindow",
        "",
        "microsoft 5610 OfflineConversionValueInvalid",
    ];
    for (click, reason) in order.iter().zip(reasons) {
        let id = (1..4).find(|n| *click == self::click(*n)).map(|n| format!("sale-{n}")).unwrap();
        let record = world.record(&id).await;
        if reason.is_empty() {
            assert_eq!(record["state"], "accepted");
        } else {
            assert_eq!((&record["state"], &record["reason"]), (&json!("refused"), &json!(reason)));
        }
    }
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 1);
    assert_eq!(conversions[0]["clickId"], order[1].as_str());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_row_that_spoils_its_calls_is_found_from_the_fourth_try_on() {
    let world = World::quick(|options| options.batch_window = Duration::from_secs(1)).await;
    let fault = answer(400, AnswerBody::Fault(113), false);
    world.faults(vec![FaultRule::new(fault).on(CONVERSIONS).for_click(&click(3))]);
    let sales: Vec<_> =
        (1..5).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(n))).collect();
    assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 4);
    world.until_dead_letters(1).await;
    let spoilt = with_click(&world, &click(3));
    assert!(spoilt.len() >= 4 && spoilt.starts_with(&[4]), "{spoilt:?}");
    assert_eq!(spoilt.last(), Some(&1), "only a call of its own tells which row it is");
    let mut states = Vec::new();
    for n in 1..5 {
        let record = world.record(&format!("sale-{n}")).await;
        states.push((record["state"].clone(), record["reason"].clone()));
    }
    let refused = (json!("refused"), json!("microsoft 113 InvalidDateObject"));
    assert_eq!(states.iter().filter(|state| **state == refused).count(), 1, "{states:?}");
    assert_eq!(states.iter().filter(|(state, _)| state == "accepted").count(), 3, "{states:?}");
    assert_eq!(world.conversions().await.len(), 3);
    world.stop().await;
}

/// No call with all rows is answered in time, so from the fourth try on calls are small.
#[tokio::test(flavor = "multi_thread")]
async fn rows_that_take_microsoft_long_arrive_in_calls_that_begin_at_one_row_and_grow() {
    let world = World::quick(|options| options.batch_window = Duration::from_secs(1)).await;
    // A call may take two seconds here: 20 rows are too many.
    let slow = Fault::LatencyPerRow { milliseconds: 150 };
    world.faults(vec![FaultRule::new(slow).on(CONVERSIONS)]);
    let sales: Vec<_> =
        (1..=20).map(|n| purchase(&format!("sale-{n}"), &click(n), &json!(n))).collect();
    assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 20);
    for n in 1..=20 {
        world.until_state(&format!("sale-{n}"), "accepted").await;
    }
    let rows: Vec<usize> = world.calls(CONVERSIONS).iter().filter_map(|call| call.rows).collect();
    assert_eq!(rows[..3], [20, 20, 20], "{rows:?}");
    // A run has time for no third one here.
    assert!(rows[3..].starts_with(&[1, 4]), "{rows:?}");
    world.until_drained().await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    assert_eq!(world.conversions().await.len(), 20);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn microsoft_that_can_not_be_reached_costs_no_conversion() {
    let world = World::with(quick).await;
    let token_down = answer(503, AnswerBody::Html, false);
    world.faults(vec![FaultRule::new(token_down).on(TOKEN).times(3)]);
    assert_eq!(world.post(&purchase("1", &click(1), &json!(5))).await.status, 202);
    let record = world.until_state("1", "accepted").await;
    assert_eq!(record["attempts"], 1, "nothing was sent without a token: {record:#}");
    assert_eq!(world.calls(CONVERSIONS).len(), 1);
    world.until_drained().await;
    world.stop().await;
}

/// Kills upload whenever Microsoft gets a call with this click.
async fn kill_at(world: &World, click: &str) {
    let mut seen = 0;
    loop {
        let calls = with_click(world, click).len();
        if calls > seen {
            seen = calls;
            world.stack.kill_function("upload").await.expect("there is one");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The rows of each call that had this click among them.
fn with_click(world: &World, click: &str) -> Vec<usize> {
    let calls = world.calls(CONVERSIONS).into_iter();
    calls.filter(|call| call.body.contains(click)).filter_map(|call| call.rows).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_kills_every_run_does_not_take_the_others_with_it() {
    let world = World::quick(|options| {
        options.batch_window = Duration::from_secs(1);
        parameter(options, "MaxReceiveCount", "50");
    })
    .await;
    // Of 60 sales the last one is poison: a call with it is not taken, and nobody lives to hear so.
    let poison = click(60);
    let rule = |fault| FaultRule::new(fault).on(CONVERSIONS).for_click(&poison);
    world.faults(vec![
        rule(Fault::Latency { milliseconds: 3_000 }),
        rule(answer(503, AnswerBody::Empty, false)),
    ]);
    let id = |number: u32| format!("sale-{number:02}");
    let sales: Vec<_> = (1..=60).map(|n| purchase(&id(n), &click(n), &json!(n))).collect();
    assert_eq!(world.post(&json!(sales)).await.body["counts"]["queued"], 60);
    let others = async {
        for count in 1..=4 {
            until(&format!("killed {count} times"), || async {
                let poisoned = with_click(&world, &poison);
                if poisoned.len() >= count { Ok(()) } else { Err(poisoned) }
            })
            .await;
        }
        for number in 1..=50 {
            world.until_state(&id(number), "accepted").await;
        }
        let poisoned = with_click(&world, &poison);
        assert_eq!(poisoned[0], 60, "{poisoned:?}");
        assert!(poisoned[3..].iter().all(|rows| *rows <= 50), "suspects go in small calls");
        // What is new goes before what is suspect.
        assert_eq!(world.post(&purchase("new", &click(61), &json!(61))).await.status, 202);
        world.until_state("new", "accepted").await;
        assert_eq!(world.record(&id(60)).await["state"], "queued");
    };
    tokio::select! {
        () = kill_at(&world, &poison) => {}
        () = others => {}
    }
    world.faults(Vec::new());
    world.until_state(&id(60), "accepted").await;
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 61);
    let once = conversions.iter().all(|conversion| conversion["duplicates"] == 0);
    assert!(once, "{conversions:#?}");
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_gives_no_answer_does_not_keep_the_others_back() {
    let world = with_accounts(&["main", "zwei"]).await;
    let silence = Fault::TimeoutAfterAccepting { milliseconds: 60_000 };
    world.faults(vec![FaultRule::new(silence).on(CONVERSIONS).for_account("7654321")]);
    let sale = |id: &str, account: &str, number| {
        let mut event = purchase(id, &click(number), &json!(3));
        event["account"] = json!(account);
        event
    };
    let sales = json!([sale("m-1", "main", 1), sale("z-1", "zwei", 2)]);
    assert_eq!(world.post(&sales).await.body["counts"]["queued"], 2);
    world.until_state("z-1", "accepted").await;
    assert_eq!(world.record("m-1").await["state"], "queued");
    world.faults(Vec::new());
    world.until_state("m-1", "accepted").await;
    world.until_drained().await;
    world.stop().await;
}
