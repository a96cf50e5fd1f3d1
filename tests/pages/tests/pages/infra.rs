//! The tables of `infra/README.md`: parameters, variables, metrics, alarms, what costs money while
//! nothing happens.

use std::collections::BTreeSet;

use pages::{
    check, code, sources, table,
    template::{Alarm, Parameter, Template, Variable},
};
use tracklayer_core::{
    reconcile::decide::Policy,
    time::{DAY, MAX_AGE},
};

const PAGE: &str = "infra/README.md";

#[test]
fn parameters() {
    let line = |it: &Parameter| {
        let default = if it.default.is_empty() { "–".to_owned() } else { code(&it.default) };
        [code(&it.name), default, it.description.clone()]
    };
    let parameters = Template::read().parameters();
    let head = ["parameter", "default", "what it is"];
    check(PAGE, "parameters", &table(head, parameters.iter().map(line)));
}

/// Variables that the functions read and Lambda, or whoever runs them elsewhere, sets.
const FROM_ELSEWHERE: &[&str] = &[
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    "AWS_ENDPOINT_URL_SQS",
    "AWS_LAMBDA_LOG_LEVEL",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
];

#[test]
fn variables() {
    let variables = Template::read().variables();
    let line = |it: &Variable| [code(&it.name), code(&it.from)];
    check(PAGE, "variables", &table(["variable", "comes from"], variables.iter().map(line)));
    let set: BTreeSet<_> = variables.iter().map(|it| it.name.clone()).collect();
    let read = sources::variables(&sources::of_functions(), &["TRACKLAYER_", "MSADS_", "AWS_"]);
    let elsewhere: BTreeSet<_> = FROM_ELSEWHERE.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(read, set.union(&elsewhere).cloned().collect(), "read by the functions, and set");
}

/// What each metric counts.
const METRICS: &[(&str, &str)] = &[
    ("Captured", "landings stored by `capture` (account `none`)"),
    ("CaptureDenied", "landings without consent: nothing stored"),
    ("CaptureRefused", "landings that could not be used or stored"),
    ("Queued", "events stored by `enqueue`"),
    ("Duplicate", "events that were stored already"),
    ("Ignored", "events that are not for Microsoft"),
    ("Conflict", "known ids with other content"),
    ("Rejected", "events that could not be taken"),
    ("Accepted", "originals that Microsoft took"),
    ("Restated", "corrections that changed a value"),
    ("Retracted", "corrections that took a conversion back"),
    ("Waiting", "rows that wait: each time one begins to, and all of them at each run of `sweep`"),
    ("Refused", "rows refused for good: each time, and all of them at each run of `sweep`"),
    ("Dead", "rows whose message the queue gave up, all of them at each run of `sweep`"),
    ("Unknown", "rows of calls that had no answer, or none that could be read"),
    ("UnknownCode", "error codes that this software doesn't know"),
    ("Throttled", "calls that Microsoft refused because there were too many"),
    ("AuthFailed", "times the account or its token was refused"),
    ("MicrosoftCalls", "calls of `upload` to Microsoft"),
    ("GoalFindings", "what a check of the goals found, grave or not"),
    ("HeldGoals", "goals whose rows wait until a check passes"),
    ("OldestOverdueSeconds", "how long the oldest due row has been due"),
    ("AboutToExpire", "rows that can be sent for less than eight days more"),
    ("Stuck", "rows that nothing drove any more, and what else a person should look at"),
    ("SecretAgeDays", "age of the version of the account's secret"),
];

#[test]
fn metrics() {
    let source = sources::of_functions();
    for (name, _) in METRICS {
        assert!(source.contains(&format!("\"{name}\"")), "no function counts {name}");
    }
    for alarm in Template::read().alarms().iter().filter(|it| it.namespace == "TrackLayer") {
        assert!(METRICS.iter().any(|(name, _)| *name == alarm.metric), "{}", alarm.metric);
    }
    let line = |(name, what): &(&str, &str)| [code(name), (*what).to_owned()];
    check(PAGE, "metrics", &table(["metric", "what it counts"], METRICS.iter().map(line)));
}

#[test]
fn alarms() {
    let line = |it: &Alarm| {
        let name = it.name.trim_end_matches("Alarm");
        [code(name), format!("{}: {}", it.metric, it.when), it.description.clone()]
    };
    let alarms = Template::read().alarms();
    let head = ["alarm", "when", "what it means, and what to do"];
    check(PAGE, "alarms", &table(head, alarms.iter().map(line)));
}

/// List prices of us-east-1 in US dollars a month.
const ALARM: f64 = 0.10;
const METRIC: f64 = 0.30;
const SECRET: f64 = 0.40;

#[test]
fn fixed_costs() {
    let template = Template::read();
    let count = |kind| u32::try_from(template.count(kind)).expect("few");
    let alarms = count("AWS::CloudWatch::Alarm");
    let secrets = count("AWS::SecretsManager::Secret");
    let metrics = u32::try_from(METRICS.len()).expect("few");
    let items = [
        ("metrics, one account", metrics, METRIC),
        ("alarms", alarms, ALARM),
        ("secrets", secrets, SECRET),
    ];
    let cost = |(_, many, price): &(&str, u32, f64)| f64::from(*many) * price;
    let line = |item: &(&str, u32, f64)| {
        let (what, many, price) = item;
        [
            (*what).to_owned(),
            many.to_string(),
            format!("${price:.2}"),
            format!("${:.2}", cost(item)),
        ]
    };
    let sum: f64 = items.iter().map(cost).sum();
    let total = ["together".to_owned(), String::new(), String::new(), format!("${sum:.2}")];
    let lines = items.iter().map(line).chain([total]);
    let head = ["what", "how many", "each", "a month"];
    check(PAGE, "fixed costs", &table(head, lines));
}

/// Write units of one look at a row that waits: sweep moves its time, upload notes that it waits on;
/// each is a write to the table and two to the index.
const UNITS_OF_A_LOOK: i64 = 6;
/// Dollars per million write units on demand.
const WRITE_UNITS: f64 = 0.625;

/// How often a row is looked at that waits for a click until Microsoft takes it no more.
fn looks() -> i64 {
    let hour = 3_600;
    let policy = Policy { settle_delay: 12 * hour, run_margin: 900, min_click_age: hour, hour };
    let (mut time, mut looks) = (0, 0);
    while time <= MAX_AGE {
        time += policy.back_off(u32::try_from(looks).expect("few"));
        looks += 1;
    }
    looks
}

#[test]
fn a_row_that_waits() {
    let units = looks() * UNITS_OF_A_LOOK;
    let dollars = f64::from(u32::try_from(units).expect("few")) * WRITE_UNITS;
    let days = MAX_AGE / DAY;
    let text = format!(
        "An order that waits for a click is looked at {} times in {days} days: about {units} write \
         units,\n${dollars:.0} per million such orders.\n",
        looks()
    );
    check(PAGE, "waiting costs", &text);
}
