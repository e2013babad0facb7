//! The world of the model: a webhook, its tenant and its receiver, and everything that may happen.

use super::{
    Event,
    sinks::{SINKS, outboxes, wanted},
};
use crate::{
    domain::{
        lifetime::{Share, renewal_time},
        reason::Step,
        record::{Confirm, Open, Trouble},
    },
    renewal::plan::{
        tests::{at, healthy},
        *,
    },
};

const LIFETIME: i64 = 3_600;
const CAP: usize = 2;
const MARGIN: Duration = Duration::from_mins(10);
/// Protime gives up a delivery after so many seconds of retries; it has to be within the margin.
const RETRIES: i64 = 300;

/// A webhook at the simulated Protime.
#[derive(Debug, Clone)]
pub(super) struct Subscription {
    id: u32,
    pub(super) key: u32,
    valid_until: i64,
    enabled: bool,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) now: i64,
    pub(super) record: Record,
    /// What Protime has.
    pub(super) subscription: Option<Subscription>,
    /// Counts POSTs that took effect; each gives a new key.
    keys: u32,
    /// The key that is stored as current, and the one in a stored answer.
    pub(super) held: Option<u32>,
    answered: Option<(u32, i64)>,
    /// The key that each sink has.
    pub(super) sinks: [Option<u32>; SINKS],
    /// The moments of changes that did not reach the receiver yet.
    pub(super) missing: Vec<i64>,
    /// What changed before this came with a resync.
    covered: i64,
    /// When POSTs began of which nobody learnt the outcome, and that may still be processed.
    late: u32,
    /// When unplanned POSTs began.
    unplanned: Vec<i64>,
    resynced_since_post: bool,
}

impl World {
    pub(super) fn new() -> Self {
        let mut record = healthy();
        record.remote = Remote::NeverAsked;
        record.issued = None;
        record.next_renewal_at = None;
        record.proven_at = None;
        record.synced_at = None;
        record.sinks = outboxes();
        Self {
            now: 10_000,
            record,
            subscription: None,
            keys: 0,
            held: None,
            answered: None,
            sinks: [None; SINKS],
            missing: Vec::new(),
            covered: 0,
            late: 0,
            unplanned: Vec::new(),
            resynced_since_post: false,
        }
    }

    fn now(&self) -> Now {
        Now { local: at(self.now), protime: at(self.now) }
    }

    fn plan(&self) -> Plan {
        plan(&self.record, &wanted(), self.now())
    }

    /// Time passes; every ten seconds something changes in the collection.
    fn pass(&mut self, seconds: i64) {
        for second in self.now + 1..=self.now + seconds {
            if let Some(subscription) = &mut self.subscription {
                subscription.enabled &= second < subscription.valid_until;
            }
            if second % 10 == 0 && !self.delivers() {
                self.missing.push(second);
            }
        }
        self.now += seconds;
    }

    /// Whether an event would be delivered and accepted now.
    fn delivers(&self) -> bool {
        self.subscription.as_ref().is_some_and(|it| it.enabled && self.is_accepted(it.key))
    }

    fn poll(&mut self) {
        let (seen_at, now) = (at(self.now), self.now());
        self.record.remote = match &self.subscription {
            None => Remote::Absent { seen_at },
            Some(subscription) => Remote::Listed(Listed {
                id: subscription.id.to_string(),
                status: if subscription.enabled { RemoteStatus::Enabled } else { RemoteStatus::Disabled },
                status_since: seen_at,
                valid_until: Some(at(subscription.valid_until)),
                seen_at,
                digits: 0,
            }),
        };
        let quiet = self.record.open.is_none() && self.record.confirm.is_none();
        if quiet && is_known_everywhere(&self.record, &wanted()) && delivers(&self.record, now) {
            self.record.proven_at = Some(seen_at);
        }
    }

    /// A POST takes effect at Protime.
    fn effect(&mut self) -> u32 {
        self.keys += 1;
        let id = self.subscription.as_ref().map_or(self.keys, |it| it.id);
        self.subscription =
            Some(Subscription { id, key: self.keys, valid_until: self.now + LIFETIME, enabled: true });
        self.keys
    }

