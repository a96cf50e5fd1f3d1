//! The tables of `infra/README.md`: parameters, variables, metrics, alarms, what costs money while
//! nothing happens.

use std::collections::BTreeSet;

use pages::template::{Alarm, Parameter, Template, Variable};
use pages::{check, code, sources, table};
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::time::{DAY, EventTime, MAX_AGE};

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
pub const METRICS: &[(&str, &str)] = &[
    ("Captured", "landings and ties stored by `capture` (account `none`)"),
    ("ClicksCaptured", "those in `Captured` that came with a click"),
    ("CaptureDenied", "landings without consent: nothing stored"),
    ("CaptureCrawler", "landings of crawlers that say so: nothing stored"),
    ("CaptureRefused", "landings in which nothing could be used"),
    (
        "FieldIgnored",
        "fields of landings and events that could not be used and were left out; the log names field and code",
    ),
    ("Queued", "events stored by `enqueue`"),
    ("Duplicate", "events that were stored already"),
    ("Ignored", "events that are not for Microsoft"),
    ("Conflict", "known ids with other content"),
    (
        "Rejected",
        "events that could not be accepted; a request that is refused as a whole is one, of account `none`",
    ),
    (
        "CorrectionLost",
        "corrections that can have no effect: too late, after a retraction, of an erased person, or their original never came",
    ),
    ("Accepted", "originals that Microsoft took"),
    ("Restated", "corrections that changed a value"),
    ("Retracted", "corrections that took a conversion back"),
    ("Waiting", "rows for which `upload` noted that they wait"),
    ("Refused", "rows that were refused for good"),
    ("Unmatched", "rows by which nobody was recognised within 90 days; they are not in `Refused`"),
    ("OriginalMissing", "originals that have not come on the third day after a correction of them"),
    (
        "OriginalNeverCame",
        "those in `CorrectionLost` whose original had not come on the fourteenth day",
    ),
    ("Dead", "rows whose message the queue gave up"),
    ("OpenWaiting", "rows and orphans that wait now, at each run of `sweep` (a gauge)"),
    ("OpenRefused", "rows that are refused now and may be redriven (a gauge)"),
    ("OpenDead", "rows that are dead now (a gauge)"),
    ("Unknown", "rows of calls that had no answer, or none that could be read"),
    ("UnknownCode", "error codes that this software doesn't know"),
    ("Throttled", "calls that Microsoft refused because there were too many"),
    ("AuthFailed", "times the account or its token was refused"),
    ("MicrosoftCalls", "calls of `upload` to Microsoft"),
    ("GoalFindings", "what a check of the goals found, grave or not"),
    ("HeldGoals", "goals whose rows wait until a check passes"),
    (
        "CountedPercent",
        "how many of a hundred rows of the last seven days Microsoft counts, at each check; none where its report says nothing",
    ),
    ("GoalsBelowUsual", "goals of which less counts than in the four weeks before"),
    (
        "AdjustmentOriginalNotFound",
        "corrections that Microsoft dropped because it saw no conversion, if it usually drops fewer",
    ),
    (
        "HistoricalClickDataExpired",
        "corrections that Microsoft dropped because of an old click, if it usually drops fewer",
    ),
    (
        "OldestOverdueSeconds",
        "how long the row that is overdue longest has been so; looks for clicks are never overdue",
    ),
    (
        "AboutToExpire",
        "rows that can be sent for less than eight days more, and corrections sent before their settle delay",
    ),
    (
        "Stuck",
        "rows that nothing drove any more, rows, erasures and ingest keys that can't be read, and erasures that can't go on",
    ),
    ("SecretAgeDays", "age of the version of the account's secret"),
];

#[test]
fn metrics() {
    let source = sources::of_functions();
    for (name, _) in METRICS {
        assert!(source.contains(&format!("\"{name}\"")), "no function counts {name}");
    }
    for alarm in
        Template::read().alarms().iter().filter(|it| it.namespace == "TrackLayer${NameSuffix}")
    {
        let is_known = |metric: &String| METRICS.iter().any(|(name, _)| name == metric);
        assert!(alarm.metrics.iter().all(is_known), "{:?}", alarm.metrics);
    }
    let line = |(name, what): &(&str, &str)| [code(name), (*what).to_owned()];
    check(PAGE, "metrics", &table(["metric", "what it counts"], METRICS.iter().map(line)));
}

#[test]
fn alarms() {
    let line = |it: &Alarm| {
        let name = it.name.trim_end_matches("Alarm");
        let what =
            it.description.replace("consent again (infra/README.md)", "[consent](#consent) again");
        [code(name), format!("{}: {}", it.metrics.join(", "), it.when), what]
    };
    let alarms = Template::read().alarms();
    for alarm in &alarms {
        let places = [" log of ", " logs of ", " its log", "status", "console"];
        let is_named = places.iter().any(|place| alarm.description.contains(place));
        assert!(is_named, "{} names no place to look at", alarm.name);
    }
    let head = ["alarm", "when", "what it means, and what to do"];
    // Those of a second account are the same.
    let alarms = alarms.iter().filter(|it| !it.name.starts_with("Second"));
    check(PAGE, "alarms", &table(head, alarms.map(line)));
}

