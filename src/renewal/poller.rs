//! Asks a tenant for its list of webhooks, stores what it says, and lets every webhook be judged again.
//!
//! Laws: the list is the truth, one request for all webhooks of a tenant; a caller that asks for a fresh list
//! gets one that was asked for *after* its call, shared with everyone who called in time; a list that is older
//! than a POST is not believed about that webhook (`post_marks` sees to that).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use self::repeated::Compared;
use super::{listing::Listing, references::OtherReferences, timing::Timing, webhook::Webhook};
use crate::{
    claims::Claims,
    clock,
    domain::{
        event::{self, Kind},
        removed::RemovedWebhook,
        renewal::RetryKind,
        state::{LastList, Now, WebhookId},
        transition::{Event, apply},
        webhook::{Pair, TenantName},
    },
    event_bus::EventBus,
    protime::{ApiError, TenantClient, normalized},
    store::{OfTenant, Store, StoreError},
};

/// A wrong signature leads to another list only so long after the last that did.
const SUSPICION: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum PollError {
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error("it was read, and could not be stored: {0}")]
    Store(#[from] StoreError),
}

impl PollError {
    pub(crate) fn kind(&self) -> RetryKind {
        match self {
            Self::Api(ApiError::NeedsOperator { .. }) => RetryKind::NeedsOperator,
            Self::Api(ApiError::Transient { .. }) | Self::Store(_) => RetryKind::Transient,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Api(error) => error.retry_after(),
            Self::Store(_) => None,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Polls {
    /// When the list was last asked for, on our clock.
    pub(crate) last_attempt: Option<Timestamp>,
    /// When Protime last answered with the list, on our clock.
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) failing: Option<Failing>,
    /// How many have ended.
    ended: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Failing {
    pub(crate) error: PollError,
    /// When the one began that failed last, on our clock.
    pub(crate) began_at: Timestamp,
    /// Since when, on our clock.
    pub(crate) since: Timestamp,
    pub(crate) attempts: u32,
    /// When to try again besides the regular polls.
    pub(crate) retry_at: Instant,
    /// The same on our clock, for people.
    pub(crate) again_at: Timestamp,
}

/// What of a tenant the states of its webhooks depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Condition {
    /// What keeps its list from being read.
    failing: Option<(RetryKind, String)>,
    /// What Protime did not grant.
    missing_scopes: Vec<String>,
}

/// One tenant: its client, its webhooks, and what its polls said.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) name: TenantName,
    pub(crate) client: TenantClient,
    store: Store,
    webhooks: HashMap<WebhookId, Arc<Webhook>>,
    timing: Timing,
    wake: Arc<Notify>,
    event_bus: EventBus,
    begun: AtomicU64,
    latest: tokio::sync::Mutex<Latest>,
    polls: Mutex<Polls>,
    /// The retry that is under way.
    retrying: Claims<()>,
    suspected: Mutex<Option<Instant>>,
    other_references: OtherReferences,
    compared: Mutex<Option<Compared>>,
}

#[derive(Debug)]
struct Latest {
    number: u64,
    outcome: Result<(), PollError>,
}

impl Tenant {
    /// A tenant with its configured webhooks. `wake` is notified when a webhook wants attention.
    pub(crate) fn new(
        name: TenantName,
        client: TenantClient,
        store: Store,
        webhooks: &[Arc<Webhook>],
        timing: Timing,
        wake: Arc<Notify>,
        event_bus: EventBus,
    ) -> Self {
        Self {
            name,
            client,
            store,
            webhooks: webhooks.iter().map(|webhook| (webhook.id, Arc::clone(webhook))).collect(),
            timing,
            retrying: Claims::new(Arc::clone(&wake)),
            wake,
            event_bus,
            begun: AtomicU64::new(0),
            latest: tokio::sync::Mutex::new(Latest { number: 0, outcome: Ok(()) }),
            polls: Mutex::new(Polls::default()),
            suspected: Mutex::new(None),
            other_references: OtherReferences::default(),
            compared: Mutex::new(None),
        }
    }

