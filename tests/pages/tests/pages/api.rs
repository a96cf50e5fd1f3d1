//! The reference in `functions/README.md` except for fields and states: routes, rights, answers,
//! codes.

use enqueue::Status;
use pages::{check, code, sources, table, template::Template};
use tracklayer_core::event::{ErrorCode, IgnoredReason, Landing};
use tracklayer_core::field::Field;
use tracklayer_edge::{lambda::problems::PROBLEMS, ports::Right};

const PAGE: &str = "functions/README.md";

/// What a caller must have, and what a route is for, by the end of its path.
const ROUTES: &[(&str, &str, &str)] = &[
    (
        "/ms-attribution",
        "none (with a key: `write`)",
        "stores a click and ties it to records; withdraws consent",
    ),
    ("/ms-attribution.js", "none", "is the [script for web pages](RECIPES.md)"),
    ("/events", "`write`", "accepts one event, or an array of up to 500"),
    ("/{eventId+}", "`read`", "answers with the whole story of an event"),
    ("/erasures", "`erase`", "erases a person"),
];

#[test]
fn routes() {
    let routes = Template::read().routes();
    let line = |route: &pages::template::Route| {
        let known = ROUTES.iter().find(|(end, ..)| route.path.ends_with(end));
        let (_, right, what) = known.expect("a line per route");
        let path = format!("`{} {}`", route.method, route.path);
        [path, route.function.clone(), (*right).to_owned(), (*what).to_owned()]
    };
    let has_route = |end: &str| routes.iter().any(|route| route.path.ends_with(end));
    assert!(ROUTES.iter().all(|(end, ..)| has_route(end)));
    let head = ["route", "function", "right of the key", "what it does"];
    check(PAGE, "routes", &table(head, routes.iter().map(line)));
}

lines! {
    /// What a right allows.
    RIGHTS: Right => (&'static str, &'static str) {
        Write: ("write", "send events; make keyed ties through `capture`"),
        Read: ("read", "ask for the state of events"),
        Erase: ("erase", "erase persons; keep it to the system that handles such requests"),
    }
}

#[test]
fn rights() {
    for (right, (word, _)) in RIGHTS {
        let read: Right = serde_json::from_value((*word).into()).expect("a right");
        assert_eq!(read, *right);
    }
    let line = |(_, (word, what)): &(Right, (&str, &str))| [code(word), (*what).to_owned()];
    check(PAGE, "rights", &table(["right", "what it allows"], RIGHTS.iter().map(line)));
}

lines! {
    /// What each ending of an event means.
    ANSWERS: Status => &'static str {
        Queued: "It is new and stored. `state` and `reason` say whether it is sent now, waits, or is refused at once.",
        Duplicate: "It is stored already: the same id with the same content, or (`reason` is `same_order`) another event of the same order. Nothing happens twice.",
        Ignored: "It is valid, and nothing is stored; `reason` says why.",
        Conflict: "The id is stored with other content or for another account, or the order otherwise. Nothing is overwritten; see `error`.",
        Rejected: "It can't be taken; `error` names the field and what is wrong with it.",
    }
}

#[test]
fn answers() {
    let line = |(status, text): &(Status, &str)| {
        let word = serde_json::to_value(status).expect("a word");
        let word = word.as_str().expect("text");
        [code(word), status.http().to_string(), (*text).to_owned()]
    };
    let head = ["status", "HTTP, if sent alone", "meaning"];
    check(PAGE, "answers", &table(head, ANSWERS.iter().map(line)));
}

lines! {
    /// Why an event is ignored.
    IGNORED: IgnoredReason => &'static str {
        AnalyticsOnly: "The mapping lists the event as of use to web analytics only.",
        ConsentDenied: "The event says `\"consent\":\"denied\"`.",
    }
}

#[test]
fn reasons_to_ignore() {
    let line = |(reason, text): &(IgnoredReason, &str)| [code(reason.as_str()), (*text).to_owned()];
    check(PAGE, "ignored", &table(["reason", "meaning"], IGNORED.iter().map(line)));
}

