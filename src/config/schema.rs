//! Every key of the configuration, once. What a key means is told here and nowhere else: which table it
//! belongs to and which kinds of it take it, its type and range, its default, whether its value may be a
//! secret, whether a change of it takes a restart, and its documentation.
//!
//! The readers, the suggestions, what is redacted in messages, the report of a reload and `config.example.toml`
//! follow it, so that a key is added in one place; so do the settings that a table becomes as it is. No reader can
//! ask for a key that does not exist, or take it for what it is not.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::civil::Date;
use reqwest::Url;

use super::{
    address, cron,
    forms::{self, Program, Written},
    key::{self, DURATION, Form, MODE, POSITIVE, Part, Table, table, text},
    names,
    report::Checked,
    settings::{KeyFormat, LogFormat, OnFailure, SecretSource},
    units,
    value::TEXT,
};
use crate::domain::{
    collection,
    lifetime::Share,
    removed::OnRemove,
    webhook::{ExternalReference, TenantName, WebhookName},
    words::words,
};

/// Every table; the root comes first.
pub(super) static TABLES: [&Table; 11] = [
    &ROOT.table,
    &DAEMON.table,
    &RENEWAL.table,
    &API.table,
    &METRICS.table,
    &HISTORY.table,
    &TENANT.table,
    &SECRET.table,
    &WEBHOOK.table,
    &RESYNC.table,
    &KEY_SINK.table,
];

table! { ROOT: RootKeys = "the root table";
    /// Sent with every request to Protime, which demands it: "Service/Version (Company)".
    user_agent: Key<String> = text(units::user_agent),
        help: "write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it";
    /// Where the daemon lives and how it speaks.
    daemon: Part = &DAEMON.table;
    /// When webhooks are renewed.
    renewal: Part = &RENEWAL.table;
    /// How Protime is asked.
    api: Part = &API.table;
    /// Where the metrics are besides the sockets.
    metrics: Part = &METRICS.table;
    /// How much of the history is kept.
    history: Part = &HISTORY.table;
    /// Further files that hold [[tenant]] tables and nothing else, such as one for each tenant: paths or
    /// patterns, relative to this file. (No default: all tenants are in this file.)
    include: Option<Vec<String>> = Form::Other(names::PATTERNS, |value, wanted| {
        value.items(wanted)?.iter().map(|item| item.parse(TEXT, names::pattern)).collect()
    });
    /// A customer's environment at Protime.
    tenant: Part = &TENANT.table;
}

table! { DAEMON: DaemonKeys = "[daemon]", read as Daemon;
    /// Folder of the database and the lock. Under systemd the first folder of $STATE_DIRECTORY is the
    /// default.
    state_dir: Key<PathBuf> = text(units::absolute_path), default: Some("/var/lib/protime-webhookd"),
        needs_restart: true;
    /// The socket that is read only and holds no secret. Under systemd it is by default in the first folder
    /// of $RUNTIME_DIRECTORY.
    status_socket: Key<PathBuf> = text(units::socket_path),
        default: Some("/run/protime-webhookd/status.sock"), needs_restart: true;
    /// The socket that gives out keys; by default beside the other.
    control_socket: Key<PathBuf> = text(units::socket_path),
        default: Some("/run/protime-webhookd/control.sock"), needs_restart: true;
    /// Permission bits of the status socket.
    status_socket_mode: Key<u32> = MODE, default: Some("0666"), needs_restart: true;
    /// Permission bits of the control socket.
    control_socket_mode: Key<u32> = Form::Odd(&MODE, |mode| {
        (mode & 0o002 != 0).then(|| "lets every user of this machine read keys".to_owned())
    }), default: Some("0660"), needs_restart: true;
    /// Group of both sockets. (No default: the daemon's own group.)
    socket_group: Option<String> = text(|group| units::text(group, "write a text, or remove `socket_group`")),
        needs_restart: true;
    /// When to ask Protime which webhooks there are: a cron pattern in UTC,
    /// `second minute hour day month weekday`; five fields get second 0.
    /// A day must fit both day and weekday, unlike in crontab(5): "0 0 0 13 * FRI" is every Friday the 13th.
    status_poll: Key<String> = Form::Odd(&text(cron::pattern), |pattern| cron::oddity(pattern)),
        default: Some("0 */5 * * * *");
    /// off, error, warn, info, debug or trace. The environment variable RUST_LOG wins.
    log_level: Key<&'static str> = Form::Word(&[
        ("off", "off"), ("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"),
        ("trace", "trace"),
    ]), default: Some("info");
    /// auto, text or json. auto: text on a terminal, journald-friendly otherwise.
    log_format: Key<LogFormat> = Form::Word(LogFormat::WORDS), default: Some("auto"), needs_restart: true;
}

