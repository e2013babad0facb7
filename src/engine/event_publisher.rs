//! Publishes what happened, from what is on disk: events to subscribers, counts to `/metrics`, and a line in
//! the log where a problem begins or ends.
//!
//! Laws: nothing is published before it is durable; no one who works waits for a subscriber; a problem
//! that is over before anyone could have looked is no line in the log.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    mem,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{MappedMutexGuard, MutexGuard},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Engine, LONGEST_SLEEP, overview::Overview, setup::Setup};
use crate::{
    clock,
    domain::{
        event::{Event, Kind},
        journal::{Entry, InRenewal, What},
        report::{Problem, State, Webhook},
        state::WebhookId,
        webhook::{TenantName, WebhookPath},
    },
    renewal::poller::Condition,
    store::{Changed, StoreError},
    views::health,
};

/// The tenants are compared at most so often while no one asks.
const COMPARE: Duration = Duration::from_secs(1);

/// A problem is worth a line once it lasts so long.
const LASTING_PROBLEM: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct EventPublisher {
    /// What was published of the change feed; `None`: everything up to now counts as published.
    position: Option<i64>,
    /// What is still to be looked at, also when the look at it failed or was given up.
    changed: Changed,
    overview: Overview,
    /// What each tenant had last that its webhooks' states depend on.
    conditions: HashMap<TenantName, Condition>,
    compared_at: Option<Instant>,
    /// Whether the tenants were not compared since something changed.
    skipped: bool,
    /// Since when each subject has a problem, and whether the log says so.
    problems: BTreeMap<String, (Timestamp, bool)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trigger {
    /// Someone asks how things are.
    Question,
    /// Something has changed, or may have with time.
    Change,
}

impl Engine {
    /// How things are now, after everything that is on disk has been published.
    pub(crate) async fn overview(&self) -> Result<MappedMutexGuard<'_, Overview>, StoreError> {
        let mut publisher = self.shared.publisher.lock().await;
        publisher.look(self, Trigger::Question).await?;
        Ok(MutexGuard::map(publisher, |publisher| &mut publisher.overview))
    }

    /// Up to where subscribers were told of what has happened; `None` while no one has looked.
    pub(super) async fn told(&self) -> Option<i64> {
        self.shared.publisher.lock().await.position
    }
}

/// Publishes until `stop` is requested, and then what is left.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    let mut changes = engine.shared.store.changes();
    let mut published = engine.shared.event_bus.changes();
    while !stop.is_cancelled() {
        // Before the look: what comes during it may be missing in what it sees.
        changes.borrow_and_update();
        published.borrow_and_update();
        let sleep = look(&engine).await;
        engine.forget_old_snapshot();
        tokio::select! {
            _changed = changes.changed() => {}
            // A poll that failed changes no webhook, but states.
            _changed = published.changed() => {}
            () = tokio::time::sleep(sleep) => {}
            () = stop.cancelled() => {}
        }
    }
    look(&engine).await;
}

/// Publishes what is new, and returns how long to sleep.
async fn look(engine: &Engine) -> Duration {
    let mut publisher = engine.shared.publisher.lock().await;
    match publisher.look(engine, Trigger::Change).await {
        Ok(()) => publisher.sleep(),
        Err(error) => {
            tracing::debug!(%error, "what has changed could not be read; it is read again soon");
            COMPARE
        }
    }
}

impl EventPublisher {
    async fn look(&mut self, engine: &Engine, trigger: Trigger) -> Result<(), StoreError> {
        let store = &engine.shared.store;
        let position = match self.position {
            Some(position) => position,
            None => store.feed_end().await?,
        };
        if self.position.is_none() {
            self.changed = Changed::All;
        }
        // Before the setup: one that comes into force has every webhook looked at.
        self.changed.add(store.take_changed());
        let setup = engine.setup();
        self.changed.add(Changed::Webhooks(self.overview.due(clock::now())));
        self.skipped =
            trigger == Trigger::Change && self.compared_at.is_some_and(|at| at.elapsed() < COMPARE);
        if !self.skipped {
            self.compare_tenants(&setup);
        }
        if !self.changed.is_empty() {
            self.publish_changes(engine, &setup, position).await?;
        }
        if !self.skipped {
            self.note_problems(&setup);
        }
        Ok(())
    }

