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
        reason::{Step, StepOutcome},
        record::{Now, Open, Record},
    },
    renewal::plan::gap,
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
        let knew_the_time = self.tenant.knows_the_time();
        let began = self.tenant.now();
        let attempt = self.store.start_step(self.id, open.id, Step::Resync, began.local).await?;
        let outcome = self.run_resync(record, open, Step::Resync, began, stop).await;
        let now = self.tenant.now();
        match outcome {
            Ok(done) => {
                let (outcome, covered) = settled(done.skipped, began, knew_the_time);
                self.store.resynced(attempt, outcome, covered, done.output, now.local).await?;
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
        let knew_the_time = self.tenant.knows_the_time();
        let began = self.tenant.now();
        let attempt = self.store.start_step(self.id, open.id, Step::CatchUp, began.local).await?;
        let outcome = self.run_resync(record, open, Step::CatchUp, began, stop).await;
        let now = self.tenant.now();
        match outcome {
            Ok(done) => {
                let (outcome, covered) = settled(done.skipped, began, knew_the_time);
                self.store.caught_up(attempt, outcome, covered, done.output, now.local).await?;
                tracing::info!(webhook = %self.path, renewal = open.id, reason = %open.reason, "renewal succeeded");
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
        began: Now,
        stop: &Stop,
    ) -> Result<Done, Failure> {
        // Where nothing is recorded as owed (the kind was `none` when the renewal began), everything is.
        let from = record.owed.and_then(|owed| owed.from);
        let context = self.context(open.reason, which, open.id, from, began.protime);
        crash::point(&format!("{which}:before"));
        let outcome = self.resync.run(&context, stop.requested()).await;
        crash::point(&format!("{which}:after"));
        outcome
    }
}

/// How a resync is recorded, and up to when it covers everything.
///
/// While Protime's clock is not known, a resync covers nothing: ours may be ahead by a day, and what
/// changes until then would count as covered.
fn settled(skipped: bool, began: Now, knew_the_time: bool) -> (StepOutcome, Option<Timestamp>) {
    match (skipped, knew_the_time) {
        (true, _) => (StepOutcome::Skipped, None),
        (false, false) => (StepOutcome::Succeeded, None),
        (false, true) => (StepOutcome::Succeeded, Some(began.protime - SLACK)),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_resync_covers_what_changed_before_it_began_by_a_clock_that_is_known() {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let began = Now { local: at(2_000), protime: at(1_000) };
        let covered = at(1_000) - SignedDuration::from_secs(5);
        for (skipped, knew_the_time, expected) in [
            (false, true, (StepOutcome::Succeeded, Some(covered))),
            (false, false, (StepOutcome::Succeeded, None)),
            (true, true, (StepOutcome::Skipped, None)),
            (true, false, (StepOutcome::Skipped, None)),
        ] {
            assert_eq!(settled(skipped, began, knew_the_time), expected, "{skipped} {knew_the_time}");
        }
    }
}
