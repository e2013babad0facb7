//! What becomes of the keys of `schema`: what the program may rely on once the file has been read.

use std::{path::PathBuf, time::Duration};

use jiff::civil::Date;
use reqwest::Url;

use crate::domain::{
    filter::Filter,
    removed::OnRemove,
    webhook::{ExternalReference, Pair, TenantName, WebhookName},
    words::words,
};

words! {
    LogFormat("format of the log") {
        /// Text on a terminal, journald-friendly otherwise.
        Auto = "auto",
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    /// Unique in the whole configuration.
    pub(crate) name: TenantName,
    /// Scheme, host and port of the API.
    pub(crate) api_origin: Url,
    pub(crate) token_url: Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretSource,
    pub(crate) key_field: Option<String>,
    /// To ask for besides what the configuration needs.
    pub(crate) scopes: Vec<String>,
    /// In the order of the file.
    pub(crate) webhooks: Vec<Webhook>,
}

impl Tenant {
    /// The collections that the daemon reads itself, which takes a scope for each.
    pub(crate) fn collections_read(&self) -> Vec<&str> {
        let reads = |webhook: &&Webhook| matches!(webhook.resync.kind, ResyncKind::Read(_));
        self.webhooks.iter().filter(reads).map(|webhook| webhook.pair.collection.as_str()).collect()
    }
}

/// Where a secret is found; never the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A file in `$CREDENTIALS_DIRECTORY` (systemd's `LoadCredential`).
    Credential(String),
    File(PathBuf),
    Env(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    /// Unique in its tenant.
    pub(crate) name: WebhookName,
    /// What identifies it at Protime; unique there.
    pub(crate) pair: Pair,
    /// In the order in which they are sent.
    pub(crate) external_references: Vec<ExternalReference>,
    pub(crate) on_remove: OnRemove,
    pub(crate) resync: Resync,
    pub(crate) key_sinks: Vec<KeySink>,
}

/// `[tenant.webhook.resync]`: how a gap is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resync {
    pub(crate) kind: ResyncKind,
    pub(crate) on_failure: OnFailure,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ResyncKind {
    Command(Command),
    Http(Endpoint),
    /// The daemon reads the collection itself.
    Read(ReadResync),
    /// Nothing: the loss is accepted.
    None,
}

/// How the daemon reads a collection, and where it takes the objects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadResync {
    pub(crate) kind: ReadKind,
    /// What it asks for; everything where there is no filter.
    pub(crate) filter: Option<Filter>,
    /// Where everything begins, in a filter with a date.
    pub(crate) earliest: Option<Date>,
    pub(crate) delivery: Delivery,
    /// After this an attempt is given up; the next one goes on where it was.
    pub(crate) timeout: Duration,
}

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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// As events to a URL; to the webhook's destination where there is none.
    Replay(Option<Url>),
    /// As lines of JSON to a program.
    Pipe(Command),
}

words! {
    /// What a failed resync means for the POST.
    OnFailure("way to take a failed resync") {
        /// No POST before the resync succeeded.
        Hold = "hold",
        /// POST anyway and keep owing the resync.
        Proceed = "proceed",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// An absolute path, or a name found in `PATH`.
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    /// After this its whole process group is killed.
    pub(crate) timeout: Duration,
}

/// A server of the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// https, or http on loopback; without user info.
    pub(crate) url: Url,
    /// Where the token is found that is sent as a Bearer.
    pub(crate) token: Option<SecretSource>,
    pub(crate) timeout: Duration,
}

/// One `[[tenant.webhook.key_sink]]`: who gets the new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySink {
    File {
        /// Unique in the whole configuration.
        path: PathBuf,
        format: KeyFormat,
        mode: u32,
        group: Option<String>,
    },
    /// A program that gets the key on standard input.
    Command(Command),
    /// A server that gets the key by PUT.
    Http(Endpoint),
}

words! {
    KeyFormat("format of a key file") {
        /// The key and nothing else.
        Raw = "raw",
        Json = "json",
    }
}