    /// The present on both clocks. Until Protime has answered once, its clock is taken to be ours.
    pub(crate) fn now(&self) -> Now {
        let local = clock::now();
        Now { local, protime: self.client.protime_time().unwrap_or(local) }
    }

    /// Whether Protime's clock is known, and not just taken to be ours.
    pub(crate) fn knows_the_time(&self) -> bool {
        self.client.clock_skew().is_some()
    }

    pub(crate) fn polls(&self) -> Polls {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When Protime last answered with the list, on our clock.
    pub(crate) fn last_list_at(&self) -> Option<Timestamp> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner).last_success
    }

    /// How many polls have ended: as long as it is the same, the views of its webhooks are, but for their states.
    pub(crate) fn ended_polls(&self) -> u64 {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    pub(crate) fn condition(&self) -> Condition {
        let failing = self.polls().failing.map(|failing| (failing.error.kind(), failing.error.to_string()));
        Condition { failing, missing_scopes: self.client.missing_scopes() }
    }

    /// The webhooks that the configuration has of it.
    pub(crate) fn webhooks(&self) -> impl Iterator<Item = WebhookId> {
        self.webhooks.keys().copied()
    }

    pub(crate) fn has_sinks(&self) -> bool {
        self.webhooks.values().any(|webhook| !webhook.sinks.is_empty())
    }

    /// Gets and stores a list that was asked for after this call began.
    pub(crate) async fn poll(&self) -> Result<(), PollError> {
        let asked_after = self.begun.load(Ordering::SeqCst);
        let mut latest = self.latest.lock().await;
        if latest.number <= asked_after {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            // A call that is given up in the middle leaves no outcome to those that wait.
            let outcome = self.ask().await;
            *latest = Latest { number, outcome };
            self.note(&latest.outcome);
            self.tell(&latest.outcome);
        }
        latest.outcome.clone()
    }

    /// Gets a fresh list because an event was signed with an unknown key: someone else may have renewed its
    /// webhook. Forged events cannot make us ask more often than seldom.
    pub(crate) async fn suspect(&self) {
        {
            let mut suspected = self.suspected.lock().unwrap_or_else(PoisonError::into_inner);
            if suspected.is_some_and(|last| last.elapsed() < SUSPICION) {
                return;
            }
            *suspected = Some(Instant::now());
        }
        tracing::warn!(tenant = %self.name, "an event is signed with an unknown key; looking whether someone else renewed its webhook");
        // A failure is noted with the tenant and leads to a retry.
        let _noted = self.poll().await;
    }

    async fn ask(&self) -> Result<(), PollError> {
        self.polls.lock().unwrap_or_else(PoisonError::into_inner).last_attempt = Some(clock::now());
        let writes = self.store.writes_of(&self.name);
        // Where it repeats the last one, no webhook is to be read.
        let mut before = if self.compared().is_none() { Some(self.post_marks().await?) } else { None };
        // Measured before the list, on a clock that no one can set; the first list proves nothing.
        let asked_at_protime = self.knows_the_time().then(|| self.now().protime);
        let list = LastList { asked_at: clock::now(), asked_at_protime };
        let listed = self.client.list_webhooks().await?;
        if listed.odd.is_empty() && self.compared().is_some_and(|last| last.is_repeated_by(&listed.webhooks))
        {
            let of_tenant = OfTenant::Listed(self.name.clone(), list, Vec::new());
            self.store.commit("apply_list", Vec::new(), Some(of_tenant)).await?;
            return Ok(());
        }
        if before.is_none() {
            let marks = self.post_marks().await?;
            // As they were before it was asked for, unless something has happened since: then it may be older.
            if self.store.writes_of(&self.name) == writes {
                before = Some(marks);
            }
        }
        let Some(before) = before else {
            *self.lock_compared() = None;
            return Box::pin(self.ask()).await;
        };
        self.refuse_odd_ones_of_ours(&listed).await?;
        let listing = Listing::new(listed.webhooks);
        while !self.take(&listing, &before, list).await? {}
        self.wake.notify_one();
        Ok(())
    }

    /// How often POSTs have begun and ended for the webhooks that are looked for in a list.
    async fn post_marks(&self) -> Result<HashMap<WebhookId, u64>, StoreError> {
        // A reload may make others known meanwhile: what no one looks for here is not absent.
        let states = self.store.states_of(&self.name).await?.into_iter();
        let ours = states.filter(|state| !state.configured || self.webhooks.contains_key(&state.id));
        Ok(ours.map(|state| (state.id, state.post_marks)).collect())
    }

    fn lock_compared(&self) -> MutexGuard<'_, Option<Compared>> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configured pairs, in a form in which they can be compared.
    fn pairs(&self) -> HashSet<(String, String)> {
        self.webhooks.values().map(|webhook| normalized(&webhook.pair)).collect()
    }

    /// The external references that Protime lists for a webhook, if they are not the configured ones.
    pub(crate) fn other_references(&self, id: WebhookId) -> Option<String> {
        self.other_references.of(id)
    }

    /// Deletes at Protime a webhook that left the configuration; one that is gone already is as good.
    pub(crate) async fn delete_removed(
        &self,
        removed: &RemovedWebhook,
        remote_id: &str,
    ) -> Result<(), PollError> {
        match self.client.delete_webhook(remote_id).await {
            Err(error) if error.status() != Some(404) => Err(error.into()),
            Ok(()) | Err(_) => Ok(self.note_gone(removed.id).await?),
        }
    }

    async fn note_gone(&self, id: WebhookId) -> Result<(), StoreError> {
        loop {
            let (state, now) = (self.store.state(id).await?, self.now());
            let transition = apply(&state, &Event::Gone(now.local), now);
            if !transition.changes(&state)
                || self.store.commit("removed_webhook_deleted", vec![transition.into()], None).await?
            {
                return Ok(());
            }
        }
    }

    /// Takes over what an earlier setup knew of the same tenant: what its polls said and, if it is still
    /// the same Protime, what time it is there.
    pub(crate) fn continue_from(&self, earlier: &Self) {
        self.client.continue_from(&earlier.client);
        *self.polls.lock().unwrap_or_else(PoisonError::into_inner) = earlier.polls();
    }

    /// Whether two spellings of a pair are of the webhook of one tenant at Protime.
    pub(crate) fn is_claimed_by(&self, pair: &Pair, other: &Self) -> bool {
        self.client.same_origin(&other.client)
            && other.webhooks.values().any(|webhook| normalized(&webhook.pair) == normalized(pair))
    }

    fn tell(&self, outcome: &Result<(), PollError>) {
        let error = outcome.as_ref().err().map(ToString::to_string);
        let word = if error.is_none() { "succeeded" } else { "failed" };
        self.event_bus.publish(&event::Event {
            outcome: Some(word.to_owned()),
            error,
            ..event::Event::of_tenant(Kind::PollFinished, clock::now(), &self.name)
        });
    }

    fn note(&self, outcome: &Result<(), PollError>) {
        let now = clock::now();
        let mut polls = self.polls.lock().unwrap_or_else(PoisonError::into_inner);
        polls.ended += 1;
        match outcome {
            Ok(()) => {
                if polls.failing.take().is_some() {
                    tracing::info!(tenant = %self.name, "Protime answers again");
                }
                polls.last_success = Some(now);
            }
            Err(error) => {
                let (since, attempts) =
                    polls.failing.as_ref().map_or((now, 0), |failing| (failing.since, failing.attempts));
                let attempts = attempts + 1;
                let delay = match error.kind() {
                    RetryKind::Transient => self.timing.backoff.delay(attempts, fastrand::f64()),
                    RetryKind::NeedsOperator => self.timing.backoff.slow(fastrand::f64()),
                };
                let delay = delay.max(error.retry_after().unwrap_or_default());
                tracing::warn!(tenant = %self.name, %error, attempts, ?delay, "the list of webhooks could not be read");
                let retry_at = Instant::now() + delay;
                let again_at = now + SignedDuration::try_from(delay).unwrap_or_default();
                let (error, began_at) = (error.clone(), polls.last_attempt.unwrap_or(now));
                polls.failing = Some(Failing { error, began_at, since, attempts, retry_at, again_at });
                self.wake.notify_one();
            }
        }
    }
}

mod odd;
mod repeated;
mod retrying;
mod scopes;
mod taking;
