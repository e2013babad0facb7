//! Times as Protime writes them.
//!
//! Laws: a time without an offset is UTC and said to be so; a time is cut to whole milliseconds, as
//! the database keeps it, so that what was stored equals what is listed.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

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
}
