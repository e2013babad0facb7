//! When a server wants to be asked again, and the dates that HTTP writes.
//!
//! Law: a wish to wait is never longer than [`LONGEST_WAIT`], so that one wrong header silences no one for good.

use std::time::Duration;

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822, tz::TimeZone};
use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

use crate::clock;

/// The longest time for which a `Retry-After` is heeded.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_hours(1);

pub(crate) fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// When a server says that it answered, and how long it wishes not to be asked again.
pub(crate) fn date_and_wait(headers: &HeaderMap) -> (Option<Timestamp>, Option<Duration>) {
    let date = header(headers, &DATE).and_then(http_date);
    (date, header(headers, &RETRY_AFTER).and_then(|wish| retry_after(wish, date, clock::now())))
}

/// Reads an HTTP date in each of the three forms that a recipient must accept (RFC 9110, 5.6.7).
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
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
pub(crate) fn retry_after(text: &str, date: Option<Timestamp>, now: Timestamp) -> Option<Duration> {
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
