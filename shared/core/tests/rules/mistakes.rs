//! Mistakes that other uploaders are known for, as far as they concern what is decided and sent.
//!
//! Those that need more than the core are tested where they could be made: a ledger that is missing,
//! in `tests/it/upload.rs`; a loop of new tokens, in `tests/it/faults.rs`; a refresh token lost
//! in a race or kept for ever, in `functions/token/src/tests.rs`.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tracklayer_core::event::{Conversion, ErrorCode, Event, EventError, parse_event};
use tracklayer_core::ledger::facts::{Click, Facts};
use tracklayer_core::ledger::observed::{Adjustment, Kind};
use tracklayer_core::ledger::row::Row;
use tracklayer_core::mapping::Mapping;
use tracklayer_core::microsoft::payload::{OfflineConversion, OfflineConversionAdjustment};
use tracklayer_core::microsoft::reply::{Reply, RowOutcome, read_apply};
use tracklayer_core::person::identity::{hash_email, hash_phone};
use tracklayer_core::reconcile::decide::Action;
use tracklayer_core::reconcile::intake::facts_of;
use tracklayer_core::reconcile::note::Note;
use tracklayer_core::reconcile::verdict::{Sent, Trouble, Verdict, verdict};
use tracklayer_core::time::EventTime;

use crate::support::*;

fn sent(facts: &Facts) -> Value {
    serde_json::to_value(OfflineConversion::new(facts)).expect("JSON")
}

fn corrected(adjustment: &Adjustment) -> Value {
    let facts = facts();
    let row = OfflineConversionAdjustment::new(&facts, adjustment, after(60));
    serde_json::to_value(row).expect("JSON")
}

/// A sale as a shop sends it, with other members; null takes one away.
fn event(changes: Value) -> Value {
    let mut event = json!({"event": "purchase", "eventId": "1", "source": "shop", "value": 129.95,
        "currency": "EUR", "occurredAt": "2026-04-24T09:42:13Z", "msclkid": CLICK});
    for (name, value) in changes.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event
}

fn read(event: &Value, now: EventTime) -> Result<Conversion, EventError> {
    match parse_event(&event.to_string(), &Mapping::sample(), now).event {
        Ok(Event::Conversion(conversion)) => Ok(conversion),
        Ok(other) => panic!("{other:?}"),
        Err(rejection) => Err(rejection.error),
    }
}

/// What goes to Microsoft of an event that came in then.
fn sent_of(event: &Value, now: EventTime) -> Value {
    let conversion = read(event, now).expect("a conversion");
    let click_id = conversion.msclkid.clone().expect("a click id");
    sent(&facts_of(&conversion, &Ok((click_id, Click::BROUGHT))))
}

/// The verdict on a call of so many rows like [`row`], made a day after the sale.
fn judged(status: u16, body: &[u8], rows: usize) -> Verdict {
    let sent = vec![Sent::of(&row(), Kind::Apply); rows];
    let reply = read_apply(status, body, rows);
    verdict(reply, &sent, &mark(), after(DAY), &Bench::new().policy)
}

/// [`row`] after this note on its only attempt.
fn noted(note: &Note) -> Row {
    let bench = Bench::new();
    let mut row = row();
    for note in [&Note::ClaimedApply, note] {
        let write = note.write(&row, None, &bench.context(after(DAY)));
        assert!(carry_out(&mut row, &write));
    }
    row
}

fn at(text: &str) -> Value {
    sent(&Facts { conversion_time: time(text), ..facts() })["ConversionTime"].clone()
}

#[test]
fn wall_clock_time_printed_as_utc_without_conversion() {
    assert_eq!(at("2026-04-24T10:00:00+02:00"), "2026-04-24T08:00:00Z");
}

#[test]
fn local_time_labelled_z() {
    let local = event(json!({"occurredAt": "2026-04-24T09:42:13"}));
    let error = read(&local, after(DAY)).expect_err("no offset");
    assert_eq!((error.code, error.field), (ErrorCode::MissingOffset, Some("occurredAt")));
}

