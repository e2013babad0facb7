//! `[[tenant.webhook.key_sink]]`: who gets a new key.

use reqwest::Url;

use super::{
    key::Values as _,
    report::Checked,
    schema::{KEY_SINK, SinkWord, WEBHOOK},
    seen::{self, Seen},
    settings::KeySink,
    shared,
    table::Table,
    value::Firsts,
};
use crate::domain::wrong::Wrong;

/// Reads every `[[tenant.webhook.key_sink]]`; none is fine.
pub(super) fn key_sinks(webhook: &Table<'_>, seen: &mut Seen) -> Checked<Vec<KeySink>> {
    let mut urls = Firsts::default();
    webhook
        .parts(&WEBHOOK.key_sink, |table| key_sink(table, seen, &mut urls))
        .unwrap_or_else(|| Ok(Vec::new()))
}

fn key_sink(table: &Table<'_>, seen: &mut Seen, urls: &mut Firsts<Url>) -> Checked<KeySink> {
    match table.get(&KEY_SINK.kind)? {
        SinkWord::Command => {
            shared::command(table, &KEY_SINK.command, &KEY_SINK.timeout).map(KeySink::Command)
        }
        SinkWord::Http => {
            let endpoint =
                shared::endpoint(table, (&KEY_SINK.url, &KEY_SINK.token, &KEY_SINK.timeout), seen)?;
            let message = "two key sinks of this webhook send the key to the same address";
            let (url, value) = table.needed(&KEY_SINK.url)?;
            urls.only(url, &value, message, "keep one of the two")?;
            Ok(KeySink::Http(endpoint))
        }
        SinkWord::File => file(table, seen),
    }
}

fn file(table: &Table<'_>, seen: &mut Seen) -> Checked<KeySink> {
    let (path, value) = table.needed(&KEY_SINK.path)?;
    if seen.is_the_daemons_own(&path) {
        return Err(value.wrong(&Wrong::new(
            "is a file of the daemon's own",
            "give the key a path of its own, outside of the state directory",
        )));
    }
    if let Some(what) = seen.writes(&path) {
        return Err(value.wrong(&Wrong::new(
            format!("is {what}, and the key would take its place"),
            "give the key a file of its own",
        )));
    }
    let (message, help) = (
        "two key sinks write to the same file",
        "give each key a file of its own: the second would overwrite the first",
    );
    seen.sinks.only(seen::real(&path), &value, message, help)?;
    let group = table.maybe(&KEY_SINK.group)?;
    let default_mode = if group.is_none() { 0o600 } else { 0o640 };
    let mode = table.maybe(&KEY_SINK.mode)?.unwrap_or(default_mode);
    Ok(KeySink::File { path, format: table.get(&KEY_SINK.format)?, mode, group })
}
