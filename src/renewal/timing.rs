//! The durations and shares of the policy, and what is drawn within them.

use std::time::Duration;

use crate::domain::{
    backoff::Backoff,
    lifetime::Share,
    transition::{Retry, Schedule},
};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) renew_before: Share,
    /// Over which part of the lifetime to spread.
    pub(crate) jitter: Share,
    /// How much earlier than the last proof of delivery a gap begins.
    pub(crate) gap_margin: Duration,
    pub(crate) backoff: Backoff,
    /// After this a POST is given up, and its outcome unknown.
    pub(crate) request_timeout: Duration,
}

impl Timing {
    /// How renewals are planned, with a draw of its own.
    pub(crate) fn schedule(&self) -> Schedule {
        Schedule { renew_before: self.renew_before, jitter: self.jitter, draw: fastrand::f64() }
    }

    /// When to try again after a failure, with a draw of its own.
    pub(crate) fn retry(&self) -> Retry {
        Retry { backoff: self.backoff, draw: fastrand::f64() }
    }
}
