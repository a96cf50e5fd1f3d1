use tracklayer_core::ledger::observed::{Destination, Environment};
use tracklayer_core::microsoft::errors::look_up;
use tracklayer_core::microsoft::payload::APPLY_CONVERSIONS;
use tracklayer_core::microsoft::reply::read_apply;
use tracklayer_core::reconcile::decide::Policy;
use tracklayer_core::reconcile::note::CallRef;
use tracklayer_core::reconcile::verdict::{Sent, verdict};
use tracklayer_edge::ports::{AccountItem, AccountSecret, Versioned};

use super::*;
use crate::accounts::Account;
use crate::batch::tests::{batch, record};
use crate::decide::Load;

struct Silent;

impl Telemetry for Silent {
    fn line(&self, _: &str, _: serde_json::Map<String, Value>) {}

    fn emit(&self, _: &str, _: &[Metric]) {}
}

pub(crate) fn account(item: AccountItem) -> Account {
    let value: AccountSecret = serde_json::from_str(
        r#"{"client_id":"c","refresh_token":"r","developer_token":"d","customer_id":"1","account_id":"2"}"#,
    )
    .expect("a secret");
    let secret = Versioned { value, version: "1".to_owned(), created: None };
    let name = "main".parse().expect("a name");
    Account { name, secret, item }
}

fn with_line<T>(status: u16, body: &str, check: impl FnOnce(&CallLine<'_>) -> T) -> T {
    let account = account(AccountItem::default());
    let account = account.name;
    let load = |index| Load { account: account.clone(), index, adjustment: None };
    let call = Call { rows: [0, 1, 2].map(load).into(), account: account.clone() };
    let works = batch(["a", "b", "c"].map(|id| record(id, 1)).into()).works;
    let reply = read_apply(status, body.as_bytes(), 3);
    check(&CallLine {
        call: &call,
        path: APPLY_CONVERSIONS,
        works: &works,
        reply: &reply,
        tracking_id: None,
        duration: Duration::ZERO,
    })
}

fn counted(status: u16, body: &str) -> Option<usize> {
    let mut report = Report::default();
    with_line(status, body, |line| {
        report.call(line, &Silent);
        report.counts[&line.call.account].get("UnknownCode").copied()
    })
}

#[test]
fn a_correction_that_is_lost_has_its_original_and_says_so() {
    let mut works = batch(vec![record("a", 1)]).works;
    works[0].row = Some(test_support::rows::row());
    let mut report = Report::default();
    let note = Note::Refused(RefusalReason::TooOldForMicrosoft);
    report.noted(&works[0], &note, EventTime::from_epoch(0));
    let counted = report.counts.into_values().next().expect("of the account");
    let expected = [("CorrectionLost", 1), ("OriginalNeverCame", 0)];
    assert_eq!(counted.into_iter().collect::<Vec<_>>(), expected);
}

/// From its fourth try on, and not in trouble of an hour.
#[test]
fn corrections_that_microsoft_does_not_take_for_long_ring_however_rarely_they_are_tried() {
    use test_support::rows;
    let correction = rows::refund("r", 0, "5");
    let recorded = correction.recorded_at;
    let stuck = |tries, after, note: &dyn Fn(CallRef) -> Note| {
        let mut works = batch(vec![record("a", 1)]).works;
        let mut row = rows::accepted_row(vec![correction.clone()]);
        row.observed.tries = tries;
        works[0].row = Some(row);
        let mut report = Report::default();
        report.noted(&works[0], &note(rows::mark()), recorded.plus_seconds(after));
        let counts = report.counts.into_values().next().unwrap_or_default();
        counts.get("Stuck").copied()
    };
    let unknown = |call| Note::Unknown(Kind::Restate, call, None);
    let not_taken = |call| Note::NotTaken(Kind::Restate, call, None);
    let accepted = |call| Note::Accepted(Kind::Restate, call);
    for (tries, after, expected) in
        [(3, 7 * DAY, None), (4, DAY, None), (4, DAY + 1, Some(1)), (40, 80 * DAY, Some(1))]
    {
        assert_eq!(stuck(tries, after, &unknown), expected, "{tries} {after}");
        assert_eq!(stuck(tries, after, &not_taken), expected, "{tries} {after}");
    }
    assert_eq!(stuck(0, 7 * DAY, &accepted), None);
}

#[test]
fn the_line_says_once_what_an_error_means_and_what_helps() {
    let rows = r#"{"PartialErrors":[{"Index":0,"Code":5606},{"Index":2,"Code":5606}]}"#;
    let explained = with_line(200, rows, explained_errors);
    let entry = look_up(Some(5606), None).expect("a line of the table");
    let expected = json!([{"code": 5606, "errorCode": entry.symbol, "rows": 2,
        "class": entry.class.as_str(), "cause": entry.cause, "cure": entry.cure}]);
    assert_eq!(explained, expected);
    let symbol = entry.symbol;
    let named = format!("shop/a 5606 {symbol}, shop/c 5606 {symbol}");
    assert_eq!(with_line(200, rows, failed_rows), (named, 2));
}

#[test]
fn an_accounts_error_on_its_rows_is_counted_once() {
    let rows = r#"{"PartialErrors":[{"Index":0,"Code":5613},{"Index":2,"Code":5613}]}"#;
    let policy = Policy { settle_delay: 43_200, run_margin: 900, min_click_age: 0, hour: 3_600 };
    let mark = CallRef {
        to: Destination { environment: Environment::Production, account_id: "2".to_owned() },
        tracking_id: None,
    };
    let now = EventTime::from_epoch(1_800_000_000);
    let counted = |body: &str| {
        let reply = read_apply(200, body.as_bytes(), 3);
        let sent = [Sent { kind: Kind::Apply, has_free_click: true }; 3];
        let notes = verdict(reply, &sent, &mark, now, &policy).notes;
        let mut report = Report::default();
        let account = account(AccountItem::default());
        report.trouble_of_rows(&account.name, &notes);
        report.counts.get(&account.name).and_then(|counts| counts.get("AuthFailed").copied())
    };
    assert_eq!(counted(rows), Some(1));
    assert_eq!(counted(r#"{"PartialErrors":[{"Index":1,"Code":5612}]}"#), None);
}

#[test]
fn a_code_nobody_knows_is_counted_once_a_call() {
    let row =
        |index: u8, code: u16| format!(r#"{{"Index":{index},"Code":{code},"ErrorCode":"X"}}"#);
    let rows = |rows: [String; 2]| format!(r#"{{"PartialErrors":[{}]}}"#, rows.join(","));
    assert_eq!(counted(200, &rows([row(0, 5999), row(2, 5999)])), Some(1));
    assert_eq!(counted(200, &rows([row(0, 5998), row(2, 5999)])), Some(2));
    assert_eq!(counted(200, &rows([row(0, 5606), row(2, 5609)])), None);
    let fault = r#"{"Errors":[{"Code":7777,"ErrorCode":"New"}]}"#;
    for status in [400, 401, 403, 429, 500, 503] {
        assert_eq!(counted(status, fault), Some(1), "{status}");
    }
    for status in [401, 403, 404, 405, 413, 429, 501, 503] {
        assert_eq!(counted(status, ""), None, "{status}");
    }
    assert_eq!(counted(500, r#"{"Errors":[{"Code":0}]}"#), None);
}
