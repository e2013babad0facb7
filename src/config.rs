//! The checked configuration: what the program may rely on once the file has been read.
//!
//! [`load`] either gives a [`Config`] that keeps every rule, or a [`ConfigError`] with every problem
//! of the file at once. What a key means is told in one place, the tables of `schema`. The files in the order in
//! which they rest on each other, an import going up this list only:
//!
//! * `source` and `layout` know a text and its places, `error` renders, `report` collects, `value` is one value of
//!   the file;
//! * `units`, `names`, `address`, `cron` and `forms` read single values, each the whole text or saying
//!   why not; `settings` is what becomes of them;
//! * `key` says what an entry of the `schema` is, which also makes structs of the tables that become settings as they
//!   are; `redact` knows from the schema what must not be shown;
//! * `table` judges a table by the schema, `document` a whole file;
//! * `shared`, `key_sink`, `resync` (with `length`), `webhook`, `tenant`, `include` and `sections` make the
//!   [`Config`] of it, and report what only several values together can have wrong, over the whole configuration
//!   with what they have `seen`.
//!
//! `secret` finds the secrets that the file only names. Only the daemon and the command line see the whole;
//! every other room gets its own part.

mod address;
mod cron;
mod document;
pub(crate) mod error;
mod forms;
mod include;
mod key;
mod key_sink;
mod layout;
mod length;
mod names;
mod redact;
mod report;
mod resync;
mod schema;
pub(crate) mod secret;
mod sections;
mod seen;
mod settings;
mod shared;
mod source;
mod table;
mod tenant;
mod units;
mod value;
mod webhook;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{clock, regular_file};
use sections::Surroundings;

pub(crate) use error::ConfigError;
pub(crate) use schema::{Api, Daemon, Metrics};
pub(crate) use secret::SecretError;
pub(crate) use sections::{Config, usual_sockets};
pub(crate) use settings::{
    Command, Delivery, Endpoint, KeyFormat, KeySink, LogFormat, OnFailure, ReadKind, ReadResync, Resync,
    ResyncKind, SecretSource, Tenant, Webhook,
};

/// Reads and checks a file.
///
/// An error holds every problem of the file, not only the first; that the file cannot be read is one
/// of them. Secrets are named by the file and not looked for here: see [`Config::resolve_secrets`].
pub(crate) fn load(file: &Path) -> Result<Config, ConfigError> {
    judge(file, &read(file)?)
}

/// Checks a text as [`load`] would if it stood in this file.
pub(crate) fn judge(file: &Path, text: &str) -> Result<Config, ConfigError> {
    check(file, text, &Surroundings { env: &|name| std::env::var_os(name), now: clock::now() })
}

/// Where the status and the control socket are by a file that is wrong, as far as it tells; the usual places
/// otherwise. `None` where there is no file that could be read.
pub(crate) fn likely_sockets(file: &Path) -> Option<(PathBuf, PathBuf)> {
    Some(sections::sockets_in(&read(file).ok()?))
}

/// The settings that are different and that only a restart puts in force.
pub(crate) fn needs_restart(earlier: (&Daemon, &Metrics), config: &Config) -> Vec<String> {
    let mut settings = schema::DAEMON.table.needing_restart(earlier.0, &config.daemon);
    settings.extend(schema::METRICS.table.needing_restart(earlier.1, &config.metrics));
    settings
}

fn check(file: &Path, text: &str, surroundings: &Surroundings<'_>) -> Result<Config, ConfigError> {
    let credentials = (surroundings.env)("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    let (mut seen, mut included) = (seen::Seen::new(surroundings.now, credentials), Vec::new());
    let (found, config) = document::read(file, text, 0, &schema::ROOT.table, |root| {
        sections::root(root, file, surroundings, &mut seen, &mut included)
    });
    let mut findings = vec![found];
    let mut tenants = Vec::new();
    for file in &included {
        // One more than the last offset of the file before: its end is a place, too.
        let base = findings.last().map_or(0, |before| before.shown.base + before.shown.text.len() + 1);
        let (found, more) = include::read(file, base, &mut seen);
        findings.push(found);
        tenants.extend(more);
    }
    let warnings = findings.iter().flat_map(|found| found.warnings.clone()).collect();
    let problems = ConfigError::new(findings);
    match config {
        Ok(mut config) if problems.is_empty() => {
            config.tenants.extend(tenants);
            Ok(Config { warnings, ..config })
        }
        _ => Err(problems),
    }
}

/// Reads a file that must be UTF-8.
fn read(file: &Path) -> Result<String, ConfigError> {
    let bytes = regular_file::read(file).map_err(|error| unreadable(file, &error))?;
    String::from_utf8(bytes).map_err(|error| ConfigError::new(vec![document::not_utf8(file, &error, 0)]))
}

fn unreadable(file: &Path, error: &io::Error) -> ConfigError {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "name an existing file with --config or $PROTIME_WEBHOOKD_CONFIG, or let `protime-webhookd init` write \
             one"
        }
        io::ErrorKind::PermissionDenied => {
            "let the user that runs protime-webhookd read the file and enter every folder above it"
        }
        io::ErrorKind::IsADirectory => "name the file in it, such as config.toml",
        _ => "name a TOML file that can be read with --config or $PROTIME_WEBHOOKD_CONFIG",
    };
    ConfigError::of_file(file, format!("cannot read the configuration {}: {error}", file.display()), help)
}
