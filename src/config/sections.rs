//! The root of the main file and the tables that there is one of, and what their values have wrong together.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use toml::de::DeTable;

use super::{
    include::{self, Included},
    key::Key,
    report::Checked,
    schema::program as keys,
    seen::Seen,
    settings::{Api, Config, Daemon, Metrics, Renewal},
    table::Table,
    tenant, units,
};
use crate::duration;

/// What a configuration depends on besides its file.
pub(super) struct Surroundings<'a> {
    /// The environment, for the defaults that systemd sets.
    pub(super) env: &'a dyn Fn(&str) -> Option<OsString>,
    /// No day to come is one to begin with.
    pub(super) now: Timestamp,
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
    seen.reads(file, "this configuration");
    let daemon = root.section(&keys::DAEMON_TABLE, |table| daemon(table, surroundings, seen));
    let renewal = root.section(&keys::RENEWAL_TABLE, renewal);
    let include = root.written(&keys::INCLUDE);
    included.extend(include.iter().flat_map(|value| include::files(value, file)));
    for file in &*included {
        seen.reads(&file.path, "an included file");
    }
    let api = root.section(&keys::API_TABLE, |table| api(table, seen));
    let metrics =
        root.section(&keys::METRICS_TABLE, |table| Ok(Metrics { listen: table.maybe(&keys::LISTEN)? }));
    let tenants = tenant::tenants(root, seen, include.is_some());
    Ok(Config {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        user_agent: root.get(&keys::USER_AGENT)?,
        daemon: daemon?,
        renewal: renewal?,
        api: api?,
        metrics: metrics?,
        tenants: tenants?,
        warnings: Vec::new(),
    })
}

fn daemon(table: &Table<'_>, surroundings: &Surroundings<'_>, seen: &mut Seen) -> Checked<Daemon> {
    let state_dir = match folder(table, surroundings, "STATE_DIRECTORY", &keys::STATE_DIR) {
        Some(folder) => folder,
        None => table.get(&keys::STATE_DIR),
    };
    let socket = |key| match folder(table, surroundings, "RUNTIME_DIRECTORY", key) {
        Some(folder) => in_folder(table, &folder?, key),
        None => table.get(key),
    };
    let (status_socket, control_socket) = (socket(&keys::STATUS_SOCKET), socket(&keys::CONTROL_SOCKET));
    seen.state_dir = state_dir.as_ref().ok().cloned();
    for socket in status_socket.iter().chain(&control_socket) {
        seen.reads(socket, "a socket of the daemon's");
    }
    if let (Ok(one), Ok(other)) = (&status_socket, &control_socket)
        && one == other
        && let Some(culprit) = table.written(&keys::CONTROL_SOCKET).or(table.written(&keys::STATUS_SOCKET))
    {
        culprit.problem(
            "`status_socket` and `control_socket` are the same",
            "give each socket a path of its own: everyone may speak to the one, and the other gives out keys",
        );
    }
    Ok(Daemon {
        state_dir: state_dir?,
        status_socket: status_socket?,
        control_socket: control_socket?,
        status_socket_mode: table.get(&keys::STATUS_SOCKET_MODE)?,
        control_socket_mode: table.get(&keys::CONTROL_SOCKET_MODE)?,
        socket_group: table.maybe(&keys::SOCKET_GROUP)?,
        status_poll: table.get(&keys::STATUS_POLL)?,
        log_level: table.get(&keys::LOG_LEVEL)?.to_owned(),
        log_format: table.get(&keys::LOG_FORMAT)?,
    })
}

/// The first of the folders that systemd names in the environment, if it is the default of a key, that is
/// not written.
fn folder<V>(
    table: &Table<'_>,
    surroundings: &Surroundings<'_>,
    variable: &str,
    key: &Key<V>,
) -> Option<Checked<PathBuf>> {
    let help = "unset it, or set the paths in [daemon]";
    let value = (surroundings.env)(variable).filter(|_| table.written(key).is_none())?;
    let Some(text) = value.to_str() else {
        return Some(Err(table.problem_elsewhere(&format!("${variable} is not UTF-8"), help)));
    };
    let first = text.split(':').next().filter(|first| !first.is_empty())?;
    Some(
        units::absolute_path(first).map_err(|wrong| {
            table.problem_elsewhere(&format!("${variable}: \"{first}\" {}", wrong.what), help)
        }),
    )
}

