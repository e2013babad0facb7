//! What has become of a webhook: the only place where its state changes.
//!
//! [`apply`] takes the state as it is, something that was decided or has happened, and the time, and gives the
//! state after it with what the journal is to say of it. It is pure, and it takes every event in every state:
//! an outcome that comes when its attempt is not the open one any more changes nothing but what is true anyway.
//! A *decision* is committed under the revision that it was made on; an *outcome* is applied to the state as it
//! is when it comes (polls change what a long resync began on).
//!
//! Laws: what is owed is only ever paid by a resync that covered it; a POST is of unknown outcome from before it
//! is sent until its answer is stored; a key, its planned renewal, what its sinks are owed and the end of its gap
//! become current together; a list that may be older than a POST changes nothing; a list that shows nothing new
//! changes nothing.

mod closing;
mod configuration;
mod delivery;
mod event;
mod key;
mod listing;
mod post;

#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;

pub(crate) use self::{
    closing::Covered,
    event::{Attempt, Event, Retry, Schedule, Setback},
    key::Rotation,
    listing::Seen,
};
use super::{
    gap::Gap,
    journal::{Entry, InRenewal, What},
    key::WebhookKey,
    post::PostId,
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    renewal::{ActiveRenewal, FinishedRenewal, RetryKind, RetryState, Running, Stage},
    state::{Now, Standing, WebhookState},
};

#[derive(Debug, Clone)]
pub(crate) struct Transition {
    pub(crate) state: WebhookState,
    pub(crate) journal: Vec<Entry>,
    /// A key that becomes current with the state.
    pub(crate) key: Option<NewKey>,
    /// A POST whose stored answer is of no use any more.
    pub(crate) spent: Option<PostId>,
}

/// A key that becomes current; version and time are in the state.
#[derive(Debug, Clone)]
pub(crate) struct NewKey(pub(crate) WebhookKey);

impl Transition {
    /// Nothing has become of it yet.
    pub(crate) fn none(state: &WebhookState) -> Self {
        Self { state: state.clone(), journal: Vec::new(), key: None, spent: None }
    }

    /// Whether there is anything to be committed.
    pub(crate) fn changes(&self, before: &WebhookState) -> bool {
        self.state.revision != before.revision
    }

    /// The step that the event began, or the one that runs.
    pub(crate) fn attempt(&self) -> Option<Attempt> {
        running(&self.state)
    }

    /// What comes of another event in the same moment; both are committed together. `before` is the state that
    /// the first one came of.
    pub(crate) fn then(self, before: &WebhookState, event: &Event, now: Now) -> Self {
        let mut next = apply(&self.state, event, now);
        if self.changes(before) || next.changes(&self.state) {
            next.state.revision = before.revision + 1;
        }
        Self {
            state: next.state,
            journal: [self.journal, next.journal].concat(),
            key: next.key.or(self.key),
            spent: next.spent.or(self.spent),
        }
    }
}

pub(crate) fn apply(before: &WebhookState, event: &Event, now: Now) -> Transition {
    let mut change = Change { state: before.clone(), journal: Vec::new(), key: None, spent: None, now };
    change.apply(event);
    let Change { mut state, journal, key, spent, .. } = change;
    if state != *before || key.is_some() || spent.is_some() {
        state.revision = before.revision + 1;
        if !matches!(event, Event::Listed(_)) {
            // A list that is asked for from now on is to be looked at.
            state.standing = Standing::No;
            state.next_action_at = Some(now.local);
        }
    }
    Transition { state, journal, key, spent }
}

struct Change {
    state: WebhookState,
    journal: Vec<Entry>,
    key: Option<NewKey>,
    spent: Option<PostId>,
    now: Now,
}