/// List prices of us-east-1 in US dollars a month.
const ALARM: f64 = 0.10;
const METRIC: f64 = 0.30;
const SECRET: f64 = 0.40;
const DASHBOARD: f64 = 3.00;

#[test]
fn fixed_costs() {
    let template = Template::read();
    let count = |kind| u32::try_from(template.count(kind)).expect("few");
    let metrics = u32::try_from(METRICS.len()).expect("few");
    // AWS bills each metric that an alarm looks at.
    let all = template.alarms();
    let twins = all.iter().filter(|it| it.name.starts_with("Second")).map(|it| it.billed);
    let twins = f64::from(u32::try_from(twins.sum::<usize>()).expect("few"));
    let second = f64::from(metrics) * METRIC + twins * ALARM + SECRET;
    let alarms: usize = all.iter().filter(|it| !it.is_optional).map(|it| it.billed).sum();
    let alarms = u32::try_from(alarms).expect("few");
    let secrets = count("AWS::SecretsManager::Secret");
    let items = [
        ("metrics, one account", metrics, METRIC),
        ("metrics of alarms", alarms, ALARM),
        ("secrets", secrets, SECRET),
        ("dashboard", count("AWS::CloudWatch::Dashboard"), DASHBOARD),
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
    let more = format!("${second:.2}");
    let more = ["a second account, at most".to_owned(), String::new(), String::new(), more];
    let lines = items.iter().map(line).chain([total, more]);
    let head = ["what", "how many", "each", "a month"];
    check(PAGE, "fixed costs", &table(head, lines));
}

/// Write units of a row that waits for a click: it is written to the table and to the index …
const UNITS_OF_RECORDING: usize = 2;
/// … sweep moves its time at each look (in the index, one entry goes and one comes); upload writes
/// nothing where it finds nothing …
const UNITS_OF_A_LOOK: usize = 3;
/// … and after the last look its end is written, and its entry goes.
const UNITS_OF_THE_END: usize = 2;
/// Read units of a look: the row, the account's item, and what may lead to its click …
const READS_OF_A_LOOK: usize = 4;
/// … and its signal, in batches of ten: sent, received and deleted.
const REQUESTS_OF_A_LOOK: f64 = 0.3;
/// Dollars per million read units and requests to SQS.
const READ_UNITS: f64 = 0.125;
const REQUESTS: f64 = 0.40;
/// What such a row may cost at most.
const MOST_UNITS: usize = 25;
/// Dollars per million write units on demand.
const WRITE_UNITS: f64 = 0.625;

/// When a row is looked at that waits for a click until Microsoft takes it no more, in hours.
fn looks() -> Vec<i64> {
    let hour = 3_600;
    let policy = Policy { settle_delay: 12 * hour, run_margin: 900, min_click_age: hour, hour };
    let sold = EventTime::from_epoch(1_800_000_000);
    let next = |now: &EventTime| policy.next_look(sold, sold.plus_seconds(MAX_AGE), *now);
    let looks = std::iter::successors(next(&sold), next);
    looks.map(|at| at.seconds_since(sold) / hour).collect()
}

/// `[1, 48]` is "1 h and 2 d".
fn in_words(hours: &[i64]) -> String {
    let word = |hours: &i64| match hours {
        48.. => format!("{} d", hours / 24),
        _ => format!("{hours} h"),
    };
    let mut words: Vec<String> = hours.iter().map(word).collect();
    let last = words.pop().unwrap_or_default();
    format!("{} and {last}", words.join(", "))
}

#[test]
fn a_row_that_waits() {
    let looks = looks();
    let units = UNITS_OF_RECORDING + looks.len() * UNITS_OF_A_LOOK + UNITS_OF_THE_END;
    assert!(units <= MOST_UNITS, "{units}");
    let dollars = f64::from(u32::try_from(units).expect("few")) * WRITE_UNITS;
    let count = f64::from(u32::try_from(looks.len()).expect("few"));
    let reads = f64::from(u32::try_from(READS_OF_A_LOOK).expect("few")) * READ_UNITS;
    let more = count * (reads + REQUESTS_OF_A_LOOK * REQUESTS);
    let text = format!(
        "An order that waits for a click is looked at {} times in {} days, after\n{}: about {units} \
         write units\n(1 more with an order number), ${dollars:.0} per million such orders. Reads and \
         messages of the looks add\nabout ${more:.0}.\n",
        looks.len(),
        MAX_AGE / DAY,
        in_words(&looks),
    );
    check(PAGE, "waiting costs", &text);
}
