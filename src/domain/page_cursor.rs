//! Where a walk through a collection is: what must be known to go on after an interruption.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{filter::Days, reason::Step};

/// A walk through a list or a fresh delta, as it stands after the last page that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageCursor {
    /// The renewal that it serves.
    pub(crate) renewal: i64,
    /// The step of it.
    pub(crate) step: Step,
    /// What is read, in words: a walk through something else is another one.
    pub(crate) shape: String,
    /// What it will cover.
    pub(crate) began: Began,
    /// The next page; `None`: the first of the days.
    pub(crate) link: Option<String>,
    /// The days that are read now.
    pub(crate) days: Option<Days>,
    /// How far it is.
    pub(crate) progress: Progress,
}

/// When a resync began: what changed before is covered when it ends well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Began {
    /// On Protime's clock.
    pub(crate) at: Timestamp,
    /// Whether that clock was known, and not just taken to be ours.
    pub(crate) known: bool,
}

/// What a walk has delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Pages.
    pub(crate) pages: u64,
    /// Objects on them.
    pub(crate) objects: u64,
}

/// A delta that Protime keeps, of which everything before has been delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaLink {
    /// What is read, in words.
    pub(crate) shape: String,
    /// Where to ask what changed.
    pub(crate) link: String,
}

/// When a kept delta was asked for, both on our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaLife {
    /// The last time.
    pub(crate) asked_at: Timestamp,
    /// Not again before this, because it failed.
    pub(crate) retry_at: Option<Timestamp>,
}

/// What asking between renewals has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audit {
    /// How often it was asked.
    pub(crate) refreshes: u64,
    /// How many objects were offered to the receiver.
    pub(crate) objects: u64,
    /// The last time, on our clock.
    pub(crate) last_at: Timestamp,
}
