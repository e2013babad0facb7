//! The root of the file and the tables that there is one of: daemon, renewal, api; and every default
//! in them.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use toml::de::DeTable;

use super::{
    Api, Config, Daemon, LogFormat, Metrics, Renewal, Surroundings, cron,
    include::{self, Included},
    raw::{Checked, Reported, Table, Value},
    tenant::{self, Seen},
    units,
};
use crate::domain::lifetime::Share;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;

const SHARE: &str = "a fraction, a percentage or a duration in double quotes, such as";
const LISTEN: &str = "an address with a port in double quotes, such as \"127.0.0.1:9464\"";

/// The folder of the sockets where systemd names none.
pub(super) const RUNTIME_DIRECTORY: &str = "/run/protime-webhookd";
/// The status socket's name in it.
pub(super) const STATUS_SOCKET: &str = "status.sock";
/// The control socket's name in it.
pub(super) const CONTROL_SOCKET: &str = "control.sock";

/// Where the sockets are by a text that need not be right otherwise, nor TOML throughout, as far as it
/// says so: whoever asks how the daemon does must not be held up by a mistake that it does not know of, or
/// works on in spite of.
pub(super) fn sockets_in(text: &str) -> (Option<PathBuf>, Option<PathBuf>) {
    let (root, _mistakes) = DeTable::parse_recoverable(text);
    let path = |key| {
        let path = root.get_ref().get("daemon")?.get_ref().get(key)?.get_ref().as_str()?;
        Some(PathBuf::from(path)).filter(|path| path.is_absolute())
    };
    (path("status_socket"), path("control_socket"))
}

/// Reads the root table, and the bytes of the files that it includes: they are judged also where
/// something in this file is wrong.
pub(super) fn root(
    root: &Table<'_>,
    file: &Path,
    surroundings: &Surroundings<'_>,
    seen: &mut Seen,
    included: &mut Vec<Included>,
) -> Checked<Config> {
    let user_agent = root
        .required(
            "user_agent",
            "write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it",
        )
        .and_then(|value| value.parse(units::user_agent));
    let daemon = root.section("daemon", "[daemon]", |table| daemon(table, surroundings));
    seen.credentials = (surroundings.env)("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    seen.files.reads(file, "this configuration");
    if let Ok(daemon) = &daemon {
        seen.state_dir = Some(daemon.state_dir.clone());
        seen.files.reads(&daemon.status_socket, "a socket of the daemon's");
        seen.files.reads(&daemon.control_socket, "a socket of the daemon's");
    }
    let renewal = root.section("renewal", "[renewal]", renewal);
    let api = root.section("api", "[api]", |table| Ok(api(table)));
    let metrics = root.section("metrics", "[metrics]", |table| {
        Ok(Metrics { listen: table.maybe("listen", |value| value.parse_as(LISTEN, units::loopback))? })
    });
    let include = root.optional("include");
    included.extend(include.iter().flat_map(|value| include::files(value, file)));
    for file in &*included {
        seen.files.reads(file.path(), "an included file");
    }
    if let Some(ca_file) = api.as_ref().ok().and_then(|api| api.ca_file.as_ref()) {
        seen.files.reads(ca_file, "`ca_file`");
    }
    let tenants = tenant::tenants(root, seen, include.is_some());
    Ok(Config {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        user_agent: user_agent?,
        daemon: daemon?,
        renewal: renewal?,
        api: api?,
        metrics: metrics?,
        tenants: tenants?,
        warnings: Vec::new(),
    })
}

fn daemon(table: &Table<'_>, surroundings: &Surroundings<'_>) -> Checked<Daemon> {
    let state_dir = table.maybe("state_dir", |value| value.parse(units::absolute_path)).and_then(|written| {
        written
            .map_or_else(|| folder(table, surroundings, "STATE_DIRECTORY", "/var/lib/protime-webhookd"), Ok)
    });
    let default_socket = |name: &str| {
        let path = folder(table, surroundings, "RUNTIME_DIRECTORY", RUNTIME_DIRECTORY)?.join(name);
        units::socket_path(&path.to_string_lossy()).map_err(|wrong| {
            let message = format!("the default path of a socket, {}, {}", path.display(), wrong.what);
            table.problem_elsewhere(&message, "set `status_socket` and `control_socket` in [daemon]")
        })
    };
    let socket = |value: Option<&Value<'_>>, name| {
        value.map_or_else(|| default_socket(name), |value| value.parse(units::socket_path))
    };
    let (status, control) = (table.optional("status_socket"), table.optional("control_socket"));
    let status_socket = socket(status.as_ref(), STATUS_SOCKET);
    let control_socket = socket(control.as_ref(), CONTROL_SOCKET);
    if let (Ok(one), Ok(other)) = (&status_socket, &control_socket)
        && one == other
        && let Some(culprit) = control.as_ref().or(status.as_ref())
    {
        culprit.problem(
            "`status_socket` and `control_socket` are the same",
            "give each socket a path of its own: everybody may speak to the one, and the other gives out \
             keys",
        );
    }
    let status_socket_mode = table.or("status_socket_mode", 0o666, |value| value.mode());
    let control_socket_mode = table.or("control_socket_mode", 0o660, |value| {
        let mode = value.mode()?;
        if mode & 0o002 != 0 {
            value.warn("lets every user of this machine read keys");
        }
        Ok(mode)
    });
    let socket_group = table.maybe("socket_group", |value| value.text());
    let status_poll = table.or("status_poll", "0 */5 * * * *".to_owned(), |value| {
        let pattern = value.parse(|text| cron::pattern(text, surroundings.now))?;
        if let Some(odd) = cron::oddity(&pattern) {
            value.warn(&odd);
        }
        Ok(pattern)
    });
    let log_level = table.or("log_level", "info", |value| {
        value.word(&["off", "error", "warn", "info", "debug", "trace"].map(|word| (word, word)))
    });
    let log_format = table.or("log_format", LogFormat::Auto, |value| {
        value.word(&[("auto", LogFormat::Auto), ("text", LogFormat::Text), ("json", LogFormat::Json)])
    });
    Ok(Daemon {
        state_dir: state_dir?,
        status_socket: status_socket?,
        control_socket: control_socket?,
        status_socket_mode,
        control_socket_mode,
        socket_group: socket_group?,
        status_poll,
        log_level: log_level.to_owned(),
        log_format,
    })
}

