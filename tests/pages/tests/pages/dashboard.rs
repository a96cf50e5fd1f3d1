//! What an operator looks at: the dashboard shows metrics that are there, and all of them; the query and
//! the metric of the access log use what is in it.

use std::collections::BTreeSet;

use pages::template::{Template, source_of, untagged};
use serde_json::Value;

use crate::infra::METRICS;

/// AWS's own metrics, each with the dimension under which there is one for each queue, API or function.
const OF_AWS: &[(&str, &[&str], &str)] = &[
    ("AWS/ApiGateway", &["Count", "4xx", "5xx", "Latency"], "ApiId"),
    ("AWS/Lambda", &["Errors", "Duration", "Throttles"], "FunctionName"),
    (
        "AWS/SQS",
        &[
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateAgeOfOldestMessage",
        ],
        "QueueName",
    ),
];

/// All metrics of all graphs.
fn shown() -> Vec<Value> {
    let template = Template::read();
    let body = untagged(template.property("Dashboard", "DashboardBody")).expect("a text");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let widgets = body["widgets"].as_array().expect("widgets");
    let metrics = widgets.iter().filter_map(|it| it["properties"]["metrics"].as_array());
    metrics.flatten().cloned().collect()
}

/// The namespace of the stack holds a hyphen, so it is quoted.
const SEARCH: &str = r#"SEARCH('{"TrackLayer${NameSuffix}",account} MetricName=""#;

#[test]
fn the_dashboard_finds_every_metric_of_every_account() {
    let mut found = BTreeSet::new();
    for metric in shown() {
        let Some(expression) = metric[0]["expression"].as_str() else { continue };
        let search = expression.strip_prefix(SEARCH);
        let (name, rest) = search.and_then(|it| it.split_once("\"', '")).expect("a search");
        let (statistic, _) = rest.split_once("', ").expect("a period");
        assert!(["Sum", "Maximum"].contains(&statistic), "{expression}");
        found.insert(name.to_owned());
    }
    let counted: BTreeSet<_> = METRICS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(found, counted);
}

#[test]
fn the_dashboard_asks_aws_for_metrics_that_it_has() {
    let template = Template::read();
    let functions: BTreeSet<_> =
        template.names("AWS::Serverless::Function").into_iter().map(str::to_owned).collect();
    let mut of_functions = BTreeSet::new();
    for metric in shown().iter().filter(|it| it[0].is_string()) {
        let text = |index: usize| metric[index].as_str().expect("a text");
        let known = OF_AWS.iter().find(|(namespace, ..)| *namespace == text(0));
        let (_, names, dimension) = known.expect("a namespace");
        assert!(names.contains(&text(1)) && *dimension == text(2), "{metric}");
        if text(0) == "AWS/Lambda" {
            of_functions.insert(text(3).trim_matches(['$', '{', '}']).to_owned());
        }
    }
    assert_eq!(of_functions, functions);
}

/// Words of the query that are no fields.
const WORDS: &[&str] =
    &["stats", "count", "as", "requests", "avg", "mean", "pct", "95", "p95", "by", "sort", "desc"];

#[test]
fn what_is_asked_of_the_access_log_is_in_it() {
    let template = Template::read();
    let format = template.property("Api", "AccessLogSettings")["Format"].as_str().expect("a text");
    let line: Value = serde_json::from_str(format).expect("JSON");
    let query = template.property("RoutesQuery", "QueryString").as_str().expect("a text");
    let words = query.split(|c: char| !c.is_alphanumeric()).filter(|it| !it.is_empty());
    for field in words.filter(|it| !WORDS.contains(it)) {
        assert!(line[field].is_string(), "{field}");
    }
    let filter = template.property("Answers5xx", "FilterPattern").as_str().expect("a text");
    assert_eq!(filter, "{ $.status = \"5*\" }");
    assert_eq!(line["status"], "$context.status");
    for (resource, property) in [("RoutesQuery", "LogGroupNames"), ("Answers5xx", "LogGroupName")] {
        let group = template.property(resource, property);
        let group = group.as_sequence().map_or(group, |groups| &groups[0]);
        assert_eq!(source_of(group), "AccessLogs");
    }
}