table! { RENEWAL: RenewalKeys = "[renewal]", read as Renewal;
    /// How long before its end a webhook is renewed: a fraction of its lifetime, a percentage such as "30%",
    /// or a duration; never more than half of the lifetime.
    renew_before: Key<Share> = Form::Text(
        "a fraction, a percentage or a duration in double quotes, such as \"1/3\"", units::renew_before,
    ), default: Some("1/3");
    /// Spreads the renewals of many webhooks: likewise a fraction, a percentage or a duration, cut to a
    /// quarter of the lifetime. Drawn once per renewal.
    jitter: Key<Share> = Form::Odd(&Form::Text(
        "a fraction, a percentage or a duration in double quotes, such as \"5%\"", units::share,
    ), |share| {
        let what = "is cut to a quarter of the lifetime, the most that renewals are spread over";
        matches!(share, Share::Fraction(fraction) if *fraction > 0.25).then(|| what.to_owned())
    }), default: Some("5%");
    /// The longest pause after a first failure; pauses grow from there.
    retry_initial: Key<Duration> = POSITIVE, default: Some("5s");
    /// No pause after a failure is longer.
    retry_max: Key<Duration> = POSITIVE, default: Some("15m");
    /// Renewals at a time.
    max_concurrent: Key<usize> = Form::Number(1..=10_000, |number| number as usize), default: Some("16");
    /// How many POSTs per webhook and hour may happen that the plan does not explain.
    max_unplanned_rotations_per_hour: Key<u32> = Form::Number(1..=3_600, |number| number), default: Some("6");
    /// How much earlier than the last proof of delivery a gap is taken to begin.
    gap_margin: Key<Duration> = DURATION, default: Some("72h");
    /// How long `verify` still accepts the previous key: retries may have been signed with it.
    previous_key_grace: Key<Duration> = DURATION, default: Some("60s");
}

table! { METRICS: MetricsKeys = "[metrics]", read as Metrics;
    /// A loopback address for Prometheus, such as "127.0.0.1:9464". It answers GET /metrics and nothing else;
    /// the same is on the status socket anyway. (No default.)
    listen: Option<SocketAddr> = Form::Text(
        "an address with a port in double quotes, such as \"127.0.0.1:9464\"", units::loopback,
    ), needs_restart: true;
    /// Beyond so many webhooks those of a tenant are one series instead of one for each:
    /// docs/monitoring/README.md says what it means then.
    fold_above: Key<usize> = Form::Number(0..=10_000_000, |number| number as usize), default: Some("10000");
}

// The defaults: a quarter of a year reaches back to what someone asks about at the end of a quarter, and a million rows, some
// 300 MB, fit on a small disk. What commands wrote stands in them and may be of persons: no reason to keep it for years.
table! { HISTORY: HistoryKeys = "[history]", read as History;
    /// How long finished renewals are kept. The newest one of each webhook always is, and never more than 500 of
    /// one webhook are. What grows old goes little by little.
    keep: Key<Duration> = POSITIVE, default: Some("90d");
    /// How many rows the history has at most, of all webhooks together: a renewal takes a dozen, with
    /// about 4 KB. The oldest go first.
    keep_rows: Key<u32> = Form::Number(1..=1_000_000_000, |number| number), default: Some("1000000");
}

table! { API: ApiKeys = "[api]", read as Api;
    /// After this a connection has not been made.
    connect_timeout: Key<Duration> = POSITIVE, default: Some("10s");
    /// After this a request as a whole has failed.
    request_timeout: Key<Duration> = POSITIVE, default: Some("30s");
    /// Per tenant.
    max_requests_per_minute: Key<u32> = Form::Number(1..=1_000_000, |number| number), default: Some("120");
    /// Certificates of authorities, in PEM form, that are trusted besides the system's: for Protime, and for
    /// your servers in sinks and resyncs. A reload reads the file again. (No default.)
    ca_file: Option<PathBuf> = text(units::file_path);
}

