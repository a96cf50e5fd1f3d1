//! Times without a zone: what a file means by them, where the command line says so.

use jiff::Timestamp;
use jiff::tz::{AmbiguousOffset, TimeZone};
use tracklayer_core::time::{Moment, TimeError};

/// The zone of times that name none.
#[derive(Clone, Debug)]
pub enum Zone {
    /// Always the same offset, as `+01:00`.
    Offset(String),
    /// A place, whose offset changes with summer time. An hour that comes twice is read as the first
    /// one; a time that never was is read as if the clock had not been put forward.
    Place(TimeZone),
}

impl Zone {
    /// Reads `+01:00`, or `Z`.
    pub fn offset(text: &str) -> Result<Self, String> {
        let is_offset = Moment::parse_rfc3339(&format!("2026-04-24T11:42:13{text}")).is_ok();
        let zone = Zone::Offset(text.to_owned());
        is_offset.then_some(zone).ok_or_else(|| "must be an offset such as +01:00".to_owned())
    }

    /// Reads `Europe/Berlin`.
    pub fn place(name: &str) -> Result<Self, String> {
        let bad = |_| "must be a name of the IANA database such as Europe/Berlin".to_owned();
        TimeZone::get(name).map(Zone::Place).map_err(bad)
    }

    /// The time, which [`has_none`], with the offset that it has here.
    pub fn apply(&self, time: &str) -> Option<String> {
        let offset = match self {
            Zone::Offset(offset) => offset.clone(),
            Zone::Place(zone) => offset_at(zone, time)?,
        };
        Some(format!("{time}{offset}"))
    }
}

/// Whether this is a time without an offset.
pub fn has_none(time: &str) -> bool {
    Moment::parse_rfc3339(time) == Err(TimeError::MissingOffset)
}

fn offset_at(zone: &TimeZone, time: &str) -> Option<String> {
    let clock = Moment::parse_rfc3339(&format!("{time}Z")).ok()?.second();
    let clock = Timestamp::from_second(clock.epoch()).ok()?.to_zoned(TimeZone::UTC).datetime();
    let offset = match zone.to_ambiguous_timestamp(clock).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset,
        AmbiguousOffset::Gap { before, .. } | AmbiguousOffset::Fold { before, .. } => before,
    };
    let seconds = offset.seconds();
    let (sign, minutes) = (if seconds < 0 { '-' } else { '+' }, seconds.abs() / 60);
    Some(format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_offset_of_the_day() {
        let berlin = Zone::place("Europe/Berlin").expect("a place");
        let at = |time: &str| {
            assert!(has_none(time), "{time}");
            let time = berlin.apply(time).expect("a time");
            Moment::parse_rfc3339(&time).expect("a time").second().to_string()
        };
        assert_eq!(at("2026-01-24 11:42"), "2026-01-24T10:42:00Z");
        assert_eq!(at("2026-07-24T11:42:13.5"), "2026-07-24T09:42:13Z");
        assert_eq!(at("2026-10-25 02:30:00"), "2026-10-25T00:30:00Z", "the first of the two");
        assert_eq!(at("2026-03-29 02:30:00"), "2026-03-29T01:30:00Z", "it never was");
        let newfoundland = Zone::place("America/St_Johns").expect("a place");
        let time = newfoundland.apply("2026-01-24T11:42:00");
        assert_eq!(time.as_deref(), Some("2026-01-24T11:42:00-03:30"));
        assert!(Zone::place("Europe/Nowhere").is_err());
    }

    #[test]
    fn an_offset_is_one() {
        let zone = Zone::offset("+01:00").expect("an offset");
        let time = zone.apply("2026-07-24 11:42").expect("a time");
        assert_eq!(
            Moment::parse_rfc3339(&time).expect("a time").second().to_string(),
            "2026-07-24T10:42:00Z"
        );
        assert!(Zone::offset("Z").is_ok() && Zone::offset("-03:30").is_ok());
        for text in ["", "1", "Berlin", "+25:00", "+01:00x"] {
            assert!(Zone::offset(text).is_err(), "{text}");
        }
        assert!(!has_none("2026-07-24T11:42:13Z") && !has_none("yesterday"));
    }
}
