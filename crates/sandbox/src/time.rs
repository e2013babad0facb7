//! Durations as a person writes them, and arithmetic on times that cannot fail.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo, Timestamp, civil::Date, tz::Offset};

/// Reads `200ms`, `90s`, `15m`, `48h`, `7d` or `1h 30m`; the error says what was expected.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration such as 200ms, 90s, 15m, 48h, 7d or 1h 30m");
    let span: Span = text.parse().map_err(|_| wrong())?;
    let exact = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| wrong())?;
    Duration::try_from(exact).map_err(|_| wrong())
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The time so many milliseconds later, or the last one that can be written.
pub(crate) fn later(from: Timestamp, ms: u64) -> Timestamp {
    shifted(from, i64::try_from(ms).unwrap_or(i64::MAX))
}

/// The time moved by so many milliseconds, or the nearest one that can be written.
pub(crate) fn shifted(from: Timestamp, ms: i64) -> Timestamp {
    let end = if ms < 0 { Timestamp::MIN } else { Timestamp::MAX };
    Timestamp::from_millisecond(from.as_millisecond().saturating_add(ms)).unwrap_or(end)
}

/// The day that it is then, in UTC.
pub(crate) fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// Whether this is a day and written as `YYYY-MM-DD`, and not in one of the other ways of ISO 8601.
pub(crate) fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok_and(|day| day.to_string() == text)
}

/// How long until a time; zero if it has passed.
pub(crate) fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

/// The time as the guide shows it: ISO 8601 with an offset that is not UTC.
pub(crate) fn with_offset(at: Timestamp) -> String {
    at.display_with_offset(jiff::tz::offset(2)).to_string()
}

/// The time as a `Date` or `Retry-After` header has it.
pub(crate) fn http_date(at: Timestamp) -> Option<String> {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, ms) in
            [("200ms", 200), ("90s", 90_000), ("2s", 2_000), ("7d", 604_800_000), ("1h 30m", 5_400_000)]
        {
            assert_eq!(duration(text).map(millis), Ok(ms), "{text}");
        }
        for text in ["", "2", "-2s", "soon"] {
            assert!(duration(text).is_err_and(|why| why.contains("90s")), "{text}");
        }
    }

    #[test]
    fn times_show_the_offset_of_the_guide() {
        let at = Timestamp::from_second(1_743_417_000).unwrap();
        assert_eq!(with_offset(at), "2025-03-31T12:30:00+02:00");
        assert_eq!(http_date(at).as_deref(), Some("Mon, 31 Mar 2025 10:30:00 GMT"));
        assert_eq!(until(at, shifted(at, -5)), Duration::ZERO);
        assert_eq!(later(at, u64::MAX), Timestamp::MAX);
    }
}
