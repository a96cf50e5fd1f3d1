//! The fields of an event. Each line has examples that the parser takes and refuses, so that type,
//! rule and codes on the page are what it does.

use pages::{check, code, table};
use serde_json::{Value, json};
use tracklayer_core::event::{ErrorCode, parse_event};
use tracklayer_core::field::Field;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::time::EventTime;

use ErrorCode::{
    InvalidClickId, InvalidCurrency, InvalidId, InvalidOriginal, InvalidTime, InvalidValue,
    MissingCurrency, MissingField, MissingOffset, MissingValue, Rounded, TimeInFuture, TooOld,
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
    /// JSON texts that are accepted.
    good: &'static [&'static str],
    /// JSON texts that can't be used, and the code of the error or, of a field that costs no event,
    /// of the warning. `null` is the same as leaving the field out.
    bad: &'static [(&'static str, ErrorCode)],
}

/// Fields of which one must be there: those that can't be used are left out.
const ONE_OF: &str = "one of these";
const NUMBER: &str = "number, or as a string";

const fn id(rule: &'static str) -> Line {
    Line {
        of: Of::Conversions,
        needed: ONE_OF,
        kind: "string or whole number",
        rule,
        good: &[r##""#a/b:1c%7C""##, "4711"],
        bad: &[("47.11", WrongType), (r#""jane@x.example""#, InvalidId)],
    }
}

const fn hash(rule: &'static str) -> Line {
    Line {
        of: Of::Conversions,
        needed: ONE_OF,
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
        kind: NUMBER,
        rule,
        good: &["0", "30.5", r#""30.50""#, "999999999999"],
        bad: &[
            ("true", WrongType),
            (r#""30,50""#, InvalidValue),
            ("-1", InvalidValue),
            ("30.0005", Rounded),
        ],
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
            of: Of::Every, needed: "yes", kind: "string or whole number",
            rule: "your id of the event; 1–128 visible ASCII characters without `@ \" ' \\ ? # %`",
            good: &[r#""2026/04/4711""#, "4711"],
            bad: &[("null", MissingField), ("true", WrongType), (r#""a b""#, InvalidId)],
        },
        Source: Line {
            of: Of::Every, needed: "yes", kind: "string",
            rule: "the system it comes from: 1–64 of `A-Z a-z 0-9 . _ -`; one source is one space of ids, so two shops are two sources",
            good: &[], bad: &[("null", MissingField), ("5", WrongType), (r#""shop eu""#, InvalidId)],
        },
        OccurredAt: Line {
            of: Of::Every, needed: "yes", kind: "string",
            rule: "RFC 3339 with an offset, also `+0200`, a blank for `T` and no seconds; at most 5 minutes ahead; of conversions at most 90 days back",
            good: &[r#""2026-04-24T11:42:13+02:00""#, r#""2026-04-24 09:42:13.5+0000""#],
            bad: &[
                ("null", MissingField), ("5", WrongType), (r#""yesterday""#, InvalidTime),
                (r#""2026-04-24T11:42:13""#, MissingOffset), (r#""2026-04-25T00:06:00Z""#, TimeInFuture),
                (r#""2026-01-01T00:00:00Z""#, TooOld),
            ],
        },
        Value: Line {
            of: Of::Conversions, needed: "by the goal", kind: NUMBER,
            rule: "0 to 999,999,999,999, rounded half up to 3 decimals; a `VariableValue` goal needs it, a `NoValue` goal refuses it",
            good: &["0", "129.95", r#""129.95""#, "999999999999"],
            bad: &[
                ("null", MissingValue), ("true", WrongType), ("-1", InvalidValue),
                (r#""1,299.95""#, InvalidValue), ("1000000000000", InvalidValue), ("1.0005", Rounded),
            ],
        },
        Currency: Line {
            of: Of::Every, needed: "beside a value", kind: "string", rule: "ISO 4217, such as `USD`, in either case",
            good: &[r#""EUR""#, r#""eur""#],
            bad: &[("null", MissingCurrency), ("5", WrongType), (r#""US$""#, InvalidCurrency)],
        },
        Account: Line {
            of: Of::Every, needed: "with several", kind: "string",
            rule: "an account of the mapping; of a correction the original's",
            good: &[r#""main""#], bad: &[("5", WrongType), (r#""other""#, UnknownAccount)],
        },
        Msclkid: Line {
            of: Of::Conversions, needed: ONE_OF, kind: "string",
            rule: "Microsoft's click id: 16–64 letters and digits, after `_uet`, `-0`, `-1`, `-0N`, `-1N`, the dashes of a GUID, percent encoding, a repetition (`ID,ID`) and the rest of an address are removed",
            good: &[
                r#""dd4afcccb1c9a4cad9544dd7e5006""#, r#""_uetdd4afcccb1c9a4cad9544dd7e5006-0""#,
                r#""dd4afcccb1c9a4cad9544dd7e5006?utm_source=bing""#,
            ],
            bad: &[("true", WrongType), (r#""{msclkid}""#, InvalidClickId), (r#""N""#, InvalidClickId)],
        },
        SessionId: id("the visitor's session, or the value of the cookie `tl_ref`; 1–128 visible ASCII characters without `@ \" ' \\`, nothing that stands for a missing value (`null`, `undefined`, `n/a`, `0`, `-`, `{{id}}`)"),
        LeadId: id("like `sessionId`"),
        CartId: id("like `sessionId`; what follows a `?` is cut"),
        OrderId: id("like `sessionId`; see [one order](#one-order-one-conversion)"),
        Email: Line {
            of: Of::Conversions, needed: ONE_OF, kind: "string",
            rule: "an e-mail address; normalised and hashed on arrival, never stored in clear",
            good: &[r#""John.Smith+ads@Contoso.com ""#],
            bad: &[("5", WrongType), (r#""john""#, InvalidValue), (r#""John <john@contoso.com>""#, InvalidValue)],
        },
        Phone: Line {
            of: Of::Conversions, needed: ONE_OF, kind: "string or whole number",
            rule: "a phone number with its country code, or the account's `defaultCountryCode`; an extension is dropped; hashed like `email`",
            good: &[r#""+1 (425) 555-1234""#, r#""+1 425 555 1234 ext. 7""#, "14255551234"],
            bad: &[("true", WrongType), (r#""call me""#, InvalidValue)],
        },
        HashedEmail: hash("64 hex digits: SHA-256 of the normalised address; that of an empty text or of a word for a missing value (`null`, `undefined`, `n/a`) is nobody's"),
        HashedPhone: hash("64 hex digits: SHA-256 of the number as E.164, with its `+`; likewise"),
        Consent: Line {
            of: Of::Every, needed: "no", kind: "string, boolean",
            rule: "`granted`, `denied` or `unknown` (default), or another usual word such as `true`, `no`, `opt-out`; one that is not understood is unknown, with a warning; a correction is ignored for `denied` alone",
            good: &[r#""granted""#, r#""unknown""#, r#""Yes""#, "true"],
            bad: &[("[1]", WrongType), (r#""maybe""#, InvalidValue)],
        },
        Original: Line {
            of: Of::Corrections, needed: "yes", kind: "object",
            rule: "`{\"eventId\",\"source\"?,\"event\"?}` of the conversion; `source` defaults to the same, `event` is needed only if several events have the id",
            good: &[r#"{"eventId":"4711","source":"crm","event":"purchase"}"#],
            bad: &[("null", MissingField), (r#""4711""#, InvalidOriginal), (r#"{"source":"shop"}"#, InvalidOriginal)],
        },
        Amount: amount("how much was given back; with neither `amount` nor `newValue`, everything was"),
        NewValue: amount("what the conversion is worth now, instead of `amount`"),
    } except LandingUrl, LandedAt
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
    let mapping = Mapping::sample();
    for (field, line) in FIELDS {
        for text in line.good {
            let event = with(line, *field, text);
            let parsed = parse_event(&event.to_string(), &mapping, now());
            assert!(parsed.event.is_ok() && parsed.warnings.is_empty(), "{event}: {parsed:?}");
        }
        for (text, expected) in line.bad {
            let mut event = with(line, *field, text);
            if *field == Field::SessionId {
                event["leadId"] = json!("L1");
            }
            let parsed = parse_event(&event.to_string(), &mapping, now());
            let is_soft = line.needed == ONE_OF || *field == Field::Consent;
            let costs_no_event = is_soft || *expected == Rounded;
            assert_eq!(parsed.event.is_ok(), costs_no_event, "{event}");
            let error = parsed.event.err().map(|refused| refused.error);
            let said = error.or(parsed.warnings.into_iter().next()).expect("a code");
            assert_eq!((said.code, said.field), (*expected, Some(field.as_str())), "{event}");
        }
    }
}

#[test]
fn needed_fields_are_needed_and_no_others() {
    let mapping = Mapping::sample();
    for (field, line) in FIELDS {
        let without = with(line, *field, "null");
        let refused = parse_event(&without.to_string(), &mapping, now()).event.is_err();
        let needed = matches!(line.needed, "yes" | "by the goal" | "beside a value");
        let only_identifier = *field == Field::SessionId || line.of == Of::Corrections;
        assert!(refused == needed || only_identifier, "{} {}", field.as_str(), line.needed);
    }
}

#[test]
fn what_stands_beside_the_table_holds() {
    let mapping = Mapping::sample();
    let code_of = |event: Value| {
        let refused = parse_event(&event.to_string(), &mapping, now()).event;
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
    let empty = json!({"event": "", "account": "", "email": "", "leadId": "", "consent": ""});
    for (name, text) in empty.as_object().expect("members") {
        let mut event = purchase();
        event[name] = text.clone();
        let refused = (name == "event").then_some(UnknownEvent);
        assert_eq!(code_of(event), refused, "{name}");
    }
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
    let head = ["field", "of", "needed", "type", "rule", "codes"];
    check("functions/README.md", "fields", &table(head, FIELDS.iter().map(line)));
}
