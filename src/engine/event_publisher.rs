//! Publishes what happened, from what is on disk: events to subscribers, counts to `/metrics`, and a line in
//! the log where a problem begins or ends.
//!
//! Laws: nothing is published before it is durable; no one who works waits for a subscriber; a problem
//! that is over before anyone could have looked is no line in the log.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{MappedMutexGuard, MutexGuard},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    Engine, LONGEST_SLEEP,
    overview::{Overview, TAKING_UP},
    setup::Setup,
    snapshot::{self, NewViews},
};
use crate::{
    clock,
    domain::{
        event::{Event, Kind},
        journal::{Entry, InRenewal, What},
        report::{Problem, State, Webhook},
        state::{WebhookId, WebhookState},
        webhook::{TenantName, WebhookPath},
    },
    renewal::poller::Condition,
    store::{Changed, StoreError, Written},
    views::{
        health::{self, Health},
        metrics::Glance,
    },
};

/// The tenants are compared at most so often while no one asks.
const COMPARE: Duration = Duration::from_secs(1);

/// So many webhooks are read at a time where all of them are looked at.
const PAGE: u32 = 100;

/// A problem is worth a line once it lasts so long.
const LASTING_PROBLEM: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct EventPublisher {
    /// Whether every webhook was looked at once; what has happened before counts as published.
    began: bool,
    /// What is still to be published, also when the look at it failed or was given up.
    changed: Changed,
    /// While every webhook is looked at, a page at a time: the last one that was.
    all_behind: Option<WebhookId>,
    overview: Overview,
    /// What each tenant had last that its webhooks' states depend on.
    conditions: HashMap<TenantName, Condition>,
    compared_at: Option<Instant>,
    /// How many polls had ended then, and since when the setup was in force.
    compared: (u64, Option<Timestamp>),
    /// What was wrong with them.
    of_tenants: Vec<Problem>,
    /// What is wrong, until something has changed.
    health: Option<Told>,
    /// Since when the database is known to be damaged.
    damaged_at: Option<Timestamp>,
    /// What has become of the views of webhooks; `None` while no one wants to know.
    views: Option<NewViews>,
    /// Whether the tenants were not compared since something changed.
    skipped: bool,
    /// Since when each subject has a problem, and whether the log says so.
    problems: BTreeMap<String, (Timestamp, bool)>,
}

#[derive(Debug)]
struct Told {
    health: Arc<Health>,
    /// With which configuration, and since when something is wrong with the next one, and with the database.
    with: (Timestamp, Option<Timestamp>, Option<Timestamp>),
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

    /// What is wrong now, and what is told of every webhook, by tenant and name: both of one moment.
    pub(crate) async fn moment(&self) -> Result<(Arc<Health>, Arc<Vec<Arc<Glance>>>), StoreError> {
        let mut publisher = self.shared.publisher.lock().await;
        publisher.look(self, Trigger::Question).await?;
        Ok((publisher.health(self), publisher.overview.glances()))
    }

    /// What is wrong now; made once, until something has changed.
    pub(crate) async fn health(&self) -> Result<Arc<Health>, StoreError> {
        let mut publisher = self.shared.publisher.lock().await;
        publisher.look(self, Trigger::Question).await?;
        Ok(publisher.health(self))
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
        engine.forget_snapshot(snapshot::KEPT).await;
        engine.shared.store.forget_idle();
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
        // Before the setup: one that comes into force has every webhook looked at.
        self.changed.add(engine.shared.store.take_changed());
        if !self.began && self.all_behind.is_none() {
            self.changed = Changed::all();
        }
        let setup = engine.setup();
        self.changed.looks.extend(self.overview.due(clock::now()));
        // Before the tenants are looked at: one that ends meanwhile has them looked at again.
        let compared = (engine.shared.event_bus.polls(), Some(setup.loaded_at));
        let is_due = self.compared_at.is_none_or(|at| at.elapsed() >= COMPARE)
            || trigger == Trigger::Question && compared != self.compared;
        if is_due {
            self.compared = compared;
            self.compare_tenants(&setup);
        }
        self.skipped = !is_due && (self.skipped || trigger == Trigger::Change);
        while !self.changed.is_empty() || self.all_behind.is_some() {
            self.publish_changes(engine).await?;
        }
        self.began = true;
        if is_due {
            self.note_problems();
        }
        Ok(())
    }

