//! Microsoft's own Python SDK as the context: it reads the simulator's answers, and what it sends is
//! what this system sends. Without Python or its registry these tests are skipped, and say so.

mod python;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use microsoft_simulator::{Call, Fault, FaultRule, Settings, Simulator};
use python::Sdk;
use serde_json::{Map, Value, json};
use test_support::events::{MSCLKID, click, purchase, refund, time as in_seconds, with};
use test_support::rig::World;
use test_support::rig::operator::{ADJUSTMENTS, CONVERSIONS};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

const REPORT: &str = "/OfflineConversionReport/QueryByGoalIds";
/// SHA-256 of `john@contoso.com` and of `+14255551234`.
const EMAIL: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";
const PHONE: &str = "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e";

fn sdk() -> Option<Sdk> {
    Sdk::find(env!("CARGO_TARGET_TMPDIR"))
}

fn instant(text: &str) -> OffsetDateTime {
    OffsetDateTime::parse(text, &Rfc3339).expect("an instant")
}

/// A simulator at ten o'clock, and its address.
async fn simulator(settings: Settings) -> (Simulator, String) {
    let clock = Arc::new(|| instant("2026-04-24T10:00:00Z"));
    let simulator = Simulator::with_clock(settings, clock);
    let address = simulator.listen(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    (simulator, format!("http://{address}"))
}

#[tokio::test]
async fn the_sdk_sends_conversions_and_reads_errors_by_index() {
    let Some(sdk) = sdk() else { return };
    let (simulator, url) = simulator(Settings::default()).await;
    let sale = json!({
        "goal": "Purchase", "time": "2026-04-24T09:42:13Z", "click": MSCLKID,
        "value": 129.95, "currency": "USD",
    });
    let lead = json!({ "goal": "Qualified Lead", "time": "2026-04-24T09:00:00Z", "email": EMAIL });
    let change = json!({ "at": "2026-04-24T09:55:00Z", "kind": "Restate", "value": 99.95 });
    let restate = with(&sale, &change);
    let retract = json!({
        "goal": "Qualified Lead", "time": "2026-04-24T09:00:00Z", "email": EMAIL,
        "at": "2026-04-24T09:56:00Z", "kind": "Retract",
    });
    let calls = json!([
        { "call": "conversions", "rows": [sale, with(&sale, &json!({ "goal": "Sale" })), lead] },
        { "call": "adjustments", "rows": [with(&retract, &json!({ "value": 1.0 })), restate, retract] },
        { "call": "conversions", "rows": [] },
    ]);
    let answers = sdk.drive(&url, &calls).await.expect("answers");
    let error = |index, code, symbol| json!([{ "index": index, "code": code, "symbol": symbol, "type": "BatchError" }]);
    let wrong_name = error(1, 5606, "OfflineConversionNameInvalid");
    let value_given = error(0, 5624, "OfflineConversionAdjustmentValueNotExpected");
    assert_eq!(answers[0]["errors"], wrong_name);
    assert_eq!(answers[1]["errors"], value_given);
    let fault = &answers[2];
    assert_eq!((&fault["status"], &fault["fault"]), (&json!(400), &json!("AdApiFaultDetail")));
    assert_eq!(fault["errors"], json!([[5600, "OfflineConversionsNullOrEmpty"]]));
    let last_call = simulator.calls().pop().expect("a call");
    assert_eq!(fault["tracking_id"], last_call.tracking_id);
    let kept: Vec<Value> =
        simulator.conversions().iter().map(|c| serde_json::to_value(c).expect("JSON")).collect();
    let states: Vec<_> = kept.iter().map(|c| (&c["goal"], &c["value"], &c["state"])).collect();
    let expected = [
        (&json!("Purchase"), &json!(99.95), &json!("restated")),
        (&json!("Qualified Lead"), &json!(0), &json!("retracted")),
    ];
    assert_eq!(states, expected);
}

#[tokio::test]
async fn the_sdk_reads_goals_properties_and_the_outcome() {
    let Some(sdk) = sdk() else { return };
    let (simulator, url) = simulator(Settings::default()).await;
    simulator.update_settings(|settings| {
        settings.faults = vec![FaultRule::new(Fault::ExpireTokens {}).on(ADJUSTMENTS)];
    });
    let sale = json!({
        "goal": "Purchase", "time": "2026-04-24T09:42:13Z", "click": MSCLKID,
        "value": 1.0, "currency": "USD",
    });
    let week = |call: &str, ids: Value| {
        json!({
            "call": call, "ids": ids, "start": "2026-04-18T00:00:00Z", "end": "2026-04-24T10:00:00Z",
        })
    };
    let calls = json!([
        { "call": "conversions", "rows": [sale, sale] },
        { "call": "goals" },
        { "call": "goals", "ids": ["1003", "7"] },
        week("report", json!(["1001", "7"])),
        { "call": "properties" },
        { "call": "adjustments", "rows": [] },
    ]);
    let answers = sdk.drive(&url, &calls).await.expect("answers");
    assert_eq!(answers[1]["goals"].as_array().map(Vec::len), Some(3));
    let lead = json!({
        "class": "OfflineConversionGoal", "id": "1002", "name": "Qualified Lead", "status": "Active",
        "scope": "Account", "count": "Unique", "window": 43_200, "revenue": "NoValue",
        "enhanced": true, "external": false,
    });
    assert_eq!(answers[1]["goals"][1], lead);
    assert_eq!(
        (&answers[2]["goals"][0]["id"], &answers[2]["goals"][1]),
        (&json!("1003"), &Value::Null)
    );
    assert_eq!(
        (&answers[2]["errors"][0]["index"], &answers[3]["errors"][0]["index"]),
        (&json!(1), &json!(1))
    );
    let goal = &answers[3]["goals"][0];
    assert_eq!((&goal["id"], &goal["name"]), (&json!("1001"), &json!("Purchase")));
    assert_eq!((&goal["successes"], &goal["unattributed"]), (&json!("1"), &json!("1")));
    assert_eq!(
        (&goal["rate"], &goal["reasons"]),
        (&json!(0.5), &json!({ "DuplicateConversionKey": "1" }))
    );
    assert_eq!(goal["days"].as_array().map(Vec::len), Some(7));
    assert_eq!(goal["days"][6], json!(["2026-04-24T00:00:00+00:00", 1, 1, 0.5]));
    assert_eq!(answers[4]["properties"], json!({ "MSCLKIDAutoTaggingEnabled": "true" }));
    // The token ran out.
    assert_eq!(answers[5]["errors"], json!([[109, "AuthenticationTokenExpired"]]));
}

/// Everything that came in on a path, by who sent it.
fn sent(simulator: &Simulator, path: &str, by_sdk: bool) -> Vec<Call> {
    let is_sdk = |call: &Call| call.header("user-agent").unwrap_or_default().contains("BingAdsSDK");
    let mut calls = simulator.calls();
    calls.retain(|call| call.path.ends_with(path) && is_sdk(call) == by_sdk);
    assert!(!calls.is_empty(), "{path}, by the SDK: {by_sdk}");
    calls
}

/// A body's JSON in which texts that name an instant are instants, numbers are numbers, and flags
/// are in order. A member that is null says the same as one that is absent: the SDK leaves out what
/// was never set, and writes null for what was set to nothing.
fn meaning(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let there = members.iter().filter(|(_, value)| !value.is_null());
            there.map(|(name, value)| (name.clone(), meaning(value))).collect()
        }
        Value::Array(items) => items.iter().map(meaning).collect(),
        Value::Number(number) => json!(number.as_f64()),
        Value::String(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(at) => json!(format!("instant {}", at.unix_timestamp_nanos())),
            Err(_) if text.contains(',') => {
                let mut flags: Vec<&str> = text.split(',').map(str::trim).collect();
                flags.sort_unstable();
                json!(flags)
            }
            Err(_) => json!(text),
        },
        other => other.clone(),
    }
}

