//! One webhook in detail.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    cli::{
        lifetime, moment,
        style::{Paint, Style, plain, wrapped},
        target::full_name,
        view::{is_unknown, sign, under_way},
    },
    domain::report::{KeySink, Problem, Webhook},
    text::counted,
};

const LABEL: usize = 14;
const INDENT: usize = LABEL + 3;
const BAR: usize = 24;

/// Everything that is known of a webhook, a line each, broken to the terminal; what does not apply is left out.
pub(super) fn render(webhook: &Webhook, problems: &[&Problem], now: Timestamp, style: Style) -> String {
    let (sign, paint) = sign(webhook.state);
    let state = style.paint(paint, &format!("{sign} {}", webhook.state.as_str()));
    let mut text = format!("{}  {state}\n", style.paint(Paint::Strong, &full_name(webhook)));
    let bar = style.width.map_or(BAR, |width| usize::from(width).saturating_sub(INDENT).clamp(1, BAR));
    for (mut label, value) in lines(webhook, problems, now, bar) {
        for line in wrapped(&value, style, INDENT) {
            let painted = style.paint(Paint::Faint, &format!("{label:<LABEL$}"));
            let _ = writeln!(text, "  {painted} {line}");
            label = "";
        }
    }
    text
}

fn lines(
    webhook: &Webhook,
    problems: &[&Problem],
    now: Timestamp,
    bar: usize,
) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    for (at, problem) in problems.iter().enumerate() {
        // One that keeps a tenant's list from being read is its webhook's as well.
        if !problems.iter().take(at).any(|earlier| earlier.problem == problem.problem) {
            let since = moment::ago(now, problem.since);
            lines.push(("problem", format!("{} (since {since})", plain(&problem.problem))));
        }
    }
    if let Some(error) = &webhook.last_error {
        let mut text = format!("{}, {}", moment::ago(now, error.at), plain(&error.step));
        if !problems.iter().any(|problem| problem.problem.contains(error.message.trim_end_matches('.'))) {
            let _ = write!(text, ": {}", plain(&error.message));
        }
        lines.push(("last error", text));
        lines.extend(error.retry_at.map(|at| ("next try", moment::both(now, at))));
    }
    lines.push(("collection", plain(&webhook.collection)));
    lines.push(("destination", plain(&webhook.destination_url)));
    if !webhook.external_references.is_empty() {
        let references: Vec<String> =
            webhook.external_references.iter().map(|reference| format!("({})", plain(reference))).collect();
        lines.push(("references", references.join(" ")));
    }
    match &webhook.remote {
        None if is_unknown(webhook) => lines.push(("at Protime", "not known yet".to_owned())),
        None => lines.push(("at Protime", "not known there".to_owned())),
        Some(remote) => {
            let seen = moment::ago(now, remote.seen_at);
            let (status, id) = (plain(&remote.status), plain(&remote.id));
            lines.push(("at Protime", format!("{status}, id {id} (seen {seen})")));
            if let Some(at) = remote.valid_until {
                lines.push(("expires", moment::end(now, at)));
            }
        }
    }
    if let Some(bar) = lifetime::bar(webhook, now, bar) {
        lines.push(("lifetime", bar));
    }
    if let Some(key) = &webhook.key {
        let (fingerprint, since) = (plain(&key.fingerprint), moment::ago(now, key.rotated_at));
        lines.push(("key", format!("version {}, fingerprint {fingerprint} (since {since})", key.version)));
    }
    lines.extend(webhook.key_sinks.iter().map(|sink| ("key sink", outbox(sink, now))));
    if let Some(at) = webhook.next_renewal_at {
        lines.push(("next renewal", moment::both(now, at)));
    }
    if let Some(renewal) = &webhook.renewal {
        let started = moment::ago(now, renewal.started_at);
        lines.push(("running", format!("{} (started {started})", under_way(renewal))));
    }
    if let Some(last) = &webhook.last_renewal {
        let (reason, outcome) = (plain(&last.reason), plain(&last.outcome));
        let (when, took) =
            (moment::ago(now, last.finished_at), moment::took(last.started_at, last.finished_at));
        let error = last.error.as_ref().map(|error| format!(": {}", plain(error))).unwrap_or_default();
        lines.push(("last renewal", format!("{reason} (#{}) {outcome} {when}, took {took}{error}", last.id)));
    }
    if let Some(owed) = &webhook.owed_resync {
        let from = owed.from.map_or_else(|| "the beginning".to_owned(), moment::exact);
        lines.push(("owed resync", format!("from {from} to {}", moment::exact(owed.to))));
    }
    if let Some(audit) = &webhook.audit {
        let (objects, deltas) = (counted(audit.objects, "object"), counted(audit.refreshes, "delta"));
        let last = moment::ago(now, audit.last_at);
        lines.push(("audit", format!("{objects} offered by {deltas} while it delivered, the last {last}")));
    }
    lines.extend(webhook.note.iter().map(|note| ("note", plain(note))));
    lines
}

fn outbox(sink: &KeySink, now: Timestamp) -> String {
    let mut text = plain(&sink.sink);
    match sink.version {
        Some(version) => {
            let _ = write!(text, ": has version {version}");
        }
        None => text.push_str(": has no key"),
    }
    if let Some(error) = &sink.last_error {
        let attempts = counted(sink.attempts, "attempt");
        let _ = write!(text, "; {attempts} failed: {}", plain(error));
    }
    if let Some(at) = sink.retry_at {
        let _ = write!(text, "; next try {}", moment::both(now, at));
    }
    text
}