/// The first of the folders that systemd names in the environment, else the default.
fn folder(
    table: &Table<'_>,
    surroundings: &Surroundings<'_>,
    variable: &str,
    default: &str,
) -> Result<PathBuf, Reported> {
    let value = (surroundings.env)(variable).unwrap_or_default();
    let text = value.to_str().ok_or_else(|| {
        table
            .problem_elsewhere(&format!("${variable} is not UTF-8"), "unset it, or set the paths in [daemon]")
    })?;
    let first = text.split(':').next().filter(|first| !first.is_empty()).unwrap_or(default);
    units::absolute_path(first).map_err(|wrong| {
        let message = format!("${variable}: \"{first}\" {}", wrong.what);
        table.problem_elsewhere(&message, "unset it, or set the paths in [daemon]")
    })
}

fn renewal(table: &Table<'_>) -> Checked<Renewal> {
    let renew_before = table.or("renew_before", Share::Fraction(1.0 / 3.0), |value| {
        value.parse_as(&format!("{SHARE} \"1/3\""), units::renew_before)
    });
    let jitter = table.or("jitter", Share::Fraction(0.05), |value| {
        let share = value.parse_as(&format!("{SHARE} \"5%\""), units::share)?;
        if matches!(share, Share::Fraction(fraction) if fraction > 0.25) {
            value.warn("is cut to a quarter of the lifetime, the most that renewals are spread over");
        }
        Ok(share)
    });
    let initial = table.optional("retry_initial");
    let max = table.optional("retry_max");
    let read = |value: Option<&Value<'_>>, default| value.map_or(Ok(default), Value::positive_duration);
    let retry_initial = read(initial.as_ref(), Duration::from_secs(5));
    let retry_max = read(max.as_ref(), Duration::from_secs(15 * MINUTE));
    if let (Ok(from), Ok(to)) = (&retry_initial, &retry_max)
        && from > to
        && let Some(culprit) = initial.as_ref().or(max.as_ref())
    {
        let (first, last) = (units::written(*from), units::written(*to));
        culprit.problem(
            format!("`retry_initial` ({first}) is longer than `retry_max` ({last})"),
            "write a `retry_initial` (default 5s) of at most `retry_max` (default 15m)",
        );
    }
    let max_concurrent = table.or("max_concurrent", 16, |value| value.number(1..=10_000));
    let max_unplanned_rotations_per_hour =
        table.or("max_unplanned_rotations_per_hour", 6, |value| value.number(1..=3_600));
    let gap_margin = table.or("gap_margin", Duration::from_secs(72 * HOUR), |value| value.duration());
    let previous_key_grace =
        table.or("previous_key_grace", Duration::from_secs(MINUTE), |value| value.duration());
    Ok(Renewal {
        renew_before,
        jitter,
        retry_initial: retry_initial?,
        retry_max: retry_max?,
        max_concurrent: usize::try_from(max_concurrent).unwrap_or(usize::MAX),
        max_unplanned_rotations_per_hour,
        gap_margin,
        previous_key_grace,
    })
}

fn api(table: &Table<'_>) -> Api {
    Api {
        connect_timeout: table
            .or("connect_timeout", Duration::from_secs(10), |value| value.positive_duration()),
        request_timeout: table
            .or("request_timeout", Duration::from_secs(30), |value| value.positive_duration()),
        max_requests_per_minute: table
            .or("max_requests_per_minute", 120, |value| value.number(1..=1_000_000)),
        ca_file: table.or("ca_file", None, |value| value.parse(units::file_path).map(Some)),
    }
}