/// The rows of all calls on a path, by what names their conversion.
fn rows(simulator: &Simulator, path: &str, by_sdk: bool) -> BTreeMap<String, Value> {
    let bodies = sent(simulator, path, by_sdk).into_iter().map(|call| call.json());
    let mut rows = BTreeMap::new();
    for body in bodies {
        let members: &Map<String, Value> = body.as_object().expect("an object");
        assert_eq!(members.len(), 1, "{body}");
        let (list, items) = members.iter().next().expect("a list");
        for row in items.as_array().expect("rows") {
            let row = meaning(row);
            let who = row.get("MicrosoftClickId").or(row.get("HashedEmailAddress"));
            rows.insert(format!("{list} {} {who:?}", row["ConversionTime"]), row);
        }
    }
    rows
}

/// The documented headers say the same, whoever sends.
fn assert_same_headers(simulator: &Simulator, path: &str) {
    let [ours, theirs] = [false, true].map(|by_sdk| sent(simulator, path, by_sdk)[0].clone());
    for name in ["developertoken", "customerid", "customeraccountid", "content-type"] {
        assert!(ours.header(name).is_some(), "{path}: {name}");
        assert_eq!(ours.header(name), theirs.header(name), "{path}: {name}");
    }
    for call in [ours, theirs] {
        assert!(call.header("authorization").is_some_and(|value| value.starts_with("Bearer s")));
    }
}

