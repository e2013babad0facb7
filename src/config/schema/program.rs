//! The root of the main file, and the tables that there is one of.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::tenant;
use crate::{
    config::{
        cron,
        key::{DURATION, Form, Key, POSITIVE, Part, Table, key, mode, number, part, table, text},
        names,
        settings::LogFormat,
        units,
        value::TEXT,
    },
    domain::lifetime::Share,
};

const FRACTION: &str = "a fraction, a percentage or a duration in double quotes, such as \"1/3\"";
const PERCENTAGE: &str = "a fraction, a percentage or a duration in double quotes, such as \"5%\"";
const LISTEN_AT: &str = "an address with a port in double quotes, such as \"127.0.0.1:9464\"";

table! { ROOT = "the root table";
    /// Sent with every request to Protime, which demands it: "Service/Version (Company)".
    USER_AGENT: Key<String> = text("user_agent", units::user_agent)
        .required("write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it");
    /// Where the daemon lives and how it speaks.
    DAEMON_TABLE: Part = part("daemon", &DAEMON);
    /// When webhooks are renewed.
    RENEWAL_TABLE: Part = part("renewal", &RENEWAL);
    /// How Protime is asked.
    API_TABLE: Part = part("api", &API);
    /// Where the metrics are besides the sockets.
    METRICS_TABLE: Part = part("metrics", &METRICS);
    /// Further files that hold [[tenant]] tables and nothing else, such as one for each tenant: paths or patterns,
    /// relative to this file. (No default: all tenants are in this file.)
    INCLUDE: Key<Vec<String>> = key("include", Form::Other(names::PATTERNS, |value, wanted| {
        value.items(wanted)?.iter().map(|item| item.parse(TEXT, names::pattern)).collect()
    }));
    /// A tenant at Protime.
    TENANTS: Part = part("tenant", &tenant::TENANT);
}

table! { DAEMON = "[daemon]";
    /// Folder of the database and the lock. Under systemd the first folder of $STATE_DIRECTORY is the default.
    STATE_DIR: Key<PathBuf> = text("state_dir", units::absolute_path).default("/var/lib/protime-webhookd").restart();
    /// The socket that is read only and holds no secret. Under systemd it is by default in the first folder of
    /// $RUNTIME_DIRECTORY, and so is the next.
    STATUS_SOCKET: Key<PathBuf> =
        text("status_socket", units::socket_path).default("/run/protime-webhookd/status.sock").restart();
    /// The socket that gives out keys.
    CONTROL_SOCKET: Key<PathBuf> =
        text("control_socket", units::socket_path).default("/run/protime-webhookd/control.sock").restart();
    /// Who may speak to the one.
    STATUS_SOCKET_MODE: Key<u32> = mode("status_socket_mode").default("0666").restart();
    /// Who may speak to the other.
    CONTROL_SOCKET_MODE: Key<u32> = mode("control_socket_mode").default("0660").restart()
        .odd(|mode| (mode & 0o002 != 0).then(|| "lets every user of this machine read keys".to_owned()));
    /// Group of both sockets. (No default: the daemon's own group.)
    SOCKET_GROUP: Key<String> = text("socket_group", |group| {
        units::text(group, "write a text, or remove `socket_group`")
    }).restart();
    /// When to ask Protime which webhooks there are: a cron pattern in UTC,
    /// `second minute hour day month weekday`; five fields get second 0.
    /// A day must fit both day and weekday, unlike in crontab(5): "0 0 0 13 * FRI" is every Friday the 13th.
    STATUS_POLL: Key<String> = text("status_poll", cron::pattern).default("0 */5 * * * *").odd(|pattern| cron::oddity(pattern));
    /// off, error, warn, info, debug or trace. The environment variable RUST_LOG wins.
    LOG_LEVEL: Key<&'static str> = key("log_level", Form::Word(&[
        ("off", "off"), ("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace"),
    ])).default("info");
    /// auto, text or json. auto: text on a terminal, journald-friendly otherwise.
    LOG_FORMAT: Key<LogFormat> = key("log_format", Form::Word(&[
        ("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json),
    ])).default("auto").restart();
}

table! { RENEWAL = "[renewal]";
    /// How long before its end a webhook is renewed: a fraction of its lifetime, a percentage such as "30%",
    /// or a duration; never more than half of the lifetime.
    RENEW_BEFORE: Key<Share> = key("renew_before", Form::Text(FRACTION, units::renew_before)).default("1/3");
    /// Spreads the renewals of many webhooks: likewise a fraction, a percentage or a duration, cut to a
    /// quarter of the lifetime. Drawn once per renewal.
    JITTER: Key<Share> = key("jitter", Form::Text(PERCENTAGE, units::share)).default("5%").odd(|share| {
        let what = "is cut to a quarter of the lifetime, the most that renewals are spread over";
        matches!(share, Share::Fraction(fraction) if *fraction > 0.25).then(|| what.to_owned())
    });
    /// Pauses after failures grow from this
    RETRY_INITIAL: Key<Duration> = key("retry_initial", POSITIVE).default("5s");
    /// to this.
    RETRY_MAX: Key<Duration> = key("retry_max", POSITIVE).default("15m");
    /// Renewals at a time.
    MAX_CONCURRENT: Key<u32> = number("max_concurrent", 1..=10_000).default("16");
    /// How many POSTs per webhook and hour may happen that the plan does not explain.
    MAX_UNPLANNED_ROTATIONS_PER_HOUR: Key<u32> = number("max_unplanned_rotations_per_hour", 1..=3_600).default("6");
    /// How much earlier than the last proof of delivery a gap is taken to begin.
    GAP_MARGIN: Key<Duration> = key("gap_margin", DURATION).default("72h");
    /// How long `verify` still accepts the previous key: retries may have been signed with it.
    PREVIOUS_KEY_GRACE: Key<Duration> = key("previous_key_grace", DURATION).default("60s");
}

table! { METRICS = "[metrics]";
    /// A loopback address for Prometheus, such as "127.0.0.1:9464". It answers GET /metrics and nothing else;
    /// the same is on the status socket anyway. (No default.)
    LISTEN: Key<SocketAddr> = key("listen", Form::Text(LISTEN_AT, units::loopback)).restart();
}

table! { API = "[api]";
    /// After this a connection was not made.
    CONNECT_TIMEOUT: Key<Duration> = key("connect_timeout", POSITIVE).default("10s");
    /// After this a whole request has failed.
    REQUEST_TIMEOUT: Key<Duration> = key("request_timeout", POSITIVE).default("30s");
    /// Per tenant.
    MAX_REQUESTS_PER_MINUTE: Key<u32> = number("max_requests_per_minute", 1..=1_000_000).default("120");
    /// Certificates of authorities, in PEM form, that are trusted besides the system's: for Protime, and for your
    /// servers in sinks and resyncs. A reload reads the file anew. (No default.)
    CA_FILE: Key<PathBuf> = text("ca_file", units::file_path);
}
