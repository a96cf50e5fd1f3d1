//! What is on the queue stays readable.

use tracklayer_core::ledger::signal::{BadSignal, Signal};
use tracklayer_core::time::TextTime;

use crate::{stored::fixture, support::*};

#[test]
fn a_signal() {
    let signal = Signal::parse(&fixture("signal.json").to_string()).expect("a signal");
    assert_eq!(signal.key, key());
    assert_eq!(signal.not_before, Some(TextTime(after(3_000))));
    assert_eq!(signal.summary, "purchase shop/4711 129.95 USD");
}

#[test]
fn a_signal_says_only_what_people_need() {
    let signal = Signal::new(&row(), Some(after(60)));
    let expected = r#"{"v":1,"source":"shop","eventId":"4711","event":"purchase","notBefore":"2026-04-24T09:43:13Z","summary":"purchase shop/4711 129.95 USD"}"#;
    let text = serde_json::to_string(&signal).expect("JSON");
    assert_eq!(text, expected);
    assert_eq!(Signal::parse(&text), Ok(signal));
    let plain = Signal::new(&row_of(without_value()), None);
    assert_eq!(plain.summary, "purchase shop/4711");
    assert!(!serde_json::to_string(&plain).expect("JSON").contains("notBefore"));
}

#[test]
fn what_is_no_signal() {
    for body in ["", "{}", "[]", "null", r#"{"v":1,"source":"shop","eventId":"a@b","event":"p"}"#] {
        assert_eq!(Signal::parse(body), Err(BadSignal::Unreadable), "{body}");
    }
    let newer = r#"{"v":2,"source":"shop","eventId":"4711","event":"purchase"}"#;
    assert_eq!(Signal::parse(newer), Err(BadSignal::Version));
    let shortest = r#"{"v":1,"source":"shop","eventId":"4711","event":"purchase"}"#;
    assert_eq!(Signal::parse(shortest).expect("a signal").key, key());
}
