//! `[tenant.webhook.resync]`, in all its kinds.

use std::time::Duration;

use jiff::civil::Date;
use reqwest::Url;

use super::tenant;
use crate::config::{
    address, filter,
    filter::Written,
    forms::{self, Program},
    key::{DURATION, Form, Key, POSITIVE, Part, Table, key, part, table, text},
    settings::OnFailure,
    units,
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

table! { RESYNC = "[tenant.webhook.resync]";
    /// command: a program. It gets the gap as JSON on standard input and as PROTIME_FROM and PROTIME_TO.
    /// http: a server of yours. It gets the same JSON by POST.
    /// list, delta: the daemon reads the collection itself, see the last webhook below and docs/resync.md.
    /// none: nothing; you accept that the events of a gap are lost.
    KIND: Key<Kind> = key("kind", Form::Word(&[
        ("command", Kind::Command), ("http", Kind::Http), ("list", Kind::List), ("delta", Kind::Delta), ("none", Kind::None),
    ])).required("write kind = \"command\", or kind = \"none\" to accept the loss");
    /// hold: no renewal before the resync succeeded. proceed: renew anyway and keep owing the resync.
    ON_FAILURE: Key<OnFailure> = key("on_failure", Form::Word(&[("hold", OnFailure::Hold), ("proceed", OnFailure::Proceed)]))
        .default("hold");
    /// After this its whole process group is killed and the resync has failed.
    TIMEOUT: Key<Duration> = key("timeout", POSITIVE).only_for(&["command", "http"]).default("30m");
    /// The program, with its whole path or found in PATH, and its arguments; there is no shell.
    COMMAND: Key<Program> = key("command", Form::Other(forms::COMMAND, forms::program))
        .only_for(&["command"]).required(forms::WRITE_COMMAND).discreet();
    /// The token is sent as a Bearer, and named as a client secret is; it may be left out.
    TOKEN: Part = part("token", &tenant::SECRET).only_for(&["http"]).help(forms::WRITE_TOKEN);
    /// A server says with 2xx that it is done, and with 202 and a Location that it is at work: that address is
    /// asked until it is done.
    URL: Key<Url> = text("url", address::endpoint).only_for(&["http"]).required(forms::WRITE_URL);
    /// filter: one of your own instead, in Protime's syntax, with {from_date} and {to_date}, the days of the gap, and
    /// {last_year}, 1 January of last year; {from} and {to} are moments. lookback moves {from_date} back.
    FILTER: Key<Written> = text("filter", filter::parse).only_for(READ).discreet();
    /// The daemon writes the dates that a collection demands: lookback is how much further back than the gap they
    /// reach, because what is changed today may be of a day of last month;
    LOOKBACK: Key<Duration> = key("lookback", DURATION).only_for(READ);
    /// earliest is where the first sync begins, ten years back by default.
    EARLIEST: Key<Date> = text("earliest", units::date).only_for(READ);
    // A collection may be large, and requests are paced.
    /// After this an attempt is given up; the next one goes on where it was.
    READ_TIMEOUT: Key<Duration> = key("timeout", POSITIVE).only_for(READ).default("6h");
    /// replay_to is by default the destination.
    REPLAY_TO: Key<Url> = text("replay_to", address::endpoint).only_for(READ).discreet();
    /// pipe_to instead of replay_to: a program that gets the objects as lines of JSON.
    PIPE_TO: Key<Program> = key("pipe_to", Form::Other(
        "an array of texts, program first: pipe_to = [\"/usr/local/bin/program\", \"argument\"]", forms::program,
    )).only_for(READ).discreet();
    /// keep_warm: asks for it every 24 hours, or as often as "12h" says, so that Protime does not end it; false by
    /// default.
    KEEP_WARM: Key<Option<Duration>> = key("keep_warm", Form::Other(
        "true, false, or a duration in double quotes such as \"12h\"", forms::keep_warm,
    )).only_for(&["delta"]);
    /// audit: counts what that brings; false by default.
    AUDIT: Key<bool> = key("audit", Form::Other("true or false", forms::flag)).only_for(&["delta"]);
}

const READ: &[&str] = &["list", "delta"];
