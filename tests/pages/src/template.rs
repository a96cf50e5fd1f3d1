//! `infra/template.yaml`, as far as pages speak of it. Tags such as `!Ref` stay what they are.

use yaml_serde::Value;

/// The template.
#[derive(Debug)]
pub struct Template(Value);

/// Conditions that don't hold unless a parameter is set.
const OPTIONAL: [&str; 3] =
    ["DeploysGradually", "HasSecondAccount", "WatchesSecondAccountsSilence"];

/// A parameter of the template.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it is if nothing is given; empty for an empty text.
    pub default: String,
    /// What it is for.
    pub description: String,
}

/// A variable that all functions get.
#[derive(Debug)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// The parameter or resource that its value comes from.
    pub from: String,
}

/// A route of the HTTP API.
#[derive(Debug)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: String,
    /// Its path, with `{…}` for parameters.
    pub path: String,
    /// The binary that answers.
    pub function: String,
}

/// An alarm.
#[derive(Debug)]
pub struct Alarm {
    /// Its name in the template.
    pub name: String,
    /// Namespace of its metric.
    pub namespace: String,
    /// Its metrics.
    pub metrics: Vec<String>,
    /// How many metrics AWS bills it for, if it is there.
    pub billed: usize,
    /// Whether it is there only with a parameter that is empty or false at first.
    pub is_optional: bool,
    /// What is wrong and what helps.
    pub description: String,
    /// When it changes to ALARM.
    pub when: String,
}

/// What one statement of a function's policy allows.
#[derive(Debug)]
pub struct Allowed {
    /// The function, by its name in the template.
    pub function: String,
    /// Actions without their service, such as `GetItem`.
    pub actions: Vec<String>,
    /// The resources, by their names in the template.
    pub on: Vec<String>,
    /// To which index or partition keys it is confined, if it is.
    pub only: Option<String>,
}

impl Template {
    /// Reads the template.
    ///
    /// # Panics
    /// If it is no YAML.
    #[must_use]
    pub fn read() -> Self {
        Template(yaml_serde::from_str(&crate::read("infra/template.yaml")).expect("YAML"))
    }

    /// The parameters in their order.
    #[must_use]
    pub fn parameters(&self) -> Vec<Parameter> {
        let parameter = |(name, it): (&str, &Value)| Parameter {
            name: name.to_owned(),
            default: text(&it["Default"]),
            description: text(&it["Description"]),
        };
        entries(&self.0["Parameters"]).map(parameter).collect()
    }

    /// The variables that every function gets, in their order.
    #[must_use]
    pub fn variables(&self) -> Vec<Variable> {
        let variable = |(name, value): (&str, &Value)| Variable {
            name: name.to_owned(),
            from: source_of(value),
        };
        let variables = &self.0["Globals"]["Function"]["Environment"]["Variables"];
        entries(variables).map(variable).collect()
    }

    /// The routes in their order.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let mut routes = Vec::new();
        for (_, function) in self.resources("AWS::Serverless::Function") {
            for (_, event) in entries(&function["Properties"]["Events"]) {
                if text(&event["Type"]) == "HttpApi" {
                    routes.push(Route {
                        method: text(&event["Properties"]["Method"]),
                        path: text(&event["Properties"]["Path"]),
                        function: text(&function["Metadata"]["BuildProperties"]["Binary"]),
                    });
                }
            }
        }
        routes
    }

    /// When functions run by themselves, such as `rate(1 hour)`.
    #[must_use]
    pub fn schedules(&self) -> Vec<String> {
        let functions = self.resources("AWS::Serverless::Function");
        let events = functions.flat_map(|(_, it)| entries(&it["Properties"]["Events"]));
        let scheduled = events.filter(|(_, event)| text(&event["Type"]) == "Schedule");
        scheduled.map(|(_, event)| text(&event["Properties"]["Schedule"])).collect()
    }

    /// The alarms in their order.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        let alarm = |(name, it): (&str, &Value)| {
            let is_optional = OPTIONAL.contains(&text(&it["Condition"]).as_str());
            let it = &it["Properties"];
            let parts = it["Metrics"].as_sequence().into_iter().flatten();
            let metrics =
                parts.map(|part| &part["MetricStat"]["Metric"]).filter(|it| !it.is_null());
            let mut metrics: Vec<&Value> = metrics.collect();
            if metrics.is_empty() {
                metrics.push(it);
            }
            let mut names: Vec<_> = metrics.iter().map(|it| text(&it["MetricName"])).collect();
            let billed = names.len();
            names.dedup();
            Alarm {
                name: name.to_owned(),
                namespace: text(&metrics[0]["Namespace"]),
                metrics: names,
                billed,
                is_optional,
                description: text(&it["AlarmDescription"]),
                when: condition(it),
            }
        };
        self.resources("AWS::CloudWatch::Alarm").map(alarm).collect()
    }

    /// What the policies of the functions allow, in their order.
    #[must_use]
    pub fn policies(&self) -> Vec<Allowed> {
        let mut all = Vec::new();
        for (name, function) in self.resources("AWS::Serverless::Function") {
            let policies = items(&function["Properties"]["Policies"]);
            let statements = policies.iter().flat_map(|policy| items(&policy["Statement"]));
            all.extend(statements.map(|statement| allowed(name, statement)));
        }
        all
    }

    /// The names of all resources of a type.
    #[must_use]
    pub fn names(&self, kind: &str) -> Vec<&str> {
        entries(&self.0["Resources"])
            .filter(|(_, it)| text(&it["Type"]) == kind)
            .map(|it| it.0)
            .collect()
    }

    /// The functions whose metrics an alarm adds up.
    #[must_use]
    pub fn functions_of_alarm(&self, alarm: &str) -> Vec<String> {
        let parts = items(&self.0["Resources"][alarm]["Properties"]["Metrics"]);
        let dimensions =
            parts.iter().flat_map(|it| items(&it["MetricStat"]["Metric"]["Dimensions"]));
        dimensions.map(|it| text(&it["Value"])).collect()
    }

    /// The parameters that the functions' variables come from.
    #[must_use]
    pub fn parameters_of_variables(&self) -> Vec<String> {
        let parameters: Vec<String> = self.parameters().into_iter().map(|it| it.name).collect();
        let named = self.variables().into_iter().map(|it| it.from);
        named.filter(|it| parameters.contains(it)).collect()
    }

    /// A property of a resource, as YAML.
    #[must_use]
    pub fn property(&self, resource: &str, name: &str) -> &Value {
        &self.0["Resources"][resource]["Properties"][name]
    }

    /// How many resources of a type there are while no parameter is set.
    #[must_use]
    pub fn count(&self, kind: &str) -> usize {
        let is_there = |it: &&Value| !OPTIONAL.contains(&text(&it["Condition"]).as_str());
        self.resources(kind).map(|(_, it)| it).filter(is_there).count()
    }

    fn resources<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        entries(&self.0["Resources"]).filter(move |(_, it)| text(&it["Type"]) == kind)
    }
}

