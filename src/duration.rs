//! Durations as people write them: `90s`, `15min`, `3 weeks`, `1h 30m`.
//!
//! Written here and not with `jiff` or `humantime`: a wrong one is to be told from a right one in words that say
//! what to write, `humantime` gives months and years a length, and both take more than is meant.

use std::time::Duration;

use jiff::fmt::friendly::SpanPrinter;

/// No duration is longer, so that adding one to a point in time is always possible.
const LONGEST: Duration = Duration::from_hours(878_400);

/// The units of a duration by all their names, the longest first, with their milliseconds.
const UNITS: [(&[&str], u64); 6] = [
    (&["w", "wk", "wks", "week", "weeks"], 604_800_000),
    (&["d", "day", "days"], 86_400_000),
    (&["h", "hr", "hrs", "hour", "hours"], 3_600_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000),
    (&["ms", "msec", "msecs", "millis", "millisecond", "milliseconds"], 1),
];

/// Units that are not always of one length, and what one of them is in units that are.
const CALENDAR: [(&[&str], &str); 2] = [
    (&["mo", "mos", "month", "months"], "a month is about \"4w\", or \"30d\""),
    (&["y", "yr", "yrs", "year", "years"], "a year is about \"52w\", or \"365d\""),
];

pub(crate) const HELP: &str =
    "write a duration such as \"200ms\", \"90s\", \"15m\", \"48h\", \"7d\" or \"1h 30m\"";

/// What is wrong with a text, to follow it in a sentence, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; {help}")]
pub(crate) struct NotADuration {
    pub(crate) what: String,
    pub(crate) help: String,
}

pub(crate) fn parse(text: &str) -> Result<Duration, NotADuration> {
    let other = |what: String, help: &str| NotADuration { what, help: help.to_owned() };
    let wrong = |why: &str| other(format!("is not a duration: {why}"), HELP);
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong("it is empty"));
    }
    let mut total = 0_u64;
    let mut coarser = u64::MAX;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(digits);
        let behind = behind.trim_start();
        let letters = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(letters);
        if number.is_empty() {
            return Err(wrong("a number is expected before a unit, without a sign"));
        }
        if unit.is_empty() && behind.starts_with(['.', ',']) {
            return Err(wrong("a number has no decimal point"));
        }
        if unit.is_empty() {
            return Err(wrong(&format!("the unit behind {number} is missing")));
        }
        if let Some((_, about)) = CALENDAR.iter().find(|(names, _)| names.contains(&unit)) {
            let what = format!("is not a duration: the unit `{unit}` has no fixed length");
            return Err(other(what, &format!("write weeks or a shorter unit: {about}")));
        }
        let Some((_, milliseconds)) = UNITS.iter().find(|(names, _)| names.contains(&unit)) else {
            return Err(wrong(&format!("there is no unit `{unit}`")));
        };
        if *milliseconds >= coarser {
            return Err(wrong(&format!("`{unit}` is not smaller than the unit before it")));
        }
        coarser = *milliseconds;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*milliseconds));
        let sum = part.and_then(|part| total.checked_add(part));
        total = sum
            .filter(|total| Duration::from_millis(*total) <= LONGEST)
            .ok_or_else(|| other("is longer than a century".to_owned(), "write a shorter duration"))?;
        rest = behind.trim_start();
    }
    Ok(Duration::from_millis(total))
}

/// A duration as [`parse`] reads it.
pub(crate) fn written(duration: Duration) -> String {
    SpanPrinter::new().unsigned_duration_to_string(&duration)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_by_table() {
        for (text, milliseconds) in [
            ("200ms", 200),
            ("90s", 90_000),
            ("15m", 900_000),
            ("48h", 172_800_000),
            ("7d", 604_800_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("1d 1h 1m 1s 1ms", 90_061_001),
            ("0s", 0),
            (" 5s ", 5_000),
            ("15min", 900_000),
            ("15 mins", 900_000),
            ("30 s", 30_000),
            ("2w", 1_209_600_000),
            ("3 weeks", 1_814_400_000),
            ("1 week 2 days", 777_600_000),
            ("1 hour 30 minutes", 5_400_000),
            ("250 milliseconds", 250),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
        for (text, why) in [
            ("", "it is empty"),
            ("30", "the unit behind 30 is missing"),
            ("30 ", "the unit behind 30 is missing"),
            ("1h 30", "the unit behind 30 is missing"),
            ("5minutos", "there is no unit `minutos`"),
            ("5M", "there is no unit `M`"),
            ("1.5h", "has no decimal point"),
            ("-5s", "a number is expected"),
            ("h", "a number is expected"),
            ("30m 1h", "`h` is not smaller"),
            ("5s 5s", "`s` is not smaller"),
            ("40000d", "longer than a century"),
            ("99999999999999999999s", "longer than a century"),
            ("18446744073709551615d", "longer than a century"),
            ("5µs", "there is no unit `µs`"),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.what.contains(why), "{text}: {}", wrong.what);
        }
    }

    #[test]
    fn months_and_years_are_refused_with_what_they_are_in_weeks() {
        for (text, unit, help) in [
            ("6 months", "`months`", "a month is about \"4w\""),
            ("1mo", "`mo`", "a month is about \"4w\""),
            ("1y 2d", "`y`", "a year is about \"52w\""),
            ("2years", "`years`", "a year is about \"52w\""),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.what.contains(unit) && wrong.help.contains(help), "{text}: {wrong}");
            assert!(wrong.help.starts_with("write weeks"), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9a-z.%/ -]{0,24}|\\PC{0,24}") {
            let _ = parse(&text);
        }

        #[test]
        fn a_duration_reads_back_what_was_written(d in 0..36_000_u64, h in 0..24_u64, m in 0..60_u64, ms in 0..1_000_u64) {
            let expected = ((d * 24 + h) * 60 + m) * 60_000 + ms;
            let expected = Duration::from_millis(expected);
            prop_assert_eq!(parse(&format!("{d}d {h}h{m}m {ms}ms")), Ok(expected));
            prop_assert_eq!(parse(&written(expected)), Ok(expected));
        }
    }
}
