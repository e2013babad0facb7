//! The root of the main file, and the tables that there is one of.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::tenant;
use crate::{
    config::{
        cron,
        key::{DURATION, Form, Key, MODE, POSITIVE, Part, table},
        names,
        settings::LogFormat,
        units,
        value::TEXT,
    },
    domain::lifetime::Share,
};

table! { ROOT = "the root table";
    /// Sent with every request to Protime, which demands it: "Service/Version (Company)".
    USER_AGENT: Key<String> = "user_agent", Form::Text(TEXT, units::user_agent), is_required: true,
        help: "write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it";
    /// Where the daemon lives and how it speaks.
    DAEMON_TABLE: Part = "daemon", &DAEMON;
    /// When webhooks are renewed.
    RENEWAL_TABLE: Part = "renewal", &RENEWAL;
    /// How Protime is asked.
    API_TABLE: Part = "api", &API;
    /// Where the metrics are besides the sockets.
    METRICS_TABLE: Part = "metrics", &METRICS;
    /// Further files that hold [[tenant]] tables and nothing else, such as one for each tenant: paths or
    /// patterns, relative to this file. (No default: all tenants are in this file.)
    INCLUDE: Key<Vec<String>> = "include", Form::Other(names::PATTERNS, |value, wanted| {
        value.items(wanted)?.iter().map(|item| item.parse(TEXT, names::pattern)).collect()
    });
    /// A customer's environment at Protime.
    TENANTS: Part = "tenant", &tenant::TENANT;
}

table! { DAEMON = "[daemon]";
    /// Folder of the database and the lock. Under systemd the first folder of $STATE_DIRECTORY is the
    /// default.
    STATE_DIR: Key<PathBuf> = "state_dir", Form::Text(TEXT, units::absolute_path),
        default: Some("/var/lib/protime-webhookd"), needs_restart: true;
    /// The socket that is read only and holds no secret. Under systemd it is by default in the first folder
    /// of $RUNTIME_DIRECTORY.
    STATUS_SOCKET: Key<PathBuf> = "status_socket", Form::Text(TEXT, units::socket_path),
        default: Some("/run/protime-webhookd/status.sock"), needs_restart: true;
    /// The socket that gives out keys; by default beside the other.
    CONTROL_SOCKET: Key<PathBuf> = "control_socket", Form::Text(TEXT, units::socket_path),
        default: Some("/run/protime-webhookd/control.sock"), needs_restart: true;
    /// Permission bits of the status socket.
    STATUS_SOCKET_MODE: Key<u32> = "status_socket_mode", MODE, default: Some("0666"), needs_restart: true;
    /// Permission bits of the control socket.
    CONTROL_SOCKET_MODE: Key<u32> = "control_socket_mode", Form::Odd(&MODE, |mode| {
        (mode & 0o002 != 0).then(|| "lets every user of this machine read keys".to_owned())
    }), default: Some("0660"), needs_restart: true;
    /// Group of both sockets. (No default: the daemon's own group.)
    SOCKET_GROUP: Key<String> = "socket_group", Form::Text(TEXT, |group| {
        units::text(group, "write a text, or remove `socket_group`")
    }), needs_restart: true;
    /// When to ask Protime which webhooks there are: a cron pattern in UTC,
    /// `second minute hour day month weekday`; five fields get second 0.
    /// A day must fit both day and weekday, unlike in crontab(5): "0 0 0 13 * FRI" is every Friday the 13th.
    STATUS_POLL: Key<String> = "status_poll",
        Form::Odd(&Form::Text(TEXT, cron::pattern), |pattern| cron::oddity(pattern)),
        default: Some("0 */5 * * * *");
    /// off, error, warn, info, debug or trace. The environment variable RUST_LOG wins.
    LOG_LEVEL: Key<&'static str> = "log_level", Form::Word(&[
        ("off", "off"), ("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"),
        ("trace", "trace"),
    ]), default: Some("info");
    /// auto, text or json. auto: text on a terminal, journald-friendly otherwise.
    LOG_FORMAT: Key<LogFormat> = "log_format", Form::Word(&[
        ("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json),
    ]), default: Some("auto"), needs_restart: true;
}

table! { RENEWAL = "[renewal]";
    /// How long before its end a webhook is renewed: a fraction of its lifetime, a percentage such as "30%",
    /// or a duration; never more than half of the lifetime.
    RENEW_BEFORE: Key<Share> = "renew_before", Form::Text(
        "a fraction, a percentage or a duration in double quotes, such as \"1/3\"", units::renew_before,
    ), default: Some("1/3");
    /// Spreads the renewals of many webhooks: likewise a fraction, a percentage or a duration, cut to a
    /// quarter of the lifetime. Drawn once per renewal.
    JITTER: Key<Share> = "jitter", Form::Odd(&Form::Text(
        "a fraction, a percentage or a duration in double quotes, such as \"5%\"", units::share,
    ), |share| {
        let what = "is cut to a quarter of the lifetime, the most that renewals are spread over";
        matches!(share, Share::Fraction(fraction) if *fraction > 0.25).then(|| what.to_owned())
    }), default: Some("5%");
    /// The longest pause after a first failure; pauses grow from there.
    RETRY_INITIAL: Key<Duration> = "retry_initial", POSITIVE, default: Some("5s");
    /// No pause after a failure is longer.
    RETRY_MAX: Key<Duration> = "retry_max", POSITIVE, default: Some("15m");
    /// Renewals at a time.
    MAX_CONCURRENT: Key<usize> = "max_concurrent", Form::Number(1..=10_000, |number| number as usize),
        default: Some("16");
    /// How many POSTs per webhook and hour may happen that the plan does not explain.
    MAX_UNPLANNED_ROTATIONS_PER_HOUR: Key<u32> = "max_unplanned_rotations_per_hour",
        Form::Number(1..=3_600, |number| number), default: Some("6");
    /// How much earlier than the last proof of delivery a gap is taken to begin.
    GAP_MARGIN: Key<Duration> = "gap_margin", DURATION, default: Some("72h");
    /// How long `verify` still accepts the previous key: retries may have been signed with it.
    PREVIOUS_KEY_GRACE: Key<Duration> = "previous_key_grace", DURATION, default: Some("60s");
}

table! { METRICS = "[metrics]";
    /// A loopback address for Prometheus, such as "127.0.0.1:9464". It answers GET /metrics and nothing else;
    /// the same is on the status socket anyway. (No default.)
    LISTEN: Key<SocketAddr> = "listen", Form::Text(
        "an address with a port in double quotes, such as \"127.0.0.1:9464\"", units::loopback,
    ), needs_restart: true;
}

table! { API = "[api]";
    /// After this a connection has not been made.
    CONNECT_TIMEOUT: Key<Duration> = "connect_timeout", POSITIVE, default: Some("10s");
    /// After this a request as a whole has failed.
    REQUEST_TIMEOUT: Key<Duration> = "request_timeout", POSITIVE, default: Some("30s");
    /// Per tenant.
    MAX_REQUESTS_PER_MINUTE: Key<u32> = "max_requests_per_minute",
        Form::Number(1..=1_000_000, |number| number), default: Some("120");
    /// Certificates of authorities, in PEM form, that are trusted besides the system's: for Protime, and for
    /// your servers in sinks and resyncs. A reload reads the file again. (No default.)
    CA_FILE: Key<PathBuf> = "ca_file", Form::Text(TEXT, units::file_path);
}
