//! Values that are more than one text: a program with its arguments, what is on or off, and an operator's filter.

use std::time::Duration;

use super::{
    report::Checked,
    units,
    value::{TEXT, Value},
};
use crate::domain::{
    filter::{
        Filter,
        check::Use,
        grammar::{self, Expression},
    },
    wrong::{Wrong, refuse},
};

/// How `command` is written.
pub(super) const COMMAND: &str =
    "an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]";
/// What is to be written where there is none.
pub(super) const WRITE_COMMAND: &str =
    "write an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]";
/// The same of the address of a server.
pub(super) const WRITE_URL: &str = "write `url = \"https://…\"`, the address of your server";
/// The same of its token.
pub(super) const WRITE_TOKEN: &str = "write `token = { credential = \"receiver-token\" }`, or `{ file = \"/path\" }` or \
                                      `{ env = \"NAME\" }`, which only name the secret";

/// How often a delta is kept alive unless `keep_warm` says otherwise: Protime ends one that was not
/// asked for 72 hours.
const WARM_EVERY: Duration = Duration::from_hours(24);

/// The longest time that leaves room for a failure and another try.
const WARM_AT_LEAST_EVERY: Duration = Duration::from_hours(48);

pub(super) type Program = (String, Vec<String>);

/// A program and its arguments; there is no shell.
pub(super) fn program(value: &Value<'_>, wanted: &str) -> Checked<Program> {
    let items = value.items(wanted)?;
    let read =
        |(index, item): (usize, &Value<'_>)| item.parse(TEXT, if index == 0 { path } else { argument });
    let words: Vec<Checked<String>> = items.iter().enumerate().map(read).collect();
    let mut words = words.into_iter().collect::<Checked<Vec<String>>>()?.into_iter();
    let Some(program) = words.next() else {
        return Err(value.problem(format!("`{}` is empty", value.key), format!("it must be {wanted}")));
    };
    // With arguments of its own it is meant so.
    if let ([item], true) = (&items[..], program.contains(char::is_whitespace)) {
        item.warn(
            "has a blank in it and is taken for the program's whole name; write each argument as a text of its own",
        );
    }
    Ok((program, words.collect()))
}

fn path(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() || (text.contains('/') && !text.starts_with('/')) {
        return refuse(
            "is not a program: it is neither an absolute path nor a name",
            "write the whole path, beginning with /, or a name that is found in PATH",
        );
    }
    argument(text)
}

fn argument(text: &str) -> Result<String, Wrong> {
    if text.contains('\0') {
        return refuse("has a NUL character in it", "write a text without one");
    }
    Ok(text.to_owned())
}

pub(super) fn keep_warm(value: &Value<'_>, wanted: &str) -> Checked<Option<Duration>> {
    value.switch(wanted, WARM_EVERY, |text| {
        let every = units::positive_duration(text)
            .map_err(|wrong| Wrong::new(wrong.what, format!("write {wanted}")))?;
        if every > WARM_AT_LEAST_EVERY {
            return refuse(
                "is too seldom: Protime ends a delta that was not asked for 72 hours",
                "write \"48h\" or less",
            );
        }
        Ok(every)
    })
}

pub(super) fn flag(value: &Value<'_>, wanted: &str) -> Checked<bool> {
    let text = |_: &str| refuse("is a text", format!("write {wanted}, without quotes"));
    value.switch(wanted, (), text).map(|flag| flag.is_some())
}

/// A filter, and what it says.
pub(super) type Written = (Filter, Expression);

pub(super) fn filter(text: &str) -> Result<Written, Wrong> {
    if text.chars().any(char::is_control) {
        return refuse("has a control character in it", "write it on one line, with blanks");
    }
    Ok((Filter::parse(text)?, grammar::parse(text)?))
}

pub(super) fn check_filter(value: &Value<'_>, (filter, expression): Written, wanted: Use) -> Checked<Filter> {
    if wanted.delta && filter.has_end() {
        return Err(value.wrong(&Wrong::new(
            "ends with the gap, and a delta goes on after it",
            "remove {to} and {to_date}: what changes later would never show",
        )));
    }
    for odd in wanted.check(&expression).map_err(|wrong| value.wrong(&wrong))? {
        value.warn(&odd);
    }
    let filter = filter.looking_back(wanted.lookback.unwrap_or_default());
    Ok(if wanted.delta { filter.for_delta() } else { filter })
}
