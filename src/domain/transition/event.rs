//! What can be decided about a webhook, and what can happen to it.

use std::time::Duration;

use jiff::Timestamp;

use super::{Covered, Rotation, Seen};
use crate::domain::{
    backoff::Backoff,
    gap::Gap,
    key::WebhookKey,
    lifetime::{Share, renewal_time},
    page_cursor::Progress,
    post::PostId,
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    removed::OnRemove,
    renewal::RetryKind,
    state::Recheck,
    webhook::WebhookPath,
};

/// A step that was begun: what its outcome belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) renewal: i64,
    /// The step's number within it.
    pub(crate) step: u32,
}

/// When to try again: a policy, and a random number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Retry {
    pub(crate) backoff: Backoff,
    /// Drawn once for this failure.
    pub(crate) draw: f64,
}

/// A failure, from which the state computes its retry.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setback {
    pub(crate) step: Step,
    pub(crate) message: String,
    pub(crate) kind: RetryKind,
    /// How long the other side asked to wait.
    pub(crate) at_least: Option<Duration>,
    pub(crate) retry: Retry,
}

/// How renewals are planned: the policy's shares of a lifetime, and a random number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Schedule {
    /// How long before the end to renew.
    pub(crate) renew_before: Share,
    /// Over which part of the lifetime to spread.
    pub(crate) jitter: Share,
    /// Drawn once for this plan.
    pub(crate) draw: f64,
}

impl Schedule {
    /// When to renew a webhook, on Protime's clock; at its end, where Protime refuses before.
    pub(crate) fn renewal(self, issued_at: Timestamp, end: Timestamp, after_end: bool) -> Timestamp {
        if after_end { end } else { renewal_time(issued_at, end, self.renew_before, self.jitter, self.draw) }
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Decision: a renewal with this number begins. If one is open, it is hurried instead.
    Begin {
        renewal: i64,
        reason: Reason,
        /// What it has to close; `None` where the loss is accepted.
        gap: Option<Gap>,
    },
    /// Decision: the open renewal ends as it is, and another one takes over what it owes.
    Supersede { renewal: i64, reason: Reason, gap: Option<Gap>, outcome: RenewalOutcome, error: String },
    /// Someone asks for it: what waits is tried at once, with the number of attempts as it is.
    Hurry,
    /// Decision: a step of the open renewal starts.
    StepBegan(Step),
    /// Decision: a resync has nothing to do.
    StepSkipped(Step),
    /// Decision: a POST is about to be sent.
    PostBegan {
        post: PostId,
        /// Whether it counts towards the cap.
        unplanned: bool,
    },
    /// Decision: the renewal goes on to its catch-up, because every sink has the key or was tried.
    HandOffSettled,
    /// Outcome: a step failed.
    StepFailed(Attempt, Setback, Option<String>),
    /// Outcome: the daemon's stop ended a step, which is not its fault.
    StepStopped(Attempt, Option<String>),
    /// Outcome: the resync before the POST came to its end, or there was nothing to do.
    Resynced(Attempt, StepOutcome, Option<Covered>, Option<String>),
    /// Outcome: the resync before the POST failed, and the POST goes ahead all the same.
    ResyncPassedOver(Attempt, String, Option<String>),
    /// Outcome: the catch-up came to its end. The flag says whether every sink had the key when it began.
    CaughtUp(Attempt, StepOutcome, Option<Covered>, Option<String>, bool),
    /// Outcome: a page that the open renewal reads was delivered.
    PageDelivered { renewal: i64, step: Step, progress: Progress },
    /// Outcome: a POST had no effect.
    PostRefused(PostId, Setback),
    /// Outcome: no one knows whether a POST had an effect.
    PostUnknown(PostId, Setback),
    /// Outcome: Protime refused a POST because the webhook delivers, and renews it only after its end.
    PostPostponed(PostId, String),
    /// Outcome: an answer of Protime's is stored, and no one has looked for the key in it.
    Answered(PostId),
    /// Outcome: the key in the answer of a POST becomes current.
    Rotated(PostId, Box<Rotation>),
    /// Outcome: the stored answer is not one of Protime's. The flag says whether it has a `Location`, as only
    /// the answer of a POST that took effect has.
    NoAnswer(Attempt, Setback, bool),
    /// Outcome: a list shows that the POST whose answer was lost has had no effect so far.
    PostHadNoEffect,
    /// Outcome: something that is not a step of its own is in the way.
    Hindered(Setback),
    /// Outcome: Protime renews webhooks of this tenant only after their end, or before it after all.
    RenewedAfterEnd(bool, Schedule),
    /// Outcome: someone brought the key that Protime signs with, and the references that it is taken to have.
    Imported(WebhookKey, String),
    /// Outcome: what Protime lists.
    Listed(Box<Seen>),
    /// Outcome: Protime was asked whether the key is still the one that it signs with.
    Rechecked {
        /// What was known when it was asked.
        before: Option<Recheck>,
        /// When to ask again; `None`: enough.
        next: Option<Timestamp>,
    },
    /// Decision: a sink is about to get the current key.
    DeliveryBegan(String),
    /// Outcome: a sink has this version of the key.
    Delivered(String, u64, Option<String>),
    /// Outcome: a sink did not take this version of the key.
    Undelivered(String, u64, String, Option<String>, Retry),
    /// Outcome: an attempt ended for no fault of the sink's.
    DeliveryGivenUp(String, &'static str, Option<String>),
    /// Outcome: a sink was found to lack this version of the key, which it had.
    KeyGone(String, u64),
    /// Outcome: Protime keeps a delta, asked for just now; or it has ended.
    Delta(bool),
    /// Outcome: the delta was kept alive between renewals and what it brought was delivered, up to this time
    /// on Protime's clock; with how many objects that were, if they are counted.
    DeltaKeptAlive(Option<Timestamp>, Option<u64>),
    /// Outcome: the delta could not be kept alive; not again before this time, on our clock.
    DeltaNotReached(Timestamp),
    /// The configuration names the webhook so, with these key sinks.
    Configured(WebhookPath, OnRemove, Vec<String>),
    /// The configuration does not name it any more.
    Left,
    /// Outcome: Protime was asked for a deletion of a webhook that left the configuration, or a list of this
    /// time does not have it.
    Gone(Timestamp),
    /// The process started: whatever ran ended with the one before.
    Restarted,
    /// Our clock was set.
    ClockSet,
}
