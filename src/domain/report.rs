//! The view of the daemon that the sockets serve and the command line draws: field for field
//! what the contract promises, and nothing that is secret.
//!
//! Both sides use these types, so that they cannot disagree.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::words::words;
pub(crate) use super::{
    gap::Gap as OwedResync,
    page_cursor::{Audit, Progress},
};

words! {
    State("state of a webhook") {
        /// Never created, and nothing is under way.
        Pending = "pending",
        /// Delivers with a key that we have.
        Active = "active",
        Renewing = "renewing",
        Retrying = "retrying",
        /// Needs an operator; tried again slowly.
        Blocked = "blocked",
        /// Too many unplanned rotations: someone else renews the same pair.
        Contended = "contended",
    }
}

impl State {
    /// Every state, in the order of the contract.
    pub(crate) const ALL: [Self; 6] =
        [Self::Pending, Self::Active, Self::Renewing, Self::Retrying, Self::Blocked, Self::Contended];
}

/// How many webhooks are in which state; every state is named.
pub(crate) fn counts(states: impl Iterator<Item = State>) -> BTreeMap<State, usize> {
    let mut counts: BTreeMap<State, usize> = State::ALL.into_iter().map(|state| (state, 0)).collect();
    for state in states {
        *counts.entry(state).or_default() += 1;
    }
    counts
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Webhook {
    pub(crate) tenant: String,
    pub(crate) name: String,
    pub(crate) collection: String,
    /// Where events go; on the status socket without user info and query.
    pub(crate) destination_url: String,
    /// The configured external references, each as `collection,reference`.
    pub(crate) external_references: Vec<String>,
    pub(crate) state: State,
    /// What Protime last said of it; null if Protime has no such webhook or was never asked.
    pub(crate) remote: Option<Remote>,
    pub(crate) key: Option<Key>,
    pub(crate) next_renewal_at: Option<Timestamp>,
    pub(crate) renewal: Option<ActiveRenewal>,
    pub(crate) last_renewal: Option<LastRenewal>,
    pub(crate) owed_resync: Option<OwedResync>,
    /// The last failure, until the step that failed succeeds.
    pub(crate) last_error: Option<LastError>,
    /// What each key sink has, in the order of the configuration.
    #[serde(default)]
    pub(crate) key_sinks: Vec<KeySink>,
    /// What a delta brought that was asked for while the webhook delivered; null where none is counted.
    #[serde(default)]
    pub(crate) audit: Option<Audit>,
    #[serde(default)]
    pub(crate) note: Option<String>,
}

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
    pub(crate) retry_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remote {
    pub(crate) id: String,
    /// `Enabled`, `Disabled`, or another word of Protime's.
    pub(crate) status: String,
    pub(crate) valid_until: Option<Timestamp>,
    pub(crate) seen_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    /// First 8 hex digits of the key's SHA-256.
    pub(crate) fingerprint: String,
    pub(crate) rotated_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveRenewal {
    pub(crate) id: i64,
    pub(crate) reason: String,
    /// The step that runs or is next.
    pub(crate) step: String,
    /// Which attempt at that step it is, from 1.
    pub(crate) attempt: u32,
    pub(crate) started_at: Timestamp,
    /// How far the step's reading of the collection is; null where it reads none.
    #[serde(default)]
    pub(crate) progress: Option<Progress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRenewal {
    pub(crate) id: i64,
    pub(crate) reason: String,
    pub(crate) outcome: String,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
    pub(crate) error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastError {
    pub(crate) at: Timestamp,
    pub(crate) step: String,
    pub(crate) message: String,
    /// When it is tried again; null if only an operator's action leads to another try.
    pub(crate) retry_at: Option<Timestamp>,
}

/// Answer of `GET /v1/webhooks`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Webhooks {
    pub(crate) webhooks: Vec<Webhook>,
}

/// Answer of `GET /v1/webhooks/{tenant}/{name}/history`: newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct History {
    pub(crate) renewals: Vec<Renewal>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    pub(crate) id: i64,
    pub(crate) reason: String,
    /// How it ended; null while it runs.
    pub(crate) outcome: Option<String>,
    pub(crate) started_at: Timestamp,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<Timestamp>,
    /// Every attempt at a step, in the order in which they began.
    pub(crate) steps: Vec<StepRecord>,
}

/// One attempt at a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StepRecord {
    pub(crate) step: String,
    pub(crate) started_at: Timestamp,
    /// When it ended; null while it runs.
    pub(crate) finished_at: Option<Timestamp>,
    /// `succeeded`, `failed`, `unknown` or `skipped`; null while it runs.
    pub(crate) outcome: Option<String>,
    pub(crate) error: Option<String>,
    /// The end of what a command wrote, at most 4 KiB; on the control socket only.
    pub(crate) output: Option<String>,
}

/// Answer of `GET /v1/health`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) healthy: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) problems: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// `tenant/name`, or null where it concerns a whole tenant or the daemon.
    pub(crate) webhook: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[expect(clippy::struct_field_names, reason = "the contract calls it so")]
    pub(crate) problem: String,
    pub(crate) since: Timestamp,
}

/// Answer of `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) daemon: Daemon,
    /// The tenants, in the order of the configuration.
    pub(crate) tenants: Vec<Tenant>,
    // The JSON has an older word, which stays.
    #[serde(default, rename = "orphans")]
    pub(crate) removed_webhooks: Vec<RemovedWebhook>,
}

/// A webhook that left the configuration and lives on at Protime.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RemovedWebhook {
    pub(crate) tenant: String,
    pub(crate) name: String,
    pub(crate) collection: String,
    /// Where events go; on the status socket without user info and query.
    pub(crate) destination_url: String,
    /// `keep` or `delete`: what is to happen to it at Protime.
    pub(crate) on_remove: String,
    pub(crate) left_at: Timestamp,
    /// What Protime last said of it; null if it was not asked since.
    pub(crate) remote: Option<Remote>,
    /// What to do about it, in a sentence.
    pub(crate) note: String,
}

/// A configuration file that is wrong, so that an earlier one stays in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigError {
    pub(crate) at: Timestamp,
    /// The first problem, and how many more there are.
    pub(crate) message: String,
    pub(crate) problems: Vec<ConfigProblem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConfigProblem {
    pub(crate) file: String,
    /// Its line, from 1; null where no line is to blame.
    pub(crate) line: Option<usize>,
    /// Its column, from 1, in characters.
    pub(crate) column: Option<usize>,
    pub(crate) message: String,
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Daemon {
    pub(crate) version: String,
    pub(crate) pid: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) config_file: String,
    pub(crate) config_loaded_at: Timestamp,
    /// Why the file as it is now is not in force; null if it is, as far as is known.
    #[serde(default)]
    pub(crate) config_error: Option<ConfigError>,
    /// How many webhooks are in which state; every state is named.
    pub(crate) counts: BTreeMap<State, usize>,
    pub(crate) next_renewal_at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tenant {
    pub(crate) name: String,
    /// When Protime last answered with the list of webhooks.
    pub(crate) last_poll_at: Option<Timestamp>,
    /// Why the last poll failed; null if it did not.
    pub(crate) last_poll_error: Option<String>,
    pub(crate) token_expires_at: Option<Timestamp>,
    /// By how many seconds Protime's clock is ahead of ours.
    pub(crate) clock_skew_seconds: Option<f64>,
}

#[cfg(test)]
pub(crate) mod tests;