    async fn publish_changes(
        &mut self,
        engine: &Engine,
        setup: &Setup,
        position: i64,
    ) -> Result<(), StoreError> {
        let is_first = self.position.is_none();
        let store = &engine.shared.store;
        let feed = store.feed(position, self.changed.clone()).await?;
        // From here on nothing waits, so that no one who gives up leaves a half.
        self.position = Some(feed.position);
        let of_all = mem::take(&mut self.changed) == Changed::All;
        // Only then the states: what is known of a webhook may be of its next renewal already.
        let mut newest: HashMap<WebhookId, InRenewal> = HashMap::new();
        for (id, path, entry) in &feed.entries {
            publish_entry(engine, path, entry);
            newest.extend(entry.renewal.map(|renewal| (*id, renewal)));
        }
        let mut present = HashSet::new();
        for state in &feed.states {
            let Some(procedure) = setup.procedures.get(&state.id) else { continue };
            present.insert(state.id);
            let (view, before) = self.overview.judge(state, procedure);
            if !is_first && before != Some(view.state) {
                publish_state(engine, &state.path, view, before, newest.get(&state.id).copied());
            }
        }
        if of_all {
            self.overview.keep(&present);
        }
        Ok(())
    }

    /// How long nothing is to be looked at unless something changes.
    fn sleep(&self) -> Duration {
        let deadline = self
            .overview
            .next_deadline()
            .map(|deadline| Duration::try_from(deadline.duration_since(clock::now())).unwrap_or_default());
        let longest = if self.skipped { COMPARE } else { LONGEST_SLEEP };
        deadline.map_or(longest, |deadline| deadline.min(longest))
    }

    /// Wants a look at the webhooks of tenants of which something is different that their states depend on.
    fn compare_tenants(&mut self, setup: &Setup) {
        self.compared_at = Some(Instant::now());
        for tenant in &setup.tenants {
            let condition = tenant.condition();
            if self.conditions.get(&tenant.name) != Some(&condition) {
                self.conditions.insert(tenant.name.clone(), condition);
                self.changed.add(Changed::Webhooks(tenant.webhooks().collect()));
            }
        }
    }

    fn note_problems(&mut self, setup: &Setup) {
        let tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant));
        let mut current: BTreeMap<String, Problem> = BTreeMap::new();
        for problem in self.overview.problems_now().cloned().chain(tenants) {
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

fn publish_entry(engine: &Engine, path: &WebhookPath, Entry { at, renewal, what }: &Entry) {
    let shared = &engine.shared;
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
            Event { outcome: Some(outcome.to_string()), error: error.clone(), ..event(Kind::RenewalFinished) }
        }
    };
    shared.event_bus.publish(&event);
}

/// A state is another than was last published.
fn publish_state(
    engine: &Engine,
    path: &WebhookPath,
    view: Webhook,
    before: Option<State>,
    renewal: Option<InRenewal>,
) {
    let active = view.renewal;
    engine.shared.event_bus.publish(&Event {
        renewal_id: active.as_ref().map(|active| active.id).or(renewal.map(|renewal| renewal.id)),
        reason: active
            .map(|active| active.reason)
            .or_else(|| renewal.map(|renewal| renewal.reason.to_string())),
        error: view.last_error.map(|error| error.message),
        state: Some(view.state.as_str().to_owned()),
        previous_state: before.map(|before| before.as_str().to_owned()),
        ..Event::of_webhook(Kind::WebhookState, clock::now(), path)
    });
}
