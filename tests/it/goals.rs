//! The check of the goals: what it finds, holds and lets go.

use std::{path::PathBuf, time::Duration};

use local_stack::Options;
use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, time as in_seconds};
use test_support::rig::operator::{TOKEN, quick};
use test_support::rig::{World, until};

use crate::files::{folder, mapping};

fn subscription(event_id: &str) -> Value {
    json!({"event": "subscription_start", "eventId": event_id, "source": "shop", "occurredAt": in_seconds(-1),
           "value": 9.5, "currency": "EUR", "msclkid": "f894f652ea334e739002f7167ab8f8e3"})
}

/// A world in which goals are checked by the test alone.
pub async fn unchecked(change: impl FnOnce(&mut Options)) -> World {
    World::with(|options| {
        options.check_every = Duration::from_secs(600);
        change(options);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_missing_goal_wait_and_go_by_themselves_when_it_is_repaired() {
    let world = unchecked(|_| {}).await;
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["findings"]), (&json!(true), &json!([])));

    world.rename_goal("Subscription Start", "Subscription start");
    let report = world.check_goals().await;
    assert_eq!(report["held"], json!(["Subscription Start"]));
    let finding = &report["findings"][0];
    assert_eq!(finding["gravity"], "holds");
    assert!(finding["cure"].as_str().unwrap().contains("\"Subscription start\""), "{finding}");

    assert_eq!(world.post(&subscription("sub-1")).await.status, 202);
    let waiting = world.until_state("sub-1", "waiting").await;
    assert_eq!(waiting["reason"], "goal_held");
    assert_eq!(waiting["findings"], json!([finding]), "what keeps it and what helps");
    world.until_drained().await;
    assert_eq!(world.conversions().await, Vec::<Value>::new());

    world.rename_goal("Subscription start", "Subscription Start");
    // It was absent a moment ago, so it may be too young: held until it is two hours old.
    let report = world.check_goals().await;
    assert_eq!(report["held"], json!(["Subscription Start"]));
    until("goal released", || async {
        let report = world.check_goals().await;
        if report["held"] == json!([]) { Ok(()) } else { Err(report) }
    })
    .await;
    world.until_state("sub-1", "accepted").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_an_account_that_can_not_be_used_wait_from_the_second_failed_check_on() {
    let world = unchecked(|_| {}).await;
    let body = AnswerBody::Fault(106);
    let refused = Fault::Status { status: 403, body, after_accepting: false };
    world.faults(vec![FaultRule::new(refused).on("CampaignManagement")]);
    let first = world.check_goals().await;
    assert_eq!((&first["checked"], &first["accountHeld"]), (&json!(false), &json!(false)));
    let second = world.check_goals().await;
    assert_eq!(second["accountHeld"], true);
    assert!(second["findings"][0]["cure"].as_str().unwrap().contains("access"), "{second}");

    assert_eq!(world.post(&subscription("sub-2")).await.status, 202);
    let waiting = world.until_state("sub-2", "waiting").await;
    assert_eq!(
        (&waiting["reason"], &waiting["findings"]),
        (&json!("account_held"), &second["findings"])
    );
    world.until_drained().await;

    world.faults(Vec::new());
    let third = world.check_goals().await;
    assert_eq!((&third["checked"], &third["accountHeld"]), (&json!(true), &json!(false)));
    world.until_state("sub-2", "accepted").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_accounts_with_one_ad_account_are_held_and_ring() {
    let path = mapping("shared", |mapping| mapping["accounts"]["zwei"] = json!({}));
    let world = unchecked(|options| options.mapping = Some(path)).await;
    world.change_secret("zwei", "account_id", 7_654_321).await;
    let report = world.stack.invoke("goals", &json!({})).await.expect("a report");
    for (account, other) in [(0, "zwei"), (1, "main")] {
        let account = &report["accounts"][account];
        assert_eq!((&account["checked"], &account["accountHeld"]), (&json!(false), &json!(true)));
        let problem = account["findings"][0]["problem"].as_str().expect("a problem");
        assert!(problem.contains(&format!("same ad account as \"{other}\"")), "{problem}");
    }
    assert!(world.rings("HeldGoals"));
    let of = |id: &str, account: &str| {
        let mut event = subscription(id);
        event["account"] = json!(account);
        event
    };
    assert_eq!(world.post(&json!([of("m", "main"), of("z", "zwei")])).await.status, 200);
    for id in ["m", "z"] {
        assert_eq!(world.until_state(id, "waiting").await["reason"], "account_held");
    }
    assert!(world.conversions().await.is_empty());

    world.change_secret("zwei", "account_id", "7654322").await;
    world.check_goals().await;
    for id in ["m", "z"] {
        world.until_state(id, "accepted").await;
    }
    assert_eq!(world.conversions().await.len(), 2);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_alone_wait_for_a_click_while_their_goal_takes_none() {
    let world = unchecked(|options| options.hour = 2).await;
    let enhanced = |on: bool| {
        world.microsoft().update_settings(|settings| {
            let goals = settings.accounts.iter_mut().flat_map(|account| &mut account.goals);
            goals.for_each(|goal| goal.enhanced_conversions = on);
        });
    };
    enhanced(false);
    let report = world.check_goals().await;
    assert_eq!(report["held"], json!([]));
    assert!(report["findings"].to_string().contains("wait for a click"), "{report}");
    let by_mail = |id: &str| {
        json!({"event": "purchase", "eventId": id, "source": "shop", "occurredAt": in_seconds(-1),
               "value": 3, "currency": "USD", "leadId": id, "email": "john@contoso.com"})
    };
    let waits = async |id: &str| {
        assert_eq!(world.post(&by_mail(id)).await.status, 202);
        assert_eq!(world.until_state(id, "waiting").await["reason"], "no_click");
    };
    waits("click").await;
    world
        .capture(&json!({"msclkid": click(1), "sessionId": "s", "landedAt": in_seconds(-60)}))
        .await;
    world.capture(&json!({"sessionId": "s", "leadId": "click"})).await;
    world.until_state("click", "accepted").await;
    waits("mail").await;
    assert_eq!(world.conversions().await.len(), 1);

    // With one of the looks for its click, it goes with its hash.
    enhanced(true);
    world.check_goals().await;
    world.until_state("mail", "accepted").await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}

fn on_goals(fault: Fault) -> FaultRule {
    FaultRule::new(fault).on("ConversionGoals")
}

/// The account item, as the console shows it.
async fn account_item(world: &World) -> Value {
    let mut items = world.items_with("Conversions", "account main").await;
    items.retain(|item| !item["sk"]["S"].as_str().unwrap_or_default().starts_with("outcome "));
    items.pop().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_item_holds_each_finding_with_its_cure() {
    let world = unchecked(quick).await;
    world.change_goals(|goal| goal.enhanced_conversions = goal.name != "Purchase");
    let report = world.check_goals().await;
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(1));
    let item = account_item(&world).await;
    let kept = &item["findings"]["L"][0]["M"];
    for member in ["goal", "gravity", "problem", "cure"] {
        assert_eq!(kept[member]["S"], report["findings"][0][member], "{member} in {item}");
    }
    let refused =
        Fault::Status { status: 403, body: AnswerBody::Fault(106), after_accepting: false };
    world.faults(vec![on_goals(refused)]);
    let report = world.check_goals().await;
    let item = account_item(&world).await;
    assert_eq!(item["failingFor"]["M"]["cure"]["S"], report["findings"][0]["cure"], "{item}");
    assert_eq!(item["findings"]["L"].as_array().map(Vec::len), Some(1), "the goals' ones stay");
    world.faults(Vec::new());
    world.change_goals(|goal| goal.enhanced_conversions = true);
    world.check_goals().await;
    let item = account_item(&world).await;
    assert_eq!((&item["failingFor"], &item["findings"]["L"]), (&Value::Null, &json!([])), "{item}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_renewed_once() {
    let world = unchecked(quick).await;
    world.faults(vec![on_goals(Fault::ExpireTokens {}).times(1)]);
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["error"]), (&json!(true), &Value::Null), "{report}");
    assert_eq!((world.calls("ConversionGoals").len(), world.calls(TOKEN).len()), (2, 2));

    let unauthorized =
        Fault::Status { status: 401, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![on_goals(unauthorized)]);
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["held"]), (&json!(false), &json!([])), "{report}");
    assert_eq!((world.calls("ConversionGoals").len(), world.calls(TOKEN).len()), (4, 3));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_finds_itself_asked_too_often_is_left_alone_for_a_while() {
    let world = unchecked(quick).await;
    let body = r#"{"error":"invalid_request","error_codes":[50196]}"#;
    let body = AnswerBody::Text(body.to_owned());
    let looping = Fault::Status { status: 400, body, after_accepting: false };
    world.faults(vec![FaultRule::new(looping).on(TOKEN)]);
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["findings"]), (&json!(false), &json!([])), "{report}");
    assert_eq!(world.calls(TOKEN).len(), 1);
    world.faults(Vec::new());
    let report = world.check_goals().await;
    assert!(report["error"].as_str().is_some_and(|text| text.contains("not asked")), "{report}");
    assert_eq!(world.calls(TOKEN).len(), 1, "by nobody");
    until("asked again", || async {
        let report = world.check_goals().await;
        if report["checked"] == true { Ok(()) } else { Err(report) }
    })
    .await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_was_written_meanwhile_is_no_lost_consent() {
    let world = unchecked(quick).await;
    let down = Fault::Status { status: 503, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![FaultRule::new(down).on(TOKEN)]);
    assert_eq!(world.check_goals().await["checked"], false, "it has read the secret");
    world.change_secret("main", "note", "another version").await;
    let body = AnswerBody::OauthError("invalid_grant".to_owned());
    let refused = Fault::Status { status: 400, body, after_accepting: false };
    world.faults(vec![FaultRule::new(refused).on(TOKEN).times(1)]);
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["findings"]), (&json!(true), &json!([])), "{report}");
    assert_eq!(account_item(&world).await["failingSince"], Value::Null);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_list_of_goals_where_some_were_known_holds_nothing() {
    let world = unchecked(quick).await;
    let nothing = || {
        let body = AnswerBody::Text(r#"{"ConversionGoals":null,"PartialErrors":[]}"#.to_owned());
        vec![on_goals(Fault::Status { status: 200, body, after_accepting: false })]
    };
    world.faults(nothing());
    let report = world.check_goals().await;
    assert_eq!(
        (&report["checked"], report["held"].as_array().map(Vec::len)),
        (&json!(true), Some(3))
    );
    assert!(report["findings"].to_string().contains("of another type is not seen"), "{report}");
    world.faults(Vec::new());
    until("released", || async {
        let report = world.check_goals().await;
        if report["held"] == json!([]) { Ok(()) } else { Err(report) }
    })
    .await;
    world.faults(nothing());
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["held"]), (&json!(false), &json!([])), "{report}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_errors_holds_nothing() {
    let world = unchecked(|_| {}).await;
    let body =
        r#"{"ConversionGoals":null,"PartialErrors":[{"Code":0,"ErrorCode":"InternalError"}]}"#;
    let body = AnswerBody::Text(body.to_owned());
    let odd = Fault::Status { status: 200, body, after_accepting: false };
    world.faults(vec![FaultRule::new(odd).on("ConversionGoals")]);
    let report = world.check_goals().await;
    assert_eq!((&report["checked"], &report["held"]), (&json!(false), &json!([])), "{report}");
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_held_for_a_wrong_name_go_when_the_mapping_is_corrected() {
    let folder = folder();
    let misspelt = mapping("misspelt", |mapping| {
        let goals = mapping["goals"].as_object_mut().expect("goals").values_mut();
        let meant = goals.filter(|goal| goal["name"] == "Subscription Start");
        meant.for_each(|goal| goal["name"] = json!("Subscription Strat"));
    });
    let within = |mapping: PathBuf, hour: u64| {
        let data = folder.path().to_owned();
        unchecked(move |options| {
            options.mapping = Some(mapping);
            options.data = Some(data);
            options.hour = hour;
        })
    };
    let world = within(misspelt, 2).await;
    world.rename_goal("Subscription Strat", "Subscription Start");
    let report = world.check_goals().await;
    assert_eq!(report["held"], json!(["Subscription Strat"]));
    assert_eq!(world.post(&subscription("sub-1")).await.status, 202);
    assert_eq!(world.until_state("sub-1", "waiting").await["reason"], "goal_held");
    world.until_drained().await;
    world.stop().await;

    // Its hour is long: the row must not be due again before its first answer is there.
    let world = within(mapping("spelt", |_| {}), 300).await;
    let report = world.check_goals().await;
    assert_eq!((&report["held"], &report["findings"]), (&json!([]), &json!([])));
    // It is let go under the name that it has, and takes the new one by a redrive.
    world.until_dead_letters(1).await;
    let reason = world.record("sub-1").await["reason"].clone();
    assert_eq!(reason, "microsoft 5606 OfflineConversionNameInvalid");
    world.redrive().await;
    let record = world.until_state("sub-1", "accepted").await;
    assert_eq!(record["microsoft"]["goal"], "Subscription Start");
    assert_eq!(record["attempts"], 2);
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}
