//! The fields of an event. Each line has examples that the parser takes and refuses, so that type,
//! rule and codes on the page are what it does.

use pages::{check, code, table};
use serde_json::{Value, json};
use tracklayer_core::{
    event::{ErrorCode, field::Field, parse_event},
    mapping::Mapping,
    time::EventTime,
};

use ErrorCode::{
    InvalidClickId, InvalidCurrency, InvalidId, InvalidOriginal, InvalidTime, InvalidValue,
    MissingCurrency, MissingField, MissingOffset, MissingValue, TimeInFuture, TooOld,
    UnknownAccount, UnknownEvent, ValueNotAllowed, WrongType,
};

/// Which events a field belongs to.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Every,
    Conversions,
    Corrections,
}

/// One field.
struct Line {
    of: Of,
    needed: &'static str,
    kind: &'static str,
    rule: &'static str,
    /// JSON texts that are taken.
    good: &'static [&'static str],
    /// JSON texts that are refused, and why. `null` is the same as leaving the field out.
    bad: &'static [(&'static str, ErrorCode)],
}

const ID_RULE: &str = "1–128 visible ASCII characters without `@ \" ' \\ ? # %`";

const fn id(needed: &'static str, rule: &'static str) -> Line {
    Line {
        of: Of::Conversions,
        needed,
        kind: "string",
        rule,
        good: &[r#""a/b:1""#],
        bad: &[("5", WrongType), (r#""jane@x.example""#, InvalidId)],
    }
}

const fn hash(rule: &'static str) -> Line {
    Line {
        of: Of::Conversions,
        needed: "one of these",
        kind: "string",
        rule,
        good: &[r#""EC81F3AC7B2B19675BAB9D54CF416F9F18CFF87C97DA5CCA82C0F0891BC40602""#],
        bad: &[("5", WrongType), (r#""ec81""#, InvalidValue)],
    }
}

const fn amount(rule: &'static str) -> Line {
    Line {
        of: Of::Corrections,
        needed: "no",
        kind: "number",
        rule,
        good: &["0", "30.5", "999999999999"],
        bad: &[(r#""a lot""#, WrongType), ("-1", InvalidValue), ("1000000000000", InvalidValue)],
    }
}

lines! {
    /// Every field, in the order of the page.
    FIELDS: Field => Line {
        Event: Line {
            of: Of::Every, needed: "yes", kind: "string", rule: "a name of the mapping",
            good: &[], bad: &[("null", MissingField), ("5", WrongType), (r#""sneeze""#, UnknownEvent)],
        },
        EventId: Line {
            of: Of::Every, needed: "yes", kind: "string",
            rule: "your id of the event; 1–128 visible ASCII characters without `@ \" ' \\ ? # %`",
            good: &[r#""2026/04/4711""#],
            bad: &[("null", MissingField), ("true", WrongType), (r#""a b""#, InvalidId)],
        },
        Source: Line {
            of: Of::Every, needed: "yes", kind: "string",
            rule: "the system it comes from: 1–64 of `A-Z a-z 0-9 . _ -`; one source is one space of ids, so two shops are two sources",
            good: &[], bad: &[("null", MissingField), ("5", WrongType), (r#""shop eu""#, InvalidId)],
        },
        OccurredAt: Line {
            of: Of::Every, needed: "yes", kind: "string",
            rule: "RFC 3339 with an offset; at most 5 minutes ahead; of conversions at most 90 days back",
            good: &[r#""2026-04-24T11:42:13+02:00""#, r#""2026-04-24T09:42:13.5Z""#],
            bad: &[
                ("null", MissingField), ("5", WrongType), (r#""yesterday""#, InvalidTime),
                (r#""2026-04-24T11:42:13""#, MissingOffset), (r#""2026-04-25T00:06:00Z""#, TimeInFuture),
                (r#""2026-01-01T00:00:00Z""#, TooOld),
            ],
        },
        Value: Line {
            of: Of::Conversions, needed: "by the goal", kind: "number",
            rule: "0 to 999,999,999,999; a `VariableValue` goal needs it, a `NoValue` goal refuses it",
            good: &["0", "129.95", "999999999999"],
            bad: &[
                ("null", MissingValue), (r#""a lot""#, WrongType), ("-1", InvalidValue),
                ("1000000000000", InvalidValue),
            ],
        },
        Currency: Line {
            of: Of::Every, needed: "beside a value", kind: "string", rule: "ISO 4217, such as `USD`",
            good: &[r#""EUR""#],
            bad: &[("null", MissingCurrency), ("5", WrongType), (r#""US$""#, InvalidCurrency)],
        },
        Account: Line {
            of: Of::Every, needed: "with several", kind: "string",
            rule: "an account of the mapping; of a correction the original's",
            good: &[r#""main""#], bad: &[("5", WrongType), (r#""other""#, UnknownAccount)],
        },
        Msclkid: Line {
            of: Of::Conversions, needed: "one of these", kind: "string",
            rule: "Microsoft's click id: 16–64 letters and digits, after `_uet`, `-0`, `-1`, `-0N`, `-1N`, the dashes of a GUID and percent encoding are removed",
            good: &[r#""dd4afcccb1c9a4cad9544dd7e5006""#, r#""_uetdd4afcccb1c9a4cad9544dd7e5006-0""#],
            bad: &[("5", WrongType), (r#""{msclkid}""#, InvalidClickId), (r#""N""#, InvalidClickId)],
        },
        SessionId: id("one of these", "the visitor's session, or the value of the cookie `tl_ref`; like `eventId`"),
        LeadId: id("one of these", "like `eventId`"),
        CartId: id("one of these", "like `eventId`"),
        OrderId: Line {
            kind: "string or whole number",
            good: &[r#""a/b:1""#, "4711"],
            bad: &[("47.11", WrongType), (r#""jane@x.example""#, InvalidId)],
            ..id("one of these", "like `eventId`; see [one order](#one-order-one-conversion)")
        },
        Email: Line {
            of: Of::Conversions, needed: "one of these", kind: "string",
            rule: "an e-mail address; normalised and hashed on arrival, never stored in clear",
            good: &[r#""John.Smith+ads@Contoso.com ""#],
            bad: &[("5", WrongType), (r#""john""#, InvalidValue)],
        },
        Phone: Line {
            of: Of::Conversions, needed: "one of these", kind: "string",
            rule: "a phone number with its country code, or the account's `defaultCountryCode`; hashed like `email`",
            good: &[r#""+1 (425) 555-1234""#],
            bad: &[("5", WrongType), (r#""call me""#, InvalidValue)],
        },
        HashedEmail: hash("64 hex digits: SHA-256 of the normalised address"),
        HashedPhone: hash("64 hex digits: SHA-256 of the number as E.164, with its `+`"),
        Consent: Line {
            of: Of::Every, needed: "no", kind: "string",
            rule: "`granted`, `denied` or `unknown` (default)",
            good: &[r#""granted""#, r#""unknown""#],
            bad: &[("5", WrongType), (r#""yes""#, InvalidValue)],
        },
        Original: Line {
            of: Of::Corrections, needed: "yes", kind: "object",
            rule: "`{\"eventId\",\"source\"?,\"event\"?}` of the conversion; `source` defaults to the same, `event` is needed only if several events have the id",
            good: &[r#"{"eventId":"4711","source":"crm","event":"purchase"}"#],
            bad: &[("null", MissingField), (r#""4711""#, InvalidOriginal), (r#"{"source":"shop"}"#, InvalidOriginal)],
        },
        Amount: amount("how much was given back; with neither `amount` nor `newValue`, everything was"),
        NewValue: amount("what the conversion is worth now, instead of `amount`"),
    }
}

fn now() -> EventTime {
    EventTime::parse_rfc3339("2026-04-25T00:00:00Z").expect("a time")
}

fn purchase() -> Value {
    json!({"event": "purchase", "eventId": "4711", "source": "shop",
        "occurredAt": "2026-04-24T09:42:13Z", "value": 129.95, "currency": "USD",
        "sessionId": "s-1"})
}

fn refund() -> Value {
    json!({"event": "refund", "eventId": "4711-r1", "source": "shop",
        "occurredAt": "2026-04-24T09:42:13Z", "original": {"eventId": "4711"},
        "amount": 30, "currency": "USD"})
}

/// An event of the field's kind with this JSON text in it.
fn with(line: &Line, field: Field, text: &str) -> Value {
    let mut event = if line.of == Of::Corrections { refund() } else { purchase() };
    if field == Field::NewValue {
        event.as_object_mut().expect("an object").remove("amount");
    }
    event[field.as_str()] = serde_json::from_str(text).expect(text);
    event
}

#[test]
fn the_parser_does_what_the_page_says() {
    let mapping = Mapping::shipped();
    for (field, line) in FIELDS {
        for text in line.good {
            let event = with(line, *field, text);
            parse_event(&event.to_string(), &mapping, now())
                .unwrap_or_else(|refused| panic!("{event}: {refused}"));
        }
        for (text, expected) in line.bad {
            let event = with(line, *field, text);
            let error = parse_event(&event.to_string(), &mapping, now())
                .expect_err(&event.to_string())
                .error;
            assert_eq!((error.code, error.field), (*expected, Some(field.as_str())), "{event}");
        }
    }
}

#[test]
fn needed_fields_are_needed_and_no_others() {
    let mapping = Mapping::shipped();
    for (field, line) in FIELDS {
        let without = with(line, *field, "null");
        let refused = parse_event(&without.to_string(), &mapping, now()).is_err();
        let needed = matches!(line.needed, "yes" | "by the goal" | "beside a value");
        let only_identifier = *field == Field::SessionId || line.of == Of::Corrections;
        assert!(refused == needed || only_identifier, "{} {}", field.as_str(), line.needed);
    }
}

#[test]
fn what_stands_beside_the_table_holds() {
    let mapping = Mapping::shipped();
    let code_of = |event: Value| {
        let refused = parse_event(&event.to_string(), &mapping, now());
        refused.err().map(|rejection| rejection.error.code)
    };
    let mut nobody = purchase();
    nobody["sessionId"] = Value::Null;
    assert_eq!(code_of(nobody), Some(ErrorCode::NoIdentifier));
    let mut valued = refund();
    valued["value"] = json!(5);
    assert_eq!(code_of(valued), Some(ValueNotAllowed));
    let mut both = refund();
    both["newValue"] = json!(5);
    assert_eq!(code_of(both), Some(ValueNotAllowed));
    let mut unknown = purchase();
    unknown["colour"] = json!({"any": ["thing"]});
    assert_eq!(code_of(unknown), None);
    assert!(ID_RULE.len() < 80 && FIELDS.iter().any(|(_, line)| line.rule.contains(ID_RULE)));
}

#[test]
fn the_page_has_all_fields() {
    let line = |(field, line): &(Field, Line)| {
        let of = match line.of {
            Of::Every => "every event",
            Of::Conversions => "conversions",
            Of::Corrections => "corrections",
        };
        let mut codes: Vec<String> = Vec::new();
        for (_, refusal) in line.bad {
            let word = code(refusal);
            if !codes.contains(&word) {
                codes.push(word);
            }
        }
        let texts = [of, line.needed, line.kind, line.rule].map(str::to_owned);
        let [of, needed, kind, rule] = texts;
        [code(field.as_str()), of, needed, kind, rule, codes.join(", ")]
    };
    let head = ["field", "of", "needed", "type", "rule", "refused as"];
    check("functions/README.md", "fields", &table(head, FIELDS.iter().map(line)));
}
