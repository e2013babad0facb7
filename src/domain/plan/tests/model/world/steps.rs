//! What the daemon of the model does, as the procedure does it: each thing is decided, done and recorded by the
//! functions of the product.

use super::*;
use crate::domain::transition::Event;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain::plan::tests::model) enum Outcome {
    Success,
    Failure,
    /// The process dies or the answer is lost; a POST may have taken effect.
    Lost {
        effect: bool,
    },
}

impl Outcome {
    fn succeeds(self) -> bool {
        self == Self::Success
    }
}

impl World {
    pub(super) fn act(&mut self, outcome: Outcome) {
        match self.plan() {
            Action::Wait { until, .. } => {
                assert!(until.is_none_or(|until| until > self.local()), "a wait that is over is a hot loop");
            }
            Action::Begin(Reason::ReferencesChanged) => self.change_references(outcome),
            Action::Begin(reason) => self.begin(reason),
            Action::Supersede(reason) => self.supersede(reason, RenewalOutcome::Failed),
            Action::Skip(step) => {
                assert!(self.commit(&Event::StepSkipped(step)), "a step that has nothing to do is passed");
            }
            Action::Resync => self.resync(outcome, Step::Resync),
            Action::CatchUp => self.resync(outcome, Step::CatchUp),
            Action::Post { unplanned } => self.post(outcome, unplanned),
            Action::ResolveOutcome => self.resolve(outcome),
            Action::Rotate => {
                if outcome.succeeds() {
                    self.commit(&Event::StepBegan(Step::Rotate));
                    self.rotate();
                }
            }
            Action::Settle => {
                assert!(self.commit(&Event::HandOffSettled), "a settled hand-off goes on");
            }
            Action::Recheck => {
                let before = self.stored.recheck;
                let next = if outcome.succeeds() {
                    self.poll();
                    next_look(&self.state(), SignedDuration::from_secs(LATEST / 10), self.now())
                } else {
                    self.pass(1);
                    Some(self.local() + SignedDuration::from_secs(1))
                };
                self.commit(&Event::Rechecked { before, next });
                if !outcome.succeeds() {
                    self.pass(1);
                }
            }
            Action::KeepDeltaAlive => unreachable!("this webhook keeps no delta"),
        }
    }

    fn gap(&self) -> Option<Gap> {
        self.manner.resyncs.then(|| gap(&self.state(), MARGIN, self.now()))
    }

    pub(super) fn begin(&mut self, reason: Reason) {
        assert!(self.stored.active.is_none());
        let (renewal, gap) = (i64::from(self.number()), self.gap());
        assert!(self.commit(&Event::Begin { renewal, reason, gap }));
    }

    fn supersede(&mut self, reason: Reason, outcome: RenewalOutcome) {
        let (renewal, gap) = (i64::from(self.number()), self.gap());
        let error = "another took over".to_owned();
        assert!(self.commit(&Event::Supersede { renewal, reason, gap, outcome, error }));
    }

    /// Protime is asked first; if it does not answer, what is known has to do.
    fn change_references(&mut self, outcome: Outcome) {
        if outcome.succeeds() {
            self.poll();
        }
        if let Action::Begin(reason) = self.plan() {
            let theirs = self.subscription.as_ref().map(|it| it.references);
            let certain = self.manner.lag == 0
                && self
                    .stored
                    .registration
                    .as_ref()
                    .is_some_and(|registration| !registration.is_settling(self.local()));
            let needless = certain && reason == Reason::ReferencesChanged && theirs == Some(self.references);
            assert!(!needless || !outcome.succeeds(), "a renewal for references that Protime has");
            self.begin(reason);
        }
    }

    fn start(&mut self, step: Step) -> transition::Attempt {
        assert!(self.commit(&Event::StepBegan(step)));
        let active = self.stored.active.as_ref().expect("a renewal is open");
        let running = active.running.as_ref().expect("it was begun");
        transition::Attempt { renewal: active.id, step: running.number }
    }