impl Change {
    fn apply(&mut self, event: &Event) {
        match event {
            Event::Begin { renewal, reason, gap } => self.begin(*renewal, *reason, *gap),
            Event::Supersede { renewal, reason, gap, outcome, error } => {
                if self.state.active.is_some() {
                    self.finish(*outcome, Some(error.clone()));
                }
                self.begin(*renewal, *reason, *gap);
            }
            Event::Hurry => self.hurry(),
            Event::StepBegan(step) => self.begin_step(*step),
            Event::StepSkipped(step) => self.skip(*step),
            Event::PostBegan { post, unplanned } => self.begin_post(*post, *unplanned),
            Event::HandOffSettled => self.settle(),
            Event::StepFailed(attempt, setback, output) => {
                if self.end_step(*attempt, StepOutcome::Failed, Some(&setback.message), output.as_ref()) {
                    self.fail(setback);
                }
            }
            Event::StepStopped(attempt, output) => {
                let why = "ended because the daemon stopped".to_owned();
                self.end_step(*attempt, StepOutcome::Failed, Some(&why), output.as_ref());
            }
            Event::Resynced(attempt, outcome, covered, output) => {
                self.resynced(*attempt, *outcome, *covered, output.as_ref());
            }
            Event::ResyncPassedOver(attempt, error, output) => {
                self.pass_resync_over(*attempt, error, output.as_ref());
            }
            Event::CaughtUp(attempt, outcome, covered, output, everywhere) => {
                self.caught_up(*attempt, *outcome, *covered, output.as_ref(), *everywhere);
            }
            Event::PageDelivered { renewal, step, progress } => {
                self.page_delivered(*renewal, *step, *progress);
            }
            Event::PostRefused(post, setback) => self.refused(*post, setback),
            Event::PostUnknown(post, setback) => self.unknown(*post, setback),
            Event::PostPostponed(post, why) => self.postponed(*post, why),
            Event::Answered(post) => self.answered(*post),
            Event::Rotated(post, rotation) => self.rotate(*post, rotation),
            Event::NoAnswer(attempt, setback, made) => self.no_answer(*attempt, setback, *made),
            Event::PostHadNoEffect => self.had_no_effect(),
            Event::Hindered(setback) => {
                if self.state.active.is_some() {
                    self.fail(setback);
                }
            }
            Event::RenewedAfterEnd(after_end, schedule) => self.renewed_after_end(*after_end, *schedule),
            Event::Imported(key, references) => self.import(key, references),
            Event::Listed(seen) => self.listed(seen),
            Event::Rechecked { before, next } => self.rechecked(*before, *next),
            Event::DeliveryBegan(sink) => self.begin_delivery(sink),
            Event::Delivered(sink, version, output) => self.delivered(sink, *version, output.as_ref()),
            Event::Undelivered(sink, version, message, output, retry) => {
                self.undelivered(sink, *version, message, output.as_ref(), *retry);
            }
            Event::DeliveryGivenUp(sink, why, output) => self.give_delivery_up(sink, why, output.as_ref()),
            Event::KeyGone(sink, version) => self.key_gone(sink, *version),
            Event::Delta(exists) => self.delta(*exists),
            Event::DeltaKeptAlive(covered, audited) => self.delta_kept_alive(*covered, *audited),
            Event::DeltaNotReached(retry_at) => {
                if let Some(delta) = &mut self.state.delta {
                    delta.retry_at = Some(*retry_at);
                }
            }
            Event::Configured(path, on_remove, sinks) => self.configure(path, *on_remove, sinks),
            Event::Left => self.leave(),
            Event::Gone(asked_at) => self.gone(*asked_at),
            Event::Restarted => self.restart(),
            Event::ClockSet => self.forget_other_clock(),
        }
    }

    fn begin(&mut self, renewal: i64, reason: Reason, gap: Option<Gap>) {
        if self.state.active.is_some() {
            return self.hurry();
        }
        self.state.active = Some(ActiveRenewal {
            id: renewal,
            reason,
            stage: Stage::Resync,
            started_at: self.now.local,
            steps: 0,
            begun: [0; 5],
            running: None,
            handing_off: None,
            post: None,
            put_off: None,
            progress: None,
        });
        self.state.renewals += 1;
        // What is owed already stays so, whatever the decision knew of it.
        if let Some(gap) = gap {
            self.state.owed = Some(self.state.owed.map_or(gap, |owed| owed.merge(gap)));
        }
        self.say(What::Began);
    }

    fn hurry(&mut self) {
        let now = self.now.local;
        if let Some(retry) = &mut self.state.retry {
            retry.retry_at = retry.retry_at.min(now);
        }
        for outbox in &mut self.state.sinks {
            outbox.retry_at = outbox.retry_at.map(|at| at.min(now));
        }
        self.state.next_action_at = Some(now);
    }

    /// Ends the open renewal, with whatever still runs in it.
    fn finish(&mut self, outcome: RenewalOutcome, error: Option<String>) {
        self.cut_off("ended because another renewal took over");
        if outcome == RenewalOutcome::Interrupted {
            self.note_lost_key();
        }
        self.say(What::Ended { outcome, error: error.clone() });
        let Some(active) = self.state.active.take() else { return };
        self.state.last = Some(FinishedRenewal {
            id: active.id,
            reason: active.reason,
            outcome,
            started_at: active.started_at,
            finished_at: self.now.local,
            error,
        });
        self.forget_old_posts();
    }