table! { TENANT: TenantKeys = "[[tenant]]";
    /// Unique in this file. With `environment`, it is the tenant's name at Protime.
    name: Key<TenantName> = text(names::tenant),
        help: "write `name = \"acme\"`, a name of your choice";
    /// production or sandbox.
    environment: Option<&'static str> = Form::Word(&[
        ("production", "myprotime.eu"), ("sandbox", "myprotimesandbox.eu"),
    ]);
    /// Scheme, host and port of the API.
    api_origin: Option<Url> = text(address::origin);
    /// The address that a token is asked of.
    token_url: Option<Url> = text(address::endpoint);
    /// The OAuth client that Protime gave you.
    client_id: Key<String> = text(|id| units::text(id, "write the OAuth client that Protime gave you")),
        is_discreet: true, help: "write `client_id = \"…\"`, the OAuth client that Protime gave you";
    /// Where the secret is found; the secret itself must not stand here.
    client_secret: Part = &SECRET.table, is_required: true,
        help: "write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or \
               `{ env = \"NAME\" }`, which only name the secret";
    /// Name of the key's property in Protime's answer, if it is none of the known ones. (No default.)
    key_field: Option<String> = text(|name| units::text(name, "write a text, or remove `key_field`"));
    /// Scopes to ask for besides what this file needs: those of webhooks, and of the collections that a
    /// resync of the kind list or delta reads. (No default: none.)
    scopes: Option<Vec<String>> = Form::Other(
        "an array of texts such as [\"connector-protimeapi-clockings.read\"]",
        |value, wanted| value.distinct(wanted, names::scope),
    );
    /// As many as you like.
    webhook: Part = &WEBHOOK.table;
}

// What these three refuse may be the secret itself, so none of them quotes it.
table! { SECRET: SecretKeys = "the table that `client_secret` or `token` is";
    /// A file in $CREDENTIALS_DIRECTORY: LoadCredential=acme-client-secret:/path in the unit.
    credential: Option<SecretSource> = Form::Discreet(names::credential), is_discreet: true;
    /// A file.
    file: Option<SecretSource> = Form::Discreet(|path| units::file_path(path).map(SecretSource::File)),
        is_discreet: true;
    /// An environment variable.
    env: Option<SecretSource> = Form::Discreet(names::variable), is_discreet: true;
}

table! { WEBHOOK: WebhookKeys = "[[tenant.webhook]]";
    /// What is watched, as it stands in the API's paths.
    collection: Key<String> = Form::Odd(&text(names::collection), |name| collection::unknown(name)),
        help: "write `collection = \"clockings\"`, say";
    /// Unique in its tenant. The default is the collection.
    name: Option<WebhookName> = text(names::webhook);
    /// Where Protime sends the events.
    destination_url: Key<String> = text(address::destination),
        help: "write `destination_url = \"https://…\"`, where Protime is to send the events";
    /// "collection,reference", sent in this order; predefined references begin with @. (No default: none.)
    external_references: Option<Vec<ExternalReference>> = Form::Other(
        names::REFERENCES, |value, wanted| value.distinct(wanted, names::external_reference),
    );
    /// What happens at Protime when this webhook leaves the file: keep it there until it expires, or delete
    /// it.
    on_remove: Key<OnRemove> = Form::Word(OnRemove::WORDS), default: Some("keep");
    /// Required: Protime never replays the events of a gap, so the receiver must be brought up to date.
    resync: Part = &RESYNC.table;
    /// Who gets a new key: none, one or several.
    key_sink: Part = &KEY_SINK.table;
}

words! {
    /// What closes a gap.
    ResyncWord("kind of a resync") {
        Command = "command",
        Http = "http",
        List = "list",
        Delta = "delta",
        None = "none",
    }
}

const READ: &[&str] = &["list", "delta"];

