//! Publishes what happened, from what is on disk: events to subscribers, counts to `/metrics`, and a line in
//! the log where a problem begins or ends.
//!
//! Laws: nothing is published before it is durable; no one who works waits for a subscriber; a problem
//! that is over before anyone could have looked is no line in the log.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Engine, LONGEST_SLEEP};
use crate::{
    clock,
    domain::{
        event::{Event, Kind},
        journal::{Entry, InRenewal, What},
        report::{Problem, State},
        state::{WebhookId, WebhookState},
        webhook::WebhookPath,
    },
    renewal::procedure::Procedure,
    store::{Of, StoreError},
    views::{health, webhook as webhook_view},
};

/// All webhooks are compared at most so often; one with entries in the change feed is compared at once.
const COMPARE: Duration = Duration::from_secs(1);

/// A problem is worth a line once it lasts so long.
const LASTING_PROBLEM: SignedDuration = SignedDuration::from_secs(10);

pub(crate) struct EventPublisher {
    engine: Engine,
    position: i64,
    /// The state of each webhook that was last published.
    states: HashMap<WebhookId, State>,
    compared: Instant,
    /// Since when each subject has a problem, and whether the log says so.
    problems: BTreeMap<String, (Timestamp, bool)>,
}

impl EventPublisher {
    /// Takes everything up to now as published.
    pub(crate) async fn new(engine: Engine) -> Result<Self, StoreError> {
        let end = engine.shared.store.feed_end().await?;
        let feed = engine.shared.store.feed(end, Of::All).await?;
        let mut publisher = Self {
            engine,
            position: feed.position,
            states: HashMap::new(),
            compared: Instant::now(),
            problems: BTreeMap::new(),
        };
        for (state, procedure) in &publisher.served(feed.states) {
            publisher.states.insert(state.id, webhook_view::webhook(state, procedure).state);
        }
        Ok(publisher)
    }

