//! Where a renewal stands, how one ended, and what keeps one from going on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    page_cursor::Progress,
    post::PostId,
    reason::{Reason, RenewalOutcome, Step},
};

/// A renewal under way; its times are on our clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveRenewal {
    pub(crate) id: i64,
    pub(crate) reason: Reason,
    pub(crate) stage: Stage,
    pub(crate) started_at: Timestamp,
    pub(crate) steps: u32,
    /// How often each step was begun, in their order.
    pub(crate) begun: [u32; 5],
    /// The step under way, but for a hand-off.
    pub(crate) running: Option<Running>,
    /// The hand-off under way: deliveries run beside everything else.
    pub(crate) handing_off: Option<Running>,
    pub(crate) post: Option<PostId>,
    /// Why its POST is put off to the webhook's end, if it is.
    pub(crate) put_off: Option<String>,
    /// How far the reading of this stage is, where there is one.
    pub(crate) progress: Option<Progress>,
}

impl ActiveRenewal {
    pub(crate) fn attempts(&self) -> u32 {
        self.begun[self.stage.step() as usize]
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its number within the renewal, from 1.
    pub(crate) number: u32,
    pub(crate) step: Step,
    /// When it began, on our clock.
    pub(crate) started_at: Timestamp,
    /// The end of what was written so far, where that is known before it ends.
    pub(crate) output: Option<String>,
}

/// A renewal that ended; its times are on our clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FinishedRenewal {
    pub(crate) id: i64,
    pub(crate) reason: Reason,
    pub(crate) outcome: RenewalOutcome,
    pub(crate) started_at: Timestamp,
    pub(crate) finished_at: Timestamp,
    pub(crate) error: Option<String>,
}

/// Where an open renewal stands. It is stored before the effect that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Stage {
    /// The resync has not succeeded yet.
    Resync,
    /// The resync is done; nothing was sent.
    Post,
    /// A POST was begun and no one knows what became of it.
    Posting,
    /// Protime's answer is stored; its key is not current yet.
    Rotate,
    /// The key is current; not every sink has it.
    HandOff,
    /// Every sink has the key, or was tried; the time since the resync began is still owed.
    CatchUp,
    /// The catch-up ran while a sink still lacked the key: another one follows once it has it.
    AwaitingSinks,
}

impl Stage {
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Resync => Step::Resync,
            Self::Post | Self::Posting => Step::Post,
            Self::Rotate => Step::Rotate,
            Self::HandOff | Self::AwaitingSinks => Step::HandOff,
            Self::CatchUp => Step::CatchUp,
        }
    }
}

/// A failure that has not been overcome; its times are on our clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryState {
    /// When it last happened.
    pub(crate) at: Timestamp,
    pub(crate) since: Timestamp,
    pub(crate) step: Step,
    /// What happened, and what would help.
    pub(crate) message: String,
    pub(crate) kind: RetryKind,
    pub(crate) attempts: u32,
    pub(crate) retry_at: Timestamp,
}

/// Whether a failure passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryKind {
    Transient,
    NeedsOperator,
}
