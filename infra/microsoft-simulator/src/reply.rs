//! The forms of Microsoft's answers, before they become HTTP.

use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::{ApiFault, BatchError, message, symbol};
use crate::fault_rule::{AnswerBody, ForcedError};
use crate::settings::FaultForm;

const HTML_PAGE: &str = "<html><head><title>Service unavailable</title></head>\
    <body><h1>The service is temporarily unavailable.</h1></body></html>";

/// Status and body of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: Option<&'static str>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, body.to_string())
    }

    /// HTTP 200; the numbers stay as they are written.
    pub(crate) fn ok(answer: &impl Serialize) -> Self {
        Self::text(200, serde_json::to_string(answer).unwrap_or_default())
    }

    pub(crate) fn text(status: u16, body: String) -> Self {
        Self { status, content_type: Some("application/json; charset=utf-8"), body }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, content_type: None, body: String::new() }
    }

    pub(crate) fn html(status: u16) -> Self {
        Self { status, content_type: Some("text/html"), body: HTML_PAGE.to_owned() }
    }

    pub(crate) fn partial_errors(errors: &[BatchError]) -> Self {
        Self::json(200, &json!({ "PartialErrors": errors }))
    }
}

/// What the JSON of a fault contains beside its errors.
#[derive(Clone, Copy)]
pub(crate) struct FaultStyle<'a> {
    pub(crate) form: FaultForm,
    pub(crate) tracking_id: &'a str,
}

impl FaultStyle<'_> {
    /// `AdApiFaultDetail`: its errors say `Detail`.
    pub(crate) fn ad_api_fault(self, fault: &ApiFault) -> Reply {
        let detail = fault.detail.as_deref();
        let error = json!({
            "Code": fault.code,
            "Detail": detail,
            "ErrorCode": symbol(fault.code),
            "Message": message(fault.code),
        });
        self.reply(fault.status, "AdApiFaultDetail", json!({ "Errors": [error] }))
    }

    /// `ApiFaultDetail`: its errors say `Details`.
    fn api_fault(self, status: u16, operation: Option<i64>, batch: &[ForcedError]) -> Reply {
        let operation_error = |code: i64| {
            json!({
                "Code": code,
                "Details": null,
                "ErrorCode": symbol(code),
                "Message": message(code),
            })
        };
        let members = json!({
            "OperationErrors": operation.into_iter().map(operation_error).collect::<Vec<_>>(),
            "BatchErrors": batch.iter().map(BatchError::from).collect::<Vec<_>>(),
        });
        self.reply(status, "ApiFaultDetail", members)
    }

    /// The answer of a `status` rule.
    pub(crate) fn forced(self, status: u16, body: &AnswerBody) -> Reply {
        match body {
            AnswerBody::Empty => Reply::empty(status),
            AnswerBody::Html => Reply::html(status),
            AnswerBody::Malformed => {
                Reply::text(status, r#"{"PartialErrors":[{"Code":56"#.to_owned())
            }
            AnswerBody::Fault(code) => self.ad_api_fault(&ApiFault::new(status, *code)),
            AnswerBody::BatchErrors(errors) => self.api_fault(status, None, errors),
            AnswerBody::OperationFault(code) => self.api_fault(status, Some(*code), &[]),
            AnswerBody::OauthError(error) => oauth_error(status, error, 0, "Made up by a rule."),
            AnswerBody::Text(text) => Reply::text(status, text.clone()),
        }
    }

    fn reply(self, status: u16, kind: &str, mut fault: Value) -> Reply {
        fault["TrackingId"] = json!(self.tracking_id);
        fault["Type"] = json!(kind);
        match self.form {
            FaultForm::Bare => Reply::json(status, &fault),
            FaultForm::Wrapped => Reply::json(status, &json!({ "ApplicationFault": fault })),
        }
    }
}

/// An error of the identity platform; `number` follows `AADSTS` in its description.
pub(crate) fn oauth_error(status: u16, error: &str, number: u32, description: &str) -> Reply {
    let body = json!({
        "error": error,
        "error_description": format!("AADSTS{number}: {description}"),
        "error_codes": [number],
    });
    Reply::json(status, &body)
}
