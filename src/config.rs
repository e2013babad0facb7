//! The checked configuration: what the program may rely on once the file has been read.
//!
//! [`load`] either gives a [`Config`] that keeps every rule, or a [`ConfigError`] with every problem
//! of the file at once. On the way from text to value: `source` knows positions, `hide` what must
//! not be shown, `keys` lists every key, `raw` walks the TOML and collects problems, `units`, `address`,
//! `cron` and `words` read single values, `sections`, `tenant`, `webhook` and `kinds` read tables,
//! `length` counts what is asked of Protime, `error` renders. `include` reads the files that the main one
//! names, `files` tells what each file is for. `secret` finds the secrets that they only name.
//!
//! Only the daemon and the command line see the whole; every other room gets its own part.

mod address;
mod cron;
pub(crate) mod error;
mod files;
mod include;
mod keys;
mod kinds;
mod length;
mod raw;
mod redact;
pub(crate) mod secret;
mod sections;
mod source;
mod suggestions;
mod tenant;
mod units;
mod webhook;

#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use jiff::{Timestamp, civil::Date};
use reqwest::Url;

use crate::{
    clock,
    domain::{
        filter::Filter,
        lifetime::Share,
        removed::OnRemove,
        webhook::{ExternalReference, Pair, TenantName, WebhookName},
    },
};

pub(crate) use error::ConfigError;
pub(crate) use secret::SecretError;

/// Reads and checks a file.
///
/// An error holds every problem of the file, not only the first; that the file cannot be read is one
/// of them. Secrets are named by the file and not looked for here: see [`Config::resolve_secrets`].
pub(crate) fn load(file: &Path) -> Result<Config, ConfigError> {
    judge(file, &source::read(file)?)
}

/// Checks a text as [`load`] would if it stood in this file.
pub(crate) fn judge(file: &Path, text: &str) -> Result<Config, ConfigError> {
    check(file, text, &Surroundings { env: &|name| std::env::var_os(name), now: clock::now() })
}

/// Where the status and the control socket are unless a configuration says otherwise, for when there is
/// none to read.
pub(crate) fn usual_sockets() -> (PathBuf, PathBuf) {
    let folder = std::env::var_os("RUNTIME_DIRECTORY").filter(|folder| !folder.is_empty());
    let folder = folder.map_or_else(|| PathBuf::from(sections::RUNTIME_DIRECTORY), PathBuf::from);
    (folder.join(sections::STATUS_SOCKET), folder.join(sections::CONTROL_SOCKET))
}

/// Where they are by a file that is wrong, as far as it tells; the usual places otherwise. `None` where
/// there is no file that could be read.
pub(crate) fn likely_sockets(file: &Path) -> Option<(PathBuf, PathBuf)> {
    let (status, control) = sections::sockets_in(&source::read(file).ok()?);
    let usual = usual_sockets();
    Some((status.unwrap_or(usual.0), control.unwrap_or(usual.1)))
}

/// What a configuration depends on besides its file.
struct Surroundings<'a> {
    /// The environment, for the defaults that systemd sets.
    env: &'a dyn Fn(&str) -> Option<OsString>,
    /// A cron pattern must have a time after this.
    now: Timestamp,
}

fn check(file: &Path, text: &str, surroundings: &Surroundings<'_>) -> Result<Config, ConfigError> {
    let (mut seen, mut included) = (tenant::Seen::new(surroundings.now), Vec::new());
    let source = source::Source::new(file, text, 0);
    let report = raw::Report::new(&source);
    let config = raw::document(&report, "the root table", |root| {
        sections::root(root, file, surroundings, &mut seen, &mut included)
    });
    let mut findings = vec![report.finish()];
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

/// The whole file, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file it was read from.
    pub(crate) file: PathBuf,
    /// Sent with every request to Protime: `Service/Version (Company)`.
    pub(crate) user_agent: String,
    /// `[daemon]`
    pub(crate) daemon: Daemon,
    /// `[renewal]`
    pub(crate) renewal: Renewal,
    /// `[api]`
    pub(crate) api: Api,
    /// `[metrics]`
    pub(crate) metrics: Metrics,
    /// Every `[[tenant]]`, in the order of the file, and then of the included files.
    pub(crate) tenants: Vec<Tenant>,
    /// What is accepted but looks like a mistake, each with file, line and column.
    pub(crate) warnings: Vec<String>,
}

