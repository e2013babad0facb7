//! `validUntil`: how exact it is, and how the answers write it.

use jiff::{RoundMode, SignedDuration, Timestamp, TimestampRound, Unit, tz};

use crate::{
    settings::{ListedEnd, PostedEnd, Settings},
    time::with_offset,
};

/// What `datetime` of SQL Server counts in: so many a second.
const SQL_TICKS: i128 = 300;

/// In nanoseconds.
const MINUTE: i128 = 60_000_000_000;

/// Never before the lifetime is over: an end without a fraction is the next whole second. A fraction has
/// seven digits, as many as .NET keeps, so that every rounding of a list shows. Lives of seconds, which are those of tests
/// alone, end at no whole minute: a list that shows nothing else could be one that writes minutes, in which they
/// cannot be told apart.
pub(crate) fn end_of_life(now: Timestamp, settings: &Settings) -> Timestamp {
    let end = i128::from(settings.lifetime_ms) * 1_000_000 + now.as_nanosecond();
    let Ok(end) = Timestamp::from_nanosecond(end) else { return Timestamp::MAX };
    let is_rounded_in_lists = !matches!(settings.listed_end, ListedEnd::Exact | ListedEnd::NoOffset);
    let (unit, count, mode) = if settings.valid_until_fraction.yes() || is_rounded_in_lists {
        (Unit::Nanosecond, 100, RoundMode::Trunc)
    } else {
        (Unit::Second, 1, RoundMode::Ceil)
    };
    let end = rounded(end, unit, count, mode);
    let is_of_a_test = settings.lifetime_ms < 60_000;
    if is_of_a_test && end.as_nanosecond() % MINUTE == 0 { end + SignedDuration::from_secs(1) } else { end }
}

pub(crate) fn posted(end: Timestamp, settings: &Settings) -> String {
    match settings.posted_end {
        PostedEnd::Exact => with_offset(end),
        PostedEnd::NoOffset => local(end),
    }
}

pub(crate) fn listed(end: Timestamp, settings: &Settings) -> String {
    match settings.listed_end {
        ListedEnd::Exact => with_offset(end),
        ListedEnd::NoOffset => local(end),
        ListedEnd::Centisecond => nearest(end, Unit::Millisecond, 10),
        ListedEnd::Second => nearest(end, Unit::Second, 1),
        ListedEnd::Minute => nearest(end, Unit::Minute, 1),
        ListedEnd::Sql => {
            let ticks = (2 * end.as_nanosecond() * SQL_TICKS + 1_000_000_000).div_euclid(2_000_000_000);
            let at = Timestamp::from_nanosecond(ticks * 1_000_000_000 / SQL_TICKS).unwrap_or(end);
            nearest(at, Unit::Millisecond, 1)
        }
    }
}

fn local(end: Timestamp) -> String {
    tz::offset(2).to_datetime(end).to_string()
}

fn nearest(end: Timestamp, unit: Unit, count: i64) -> String {
    with_offset(rounded(end, unit, count, RoundMode::HalfExpand))
}

fn rounded(at: Timestamp, unit: Unit, count: i64, mode: RoundMode) -> Timestamp {
    at.round(TimestampRound::new().smallest(unit).increment(count).mode(mode)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::YesNo;

    fn listed_as(end: &str, listed_end: ListedEnd) -> String {
        listed(end.parse().unwrap(), &Settings { listed_end, ..Settings::default() })
    }

    #[test]
    fn a_list_rounds_as_databases_do() {
        let end = "2026-12-01T12:30:00.6096123+02:00";
        for (unit, expected) in [
            (ListedEnd::Exact, "2026-12-01T12:30:00.6096123+02:00"),
            (ListedEnd::Centisecond, "2026-12-01T12:30:00.61+02:00"),
            (ListedEnd::Sql, "2026-12-01T12:30:00.61+02:00"),
            (ListedEnd::Second, "2026-12-01T12:30:01+02:00"),
            (ListedEnd::Minute, "2026-12-01T12:30:00+02:00"),
            (ListedEnd::NoOffset, "2026-12-01T12:30:00.6096123"),
        ] {
            assert_eq!(listed_as(end, unit), expected);
        }
        assert_eq!(
            listed_as("2026-12-01T12:30:00.124+02:00", ListedEnd::Sql),
            "2026-12-01T12:30:00.123+02:00"
        );
        assert_eq!(listed_as("2026-12-01T12:30:00.999+02:00", ListedEnd::Sql), "2026-12-01T12:30:01+02:00");
        assert_eq!(listed_as("2026-12-01T12:30:31+02:00", ListedEnd::Minute), "2026-12-01T12:31:00+02:00");
    }

    #[test]
    fn an_end_is_never_too_early_and_a_fraction_shows_where_it_is_wanted() {
        let now: Timestamp = "2026-12-01T10:00:00.25000019Z".parse().unwrap();
        let whole = Settings { lifetime_ms: 500, ..Settings::default() };
        assert_eq!(posted(end_of_life(now, &whole), &whole), "2026-12-01T12:00:01+02:00");
        let parts = Settings { valid_until_fraction: YesNo::Yes, ..whole.clone() };
        assert_eq!(posted(end_of_life(now, &parts), &parts), "2026-12-01T12:00:00.7500001+02:00");
        let local = Settings { posted_end: PostedEnd::NoOffset, ..whole.clone() };
        assert_eq!(posted(end_of_life(now, &local), &local), "2026-12-01T12:00:01");
        let close: Timestamp = "2026-12-01T09:59:59.6Z".parse().unwrap();
        let short = Settings { lifetime_ms: 300, ..local.clone() };
        assert_eq!(posted(end_of_life(close, &short), &short), "2026-12-01T12:00:01", "no whole minute");
        let minute: Timestamp = "2026-12-01T09:59:00Z".parse().unwrap();
        let long = Settings { lifetime_ms: 60_000, ..local };
        assert_eq!(posted(end_of_life(minute, &long), &long), "2026-12-01T12:00:00");
        let far = Settings { lifetime_ms: u64::MAX, ..parts };
        assert_eq!(end_of_life(now, &far), Timestamp::MAX);
    }
}
