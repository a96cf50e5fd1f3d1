use proptest::prelude::*;

use super::*;

fn text(time: &str) -> Result<String, TimeError> {
    EventTime::parse_rfc3339(time).map(|time| time.to_string())
}

#[test]
fn an_offset_is_converted_not_dropped() {
    // The commonest mistake of all: 10:00+02:00 sent as 10:00Z.
    assert_eq!(text("2026-04-24T10:00:00+02:00").as_deref(), Ok("2026-04-24T08:00:00Z"));
    assert_eq!(text("2026-04-24T11:42:13+02:00").as_deref(), Ok("2026-04-24T09:42:13Z"));
    assert_eq!(text("2026-04-24T23:30:00-05:30").as_deref(), Ok("2026-04-25T05:00:00Z"));
    assert_eq!(text("2026-04-24t09:42:13z").as_deref(), Ok("2026-04-24T09:42:13Z"));
}

#[test]
fn midnight_is_the_start_of_its_day() {
    assert_eq!(text("2026-04-25T02:00:00+02:00").as_deref(), Ok("2026-04-25T00:00:00Z"));
    assert_eq!(text("2026-04-24T24:00:00Z"), Err(TimeError::Invalid));
}

#[test]
fn a_fraction_is_cut_off() {
    assert_eq!(text("2026-04-24T09:42:13.999999999999Z").as_deref(), Ok("2026-04-24T09:42:13Z"));
    assert_eq!(text("1969-12-31T23:59:59.5Z").as_deref(), Ok("1969-12-31T23:59:59Z"));
}

#[test]
fn without_offset_is_told_apart() {
    for local in
        ["2026-04-24T11:42:13", "2026-04-24T11:42:13.5", "2026-04-24 11:42:13", "2026-04-24T11:42"]
    {
        assert_eq!(text(local), Err(TimeError::MissingOffset), "{local}");
    }
}

#[test]
fn as_databases_and_scripts_write_it() {
    for time in [
        "2026-04-24T09:42:13.000+0000",
        "2026-04-24 09:42:13+00:00",
        "2026-04-24 11:42:13.123456+02",
        "2026-04-24 04:42:13 -0500",
        "2026-04-24 15:12:13+0530",
        "2026-04-24 09:42:13Z",
        "2026-04-24 09:42:13 UTC",
        "2026-04-24 09:42:13 GMT",
        "2026-04-24T09:42:13,5Z",
        "2026-04-24T11:42:13+02:00[Europe/Berlin]",
    ] {
        assert_eq!(text(time).as_deref(), Ok("2026-04-24T09:42:13Z"), "{time}");
    }
}

#[test]
fn what_is_no_time() {
    for bad in [
        "",
        "now",
        "2026-04-24",
        "2026-02-30T11:42:13",
        "2026-04-24_11:42:13Z",
        "2026-04-24T11:42:13+2",
        "2026-04-24T11:42:13+020",
        "2026-04-24T11:42:13+02000",
        "2026-04-24T11:42:13+02:00 ",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-04-24T25:00:00Z",
        "1777023733",
        "2026-04-24T11:60:00Z",
        "20260424T114213Z",
        "2026-04-24T11:42:13+25:00",
        "２026-04-24T11:42:13Z",
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00",
        "2026-04-24T11:42:13.Z",
    ] {
        assert_eq!(text(bad), Err(TimeError::Invalid), "{bad}");
    }
}

#[test]
fn stored_as_seconds_and_sent_as_text() {
    let time = EventTime::from_epoch(1_777_023_733);
    assert_eq!(serde_json::to_string(&time).expect("number"), "1777023733");
    assert_eq!(serde_json::from_str::<EventTime>("1777023733").expect("time"), time);
    let wire = serde_json::to_string(&TextTime(time)).expect("text");
    assert_eq!(wire, "\"2026-04-24T09:42:13Z\"");
    assert_eq!(serde_json::from_str::<TextTime>(&wire).expect("time"), TextTime(time));
}

#[test]
fn never_beyond_four_digits_of_a_year() {
    assert_eq!(EventTime::from_epoch(i64::MAX).to_string(), "9999-12-31T23:59:59Z");
    assert_eq!(EventTime::from_epoch(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
    let last = EventTime::from_epoch(i64::MAX);
    assert_eq!(last.plus_seconds(i64::MAX), last);
    assert_eq!(last.plus_seconds(-1).seconds_since(last), -1);
}

proptest! {
    #[test]
    fn what_is_written_is_read(seconds in FIRST..=LAST) {
        let time = EventTime::from_epoch(seconds);
        prop_assert_eq!(EventTime::parse_rfc3339(&time.to_string()), Ok(time));
    }

    #[test]
    fn every_offset_names_the_same_instant(seconds in 0..LAST - DAY, minutes in -1439_i64..1440) {
        let local = EventTime::from_epoch(seconds + minutes * 60).to_string();
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
        let text = format!("{}{sign}{hours:02}:{rest:02}", local.trim_end_matches('Z'));
        prop_assume!(seconds + minutes * 60 >= FIRST);
        prop_assert_eq!(EventTime::parse_rfc3339(&text), Ok(EventTime::from_epoch(seconds)));
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        let _ = EventTime::parse_rfc3339(&text);
    }
}
