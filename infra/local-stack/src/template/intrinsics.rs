//! Resolves the intrinsic functions that the template uses – `Ref`, `Fn::GetAtt`, `Fn::Sub`,
//! `Fn::If`, `Fn::Equals`, `Fn::Not`, `Fn::And`, `Condition` – and refuses any other by name, so that nothing is silently
//! read as something else.

use std::cell::RefCell;
use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value as Json, json};
use yaml_serde::Value as Yaml;

/// Where the resources of the template are: pseudo parameters, ARNs and queue URLs are built from it.
#[derive(Clone, Debug)]
pub struct Place {
    /// Region of every ARN.
    pub region: String,
    /// Account of every ARN.
    pub account: String,
    /// Endpoint of AWS, without a slash at its end; queue URLs begin with it.
    pub aws_url: String,
}

/// The template with its intrinsics resolved; members that were `AWS::NoValue` are left out.
pub(super) fn resolve(text: &str, place: &Place, given: &BTreeMap<String, String>) -> Result<Json> {
    let template: Yaml = yaml_serde::from_str(text).context("the template is not YAML")?;
    let resolver = Resolver::new(&template, place, given)?;
    let mut resolved = Map::new();
    for section in ["Globals", "Resources", "Outputs"] {
        if let Some(node) = template.get(section) {
            let value = match section {
                "Globals" => resolver.value(node),
                _ => resolver.declared(node).map(Some),
            };
            let value = value.with_context(|| format!("section {section}"))?;
            resolved.insert(section.to_owned(), value.unwrap_or(Json::Null));
        }
    }
    resolved.insert("Parameters".to_owned(), json!(resolver.parameters));
    Ok(Json::Object(resolved))
}

struct Resolver<'a> {
    template: &'a Yaml,
    place: &'a Place,
    parameters: BTreeMap<String, Json>,
    /// Names on the way to the value being resolved: a circle is an error, not an overflow.
    path: RefCell<Vec<String>>,
}

impl<'a> Resolver<'a> {
    fn new(template: &'a Yaml, place: &'a Place, given: &BTreeMap<String, String>) -> Result<Self> {
        let mut parameters = BTreeMap::new();
        for (name, declaration) in entries(template.get("Parameters")) {
            let value = match given.get(name) {
                Some(text) => Json::String(text.clone()),
                None => default_of(declaration)
                    .with_context(|| format!("parameter {name} has no default"))?,
            };
            parameters.insert(name.to_owned(), typed(value, declaration));
        }
        if let Some(unknown) = given.keys().find(|name| !parameters.contains_key(*name)) {
            bail!("the template has no parameter {unknown}");
        }
        Ok(Self { template, place, parameters, path: RefCell::default() })
    }

    /// The resources or outputs whose condition holds, and those without a condition.
    fn declared(&self, node: &Yaml) -> Result<Json> {
        let mut declared = Map::new();
        for (logical, declaration) in entries(Some(node)) {
            let condition = declaration.get("Condition").map(text).transpose()?;
            let holds = condition.map(|name| self.named_condition(name)).transpose();
            if holds.with_context(|| logical.to_owned())? == Some(false) {
                continue;
            }
            let value = self.value(declaration).with_context(|| logical.to_owned())?;
            declared.insert(logical.to_owned(), value.unwrap_or(Json::Null));
        }
        Ok(Json::Object(declared))
    }

    /// `None` is `AWS::NoValue`.
    fn value(&self, node: &Yaml) -> Result<Option<Json>> {
        Ok(Some(match node {
            Yaml::Tagged(tagged) => {
                return self
                    .intrinsic(tagged.tag.to_string().trim_start_matches('!'), &tagged.value);
            }
            Yaml::Mapping(map) => match long_form(map) {
                Some((name, argument)) => return self.intrinsic(name, argument),
                None => Json::Object(self.object(node)?),
            },
            Yaml::Sequence(items) => Json::Array(self.list(items)?),
            plain => serde_json::to_value(plain)?,
        }))
    }

    fn object(&self, node: &Yaml) -> Result<Map<String, Json>> {
        let mut object = Map::new();
        for (key, child) in entries(Some(node)) {
            if let Some(value) = self.value(child).with_context(|| key.to_owned())? {
                object.insert(key.to_owned(), value);
            }
        }
        Ok(object)
    }

    fn list(&self, items: &[Yaml]) -> Result<Vec<Json>> {
        items.iter().filter_map(|item| self.value(item).transpose()).collect()
    }