/// The default path of a socket in another folder.
fn in_folder(table: &Table<'_>, folder: &Path, key: &Key<PathBuf>) -> Checked<PathBuf> {
    let path = folder.join(file_name(key));
    units::socket_path(&path.to_string_lossy()).map_err(|wrong| {
        let message = format!("the default path of a socket, {}, {}", path.display(), wrong.what);
        table.problem_elsewhere(&message, "set `status_socket` and `control_socket` in [daemon]")
    })
}

fn file_name(key: &Key<PathBuf>) -> PathBuf {
    key.default_value().iter().filter_map(|path| path.file_name()).collect()
}

fn renewal(table: &Table<'_>) -> Checked<Renewal> {
    let (initial, max) = (table.get(&keys::RETRY_INITIAL), table.get(&keys::RETRY_MAX));
    if let (Ok(from), Ok(to)) = (&initial, &max)
        && from > to
        && let Some(culprit) = table.written(&keys::RETRY_INITIAL).or(table.written(&keys::RETRY_MAX))
    {
        let (first, last) = (duration::written(*from), duration::written(*to));
        culprit.problem(
            format!("`retry_initial` ({first}) is longer than `retry_max` ({last})"),
            "write a `retry_initial` (default 5s) of at most `retry_max` (default 15m)",
        );
    }
    Ok(Renewal {
        renew_before: table.get(&keys::RENEW_BEFORE)?,
        jitter: table.get(&keys::JITTER)?,
        retry_initial: initial?,
        retry_max: max?,
        max_concurrent: table.get(&keys::MAX_CONCURRENT)?,
        max_unplanned_rotations_per_hour: table.get(&keys::MAX_UNPLANNED_ROTATIONS_PER_HOUR)?,
        gap_margin: table.get(&keys::GAP_MARGIN)?,
        previous_key_grace: table.get(&keys::PREVIOUS_KEY_GRACE)?,
    })
}

fn api(table: &Table<'_>, seen: &mut Seen) -> Checked<Api> {
    let ca_file = table.maybe(&keys::CA_FILE)?;
    if let Some(ca_file) = &ca_file {
        seen.reads(ca_file, "`ca_file`");
    }
    Ok(Api {
        connect_timeout: table.get(&keys::CONNECT_TIMEOUT)?,
        request_timeout: table.get(&keys::REQUEST_TIMEOUT)?,
        max_requests_per_minute: table.get(&keys::MAX_REQUESTS_PER_MINUTE)?,
        ca_file,
    })
}

/// Where the status and the control socket are unless a configuration says otherwise, for when there is
/// none to read.
pub(crate) fn usual_sockets() -> (PathBuf, PathBuf) {
    let folder = std::env::var_os("RUNTIME_DIRECTORY").filter(|folder| !folder.is_empty());
    let path = |key: &Key<PathBuf>| match &folder {
        Some(folder) => Path::new(folder).join(file_name(key)),
        None => key.default_value().unwrap_or_default(),
    };
    (path(&keys::STATUS_SOCKET), path(&keys::CONTROL_SOCKET))
}

/// Where the sockets are by a text that need not be right otherwise, nor TOML throughout, as far as it says
/// so: someone who asks how the daemon does must not be held up by a mistake that it does not know of, or
/// works on in spite of.
pub(super) fn sockets_in(text: &str) -> (PathBuf, PathBuf) {
    let (root, _mistakes) = DeTable::parse_recoverable(text);
    let path = |key: &Key<PathBuf>, usual| {
        let daemon = root.get_ref().get(keys::DAEMON_TABLE.about.name);
        let path = daemon.and_then(|daemon| daemon.get_ref().get(key.about.name)?.get_ref().as_str());
        path.map(PathBuf::from).filter(|path| path.is_absolute()).unwrap_or(usual)
    };
    let usual = usual_sockets();
    (path(&keys::STATUS_SOCKET, usual.0), path(&keys::CONTROL_SOCKET, usual.1))
}
