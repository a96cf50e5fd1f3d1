//! Who may do what: statements of identity-based policies, checked before a request is served.
//!
//! Only `Allow` is known, and the one condition on leading keys; anything else in a statement is an
//! error when it is read, so that no rule is silently left out.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod needs;
mod record;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use serde::Deserialize;
use serde_json::Value;

use crate::Aws;
use crate::error::AwsError;
use needs::{Need, needs};

/// One statement of a policy, in the form of AWS's policy language.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "Effect")]
    _effect: Effect,
    action: Texts,
    resource: Texts,
    condition: Option<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
enum Effect {
    Allow,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Many(Vec<String>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    #[serde(rename = "ForAllValues:StringLike")]
    all_like: LeadingKeys,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LeadingKeys {
    #[serde(rename = "dynamodb:LeadingKeys")]
    patterns: Texts,
}

/// The statements of one user.
struct Principal {
    /// Its ARN, as refusals name it.
    user: String,
    statements: Vec<Statement>,
    used: Mutex<BTreeSet<(String, String)>>,
}

/// Access key ids whose requests are checked. All others may do everything.
#[derive(Default)]
pub(crate) struct Access(RwLock<BTreeMap<String, Arc<Principal>>>);

impl Access {
    pub(crate) fn restrict(&self, key_id: &str, user: String, statements: Vec<Statement>) {
        record::granted(&user, &statements);
        let principal = Arc::new(Principal { user, statements, used: Mutex::default() });
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        all.insert(key_id.to_owned(), principal);
    }

    /// The principal that signed a request with this `Authorization` header, if it is restricted.
    fn signer(&self, authorization: &str) -> Option<Arc<Principal>> {
        let key_id = key_id(authorization)?;
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key_id).cloned()
    }
}

/// The access key id that an `Authorization` header names.
pub(crate) fn key_id(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    credential.split_once('/').map(|(key_id, _)| key_id)
}

/// Refuses a request that the policy of its signer does not allow. Signatures are not verified.
pub(crate) async fn check(
    aws: &Aws, authorization: &str, target: &str, body: &[u8],
) -> Result<(), AwsError> {
    let Some(principal) = aws.access().signer(authorization) else { return Ok(()) };
    // A body that is not JSON is the service's to refuse.
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return Ok(()) };
    for need in needs(aws, target, &body) {
        if !principal.allows(aws, &need).await {
            return Err(refused(&principal.user, &need));
        }
    }
    Ok(())
}

impl Principal {
    async fn allows(&self, aws: &Aws, need: &Need) -> bool {
        for statement in self.statements.iter().filter(|statement| statement.covers(need)) {
            let holds = match &statement.condition {
                Some(condition) => condition.holds(aws, need).await,
                None => true,
            };
            if holds {
                self.note_use(statement, need);
                return true;
            }
        }
        false
    }

    /// No code panics while it holds this lock.
    fn note_use(&self, statement: &Statement, need: &Need) {
        let Some((action, resource)) = statement.grants(need) else { return };
        let grant = (action.to_owned(), resource.to_owned());
        if self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(grant) {
            record::used(&self.user, action, resource);
        }
    }
}

impl Condition {
    /// As on AWS, it holds for a request without any key, such as a scan.
    async fn holds(&self, aws: &Aws, need: &Need) -> bool {
        let is_like = |key: &String| self.all_like.patterns.iter().any(|it| like(it, key));
        need.leading_keys(aws).await.iter().all(is_like)
    }
}

impl Statement {
    fn covers(&self, need: &Need) -> bool {
        self.grants(need).is_some()
    }

    /// The action and the resource, as they are in the statement, that cover a need.
    fn grants(&self, need: &Need) -> Option<(&str, &str)> {
        let action = need.action.to_lowercase();
        let action = self.action.iter().find(|it| like(&it.to_lowercase(), &action))?;
        Some((action, self.resource.iter().find(|it| like(it, &need.resource))?))
    }
}

impl Texts {
    fn iter(&self) -> impl Iterator<Item = &str> {
        let texts = match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        };
        texts.iter().map(String::as_str)
    }
}

/// IAM's wildcards: `*` is any text, `?` any one character.
fn like(pattern: &str, text: &str) -> bool {
    let mut characters = pattern.chars();
    let Some(first) = characters.next() else { return text.is_empty() };
    let (rest, mut left) = (characters.as_str(), text.chars());
    match first {
        '*' => {
            (0..=text.len()).any(|at| text.get(at..).is_some_and(|remaining| like(rest, remaining)))
        }
        '?' => left.next().is_some() && like(rest, left.as_str()),
        _ => left.next() == Some(first) && like(rest, left.as_str()),
    }
}

fn refused(user: &str, need: &Need) -> AwsError {
    let sqs = need.action.starts_with("sqs:");
    // SQS writes its actions in lower case.
    let action = if sqs { need.action.to_lowercase() } else { need.action.clone() };
    let message = format!(
        "User: {user} is not authorized to perform: {action} on resource: {} because no \
         identity-based policy allows the {action} action",
        need.resource
    );
    if sqs {
        let error = AwsError::new("com.amazon.coral.service#AccessDeniedException", message);
        return AwsError { status: 403, query_code: Some("AccessDenied"), ..error };
    }
    let dynamo = need.action.starts_with("dynamodb:");
    let namespace = if dynamo { "com.amazon.coral.service#" } else { "" };
    AwsError::new(format!("{namespace}AccessDeniedException"), message)
}

#[cfg(test)]
mod tests;