    /// Publishes until `stop` is requested, and then what is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.engine.shared.store.commits();
        let mut published = self.engine.shared.event_bus.changes();
        while !stop.is_cancelled() {
            // Before the look: what comes during it may be missing in what it sees.
            commits.borrow_and_update();
            published.borrow_and_update();
            let compared_all = self.look().await;
            let came = commits.has_changed().unwrap_or(false) || published.has_changed().unwrap_or(false);
            // What we published ourselves does not wake us.
            published.borrow_and_update();
            let sleep = if compared_all && !came { LONGEST_SLEEP } else { COMPARE };
            tokio::select! {
                _changed = commits.changed() => {}
                // A poll that failed changes no record, but states.
                _changed = published.changed() => {}
                () = tokio::time::sleep(sleep) => {}
                () = stop.cancelled() => {}
            }
        }
        self.look().await;
    }

    /// Publishes what is new, and returns whether every webhook was compared.
    async fn look(&mut self) -> bool {
        self.publish().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the journal could not be read for its news; it is read again soon");
            false
        })
    }

    async fn publish(&mut self) -> Result<bool, StoreError> {
        let whole = self.compared.elapsed() >= COMPARE;
        let of = if whole { Of::All } else { Of::ItsEntries };
        let feed = self.engine.shared.store.feed(self.position, of).await?;
        self.position = feed.position;
        // Only now: what is known of a webhook may be of its next renewal already.
        let mut newest: BTreeMap<WebhookId, InRenewal> = BTreeMap::new();
        for (id, path, entry) in &feed.entries {
            self.publish_entry(path, entry);
            newest.extend(entry.renewal.map(|renewal| (*id, renewal)));
        }
        let known = self.served(feed.states);
        for (state, procedure) in &known {
            self.compare(state, procedure, newest.get(&state.id).copied());
        }
        if whole {
            self.compared = Instant::now();
            let present: HashSet<WebhookId> = known.iter().map(|(state, _)| state.id).collect();
            self.states.retain(|id, _| present.contains(id));
            self.note_problems(&known);
        }
        Ok(whole)
    }

    fn publish_entry(&self, path: &WebhookPath, Entry { at, renewal, what }: &Entry) {
        let shared = self.engine.shared.clone();
        let event = |kind| Event {
            renewal_id: renewal.map(|renewal| renewal.id),
            reason: renewal.map(|renewal| renewal.reason.to_string()),
            ..Event::of_webhook(kind, *at, path)
        };
        let event = match what {
            What::Began => event(Kind::RenewalStarted),
            What::StepBegan { step, .. } => Event {
                step: Some(step.to_string()),
                outcome: Some("started".to_owned()),
                ..event(Kind::RenewalStep)
            },
            What::StepEnded { step, began_at, outcome, error, .. } => {
                let took = Duration::try_from(at.duration_since(*began_at)).unwrap_or_default();
                shared.counters.step(step.as_str(), took);
                Event {
                    step: Some(step.to_string()),
                    outcome: Some(outcome.to_string()),
                    error: error.clone(),
                    ..event(Kind::RenewalStep)
                }
            }
            What::Rotated { version, fingerprint } => Event {
                key_version: Some(*version),
                fingerprint: Some(fingerprint.clone()),
                ..event(Kind::KeyRotated)
            },
            What::Ended { outcome, error } => {
                let reason = renewal.map_or("", |renewal| renewal.reason.as_str());
                shared.counters.renewal(reason, outcome.as_str());
                Event {
                    outcome: Some(outcome.to_string()),
                    error: error.clone(),
                    ..event(Kind::RenewalFinished)
                }
            }
        };
        shared.event_bus.publish(&event);
    }

    /// Publishes the state if it is another than was last published.
    fn compare(&mut self, state: &WebhookState, procedure: &Procedure, renewal: Option<InRenewal>) {
        let view = webhook_view::webhook(state, procedure);
        let before = self.states.insert(state.id, view.state);
        if before == Some(view.state) {
            return;
        }
        let active = view.renewal;
        self.engine.shared.event_bus.publish(&Event {
            renewal_id: active.as_ref().map(|active| active.id).or(renewal.map(|renewal| renewal.id)),
            reason: active
                .map(|active| active.reason)
                .or_else(|| renewal.map(|renewal| renewal.reason.to_string())),
            error: view.last_error.map(|error| error.message),
            state: Some(view.state.as_str().to_owned()),
            previous_state: before.map(|before| before.as_str().to_owned()),
            ..Event::of_webhook(Kind::WebhookState, clock::now(), &state.path)
        });
    }

    /// Those whose webhooks are configured.
    fn served(&self, states: Vec<WebhookState>) -> Vec<(WebhookState, Arc<Procedure>)> {
        let setup = self.engine.setup();
        states
            .into_iter()
            .filter_map(|state| {
                let procedure = setup.procedures.get(&state.id)?.clone();
                Some((state, procedure))
            })
            .collect()
    }

    fn note_problems(&mut self, known: &[(WebhookState, Arc<Procedure>)]) {
        let setup = self.engine.setup();
        let webhooks = known.iter().filter_map(|(state, procedure)| health::of_webhook(state, procedure));
        let tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant));
        let mut current: BTreeMap<String, Problem> = BTreeMap::new();
        for problem in webhooks.chain(tenants) {
            let subject = problem.webhook.clone().or_else(|| problem.tenant.clone()).unwrap_or_default();
            current.entry(subject).or_insert(problem);
        }
        let now = clock::now();
        self.problems.retain(|subject, (since, logged)| {
            let over = !current.contains_key(subject);
            if over && *logged {
                tracing::info!(subject, %since, "a problem is over");
            }
            !over
        });
        for (subject, problem) in current {
            let (since, logged) = self.problems.entry(subject.clone()).or_insert((now, false));
            if !*logged && now.duration_since(*since) >= LASTING_PROBLEM {
                *logged = true;
                tracing::warn!(subject, since = %problem.since, problem = problem.problem, "there is a problem");
            }
        }
    }
}
