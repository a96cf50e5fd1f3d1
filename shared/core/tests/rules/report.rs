//! The report of what became of accepted rows.

use std::collections::BTreeSet;

use tracklayer_core::microsoft::report::{
    GoalOutcome, REASONS, ReportAnswer, ReportRequest, explain,
};

use crate::support::*;

fn answer(summaries: &str, errors: &str) -> ReportAnswer {
    let body =
        format!(r#"{{"OfflineGoalConversionSummaries":{summaries},"PartialErrors":{errors}}}"#);
    serde_json::from_str(&body).expect("an answer")
}

#[test]
fn seven_days_are_asked_for_today_included() {
    let asked = |now: &str| {
        serde_json::to_string(&ReportRequest::new(time(now), &["1001", "1002"])).expect("JSON")
    };
    let body = |start: &str, end: &str| {
        format!(
            r#"{{"StartDateUtc":"{start}","EndDateUtc":"{end}","GoalIds":["1001","1002"],"UploadChannelFilter":"CampaignManagementAPI"}}"#
        )
    };
    for end in ["2026-04-24T00:00:00Z", "2026-04-24T09:42:13Z", "2026-04-24T23:59:59Z"] {
        assert_eq!(asked(end), body("2026-04-18T00:00:00Z", end));
    }
}

#[test]
fn an_answer_is_read_with_counts_as_texts_or_numbers() {
    let summaries = r#"[null,{"GoalId":"1001","ConversionName":"Purchase","OverallSuccessCount":"40",
        "OverallUnattributedCount":7,"OverallSuccessRate":0.851064,
        "DailySummaries":[{"UploadDate":"2026-04-23T00:00:00Z","SuccessCount":40,
            "UnattributedCount":7,"Alerts":[{"UnattributedReason":"AccountMismatch","Count":"2"},
            null,{"Count":1},{"UnattributedReason":"Unknown","Count":4}]},{"SuccessCount":1,"UnattributedCount":0},null],
        "OverallAlerts":[{"UnattributedReason":"AccountMismatch","Count":"2"},null,
            {"UnattributedReason":"BrandNew","Count":"3"},
            {"UnattributedReason":"AdjustmentOriginalNotFound","Count":2}]},
        {"GoalId":"1002","OverallSuccessCount":"0","OverallUnattributedCount":"0",
            "OverallAlerts":null,"DailySummaries":null}]"#;
    let errors = r#"[{"Code":5314,"ErrorCode":"InvalidConversionGoalId","Index":0},null,{}]"#;
    let read = answer(summaries, errors);
    let outcomes = read.outcomes();
    assert_eq!(
        (outcomes[0].goal.as_str(), outcomes[0].succeeded, outcomes[0].unattributed),
        ("Purchase", 40, 7)
    );
    let reasons: Vec<_> =
        outcomes[0].reasons.iter().map(|reason| (reason.reason.as_str(), reason.count)).collect();
    let expected = [("BrandNew", 3), ("AccountMismatch", 2), ("AdjustmentOriginalNotFound", 2)];
    assert_eq!(reasons, expected);
    let days: Vec<_> =
        outcomes[0].days.iter().map(|it| (&*it.day, it.succeeded, it.unattributed)).collect();
    assert_eq!(days, [("2026-04-23", 40, 7)], "one without its day is left out");
    let day = &outcomes[0].days[0];
    assert_eq!((day.with_reason("AccountMismatch"), day.with_reason("Unknown")), (2, 5));
    assert_eq!((day.accepted(), day.with_reason("MalformedData")), (47, 0));
    assert_eq!(outcomes[0].reasons[1].cause, explain("AccountMismatch").0);
    assert_eq!((outcomes[1].goal.as_str(), outcomes[1].reasons.len()), ("1002", 0));
    let mut whole = outcomes[0].clone();
    whole.add_empty_days(time("2026-04-24T09:00:00Z"));
    let listed: Vec<_> = whole.days.iter().map(|it| (&*it.day, it.accepted())).collect();
    assert_eq!((listed[0], listed[5], listed.len()), (("2026-04-18", 0), ("2026-04-23", 47), 7));
    whole = GoalOutcome { succeeded: 41, ..outcomes[0].clone() };
    whole.add_empty_days(time("2026-04-24T09:00:00Z"));
    assert_eq!(whole.days, outcomes[0].days, "a row is on a day that is not listed");
    assert_eq!(read.errors(), ["5314 InvalidConversionGoalId", "0 -"]);
}

#[test]
fn an_empty_report_is_one_and_another_answer_is_none() {
    assert_eq!(answer("null", "null").outcomes(), []);
    for other in [r#"{"PartialErrors":[]}"#, "[]", "<html>", r#"{"Errors":[]}"#] {
        assert!(serde_json::from_str::<ReportAnswer>(other).is_err(), "{other}");
    }
    let bad = r#"[{"OverallSuccessCount":"many","OverallUnattributedCount":"0"}]"#;
    let body = format!(r#"{{"OfflineGoalConversionSummaries":{bad},"PartialErrors":[]}}"#);
    assert!(serde_json::from_str::<ReportAnswer>(&body).is_err());
}

/// From the page of the value set.
#[test]
fn every_documented_reason_has_cause_and_cure() {
    let documented = BTreeSet::from([
        "AccountMismatch",
        "AdjustmentOriginalNotFound",
        "ClickTimestampAfterConversion",
        "ConversionAlreadyRetracted",
        "ConversionTimeExceedsMaxLookback",
        "ConversionTimeInFuture",
        "DuplicateConversionKey",
        "GoalNotFoundOrInactive",
        "HistoricalClickDataExpired",
        "MalformedData",
        "MissingMatchIdentifiers",
        "NoMatchingClickFound",
        "OutsideGoalLookbackWindow",
        "Unknown",
    ]);
    let known: BTreeSet<_> = REASONS.iter().map(|reason| reason.name).collect();
    assert_eq!((known, REASONS.len()), (documented, 14));
    for reason in REASONS {
        for text in [reason.cause, reason.cure] {
            assert!(text.ends_with('.') && text.len() > 15, "{}: {text}", reason.name);
        }
        assert_eq!(explain(reason.name), (reason.cause, reason.cure));
    }
    assert_eq!(explain("BrandNew"), explain("Unknown"));
}