#[test]
fn an_unnormalised_email_hashed() {
    let hash = |text| hash_email(text).expect("an address").hex();
    assert_eq!(hash(" John.Smith+ads@Contoso.com "), hash("johnsmith@contoso.com"));
    let smith = "9df35a0e22cfcb3edad75b601100188ed4fddcf2ae7a9c0aa322ef20e2bcfeec";
    assert_eq!(hash("johnsmith@contoso.com"), smith);
}

#[test]
fn only_the_first_dot_removed() {
    let hash = |text| hash_email(text).expect("an address").hex();
    assert_eq!(hash("j.o.h.n@contoso.com"), hash("john@contoso.com"));
}

#[test]
fn the_plus_of_a_phone_number_lost() {
    let hash = hash_phone("1 425 555 1234", None).expect("a number").hex();
    assert_eq!(hash, "c59475d96e9f01d7d18d06cfad84dd02333207f02c0c2c5663ef2782cda0390e");
}

#[test]
fn a_hash_hashed_again() {
    let hash = hash_email("john@contoso.com").expect("an address").hex();
    assert_eq!(hash_email(&hash).expect("a hash").hex(), hash);
    assert_eq!(hash_phone(&hash.to_uppercase(), Some("1")).expect("a hash").hex(), hash);
    // Wherever a source puts it.
    for (email, phone) in
        [("hashedEmail", "hashedPhone"), ("email", "phone"), ("hashedEmail", "phone")]
    {
        let given = event(json!({ email: MAIL.to_uppercase(), phone: PHONE }));
        let conversion = read(&given, after(DAY)).expect("a conversion");
        let hashes = [conversion.email, conversion.phone].map(|hash| hash.expect("a hash").hex());
        assert_eq!(hashes, [MAIL, PHONE], "{email} {phone}");
    }
}

#[test]
fn midnight_as_24_of_the_day_before() {
    assert_eq!(at("2026-04-24T00:00:00Z"), "2026-04-24T00:00:00Z");
    assert_eq!(at("2026-04-24T02:00:00+02:00"), "2026-04-24T00:00:00Z");
}

