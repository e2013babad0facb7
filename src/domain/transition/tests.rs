//! What each event leaves as it was, and what it changes: a debt, a doubt or a failure is not forgotten on the way.

mod keys;
mod laws;
mod lists;
mod sinks;

use jiff::SignedDuration;

use super::*;
use crate::domain::{
    backoff::Backoff,
    grain::Grain,
    journal::history,
    lifetime::Share,
    post::{Post, PostOutcome},
    removed::OnRemove,
    report,
    state::{Recheck, Remote},
    webhook::{Pair, TenantName, WebhookName, WebhookPath},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn now(second: i64) -> Now {
    Now { local: at(second), protime: at(second) }
}

fn setback(step: Step) -> Setback {
    let retry = Retry { backoff: Backoff::fixed(Duration::from_secs(9)), draw: 1.0 };
    Setback { step, message: "no".to_owned(), kind: RetryKind::Transient, at_least: None, retry }
}

/// A plan without jitter for the last third of a lifetime.
fn schedule() -> Schedule {
    Schedule { renew_before: Share::Fraction(0.25), jitter: Share::Fraction(0.0), draw: 0.0 }
}

fn key(text: &str) -> WebhookKey {
    WebhookKey::new(text.to_owned()).expect("a key")
}

fn rotation(text: &str) -> Rotation {
    Rotation {
        key: key(text),
        id: Some(format!("id-of-{text}")),
        valid_until: Some(at(500)),
        local_end: false,
        issued_at: at(100),
        references: String::new(),
        latest: SignedDuration::from_secs(30),
        schedule: schedule(),
    }
}

/// A webhook, and everything that its journal says.
struct Bench {
    state: WebhookState,
    journal: Vec<Entry>,
    posts: u64,
}

impl Bench {
    /// A configured webhook with these sinks, of which nothing else is known.
    fn new(sinks: &[&str]) -> Self {
        let path = WebhookPath {
            tenant: TenantName::new("acme").expect("a name"),
            name: WebhookName::new("clockings").expect("a name"),
        };
        let pair =
            Pair { destination_url: "https://r.example/c".to_owned(), collection: "clockings".to_owned() };
        let mut bench = Self { state: WebhookState::new(path, pair), journal: Vec::new(), posts: 0 };
        bench.configure(sinks, 1);
        bench
    }

    fn configure(&mut self, sinks: &[&str], second: i64) {
        let sinks = sinks.iter().map(|&sink| sink.to_owned()).collect();
        self.happen(&Event::Configured(self.state.path.clone(), OnRemove::Keep, sinks), second);
    }

    /// Something happens; tells whether it changed anything.
    fn happen(&mut self, event: &Event, second: i64) -> bool {
        let after = apply(&self.state, event, now(second));
        let changes = after.changes(&self.state);
        self.journal.extend(after.journal);
        self.state = after.state;
        changes
    }

    fn begin(&mut self, reason: Reason, gap: Option<Gap>, second: i64) -> i64 {
        let renewal = i64::try_from(self.state.renewals).expect("few") + 1;
        self.happen(&Event::Begin { renewal, reason, gap }, second);
        renewal
    }

    fn start(&mut self, step: Step, second: i64) -> Attempt {
        self.happen(&Event::StepBegan(step), second);
        self.attempt()
    }

    fn attempt(&self) -> Attempt {
        let active = self.state.active.as_ref().expect("a renewal is open");
        Attempt { renewal: active.id, step: active.running.as_ref().expect("a step runs").number }
    }

    /// The resync before the POST ends well.
    fn resync(&mut self, to: Option<i64>, second: i64) {
        let attempt = self.start(Step::Resync, second);
        let covered = to.map(|to| Covered { from: None, to: at(to) });
        self.happen(&Event::Resynced(attempt, StepOutcome::Succeeded, covered, None), second);
    }

    fn post(&mut self, unplanned: bool, second: i64) -> PostId {
        self.posts += 1;
        let post = PostId(self.posts);
        self.happen(&Event::PostBegan { post, unplanned }, second);
        post
    }

    /// Takes a new renewal up to its rotation, at 96.
    fn rotate(&mut self, key: &str) -> u64 {
        self.rotate_with(rotation(key))
    }

    fn rotate_with(&mut self, rotation: Rotation) -> u64 {
        if self.state.active.is_none() {
            self.begin(Reason::Created, None, 90);
        }
        if self.stage() == Stage::Resync {
            self.resync(None, 91);
        }
        let post = self.post(false, 93);
        self.happen(&Event::Rotated(post, Box::new(rotation)), 96);
        self.state.registration.as_ref().expect("rotated").key_version
    }

    /// Catches up, which ends the renewal.
    fn finish(&mut self) {
        let attempt = self.start(Step::CatchUp, 97);
        let covered = Some(Covered { from: None, to: at(96) });
        self.happen(&Event::CaughtUp(attempt, StepOutcome::Succeeded, covered, None, true), 98);
    }

    fn stage(&self) -> Stage {
        self.state.active.as_ref().expect("a renewal is open").stage
    }

    fn history(&self) -> Vec<report::Renewal> {
        history(&self.journal)
    }
}