    fn intrinsic(&self, name: &str, argument: &Yaml) -> Result<Option<Json>> {
        match name.trim_start_matches("Fn::") {
            "Ref" => self.reference(text(argument)?),
            "GetAtt" => self.attribute_of(argument).map(Some),
            "Sub" => self.substitute(text(argument)?).map(|text| Some(Json::String(text))),
            "If" => self.choose(argument),
            "Equals" | "Not" | "And" => {
                bail!("the intrinsic Fn::{name} is only known inside Conditions")
            }
            unknown => bail!("the local stack does not know the intrinsic Fn::{unknown}"),
        }
    }

    fn reference(&self, name: &str) -> Result<Option<Json>> {
        if let Some(value) = self.parameters.get(name) {
            return Ok(Some(value.clone()));
        }
        let pseudo = match name {
            "AWS::NoValue" => return Ok(None),
            "AWS::Region" => self.place.region.clone(),
            "AWS::AccountId" => self.place.account.clone(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::URLSuffix" => "amazonaws.com".to_owned(),
            "AWS::StackName" => "tracklayer-local".to_owned(),
            resource if self.is_role(resource) => resource.to_owned(),
            resource => return self.physical_id(resource).map(|id| Some(Json::String(id))),
        };
        Ok(Some(Json::String(pseudo)))
    }

    /// Whether it is the role that SAM makes of a function.
    fn is_role(&self, logical: &str) -> bool {
        let function = logical.strip_suffix("Role").map(|function| self.kind(function));
        matches!(function, Some(Ok("AWS::Serverless::Function")))
    }

    /// What `Ref` gives for a resource.
    fn physical_id(&self, logical: &str) -> Result<String> {
        Ok(match self.kind(logical)? {
            "AWS::SQS::Queue" => {
                let Place { aws_url, account, .. } = self.place;
                format!("{aws_url}/{account}/{}", self.name(logical, "QueueName")?)
            }
            "AWS::DynamoDB::Table" => self.name(logical, "TableName")?,
            "AWS::Logs::LogGroup" => self.name(logical, "LogGroupName")?,
            "AWS::SecretsManager::Secret" => self.arn(logical)?,
            "AWS::Serverless::Function" | "AWS::Serverless::HttpApi" | "AWS::CloudWatch::Alarm" => {
                logical.to_owned()
            }
            kind => bail!("the local stack has no Ref for {logical}, a {kind}"),
        })
    }

    /// `!GetAtt Name.Attribute`, or the list of both.
    fn attribute_of(&self, argument: &Yaml) -> Result<Json> {
        let path = match argument {
            Yaml::Sequence(parts) => parts.iter().map(text).collect::<Result<Vec<_>>>()?.join("."),
            single => text(single)?.to_owned(),
        };
        let (logical, attribute) =
            path.split_once('.').with_context(|| format!("Fn::GetAtt {path}: no attribute"))?;
        self.attribute(logical, attribute).map(Json::String)
    }

    fn attribute(&self, logical: &str, attribute: &str) -> Result<String> {
        match (attribute, self.kind(logical)?) {
            ("Arn", _) => self.arn(logical),
            ("QueueName", "AWS::SQS::Queue") => self.name(logical, "QueueName"),
            (_, kind) => {
                bail!("the local stack has no Fn::GetAtt {logical}.{attribute} for a {kind}")
            }
        }
    }

    fn arn(&self, logical: &str) -> Result<String> {
        let (service, rest) = match self.kind(logical)? {
            "AWS::SQS::Queue" => ("sqs", self.name(logical, "QueueName")?),
            "AWS::DynamoDB::Table" => {
                ("dynamodb", format!("table/{}", self.name(logical, "TableName")?))
            }
            "AWS::SecretsManager::Secret" => {
                ("secretsmanager", format!("secret:{}", self.name(logical, "Name")?))
            }
            "AWS::Serverless::Function" => ("lambda", format!("function:{logical}")),
            "AWS::Logs::LogGroup" => {
                ("logs", format!("log-group:{}:*", self.name(logical, "LogGroupName")?))
            }
            kind => bail!("the local stack has no ARN for {logical}, a {kind}"),
        };
        let Place { region, account, .. } = self.place;
        Ok(format!("arn:aws:{service}:{region}:{account}:{rest}"))
    }

    /// `${Name}`, `${Name.Attribute}` and the literal `${!Name}`.
    fn substitute(&self, pattern: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after
                .split_once('}')
                .with_context(|| format!("Fn::Sub {pattern}: no closing brace"))?;
            out.push_str(before);
            out.push_str(
                &self.placeholder(name.trim()).with_context(|| format!("Fn::Sub {pattern}"))?,
            );
            rest = next;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn placeholder(&self, name: &str) -> Result<String> {
        if let Some(literal) = name.strip_prefix('!') {
            return Ok(format!("${{{literal}}}"));
        }
        if let Some((logical, attribute)) = name.split_once('.') {
            return self.attribute(logical, attribute);
        }
        match self.reference(name)? {
            Some(Json::String(text)) => Ok(text),
            Some(Json::Array(_)) | None => bail!("{name} is not a text"),
            Some(other) => Ok(other.to_string()),
        }
    }

    fn choose(&self, argument: &Yaml) -> Result<Option<Json>> {
        let Some([condition, yes, no]) = argument.as_sequence().map(Vec::as_slice) else {
            bail!("Fn::If needs a condition and two values");
        };
        self.value(if self.named_condition(text(condition)?)? { yes } else { no })
    }

    fn named_condition(&self, name: &str) -> Result<bool> {
        let node = self.template.get("Conditions").and_then(|all| all.get(name));
        self.condition(node.with_context(|| format!("the template has no condition {name}"))?)
    }

    fn condition(&self, node: &Yaml) -> Result<bool> {
        let (name, argument) = match node {
            Yaml::Tagged(tagged) => (tagged.tag.to_string(), &tagged.value),
            Yaml::Mapping(map) => long_form(map)
                .map(|(name, argument)| (name.to_owned(), argument))
                .context("not a condition")?,
            _ => bail!("not a condition"),
        };
        let name = name.trim_start_matches('!').trim_start_matches("Fn::");
        match (name, argument.as_sequence().map(Vec::as_slice)) {
            ("Equals", Some([left, right])) => Ok(self.value(left)? == self.value(right)?),
            ("Not", Some([inner])) => Ok(!self.condition(inner)?),
            ("And", Some(all)) => {
                all.iter().try_fold(true, |so_far, it| Ok(so_far && self.condition(it)?))
            }
            ("Condition", None) => self.named_condition(text(argument)?),
            (unknown, _) => bail!(
                "the local stack does not know the intrinsic Fn::{unknown} with these arguments"
            ),
        }
    }

    fn kind(&self, logical: &str) -> Result<&'a str> {
        let resource = self.template.get("Resources").and_then(|all| all.get(logical));
        let kind = resource.and_then(|resource| resource.get("Type")).and_then(Yaml::as_str);
        kind.with_context(|| format!("the template has no parameter or resource {logical}"))
    }

    fn name(&self, logical: &str, property: &str) -> Result<String> {
        let properties = &self.template["Resources"][logical]["Properties"];
        let node =
            properties.get(property).with_context(|| format!("{logical} has no {property}"))?;
        if self.path.borrow().iter().any(|earlier| earlier == logical) {
            bail!("the name of {logical} depends on itself");
        }
        self.path.borrow_mut().push(logical.to_owned());
        let value = self.value(node);
        self.path.borrow_mut().pop();
        match value? {
            Some(Json::String(name)) => Ok(name),
            _ => bail!("{property} of {logical} is not a text"),
        }
    }
}

/// `{"Ref": …}` or `{"Fn::Name": …}`.
fn long_form(map: &yaml_serde::Mapping) -> Option<(&str, &Yaml)> {
    let (key, argument) = map.iter().next().filter(|_| map.len() == 1)?;
    let name = key.as_str()?;
    (name == "Ref" || name.starts_with("Fn::")).then_some((name, argument))
}

fn entries(node: Option<&Yaml>) -> impl Iterator<Item = (&str, &Yaml)> {
    let map = node.and_then(Yaml::as_mapping);
    map.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str()?, value)))
}

fn text(node: &Yaml) -> Result<&str> {
    node.as_str().with_context(|| format!("a text is expected, not {node:?}"))
}

fn default_of(declaration: &Yaml) -> Result<Json> {
    Ok(serde_json::to_value(declaration.get("Default").context("no Default")?)?)
}

/// Parameters are given as texts; their declared type says whether they are lists or numbers.
fn typed(value: Json, declaration: &Yaml) -> Json {
    match (declaration.get("Type").and_then(Yaml::as_str), value) {
        (Some("CommaDelimitedList"), Json::String(text)) => {
            text.split(',').map(|item| item.trim().to_owned()).collect()
        }
        (Some("Number"), Json::String(text)) => {
            text.parse::<i64>().map_or(Json::String(text), Json::from)
        }
        (_, value) => value,
    }
}
