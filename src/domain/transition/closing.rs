//! Closing the gap: what a resync paid of what is owed.
//!
//! Laws: what a resync covers ends where it *began*; it pays only from where it was begun for, so that a debt that
//! grew to the past meanwhile stays; nothing else pays anything.

use jiff::Timestamp;

use super::{Attempt, Change, running};
use crate::domain::{
    gap::Gap,
    page_cursor::{Audit, DeltaLife, Progress},
    reason::{RenewalOutcome, Step, StepOutcome},
    renewal::Stage,
};

/// What a resync has covered, on Protime's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Covered {
    /// From where on it was asked to; `None`: everything.
    pub(crate) from: Option<Timestamp>,
    /// Every change before this has reached the receiver.
    pub(crate) to: Timestamp,
}

impl Change {
    pub(super) fn resynced(
        &mut self,
        attempt: Attempt,
        outcome: StepOutcome,
        covered: Option<Covered>,
        output: Option<&String>,
    ) {
        self.cover(covered);
        if self.end_step(attempt, outcome, None, output) {
            self.past_resync();
        }
    }

    pub(super) fn skip(&mut self, step: Step) {
        let everywhere = self.state.is_known_everywhere();
        self.begin_step(step);
        let Some(attempt) = running(&self.state) else { return };
        match step {
            Step::Resync => self.resynced(attempt, StepOutcome::Skipped, None, None),
            Step::CatchUp => self.caught_up(attempt, StepOutcome::Skipped, None, None, everywhere),
            Step::Post | Step::Rotate | Step::HandOff => {}
        }
    }

    pub(super) fn pass_resync_over(&mut self, attempt: Attempt, error: &String, output: Option<&String>) {
        if self.end_step(attempt, StepOutcome::Failed, Some(error), output) {
            self.past_resync();
        }
    }

    fn past_resync(&mut self) {
        self.overcome(Step::Resync);
        // A key may have been imported meanwhile, which takes the place of the POST.
        if self.stands_at(Stage::Resync) {
            self.stage(Stage::Post);
        }
    }

    pub(super) fn caught_up(
        &mut self,
        attempt: Attempt,
        outcome: StepOutcome,
        covered: Option<Covered>,
        output: Option<&String>,
        everywhere: bool,
    ) {
        if !self.end_step(attempt, outcome, None, output) {
            return self.cover(covered);
        }
        self.state.retry = None;
        if everywhere && self.pays(covered.and_then(|covered| covered.from)) {
            self.state.owed = None;
            self.state.synced_at = covered.map(|covered| covered.to).or(self.state.synced_at);
            let put_off = self.state.active.as_ref().and_then(|active| active.put_off.clone());
            let outcome =
                if put_off.is_some() { RenewalOutcome::Postponed } else { RenewalOutcome::Succeeded };
            self.finish(outcome, put_off);
        } else {
            self.cover(covered);
            self.stage(Stage::AwaitingSinks);
        }
    }

    /// Whether a resync from here on reaches back to the beginning of what is owed.
    fn pays(&self, from: Option<Timestamp>) -> bool {
        let Some(owed) = self.state.owed else { return true };
        from.is_none_or(|from| owed.from.is_some_and(|owed| owed >= from))
    }

    /// Up to what was covered nothing is owed, from there on everything still is.
    fn cover(&mut self, covered: Option<Covered>) {
        let Some(Covered { from, to }) = covered else { return };
        if !self.pays(from) {
            return;
        }
        self.state.synced_at = Some(to);
        self.state.owed = self.state.owed.map(|owed| Gap { from: Some(to), to: owed.to.max(to) });
    }

    pub(super) fn page_delivered(&mut self, renewal: i64, step: Step, progress: Progress) {
        if let Some(active) = &mut self.state.active
            && (active.id, active.stage.step()) == (renewal, step)
        {
            active.progress = Some(progress);
        }
    }

    pub(super) fn delta(&mut self, exists: bool) {
        self.state.delta = exists.then_some(DeltaLife { asked_at: self.now.local, retry_at: None });
    }

    pub(super) fn delta_kept_alive(&mut self, covered: Option<Timestamp>, audited: Option<u64>) {
        self.delta(true);
        if let Some(covered) = covered {
            self.state.synced_at = self.state.synced_at.max(Some(covered));
            self.state.owed = self
                .state
                .owed
                .map(|owed| Gap { from: owed.from.max(Some(covered)), to: owed.to.max(covered) });
        }
        if let Some(objects) = audited {
            let before = self.state.audit.map_or((0, 0), |audit| (audit.refreshes, audit.objects));
            self.state.audit =
                Some(Audit { refreshes: before.0 + 1, objects: before.1 + objects, last_at: self.now.local });
        }
    }
}
