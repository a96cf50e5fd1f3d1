//! The operations that only read.

use serde::Deserialize;
use serde_json::{Value, json};

use super::secret::Secret;
use super::{State, invalid_parameter};
use crate::error::AwsError;
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
    set(&mut answer, "SecretString", version.content.secret_string.as_ref());
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
    #[serde(default)]
    include_planned_deletion: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    values: Vec<String>,
}

/// All secrets that match, in one page.
pub(super) fn list_secrets(state: &State, body: Value) -> Result<Value, AwsError> {
    let asked: ListSecrets = request(body)?;
    let found = matching(state, &asked.filters, asked.include_planned_deletion)?;
    let list: Vec<Value> = found.into_iter().map(list_entry).collect();
    Ok(json!({ "SecretList": list }))
}

fn list_entry(secret: &Secret) -> Value {
    let mut entry = description(secret);
    set(&mut entry, "SecretVersionsToStages", Some(secret.labels()));
    entry
}

/// Secrets whose name begins with one of the values of every filter. Filters on anything else than
/// the name are refused.
fn matching<'a>(
    state: &'a State, filters: &[Filter], with_deleted: bool,
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
        answer[key] = json!(value);
    }
}
