//! The root of the main file and the tables that there is one of, and what their values have wrong together.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use toml::de::DeTable;

use super::{
    include::{self, Included},
    key::{Key, Values as _},
    report::Checked,
    schema::{API, Api, DAEMON, Daemon, History, Metrics, RENEWAL, ROOT, Renewal},
    seen::Seen,
    settings::Tenant,
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

#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file it was read from; absolute.
    pub(crate) file: PathBuf,
    pub(crate) user_agent: String,
    pub(crate) daemon: Daemon,
    pub(crate) renewal: Renewal,
    pub(crate) api: Api,
    pub(crate) metrics: Metrics,
    pub(crate) history: History,
    /// Every `[[tenant]]`, in the order of the file, and then of the included files.
    pub(crate) tenants: Vec<Tenant>,
    /// What is accepted but looks like a mistake, each with file, line and column.
    pub(crate) warnings: Vec<String>,
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
    let daemon = root.section(&ROOT.daemon, |table| daemon(table, surroundings, seen));
    let renewal = root.section(&ROOT.renewal, renewal);
    let include = root.written(&ROOT.include);
    included.extend(include.iter().flat_map(|value| include::files(value, file)));
    for file in &*included {
        seen.reads(&file.path, "an included file");
    }
    let api = root.section(&ROOT.api, |table| api(table, seen));
    let metrics = root.section(&ROOT.metrics, |table| Metrics::read(table));
    let history = root.section(&ROOT.history, |table| History::read(table));
    let tenants = tenant::tenants(root, seen, include.is_some());
    Ok(Config {
        file: std::path::absolute(file).unwrap_or_else(|_| file.to_owned()),
        user_agent: root.get(&ROOT.user_agent)?,
        daemon: daemon?,
        renewal: renewal?,
        api: api?,
        metrics: metrics?,
        history: history?,
        tenants: tenants?,
        warnings: Vec::new(),
    })
}

fn daemon(table: &Table<'_>, surroundings: &Surroundings<'_>, seen: &mut Seen) -> Checked<Daemon> {
    let state_dir = match folder(table, surroundings, "STATE_DIRECTORY", &DAEMON.state_dir) {
        Some(folder) => folder,
        None => table.get(&DAEMON.state_dir),
    };
    let socket = |key| match folder(table, surroundings, "RUNTIME_DIRECTORY", key) {
        Some(folder) => in_folder(table, &folder?, key),
        None => table.get(key),
    };
    let (status_socket, control_socket) = (socket(&DAEMON.status_socket), socket(&DAEMON.control_socket));
    seen.state_dir = state_dir.as_ref().ok().cloned();
    for socket in status_socket.iter().chain(&control_socket) {
        seen.reads(socket, "a socket of the daemon's");
    }
    if let (Ok(one), Ok(other)) = (&status_socket, &control_socket)
        && one == other
        && let Some(culprit) = table.written(&DAEMON.control_socket).or(table.written(&DAEMON.status_socket))
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
        ..Daemon::read(table)?
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
    let (initial, max) = (table.get(&RENEWAL.retry_initial), table.get(&RENEWAL.retry_max));
    if let (Ok(from), Ok(to)) = (&initial, &max)
        && from > to
        && let Some(culprit) = table.written(&RENEWAL.retry_initial).or(table.written(&RENEWAL.retry_max))
    {
        let (first, last) = (duration::written(*from), duration::written(*to));
        culprit.problem(
            format!("`retry_initial` ({first}) is longer than `retry_max` ({last})"),
            "write a `retry_initial` (default 5s) of at most `retry_max` (default 15m)",
        );
    }
    Renewal::read(table)
}

fn api(table: &Table<'_>, seen: &mut Seen) -> Checked<Api> {
    if let Ok(Some(ca_file)) = table.maybe(&API.ca_file) {
        seen.reads(&ca_file, "`ca_file`");
    }
    Api::read(table)
}

/// Where the status and the control socket are unless a configuration says otherwise, for when there is
/// none to read.
pub(crate) fn usual_sockets() -> (PathBuf, PathBuf) {
    let folder = std::env::var_os("RUNTIME_DIRECTORY").filter(|folder| !folder.is_empty());
    let path = |key: &Key<PathBuf>| match &folder {
        Some(folder) => Path::new(folder).join(file_name(key)),
        None => key.default_value().unwrap_or_default(),
    };
    (path(&DAEMON.status_socket), path(&DAEMON.control_socket))
}

/// Where the sockets are by a text that need not be right otherwise, nor TOML throughout, as far as it says
/// so: someone who asks how the daemon does must not be held up by a mistake that it does not know of, or
/// works on in spite of.
pub(super) fn sockets_in(text: &str) -> (PathBuf, PathBuf) {
    let (root, _mistakes) = DeTable::parse_recoverable(text);
    let path = |key: &Key<PathBuf>, usual| {
        let daemon = root.get_ref().get(ROOT.daemon.about.name);
        let path = daemon.and_then(|daemon| daemon.get_ref().get(key.about.name)?.get_ref().as_str());
        path.map(PathBuf::from).filter(|path| path.is_absolute()).unwrap_or(usual)
    };
    let usual = usual_sockets();
    (path(&DAEMON.status_socket, usual.0), path(&DAEMON.control_socket, usual.1))
}