    /// A resync brings over what changed from the beginning of the gap until it began, nothing else.
    fn resync(&mut self, outcome: Outcome, step: Step) {
        let (began, everywhere) = (self.now, self.stored.is_known_everywhere());
        let from = self.stored.owed.expect("a renewal owes").from;
        let attempt = self.start(step);
        self.pass(3);
        self.resynced_since_post |= step == Step::Resync && (outcome.succeeds() || self.proceed);
        let event = match outcome {
            Outcome::Success => {
                self.missing.retain(|&change| change > began || from.is_some_and(|from| at(change) < from));
                self.covered = began;
                let covered = Some(Covered { from, to: at(began) });
                match step {
                    Step::Resync => Event::Resynced(attempt, StepOutcome::Succeeded, covered, None),
                    _ => Event::CaughtUp(attempt, StepOutcome::Succeeded, covered, None, everywhere),
                }
            }
            Outcome::Failure if self.proceed && step == Step::Resync => {
                Event::ResyncPassedOver(attempt, "no".to_owned(), None)
            }
            Outcome::Failure => Event::StepFailed(attempt, setback(step), None),
            Outcome::Lost { .. } => Event::Restarted,
        };
        if matches!(event, Event::Restarted) {
            self.resynced_since_post &= step != Step::Resync;
        }
        assert!(self.commit(&event));
    }

    fn post(&mut self, outcome: Outcome, unplanned: bool) {
        assert!(self.resynced_since_post || !self.manner.resyncs, "a POST before its resync was tried");
        self.check_law_four(unplanned);
        let post = PostId(u64::from(self.number()));
        assert!(self.commit(&Event::PostBegan { post, unplanned }));
        if unplanned {
            self.unplanned.push(self.now);
        }
        if self.stored.registration.as_ref().is_some_and(|it| it.references != text(self.references)) {
            // Whatever becomes of the POST, there was a DELETE before it.
            self.subscription = None;
        }
        match outcome {
            Outcome::Success => {
                let issued_at = self.now;
                let subscription = self.effect(self.references);
                self.pass(1);
                self.answered = Some(Answered { subscription, issued_at });
                self.resynced_since_post = false;
                // The key is recognised as it comes, or it is looked for later.
                if self.keys.is_multiple_of(2) {
                    self.rotate();
                } else {
                    self.commit(&Event::Answered(post));
                }
            }
            Outcome::Failure => {
                self.commit(&Event::PostRefused(post, setback(Step::Post)));
                if unplanned {
                    self.unplanned.pop();
                }
            }
            Outcome::Lost { effect } => {
                if effect {
                    self.effect(self.references);
                } else {
                    self.late.push((self.references, self.now));
                }
                // The answer is lost, or the process with it.
                if self.numbers.is_multiple_of(2) {
                    self.commit(&Event::PostUnknown(post, setback(Step::Post)));
                } else {
                    self.commit(&Event::Restarted);
                }
            }
        }
    }

    fn check_law_four(&self, unplanned: bool) {
        let (reason, registration) =
            (self.stored.active.as_ref().expect("open").reason, &self.stored.registration);
        if let Some(registration) = registration
            && matches!(reason, Reason::Expiring | Reason::Expired)
        {
            let age = at(self.now).duration_since(registration.at).as_secs();
            assert!(age >= LIFETIME / 2, "renewed after {age} s of {LIFETIME} s because {reason}");
        }
        let recent = self.unplanned.iter().filter(|&&begun| begun > self.now - 3_600).count();
        assert!(!unplanned || recent < CAP, "{} unplanned POSTs within an hour", recent + 1);
    }

    fn resolve(&mut self, outcome: Outcome) {
        if !outcome.succeeds() {
            self.commit(&Event::Hindered(setback(Step::Post)));
            return;
        }
        self.poll();
        let state = self.state();
        let had_effect = match (&state.remote, &state.registration) {
            (Remote::Listed(listed), Some(registration)) => differs(registration, listed),
            (Remote::Listed(_), None) => true,
            _ => false,
        };
        if had_effect {
            self.supersede(Reason::Interrupted, RenewalOutcome::Interrupted);
        } else {
            assert!(self.commit(&Event::PostHadNoEffect));
        }
    }

    /// What the answer said becomes current, whatever has happened since.
    fn rotate(&mut self) {
        let Answered { subscription, issued_at } = self.answered.take().expect("an answer is stored");
        let post = self.stored.active.as_ref().and_then(|active| active.post).expect("a POST was begun");
        let key = WebhookKey::new(subscription.key.to_string()).expect("a number is a text");
        let rotation = Rotation {
            key,
            id: Some(subscription.id.to_string()),
            valid_until: Some(at(subscription.valid_until)),
            local_end: false,
            issued_at: at(issued_at),
            references: text(subscription.references),
            latest: SignedDuration::from_secs(LATEST),
            schedule: schedule(),
        };
        assert!(self.commit(&Event::Rotated(post, Box::new(rotation))));
    }
}

fn setback(step: Step) -> Setback {
    let (message, kind, retry) = ("no".to_owned(), RetryKind::Transient, retry());
    Setback { step, message, kind, at_least: None, retry }
}
