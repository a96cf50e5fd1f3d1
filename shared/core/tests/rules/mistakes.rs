//! Mistakes that other uploaders are known for, as far as they concern what is decided and sent.
//!
//! Those that need more than the core are tested where they could be made: a ledger that is missing,
//! in `tests/tests/upload.rs`; a refresh token lost in a race or kept for ever, in
//! `functions/token/src/tests.rs`.

use proptest::prelude::*;
use serde_json::Value;
use tracklayer_core::{
    decide::{Action, Adjustment},
    errors::{Class, classify},
    event::{ErrorCode, parse_event},
    identity::{hash_email, hash_phone},
    mapping::Mapping,
    note::Note,
    observed::Kind,
    payload::{OfflineConversion, OfflineConversionAdjustment},
    record::Facts,
    reply::{Reply, RowOutcome, read_apply},
    verdict::{Verdict, verdict},
};

use crate::support::*;

fn sent(facts: &Facts) -> Value {
    serde_json::to_value(OfflineConversion::new(facts)).expect("JSON")
}

fn corrected(adjustment: &Adjustment) -> Value {
    let facts = facts();
    let row = OfflineConversionAdjustment::new(&facts, adjustment, after(60));
    serde_json::to_value(row).expect("JSON")
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
    let event = r#"{"event":"purchase","eventId":"1","source":"shop","value":1,"currency":"EUR",
        "occurredAt":"2026-04-24T10:00:00","msclkid":"f894f652ea334e739002f7167ab8f8e3"}"#;
    let rejection = parse_event(event, &Mapping::shipped(), sold()).expect_err("no offset");
    assert_eq!(rejection.error.code, ErrorCode::MissingOffset);
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
}

#[test]
fn midnight_as_24_of_the_day_before() {
    assert_eq!(at("2026-04-24T00:00:00Z"), "2026-04-24T00:00:00Z");
}

#[test]
fn now_in_place_of_the_time_of_the_sale() {
    // The same row, sent twice on different days, is the same text.
    let rows = [row(), row()].map(|row| sent(row.facts.as_ref().expect("facts")).to_string());
    assert_eq!(rows[0], rows[1]);
    assert_eq!(sent(&facts())["ConversionTime"], "2026-04-24T09:42:13Z");
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
    let Reply::Rows(outcomes) = read_apply(200, body, 1) else { panic!("rows") };
    assert_ne!(outcomes[0], RowOutcome::Accepted);
}

#[test]
fn http_200_taken_for_success() {
    for body in ["", "{}", "<html>", r#"{"Errors":[{"Code":105}]}"#] {
        assert!(matches!(read_apply(200, body.as_bytes(), 1), Reply::Unknown(..)), "{body}");
    }
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
    let row = sent(&without_value());
    assert!(row.get("ConversionValue").is_none() && row.get("ConversionCurrencyCode").is_none());
}

#[test]
fn a_failed_third_makes_the_others_go_twice() {
    let body = br#"{"PartialErrors":[{"Code":5609,"Index":1}]}"#;
    let reply = read_apply(200, body, 3);
    let verdict = verdict(reply, &[Kind::Apply; 3], &mark(), after(DAY), &Bench::new().policy);
    let Verdict::Notes(notes) = verdict else { panic!("notes") };
    let bench = Bench::new();
    let after_call = notes.iter().map(|note| {
        let mut row = row();
        let write = note.write(&row, &bench.judge(after(DAY)));
        assert!(carry_out(&mut row, &write));
        bench.judge(after(DAY)).next(&row)
    });
    let again: Vec<_> = after_call.map(|action| action == Action::Apply).collect();
    assert_eq!(again, [false, false, false]);
    assert!(matches!(notes[1], Note::Failed(..)));
}

#[test]
fn an_endless_loop_of_new_tokens() {
    // A refused token is trouble of the account: the rows are handed back, not sent again at once.
    let reply = read_apply(401, b"", 2);
    let verdict = verdict(reply, &[Kind::Apply; 2], &mark(), sold(), &Bench::new().policy);
    assert!(matches!(verdict, Verdict::HandBack(..)));
}

#[test]
fn a_row_older_than_90_days_sent_again() {
    let action = Bench::new().judge(after(91 * DAY)).next(&row());
    assert!(matches!(action, Action::Refuse(_)));
}

#[test]
fn a_sale_that_the_ledger_has_forgotten_sent_again() {
    // Rows are kept 100 days at least: what is older than those is not taken in anew.
    let event = r#"{"event":"purchase","eventId":"1","source":"shop","value":1,"currency":"EUR",
        "occurredAt":"2026-04-24T09:42:13Z","msclkid":"f894f652ea334e739002f7167ab8f8e3"}"#;
    let at = |days| parse_event(event, &Mapping::shipped(), after(days * DAY));
    assert!(at(90).is_ok());
    let rejection = at(91).expect_err("too old");
    assert_eq!(rejection.error.code, ErrorCode::TooOld);
}

#[test]
fn lasting_refusals_retried_and_passing_ones_dropped() {
    for code in [5603, 5604, 5609, 5610, 5611, 5616, 5617, 5623] {
        assert_eq!(classify(Some(code), None), Class::Final, "{code}");
    }
    for code in [5614, 5615, 5622] {
        assert!(matches!(classify(Some(code), None), Class::Wait(_)), "{code}");
    }
}

proptest! {
    #[test]
    fn panic_on_an_unreadable_reply(status in 100_u16..600, body in ".{0,200}", rows in 0_usize..5) {
        let reply = read_apply(status, body.as_bytes(), rows);
        prop_assert!(!matches!(reply, Reply::Rows(_)), "{:?}", reply);
    }
}
