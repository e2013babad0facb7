//! The store on real files: what it promises about opening, and that what was committed is what it gives back.

use std::{fs, os::unix::fs::PermissionsExt as _};

mod changes;
mod commits;
mod cursors;
mod history;
mod opening;
mod statements;
mod upgrade;

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::{
    backoff::Backoff,
    gap::Gap,
    key::WebhookKey,
    lifetime::Share,
    post::PostId,
    reason::{Reason, Step, StepOutcome},
    removed::OnRemove,
    renewal::{RetryKind, Stage},
    state::{Now, WebhookId, WebhookState},
    transition::{Attempt, Covered, Event, Retry, Rotation, Schedule, Setback, apply},
    webhook::{Pair, TenantName, WebhookName, WebhookPath},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn now(second: i64) -> Now {
    Now { local: at(second), protime: at(second) }
}

fn configured(name: &str, collection: &str, sinks: &[&str]) -> Configured {
    Configured {
        path: WebhookPath {
            tenant: TenantName::new("acme").expect("a name"),
            name: WebhookName::new(name).expect("a name"),
        },
        pair: Pair {
            destination_url: "https://receiver.example/".to_owned(),
            collection: collection.to_owned(),
        },
        on_remove: OnRemove::Keep,
        sinks: sinks.iter().map(|&sink| sink.to_owned()).collect(),
        fingerprint: None,
    }
}

fn setback(step: Step) -> Setback {
    let retry = Retry { backoff: Backoff::fixed(std::time::Duration::from_secs(9)), draw: 1.0 };
    Setback { step, message: "no".to_owned(), kind: RetryKind::Transient, at_least: None, retry }
}

fn rotation(key: &str) -> Box<Rotation> {
    Box::new(Rotation {
        key: WebhookKey::new(key.to_owned()).expect("a key"),
        id: Some(format!("id-of-{key}")),
        valid_until: Some(at(500)),
        local_end: false,
        issued_at: at(100),
        references: String::new(),
        latest: SignedDuration::from_secs(30),
        schedule: Schedule { renew_before: Share::Fraction(0.25), jitter: Share::Fraction(0.0), draw: 0.0 },
    })
}

struct Bench {
    store: Store,
    id: WebhookId,
    dir: tempfile::TempDir,
}

impl Bench {
    async fn new(sinks: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("opens");
        let known = store.sync_configuration(vec![configured("clockings", "clockings", sinks)], at(1));
        let id = known.await.expect("syncs")[0];
        Self { store, id, dir }
    }

    /// What is known of it in memory, which must be what is on disk.
    async fn state(&self) -> WebhookState {
        let known = self.store.state(self.id).await.expect("reads");
        let stored = self.store.states_by_id(&[self.id].into()).await.expect("reads");
        assert_eq!(*known, stored[0]);
        WebhookState::clone(&known)
    }

    async fn happen(&self, event: &Event, second: i64) -> WebhookState {
        let transition = apply(&self.state().await, event, now(second));
        let state = transition.state.clone();
        assert!(self.store.commit("test", vec![transition.into()], None).await.expect("commits"));
        state
    }

    async fn begin(&self, reason: Reason, gap: Option<Gap>, second: i64) -> i64 {
        let renewal = self.store.new_renewal();
        self.happen(&Event::Begin { renewal, reason, gap }, second).await;
        renewal
    }

    async fn start(&self, step: Step, second: i64) -> Attempt {
        let active = self.happen(&Event::StepBegan(step), second).await.active.expect("open");
        Attempt { renewal: active.id, step: active.running.expect("begun").number }
    }

    /// Takes a renewal up to its rotation, and returns the key's version.
    async fn rotate(&self, key: &str) -> u64 {
        self.begin(Reason::Created, None, 90).await;
        let attempt = self.start(Step::Resync, 91).await;
        self.happen(&Event::Resynced(attempt, StepOutcome::Succeeded, None, None), 92).await;
        let post = PostId(fastrand::u64(..));
        self.happen(&Event::PostBegan { post, unplanned: false }, 93).await;
        let state = self.happen(&Event::Rotated(post, rotation(key)), 96).await;
        state.registration.expect("rotated").key_version
    }

    /// Catches up, which ends the renewal.
    async fn finish(&self) {
        let attempt = self.start(Step::CatchUp, 97).await;
        let covered = Some(Covered { from: None, to: at(96) });
        self.happen(&Event::CaughtUp(attempt, StepOutcome::Succeeded, covered, None, true), 98).await;
    }
}
