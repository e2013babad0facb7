//! `[tenant.webhook.resync]`, in all its kinds.

use std::time::Duration;

use jiff::civil::Date;
use reqwest::Url;

use super::secret::SECRET;
use crate::config::{
    address,
    filter::{self, Written},
    forms::{self, Program},
    key::{DURATION, Form, Key, POSITIVE, Part, table},
    settings::OnFailure,
    units,
    value::TEXT,
};

/// What closes a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    Command,
    Http,
    List,
    Delta,
    None,
}

const READ: &[&str] = &["list", "delta"];

table! { RESYNC = "[tenant.webhook.resync]";
    /// command: a program. It gets the gap as JSON on standard input and as PROTIME_FROM and PROTIME_TO.
    /// http: a server of yours. It gets the same JSON by POST.
    /// list, delta: the daemon reads the collection itself, see the last webhook below and docs/resync.md.
    /// none: nothing; you accept that the events of a gap are lost.
    KIND: Key<Kind> = "kind", Form::Word(&[
        ("command", Kind::Command), ("http", Kind::Http), ("list", Kind::List), ("delta", Kind::Delta),
        ("none", Kind::None),
    ]), is_required: true, help: "write kind = \"command\", or kind = \"none\" to accept the loss";
    /// hold: no renewal before the resync succeeded. proceed: renew anyway and keep owing the resync.
    ON_FAILURE: Key<OnFailure> = "on_failure", Form::Word(&[
        ("hold", OnFailure::Hold), ("proceed", OnFailure::Proceed),
    ]), default: Some("hold");
    /// After this its whole process group is killed and the resync has failed.
    TIMEOUT: Key<Duration> = "timeout", POSITIVE, kinds: &["command", "http"], default: Some("30m");
    /// The program, with its whole path or found in PATH, and its arguments; there is no shell.
    COMMAND: Key<Program> = "command", Form::Other(forms::COMMAND, forms::program), kinds: &["command"],
        is_required: true, help: forms::WRITE_COMMAND, is_discreet: true;
    /// The token is sent as a Bearer, and named as a client secret is; it may be left out.
    TOKEN: Part = "token", &SECRET, kinds: &["http"], help: forms::WRITE_TOKEN;
    /// A server says with 2xx that it is done, and with 202 and a Location that it is at work: that address
    /// is asked until it is done.
    URL: Key<Url> = "url", Form::Text(TEXT, address::endpoint), kinds: &["http"],
        is_required: true, help: forms::WRITE_URL;
    // It may hold names of people.
    /// One of your own instead, in Protime's syntax, with {from_date} and {to_date}, the days of the gap, and
    /// {last_year}, 1 January of last year; {from} and {to} are moments.
    FILTER: Key<Written> = "filter", Form::Text(TEXT, filter::parse), kinds: READ, is_discreet: true;
    /// How much further back than the gap the dates reach that a collection demands, because what is changed
    /// today may be of a day of last month.
    LOOKBACK: Key<Duration> = "lookback", DURATION, kinds: READ;
    /// Where the first sync begins, ten years back by default.
    EARLIEST: Key<Date> = "earliest", Form::Text(TEXT, units::date), kinds: READ;
    // A collection may be large, and requests are paced.
    /// After this an attempt is given up; the next one goes on where it was.
    READ_TIMEOUT: Key<Duration> = "timeout", POSITIVE, kinds: READ, default: Some("6h");
    /// Where the objects go as events, by default the destination.
    REPLAY_TO: Key<Url> = "replay_to", Form::Text(TEXT, address::endpoint), kinds: READ, is_discreet: true;
    /// A program that gets the objects as lines of JSON.
    PIPE_TO: Key<Program> = "pipe_to", Form::Other(
        "an array of texts, program first: pipe_to = [\"/usr/local/bin/program\", \"argument\"]",
        forms::program,
    ), kinds: READ, is_discreet: true;
    /// Asks for the delta every 24 hours, or as often as "12h" says, so that Protime does not end it; false
    /// by default.
    KEEP_WARM: Key<Option<Duration>> = "keep_warm", Form::Other(
        "true, false, or a duration in double quotes such as \"12h\"", forms::keep_warm,
    ), kinds: &["delta"];
    /// Counts what that brings; false by default.
    AUDIT: Key<bool> = "audit", Form::Other("true or false", forms::flag), kinds: &["delta"];
}
