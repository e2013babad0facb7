//! Closing the gap: the resync before the POST, and once more after the hand-off.
//!
//! Laws: a gap begins at or before the last moment of which delivery is proven; what a resync covers
//! ends where it *began*; and nothing that is owed is forgotten before it is paid.

use jiff::{SignedDuration, Timestamp};

use super::{Advance, Procedure};
use crate::{
    crash,
    domain::{
        errand::{Done, Failure, FailureKind},
        gap::Gap,
        plan::{gap, is_known_everywhere},
        reason::{Step, StepOutcome},
        record::{Now, Open, Record},
        walk::Began,
    },
    resync::Resync,
    stop::Stop,
    store::StoreError,
};

/// How much earlier than measured a gap is taken to begin: Protime's clock is known to a second.
const SLACK: SignedDuration = SignedDuration::from_secs(5);

impl Procedure {
    /// The gap that a renewal has to close, or `None` where the loss is accepted.
    pub(super) fn gap(&self, record: &Record, now: Now) -> Option<Gap> {
        if matches!(self.resync, Resync::None) {
            return None;
        }
        Some(gap(record, self.timing.gap_margin, now))
    }

    pub(super) async fn resync(&self, record: &Record, stop: &Stop) -> Result<Advance, StoreError> {
        let Some(open) = &record.open else { return Ok(Advance::Acted) };
        let local = self.tenant.now().local;
        let attempt = self.store.start_step(self.id, open.id, Step::Resync, local).await?;
        let outcome = self.run_resync(record, open, Step::Resync, stop).await;
        let now = self.tenant.now();
        match outcome {
            Ok(Ran { done, began }) => {
                let (outcome, covered) = settled(done.skipped, began);
                self.store.resynced(attempt, outcome, covered, done.output, now.local).await?;
            }
            // Only the key that comes of the POST helps, and what is owed is paid after it.
            Err(failure) if failure.kind == FailureKind::KeyRefused => {
                tracing::warn!(webhook = %self.path, error = %failure, "the receiver does not accept the present key; renewing first, the resync stays owed");
                self.store.resync_passed_over(attempt, failure.message, failure.output, now.local).await?;
            }
            Err(failure) if failure.kind == FailureKind::Stopped => {
                return self.stopped(attempt, failure, now).await;
            }
            Err(failure) if self.proceed => {
                tracing::warn!(webhook = %self.path, error = %failure, "the resync failed; renewing all the same, the resync stays owed");
                self.store.resync_passed_over(attempt, failure.message, failure.output, now.local).await?;
            }
            Err(failure) => self.fail(attempt, record, Step::Resync, failure, now).await?,
        }
        Ok(Advance::Acted)
    }

    pub(super) async fn catch_up(&self, record: &Record, stop: &Stop) -> Result<Advance, StoreError> {
        let Some(open) = &record.open else { return Ok(Advance::Acted) };
        let local = self.tenant.now().local;
        let attempt = self.store.start_step(self.id, open.id, Step::CatchUp, local).await?;
        let outcome = self.run_resync(record, open, Step::CatchUp, stop).await;
        let now = self.tenant.now();
        match outcome {
            Ok(Ran { done, began }) => {
                let (outcome, covered) = settled(done.skipped, began);
                // As it was when the resync began: a sink that got the key since then came too late for it.
                if is_known_everywhere(record, &self.wanted) {
                    self.store.caught_up(attempt, outcome, covered, done.output, now.local).await?;
                    tracing::info!(webhook = %self.path, renewal = open.id, reason = %open.reason, "renewal succeeded");
                } else {
                    self.store.caught_up_in_part(attempt, outcome, covered, done.output, now.local).await?;
                    tracing::warn!(webhook = %self.path, renewal = open.id, "caught up, and once more when the last key sink has the key");
                }
            }
            Err(failure) if failure.kind == FailureKind::Stopped => {
                return self.stopped(attempt, failure, now).await;
            }
            Err(failure) => self.fail(attempt, record, Step::CatchUp, failure, now).await?,
        }
        Ok(Advance::Acted)
    }

    async fn run_resync(
        &self,
        record: &Record,
        open: &Open,
        which: Step,
        stop: &Stop,
    ) -> Result<Ran, Failure> {
        // Where nothing is recorded as owed (the kind was `none` when the renewal began), everything is.
        let from = record.owed.and_then(|owed| owed.from);
        let began = self.began();
        let context = self.context(open.reason, which, open.id, from, began.at);
        crash::point(&format!("{which}:before"));
        let outcome = match &self.resync {
            Resync::Read(read) => self.read(read, record, &context, began, stop).await,
            other => other.run(&context, stop.requested()).await.map(|done| Ran { done, began }),
        };
        crash::point(&format!("{which}:after"));
        outcome
    }

    /// The beginning of a resync that begins now.
    pub(super) fn began(&self) -> Began {
        let known = self.tenant.knows_the_time();
        Began { at: self.tenant.now().protime, known }
    }
}

/// A resync that came to its end.
pub(super) struct Ran {
    pub(super) done: Done,
    pub(super) began: Began,
}

/// How a resync is recorded, and up to when it covers everything.
///
/// While Protime's clock is not known, a resync covers nothing: ours may be ahead by a day, and what
/// changes until then would count as covered.
pub(super) fn settled(skipped: bool, began: Began) -> (StepOutcome, Option<Timestamp>) {
    match (skipped, began.known) {
        (true, _) => (StepOutcome::Skipped, None),
        (false, false) => (StepOutcome::Succeeded, None),
        (false, true) => (StepOutcome::Succeeded, Some(began.at - SLACK)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_resync_covers_what_changed_before_it_began_by_a_clock_that_is_known() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let covered = at(1_000) - SignedDuration::from_secs(5);
        for (skipped, knew_the_time, expected) in [
            (false, true, (StepOutcome::Succeeded, Some(covered))),
            (false, false, (StepOutcome::Succeeded, None)),
            (true, true, (StepOutcome::Skipped, None)),
            (true, false, (StepOutcome::Skipped, None)),
        ] {
            let began = Began { at: at(1_000), known: knew_the_time };
            assert_eq!(settled(skipped, began), expected, "{skipped} {knew_the_time}");
        }
    }
}
