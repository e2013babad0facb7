//! The world of the model: a webhook, its tenant and its receiver, and everything that may happen.

mod steps;

use steps::Outcome;

use super::{
    Event,
    sinks::{SINKS, names},
};
use crate::domain::{
    backoff::Backoff,
    grain::Grain,
    key::WebhookKey,
    lifetime::Share,
    onward::onward,
    plan::{tests::at, *},
    post::PostId,
    reason::{RenewalOutcome, Step, StepOutcome},
    removed::OnRemove,
    state::LastList,
    transition::{self, Covered, Retry, Rotation, Schedule, Seen, Setback, apply},
    webhook::{ExternalReference, Pair, RemoteWebhook, TenantName, WebhookName, WebhookPath},
};

const LIFETIME: i64 = 3_600;
const CAP: usize = 2;
const MARGIN: Duration = Duration::from_mins(10);
/// Protime gives up a delivery after so many seconds of retries; it has to be within the margin.
const RETRIES: i64 = 300;
/// So many seconds after its beginning a POST may still be processed.
const LATEST: i64 = 60;

#[derive(Debug, Clone)]
pub(super) struct Subscription {
    id: u32,
    pub(super) key: u32,
    valid_until: i64,
    enabled: bool,
    pub(super) references: u8,
}

/// How the tenant shows its webhooks, and whether a gap is closed at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Lists tell ends in whole units of so many seconds.
    pub(super) unit: i64,
    /// Lists show what was so many seconds ago.
    pub(super) lag: i64,
    pub(super) resyncs: bool,
}

#[derive(Debug)]
struct Answered {
    subscription: Subscription,
    issued_at: i64,
}

#[derive(Debug)]
pub(super) struct World {
    /// Protime's time, which is the true one.
    now: i64,
    /// How far our clock is ahead of it.
    offset: i64,
    manner: Manner,
    /// What was at Protime, and since when.
    past: Vec<(i64, Option<Subscription>)>,
    /// Whether a POST goes ahead although the resync before it failed.
    proceed: bool,
    pub(super) references: u8,
    /// The state as it was committed, and the tenant's last list.
    pub(super) stored: WebhookState,
    list: Option<LastList>,
    /// Every state that was committed, for tests that store them.
    pub(super) committed: Vec<WebhookState>,
    /// Counts renewals and POSTs.
    numbers: u32,
    /// What Protime has.
    pub(super) subscription: Option<Subscription>,
    /// Counts POSTs that took effect; each gives a new key.
    keys: u32,
    /// The key that is stored as current, and the one in a stored answer.
    pub(super) current: Option<u32>,
    answered: Option<Answered>,
    pub(super) sinks: [Option<u32>; SINKS],
    /// The moments of changes that did not reach the receiver yet.
    pub(super) missing: Vec<i64>,
    /// What changed before this came with a resync.
    covered: i64,
    /// POSTs of unknown outcome that may still be processed: their references, and when they began.
    late: Vec<(u8, i64)>,
    /// When unplanned POSTs began, since our clock was last set.
    unplanned: Vec<i64>,
    resynced_since_post: bool,
}

impl World {
    pub(super) fn new(proceed: bool, manner: Manner) -> Self {
        let path = WebhookPath {
            tenant: TenantName::new("acme").expect("a name"),
            name: WebhookName::new("clockings").expect("a name"),
        };
        let pair =
            Pair { destination_url: "https://r.example/c".to_owned(), collection: "clockings".to_owned() };
        let mut world = Self {
            now: 1_000_000,
            offset: 0,
            manner,
            past: Vec::new(),
            proceed,
            references: 0,
            stored: WebhookState::new(path.clone(), pair),
            list: None,
            committed: Vec::new(),
            numbers: 0,
            subscription: None,
            keys: 0,
            current: None,
            answered: None,
            sinks: [None; SINKS],
            missing: Vec::new(),
            covered: 0,
            late: Vec::new(),
            unplanned: Vec::new(),
            resynced_since_post: false,
        };
        world.commit(&transition::Event::Configured(path, OnRemove::Keep, names()));
        world
    }

    /// The state as the store gives it back.
    pub(super) fn state(&self) -> WebhookState {
        match self.list {
            Some(list) => self.stored.clone().seen_in(list),
            None => self.stored.clone(),
        }
    }

