//! Times as Protime and HTTP write them.
//!
//! Laws: a time without an offset is UTC and said to be so; a time is cut to whole milliseconds, as
//! the database keeps it, so that what was stored equals what is listed; a wish to wait is never
//! longer than [`LONGEST_WAIT`], so that one wrong header cannot silence a tenant for good.

use std::time::Duration;

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};

/// The longest time for which a `Retry-After` is heeded.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stated {
    pub(super) at: Timestamp,
    /// Whether it had no offset, and UTC is our guess.
    pub(super) assumed_utc: bool,
}

/// Reads an ISO 8601 time with any offset or none; `None` if it is not one.
pub(super) fn stated(text: &str) -> Option<Stated> {
    let text = text.trim();
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Stated { at: whole_milliseconds(at), assumed_utc: false });
    }
    if text.starts_with("9999-12-3") {
        // .NET's largest time, its way to say "never", lies after the largest timestamp.
        return Some(Stated { at: whole_milliseconds(Timestamp::MAX), assumed_utc: false });
    }
    let at = TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok()?;
    Some(Stated { at: whole_milliseconds(at), assumed_utc: true })
}

fn whole_milliseconds(at: Timestamp) -> Timestamp {
    // Only the last second of all time has milliseconds out of range.
    Timestamp::from_millisecond(at.as_millisecond())
        .or_else(|_| Timestamp::from_second(at.as_second()))
        .unwrap_or(at)
}

/// Reads an HTTP date in each of the three forms that a recipient must accept (RFC 9110, 5.6.7).
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(at) = rfc2822::DateTimeParser::new().parse_timestamp(text) {
        return Some(at);
    }
    ["%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"]
        .iter()
        .find_map(|format| TimeZone::UTC.to_timestamp(DateTime::strptime(format, text).ok()?).ok())
}

/// Reads `Retry-After`: seconds, or a date that counts from the answer's own `Date`, which needs no
/// agreement of clocks, or else from `now`.
pub(super) fn retry_after(text: &str, date: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
    let text = text.trim();
    let wait = if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        text.parse().map_or(LONGEST_WAIT, Duration::from_secs)
    } else {
        let until = http_date(text)?;
        Duration::try_from(until.duration_since(date.unwrap_or(now))).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn stated_times_by_table() {
        let rows = [
            ("2025-03-31T12:30:00+02:00", "2025-03-31T10:30:00Z", false),
            ("2025-03-31T12:30:00Z", "2025-03-31T12:30:00Z", false),
            ("2025-03-31T12:30:00-0930", "2025-03-31T22:00:00Z", false),
            ("2025-03-31T12:30:00.1239999+02:00", "2025-03-31T10:30:00.123Z", false),
            ("2025-03-31T12:30:00.1239999", "2025-03-31T12:30:00.123Z", true),
            ("2025-03-31T12:30:00", "2025-03-31T12:30:00Z", true),
            ("2025-03-31", "2025-03-31T00:00:00Z", true),
            ("0001-01-01T00:00:00", "0001-01-01T00:00:00Z", true),
            ("9999-12-31T23:59:59.9999999+00:00", "9999-12-30T22:00:00Z", false),
        ];
        for (text, expected, assumed_utc) in rows {
            assert_eq!(stated(text), Some(Stated { at: at(expected), assumed_utc }), "{text}");
        }
        for bad in ["", "soon", "1743416400", "31/03/2025 12:30", "2025-13-01T00:00:00Z"] {
            assert_eq!(stated(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_three_forms_of_an_http_date() {
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(http_date(text), Some(at("1994-11-06T08:49:37Z")), "{text}");
        }
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn retry_after_by_table() {
        let date = Some(at("2026-11-06T08:00:00Z"));
        let rows = [
            ("0", date, Some(0)),
            (" 17 ", date, Some(17)),
            ("99999999999999999999999", date, Some(3600)),
            ("86400", date, Some(3600)),
            ("Fri, 06 Nov 2026 08:00:30 GMT", date, Some(30)),
            ("Fri, 06 Nov 2026 07:00:00 GMT", date, Some(0)),
            // Without a Date our own clock must do; it says 08:00:10.
            ("Fri, 06 Nov 2026 08:00:30 GMT", None, Some(20)),
            ("-5", date, None),
            ("1.5", date, None),
            ("", date, None),
            ("later", date, None),
        ];
        for (text, date, expected) in rows {
            let wait = retry_after(text, date, at("2026-11-06T08:00:10Z"));
            assert_eq!(wait, expected.map(Duration::from_secs), "{text:?}");
        }
    }
}
