//! CloudFormation's DescribeStacks, of the one stack that the host describes: by its outputs and
//! parameters a tool finds everything else.
//!
//! The protocol is the older one of AWS: a form goes in, XML comes back
//! (<https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>).

use std::collections::BTreeMap;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Aws;

/// A stack that is deployed.
#[derive(Debug, Clone, Default)]
pub struct StackDescription {
    /// Its name.
    pub name: String,
    /// The values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Answers a form.
pub(crate) fn answer(aws: &Aws, body: &[u8]) -> Response {
    let form: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let action = form.get("Action").map_or("", String::as_str);
    if action != "DescribeStacks" {
        let message = format!("{action} is not supported by this local stand-in for AWS");
        return refused("InvalidAction", &message);
    }
    let wanted = form.get("StackName").map_or("", String::as_str);
    match aws.stack().filter(|stack| stack.name == wanted) {
        Some(stack) => xml(StatusCode::OK, described(stack)),
        None => refused("ValidationError", &format!("Stack with id {wanted} does not exist")),
    }
}

fn described(stack: &StackDescription) -> String {
    let parameters = members(&stack.parameters, "ParameterKey", "ParameterValue");
    let outputs = members(&stack.outputs, "OutputKey", "OutputValue");
    format!(
        "<DescribeStacksResponse><DescribeStacksResult><Stacks><member>\
         <StackName>{}</StackName><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
         <StackStatus>CREATE_COMPLETE</StackStatus><Parameters>{parameters}</Parameters>\
         <Outputs>{outputs}</Outputs></member></Stacks></DescribeStacksResult>\
         </DescribeStacksResponse>",
        escaped(&stack.name)
    )
}

fn members(values: &BTreeMap<String, String>, key: &str, value: &str) -> String {
    let member = |(name, text): (&String, &String)| {
        let (name, text) = (escaped(name), escaped(text));
        format!("<member><{key}>{name}</{key}><{value}>{text}</{value}></member>")
    };
    values.iter().map(member).collect()
}

fn refused(code: &str, message: &str) -> Response {
    let message = escaped(message);
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error></ErrorResponse>"
    );
    xml(StatusCode::BAD_REQUEST, body)
}

fn xml(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
