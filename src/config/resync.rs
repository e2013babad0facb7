//! `[tenant.webhook.resync]`: how a gap is closed, most of all where the daemon reads the collection itself.

use std::time::Duration;

use jiff::civil::Date;

use super::{
    forms,
    key::Values as _,
    length::Addresses,
    report::Checked,
    schema::{RESYNC, ResyncWord, WEBHOOK},
    seen::Seen,
    settings::{Command, Delivery, ReadKind, ReadResync, Resync, ResyncKind},
    shared,
    table::Table,
    units::DATE_HELP,
};
use crate::domain::{
    collection::{self, Collection},
    filter::{Filter, check::Use},
    wrong::Wrong,
};

/// How many days before the gap the dates begin that the daemon writes itself, unless `lookback` says
/// otherwise: a quarter of a year, for what is corrected after the fact is mostly of the last months.
const LOOKBACK_DAYS: i32 = 92;

/// A hundred centuries: further back there is no calendar to count in.
const MOST_DAYS: i32 = 3_650_000;

/// What is read, as far as the file tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    /// What every request's address is made of, and must fit into.
    pub(super) addresses: Option<&'a Addresses<'a>>,
    pub(super) name: Option<&'a str>,
}

/// Reads `[tenant.webhook.resync]`, which must be there.
pub(super) fn resync(webhook: &Table<'_>, of: Of<'_>, seen: &mut Seen) -> Checked<Resync> {
    let read = webhook.part(&WEBHOOK.resync, |table| {
        let kind = match table.get(&RESYNC.kind)? {
            ResyncWord::Command => {
                ResyncKind::Command(shared::command(table, &RESYNC.command, &RESYNC.timeout)?)
            }
            ResyncWord::Http => {
                let keys = (&RESYNC.url, &RESYNC.token, &RESYNC.timeout);
                ResyncKind::Http(shared::endpoint(table, keys, seen)?)
            }
            ResyncWord::List => ResyncKind::Read(read(table, false, of, seen.today)?),
            ResyncWord::Delta => ResyncKind::Read(read(table, true, of, seen.today)?),
            ResyncWord::None => ResyncKind::None,
        };
        Ok(Resync { kind, on_failure: table.get(&RESYNC.on_failure)? })
    });
    read.unwrap_or_else(|| {
        Err(webhook.missing(
            &["resync"],
            "this webhook has no [tenant.webhook.resync]: Protime never replays the events of a gap, so \
             without a resync they are lost",
            "write [tenant.webhook.resync] with kind = \"command\" and a command that brings the receiver \
             up to date, kind = \"list\" to let the daemon read the collection and send every object as an \
             event, or kind = \"none\" to accept the loss",
        ))
    })
}

/// Reads the table of the kinds `list` and `delta`.
fn read(table: &Table<'_>, delta: bool, of: Of<'_>, today: Date) -> Checked<ReadResync> {
    let collection = of.name.and_then(collection::find);
    let last_year = Date::new(today.year().saturating_sub(1), 1, 1).unwrap_or(today);
    let (lookback, earliest) = (table.placed(&RESYNC.lookback), table.placed(&RESYNC.earliest));
    let days = lookback.as_ref().map(|(length, _)| in_days(*length));
    let wanted = Use { collection, delta, lookback: days, last_year };
    let filter = filter(table, wanted, of.addresses);
    let begins = filter.as_ref().is_ok_and(|filter| filter.as_ref().is_some_and(Filter::begins_with_a_day));
    if filter.is_ok() && !begins {
        let help = without_days(delta, collection, table.written(&RESYNC.filter).is_some());
        if let Some((_, value)) = lookback {
            value.key_problem("`lookback` stands without days that it could move", help);
        }
        if let Some((_, value)) = earliest {
            value.key_problem("`earliest` stands without days that could begin with it", help);
        }
    } else if let Some((earliest, value)) = earliest {
        if earliest > today {
            let what = "is a day to come, before which nothing would be read";
            value.wrong(&Wrong::new(what, DATE_HELP));
        } else if delta && earliest < last_year {
            let what = format!("is before 1 January of last year; a delta begins with {last_year} instead");
            value.warn(&what);
        }
    }
    let timeout = table.get(&RESYNC.read_timeout);
    let delivery = delivery(table, timeout.unwrap_or_default());
    let kind =
        if delta { kept(table, filter.as_ref().ok().and_then(Option::as_ref)) } else { Ok(ReadKind::List) };
    Ok(ReadResync {
        kind: kind?,
        filter: filter?,
        earliest: table.maybe(&RESYNC.earliest)?,
        delivery: delivery?,
        timeout: timeout?,
    })
}

/// The filter that is written, or else the one that the daemon writes where the collection demands dates.
fn filter(table: &Table<'_>, wanted: Use, addresses: Option<&Addresses<'_>>) -> Checked<Option<Filter>> {
    let Some(value) = table.written(&RESYNC.filter) else {
        let is_dated = wanted.collection.is_some_and(|collection| collection.dated.is_some());
        let of_dates = || Filter::of_dates(wanted.lookback.unwrap_or(LOOKBACK_DAYS));
        return Ok(is_dated.then(|| if wanted.delta { Filter::of_last_year() } else { of_dates() }));
    };
    let filter = forms::check_filter(&value, table.get(&RESYNC.filter)?, wanted)?;
    if let Some(addresses) = addresses {
        addresses.of_filter(&value, &filter, wanted.delta)?;
    }
    Ok(Some(filter))
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

/// Where the objects go: by default to the webhook's destination, as events.
fn delivery(table: &Table<'_>, timeout: Duration) -> Checked<Delivery> {
    match (table.written(&RESYNC.replay_to), table.maybe(&RESYNC.pipe_to)?) {
        (Some(value), Some(_)) => Err(value.key_problem(
            "`replay_to` and `pipe_to` exclude each other",
            "keep `replay_to` to send every object as an event, or `pipe_to` to give them to a program",
        )),
        (_, Some((program, args))) => Ok(Delivery::Pipe(Command { program, args, timeout })),
        (_, None) => table.maybe(&RESYNC.replay_to).map(Delivery::Replay),
    }
}

/// How a delta is kept between renewals.
fn kept(table: &Table<'_>, filter: Option<&Filter>) -> Checked<ReadKind> {
    if let (Some((Some(_), value)), Some(filter)) = (table.placed(&RESYNC.keep_warm), filter)
        && filter.depends_on_the_gap()
    {
        return Err(value.key_problem(
            "`keep_warm` keeps a delta for later gaps, and `filter` is of one gap only",
            "write a `filter` without places of the gap, such as {last_year} instead, or remove `keep_warm`",
        ));
    }
    let keep_warm = table.maybe(&RESYNC.keep_warm)?.flatten();
    if let (Some((true, value)), None) = (table.placed(&RESYNC.audit), keep_warm) {
        return Err(value.key_problem(
            "`audit` counts what `keep_warm` brings",
            "write keep_warm = true, or remove `audit`",
        ));
    }
    Ok(ReadKind::Delta { keep_warm, audit: table.maybe(&RESYNC.audit)?.unwrap_or_default() })
}