table! { RESYNC: ResyncKeys = "[tenant.webhook.resync]";
    /// command: a program. It gets the gap as JSON on standard input and as PROTIME_FROM and PROTIME_TO.
    /// http: a server of yours. It gets the same JSON by POST.
    /// list, delta: the daemon reads the collection itself, see the last webhook below and docs/resync.md.
    /// none: nothing; you accept that the events of a gap are lost.
    kind: Key<ResyncWord> = Form::Word(ResyncWord::WORDS),
        help: "write kind = \"command\", or kind = \"none\" to accept the loss";
    /// hold: no renewal before the resync succeeded. proceed: renew anyway and keep owing the resync.
    on_failure: Key<OnFailure> = Form::Word(OnFailure::WORDS), default: Some("hold");
    /// After this its whole process group is killed and the resync has failed.
    timeout: Key<Duration> = POSITIVE, kinds: &["command", "http"], default: Some("30m");
    /// The program, with its whole path or found in PATH, and its arguments; there is no shell.
    command: Key<Program> = Form::Other(forms::COMMAND, forms::program), kinds: &["command"],
        help: forms::WRITE_COMMAND, is_discreet: true;
    /// The token is sent as a Bearer, and named as a client secret is; it may be left out.
    token: Part = &SECRET.table, kinds: &["http"], help: forms::WRITE_TOKEN;
    /// A server says with 2xx that it is done, and with 202 and a Location that it is at work: that address
    /// is asked until it is done.
    url: Key<Url> = text(address::endpoint), kinds: &["http"], help: forms::WRITE_URL;
    // It may hold names of people.
    /// One of your own instead, in Protime's syntax, with {from_date} and {to_date}, the days of the gap, and
    /// {last_year}, 1 January of last year; {from} and {to} are moments.
    filter: Option<Written> = text(forms::filter), kinds: READ, is_discreet: true;
    /// How much further back than the gap the dates reach that a collection demands, because what is changed
    /// today may be of a day of last month.
    lookback: Option<Duration> = DURATION, kinds: READ;
    /// Where the first sync begins, ten years back by default.
    earliest: Option<Date> = text(units::date), kinds: READ;
    // A collection may be large, and requests are paced.
    /// After this an attempt is given up; the next one goes on where it was.
    read_timeout: Key<Duration> = POSITIVE, name: "timeout", kinds: READ, default: Some("6h");
    /// Where the objects go as events, by default the destination.
    replay_to: Option<Url> = text(address::endpoint), kinds: READ, is_discreet: true;
    /// A program that gets the objects as lines of JSON.
    pipe_to: Option<Program> = Form::Other(
        "an array of texts, program first: pipe_to = [\"/usr/local/bin/program\", \"argument\"]",
        forms::program,
    ), kinds: READ, is_discreet: true;
    /// Asks for the delta every 24 hours, or as often as "12h" says, so that Protime does not end it; false
    /// by default.
    keep_warm: Option<Option<Duration>> = Form::Other(
        "true, false, or a duration in double quotes such as \"12h\"", forms::keep_warm,
    ), kinds: &["delta"];
    /// Counts what that brings; false by default.
    audit: Option<bool> = Form::Other("true or false", forms::flag), kinds: &["delta"];
}

words! {
    /// Who gets a key.
    SinkWord("kind of a key sink") {
        File = "file",
        Command = "command",
        Http = "http",
    }
}

table! { KEY_SINK: KeySinkKeys = "[[tenant.webhook.key_sink]]";
    /// file: written aside, made durable, renamed. command: a program that gets it on standard input.
    /// http: a server of yours that gets it by PUT. Each has what it gets at its own pace.
    kind: Key<SinkWord> = Form::Word(SinkWord::WORDS),
        help: "write kind = \"file\", kind = \"command\" or kind = \"http\"";
    /// After this the hand-off has failed.
    timeout: Key<Duration> = POSITIVE, kinds: &["command", "http"], default: Some("30s");
    /// A program, as for a resync.
    command: Key<Program> = Form::Other(forms::COMMAND, forms::program), kinds: &["command"],
        help: forms::WRITE_COMMAND, is_discreet: true;
    /// Its token, as for a resync.
    token: Part = &SECRET.table, kinds: &["http"], help: forms::WRITE_TOKEN;
    /// A server that says with 2xx that it has the key.
    url: Key<Url> = text(address::endpoint), kinds: &["http"], help: forms::WRITE_URL;
    /// A file of its own for each key.
    path: Key<PathBuf> = text(units::file_path), kinds: &["file"],
        help: "write `path = \"/run/receiver/clockings.key\"`, say";
    /// raw: the key and nothing else. json: an object.
    format: Key<KeyFormat> = Form::Word(KeyFormat::WORDS), kinds: &["file"], default: Some("raw");
    /// Group of the file. (No default: the daemon's own group.)
    group: Option<String> = text(|group| units::text(group, "write a text, or remove `group`")),
        kinds: &["file"];
    /// "0600", or "0640" if there is a group.
    mode: Option<u32> = Form::Odd(&key::MODE, |mode| {
        let whose = if mode & 0o444 == 0 { "no one" } else { "every user of this machine" };
        (mode & 0o444 == 0 || mode & 0o004 != 0).then(|| format!("lets {whose} read the key"))
    }), kinds: &["file"];
}

/// Whether the values of a key are known not to be secret.
pub(super) fn is_harmless(name: &str) -> bool {
    let mut keys = TABLES.iter().flat_map(|table| table.keys);
    keys.any(|key| key.about().name == name && !key.about().is_discreet)
}

/// Where a key belongs, to follow "it belongs"; none for a key that no table knows, and for the tables of
/// the root, whose names say it.
pub(super) fn home(name: &str) -> Option<String> {
    let homes = TABLES.iter().enumerate().filter_map(|(index, table)| {
        let key = table.keys.iter().find(|key| key.about().name == name)?;
        match index {
            0 => (!key.about().is_discreet).then(|| "above the first table".to_owned()),
            _ => Some(format!("in {}", table.name)),
        }
    });
    homes.reduce(|home, other| format!("{home} or {}", other.trim_start_matches("in ")))
}
