//! The body and the answer of `POST /api/tracklayer/erasures`.

use serde::Serialize;
use serde_json::{Map, Value};
use tracklayer_core::id::{EventName, GoalName, RecordId, Source};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::money::{Currency, JsonAmount};
use tracklayer_core::person::identity::Sha256Hash;
use tracklayer_core::reconcile::attribution::TieKind;
use tracklayer_core::reconcile::erasure::Person;
use tracklayer_core::reconcile::state::{held_by_microsoft, value_at_microsoft};
use tracklayer_core::time::TextTime;
use tracklayer_edge::lambda::http_api::Problem;
use tracklayer_edge::ports::{ErasureItem, Removed};

/// The members by which a person can be named.
const MEMBERS: [&str; 5] = ["sessionId", "leadId", "cartId", "orderId", "hashedEmail"];

/// The person that a body names, by exactly one member.
///
/// # Errors
/// Naming the member that is wrong.
pub fn person_in(text: &str) -> Result<Person, Problem> {
    let body: Map<String, Value> = serde_json::from_str(text)
        .map_err(|_| Problem::new(400, "invalid_json", "the body is not a JSON object"))?;
    let value_of = |name: &'static str| Some((name, body.get(name).filter(is_given)?));
    let mut given = MEMBERS.into_iter().filter_map(value_of);
    let Some((name, value)) = given.next() else {
        let rule = "or leadId, cartId, orderId, hashedEmail must be there";
        return Err(wrong("missing_field", MEMBERS[0], rule));
    };
    match given.next() {
        Some((second, _)) => {
            Err(wrong("value_not_allowed", second, "can't be given beside another"))
        }
        None => person(name, value),
    }
}

/// Null and empty text are as good as absent.
fn is_given(value: &&Value) -> bool {
    !value.is_null() && value.as_str() != Some("")
}

fn person(name: &'static str, value: &Value) -> Result<Person, Problem> {
    let text = value.as_str().ok_or_else(|| wrong("wrong_type", name, "must be a string"))?;
    if name == "hashedEmail" {
        let hash = Sha256Hash::parse(text.trim())
            .map_err(|error| wrong("invalid_value", name, &error.to_string()))?;
        return Ok(Person::Email(hash));
    }
    let parse = if name == "cartId" { RecordId::of_cart } else { RecordId::of_record };
    let id = parse(text).map_err(|error| wrong("invalid_id", name, &error.to_string()))?;
    Ok(match name {
        "sessionId" => Person::Session(id),
        "leadId" => Person::Record(TieKind::Lead, id),
        "cartId" => Person::Record(TieKind::Cart, id),
        _ => Person::Record(TieKind::Order, id),
    })
}

fn wrong(code: &'static str, field: &'static str, rule: &str) -> Problem {
    Problem { field: Some(field), ..Problem::new(422, code, format!("{field} {rule}")) }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    removed: Removed,
    /// Whether the audit still has rows, clicks or ties to look at. Asked again, the answer says
    /// what it found.
    pending: bool,
    microsoft: Vec<Held>,
    /// Cookies and ties that were too many to be followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies_left: Option<usize>,
}

/// What Microsoft has of the person, and keeps.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Held {
    event_id: RecordId,
    source: Source,
    event: EventName,
    goal: GoalName,
    conversion_time: TextTime,
    value: Option<JsonAmount>,
    currency: Option<Currency>,
    state: &'static str,
}

impl Answer {
    /// The answer for an erasure and the rows that it found.
    pub fn new(item: &ErasureItem, rows: &[Row]) -> Self {
        Answer {
            removed: item.removed(),
            pending: item.is_pending(),
            microsoft: rows.iter().filter_map(held).collect(),
            cookies_left: Some(item.cookies_left).filter(|left| *left > 0),
        }
    }
}

/// What Microsoft has of a row; without a value where nobody knows what it counts.
fn held(row: &Row) -> Option<Held> {
    let state = held_by_microsoft(row)?;
    let money = value_at_microsoft(row).filter(|_| !row.observed.is_doubtful());
    Some(Held {
        event_id: row.key.event_id.clone(),
        source: row.key.source.clone(),
        event: row.key.event.clone(),
        goal: row.facts.goal.clone(),
        conversion_time: row.facts.conversion_time.into(),
        value: money.map(|money| JsonAmount(money.amount)),
        currency: money.map(|money| money.currency),
        state,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "ec81f3ac7b2b19675bab9d54cf416f9f18cff87c97da5cca82c0f0891bc40602";

    fn problem(body: &str) -> (u16, &'static str, Option<&'static str>) {
        let problem = person_in(body).expect_err(body);
        (problem.status, problem.code, problem.field)
    }

    #[test]
    fn a_person_is_named_by_one_member() {
        for (member, kind) in
            [("sessionId", "session"), ("leadId", "lead"), ("cartId", "cart"), ("orderId", "order")]
        {
            let body = format!(r#"{{"{member}":"x/1","note":"by mail","hashedEmail":null}}"#);
            let person = person_in(&body).expect(&body);
            assert_eq!((person.kind(), person.value().as_str()), (kind, "x/1"));
        }
        let upper = format!(r#"{{"hashedEmail":"{}","leadId":""}}"#, HASH.to_uppercase());
        assert_eq!(person_in(&upper).expect("a hash").value(), HASH);
    }

    #[test]
    fn mistakes_are_told_by_their_member() {
        for (body, expected) in [
            ("", (400, "invalid_json", None)),
            ("{", (400, "invalid_json", None)),
            ("[]", (400, "invalid_json", None)),
            ("null", (400, "invalid_json", None)),
            ("{}", (422, "missing_field", Some("sessionId"))),
            (r#"{"email":"jane@x.example"}"#, (422, "missing_field", Some("sessionId"))),
            (r#"{"orderId":5}"#, (422, "wrong_type", Some("orderId"))),
            (r#"{"leadId":"jane@x.example"}"#, (422, "invalid_id", Some("leadId"))),
            (r#"{"hashedEmail":"jane@x.example"}"#, (422, "invalid_value", Some("hashedEmail"))),
            (r#"{"leadId":"a","orderId":"b"}"#, (422, "value_not_allowed", Some("orderId"))),
        ] {
            assert_eq!(problem(body), expected, "{body}");
            let message = person_in(body).expect_err(body).message;
            assert!(!message.contains("jane"), "{message}");
        }
    }
}