    fn act(&mut self, outcome: Outcome) {
        match self.plan() {
            Plan::Wait { until, .. } => {
                assert!(until.is_none_or(|until| until > at(self.now)), "a wait that is over is a hot loop");
            }
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
                    let more = self.record.confirm.filter(|confirm| at(self.now) < confirm.until);
                    self.record.confirm = more.map(|confirm| Confirm { at: confirm.until, ..confirm });
                } else {
                    self.pass(1);
                }
            }
            Plan::Learn(_) => unreachable!("this tenant's answers are complete"),
            Plan::Refresh => unreachable!("this webhook keeps no delta"),
        }
    }

    fn begin(&mut self, reason: Reason) {
        assert!(self.record.open.is_none());
        self.record.owed = Some(gap(&self.record, MARGIN, self.now()));
        self.record.open = Some(Open {
            id: 1,
            reason,
            stage: Stage::Resync,
            attempts: 1,
            started_at: at(self.now),
            progress: None,
        });
    }

    fn stage(&mut self, stage: Stage) {
        self.record.open.as_mut().expect("a renewal is open").stage = stage;
        self.record.trouble = None;
    }

    fn trouble(&mut self, step: Step) {
        let attempts = self.record.trouble.as_ref().map_or(1, |trouble| trouble.attempts + 1);
        self.record.trouble = Some(Trouble {
            at: at(self.now),
            since: at(self.now),
            step,
            message: String::new(),
            kind: TroubleKind::Transient,
            attempts,
            retry_at: at(self.now + 5),
        });
    }

    /// A resync brings over what changed from the beginning of the gap until it began, nothing else.
    fn resync(&mut self, outcome: Outcome, stage: Stage) {
        let began = self.now;
        let everywhere = is_known_everywhere(&self.record, &wanted());
        let from = self.record.owed.expect("a renewal owes").from;
        self.pass(3);
        if !outcome.succeeds() {
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
        assert!(self.resynced_since_post, "a POST without a resync before it");
        self.check_law_four(unplanned);
        if unplanned {
            self.unplanned.push(self.now);
            self.record.unplanned.push(at(self.now));
        }
        self.stage(Stage::Posting);
        match outcome {
            Outcome::Success => {
                let issued_at = self.now;
                let key = self.effect();
                self.pass(1);
                self.answered = Some((key, issued_at));
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
                self.late += u32::from(!effect);
                effect.then(|| self.effect());
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
            self.record.open = None;
            self.begin(Reason::Interrupted);
        }
    }

    fn rotate(&mut self, outcome: Outcome) {
        if !outcome.succeeds() {
            return;
        }
        let (key, issued_at) = self.answered.take().expect("an answer is stored");
        let end = issued_at + LIFETIME;
        // What the answer said, whatever has happened since.
        let id = self.subscription.as_ref().map_or(key, |it| it.id).to_string();
        self.held = Some(key);
        self.record.issued = Some(Issued {
            id: Some(id.clone()),
            valid_until: Some(at(end)),
            at: at(issued_at),
            references: String::new(),
            key_version: u64::from(key),
            fingerprint: String::new(),
            rotated_at: at(self.now),
            digits: 0,
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
            status_since: at(self.now),
            valid_until: Some(at(end)),
            seen_at: at(self.now),
            digits: 0,
        });
        self.record.confirm = (self.late > 0).then(|| Confirm { at: at(self.now), until: at(self.now + 60) });
        self.owe_sinks();
        self.stage(Stage::HandOff);
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.pass(i64::from(seconds)),
            Event::Deliver(sink, takes) => self.deliver(sink, takes),
            Event::Poll => self.poll(),
            Event::Step => self.act(Outcome::Success),
            Event::Fail => self.act(Outcome::Failure),
            Event::Crash(effect) => self.act(Outcome::Unlearnt { effect }),
            Event::Late => {
                if self.late > 0 {
                    self.late -= 1;
                    self.effect();
                }
            }
            Event::Foreign => {
                self.effect();
            }
            Event::Disable => {
                if let Some(subscription) = self.subscription.as_mut().filter(|it| it.enabled) {
                    subscription.enabled = false;
                    // The first of the events that were given up is as old as retries last, unless a
                    // resync has brought its change since.
                    let first = self.covered.max(self.now - RETRIES);
                    self.missing.extend((first..self.now).filter(|second| second % 10 == 0));
                }
            }
            Event::Lose => self.subscription = None,
            Event::Manual => {
                if self.record.open.is_none() && !matches!(self.record.remote, Remote::NeverAsked) {
                    self.begin(Reason::Manual);
                }
            }
        }
    }

    /// No more faults: polls every minute, steps as they are planned, for long enough.
    pub(super) fn calm_down(&mut self) {
        self.late = 0;
        for _ in 0..4 * 60 {
            self.poll();
            for _ in 0..40 {
                (0..SINKS).for_each(|sink| self.deliver(sink, true));
                match self.plan() {
                    Plan::Wait { until, .. } => {
                        if until.is_some_and(|until| until <= at(self.now + 60)) {
                            self.pass(5);
                        } else {
                            break;
                        }
                    }
                    _ => self.act(Outcome::Success),
                }
            }
            self.pass(60);
        }
    }
}

/// How a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
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