/// What a shop says, and the same for the SDK.
fn sales() -> (Value, Vec<Value>) {
    let mut by_both = purchase("2", &click(2), &json!(10));
    by_both["email"] = json!("John@Contoso.com");
    by_both["phone"] = json!("+1 425 555 1234");
    let lead = json!({
        "event": "qualified_lead", "eventId": "3", "source": "shop", "occurredAt": in_seconds(-1),
        "hashedEmail": EMAIL,
    });
    let events = json!([purchase("1", &click(1), &json!(129.95)), by_both, lead]);
    let time = |index: usize| events[index]["occurredAt"].clone();
    let rows = vec![
        json!({
            "goal": "Purchase", "time": time(0), "click": click(1), "value": 129.95, "currency": "USD",
        }),
        json!({
            "goal": "Purchase", "time": time(1), "click": click(2), "email": EMAIL, "phone": PHONE,
            "value": 10.0, "currency": "USD",
        }),
        json!({ "goal": "Qualified Lead", "time": time(2), "email": EMAIL }),
    ];
    (events, rows)
}

/// The corrections of the first two sales, a part and everything, at the moments we chose.
fn corrections(sales: &[Value], simulator: &Simulator) -> Vec<Value> {
    let ours = rows(simulator, ADJUSTMENTS, false);
    let mut corrected = vec![sales[0].clone(), sales[1].clone()];
    for (row, kind) in corrected.iter_mut().zip(["Restate", "Retract"]) {
        let sent = ours.values().find(|sent| sent["AdjustmentType"] == kind).expect(kind);
        let at = sent["AdjustmentTime"].as_str().and_then(|at| at.strip_prefix("instant "));
        let at: i128 = at.and_then(|at| at.parse().ok()).expect("an instant");
        let at = OffsetDateTime::from_unix_timestamp_nanos(at).expect("an instant");
        row["kind"] = json!(kind);
        row["at"] = json!(at.format(&Rfc3339).expect("a text"));
    }
    corrected[0]["value"] = json!(99.95);
    for name in ["value", "currency"] {
        corrected[1].as_object_mut().expect("an object").remove(name);
    }
    corrected
}

/// The question about the outcome, with the days and goals of ours.
fn report_like_ours(simulator: &Simulator) -> Value {
    let ours = sent(simulator, REPORT, false)[0].json();
    json!({
        "call": "report", "ids": ours["GoalIds"], "start": ours["StartDateUtc"],
        "end": ours["EndDateUtc"],
    })
}

/// The documented members of the first token call by such a client. The SDK sends more.
fn token_form(simulator: &Simulator, by_sdk: bool) -> Vec<Option<String>> {
    let is_sdk = |call: &Call| call.header("user-agent").is_some_and(|who| who.contains("python"));
    let calls = simulator.calls();
    let is_meant = |call: &&Call| call.path.ends_with("/token") && is_sdk(call) == by_sdk;
    let form = calls.iter().find(is_meant).expect("a token call").form();
    let documented = ["client_id", "client_secret", "grant_type", "refresh_token", "scope"];
    documented.iter().map(|name| form.get(*name).cloned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn we_send_what_the_sdk_sends() {
    let Some(sdk) = sdk() else { return };
    let world = World::with(|options| options.check_every = Duration::from_secs(600)).await;
    let (events, sales) = sales();
    assert_eq!(world.post(&events).await.body["counts"]["queued"], 3);
    for id in ["1", "2", "3"] {
        world.until_state(id, "accepted").await;
    }
    let refunds = json!([refund("1-r", "1", &json!(30)), refund("2-r", "2", &Value::Null)]);
    assert_eq!(world.post(&refunds).await.body["counts"]["queued"], 2);
    world.until_state("1", "restated").await;
    world.until_state("2", "retracted").await;
    world.stack.invoke("goals", &json!({})).await.expect("a report");

    let microsoft = world.microsoft();
    let corrections = corrections(&sales, microsoft);
    let calls = json!([
        { "call": "conversions", "rows": sales },
        { "call": "adjustments", "rows": corrections },
        { "call": "goals" },
        { "call": "properties" },
        report_like_ours(microsoft),
    ]);
    let answers = sdk.drive(world.stack.simulator_url(), &calls).await.expect("answers");
    assert!(answers.iter().all(|answer| answer["errors"] == json!([])), "{answers:#?}");

    for (path, count) in [(CONVERSIONS, 3), (ADJUSTMENTS, 2)] {
        let [ours, theirs] = [false, true].map(|by_sdk| rows(microsoft, path, by_sdk));
        assert_eq!(ours.len(), count);
        assert_eq!(ours, theirs);
        assert_same_headers(microsoft, path);
    }
    for path in ["/ConversionGoals/QueryByIds", "/AccountProperties/Query", REPORT] {
        let [ours, theirs] =
            [false, true].map(|by_sdk| meaning(&sent(microsoft, path, by_sdk)[0].json()));
        assert_eq!(ours, theirs, "{path}");
        assert_same_headers(microsoft, path);
    }
    assert_eq!(token_form(microsoft, false), token_form(microsoft, true));
    world.stop().await;
}