/// `[daemon]`: where it lives and how it speaks.
#[derive(Debug, Clone)]
pub(crate) struct Daemon {
    /// Folder of the database and the lock.
    pub(crate) state_dir: PathBuf,
    /// The read-only socket.
    pub(crate) status_socket: PathBuf,
    /// The socket that gives out keys.
    pub(crate) control_socket: PathBuf,
    /// Permission bits of the status socket.
    pub(crate) status_socket_mode: u32,
    /// Permission bits of the control socket.
    pub(crate) control_socket_mode: u32,
    /// Group of both sockets.
    pub(crate) socket_group: Option<String>,
    /// When to ask every tenant for its list: a cron pattern of six fields, UTC, known to have a next time.
    pub(crate) status_poll: String,
    /// Log filter where `RUST_LOG` says nothing.
    pub(crate) log_level: String,
    /// How log lines are written.
    pub(crate) log_format: LogFormat,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, journald-friendly otherwise.
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[renewal]`: the policy.
#[derive(Debug, Clone)]
pub(crate) struct Renewal {
    /// How long before `validUntil` to renew.
    pub(crate) renew_before: Share,
    /// Over which part of the lifetime renewals are spread.
    pub(crate) jitter: Share,
    /// Upper bound of the first retry's delay.
    pub(crate) retry_initial: Duration,
    /// Upper bound of every retry's delay.
    pub(crate) retry_max: Duration,
    /// How many webhooks are worked on at a time.
    pub(crate) max_concurrent: usize,
    /// How many POSTs that no plan explains a webhook may have in an hour.
    pub(crate) max_unplanned_rotations_per_hour: u32,
    /// How much earlier than the last proof of delivery a gap is taken to begin.
    pub(crate) gap_margin: Duration,
    /// How long `verify` still accepts the previous key.
    pub(crate) previous_key_grace: Duration,
}

/// `[api]`: how to speak with Protime.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    /// Limit for making a connection.
    pub(crate) connect_timeout: Duration,
    /// Limit for a whole request.
    pub(crate) request_timeout: Duration,
    /// Requests a minute, per tenant.
    pub(crate) max_requests_per_minute: u32,
    /// Certificates that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// `[metrics]`: where they are besides the sockets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metrics {
    /// A loopback address and a port.
    pub(crate) listen: Option<SocketAddr>,
}

/// One `[[tenant]]`.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Its name, unique in the file.
    pub(crate) name: TenantName,
    /// Scheme, host and port of the API.
    pub(crate) api_origin: Url,
    /// The token endpoint.
    pub(crate) token_url: Url,
    /// OAuth client id.
    pub(crate) client_id: String,
    /// Where the OAuth client secret is found.
    pub(crate) client_secret: SecretSource,
    /// Name of the key's property in Protime's answer, if it is none of the known ones.
    pub(crate) key_field: Option<String>,
    /// Scopes to ask for besides what the configuration needs.
    pub(crate) scopes: Vec<String>,
    /// Every `[[tenant.webhook]]`, in the order of the file.
    pub(crate) webhooks: Vec<Webhook>,
}

impl Tenant {
    /// The collections that the daemon reads itself, which takes a scope for each.
    pub(crate) fn collections_read(&self) -> Vec<&str> {
        let reads = |webhook: &&Webhook| match webhook.resync.kind {
            ResyncKind::Read(_) => true,
            ResyncKind::Command(_) | ResyncKind::Http(_) | ResyncKind::None => false,
        };
        self.webhooks.iter().filter(reads).map(|webhook| webhook.pair.collection.as_str()).collect()
    }
}

/// Where a secret is found; never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A file in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential`).
    Credential(String),
    /// A file.
    File(PathBuf),
    /// An environment variable.
    Env(String),
}

/// One `[[tenant.webhook]]`.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// Its name, unique in its tenant.
    pub(crate) name: WebhookName,
    /// What identifies it at Protime; unique in its tenant.
    pub(crate) pair: Pair,
    /// External references, in the order in which they are sent.
    pub(crate) external_references: Vec<ExternalReference>,
    /// What happens at Protime when it leaves the file.
    pub(crate) on_remove: OnRemove,
    /// `[tenant.webhook.resync]`
    pub(crate) resync: Resync,
    /// Every `[[tenant.webhook.key_sink]]`.
    pub(crate) key_sinks: Vec<KeySink>,
}

/// `[tenant.webhook.resync]`: how a gap is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resync {
    /// What runs.
    pub(crate) kind: ResyncKind,
    /// What a failure means.
    pub(crate) on_failure: OnFailure,
}

/// The kinds of resync.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResyncKind {
    /// A program.
    Command(Command),
    /// A server of the operator's.
    Http(Endpoint),
    /// The daemon reads the collection itself.
    Read(ReadResync),
    /// Nothing: the loss is accepted.
    None,
}

/// How the daemon reads a collection, and where it takes the objects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadResync {
    /// How it reads.
    pub(crate) kind: ReadKind,
    /// What it asks for; everything where there is no filter.
    pub(crate) filter: Option<Filter>,
    /// Where everything begins, in a filter with a date.
    pub(crate) earliest: Option<Date>,
    /// Where the objects go.
    pub(crate) delivery: Delivery,
    /// After this an attempt is given up; the next one goes on where it was.
    pub(crate) timeout: Duration,
}

/// The ways to read a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadKind {
    /// Its list: what exists now.
    List,
    /// Its delta: what changed since it was last asked for, deletions included.
    Delta {
        /// How often the delta is asked for between renewals, if it is.
        keep_warm: Option<Duration>,
        /// Whether what that brings is counted.
        audit: bool,
    },
}

/// Where the objects of a collection go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As events to a URL; to the webhook's destination where there is none.
    Replay(Option<Url>),
    /// As lines of JSON to a program.
    Pipe(Command),
}

/// What a failed resync means for the POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnFailure {
    /// No POST before the resync succeeded.
    Hold,
    /// POST anyway and keep owing the resync.
    Proceed,
}

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// The program's absolute path, or a name found in `PATH`.
    pub(crate) program: String,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// After this its whole process group is killed.
    pub(crate) timeout: Duration,
}

/// A server of the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Its address: https, or http on loopback; without user info.
    pub(crate) url: Url,
    /// Where the token is found that is sent as a Bearer.
    pub(crate) token: Option<SecretSource>,
    /// After this the errand has failed.
    pub(crate) timeout: Duration,
}

/// One `[[tenant.webhook.key_sink]]`: who gets the new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySink {
    /// A file, replaced atomically.
    File {
        /// Its path; unique in the whole file.
        path: PathBuf,
        /// What is written.
        format: KeyFormat,
        /// Permission bits.
        mode: u32,
        /// Group, if not the daemon's own.
        group: Option<String>,
    },
    /// A program that gets the key on standard input.
    Command(Command),
    /// A server that gets the key by PUT.
    Http(Endpoint),
}

/// What a key file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyFormat {
    /// The key and nothing else.
    Raw,
    /// A JSON object.
    Json,
}
