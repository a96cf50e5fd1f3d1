//! The saved queries of the template, asked which lines of the functions they find. It reads the part of
//! CloudWatch Logs Insights that they use, and refuses everything else.

use std::sync::PoisonError;

use serde_json::Value;
use yaml_serde::Value as Yaml;

use super::World;

/// A saved query.
#[derive(Debug)]
pub struct Query {
    /// Its name in the template, without `Query`.
    pub name: String,
    /// All fields that it names, those that it makes itself left out.
    pub fields: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    field: String,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Holds(String),
    IsOneOf(Vec<String>),
    IsAbove(f64),
}

impl Query {
    /// Reads the text of a query.
    ///
    /// # Panics
    /// If it says something that this reader doesn't know.
    #[must_use]
    pub fn read(name: &str, text: &str) -> Self {
        let mut query = Query { name: name.to_owned(), fields: Vec::new(), conditions: Vec::new() };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        for command in lines.collect::<Vec<_>>().join(" ").split('|') {
            let (verb, rest) = command.trim().split_once(' ').expect("a command");
            match verb {
                "fields" => query.fields.extend(rest.split(',').map(named)),
                "filter" => query.conditions.extend(rest.split(" and ").map(condition)),
                "stats" => query.fields.extend(of_statistics(rest)),
                "sort" | "limit" => {}
                other => panic!("{name}: no command {other}"),
            }
        }
        query
    }

    /// Whether it finds a line.
    #[must_use]
    pub fn finds(&self, line: &Value, text: &str) -> bool {
        self.conditions.iter().all(|it| it.holds(line, text))
    }

    /// Fields that its conditions ask for.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(|it| it.field.as_str()).filter(|it| !it.starts_with('@'))
    }
}

impl Condition {
    fn holds(&self, line: &Value, text: &str) -> bool {
        let found =
            if self.field == "@message" { Some(text.to_owned()) } else { field(line, &self.field) };
        found.is_some_and(|found| match &self.test {
            Test::Holds(part) => found.contains(part),
            Test::IsOneOf(values) => values.contains(&found),
            Test::IsAbove(least) => found.parse().is_ok_and(|it: f64| it > *least),
        })
    }
}

/// A field of a line as CloudWatch discovers it: members and positions joined by dots. It keeps no
/// more than 200 fields of a line.
///
/// # Panics
/// If the line has more fields.
#[must_use]
pub fn field(line: &Value, path: &str) -> Option<String> {
    assert!(leaves(line) <= 200, "too many fields: {line}");
    let value = line.pointer(&format!("/{}", path.replace('.', "/")))?;
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Object(members) => members.values().map(leaves).sum(),
        Value::Array(items) => items.iter().map(leaves).sum(),
        _ => 1,
    }
}

fn named(name: &str) -> String {
    name.trim().trim_matches('`').to_owned()
}

/// `sum(a) as b, count(*) by c, d` speaks of a, c and d.
fn of_statistics(text: &str) -> Vec<String> {
    let (figures, groups) = text.split_once(" by ").expect("groups");
    let arguments = figures.split('(').skip(1).filter_map(|it| it.split([',', ')']).next());
    arguments.filter(|it| *it != "*").chain(groups.split(',')).map(named).collect()
}

fn condition(text: &str) -> Condition {
    let (field, rest) = text.trim().split_once(' ').expect("a field");
    let (operator, value) = rest.split_once(' ').expect("an operator");
    let unquoted = |it: &str| {
        let it = it.trim().strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        it.expect("a text in quotes").to_owned()
    };
    let test = match operator {
        "like" => Test::Holds(unquoted(value)),
        "=" => Test::IsOneOf(vec![unquoted(value)]),
        "in" => Test::IsOneOf(value.trim_matches(['[', ']']).split(',').map(unquoted).collect()),
        ">" => Test::IsAbove(value.parse().expect("a number")),
        other => panic!("no operator {other}"),
    };
    Condition { field: named(field), test }
}

/// The saved queries about a log group of the template, and those that the dashboard shows.
///
/// # Panics
/// If the template can't be read.
#[must_use]
pub fn queries(group: &str) -> Vec<(String, String)> {
    let template = super::alarms::template();
    let resources = template["Resources"].as_mapping().expect("resources").clone();
    let mut all = Vec::new();
    for (name, it) in resources.iter().filter_map(|(name, it)| Some((name.as_str()?, it))) {
        let properties = &it["Properties"];
        let groups = properties["LogGroupNames"].as_sequence().into_iter().flatten();
        if groups.filter_map(untagged).any(|it| it == group) {
            let text = properties["QueryString"].as_str().expect("a text");
            all.push((name.trim_end_matches("Query").to_owned(), text.to_owned()));
        }
        if it["Type"] == "AWS::CloudWatch::Dashboard" {
            let body = untagged(&properties["DashboardBody"]).expect("a text");
            let body: Value = serde_json::from_str(body).expect("JSON");
            let widgets = body["widgets"].as_array().expect("widgets");
            let shown = widgets.iter().filter_map(|it| it["properties"]["query"].as_str());
            let start = format!("SOURCE '${{{group}}}' | ");
            let shown = shown.filter_map(|it| it.strip_prefix(&start));
            all.extend(shown.map(|it| (name.to_owned(), it.to_owned())));
        }
    }
    all
}

fn untagged(value: &Yaml) -> Option<&str> {
    match value {
        Yaml::Tagged(tagged) => tagged.value.as_str(),
        plain => plain.as_str(),
    }
}

impl World {
    /// All lines that the functions logged so far, read and as text.
    ///
    /// # Panics
    /// Never; a line that is no JSON is left out.
    #[must_use]
    pub fn logged(&self) -> Vec<(Value, String)> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let read =
            |(_, text): &(String, String)| Some((serde_json::from_str(text).ok()?, text.clone()));
        lines.iter().filter_map(read).collect()
    }
}
