//! What the daemon of the model does, as the procedure does it and the store records it.

use super::*;

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain::plan::model) enum Outcome {
    Success,
    Failure,
    /// The process dies or the answer is lost; a POST may have taken effect.
    Unlearnt {
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
            Plan::Wait { until, .. } => {
                assert!(until.is_none_or(|until| until > self.local()), "a wait that is over is a hot loop");
            }
            Plan::Begin(Reason::ReferencesChanged) => self.change_references(outcome),
            Plan::Begin(reason) => self.begin(reason),
            Plan::Supersede(reason) => {
                self.record.open = None;
                self.begin(reason);
            }
            Plan::Resync => self.resync(outcome, Stage::Resync),
            Plan::CatchUp => self.resync(outcome, Stage::CatchUp),
            Plan::Post { unplanned } => self.post(outcome, unplanned),
            Plan::Resolve => self.resolve(outcome),
            Plan::Rotate => self.rotate(outcome),
            Plan::Settle => self.stage(Stage::CatchUp),
            Plan::Confirm => {
                if outcome.succeeds() {
                    self.poll();
                    let local = self.local();
                    let more = self.record.confirm.filter(|confirm| local < confirm.until);
                    self.record.confirm = more.map(|confirm| Confirm { at: confirm.until, ..confirm });
                } else {
                    self.pass(1);
                }
            }
            Plan::Learn(listed) => {
                let issued = self.record.issued.as_mut().expect("a rotation is learnt of");
                issued.shown = Some(Shown { valid_until: listed.valid_until });
            }
            Plan::Refresh => unreachable!("this webhook keeps no delta"),
        }
    }

    pub(super) fn begin(&mut self, reason: Reason) {
        assert!(self.record.open.is_none());
        let gap = gap(&self.record, MARGIN, self.now());
        if let Some(owed) = self.record.owed {
            assert!(gap.from <= owed.from && gap.to >= owed.to, "{owed:?} was shortened to {gap:?}");
        }
        self.record.owed = Some(gap);
        self.record.open = Some(Open {
            id: 1,
            reason,
            stage: Stage::Resync,
            attempts: 1,
            started_at: self.local(),
            progress: None,
        });
    }

    /// Protime is asked first; if it does not answer, what is known has to do.
    fn change_references(&mut self, outcome: Outcome) {
        if outcome.succeeds() {
            self.poll();
        }
        if let Plan::Begin(reason) = self.plan() {
            let theirs = self.subscription.as_ref().map(|it| it.references);
            let certain = self.manner.lag == 0
                && self.record.issued.as_ref().is_some_and(|issued| !issued.is_settling(self.local()));
            let needless = certain && reason == Reason::ReferencesChanged && theirs == Some(self.references);
            assert!(!needless || !outcome.succeeds(), "a renewal for references that Protime has");
            self.begin(reason);
        }
    }

    fn stage(&mut self, stage: Stage) {
        self.record.open.as_mut().expect("a renewal is open").stage = stage;
        self.record.trouble = None;
    }

    fn trouble(&mut self, step: Step) {
        let attempts = self.record.trouble.as_ref().map_or(1, |trouble| trouble.attempts + 1);
        self.record.trouble = Some(Trouble {
            at: self.local(),
            since: self.local(),
            step,
            message: String::new(),
            kind: TroubleKind::Transient,
            attempts,
            retry_at: self.local() + SignedDuration::from_secs(5),
        });
    }

    /// A resync brings over what changed from the beginning of the gap until it began, nothing else.
    fn resync(&mut self, outcome: Outcome, stage: Stage) {
        let began = self.now;
        let everywhere = is_known_everywhere(&self.record, &self.wanted());
        let from = self.record.owed.expect("a renewal owes").from;
        self.pass(3);
        if !outcome.succeeds() {
            if self.proceed && stage == Stage::Resync {
                self.resynced_since_post = true;
                return self.stage(Stage::Post);
            }
            return self.trouble(stage.step());
        }
        self.missing.retain(|&change| change > began || from.is_some_and(|from| at(change) < from));
        self.record.synced_at = Some(at(began));
        self.covered = began;
        if stage == Stage::Resync {
            self.resynced_since_post = true;
            self.record.owed = Some(Gap { from: Some(at(began)), to: at(began) });
            self.stage(Stage::Post);
        } else if !everywhere {
            self.record.owed = Some(Gap { from: Some(at(began)), to: at(began) });
            self.stage(Stage::Late);
        } else {
            self.record.owed = None;
            self.record.trouble = None;
            self.record.open = None;
        }
    }

    fn post(&mut self, outcome: Outcome, unplanned: bool) {
        assert!(self.resynced_since_post, "a POST before its resync was tried");
        self.check_law_four(unplanned);
        if unplanned {
            self.unplanned.push(self.now);
            self.record.unplanned.push(self.local());
        }
        self.stage(Stage::Posting);
        if self.record.issued.as_ref().is_some_and(|it| it.references != text(self.references)) {
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
                self.stage(Stage::Rotate);
            }
            Outcome::Failure => {
                self.stage(Stage::Post);
                self.trouble(Step::Post);
                if unplanned {
                    self.unplanned.pop();
                    self.record.unplanned.pop();
                }
            }
            Outcome::Unlearnt { effect } => {
                if effect {
                    self.effect(self.references);
                } else {
                    self.late.push((self.references, self.now));
                }
                self.unknown.push(self.local());
                self.trouble(Step::Post);
            }
        }
    }

    fn check_law_four(&self, unplanned: bool) {
        let (reason, issued) = (self.record.open.as_ref().expect("open").reason, &self.record.issued);
        if let Some(issued) = issued
            && matches!(reason, Reason::Expiring | Reason::Expired)
        {
            let age = at(self.now).duration_since(issued.at).as_secs();
            assert!(age >= LIFETIME / 2, "renewed after {age} s of {LIFETIME} s because {reason}");
        }
        let recent = self.unplanned.iter().filter(|&&begun| begun > self.now - 3_600).count();
        assert!(!unplanned || recent < CAP, "{} unplanned POSTs within an hour", recent + 1);
    }

    fn resolve(&mut self, outcome: Outcome) {
        if !outcome.succeeds() {
            return self.trouble(Step::Post);
        }
        self.poll();
        let had_effect = match (&self.record.remote, &self.record.issued) {
            (Remote::Listed(listed), Some(issued)) => differs(issued, listed),
            (Remote::Listed(_), None) => true,
            _ => false,
        };
        self.stage(Stage::Post);
        if had_effect {
            self.unknown.pop();
            self.record.fruitless = true;
            self.record.open = None;
            self.begin(Reason::Interrupted);
        }
    }

    fn rotate(&mut self, outcome: Outcome) {
        if !outcome.succeeds() {
            return;
        }
        // What the answer said, whatever has happened since.
        let Answered { subscription, issued_at } = self.answered.take().expect("an answer is stored");
        let (key, end, id) = (subscription.key, subscription.valid_until, subscription.id.to_string());
        self.held = Some(key);
        self.record.issued = Some(Issued {
            id: Some(id.clone()),
            valid_until: Some(at(end)),
            at: at(issued_at),
            references: text(subscription.references),
            key_version: u64::from(key),
            fingerprint: String::new(),
            rotated_at: self.local(),
            local_end: false,
            grain: Grain::Milli,
            shown: None,
        });
        self.record.next_renewal_at = Some(renewal_time(
            at(issued_at),
            at(end),
            Share::Fraction(1.0 / 3.0),
            Share::Fraction(0.05),
            0.5,
        ));
        self.record.remote = Remote::Listed(Listed {
            id,
            status: RemoteStatus::Enabled,
            status_since: self.local(),
            valid_until: Some(at(end)),
            seen_at: self.local(),
            local_end: false,
            grain: Grain::Milli,
        });
        let now = self.local();
        self.outstanding.append(&mut self.unknown);
        let confirm = Confirm { at: now, until: now + SignedDuration::from_secs(LATEST) };
        self.record.confirm = (!self.outstanding.is_empty()).then_some(confirm);
        let earliest = now - SignedDuration::from_secs(LATEST);
        self.outstanding.retain(|begun| (earliest..=now).contains(begun));
        self.record.outstanding = !self.outstanding.is_empty();
        self.record.fruitless = false;
        self.owe_sinks();
        self.stage(Stage::HandOff);
    }
}
