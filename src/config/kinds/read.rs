//! `[tenant.webhook.resync]` of the kinds `list` and `delta`: the daemon reads the collection itself.

use std::time::Duration;

use jiff::civil::Date;

use super::{filter, words_of_command};
use crate::{
    config::{
        Command, Delivery, ReadKind, ReadResync, address,
        length::Addresses,
        raw::{Checked, Flag, Table, Wrong},
        units,
    },
    domain::{collection::Collection, filter::Filter},
};

/// Every key of these kinds alone.
pub(super) const KEYS: [&str; 7] =
    ["filter", "lookback", "earliest", "replay_to", "pipe_to", "keep_warm", "audit"];

/// How many days before the gap the dates begin that the daemon writes itself, unless `lookback` says
/// otherwise: a quarter of a year, for what is corrected after the fact is mostly of the last months.
const LOOKBACK: i32 = 92;

/// A hundred centuries: further back there is no calendar to count in.
const MOST_DAYS: i32 = 3_650_000;

/// How long an attempt may take unless `timeout` says otherwise: a collection may be large, and
/// requests are paced.
const TIMEOUT: Duration = Duration::from_hours(6);

/// How often a delta is kept warm unless `keep_warm` says otherwise: Protime ends one that was not
/// asked for 72 hours.
const WARM_EVERY: Duration = Duration::from_hours(24);

/// The longest time that leaves room for a failure and another try.
const WARM_AT_LEAST_EVERY: Duration = Duration::from_hours(48);

/// What is known when a table of these kinds is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// What every request's address is made of.
    pub(super) addresses: Option<&'a Addresses<'a>>,
    /// What is known of the collection.
    pub(super) collection: Option<&'static Collection>,
    /// The present day.
    pub(super) today: Date,
}

/// Reads the table; `delta` is which of the two kinds it is.
pub(super) fn read(table: &Table<'_>, delta: bool, known: Known<'_>) -> Checked<ReadResync> {
    let Known { addresses, collection, today } = known;
    let written = table.optional("filter");
    let lookback = table.maybe("lookback", |value| {
        let days = value.duration().map(in_days)?;
        if written.is_none() && (delta || collection.is_none_or(|it| it.dated.is_none())) {
            return Err(value.key_problem(
                "`lookback` stands without days that it could move",
                without_days(delta, collection, false),
            ));
        }
        Ok(days)
    });
    let last_year = Date::new(today.year().saturating_sub(1), 1, 1).unwrap_or(today);
    let wanted =
        filter::Use { collection, delta, lookback: lookback.as_ref().ok().copied().flatten(), last_year };
    let filter = match &written {
        Some(value) => filter::read(value, wanted).and_then(|filter| {
            addresses.map_or(Ok(()), |addresses| addresses.of_filter(value, &filter, delta))?;
            Ok(Some(filter))
        }),
        None => Ok(own(collection, delta, wanted.lookback)),
    };
    let begins = filter.as_ref().ok().and_then(Option::as_ref).is_some_and(Filter::begins_with_a_day);
    if let (Some(value), Ok(Some(_)), Ok(Some(_)), false) =
        (table.optional("lookback"), &lookback, &filter, begins)
    {
        value.key_problem(
            "`lookback` stands without days that it could move",
            without_days(delta, collection, true),
        );
    }
    let earliest = table.maybe("earliest", |value| {
        if begins {
            let earliest = value.parse(|text| date(text, today))?;
            if delta && earliest < last_year {
                value.warn(&format!(
                    "is before 1 January of last year; a delta begins with {last_year} instead"
                ));
            }
            return Ok(earliest);
        }
        Err(value.key_problem(
            "`earliest` stands without days that could begin with it",
            without_days(delta, collection, written.is_some()),
        ))
    });
    let timeout = table.or("timeout", TIMEOUT, |value| value.positive_duration());
    let delivery = delivery(table, timeout);
    let kind =
        if delta { kept(table, filter.as_ref().ok().and_then(Option::as_ref)) } else { Ok(only_list(table)) };
    lookback?;
    Ok(ReadResync { kind: kind?, filter: filter?, earliest: earliest?, delivery: delivery?, timeout })
}

/// The filter that the daemon writes where the operator wrote none.
fn own(collection: Option<&Collection>, delta: bool, lookback: Option<i32>) -> Option<Filter> {
    collection.and_then(|collection| collection.dated)?;
    Some(if delta { Filter::of_last_year() } else { Filter::of_dates(lookback.unwrap_or(LOOKBACK)) })
}

