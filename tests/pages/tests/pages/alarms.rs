//! Alarms about what AWS itself measures: no test makes them go off, so what they look at is said once
//! more here. An alarm whose dimension is lost looks at nothing, and is silent for good.

use std::collections::BTreeMap;

use pages::template::{Template, source_of, untagged};
use yaml_serde::Value;

/// An alarm, the namespace, metric and statistic that it looks at, its period, and above what it goes
/// off.
type Watched = (&'static str, &'static str, &'static str, &'static str, u64, u64);

const VISIBLE: &str = "ApproximateNumberOfMessagesVisible";
const IN_FLIGHT: &str = "ApproximateNumberOfMessagesNotVisible";
const AGE: &str = "ApproximateAgeOfOldestMessage";
/// Those of a queue or of the API, each with its one dimension.
const OF_ONE: &[(Watched, (&str, &str))] = &[
    (("DeadLetters", "AWS/SQS", VISIBLE, "Maximum", 300, 0), ("QueueName", "UploadsDlq.QueueName")),
    (
        ("DeadLettersOld", "AWS/SQS", AGE, "Maximum", 3_600, 7 * 86_400),
        ("QueueName", "UploadsDlq.QueueName"),
    ),
    (
        ("InFlight", "AWS/SQS", IN_FLIGHT, "Maximum", 300, 60_000),
        ("QueueName", "Uploads.QueueName"),
    ),
    (("OldestMessage", "AWS/SQS", AGE, "Maximum", 300, 18_000), ("QueueName", "Uploads.QueueName")),
    (("ApiErrors", "AWS/ApiGateway", "5xx", "Sum", 300, 0), ("ApiId", "Api")),
];
/// Those that add up all functions.
const OF_FUNCTIONS: &[Watched] = &[
    ("Errors", "AWS/Lambda", "Errors", "Sum", 300, 0),
    ("Throttles", "AWS/Lambda", "Throttles", "Sum", 300, 0),
];
/// Only there for a gradual deployment, of the functions behind the API and their access log.
const OF_DEPLOYMENTS: &str = "NewVersionAlarm";

/// About requests that are refused, which AWS does not measure by themselves.
const OF_ACCESS_LOG: &str = "TooManyRequestsAlarm";
/// Where the functions' own metrics are.
const OWN: &str = "TrackLayer${NameSuffix}";

/// A stack has metrics of its own: one for trying things out feeds no alarm of another.
#[test]
fn alarms_look_at_the_metrics_of_their_own_stack() {
    let template = Template::read();
    let namespace = template.variables().into_iter().find(|it| it.name == "TRACKLAYER_METRICS");
    assert_eq!(namespace.expect("a variable").from, "NameSuffix");
    for alarm in template.alarms().iter().filter(|it| !it.namespace.starts_with("AWS/")) {
        assert!(alarm.namespace.ends_with("${NameSuffix}"), "{}", alarm.name);
    }
    let filters = template.names("AWS::Logs::MetricFilter");
    assert_eq!(filters, ["Answers429", "Answers5xx"]);
    for filter in filters {
        let metric = &template.property(filter, "MetricTransformations")[0];
        assert_eq!(untagged(&metric["MetricNamespace"]), Some("TrackLayer/Api${NameSuffix}"));
    }
    let alarm = |name| template.property(OF_ACCESS_LOG, name);
    assert_eq!(untagged(alarm("Namespace")), Some("TrackLayer/Api${NameSuffix}"));
    assert_eq!(alarm("MetricName"), "Answers429");
    assert_eq!(template.property("Answers429", "FilterPattern"), "{ $.status = \"429\" }");
    goes_off_above(&template, OF_ACCESS_LOG, 0);
}

/// The dimensions of a metric, each with what it refers to.
fn dimensions(metric: &Value) -> Vec<(String, String)> {
    let all = metric["Dimensions"].as_sequence().into_iter().flatten();
    all.map(|it| (it["Name"].as_str().expect("a name").to_owned(), source_of(&it["Value"])))
        .collect()
}

/// What goes for both kinds.
fn goes_off_above(template: &Template, alarm: &str, threshold: u64) {
    let property = |name| template.property(alarm, name);
    assert_eq!(property("Threshold"), &Value::from(threshold), "{alarm}");
    assert_eq!(property("ComparisonOperator"), "GreaterThanThreshold", "{alarm}");
    assert_eq!(property("TreatMissingData"), "notBreaching", "{alarm}");
    assert!(!property("AlarmActions").is_null(), "{alarm} tells nobody");
}

