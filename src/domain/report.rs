//! The picture of the daemon that the sockets serve and the command line draws: field for field
//! what the contract promises, and nothing that is secret.
//!
//! Both sides use these types, so that they cannot disagree.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What a webhook is doing, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Never created, and nothing is under way.
    Pending,
    /// Delivers with a key that we hold.
    Active,
    /// A renewal is under way.
    Renewing,
    /// A step failed and will be tried again.
    Retrying,
    /// Needs an operator; tried again slowly.
    Blocked,
    /// Too many unplanned rotations: somebody else renews the same pair.
    Contended,
}

impl State {
    /// Every state, in the order of the contract.
    pub(crate) const ALL: [Self; 6] =
        [Self::Pending, Self::Active, Self::Renewing, Self::Retrying, Self::Blocked, Self::Contended];

    /// The state as the contract writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Renewing => "renewing",
            Self::Retrying => "retrying",
            Self::Blocked => "blocked",
            Self::Contended => "contended",
        }
    }
}

/// One webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Webhook {
    /// The tenant's name.
    pub(crate) tenant: String,
    /// The webhook's name in its tenant.
    pub(crate) name: String,
    /// The collection watched.
    pub(crate) collection: String,
    /// Where events go; on the status socket without user info and query.
    pub(crate) destination_url: String,
    /// The configured external references, each as `collection,reference`.
    pub(crate) external_references: Vec<String>,
    /// What it is doing.
    pub(crate) state: State,
    /// What Protime last said of it; null if Protime has no such webhook or was never asked.
    pub(crate) remote: Option<Remote>,
    /// The current key, without the key.
    pub(crate) key: Option<Key>,
    /// When the next renewal is planned.
    pub(crate) next_renewal_at: Option<Timestamp>,
    /// The renewal under way.
    pub(crate) renewal: Option<OpenRenewal>,
    /// The last renewal that ended.
    pub(crate) last_renewal: Option<LastRenewal>,
    /// The gap that is not closed yet.
    pub(crate) owed_resync: Option<OwedResync>,
    /// The last failure, until the step that failed succeeds.
    pub(crate) last_error: Option<LastError>,
    /// What each key sink has, in the order of the configuration.
    #[serde(default)]
    pub(crate) key_sinks: Vec<KeySink>,
    /// What a delta brought that was asked for while the webhook delivered; null where none is counted.
    #[serde(default)]
    pub(crate) audit: Option<Audit>,
    /// What is worth knowing and no problem.
    #[serde(default)]
    pub(crate) note: Option<String>,
}

/// A key sink and its outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeySink {
    /// Its kind and its path, program or host: never arguments, user info or a query.
    pub(crate) sink: String,
    /// The newest version of the key that it has; null for none.
    pub(crate) version: Option<u64>,
    /// How many attempts to give it the current key have failed.
    pub(crate) attempts: u32,
    /// How the last attempt failed, until one succeeds.
    pub(crate) last_error: Option<String>,
    /// When it is tried again.
    pub(crate) retry_at: Option<Timestamp>,
}

/// What a delta brought that was asked for while the webhook delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audit {
    /// How often it was asked for.
    pub(crate) refreshes: u64,
    /// How many objects were offered to the receiver.
    pub(crate) objects: u64,
    /// When it was last asked for.
    pub(crate) last_at: Timestamp,
}

/// How far a resync is that reads a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// How many pages were delivered.
    pub(crate) pages: u64,
    /// How many objects were on them.
    pub(crate) objects: u64,
}

/// What Protime last said of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remote {
    /// Protime's id.
    pub(crate) id: String,
    /// `Enabled`, `Disabled`, or another word of Protime's.
    pub(crate) status: String,
    /// Until when it delivers.
    pub(crate) valid_until: Option<Timestamp>,
    /// When Protime said so.
    pub(crate) seen_at: Timestamp,
}

/// A key without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    /// First 8 hex digits of the key's SHA-256.
    pub(crate) fingerprint: String,
    /// When it became current.
    pub(crate) rotated_at: Timestamp,
}

/// A renewal under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenRenewal {
    /// The renewal's number.
    pub(crate) id: i64,
    /// Why it runs.
    pub(crate) reason: String,
    /// The step that runs or is next.
    pub(crate) step: String,
    /// Which attempt at that step it is, from 1.
    pub(crate) attempt: u32,
    /// When the renewal began.
    pub(crate) started_at: Timestamp,
    /// How far the step's reading of the collection is; null where it reads none.
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
}

/// A renewal that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRenewal {
    /// The renewal's number.
    pub(crate) id: i64,
    /// Why it ran.
    pub(crate) reason: String,
    /// How it ended.
    pub(crate) outcome: String,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// What went wrong, if it failed.
    pub(crate) error: Option<String>,
}

/// A gap that is not closed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OwedResync {
    /// Its beginning; null for everything.
    pub(crate) from: Option<Timestamp>,
    /// Its end so far.
    pub(crate) to: Timestamp,
}

