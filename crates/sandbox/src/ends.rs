//! `validUntil`: how exact it is, and how the answers write it.

use jiff::{Timestamp, tz};

use crate::{
    settings::{ListedEnd, PostedEnd, Settings},
    time::with_offset,
};

const SECOND: i128 = 1_000_000_000;

/// What .NET counts in.
const TICK: i128 = 100;

/// What `datetime` of SQL Server counts in: so many a second.
const SQL_TICKS: i128 = 300;

/// Never before the lifetime is over: an end without a fraction is the next whole second. A fraction has
/// seven digits, as many as .NET keeps, so that every rounding of a list shows.
pub(crate) fn end_of_life(now: Timestamp, settings: &Settings) -> Timestamp {
    let ms = i128::from(settings.lifetime_ms) * 1_000_000;
    let end = now.as_nanosecond().saturating_add(ms);
    let end = if is_exact(settings) { end / TICK * TICK } else { up_to_second(end) };
    Timestamp::from_nanosecond(end).unwrap_or(Timestamp::MAX)
}

fn is_exact(settings: &Settings) -> bool {
    let rounded = !matches!(settings.listed_end, ListedEnd::Exact | ListedEnd::NoOffset);
    settings.valid_until_fraction.yes() || rounded
}

fn up_to_second(nanos: i128) -> i128 {
    nanos.div_euclid(SECOND) * SECOND + if nanos.rem_euclid(SECOND) == 0 { 0 } else { SECOND }
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
        ListedEnd::Centisecond => with_offset(rounded(end, SECOND / 100)),
        ListedEnd::Second => with_offset(rounded(end, SECOND)),
        ListedEnd::Minute => with_offset(rounded(end, 60 * SECOND)),
        ListedEnd::Sql => {
            let ticks = nearest(end.as_nanosecond() * SQL_TICKS, SECOND);
            let ms = nearest(ticks * 1_000, SQL_TICKS);
            with_offset(Timestamp::from_nanosecond(ms * 1_000_000).unwrap_or(end))
        }
    }
}

fn local(end: Timestamp) -> String {
    tz::offset(2).to_datetime(end).to_string()
}

fn rounded(end: Timestamp, unit: i128) -> Timestamp {
    Timestamp::from_nanosecond(nearest(end.as_nanosecond(), unit) * unit).unwrap_or(end)
}

/// The quotient, rounded half up.
fn nearest(value: i128, by: i128) -> i128 {
    (2 * value + by).div_euclid(2 * by)
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
        let local = Settings { posted_end: PostedEnd::NoOffset, ..whole };
        assert_eq!(posted(end_of_life(now, &local), &local), "2026-12-01T12:00:01");
        let far = Settings { lifetime_ms: u64::MAX, ..parts };
        assert_eq!(end_of_life(now, &far), Timestamp::MAX);
    }
}