#[test]
fn now_in_place_of_the_time_of_the_sale() {
    for missing in [Value::Null, json!("")] {
        let error = read(&event(json!({ "occurredAt": missing })), sold()).expect_err("no time");
        assert_eq!(error.field, Some("occurredAt"));
        let expected = if missing.is_null() { "missing_field" } else { "invalid_time" };
        assert_eq!(error.code.as_str(), expected);
    }
    // The same sale, received on different days, is the same text.
    let rows = [0, 1, 90].map(|days| sent_of(&event(json!({})), after(days * DAY)).to_string());
    assert!(rows.iter().all(|row| *row == rows[0]), "{rows:?}");
    assert!(rows[0].contains(r#""ConversionTime":"2026-04-24T09:42:13Z""#), "{}", rows[0]);
}

#[test]
fn the_first_rows_error_on_every_row() {
    let body = br#"{"PartialErrors":[{"Code":5609,"Index":2}]}"#;
    let Reply::Rows(outcomes) = read_apply(200, body, 4) else { panic!("rows") };
    let accepted: Vec<_> = outcomes.iter().map(|row| *row == RowOutcome::Accepted).collect();
    assert_eq!(accepted, [true, true, false, true]);
}

#[test]
fn index_0_taken_for_no_index() {
    let body = br#"{"PartialErrors":[{"Code":5609,"Index":0}]}"#;
    let Reply::Rows(outcomes) = read_apply(200, body, 2) else { panic!("0 is a row's index") };
    assert!(outcomes[0].error().is_some_and(|error| error.code == Some(5609)), "{outcomes:?}");
    assert_eq!(outcomes[1], RowOutcome::Accepted);
    // And none is not 0: nobody knows whose error it is.
    for absent in ["", r#","Index":null"#] {
        let body = format!(r#"{{"PartialErrors":[{{"Code":5609{absent}}}]}}"#);
        let reply = read_apply(200, body.as_bytes(), 2);
        assert!(matches!(reply, Reply::Unknown(..)), "{reply:?}");
    }
}

#[test]
fn http_200_taken_for_success() {
    for body in ["", "{}", "<html>", r#"{"Errors":[{"Code":105}]}"#] {
        assert!(matches!(read_apply(200, body.as_bytes(), 1), Reply::Unknown(..)), "{body}");
    }
    let refused = r#"{"PartialErrors":[{"Code":5606,"Index":0},{"Code":5606,"Index":1}]}"#;
    let Reply::Rows(outcomes) = read_apply(200, refused.as_bytes(), 2) else { panic!("rows") };
    assert!(outcomes.iter().all(|row| row.error().is_some()), "{outcomes:?}");
}

#[test]
fn a_value_sent_with_a_retract() {
    let row = corrected(&Adjustment::Retract);
    assert_eq!(row["AdjustmentType"], "Retract");
    assert!(row.get("AdjustmentValue").is_none() && row.get("AdjustmentCurrencyCode").is_none());
}

#[test]
fn euros_booked_as_the_goals_dollars() {
    let mut net = usd("99.95");
    net.currency = currency("EUR");
    let row = corrected(&Adjustment::Restate(net));
    assert_eq!(row["AdjustmentCurrencyCode"], "EUR");
    let facts = Facts { money: Some(net), ..facts() };
    assert_eq!(sent(&facts)["ConversionCurrencyCode"], "EUR");
}

#[test]
fn an_invented_value_of_one_dollar() {
    for (member, code) in [("value", "missing_value"), ("currency", "missing_currency")] {
        let error =
            read(&event(json!({ member: null })), after(DAY)).expect_err("money is missing");
        assert_eq!((error.code.as_str(), error.field), (code, Some(member)));
    }
    // What has no value goes without one.
    let lead = json!({"event": "qualified_lead", "value": null, "currency": null});
    for row in [sent(&without_value()), sent_of(&event(lead), after(DAY))] {
        let money = ["ConversionValue", "ConversionCurrencyCode"].map(|name| row.get(name));
        assert_eq!(money, [None, None], "{row}");
    }
}

#[test]
fn a_failed_third_makes_the_others_go_twice() {
    let notes = judged(200, br#"{"PartialErrors":[{"Code":5609,"Index":1}]}"#, 3).notes;
    let again = |note: &Note| Bench::new().context(after(2 * DAY)).next(&noted(note));
    let again: Vec<_> = notes.iter().map(|note| again(note) == Action::Apply).collect();
    assert_eq!(again, [false, false, false]);
    assert!(matches!(notes[1], Note::Failed(..)));
}

#[test]
fn an_endless_loop_of_new_tokens() {
    // A refused token is trouble of the account: the rows are handed back, not sent again at once.
    for (status, body) in [(401, ""), (400, r#"{"Errors":[{"Code":105}]}"#)] {
        let Verdict { notes, trouble, answered } = judged(status, body.as_bytes(), 2);
        assert_eq!(trouble.map(|(trouble, _)| trouble), Some(Trouble::Token));
        let untaken = |note: &Note| matches!(note, Note::NotTaken(Kind::Apply, ..));
        assert!(!answered && notes.len() == 2 && notes.iter().all(untaken), "{notes:?}");
    }
}

#[test]
fn a_row_older_than_90_days_sent_again() {
    let action = Bench::new().context(after(91 * DAY)).next(&row());
    assert!(matches!(action, Action::Refuse(_)));
}

#[test]
fn a_sale_that_the_ledger_has_forgotten_sent_again() {
    // Rows are kept 100 days at least: what is older than those is not taken in anew.
    let at = |days| read(&event(json!({})), after(days * DAY));
    assert!(at(90).is_ok());
    assert_eq!(at(91).expect_err("too old").code, ErrorCode::TooOld);
}

#[test]
fn lasting_refusals_retried_and_passing_ones_dropped() {
    let bench = Bench::new();
    let refused = |code: i64| {
        let body = format!(r#"{{"PartialErrors":[{{"Code":{code},"Index":0}}]}}"#);
        noted(&judged(200, body.as_bytes(), 1).notes[0])
    };
    for code in [5603, 5604, 5606, 5609, 5610, 5611, 5617, 5627, 9_999_999] {
        let row = refused(code);
        assert!(row.observed.refusal.is_some(), "{code}");
        for later in [after(DAY), after(DAY + HOUR), after(30 * DAY)] {
            let action = bench.context(later).next(&row);
            assert!(!matches!(action, Action::Apply | Action::Adjust(..)), "{code}: {action:?}");
        }
    }
    for code in [5614, 5615] {
        let row = refused(code);
        assert_eq!(row.observed.refusal, None, "{code}");
        let action = bench.context(after(DAY)).next(&row);
        assert!(matches!(action, Action::WaitUntil(..)), "{code}: {action:?}");
        assert!(row.open.is_some(), "{code}: somebody comes back to it");
        assert_eq!(bench.context(after(DAY + 3 * HOUR)).next(&row), Action::Apply, "{code}");
    }
}

/// Any JSON, with the members of Microsoft's answers in it.
fn any_json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![(-3_i64..4).boxed(), Just(i64::MIN).boxed(), Just(i64::MAX).boxed()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number.prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    let name = prop_oneof![
        proptest::sample::select(vec![
            "PartialErrors",
            "Errors",
            "BatchErrors",
            "OperationErrors",
            "ApplicationFault",
            "Index",
            "Code",
            "ErrorCode",
        ])
        .prop_map(str::to_owned),
        "[A-Za-z]{0,6}",
    ];
    leaf.prop_recursive(4, 64, 6, move |inner| {
        let members = prop::collection::vec((name.clone(), inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            members.prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// An answer that is nearly, or quite, one of Microsoft's: a list of errors with some members odd.
fn near_answer() -> impl Strategy<Value = Value> {
    let code = prop_oneof![
        9 => proptest::sample::select(vec![0_i64, 105, 117, 5606, 5615]).prop_map(Value::from),
        1 => any_json(),
    ];
    let index = prop_oneof![9 => (-2_i64..6).prop_map(Value::from), 1 => any_json()];
    let error = (code, prop::option::of(index)).prop_map(|(code, index)| {
        let mut error = Map::from_iter([("Code".to_owned(), code)]);
        error.extend(index.map(|index| ("Index".to_owned(), index)));
        Value::Object(error)
    });
    let list = prop_oneof![
        9 => prop::collection::vec(error, 0..4).prop_map(Value::from),
        1 => any_json(),
    ];
    let name = proptest::sample::select(vec!["PartialErrors", "Errors", "BatchErrors"]);
    (name, list, 0..4).prop_map(|(name, list, wrapped)| match wrapped {
        0 => json!({ "ApplicationFault": { name: list } }),
        _ => json!({ name: list }),
    })
}

proptest! {
    #[test]
    fn panic_on_an_unreadable_reply(
        status in prop_oneof![Just(200_u16), 100_u16..600],
        answer in prop_oneof![3 => near_answer(), 1 => any_json()],
        cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        noise in prop::collection::vec(any::<u8>(), 0..20),
        rows in 0_usize..5,
    ) {
        let mut body = answer.to_string().into_bytes();
        body.truncate(cut.map_or(body.len(), |cut| cut.index(body.len() + 1)));
        for body in [body, noise] {
            let reply = read_apply(status, &body, rows);
            if let Reply::Rows(outcomes) = &reply {
                prop_assert_eq!(outcomes.len(), rows);
                // Only a whole answer that lists what failed can say that a row was taken.
                if outcomes.contains(&RowOutcome::Accepted) {
                    let answer: Value = serde_json::from_slice(&body).expect("JSON");
                    prop_assert!(status == 200 && answer.get("PartialErrors").is_some());
                }
            }
            prop_assert_eq!(judged(status, &body, rows).notes.len(), rows);
        }
    }
}
