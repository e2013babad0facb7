//! Closing the gap: the resync before the POST, and once more after the hand-off.
//!
//! Laws: a gap begins at or before the last moment of which delivery is proven; what a resync covers
//! ends where it *began*; and nothing that is owed is forgotten before it is paid.

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::{Advance, Procedure};
use crate::{
    domain::{
        gap::Gap,
        page_cursor::Began,
        plan::gap,
        reason::{Step, StepOutcome},
        renewal::ActiveRenewal,
        state::{Now, WebhookState},
        task::{TaskError, TaskErrorKind, TaskOutput},
        transition::{Attempt, Covered, Event},
    },
    failpoint,
    resync::Resync,
    store::StoreError,
};

/// How much earlier than measured a gap is taken to begin: Protime's clock is known to a second.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

impl Procedure {
    /// The gap that a renewal has to close, or `None` where the loss is accepted.
    pub(super) fn gap(&self, state: &WebhookState, now: Now) -> Option<Gap> {
        if matches!(self.webhook.resync, Resync::None) {
            return None;
        }
        Some(gap(state, self.with.timing.gap_margin, now))
    }

    pub(super) async fn resync(
        &self,
        state: &WebhookState,
        stop: &CancellationToken,
    ) -> Result<Advance, StoreError> {
        let Some(active) = &state.active else { return Ok(Advance::Acted) };
        let Some(attempt) = self.start(state, Step::Resync).await? else { return Ok(Advance::Acted) };
        match self.run_resync(state, active, Step::Resync, stop).await {
            Ok(ran) => {
                let (outcome, covered, output) = ran.settled();
                self.record_outcome("resynced", &Event::Resynced(attempt, outcome, covered, output), &[])
                    .await?;
            }
            // Only the key that comes of the POST helps, and what is owed is paid after it.
            Err(failure) if failure.kind == TaskErrorKind::KeyRefused => {
                tracing::warn!(webhook = %self.webhook.path, error = %failure, "the receiver does not accept the present key; renewing first, the resync stays owed");
                self.pass_over(attempt, failure).await?;
            }
            Err(failure) if failure.kind == TaskErrorKind::Stopped => {
                return self.stopped(attempt, failure).await;
            }
            Err(failure) if self.webhook.proceed => {
                tracing::warn!(webhook = %self.webhook.path, error = %failure, "the resync failed; renewing all the same, the resync stays owed");
                self.pass_over(attempt, failure).await?;
            }
            Err(failure) => self.fail(attempt, Step::Resync, failure).await?,
        }
        Ok(Advance::Acted)
    }

    async fn pass_over(&self, attempt: Attempt, failure: TaskError) -> Result<(), StoreError> {
        let event = Event::ResyncPassedOver(attempt, failure.message, failure.output);
        self.record_outcome("resync_passed_over", &event, &[]).await?;
        Ok(())
    }

    pub(super) async fn catch_up(
        &self,
        state: &WebhookState,
        stop: &CancellationToken,
    ) -> Result<Advance, StoreError> {
        let Some(active) = &state.active else { return Ok(Advance::Acted) };
        let Some(attempt) = self.start(state, Step::CatchUp).await? else { return Ok(Advance::Acted) };
        match self.run_resync(state, active, Step::CatchUp, stop).await {
            Ok(ran) => {
                let (outcome, covered, output) = ran.settled();
                // As it was when the resync began: a sink that got the key since then came too late for it.
                let everywhere = state.is_known_everywhere();
                let event = Event::CaughtUp(attempt, outcome, covered, output, everywhere);
                let state = self.record_outcome("caught_up", &event, &[]).await?;
                if state.last.as_ref().is_none_or(|last| last.id != active.id) {
                    tracing::warn!(webhook = %self.webhook.path, renewal = active.id, "caught up, and once more when the last key sink has the key");
                }
            }
            Err(failure) if failure.kind == TaskErrorKind::Stopped => {
                return self.stopped(attempt, failure).await;
            }
            Err(failure) => self.fail(attempt, Step::CatchUp, failure).await?,
        }
        Ok(Advance::Acted)
    }

    async fn run_resync(
        &self,
        state: &WebhookState,
        active: &ActiveRenewal,
        which: Step,
        stop: &CancellationToken,
    ) -> Result<Ran, TaskError> {
        // Where nothing is recorded as owed (the kind was `none` when the renewal began), everything is.
        let from = state.owed.and_then(|owed| owed.from);
        let began = self.began();
        let context = self.context(active.reason, which, active.id, from, began.at);
        failpoint::hit(&format!("{which}:before"));
        let outcome = match &self.webhook.resync {
            Resync::Read(read) => self.read(read, state, &context, began, stop).await,
            Resync::Task(task) => {
                task.run(&context, stop.cancelled()).await.map(|output| Ran::Through { output, began, from })
            }
            Resync::None => Ok(Ran::Skipped),
        };
        failpoint::hit(&format!("{which}:after"));
        outcome
    }

    pub(super) fn began(&self) -> Began {
        let known = self.tenant.knows_the_time();
        Began { at: self.tenant.now().protime, known }
    }
}

pub(super) enum Ran {
    /// There was nothing to do, so it claims nothing.
    Skipped,
    Through {
        output: TaskOutput,
        began: Began,
        /// From where on it was asked to close the gap; `None`: everything.
        from: Option<Timestamp>,
    },
}

impl Ran {
    /// How it is recorded, and what it covered.
    ///
    /// While Protime's clock is not known, a resync covers nothing: ours may be ahead by a day, and what
    /// changes until then would count as covered.
    fn settled(self) -> (StepOutcome, Option<Covered>, TaskOutput) {
        match self {
            Self::Skipped => (StepOutcome::Skipped, None, None),
            Self::Through { output, began, from } => {
                (StepOutcome::Succeeded, covered(began).map(|to| Covered { from, to }), output)
            }
        }
    }
}

/// Up to when a resync that began so covers everything.
pub(super) fn covered(began: Began) -> Option<Timestamp> {
    began.known.then(|| began.at - SLACK)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_resync_covers_what_changed_before_it_began_by_a_clock_that_is_known() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let reached = Covered { from: Some(at(900)), to: at(1_000) - SignedDuration::from_secs(5) };
        for (known, expected) in
            [(true, (StepOutcome::Succeeded, Some(reached))), (false, (StepOutcome::Succeeded, None))]
        {
            let began = Began { at: at(1_000), known };
            let ran = Ran::Through { output: None, began, from: Some(at(900)) };
            let (outcome, covered, _) = ran.settled();
            assert_eq!((outcome, covered), expected, "{known}");
        }
        assert_eq!(Ran::Skipped.settled(), (StepOutcome::Skipped, None, None));
    }
}