lines! {
    /// What is wrong with an event.
    CODES: ErrorCode => &'static str {
        MissingField: "A field that must be there is absent or `null`.",
        WrongType: "A field is of another JSON type.",
        InvalidId: "An id or the source breaks its rule.",
        UnknownEvent: "The event's name is not in the mapping.",
        UnknownAccount: "The account is not in the mapping.",
        SourceNotAllowed: "The key may not speak for this source or account.",
        InvalidTime: "The time is not RFC 3339.",
        MissingOffset: "The time has no UTC offset.",
        TimeInFuture: "The time is more than 5 minutes ahead.",
        TooOld: "The conversion is more than 90 days old: Microsoft would refuse it.",
        MissingValue: "A value must be there, or is missing beside a currency.",
        InvalidValue: "The value is out of its range, or can't be used as given.",
        ValueNotAllowed: "A value is given where none may be.",
        MissingCurrency: "A value has no currency.",
        InvalidCurrency: "It is not an ISO 4217 code.",
        InvalidClickId: "The text can't be a click id.",
        NoIdentifier: "Nothing is there by which a click or a person could be found.",
        InvalidOriginal: "The reference to the corrected event can't be used.",
        AmbiguousOriginal: "Several events have the original's id: name one in `original.event`.",
        CurrencyMismatch: "The correction's currency is not the original's.",
        Conflict: "The id is known with other content, or for another account.",
        SameOrder: "The order is counted already, with another value, at another time, or it was taken back.",
        Rounded: "Only a warning: an amount had more than 3 decimals and was rounded.",
    }
}

#[test]
fn event_codes() {
    assert_eq!(CODES.iter().map(|(known, _)| *known).collect::<Vec<_>>(), ErrorCode::ALL);
    let line = |(known, text): &(ErrorCode, &str)| [code(known), (*text).to_owned()];
    check(PAGE, "event codes", &table(["code", "meaning"], CODES.iter().map(line)));
}

#[test]
fn request_codes() {
    let line = |(status, word, text): &(u16, &str, &str)| {
        [status.to_string(), code(word), (*text).to_owned()]
    };
    check(PAGE, "request codes", &table(["HTTP", "code", "meaning"], PROBLEMS.iter().map(line)));
}

const ID: &str = "string or whole number";

/// The members of a landing: type and rule.
const LANDING: &[(&str, &str, &str)] = &[
    ("msclkid", "string", "the click id from the landing URL; cleaned as in events"),
    (
        "landingUrl",
        "string",
        "scheme, host, path and `utm_*` are kept, never other query values; dropped whole above 2,048 bytes",
    ),
    ("sessionId", ID, "your session id; without it the cookie `tl_ref` is the reference"),
    ("leadId", ID, "ties the visitor to a lead"),
    ("cartId", ID, "ties the visitor to a cart; what follows a `?` is cut"),
    ("orderId", ID, "ties the visitor to an order"),
    (
        "consent",
        "string or boolean",
        "`granted`, `denied` or `unknown` (default), or another usual word such as `true`, `no`, `opt-out`",
    ),
    (
        "landedAt",
        "string or number",
        "RFC 3339, or milliseconds or seconds since 1970; counts as the click's time up to 24 hours back (with an ingest key 90 days); an earlier one counts as that, one ahead as now",
    ),
];

#[test]
fn landing() {
    let names = LANDING.iter().map(|(name, ..)| *name);
    assert!(names.eq(Landing::FIELDS.map(Field::as_str)));
    let line = |(name, kind, rule): &(&str, &str, &str)| {
        [code(name), (*kind).to_owned(), (*rule).to_owned()]
    };
    check(PAGE, "landing", &table(["field", "type", "rule"], LANDING.iter().map(line)));
}

/// The members by which an erasure names a person, and what each leads to.
const PERSON: &[(&str, &str)] = &[
    (
        "sessionId",
        "the clicks of the session and of the cookies they came with, and the rows that name it",
    ),
    (
        "leadId",
        "the ties of the lead, the clicks of the visitors tied to it, and the rows that name it or them",
    ),
    ("cartId", "the cart, likewise"),
    (
        "orderId",
        "the order, likewise; visitors that browsers tied to it only where such ties count, and at most three",
    ),
    ("hashedEmail", "the rows with this hash (64 hex digits, the one that events get)"),
];

#[test]
fn persons() {
    let names: Vec<_> = PERSON.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names, sources::members("erase"));
    let line = |(name, what): &(&str, &str)| [code(name), (*what).to_owned()];
    check(PAGE, "persons", &table(["field", "what it names"], PERSON.iter().map(line)));
}
