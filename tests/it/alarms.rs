//! Alarms: each goes off on what the functions write when there is trouble, and none in an ordinary hour.

use microsoft_simulator::{AnswerBody, Fault, FaultRule, ForcedError};
use serde_json::{Value, json};
use test_support::events::{MSCLKID, click, purchase, refund, time, with};
use test_support::rig::alarms::{Alarm, Point, own_alarms};
use test_support::rig::operator::{CONVERSIONS, ago, parameter, quick};
use test_support::rig::{KEY, World, until};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

async fn until_ringing(world: &World, alarm: &str) {
    until(alarm, || async {
        match world.rings(alarm) {
            true => Ok(()),
            false => Err(world.ringing()),
        }
    })
    .await;
}

fn orders(count: u32, change: Value) -> Value {
    let order = |n| {
        with(
            &purchase(
                &format!("{change}{n}").replace(['"', '{', '}', '$'], ""),
                &click(n),
                &json!(10),
            ),
            &change,
        )
    };
    (0..count).map(order).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_hour_is_silent() {
    let world = World::with(|options| {
        quick(options);
        parameter(options, "AuditHours", "1");
    })
    .await;
    assert_eq!(world.capture(&json!({"msclkid": MSCLKID, "sessionId": "s"})).await.status, 204);
    assert_eq!(world.capture(&json!({"consent": "denied"})).await.status, 204);
    assert_eq!(world.capture(&json!({"msclkid": "(not set)"})).await.status, 422);
    let sale = with(&purchase("sale", "", &json!(30)), &json!({"msclkid": null, "sessionId": "s"}));
    world.queued(&sale).await;
    let nobodys = json!({"msclkid": null, "sessionId": "nobody"});
    world.queued(&with(&purchase("other", "", &json!(20)), &nobodys)).await;
    assert_eq!(world.post(&sale).await.body["status"], "duplicate");
    assert_eq!(world.post(&with(&sale, &json!({"value": -1}))).await.status, 422);
    world.until_state("sale", "accepted").await;
    world.queued(&refund("r", "sale", &json!(10))).await;
    world.until_state("sale", "restated").await;
    world.queued(&refund("early", "not-yet-there", &Value::Null)).await;
    world.check_goals().await;
    until("an audit", || async {
        if world.has_logged("sweep", &["audit finished"]) { Ok(()) } else { Err(()) }
    })
    .await;
    assert_eq!(world.ringing(), Vec::<String>::new());
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_doors_refuse_rings_and_its_log_says_why() {
    let world = World::quick(|_| {}).await;
    let mut silent = world.ringing();
    // Until the first run of sweep, which may have been meanwhile.
    silent.retain(|alarm| alarm != "Overdue");
    assert_eq!(silent, ["Unchecked", "NothingCaptured", "NothingQueued"]);

    world.add_keys().await;
    let of_others = orders(20, json!({"source": "crm"})).to_string();
    let answer = world.enqueue("shop-key", of_others).await;
    assert_eq!(answer.body["counts"]["rejected"], 20);
    world.until_logged("enqueue", &["source_not_allowed", "source"]).await;
    world.until_rings("Rejected").await;
    world.post(&orders(20, json!({"currency": "US$", "leadId": "undefined"}))).await;
    world.until_logged("enqueue", &["invalid_currency", "currency"]).await;
    world.until_logged("enqueue", &["field left out", "leadId", "\"account\":\"main\""]).await;
    assert!(!world.rings("RejectedElsewhere"));
    // Events that are not for Microsoft make no share smaller.
    let views = orders(400, json!({"event": "page_view"}));
    for _ in 0..2 {
        assert_eq!(world.post(&views).await.body["counts"]["ignored"], 400);
    }
    world.until_logged("enqueue", &["\"Ignored\":400.0"]).await;
    assert!(world.rings("Rejected"));
    world.post(&orders(8, json!({"account": "nobody"}))).await;
    world.until_logged("enqueue", &["unknown_account", "account"]).await;
    assert!(!world.rings("RejectedElsewhere"), "eight");
    // Anybody may ask without a key: that says nothing of the shop. Its own wrong key is found by the
    // silence of its events.
    for _ in 0..11 {
        assert_eq!(world.enqueue("nobody", "{}".to_owned()).await.status, 401);
    }
    world.until_logged("enqueue", &["request refused", "unauthorized"]).await;
    world.post(&json!({"event": "page_view", "eventId": "later", "source": "shop"})).await;
    world.until_logged("enqueue", &["\"Ignored\":1.0"]).await;
    assert!(!world.rings("RejectedElsewhere"), "strangers");
    for (key, body, code) in [
        (KEY, "{".to_owned(), "invalid_json"),
        (KEY, "[".to_owned(), "invalid_json"),
        (KEY, " ".repeat(1_048_577), "body_too_large"),
    ] {
        let answer = world.enqueue(key, body).await;
        assert_eq!(answer.body["error"]["code"], code);
        world.until_logged("enqueue", &["request refused", code]).await;
    }
    world.until_rings("RejectedElsewhere").await;
    for _ in 0..11 {
        let answer = world.landing(&[("authorization", "Bearer nobody")], "{}").await;
        assert_eq!(answer.status, 401);
    }
    assert!(!world.rings("CaptureRefused"), "no page sends a wrong key");
    for _ in 0..11 {
        world.capture(&json!({"msclkid": "(not set)"})).await;
    }
    world.until_rings("CaptureRefused").await;
    world.until_logged("capture", &["invalid_click_id", "msclkid"]).await;
    assert_eq!(world.capture(&json!({"sessionId": "s", "orderId": "1"})).await.status, 204);
    world.until_rings("NothingCaptured").await;
    assert_eq!(world.capture(&json!({"msclkid": MSCLKID, "sessionId": "s"})).await.status, 204);
    world.until_logged("capture", &["\"ClicksCaptured\":1.0"]).await;
    assert!(!world.rings("NothingCaptured"));

    world.queued(&purchase("taken-back", MSCLKID, &json!(10))).await;
    world.until_state("taken-back", "accepted").await;
    world.queued(&refund("all", "taken-back", &Value::Null)).await;
    world.until_state("taken-back", "retracted").await;
    let again = with(
        &refund("again", "taken-back", &json!(null)),
        &json!({"newValue": 10, "currency": "USD", "occurredAt": time(1)}),
    );
    assert_eq!(world.queued(&again).await["reason"], "after_retraction");
    world.until_rings("CorrectionLost").await;
    world.until_logged("enqueue", &["again", "after_retraction"]).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_microsoft_refuses_rings_and_its_log_says_why() {
    let world = World::quick(|_| {}).await;
    let error_code = Some("SomethingNew".to_owned());
    let errors = vec![ForcedError { index: Some(0), code: 987_654, error_code }];
    world.faults(vec![FaultRule::new(Fault::PartialErrors { errors }).on(CONVERSIONS).times(1)]);
    world.queued(&purchase("unknown-code", &click(1), &json!(10))).await;
    until_ringing(&world, "UnknownCode").await;
    world.until_logged("upload", &["987654", "unknown-code"]).await;

    let nothing = Fault::Status { status: 500, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![FaultRule::new(nothing).on(CONVERSIONS).times(1)]);
    world.queued(&purchase("no-answer", &click(2), &json!(10))).await;
    until_ringing(&world, "NoAnswer").await;
    world.until_logged("upload", &["call to Microsoft", "unknown", "no-answer"]).await;

    let refused =
        Fault::Status { status: 401, body: AnswerBody::Fault(105), after_accepting: false };
    world.faults(vec![FaultRule::new(refused).on(CONVERSIONS)]);
    world.queued(&purchase("refused", &click(3), &json!(10))).await;
    until_ringing(&world, "AuthFailed").await;
    world.until_logged("upload", &["105", "refused"]).await;

    world.rename_goal("Purchase", "Sale");
    world.check_goals().await;
    until_ringing(&world, "HeldGoals").await;
    world.until_logged("goals", &["goal check", "\"goal\":\"Purchase\"", "cure"]).await;
    assert!(!world.rings("Unchecked"));
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sweep_finds_rings_and_its_log_says_why() {
    let world = World::quick(|options| {
        options.settle_delay = 100_000;
        parameter(options, "AuditHours", "1");
    })
    .await;
    world.queued(&purchase("sale", &click(1), &json!(10))).await;
    world.until_state("sale", "accepted").await;
    world.queued(&refund("r", "sale", &json!(5))).await;
    world
        .change_items(
            "Conversions",
            "event shop sale",
            json!({"since": ago(3 * HOUR), "due": ago(3 * HOUR)}),
        )
        .await;
    until_ringing(&world, "Overdue").await;
    // The line comes at the end of the run.
    until("what sweep signalled", || async {
        world.has_logged("sweep", &["swept", "signalled"]).then_some(()).ok_or("no line")
    })
    .await;

    let lost: Value =
        (0..5).map(|n| refund(&format!("l{n}"), &format!("lost-{n}"), &Value::Null)).collect();
    world.post(&lost).await;
    // Three and a half days of this system's hours of two seconds.
    world
        .change_items("Conversions", "event shop lost-", json!({"since": ago(170), "due": ago(1)}))
        .await;
    until_ringing(&world, "OriginalMissing").await;
    world.until_logged("sweep", &["lost-3"]).await;
    // Fourteen days: named and counted once more, and nobody is woken.
    world
        .change_items("Conversions", "event shop lost-", json!({"since": ago(700), "due": ago(1)}))
        .await;
    until("the corrections have ended", || async {
        let record = world.record("lost-3").await;
        if record["reason"] == "original_never_came" { Ok(()) } else { Err(record) }
    })
    .await;
    world.until_logged("sweep", &["CorrectionLost", "OriginalNeverCame"]).await;
    world.until_logged("sweep", &["l3 full refund", "never came"]).await;
    assert!(!world.rings("CorrectionLost"));

    world.queued(&purchase("forgotten", &click(2), &json!(10))).await;
    world.until_state("forgotten", "accepted").await;
    world.queued(&refund("f", "forgotten", &json!(5))).await;
    for row in world.items_with("Conversions", "event shop forgotten").await {
        let key = json!({"pk": row["pk"], "sk": row["sk"]});
        let expression = "REMOVE #open, #due, #since SET recordedAt = :long";
        world
            .aws(
                "DynamoDB_20120810.UpdateItem",
                json!({"TableName": "Conversions", "Key": key, "UpdateExpression": expression,
                       "ExpressionAttributeNames": {"#open": "open", "#due": "due", "#since": "since"},
                       "ExpressionAttributeValues": {":long": ago(3 * DAY)}}),
            )
            .await;
    }
    until_ringing(&world, "Stuck").await;
    world.until_logged("sweep", &["stuck", "forgotten"]).await;

    let item =
        json!({"pk": {"S": "event shop odd"}, "sk": {"S": "purchase"}, "desired": {"N": "1"}});
    world.aws("DynamoDB_20120810.PutItem", json!({"TableName": "Conversions", "Item": item})).await;
    until_ringing(&world, "StuckElsewhere").await;
    world.until_logged("sweep", &["stuck", "event shop odd"]).await;

    // Its goal takes no hashes: a click is looked for until its last day, which is no trouble.
    world.change_goals(|goal| goal.enhanced_conversions = false);
    assert_eq!(world.check_goals().await["checked"], true);
    let by_mail = json!({"msclkid": null, "email": "john@contoso.com"});
    world.queued(&with(&purchase("by-mail", "-", &json!(10)), &by_mail)).await;
    world.until_state("by-mail", "waiting").await;
    let sold = json!({"occurredAt": ago(84 * DAY), "conversionTime": ago(84 * DAY)});
    world.change_items("Conversions", "event shop by-mail", sold).await;

    let nothing = Fault::Status { status: 500, body: AnswerBody::Empty, after_accepting: false };
    world.faults(vec![FaultRule::new(nothing).on(CONVERSIONS)]);
    let late = json!({"occurredAt": time(-84 * DAY)});
    world.queued(&with(&purchase("late", &click(3), &json!(10)), &late)).await;
    until_ringing(&world, "AboutToExpire").await;
    world.until_logged("sweep", &["can be sent for a few days more only", "shop/late"]).await;
    assert!(!world.has_logged("sweep", &["can be sent for a few days more only", "shop/by-mail"]));
    assert_eq!(world.record("by-mail").await["reason"], "no_click");
    let is_age = |point: &Point| (&*point.metric, &*point.account) == ("SecretAgeDays", "main");
    assert!(world.points().iter().any(is_age));
    assert!(!world.rings("SecretAge"), "a new secret");
    world.stop().await;
}

const MINUTE: i64 = 60;

/// An alarm, its metric, values that were so many seconds ago, and whether it goes off. What is
/// elsewhere has no account.
type Series = (&'static str, &'static str, &'static [(i64, f64)], bool);

/// Alarms that look at several periods or at ages.
const SERIES: &[Series] = &[
    ("AuthFailed", "AuthFailed", &[(5 * MINUTE, 3.0)], false),
    ("AuthFailed", "AuthFailed", &[(5 * MINUTE, 1.0), (65 * MINUTE, 1.0)], true),
    ("AuthFailed", "AuthFailed", &[(5 * MINUTE, 1.0), (125 * MINUTE, 1.0)], false),
    ("NoAnswer", "Unknown", &[(MINUTE, 1.0), (16 * MINUTE, 1.0), (31 * MINUTE, 1.0)], false),
    (
        "NoAnswer",
        "Unknown",
        &[(MINUTE, 1.0), (16 * MINUTE, 1.0), (31 * MINUTE, 1.0), (46 * MINUTE, 1.0)],
        true,
    ),
    ("Overdue", "OldestOverdueSeconds", &[(MINUTE, 7_300.0), (16 * MINUTE, 7_100.0)], false),
    ("Overdue", "OldestOverdueSeconds", &[(MINUTE, 7_300.0), (16 * MINUTE, 7_300.0)], true),
    ("Overdue", "OldestOverdueSeconds", &[(16 * MINUTE, 0.0)], false),
    ("Overdue", "OldestOverdueSeconds", &[(31 * MINUTE, 0.0)], true),
    ("Unchecked", "GoalFindings", &[(230 * MINUTE, 0.0)], false),
    ("Unchecked", "GoalFindings", &[(4 * HOUR, 0.0)], true),
    ("OriginalMissing", "OriginalMissing", &[(HOUR, 2.0), (23 * HOUR, 3.0)], true),
    ("OriginalMissing", "OriginalMissing", &[(HOUR, 2.0), (25 * HOUR, 3.0)], false),
    ("OriginalMissingElsewhere", "OriginalMissing", &[(HOUR, 2.0), (23 * HOUR, 3.0)], true),
    ("OriginalMissingElsewhere", "OriginalMissing", &[(HOUR, 4.0)], false),
    ("NothingQueued", "Queued", &[(23 * HOUR, 1.0)], false),
    ("NothingQueued", "Queued", &[(24 * HOUR, 1.0), (HOUR, 0.0)], true),
    ("SecretAge", "SecretAgeDays", &[(MINUTE, 21.0)], false),
    ("SecretAge", "SecretAgeDays", &[(MINUTE, 22.0)], true),
    ("SecretAge", "SecretAgeDays", &[(MINUTE, 0.0), (20 * MINUTE, 22.0)], false),
];

#[test]
fn alarms_that_look_back_count_periods_and_not_values() {
    for (alarm, metric, values, expected) in SERIES {
        let point = |&(ago, value): &(i64, f64)| {
            let account = if alarm.ends_with("Elsewhere") { "none" } else { "main" };
            Point { metric: (*metric).to_owned(), account: account.to_owned(), value, ago }
        };
        let points: Vec<Point> = values.iter().map(point).collect();
        assert_eq!(Alarm::of(alarm).goes_off(&points), *expected, "{alarm} {values:?}");
    }
}

/// Two rejected events an hour are no share that rings; that nothing new is stored for a day does, for
/// each of them counts nothing queued.
#[test]
fn a_small_shop_whose_every_event_is_rejected_rings_after_the_hours_of_silence() {
    let hour = |n: i64| {
        let of = |metric: &str, value| {
            let (metric, account) = (metric.to_owned(), "main".to_owned());
            Point { metric, account, value, ago: n * HOUR + MINUTE }
        };
        [of("Rejected", 2.0), of("Conflict", 0.0), of("Queued", 0.0), of("Duplicate", 0.0)]
    };
    let rejected: Vec<Point> = (0..24).flat_map(hour).collect();
    assert!(!Alarm::of("Rejected").goes_off(&rejected));
    assert!(Alarm::of("NothingQueued").goes_off(&rejected));
    let mut one_is_stored = rejected;
    one_is_stored[90].value = 1.0;
    assert_eq!(one_is_stored[90].metric, "Queued");
    assert!(!Alarm::of("NothingQueued").goes_off(&one_is_stored));
}

/// Corrections that can have no effect, those of them whose original never came, and whether it goes
/// off.
#[test]
fn corrections_that_are_lost_ring_unless_their_original_never_came() {
    for (alarm, account) in [("CorrectionLost", "main"), ("CorrectionLostElsewhere", "none")] {
        for (lost, never, expected) in [(2.0, 0.0, true), (2.0, 2.0, false), (3.0, 2.0, true)] {
            let of = |metric: &str, value| {
                let (metric, account) = (metric.to_owned(), account.to_owned());
                Point { metric, account, value, ago: MINUTE }
            };
            let points = [of("CorrectionLost", lost), of("OriginalNeverCame", never)];
            assert_eq!(Alarm::of(alarm).goes_off(&points), expected, "{alarm} {lost} {never}");
        }
    }
}

#[test]
fn every_alarm_about_own_metrics_is_tried() {
    let files = [include_str!("alarms.rs"), include_str!("counted.rs"), include_str!("report.rs")];
    let tests = files.concat();
    for alarm in own_alarms() {
        assert!(tests.contains(&format!("\"{alarm}\"")), "{alarm} is in no test");
    }
}
