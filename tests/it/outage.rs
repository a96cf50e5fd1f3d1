//! What callers see while AWS is out, that sending again repairs it, and what outlives an account that
//! can't be used.

use microsoft_simulator::{AnswerBody, Fault, FaultRule};
use serde_json::{Value, json};
use test_support::events::{click, purchase, refund, time, with};
use test_support::rig::operator::{ADJUSTMENTS, APPLY};
use test_support::rig::{Answer, KEY, World};

const UNTIL_ENDED: usize = usize::MAX;

fn is_unavailable(answer: &Answer) {
    assert_eq!(answer.problem(), (503, "unavailable", None), "{answer:?}");
    let text = answer.body.to_string();
    assert!(!text.contains("DynamoDB") && !text.contains("InternalFailure"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_ledger_nothing_is_promised_and_nothing_is_sent() {
    let world = World::start().await;
    let sale = purchase("1", &click(1), &json!(10));
    let landing = json!({"msclkid": click(1), "sessionId": "s"});
    world.stack.aws().refuse("DynamoDB", UNTIL_ENDED);
    let answers = tokio::join!(
        world.post(&sale),
        async {
            world
                .post(&json!([sale, {"event": "page_view", "eventId": "2", "source": "shop"}]))
                .await
        },
        async { world.post(&refund("1-r", "1", &json!(1))).await },
        world.capture(&landing),
        world.status(KEY, "shop/1"),
    );
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4];
    answers.iter().for_each(is_unavailable);
    assert!(answers.iter().all(|answer| !answer.headers.contains_key("set-cookie")));
    // What needs no ledger is answered.
    let answer = world.post(&json!({"event": "page_view", "eventId": "2", "source": "shop"})).await;
    assert_eq!((answer.status, &answer.body["status"]), (200, &json!("ignored")));
    assert_eq!(world.entries().await, Vec::<Value>::new());
    assert_eq!(world.messages("uploads").await, 0);

    world.stack.aws().refuse("DynamoDB", 0);
    world.queued(&sale).await;
    world.until_state("1", "accepted").await;
    assert_eq!(world.conversions().await.len(), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_whose_message_was_lost_is_sent_when_the_caller_sends_again() {
    let world = World::start().await;
    world.stack.aws().refuse("AmazonSQS.SendMessage", UNTIL_ENDED);
    let sales = [1, 2, 3].map(|n| purchase(&format!("e-{n}"), &click(n), &json!(n)));
    is_unavailable(&world.post(&sales[0]).await);
    is_unavailable(&world.post(&json!([sales[1], sales[2]])).await);
    let record = world.record("e-1").await;
    assert_eq!((&record["state"], &record["microsoft"]), (&json!("queued"), &json!(null)));
    // Not until there is a message, either.
    is_unavailable(&world.post(&sales[0]).await);
    world.stack.aws().refuse("AmazonSQS.SendMessage", 0);
    assert_eq!(world.messages("uploads").await, 0);

    let other = with(&sales[0], &json!({"value": 5}));
    assert_eq!(world.post(&other).await.status, 409);
    assert_eq!(world.messages("uploads").await, 0);
    let answer = world.post(&json!(sales)).await;
    assert_eq!((answer.status, &answer.body["counts"]), (200, &json!({"duplicate": 3})));
    for n in 1..=3 {
        world.until_state(&format!("e-{n}"), "accepted").await;
    }
    world.until_drained().await;
    let conversions = world.conversions().await;
    assert_eq!(conversions.len(), 3);
    assert!(conversions.iter().all(|c| c["duplicates"] == 0), "{conversions:#?}");
    // Once it is there, sending again sends no more messages.
    let calls = world.microsoft().calls().len();
    assert_eq!(world.post(&json!(sales)).await.body["counts"], json!({"duplicate": 3}));
    assert_eq!(world.messages("uploads").await, 0);
    assert_eq!(world.microsoft().calls().len(), calls);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_event_that_can_not_be_stored_makes_the_whole_array_unavailable() {
    let world = World::start().await;
    let sales: Vec<_> =
        (1..=5).map(|n| purchase(&format!("p-{n}"), &click(n), &json!(n))).collect();
    for operation in ["BatchGetItem", "BatchExecuteStatement"] {
        // As often as the SDK tries it.
        world.stack.aws().refuse(&format!("DynamoDB_20120810.{operation}"), 3);
        is_unavailable(&world.post(&json!(sales)).await);
    }
    assert_eq!(world.post(&json!(sales)).await.status, 200);
    // A correction whose pointer was written and whose record was not.
    world.stack.aws().refuse("DynamoDB_20120810.UpdateItem", UNTIL_ENDED);
    let back = refund("p-1-r", "p-1", &json!(0.5));
    is_unavailable(&world.post(&back).await);
    world.stack.aws().refuse("DynamoDB_20120810.UpdateItem", 0);
    world.queued(&back).await;
    let record = world.until_state("p-1", "restated").await;
    assert_eq!(record["desired"]["corrections"].as_array().map(Vec::len), Some(1));
    for n in 2..=5 {
        world.until_state(&format!("p-{n}"), "accepted").await;
    }
    assert_eq!(world.conversions().await.len(), 5);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_ingest_keys_nobody_is_let_in_nor_told_that_the_key_is_wrong() {
    let world = World::start().await;
    world.stack.aws().refuse("secretsmanager", UNTIL_ENDED);
    let sale = purchase("1", &click(1), &json!(10));
    is_unavailable(&world.post(&sale).await);
    assert!(world.rings("StuckElsewhere"));
    world.until_logged("enqueue", &["ingest keys not read"]).await;
    let answer = world.status(KEY, "shop/1").await;
    assert_eq!((answer.status, answer.problem().1), (503, "unavailable"));
    world.stack.aws().refuse("secretsmanager", 0);
    world.queued(&sale).await;
    // The keys that are known serve on.
    world.stack.aws().refuse("secretsmanager", UNTIL_ENDED);
    assert_eq!(world.post(&sale).await.body["status"], "duplicate");
    world.stop().await;
}

/// That known keys count for an hour while none can be read is tested with their reader.
#[tokio::test(flavor = "multi_thread")]
async fn a_typo_in_one_ingest_key_leaves_the_others_working_and_rings() {
    let world = World::start().await;
    let id = json!({"SecretId": "tracklayer/ingest-keys"});
    let known = world.aws("secretsmanager.GetSecretValue", id).await;
    let mut file: Value = serde_json::from_str(known["SecretString"].as_str().expect("text"))
        .expect("a list of keys");
    let mut typo = file["keys"][0].clone();
    typo["name"] = json!("crm");
    typo["sha256"] = json!("d1ba73d3fcb67907054ce8317378a14b");
    file["keys"].as_array_mut().expect("a list").insert(0, typo);
    let secret = json!({"SecretId": "tracklayer/ingest-keys", "SecretString": file.to_string()});
    world.aws("secretsmanager.PutSecretValue", secret).await;

    world.queued(&purchase("1", &click(1), &json!(10))).await;
    assert_eq!(world.status(KEY, "shop/1").await.status, 200);
    assert!(world.rings("StuckElsewhere"));
    world.until_logged("enqueue", &["an ingest key can't be read", "crm"]).await;
    assert!(!world.has_logged("enqueue", &["d1ba73d3"]));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_s_numbers_may_be_numbers_in_its_secret() {
    let world = World::start().await;
    world.change_secret("main", "customer_id", json!(1_234_567)).await;
    world.change_secret("main", "account_id", json!(7_654_321)).await;
    world.change_secret("main", "client_secret", json!("")).await;
    world.queued(&purchase("1", &click(1), &json!(10))).await;
    world.until_state("1", "accepted").await;
    let call = world.microsoft().calls().into_iter().find(|call| call.path.contains("/Apply"));
    assert_eq!(call.expect("a call").header("customerid"), Some("1234567"));
    world.stop().await;
}

/// Microsoft refuses the account for longer than a message would live.
#[tokio::test(flavor = "multi_thread")]
async fn looks_for_clicks_and_corrections_outlive_an_account_that_is_refused() {
    let world = World::quick(|options| options.hour = 1).await;
    world.queued(&purchase("sold", &click(1), &json!(100))).await;
    world.until_state("sold", "accepted").await;
    let refused =
        Fault::Status { status: 401, body: AnswerBody::Fault(105), after_accepting: false };
    world.faults(vec![FaultRule::new(refused).on(APPLY)]);
    world.queued(&refund("r", "sold", &json!(30))).await;
    let by = json!({"msclkid": null, "sessionId": "s"});
    let waits = with(&purchase("waits", "", &json!(10)), &by);
    assert_eq!(world.queued(&waits).await["reason"], "no_click");
    // Each refused call of an adjustment is followed by one with a new token.
    world.until_called(ADJUSTMENTS, 6).await;
    for id in ["sold", "waits"] {
        let record = world.record(id).await;
        assert_eq!(record["state"], "waiting", "{record:#}");
    }
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.faults(Vec::new());
    let landing = json!({"msclkid": click(2), "sessionId": "s", "landedAt": time(-600)});
    assert_eq!(world.capture(&landing).await.status, 204);
    world.until_worth(&click(1), "70").await;
    world.until_state("waits", "accepted").await;
    assert_eq!(world.messages("uploads-dlq").await, 0);
    world.stop().await;
}
