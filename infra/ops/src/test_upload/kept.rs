//! What is known of the call, and from where.
//!
//! `upload` keeps of an answer what it decides by: outcome, error, TrackingId. The bytes of a request
//! are in no table and in no log, as they hold personal data. They follow from the row, by the
//! code that `upload` itself sends with, so they are built again here, and marked as such.

use serde::Serialize;
use serde_json::{Value, json};
use tracklayer_core::ledger::observed::AttemptOutcome;
use tracklayer_core::ledger::row::Row;
use tracklayer_core::microsoft::payload::{APPLY_CONVERSIONS, ApplyConversions, OfflineConversion};
use tracklayer_edge::ports::Secrets as _;

use crate::place::{Microsoft, Ops};

const REBUILT: &str = "built from the row by the mapping code of upload; not recorded. The call may \
                       have carried other rows as well: the log of upload has one line per call, by \
                       its TrackingId";
const NUMBERS: &str = "CustomerId is that of the account's secret now; CustomerAccountId is what the \
                       row has of the call, else that of the secret";
const ANSWER: &str = "what the row keeps of the answer. Status and other headers are kept nowhere. An \
                      accepted row had no error; an error may have been that of the whole call";
const REDACTED: &str = "(redacted)";

/// The whole test, as it is written to the file.
#[derive(Debug, Serialize)]
pub struct Kept {
    /// What the API was sent, and what it answered.
    event: Value,
    answer: Value,
    /// The call to Microsoft; null where there was none.
    request: Value,
    reply: Value,
    /// What `status` says.
    status: Value,
}

impl Kept {
    /// Gathers it.
    pub async fn of(ops: &Ops, event: &Value, answer: &Value, row: &Row, status: Value) -> Kept {
        let is_called = row.observed.last.is_some();
        let request = if is_called { request(ops, row).await } else { Value::Null };
        Kept {
            event: event.clone(),
            answer: answer.clone(),
            request,
            reply: reply(row),
            status: status["records"][0].clone(),
        }
    }

    /// A header of the request.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.request["headers"][name].as_str()
    }

    /// The body of the request.
    pub fn body(&self) -> &Value {
        &self.request["body"]
    }
}

async fn request(ops: &Ops, row: &Row) -> Value {
    let observed = &row.observed;
    let by = observed.accepted.as_ref().map(|accepted| &accepted.by).or(observed.sent_to.as_ref());
    let secret = ops.secrets.account(&row.account).await.ok().map(|secret| secret.value);
    let account = by.map(|by| by.account_id.clone());
    let account = account.or_else(|| secret.as_ref().map(|secret| secret.account_id.clone()));
    let conversions = vec![OfflineConversion::new(&row.facts)];
    json!({
        "note": REBUILT,
        "method": "POST",
        "url": format!("{}{APPLY_CONVERSIONS}", Microsoft::of(&ops.deployment).campaigns),
        "headersNote": NUMBERS,
        "headers": {
            "Authorization": format!("Bearer {REDACTED}"),
            "DeveloperToken": REDACTED,
            "CustomerId": secret.map(|secret| secret.customer_id),
            "CustomerAccountId": account,
            "Content-Type": "application/json",
        },
        "body": ApplyConversions { offline_conversions: conversions },
    })
}

fn reply(row: &Row) -> Value {
    let Some(last) = &row.observed.last else { return Value::Null };
    let error = json!({"Code": last.code, "ErrorCode": last.error_code});
    let is_named = last.code.is_some() || last.error_code.is_some();
    let errors = match last.outcome {
        AttemptOutcome::Unknown => Value::Null,
        _ if is_named => json!([error]),
        AttemptOutcome::Accepted => json!([]),
        AttemptOutcome::Refused => Value::Null,
    };
    json!({
        "note": ANSWER,
        "at": last.at.to_string(),
        "outcome": last.outcome,
        "headers": {"TrackingId": last.tracking_id},
        "PartialErrors": errors,
        "attempts": row.observed.attempts,
    })
}
