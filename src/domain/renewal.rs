//! Where a renewal stands, how one ended, and what keeps one from going on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    page_cursor::Progress,
    post::PostId,
    reason::{Reason, RenewalOutcome, Step},
};

/// A renewal under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActiveRenewal {
    /// Its number.
    pub(crate) id: i64,
    /// Why it runs.
    pub(crate) reason: Reason,
    /// Where it stands.
    pub(crate) stage: Stage,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// How many steps were begun.
    pub(crate) steps: u32,
    /// How often each step was begun, in their order.
    pub(crate) begun: [u32; 5],
    /// The step under way, but for a hand-off.
    pub(crate) running: Option<Running>,
    /// The hand-off under way: deliveries run beside everything else.
    pub(crate) handing_off: Option<Running>,
    /// Its last POST.
    pub(crate) post: Option<PostId>,
    /// Why its POST is put off to the webhook's end, if it is.
    pub(crate) put_off: Option<String>,
    /// How far the walk of this stage is, where there is one.
    pub(crate) progress: Option<Progress>,
}

impl ActiveRenewal {
    /// How often the step of its stage was begun.
    pub(crate) fn attempts(&self) -> u32 {
        self.begun[self.stage.step() as usize]
    }
}

/// A step under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Running {
    /// Its number within the renewal, from 1.
    pub(crate) number: u32,
    /// Which one.
    pub(crate) step: Step,
    /// When it began, on our clock.
    pub(crate) started_at: Timestamp,
    /// The end of what was written so far, where that is known before it ends.
    pub(crate) output: Option<String>,
}

/// A renewal that ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FinishedRenewal {
    /// Its number.
    pub(crate) id: i64,
    /// Why it ran.
    pub(crate) reason: Reason,
    /// How it ended.
    pub(crate) outcome: RenewalOutcome,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// What went wrong, if it failed.
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
    /// A POST was begun and nobody knows what became of it.
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
    /// The step of the procedure that this stage belongs to.
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

/// A failure that has not been overcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RetryState {
    /// When it last happened.
    pub(crate) at: Timestamp,
    /// When it first happened.
    pub(crate) since: Timestamp,
    /// In which step.
    pub(crate) step: Step,
    /// What happened, and what would help.
    pub(crate) message: String,
    /// Whether it passes by itself.
    pub(crate) kind: RetryKind,
    /// How often running.
    pub(crate) attempts: u32,
    /// When to try again, on our clock.
    pub(crate) retry_at: Timestamp,
}

/// Whether a failure passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryKind {
    /// It may.
    Transient,
    /// It takes an operator.
    NeedsOperator,
}
