//! One webhook in detail.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::{paint_of, signed, under_way};
use crate::{
    cli::{
        moment,
        style::{Paint, Style, plain},
        target::full_name,
    },
    domain::report::{Problem, Webhook},
};

/// Columns that the labels take.
const LABEL: usize = 14;

/// Everything that is known of a webhook, a line each; what does not apply is left out.
pub(super) fn render(webhook: &Webhook, problems: &[&Problem], now: Timestamp, style: Style) -> String {
    let mut text = format!(
        "{}  {}\n",
        style.paint(Paint::Strong, &full_name(webhook)),
        style.paint(paint_of(webhook.state), &signed(webhook.state))
    );
    for (label, value) in lines(webhook, problems, now) {
        let label = style.paint(Paint::Faint, &format!("{label:<LABEL$}"));
        let _ = writeln!(text, "  {label} {value}");
    }
    text
}

fn lines(webhook: &Webhook, problems: &[&Problem], now: Timestamp) -> Vec<(&'static str, String)> {
    let mut lines: Vec<(&'static str, String)> = Vec::new();
    for problem in problems {
        let since = moment::ago(now, problem.since);
        lines.push(("problem", format!("{} (since {since})", plain(&problem.problem))));
    }
    if let Some(error) = &webhook.last_error {
        let (step, message) = (plain(&error.step), plain(&error.message));
        lines.push(("last error", format!("{}, {step}: {message}", moment::ago(now, error.at))));
        let retry = error
            .retry_at
            .map_or_else(|| "not tried again before somebody acts".to_owned(), |at| moment::both(now, at));
        lines.push(("next try", retry));
    }
    lines.push(("collection", plain(&webhook.collection)));
    lines.push(("destination", plain(&webhook.destination_url)));
    if !webhook.external_references.is_empty() {
        let references: Vec<String> =
            webhook.external_references.iter().map(|reference| format!("({})", plain(reference))).collect();
        lines.push(("references", references.join(" ")));
    }
    match &webhook.remote {
        None => lines.push(("at Protime", "not known there".to_owned())),
        Some(remote) => {
            let seen = moment::ago(now, remote.seen_at);
            let (status, id) = (plain(&remote.status), plain(&remote.id));
            lines.push(("at Protime", format!("{status}, id {id} (seen {seen})")));
            if let Some(at) = remote.valid_until {
                lines.push(("expires", format!("{} ({})", moment::exact(at), moment::expiry(now, at))));
            }
        }
    }
    if let Some(key) = &webhook.key {
        let (fingerprint, since) = (plain(&key.fingerprint), moment::ago(now, key.rotated_at));
        lines.push(("key", format!("version {}, fingerprint {fingerprint} (since {since})", key.version)));
    }
    for sink in &webhook.key_sinks {
        let has =
            sink.version.map_or_else(|| "has no key".to_owned(), |version| format!("has version {version}"));
        let failing = sink.last_error.as_ref().map(|error| {
            let retry =
                sink.retry_at.map(|at| format!(", next try {}", moment::both(now, at))).unwrap_or_default();
            format!("; refused {} times: {}{retry}", sink.attempts, plain(error))
        });
        lines.push(("key sink", format!("{} {has}{}", plain(&sink.sink), failing.unwrap_or_default())));
    }
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
    lines
}
