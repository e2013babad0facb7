//! `[tenant.webhook.resync]` of the kinds `list` and `delta`: the daemon reads the collection itself.

use std::time::Duration;

use jiff::civil::Date;

use super::words_of_command;
use crate::{
    config::{
        Command, Delivery, ReadKind, ReadResync, address,
        length::Addresses,
        raw::{Checked, Flag, Table, Value, Wrong},
        units, words,
    },
    domain::filter::{Filter, InvalidFilter},
};

/// Every key of these kinds alone.
pub(super) const KEYS: [&str; 6] = ["filter", "earliest", "replay_to", "pipe_to", "keep_warm", "audit"];

/// How long an attempt may take unless `timeout` says otherwise: a collection may be large, and
/// requests are paced.
const TIMEOUT: Duration = Duration::from_hours(6);

/// How often a delta is kept warm unless `keep_warm` says otherwise: Protime ends one that was not
/// asked for 72 hours.
const WARM_EVERY: Duration = Duration::from_hours(24);

/// The longest time that leaves room for a failure and another try.
const WARM_AT_LEAST_EVERY: Duration = Duration::from_hours(48);

/// Reads the table; `delta` is which of the two kinds it is.
pub(super) fn read(
    table: &Table<'_>,
    delta: bool,
    addresses: Option<&Addresses<'_>>,
    today: Date,
) -> Checked<ReadResync> {
    let filter = table.maybe("filter", |value| {
        let filter = filter(&value, delta)?;
        addresses.map_or(Ok(()), |addresses| addresses.of_filter(&value, &filter, delta)).map(|()| filter)
    });
    let fits = filter.as_ref().ok().and_then(Option::as_ref).is_some_and(Filter::begins_with_a_day);
    let earliest = table.maybe("earliest", |value| {
        if fits {
            return value.parse(|text| date(text, today));
        }
        Err(value.key_problem(
            "`earliest` stands without a filter that begins with a day of the gap",
            "write {from_date} into `filter`, or remove `earliest`",
        ))
    });
    let timeout = table.or("timeout", TIMEOUT, |value| value.positive_duration());
    let delivery = delivery(table, timeout);
    let kind =
        if delta { kept(table, filter.as_ref().ok().and_then(Option::as_ref)) } else { Ok(only_list(table)) };
    Ok(ReadResync { kind: kind?, filter: filter?, earliest: earliest?, delivery: delivery?, timeout })
}

fn filter(value: &Value<'_>, delta: bool) -> Checked<Filter> {
    let filter = value.parse(|text| {
        if text.chars().any(char::is_control) {
            return Err(Wrong::new("has a control character in it", "write it on one line, with blanks"));
        }
        Filter::parse(text).map_err(|invalid| {
            let help = match &invalid {
                InvalidFilter::Unknown(name) => {
                    let names = ["from", "to", "from_date", "to_date"];
                    let meant = words::nearest(name, names.iter().copied())
                        .map(|meant| format!("did you mean {{{meant}}}? "));
                    format!("{}There are {}", meant.unwrap_or_default(), Filter::known())
                }
                InvalidFilter::Unbalanced => {
                    format!("a placeholder is written {{from}}; there are {}", Filter::known())
                }
                InvalidFilter::Empty => "write a filter in Protime's syntax, or remove `filter`".to_owned(),
            };
            Wrong::new(invalid.to_string(), help)
        })
    })?;
    if delta && filter.has_end() {
        return Err(value.wrong(&Wrong::new(
            "ends with the gap, and a delta goes on after it",
            "remove {to} and {to_date}: what changes later would never show",
        )));
    }
    Ok(filter)
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
                "write a `filter` without placeholders, or remove `keep_warm`",
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