/// A failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    /// When it happened.
    pub(crate) at: Timestamp,
    /// In which step.
    pub(crate) step: String,
    /// What happened, and what would help.
    pub(crate) message: String,
    /// When it is tried again; null if only an operator's action leads to another try.
    pub(crate) retry_at: Option<Timestamp>,
}

/// Answer of `GET /v1/webhooks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Webhooks {
    /// All webhooks that were asked for.
    pub(crate) webhooks: Vec<Webhook>,
}

/// Answer of `GET /v1/webhooks/{tenant}/{name}/history`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    /// The renewals, newest first.
    pub(crate) renewals: Vec<Renewal>,
}

/// A renewal with its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    /// The renewal's number.
    pub(crate) id: i64,
    /// Why it ran.
    pub(crate) reason: String,
    /// How it ended; null while it runs.
    pub(crate) outcome: Option<String>,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<Timestamp>,
    /// Every attempt at a step, in the order in which they began.
    pub(crate) steps: Vec<StepRecord>,
}

/// One attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    /// Which step.
    pub(crate) step: String,
    /// When the attempt began.
    pub(crate) started_at: Timestamp,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<Timestamp>,
    /// `succeeded`, `failed`, `unknown` or `skipped`; null while it runs.
    pub(crate) outcome: Option<String>,
    /// What went wrong.
    pub(crate) error: Option<String>,
    /// The end of what a command wrote, at most 4 KiB; on the control socket only.
    pub(crate) output: Option<String>,
}

/// Answer of `GET /v1/health`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// Whether there are no problems.
    pub(crate) healthy: bool,
    /// What is wrong; left out when nothing is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Problem>,
}

/// Something that an operator should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// `tenant/name`, or null where it concerns a whole tenant or the daemon.
    pub(crate) webhook: Option<String>,
    /// The tenant, where it concerns one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// What is wrong, in a sentence.
    #[expect(clippy::struct_field_names, reason = "the contract calls it so")]
    pub(crate) problem: String,
    /// Since when.
    pub(crate) since: Timestamp,
}

/// Answer of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The daemon itself.
    pub(crate) daemon: Daemon,
    /// The tenants, in the order of the configuration.
    pub(crate) tenants: Vec<Tenant>,
    /// Webhooks that left the configuration and live on at Protime.
    #[serde(default)]
    pub(crate) orphans: Vec<RemovedWebhook>,
}

/// A webhook that left the configuration and lives on at Protime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemovedWebhook {
    /// The tenant's name.
    pub(crate) tenant: String,
    /// What the webhook was called.
    pub(crate) name: String,
    /// The collection watched.
    pub(crate) collection: String,
    /// Where events go; on the status socket without user info and query.
    pub(crate) destination_url: String,
    /// `keep` or `delete`: what is to happen to it at Protime.
    pub(crate) on_remove: String,
    /// When it left the configuration.
    pub(crate) left_at: Timestamp,
    /// What Protime last said of it; null if it was not asked since.
    pub(crate) remote: Option<Remote>,
    /// What to do about it, in a sentence.
    pub(crate) note: String,
}

/// A configuration file that is wrong, so that an earlier one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigError {
    /// When it was read.
    pub(crate) at: Timestamp,
    /// The first problem, and how many more there are.
    pub(crate) message: String,
    /// Every problem.
    pub(crate) problems: Vec<ConfigProblem>,
}

/// One thing that is wrong with a configuration file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigProblem {
    /// The file.
    pub(crate) file: String,
    /// Its line, from 1; null where no line is to blame.
    pub(crate) line: Option<usize>,
    /// Its column, from 1, in characters.
    pub(crate) column: Option<usize>,
    /// What is wrong.
    pub(crate) message: String,
    /// What would be right.
    pub(crate) help: Option<String>,
}

impl std::fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// The daemon itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Daemon {
    /// The program's version.
    pub(crate) version: String,
    /// Its process id.
    pub(crate) pid: u32,
    /// When it started.
    pub(crate) started_at: Timestamp,
    /// The configuration file.
    pub(crate) config_file: String,
    /// When that was read.
    pub(crate) config_loaded_at: Timestamp,
    /// Why the file as it is now is not in force; null if it is, as far as is known.
    #[serde(default)]
    pub(crate) config_error: Option<ConfigError>,
    /// How many webhooks are in which state; every state is named.
    pub(crate) counts: std::collections::BTreeMap<State, usize>,
    /// The nearest planned renewal.
    pub(crate) next_renewal_at: Option<Timestamp>,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tenant {
    /// Its name.
    pub(crate) name: String,
    /// When Protime last answered with the list of webhooks.
    pub(crate) last_poll_at: Option<Timestamp>,
    /// Why the last poll failed; null if it did not.
    pub(crate) last_poll_error: Option<String>,
    /// When the access token in use ends.
    pub(crate) token_expires_at: Option<Timestamp>,
    /// By how many seconds Protime's clock is ahead of ours.
    pub(crate) clock_skew_seconds: Option<f64>,
}

#[cfg(test)]
pub(crate) mod tests;
