//! What there is in several kinds: `[tenant.webhook.resync]` and `[[tenant.webhook.key_sink]]`.
//!
//! A key of another kind is refused and not ignored.

mod filter;
mod http;
mod read;

use std::{path::Path, time::Duration};

use jiff::civil::Date;
use reqwest::Url;

use super::{
    Command, KeyFormat, KeySink, OnFailure, Resync, ResyncKind,
    length::Addresses,
    raw::{Checked, Table, Value, Wrong},
    tenant::{Firsts, Seen},
    units,
};
use crate::domain::collection::find;

const RESYNC: &str = "[tenant.webhook.resync]";
const KEY_SINK: &str = "[[tenant.webhook.key_sink]]";

/// How long a resync may take unless `timeout` says otherwise.
const RESYNC_TIMEOUT: Duration = Duration::from_mins(30);

/// How long handing off a key may take unless `timeout` says otherwise.
const SINK_TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Clone, Copy)]
enum Kind {
    Command,
    Delta,
    File,
    Http,
    List,
    None,
}

/// Reads `[tenant.webhook.resync]`, which must be there. What it asks of Protime must fit into `addresses`,
/// if they are known, and be of the `collection`; no day to come is one to begin with.
pub(super) fn resync(
    webhook: &Table<'_>,
    addresses: Option<&Addresses<'_>>,
    collection: Option<&str>,
    today: Date,
) -> Checked<Resync> {
    let Some(value) = webhook.optional("resync") else {
        return Err(webhook.missing(
            &["resync"],
            "this webhook has no [tenant.webhook.resync]: Protime never replays the events of a gap, so \
             without a resync they are lost",
            "write [tenant.webhook.resync] with kind = \"command\" and a command that brings the receiver \
             up to date, kind = \"list\" to let the daemon read the collection and send every object as an \
             event, or kind = \"none\" to accept the loss",
        ));
    };
    value.table(RESYNC, |table| {
        let kind = table
            .required("kind", "write kind = \"command\", or kind = \"none\" to accept the loss")
            .and_then(|value| {
                value.word(&[
                    ("command", Kind::Command),
                    ("http", Kind::Http),
                    ("list", Kind::List),
                    ("delta", Kind::Delta),
                    ("none", Kind::None),
                ])
            });
        let on_failure = table.or("on_failure", OnFailure::Hold, |value| {
            value.word(&[("hold", OnFailure::Hold), ("proceed", OnFailure::Proceed)])
        });
        let kind = kind.inspect_err(|_| {
            for keys in [&["command", "timeout"][..], &http::KEYS, &read::KEYS] {
                table.tolerate(keys);
            }
        })?;
        let another = "remove it, or write another kind";
        let of_http = "remove it, or write kind = \"http\"";
        let of_command = "remove it, or write kind = \"command\"";
        let kind = match kind {
            Kind::Command => {
                foreign(table, &http::KEYS, "command", of_http);
                foreign(table, &read::KEYS, "command", another);
                ResyncKind::Command(command(table, RESYNC_TIMEOUT)?)
            }
            Kind::Http => {
                foreign(table, &["command"], "http", of_command);
                foreign(table, &read::KEYS, "http", another);
                ResyncKind::Http(http::endpoint(table, RESYNC_TIMEOUT, &mut Firsts::new())?)
            }
            Kind::List | Kind::Delta => {
                let delta = matches!(kind, Kind::Delta);
                let name = if delta { "delta" } else { "list" };
                foreign(table, &["command"], name, of_command);
                foreign(table, &http::KEYS, name, of_http);
                let known = read::Known { addresses, collection: collection.and_then(find), today };
                ResyncKind::Read(read::read(table, delta, known)?)
            }
            Kind::None | Kind::File => {
                foreign(table, &["command", "timeout"], "none", of_command);
                foreign(table, &http::KEYS, "none", of_http);
                foreign(table, &read::KEYS, "none", another);
                ResyncKind::None
            }
        };
        Ok(Resync { kind, on_failure })
    })
}

/// Reads every `[[tenant.webhook.key_sink]]`; none is fine.
pub(super) fn key_sinks(webhook: &Table<'_>, seen: &mut Seen) -> Checked<Vec<KeySink>> {
    match webhook.optional("key_sink") {
        Some(value) => {
            let mut urls = Firsts::new();
            value.tables(KEY_SINK, |table| key_sink(table, seen, &mut urls))
        }
        None => Ok(Vec::new()),
    }
}