/// What to do with a key of days where there are none.
fn without_days(delta: bool, collection: Option<&Collection>, filtered: bool) -> &'static str {
    match (filtered, delta, collection.and_then(|it| it.dated)) {
        (true, ..) => "write {from_date} into `filter`, or remove the key",
        (false, true, Some(_)) => {
            "a delta begins with 1 January of last year: write a `filter` with {from_date}, or remove the key"
        }
        _ => "this collection is read as a whole: remove the key, or write a `filter` with {from_date}",
    }
}

/// Whole days, the last one begun counted too.
fn in_days(length: Duration) -> i32 {
    i32::try_from(length.as_secs().div_ceil(24 * 60 * 60)).unwrap_or(i32::MAX).min(MOST_DAYS)
}

fn date(text: &str, today: Date) -> Result<Date, Wrong> {
    let wrong = |what| Wrong::new(what, "write a date such as \"2020-01-01\"");
    let date: Date = text.parse().map_err(|_| wrong("is not a date"))?;
    if date.year() < 1 {
        return Err(wrong("is not a date"));
    }
    if date > today {
        return Err(wrong("is a day to come, before which nothing would be read"));
    }
    Ok(date)
}

/// Where the objects go: by default to the webhook's destination, as events.
fn delivery(table: &Table<'_>, timeout: Duration) -> Checked<Delivery> {
    let replay = table.maybe("replay_to", |value| Ok((value.clone(), value.parse(address::endpoint))))?;
    let program = table.maybe("pipe_to", |value| {
        let wanted = "an array of texts, program first: pipe_to = [\"/usr/local/bin/program\", \"argument\"]";
        words_of_command(&value, wanted)
    })?;
    match (replay, program) {
        (Some((value, _)), Some(_)) => Err(value.key_problem(
            "`replay_to` and `pipe_to` exclude each other",
            "keep `replay_to` to send every object as an event, or `pipe_to` to give them to a program",
        )),
        (Some((_, url)), None) => url.map(|url| Delivery::Replay(Some(url))),
        (None, Some((program, args))) => Ok(Delivery::Pipe(Command { program, args, timeout })),
        (None, None) => Ok(Delivery::Replay(None)),
    }
}

fn only_list(table: &Table<'_>) -> ReadKind {
    super::foreign(table, &["keep_warm", "audit"], "list", "remove it, or write kind = \"delta\"");
    ReadKind::List
}

fn kept(table: &Table<'_>, filter: Option<&Filter>) -> Checked<ReadKind> {
    let keep_warm = table.maybe("keep_warm", |value| {
        let wanted = "true, false, or a duration in double quotes such as \"12h\"";
        let keep_warm = match value.flag_or(wanted, |text| every(text, wanted))? {
            Flag::No => None,
            Flag::Yes => Some(WARM_EVERY),
            Flag::With(every) => Some(every),
        };
        if keep_warm.is_some() && filter.is_some_and(Filter::depends_on_the_gap) {
            return Err(value.key_problem(
                "`keep_warm` keeps a delta for later gaps, and `filter` is of one gap only",
                "write a `filter` without places of the gap, such as {last_year} instead, or remove `keep_warm`",
            ));
        }
        Ok(keep_warm)
    });
    let audit = table.maybe("audit", |value| {
        let no_text = |_: &str| Err::<(), _>(Wrong::new("is a text", "write true or false, without quotes"));
        let audit = value.flag_or("true or false", no_text)? != Flag::No;
        if audit && matches!(keep_warm, Ok(None | Some(None))) {
            return Err(value.key_problem(
                "`audit` counts what `keep_warm` brings",
                "write keep_warm = true, or remove `audit`",
            ));
        }
        Ok(audit)
    });
    Ok(ReadKind::Delta { keep_warm: keep_warm?.flatten(), audit: audit?.unwrap_or_default() })
}

fn every(text: &str, wanted: &str) -> Result<Duration, Wrong> {
    let every =
        units::positive_duration(text).map_err(|wrong| Wrong::new(wrong.what, format!("write {wanted}")))?;
    if every > WARM_AT_LEAST_EVERY {
        return Err(Wrong::new(
            "is too seldom: Protime ends a delta that was not asked for 72 hours",
            "write \"48h\" or less",
        ));
    }
    Ok(every)
}