    /// Ends what runs in the open renewal without anyone knowing how it ended.
    fn cut_off(&mut self, why: &str) {
        let Some(active) = &mut self.state.active else { return };
        for running in [active.running.take(), active.handing_off.take()].into_iter().flatten() {
            let outcome = if running.step == Step::Post { StepOutcome::Unknown } else { StepOutcome::Failed };
            let output = running.output.clone();
            self.say_ended(&running, outcome, Some(why.to_owned()), output);
        }
    }

    fn begin_step(&mut self, step: Step) {
        if self.state.active.as_ref().is_none_or(|active| active.running.is_some()) {
            self.cut_off_step();
        }
        if let Some(running) = self.new_step(step)
            && let Some(active) = &mut self.state.active
        {
            active.running = Some(running);
        }
    }

    fn cut_off_step(&mut self) {
        let running = self.state.active.as_mut().and_then(|active| active.running.take());
        if let Some(running) = running {
            let why = "ended without a record of how".to_owned();
            self.say_ended(&running, StepOutcome::Failed, Some(why), None);
        }
    }

    fn new_step(&mut self, step: Step) -> Option<Running> {
        let active = self.state.active.as_mut()?;
        active.steps += 1;
        active.begun[step as usize] += 1;
        let number = active.steps;
        self.say(What::StepBegan { number, step });
        Some(Running { number, step, started_at: self.now.local, output: None })
    }

    /// Ends a step, if it is the one that runs; tells whether it was.
    fn end_step(
        &mut self,
        attempt: Attempt,
        outcome: StepOutcome,
        error: Option<&String>,
        output: Option<&String>,
    ) -> bool {
        let active = self.state.active.as_mut().filter(|active| active.id == attempt.renewal);
        let running =
            active.and_then(|active| active.running.take_if(|running| running.number == attempt.step));
        let Some(running) = running else { return false };
        self.say_ended(&running, outcome, error.cloned(), output.cloned());
        true
    }

    fn say_ended(
        &mut self,
        running: &Running,
        outcome: StepOutcome,
        error: Option<String>,
        output: Option<String>,
    ) {
        let Running { number, step, started_at, .. } = *running;
        self.say(What::StepEnded { number, step, began_at: started_at, outcome, error, output });
    }

    fn say(&mut self, what: What) {
        let renewal =
            self.state.active.as_ref().map(|active| InRenewal { id: active.id, reason: active.reason });
        self.journal.push(Entry { at: self.now.local, renewal, what });
    }

    fn stage(&mut self, stage: Stage) {
        if let Some(active) = &mut self.state.active
            && active.stage != stage
        {
            if active.stage.step() != stage.step() {
                active.progress = None;
            }
            active.stage = stage;
        }
    }

    fn stands_at(&self, stage: Stage) -> bool {
        self.state.active.as_ref().is_some_and(|active| active.stage == stage)
    }

    /// Takes note of a failure; failures running at the same step are counted on.
    fn fail(&mut self, setback: &Setback) {
        let before = self.state.retry.as_ref().filter(|retry| retry.step == setback.step);
        let attempts = before.map_or(0, |retry| retry.attempts).saturating_add(1);
        let since = before.map_or(self.now.local, |retry| retry.since);
        self.state.retry = Some(RetryState {
            at: self.now.local,
            since,
            step: setback.step,
            message: setback.message.clone(),
            kind: setback.kind,
            attempts,
            retry_at: self.retry_at(setback, attempts),
        });
    }

    fn retry_at(&self, setback: &Setback, attempts: u32) -> Timestamp {
        let Retry { backoff, draw } = setback.retry;
        let delay = match setback.kind {
            RetryKind::Transient => backoff.delay(attempts, draw),
            RetryKind::NeedsOperator => backoff.slow(draw),
        };
        later(self.now, delay.max(setback.at_least.unwrap_or_default()))
    }

    fn overcome(&mut self, step: Step) {
        // Success in one step says nothing of another.
        self.state.retry.take_if(|retry| retry.step == step);
    }
}

fn running(state: &WebhookState) -> Option<Attempt> {
    let active = state.active.as_ref()?;
    Some(Attempt { renewal: active.id, step: active.running.as_ref()?.number })
}

/// A time that comes later, on our clock.
pub(crate) fn later(now: Now, delay: Duration) -> Timestamp {
    now.local.checked_add(delay).unwrap_or(now.local)
}