fn key_sink(table: &Table<'_>, seen: &mut Seen, urls: &mut Firsts<Url>) -> Checked<KeySink> {
    let of_file = ["path", "format", "mode", "group"];
    let kind =
        table.required("kind", "write kind = \"file\", kind = \"command\" or kind = \"http\"").and_then(
            |value| value.word(&[("file", Kind::File), ("command", Kind::Command), ("http", Kind::Http)]),
        );
    let kind = kind.inspect_err(|_| {
        for keys in [&http::KEYS[..], &["command", "timeout"], &of_file] {
            table.tolerate(keys);
        }
    })?;
    match kind {
        Kind::Command => {
            foreign(table, &of_file, "command", "remove it, or write kind = \"file\"");
            foreign(table, &http::KEYS, "command", "remove it, or write kind = \"http\"");
            command(table, SINK_TIMEOUT).map(KeySink::Command)
        }
        Kind::Http => {
            foreign(table, &of_file, "http", "remove it, or write kind = \"file\"");
            foreign(table, &["command"], "http", "remove it, or write kind = \"command\"");
            http::endpoint(table, SINK_TIMEOUT, urls).map(KeySink::Http)
        }
        // No other word is read here.
        Kind::File | Kind::None | Kind::List | Kind::Delta => {
            foreign(table, &["command", "timeout"], "file", "remove it, or write kind = \"command\"");
            foreign(table, &http::KEYS, "file", "remove it, or write kind = \"http\"");
            file_sink(table, seen)
        }
    }
}

fn file_sink(table: &Table<'_>, seen: &mut Seen) -> Checked<KeySink> {
    let path =
        table.required("path", "write `path = \"/run/receiver/clockings.key\"`, say").and_then(|value| {
            let path = value.parse(units::file_path)?;
            if seen.state_dir.as_deref().is_some_and(|folder| is_the_daemons_own(&path, folder)) {
                return Err(value.wrong(&Wrong::new(
                    "is a file of the daemon's own",
                    "give the key a path of its own, outside of the state directory",
                )));
            }
            match seen.sinks.earlier(path.clone(), value.span()) {
                None => Ok(path),
                Some(first) => Err(value.repeats(
                    first,
                    "two key sinks write to the same file",
                    "give each key a file of its own: the second would overwrite the first",
                )),
            }
        });
    let format = table.or("format", KeyFormat::Raw, |value| {
        value.word(&[("raw", KeyFormat::Raw), ("json", KeyFormat::Json)])
    });
    let group = table.maybe("group", |value| value.text());
    let default_mode = if matches!(group, Ok(None)) { 0o600 } else { 0o640 };
    let mode = table.or("mode", default_mode, |value| {
        let mode = value.mode()?;
        if mode & 0o004 != 0 {
            value.warn("lets every user of this machine read the key");
        }
        if mode & 0o444 == 0 {
            value.warn("lets nobody read the key");
        }
        Ok(mode)
    });
    Ok(KeySink::File { path: path?, format, mode, group: group? })
}

/// Whether a path is the database, one of its companions, or the lock.
fn is_the_daemons_own(path: &Path, state_dir: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.parent() == Some(state_dir) && (name == "lock" || name.starts_with("state.db"))
}

fn foreign(table: &Table<'_>, keys: &[&'static str], kind: &str, help: &str) {
    for key in keys {
        table.refuse(key, &format!("kind = \"{kind}\" has no `{key}`"), help);
    }
}

fn command(table: &Table<'_>, default_timeout: Duration) -> Checked<Command> {
    let wanted = "an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]";
    let timeout = table.or("timeout", default_timeout, |value| value.positive_duration());
    let value = table.required("command", &format!("write {wanted}"))?;
    let (program, args) = words_of_command(&value, wanted)?;
    Ok(Command { program, args, timeout })
}

/// A program and its arguments.
fn words_of_command(value: &Value<'_>, wanted: &str) -> Checked<(String, Vec<String>)> {
    let items = value.array(wanted)?;
    let words: Vec<Checked<String>> = items
        .iter()
        .enumerate()
        .map(|(index, item)| item.parse(|text| if index == 0 { program(text) } else { argument(text) }))
        .collect();
    let mut words = words.into_iter().collect::<Checked<Vec<String>>>()?.into_iter();
    match words.next() {
        Some(program) => {
            // With arguments of its own it is meant so.
            if let ([item], true) = (&items[..], program.contains(char::is_whitespace)) {
                item.warn(
                    "has a blank in it and is taken for the program's whole name; write each argument as a text of \
                     its own",
                );
            }
            Ok((program, words.collect()))
        }
        None => Err(value.problem(format!("`{}` is empty", value.key()), format!("it is to be {wanted}"))),
    }
}

fn program(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() || (text.contains('/') && !text.starts_with('/')) {
        return Err(Wrong::new(
            "is no program: it is neither an absolute path nor a name",
            "write the whole path, beginning with /, or a name that is found in PATH",
        ));
    }
    argument(text)
}

fn argument(text: &str) -> Result<String, Wrong> {
    if text.contains('\0') {
        return Err(Wrong::new("has a NUL character in it", "write a text without one"));
    }
    Ok(text.to_owned())
}