    fn health(&mut self, engine: &Engine) -> Arc<Health> {
        let config_error = engine.config_error.borrow();
        let loaded_at = engine.setup().loaded_at;
        let damage = engine.shared.store.damage();
        let damaged_at = damage.map(|_| *self.damaged_at.get_or_insert_with(clock::now));
        let with = (loaded_at, config_error.as_ref().map(|error| error.at), damaged_at);
        if let Some(told) = self.health.as_ref().filter(|told| told.with == with) {
            return Arc::clone(&told.health);
        }
        let of_config = config_error.as_ref().map(|error| health::of_config(error, loaded_at));
        let of_database = damage.zip(damaged_at).map(|(detail, since)| health::of_database(detail, since));
        let of_tenants = self.of_tenants.iter().cloned();
        let problems = of_config.into_iter().chain(of_database).chain(of_tenants);
        let health = Arc::new(health::health(problems.chain(self.overview.problems()).collect()));
        self.health = Some(Told { health: Arc::clone(&health), with });
        health
    }

    /// From now on the views that change are kept.
    pub(super) fn follow_views(&mut self, engine: &Engine) {
        let polls = engine.shared.event_bus.polls();
        // Those of now are about to be made anyway.
        let _made = self.views.insert(NewViews::default()).polled(&engine.setup(), polls);
    }

    pub(super) fn unfollow_views(&mut self) {
        self.views = None;
    }

    /// The views that have changed since they were last asked for.
    pub(super) async fn new_views(&mut self, engine: &Engine) -> Result<NewViews, StoreError> {
        let polls = engine.shared.event_bus.polls();
        if let Some(views) = &mut self.views {
            self.changed.looks.extend(views.polled(&engine.setup(), polls));
        }
        // Those that are due have another state by now, whether someone has taken them up or not.
        self.changed.looks.extend(self.overview.due(clock::now() + TAKING_UP));
        self.look(engine, Trigger::Question).await?;
        Ok(self.views.as_mut().map(NewViews::take).unwrap_or_default())
    }

    /// Publishes what has changed, and looks at those of whom more is wanted, but no more than a page of all.
    async fn publish_changes(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let store = &engine.shared.store;
        if mem::take(&mut self.changed.all) {
            self.all_behind = Some(WebhookId(0));
            self.views.iter_mut().for_each(NewViews::begin_all);
        }
        let mut read = match self.all_behind {
            Some(last) => store.states_behind(last, PAGE).await?,
            None => Vec::new(),
        };
        let all_behind = read.last().map(|state| state.id);
        let mut looks = self.changed.looks.clone();
        let at_hand = store.states_at_hand(&mut looks);
        if !looks.is_empty() {
            read.extend(store.states_by_id(&looks).await?);
        }
        // A state that is younger than what was told would tell the end of what was not told yet.
        if !read.is_empty() {
            store.caught_up().await;
        }
        self.changed.add(store.take_changed());
        // From here on nothing waits, so that no one who gives up leaves a half.
        let changed = mem::take(&mut self.changed);
        self.changed.all = changed.all;
        self.health = None;
        let setup = engine.setup();
        // What was written is as young as what was read, or younger.
        let mut states: HashMap<WebhookId, Arc<WebhookState>> =
            read.into_iter().map(Arc::new).chain(at_hand).map(|state| (state.id, state)).collect();
        let mut newest: HashMap<WebhookId, InRenewal> = HashMap::new();
        let mut order: Vec<WebhookId> = states.keys().copied().collect();
        for Written { state, journal, .. } in changed.written {
            for entry in &journal {
                publish_entry(engine, &state.path, entry);
                newest.extend(entry.renewal.map(|renewal| (state.id, renewal)));
            }
            order.push(state.id);
            states.insert(state.id, state);
        }
        // Only then the states, and each once.
        for state in order.into_iter().filter_map(|id| states.remove(&id)) {
            let Some(procedure) = setup.procedures.get(&state.id) else { continue };
            let (view, before) = self.overview.judge(&state, procedure);
            if let Some(views) = &mut self.views {
                views.add(state.id, &state.path, &view);
            }
            if (self.began || before.is_some()) && before != Some(view.state) {
                publish_state(engine, &state.path, view, before, newest.get(&state.id).copied());
            }
        }
        if self.all_behind.is_some() && all_behind.is_none() {
            let is_present = |id| setup.procedures.contains_key(&id);
            self.overview.retain(is_present);
            if let Some(views) = &mut self.views {
                // Those that are followed only since the middle are not all.
                self.changed.all |= !views.end_all(is_present);
            }
        }
        self.all_behind = all_behind;
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
                self.changed.looks.extend(tenant.webhooks());
            }
        }
        let of_tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant)).collect();
        if self.of_tenants != of_tenants {
            self.of_tenants = of_tenants;
            self.health = None;
        }
    }

    fn note_problems(&mut self) {
        let of_tenants = self.of_tenants.iter();
        let mut current: BTreeMap<String, Problem> = BTreeMap::new();
        for problem in self.overview.problems_now().chain(of_tenants).cloned() {
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