fn allowed(function: &str, statement: &Value) -> Allowed {
    let resources = many(&statement["Resource"]);
    let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let index = resources.iter().find_map(|it| Some(text(it).split_once("/index/")?.1.to_owned()));
    let key = many(keys).first().map(|key| text(key));
    let action = |it: &&Value| text(it).split_once(':').expect("a service").1.to_owned();
    Allowed {
        function: function.to_owned(),
        actions: many(&statement["Action"]).iter().map(action).collect(),
        on: resources.iter().map(|it| resource_of(it)).collect(),
        only: index.map(|it| format!("index `{it}`")).or(key.map(|it| format!("`{it}`"))),
    }
}

/// `!GetAtt Clicks.Arn` is "Clicks".
fn resource_of(value: &Value) -> String {
    source_of(value).split('.').next().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> &[Value] {
    value.as_sequence().map_or(&[], Vec::as_slice)
}

/// A list, or the one thing that stands for it.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Sequence(items) => items.iter().collect(),
        one => vec![one],
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let pairs = value.as_mapping().into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.as_str()?, value)))
}

/// A scalar as text; of a tagged one, such as `!If [Condition, a, b]`, its members.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.split_whitespace().collect::<Vec<_>>().join(" "),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Sequence(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        Value::Tagged(tagged) => text(&tagged.value),
        _ => String::new(),
    }
}

/// A text, without its tag if it has one.
#[must_use]
pub fn untagged(value: &Value) -> Option<&str> {
    match value {
        Value::Tagged(tagged) => tagged.value.as_str(),
        plain => plain.as_str(),
    }
}

/// The parameter or resource that a value refers to, also inside `!If` and `!Sub`.
#[must_use]
pub fn source_of(value: &Value) -> String {
    let Value::Tagged(tagged) = value else { return text(value) };
    match &tagged.value {
        Value::Sequence(items) => items.get(1).map(source_of).unwrap_or_default(),
        Value::String(text) => {
            let inside = text.split_once("${").and_then(|(_, rest)| rest.split_once('}'));
            inside.map_or(text.as_str(), |(name, _)| name).to_owned()
        }
        other => text(other),
    }
}

/// The condition of an alarm in words.
fn condition(alarm: &Value) -> String {
    let parts = alarm["Metrics"].as_sequence().into_iter().flatten();
    let (mut expression, mut statistic, mut period) =
        (String::new(), text(&alarm["Statistic"]), text(&alarm["Period"]));
    for part in parts {
        match text(&part["Expression"]) {
            given if !given.is_empty() => expression = format!("`{given}`, "),
            _ => {
                statistic = text(&part["MetricStat"]["Stat"]);
                period = text(&part["MetricStat"]["Period"]);
            }
        }
    }
    let sign = match text(&alarm["ComparisonOperator"]).as_str() {
        "GreaterThanThreshold" => ">",
        "GreaterThanOrEqualToThreshold" => "≥",
        "LessThanThreshold" => "<",
        "LessThanOrEqualToThreshold" => "≤",
        other => panic!("no sign for {other}"),
    };
    let threshold = threshold(&alarm["Threshold"]);
    let periods = text(&alarm["EvaluationPeriods"]);
    let needed = match text(&alarm["DatapointsToAlarm"]) {
        empty if empty.is_empty() => periods.clone(),
        points => points,
    };
    let minutes = period.parse::<u64>().expect("a period in seconds") / 60;
    let of = if needed == periods { needed } else { format!("{needed} of {periods}") };
    let silent = match text(&alarm["TreatMissingData"]).as_str() {
        "breaching" => ", or no data",
        _ => "",
    };
    format!("{expression}{statistic} {sign} {threshold} in {of} × {minutes} min{silent}")
}

/// `!If [RotatesTokens, 21, 75]` is "21 (75 unless RotatesTokens)".
fn threshold(value: &Value) -> String {
    let Value::Tagged(tagged) = value else { return text(value) };
    let [condition, yes, no] = items(&tagged.value) else { return text(value) };
    format!("{} ({} unless {})", text(yes), text(no), text(condition))
}
