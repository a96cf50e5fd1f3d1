//! One instant, one text: whole seconds in UTC.
//!
//! Microsoft takes the conversion time as part of the key by which it drops duplicates, so the
//! same instant must always be written in the same way
//! (learn.microsoft.com/advertising/campaign-management-service/offlineconversion).

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[cfg(test)]
mod tests;

/// One day in seconds.
pub const DAY: i64 = 86_400;

/// How old a conversion may be when it is uploaded, in seconds (90 days)
/// (learn.microsoft.com/advertising/campaign-management-service/applyofflineconversions).
pub const MAX_AGE: i64 = 90 * DAY;

/// How far ahead of our clock a caller's clock may be, in seconds (5 minutes).
pub const MAX_SKEW: i64 = 5 * 60;

/// 0000-01-01T00:00:00Z and 9999-12-31T23:59:59Z: what four digits of a year can name.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;

/// An instant in whole seconds UTC, between the years 0000 and 9999.
///
/// Stored as a number of seconds since 1970; for the wire use [`EventTime`]'s `Display` or
/// [`TextTime`]. There is no "now" here: the time is always handed in.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "i64")]
pub struct EventTime(i64);

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    #[error("is not an RFC 3339 time such as 2026-04-24T11:42:13+02:00")]
    Invalid,
    #[error("has no UTC offset; write it with one, such as 2026-04-24T11:42:13+02:00 or …Z")]
    MissingOffset,
}

impl EventTime {
    /// Reads RFC 3339 with any offset (`2026-04-24T11:42:13+02:00`); a fraction is cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        Moment::parse_rfc3339(text).map(Moment::second)
    }

    /// The instant this many seconds after 1970-01-01T00:00:00Z, kept within the years 0000 to 9999.
    pub fn from_epoch(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub fn epoch(self) -> i64 {
        self.0
    }

    /// The instant this many seconds later (or earlier), kept within the years 0000 to 9999.
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_epoch(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this instant; negative when `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

fn parse_with_offset(text: &str) -> Option<Moment> {
    parse_strictly(text).or_else(|| parse_strictly(&as_rfc3339(text)?))
}

/// The same time in RFC 3339's form, where a database or script has written it almost so: a blank
/// in place of `T` or before the offset, `+0200` or `+02` in place of `+02:00`, `UTC` or `GMT`, no
/// seconds, a comma before the fraction, the zone's name behind the offset (`+02:00[Europe/Berlin]`,
/// RFC 9557).
fn as_rfc3339(text: &str) -> Option<String> {
    let named = text.strip_suffix(']').and_then(|text| text.split_once('['));
    let text = named.map_or(text, |(time, _)| time);
    let (date, clock) = text.split_at_checked(10)?;
    let clock = clock.strip_prefix(['T', 't', ' '])?;
    let universal = ["UTC", "GMT", "Z"].into_iter().find_map(|name| clock.strip_suffix(name));
    let (clock, offset) = match universal {
        Some(clock) => (clock, "Z"),
        None => clock.split_at(clock.find(['+', '-']).unwrap_or(clock.len())),
    };
    let (hours, minutes) = offset.split_at_checked(3).unwrap_or((offset, ""));
    let colon = if minutes.len() == 2 { ":" } else { "" };
    let minutes = if offset.len() == 3 { ":00" } else { minutes };
    let clock = clock.trim_end().replacen(',', ".", 1);
    let seconds = if clock.len() == "11:42".len() { ":00" } else { "" };
    Some(format!("{date}T{clock}{seconds}{hours}{colon}{minutes}"))
}

/// `time` takes any character between date and time; RFC 3339 names only `T`.
fn parse_strictly(text: &str) -> Option<Moment> {
    if !matches!(text.as_bytes().get(10), Some(b'T' | b't')) {
        return None;
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let seconds = time.unix_timestamp();
    let millis = seconds * 1_000 + i64::from(time.millisecond());
    (FIRST..=LAST).contains(&seconds).then_some(Moment(millis))
}

/// An instant in milliseconds UTC: the order of corrections needs more than seconds.
///
/// Stored as a number of milliseconds since 1970.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Moment(i64);

impl Moment {
    /// Reads RFC 3339 with any offset, and what is almost so (`+0200`, a blank for `T`, no seconds); what
    /// is finer than a millisecond is cut off.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimeError> {
        if let Some(moment) = parse_with_offset(text) {
            return Ok(moment);
        }
        let looks_local = text.ends_with(|c: char| c.is_ascii_digit());
        if looks_local && parse_with_offset(&format!("{text}Z")).is_some() {
            Err(TimeError::MissingOffset)
        } else {
            Err(TimeError::Invalid)
        }
    }

    /// The whole second it lies in.
    pub fn second(self) -> EventTime {
        EventTime::from_epoch(self.0.div_euclid(1_000))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn epoch_ms(self) -> i64 {
        self.0
    }
}

impl From<EventTime> for Moment {
    fn from(time: EventTime) -> Self {
        Moment(time.0 * 1_000)
    }
}

/// `2026-04-24T09:42:13Z`, always with `Z`, never with a fraction, midnight as `00:00:00`.
impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let t = OffsetDateTime::from_unix_timestamp(self.0).map_err(|_| fmt::Error)?;
        let (hour, minute, second) = t.to_hms();
        let year = u16::try_from(t.year()).map_err(|_| fmt::Error)?;
        // By hand: `write!` with padding takes ten times as long, and every row has some times.
        let mut text = *b"0000-00-00T00:00:00Z";
        put(&mut text[0..4], year);
        put(&mut text[5..7], u8::from(t.month()).into());
        put(&mut text[8..10], t.day().into());
        put(&mut text[11..13], hour.into());
        put(&mut text[14..16], minute.into());
        put(&mut text[17..19], second.into());
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes the number's last digits into all of `place`.
fn put(place: &mut [u8], mut number: u16) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

impl fmt::Debug for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i64> for EventTime {
    fn from(seconds: i64) -> Self {
        Self::from_epoch(seconds)
    }
}

/// An instant on the wire: serialised as the text `2026-04-24T09:42:13Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TextTime(pub EventTime);

impl From<EventTime> for TextTime {
    fn from(time: EventTime) -> Self {
        Self(time)
    }
}

impl fmt::Display for TextTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for TextTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TextTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        EventTime::parse_rfc3339(&text).map(Self).map_err(de::Error::custom)
    }
}