#[test]
fn alarms_about_a_queue_or_the_api_look_at_it() {
    let template = Template::read();
    for ((name, namespace, metric, statistic, period, threshold), (dimension, of)) in OF_ONE {
        let alarm = &format!("{name}Alarm");
        let property = |name| template.property(alarm, name);
        let properties = BTreeMap::from([
            ("Namespace", *namespace),
            ("MetricName", metric),
            ("Statistic", statistic),
        ]);
        for (name, expected) in properties {
            assert_eq!(untagged(property(name)), Some(expected), "{alarm} {name}");
        }
        let metric = Value::Mapping(
            [("Dimensions".into(), property("Dimensions").clone())].into_iter().collect(),
        );
        let expected = [((*dimension).to_owned(), (*of).to_owned())];
        assert_eq!(dimensions(&metric), expected, "{alarm}");
        assert_eq!(property("Period"), &Value::from(*period), "{alarm}");
        goes_off_above(&template, alarm, *threshold);
    }
}

#[test]
fn alarms_about_all_functions_add_up_each_of_them() {
    let template = Template::read();
    let functions = template.names("AWS::Serverless::Function");
    for (name, namespace, metric, statistic, period, threshold) in OF_FUNCTIONS {
        let alarm = &format!("{name}Alarm");
        let parts = template.property(alarm, "Metrics").as_sequence().expect("metrics");
        assert_eq!(parts[0]["Expression"], "SUM(METRICS())", "{alarm}");
        assert!(parts[0]["ReturnData"].is_null(), "{alarm}");
        let mut named = Vec::new();
        for part in &parts[1..] {
            let stat = &part["MetricStat"];
            assert_eq!(part["ReturnData"], Value::from(false), "{alarm}");
            assert_eq!(stat["Metric"]["Namespace"], *namespace, "{alarm}");
            assert_eq!(stat["Metric"]["MetricName"], *metric, "{alarm}");
            assert_eq!(stat["Stat"], *statistic, "{alarm}");
            assert_eq!(stat["Period"], Value::from(*period), "{alarm}");
            named.extend(dimensions(&stat["Metric"]));
        }
        named.sort();
        let mut expected: Vec<_> =
            functions.iter().map(|it| ("FunctionName".to_owned(), (*it).to_owned())).collect();
        expected.sort();
        assert_eq!(named, expected, "{alarm}");
        goes_off_above(&template, alarm, *threshold);
    }
}

#[test]
fn every_alarm_about_what_aws_measures_is_looked_at_here() {
    let of_one = OF_ONE.iter().map(|(watched, _)| watched.0);
    let known: Vec<String> = of_one
        .chain(OF_FUNCTIONS.iter().map(|watched| watched.0))
        .map(|name| format!("{name}Alarm"))
        .chain([OF_DEPLOYMENTS, OF_ACCESS_LOG].map(str::to_owned))
        .collect();
    for alarm in Template::read().alarms().iter().filter(|it| it.namespace != OWN) {
        assert!(known.contains(&alarm.name), "{}", alarm.name);
    }
}

/// How many seconds lie between two runs of a schedule such as `rate(5 minutes)`.
fn seconds_between(schedule: &str) -> u64 {
    let rate = schedule.strip_prefix("rate(").and_then(|it| it.strip_suffix(')'));
    let (many, unit) = rate.and_then(|it| it.split_once(' ')).expect("a rate");
    let seconds = match unit.trim_end_matches('s') {
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        other => panic!("how long is one {other}"),
    };
    many.parse::<u64>().expect("a number") * seconds
}

/// A function that fails in each of its runs is seen: two of them lie in the windows that are looked at,
/// wherever these begin.
#[test]
fn alarms_that_want_two_windows_see_two_runs_of_the_slowest_schedule() {
    let template = Template::read();
    let slowest = template.schedules().iter().map(|it| seconds_between(it)).max();
    let slowest = slowest.expect("schedules");
    assert_eq!(slowest, 3_600);
    for (alarm, period) in [("ApiErrorsAlarm", 300), ("ErrorsAlarm", 300), ("AuthFailedAlarm", 900)]
    {
        let number = |name| template.property(alarm, name).as_u64().expect("a number");
        assert_eq!(number("DatapointsToAlarm"), 2, "{alarm}");
        let span = number("EvaluationPeriods") * period;
        assert!(span >= 2 * slowest, "{alarm} looks back {span} s");
        let description = template.property(alarm, "AlarmDescription").as_str().expect("a text");
        let is_said = alarm == "AuthFailedAlarm" || description.contains("within two hours");
        assert!(is_said, "{alarm}");
    }
}
