//! What one key sink has, what it is still to get, and how the attempts went.
//!
//! Law: the newest key wins. A sink that failed is owed the key that is current when it is tried again,
//! and the count of its failures begins again with every key.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outbox {
    /// The sink's stable name. It may contain a secret: it is for the database, not for people.
    pub(crate) sink: String,
    /// The newest version of the key that it has; 0 for none.
    pub(crate) version: u64,
    /// How many attempts to give it the current key have failed.
    pub(crate) attempts: u32,
    /// Since when an attempt runs, on our clock; `None`: none does.
    pub(crate) started_at: Option<Timestamp>,
    /// When it is tried next, on our clock; `None` where it has what there is.
    pub(crate) retry_at: Option<Timestamp>,
    /// How the last attempt failed, until one succeeds.
    pub(crate) failure: Option<SinkFailure>,
}

impl Outbox {
    pub(crate) fn new(sink: String) -> Self {
        Self { sink, version: 0, attempts: 0, started_at: None, retry_at: None, failure: None }
    }

    /// Whether it wants the key, now or later, and no attempt runs.
    pub(crate) fn may_begin(&self) -> bool {
        self.started_at.is_none() && self.retry_at.is_some()
    }

    /// Whether an attempt runs, or a first one is about to.
    pub(crate) fn is_under_way(&self) -> bool {
        self.started_at.is_some() || (self.retry_at.is_some() && self.attempts == 0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SinkFailure {
    /// When, on our clock.
    pub(crate) at: Timestamp,
    /// Since when no attempt has succeeded.
    pub(crate) since: Timestamp,
    /// What happened; never a secret.
    pub(crate) message: String,
}