    /// Something was decided or has happened; tells whether that changed anything.
    pub(super) fn commit(&mut self, event: &transition::Event) -> bool {
        use transition::Event::{CaughtUp, Resynced};
        let before = self.state();
        let after = onward(apply(&before, event, self.now()), &before, &self.policy(), self.now());
        if !after.changes(&before) {
            return false;
        }
        if let (Some(owed), false) =
            (before.owed, matches!(event, Resynced(..) | CaughtUp(..)) || !self.manner.resyncs)
        {
            let is_whole = after.state.owed.is_some_and(|now| now.from <= owed.from && now.to >= owed.to);
            assert!(is_whole, "{owed:?} was shortened to {:?} by {event:?}", after.state.owed);
        }
        if let Some(key) = &after.key {
            self.current = Some(key.0.expose().parse().expect("keys are numbers here"));
        }
        self.committed.push(after.state.clone());
        self.stored = after.state;
        true
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn now(&self) -> Now {
        Now { local: self.local(), protime: at(self.now) }
    }

    pub(super) fn local(&self) -> Timestamp {
        at(self.now + self.offset)
    }

    fn plan(&self) -> Action {
        plan(&self.state(), &self.policy(), self.now())
    }

    fn policy(&self) -> Policy {
        Policy { references: text(self.references), resyncs: self.manner.resyncs, ..tests::policy() }
    }

    /// Time passes; every ten seconds something changes in the collection.
    fn pass(&mut self, seconds: i64) {
        for second in self.now + 1..=self.now + seconds {
            if self.manner.lag > 0 {
                self.past.push((second - 1, self.subscription.clone()));
            }
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

    fn listed(&mut self) -> Option<Subscription> {
        let shown = self.now - self.manner.lag;
        self.past.retain(|(second, _)| *second >= shown);
        self.past.first().map_or_else(|| self.subscription.clone(), |(_, then)| then.clone())
    }

    fn poll(&mut self) {
        let (asked_at, now) = (self.local(), self.now());
        let theirs = self.listed();
        let cut = |end: i64| end - end.rem_euclid(self.manner.unit);
        let entry = theirs.map(|subscription| RemoteWebhook {
            id: subscription.id.to_string(),
            pair: self.stored.pair.clone(),
            status: if subscription.enabled { RemoteStatus::Enabled } else { RemoteStatus::Disabled },
            valid_until: Some(at(cut(subscription.valid_until))),
            local_end: false,
            // As the poller does: only what is wanted, and not from before a POST, is believed.
            references: self.believed(&subscription, asked_at),
        });
        let list = LastList { asked_at, asked_at_protime: Some(now.protime) };
        let seen = Seen {
            post_marks: self.stored.post_marks,
            entry,
            grain: if self.manner.unit == 1 { Grain::Milli } else { Grain::Minute },
            asked_at,
            asked_at_protime: list.asked_at_protime,
            schedule: schedule(),
        };
        self.commit(&transition::Event::Listed(Box::new(seen)));
        self.list = Some(list);
    }

    fn believed(&self, theirs: &Subscription, asked_at: Timestamp) -> Option<Vec<ExternalReference>> {
        let registration = self.stored.registration.as_ref();
        let settled = registration.is_none_or(|registration| !registration.is_settling(asked_at));
        (settled && theirs.references == self.references).then(|| listed_references(theirs.references))
    }

    /// A POST takes effect at Protime. The references of a webhook that exists stay as they are.
    fn effect(&mut self, references: u8) -> Subscription {
        self.keys += 1;
        let (id, references) =
            self.subscription.as_ref().map_or((self.keys, references), |it| (it.id, it.references));
        let valid_until = self.now + LIFETIME;
        let subscription = Subscription { id, key: self.keys, valid_until, enabled: true, references };
        self.subscription.insert(subscription).clone()
    }

    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Pass(seconds) => self.pass(i64::from(seconds)),
            Event::Deliver(sink, takes) => self.deliver(sink, takes),
            Event::Poll => self.poll(),
            Event::Step => self.act(Outcome::Success),
            Event::Fail => self.act(Outcome::Failure),
            Event::Crash(effect) => self.act(Outcome::Lost { effect }),
            Event::Late => {
                if let Some((references, begun)) = self.late.pop() {
                    // Where ends are coarse, it comes in the time in which it is expected, or not at all.
                    if self.manner.unit == 1 || self.now <= begun + LATEST {
                        self.effect(references);
                    }
                }
            }
            Event::Foreign => {
                // What comes within two units of ours, of which no one knows whether they are cut or rounded,
                // and before a list has shown it, no one can see.
                self.pass(match self.manner.unit {
                    1 if self.may_be_cut() => 60,
                    1 => 0,
                    unit => 2 * unit,
                });
                self.effect(0);
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
            Event::Clock(seconds) => {
                // How long ago a POST was is measured on our clock: one that is set just then is too much.
                self.pass(self.manner.lag);
                self.offset = i64::from(seconds);
                self.unplanned.clear();
                if self.manner.unit != 1 {
                    self.late.clear();
                }
            }
            Event::References(which) => self.references = which,
            Event::Manual => {
                if self.stored.active.is_none() && !matches!(self.stored.remote, Remote::NeverAsked) {
                    self.begin(Reason::Manual);
                }
            }
        }
        let state = self.state();
        let known = state.proven_at.max(state.synced_at);
        assert!(known <= Some(at(self.now)), "nothing is proven of a time that is still to come");
    }

    /// Whether the end of what there is at Protime happens to be a whole minute, before any answer has shown that
    /// it writes seconds.
    fn may_be_cut(&self) -> bool {
        let known =
            self.stored.registration.as_ref().map_or(Grain::Minute, |registration| registration.grain);
        let end = self.subscription.as_ref().map(|it| Grain::of(at(it.valid_until)));
        known.max(end.unwrap_or(Grain::Milli)) == Grain::Minute
    }

    /// No more faults: polls every minute, steps as they are planned, for long enough.
    pub(super) fn calm_down(&mut self) {
        self.late.clear();
        for _ in 0..4 * 60 {
            self.poll();
            for _ in 0..40 {
                (0..SINKS).for_each(|sink| self.deliver(sink, true));
                match self.plan() {
                    Action::Wait { until, .. } => {
                        if until.is_some_and(|until| until <= self.local() + SignedDuration::from_mins(1)) {
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

pub(super) fn retry() -> Retry {
    Retry { backoff: Backoff::fixed(Duration::from_secs(5)), draw: 1.0 }
}

fn schedule() -> Schedule {
    Schedule { renew_before: Share::Fraction(1.0 / 3.0), jitter: Share::Fraction(0.05), draw: 0.5 }
}

/// The references as they are sent.
fn text(references: u8) -> String {
    ExternalReference::all(&listed_references(references))
}

/// The same as they are listed.
fn listed_references(references: u8) -> Vec<ExternalReference> {
    let reference =
        |it| ExternalReference { collection: "people".to_owned(), reference: format!("reference-{it}") };
    (references > 0).then(|| reference(references)).into_iter().collect()
}
