//! What each key sink has and is owed.
//!
//! Laws: the newest key wins, so that the end of an attempt with an older one changes nothing about what is owed;
//! an attempt of one sink touches no other. The step `hand_off` of the history is open while first attempts run.

use super::{Change, Retry, later};
use crate::domain::{
    outbox::{Outbox, SinkFailure},
    reason::{Step, StepOutcome},
    renewal::Stage,
};

impl Change {
    pub(super) fn begin_delivery(&mut self, sink: &str) {
        let now = self.now.local;
        let has_key = self.state.registration.is_some();
        let is_due = |it: &&mut Outbox| it.may_begin() && has_key;
        let Some(outbox) = self.outbox(sink).filter(is_due) else { return };
        outbox.started_at = Some(now);
        if let Some(active) = &self.state.active
            && matches!(active.stage, Stage::HandOff | Stage::CatchUp | Stage::AwaitingSinks)
            && active.handing_off.is_none()
        {
            let running = self.new_step(Step::HandOff);
            if let Some(active) = &mut self.state.active {
                active.handing_off = running;
            }
        }
    }

    pub(super) fn delivered(&mut self, sink: &str, version: u64, output: Option<&String>) {
        let newest = self.is_newest(version);
        let Some(outbox) = self.outbox(sink) else { return };
        outbox.started_at = None;
        outbox.version = outbox.version.max(version);
        outbox.failure = None;
        if newest {
            outbox.attempts = 0;
            outbox.retry_at = None;
        }
        if let Some(active) = &mut self.state.active
            && let Some(running) = &mut active.handing_off
            && output.is_some()
        {
            running.output = output.cloned();
        }
        if !self.state.sinks.iter().any(Outbox::is_under_way) {
            let output =
                self.state.active.as_ref().and_then(|active| active.handing_off.as_ref()?.output.clone());
            self.end_hand_off(StepOutcome::Succeeded, None, output.as_ref());
        }
    }

    pub(super) fn undelivered(
        &mut self,
        sink: &str,
        version: u64,
        message: &str,
        output: Option<&String>,
        retry: Retry,
    ) {
        let (now, newest) = (self.now, self.is_newest(version));
        let Some(outbox) = self.outbox(sink) else { return };
        outbox.started_at = None;
        outbox.retry_at = Some(now.local);
        if newest {
            outbox.attempts = outbox.attempts.saturating_add(1);
            outbox.retry_at = Some(later(now, retry.backoff.delay(outbox.attempts, retry.draw)));
        }
        let since = outbox.failure.as_ref().map_or(now.local, |failure| failure.since);
        outbox.failure = Some(SinkFailure { at: now.local, since, message: message.to_owned() });
        self.end_hand_off(StepOutcome::Failed, Some(message), output);
    }

    pub(super) fn give_delivery_up(&mut self, sink: &str, why: &str, output: Option<&String>) {
        if let Some(outbox) = self.outbox(sink) {
            outbox.started_at = None;
            self.end_hand_off(StepOutcome::Failed, Some(why), output);
        }
    }

    pub(super) fn key_gone(&mut self, sink: &str, version: u64) {
        let now = self.now.local;
        let had = |it: &&mut Outbox| it.version == version && it.retry_at.is_none();
        if let Some(outbox) = self.outbox(sink).filter(had) {
            outbox.attempts = 0;
            outbox.retry_at = Some(now);
        }
    }

    pub(super) fn settle(&mut self) {
        if !self.stands_at(Stage::HandOff) && !self.stands_at(Stage::AwaitingSinks) {
            return;
        }
        // Where there is no sink at all, the history has the step, and it was skipped.
        if self.state.sinks.is_empty()
            && let Some(running) = self.new_step(Step::HandOff)
        {
            self.say_ended(&running, StepOutcome::Skipped, None, None);
        }
        self.overcome(Step::HandOff);
        self.stage(Stage::CatchUp);
    }

    fn end_hand_off(&mut self, outcome: StepOutcome, error: Option<&str>, output: Option<&String>) {
        let running = self.state.active.as_mut().and_then(|active| active.handing_off.take());
        if let Some(running) = running {
            self.say_ended(&running, outcome, error.map(str::to_owned), output.cloned());
        }
    }

    fn outbox(&mut self, sink: &str) -> Option<&mut Outbox> {
        self.state.sinks.iter_mut().find(|outbox| outbox.sink == sink)
    }

    fn is_newest(&self, version: u64) -> bool {
        self.state.registration.as_ref().is_some_and(|registration| registration.key_version == version)
    }
}
