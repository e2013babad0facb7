//! Where the reading of a collection is: what must be known to go on after an interruption.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{filter::Days, reason::Step};

/// How far the reading of a list or of a fresh delta is, after the last page that was delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PageCursor {
    pub(crate) renewal: i64,
    pub(crate) step: Step,
    /// What is read, in words: with another shape something else is read, and this place is of no use.
    pub(crate) shape: String,
    pub(crate) began: Began,
    /// The next page; `None`: the first of the days.
    pub(crate) link: Option<String>,
    pub(crate) days: Option<Days>,
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

/// What has been delivered so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) pages: u64,
    pub(crate) objects: u64,
}

/// A delta that Protime keeps, of which everything before has been delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaLink {
    pub(crate) shape: String,
    pub(crate) link: String,
}

/// When a delta link was last used, and before when it is not to be used again; both on our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeltaLife {
    pub(crate) asked_at: Timestamp,
    /// Set where the last use failed.
    pub(crate) retry_at: Option<Timestamp>,
}

/// What keeping a delta alive between renewals has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Audit {
    pub(crate) refreshes: u64,
    /// How many objects were offered to the receiver.
    pub(crate) objects: u64,
    /// The last time, on our clock.
    pub(crate) last_at: Timestamp,
}
