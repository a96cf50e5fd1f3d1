//! The operations that only read.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::secret::Secret;
use super::{State, invalid_parameter};
use crate::error::AwsError;
use crate::page::page;
use crate::{request, seconds};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetSecretValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

pub(super) fn get_secret_value(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: GetSecretValue = request(body)?;
    let secret = state.find_live(&asked.secret_id)?;
    value_of(secret, asked.version_id.as_deref(), asked.version_stage.as_deref())
}

fn value_of(secret: &Secret, id: Option<&str>, stage: Option<&str>) -> Result<Value, AwsError> {
    let (id, version) = secret.version(id, stage)?;
    let mut answer = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "VersionId": id,
        "VersionStages": version.stages,
        "CreatedDate": seconds(version.created_ms),
    });
    let content = &version.content;
    set(&mut answer, "SecretString", content.secret_string.as_ref());
    set(&mut answer, "SecretBinary", content.secret_binary.as_ref());
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchGetSecretValue {
    #[serde(default)]
    secret_id_list: Vec<String>,
    #[serde(default)]
    filters: Vec<Filter>,
}

pub(super) fn batch_get_secret_value(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: BatchGetSecretValue = request(body)?;
    let ids = match (asked.secret_id_list.len(), asked.filters.len()) {
        (1..=20, 0) => asked.secret_id_list,
        (0, 1..) => matching(state, &asked.filters, false)?
            .into_iter()
            .map(|secret| secret.arn.clone())
            .collect(),
        _ => {
            return Err(invalid_parameter(
                "Either 1 to 20 names in 'SecretIdList' or 'Filters' must be provided, but not both.",
            ));
        }
    };
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for id in ids {
        match state.find_live(&id).and_then(|secret| value_of(secret, None, None)) {
            Ok(value) => values.push(value),
            Err(error) => errors.push(
                json!({ "SecretId": id, "ErrorCode": error.code(), "Message": error.message() }),
            ),
        }
    }
    Ok(json!({ "SecretValues": values, "Errors": errors }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DescribeSecret {
    secret_id: String,
}

pub(super) fn describe_secret(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: DescribeSecret = request(body)?;
    let secret = state.find(&asked.secret_id)?;
    let mut answer = description(secret);
    set(&mut answer, "VersionIdsToStages", Some(secret.labels()));
    Ok(answer)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListSecrets {
    #[serde(default)]
    filters: Vec<Filter>,
    max_results: Option<usize>,
    next_token: Option<String>,
    #[serde(default)]
    include_planned_deletion: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    values: Vec<String>,
}

pub(super) fn list_secrets(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: ListSecrets = request(body)?;
    let found = matching(state, &asked.filters, asked.include_planned_deletion)?;
    let max = asked.max_results.unwrap_or(100).min(100);
    let (secrets, next) =
        page(&found, |secret| &secret.name, Some(max), asked.next_token.as_deref());
    let list: Vec<Value> = secrets.into_iter().map(listed).collect();
    let mut answer = json!({ "SecretList": list });
    set(&mut answer, "NextToken", next);
    Ok(answer)
}

fn listed(secret: &Secret) -> Value {
    let mut entry = description(secret);
    set(&mut entry, "SecretVersionsToStages", Some(secret.labels()));
    entry
}

/// Secrets whose name begins with one of the values, for every filter; other filters are refused by name.
fn matching<'a>(
    state: &'a State,
    filters: &[Filter],
    with_deleted: bool,
) -> Result<Vec<&'a Secret>, AwsError> {
    if let Some(filter) = filters.iter().find(|filter| filter.key != "name") {
        return Err(invalid_parameter(format!(
            "the filter {} is not supported by this local stand-in",
            filter.key
        )));
    }
    let named = |secret: &Secret| {
        filters
            .iter()
            .all(|filter| filter.values.iter().any(|value| secret.name.starts_with(value)))
    };
    let shown = |secret: &&Secret| (with_deleted || secret.deletion_ms.is_none()) && named(secret);
    Ok(state.secrets.values().filter(shown).collect())
}

fn description(secret: &Secret) -> Value {
    let mut answer = json!({
        "ARN": secret.arn,
        "Name": secret.name,
        "CreatedDate": seconds(secret.created_ms),
        "LastChangedDate": seconds(secret.changed_ms),
    });
    set(&mut answer, "Description", secret.description.as_ref());
    if let Some(rotation) = &secret.rotation {
        set(&mut answer, "RotationEnabled", Some(true));
        set(&mut answer, "RotationLambdaARN", Some(&rotation.function));
        set(&mut answer, "RotationRules", Some(&rotation.rules).filter(|rules| !rules.is_null()));
    }
    set(&mut answer, "LastRotatedDate", secret.rotated_ms.map(seconds));
    set(&mut answer, "DeletedDate", secret.deletion_ms.map(seconds));
    answer
}

fn set(answer: &mut Value, key: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        let entries: Option<&mut Map<String, Value>> = answer.as_object_mut();
        if let Some(entries) = entries {
            entries.insert(key.to_owned(), json!(value));
        }
    }
}
