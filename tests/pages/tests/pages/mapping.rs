//! The shipped mapping, and that the page's examples are ones that it takes.

use pages::{check, code, read, table};
use serde_json::Value;
use tracklayer_core::mapping::{EventRule, Mapping, Revenue};

const PAGE: &str = "shared/core/MAPPING.md";

#[test]
fn shipped_events() {
    let mapping = Mapping::shipped();
    let account = mapping.accounts().next().expect("an account");
    let file: Value = serde_json::from_str(Mapping::SHIPPED).expect("JSON");
    let names = file["events"].as_object().expect("events").keys();
    let analytics = file["analyticsOnly"].as_array().expect("names").iter();
    let names = names.map(String::as_str).chain(analytics.filter_map(Value::as_str));
    let line = |name: &str| {
        let (goal, value) = match mapping.event(name).expect("a name of the mapping") {
            EventRule::Conversion { goal, .. } => {
                let goal = account.goal(goal).expect("a goal");
                let value = match goal.revenue {
                    Revenue::VariableValue => "needed",
                    Revenue::NoValue => "none: a value is refused",
                    Revenue::FixedValue => "the goal's, or the event's",
                };
                (goal.name.to_string(), value)
            }
            EventRule::Correction { .. } => {
                ("corrects an earlier event".to_owned(), "`amount`, `newValue`, or neither")
            }
            EventRule::AnalyticsOnly => ("–".to_owned(), "answered `ignored`"),
        };
        [code(name), goal, value.to_owned()]
    };
    check(PAGE, "shipped", &table(["event", "goal at Microsoft", "value"], names.map(line)));
}

/// Each JSON example of the page is a part of the file: laid over that of the tests, it is a mapping.
#[test]
fn the_examples_are_taken() {
    let page = read(PAGE);
    let examples: Vec<&str> =
        page.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 3, "{} examples", examples.len());
    for example in examples {
        let part: Value = serde_json::from_str(example).expect(example);
        let mut file: Value = serde_json::from_str(Mapping::SAMPLE).expect("JSON");
        overlay(&mut file, &part);
        Mapping::parse(&file.to_string()).expect(example);
    }
}

fn overlay(file: &mut Value, part: &Value) {
    match (file, part) {
        (Value::Object(file), Value::Object(part)) => {
            for (key, value) in part {
                overlay(file.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (file, part) => *file = part.clone(),
    }
}
