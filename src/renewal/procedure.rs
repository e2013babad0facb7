//! Does one thing for one webhook, and records it before and after: [`Procedure::advance`] loads what is stored,
//! asks [`plan`], and does what it says.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    deliveries::Deliveries, poller::Tenant, timing::Timing, unpersisted::UnpersistedKeys, webhook::Webhook,
};
use crate::{
    domain::{
        plan::{Action, Policy, is_in_time, next_look, plan},
        post::PostId,
        reason::{Reason, RenewalOutcome, Step},
        renewal::{RetryKind, Stage},
        state::{Now, WebhookState},
        task::{TaskContext, TaskError, TaskErrorKind},
        transition::{Attempt, Event, Setback, Transition, later},
    },
    store::{Look, Store, StoreError},
};

mod closing;
mod committing;
mod delivery;
pub(crate) mod import;
mod page_reader;
mod post;
mod preflight;
mod reading;
mod refused;

/// What does the renewals of one webhook. Clones do the same.
#[derive(Debug, Clone)]
pub(crate) struct Procedure {
    pub(crate) webhook: Arc<Webhook>,
    pub(crate) tenant: Arc<Tenant>,
    with: Arc<Dependencies>,
}

/// What the procedures of a setup share.
#[derive(Debug)]
pub(crate) struct Dependencies {
    pub(crate) timing: Timing,
    pub(crate) store: Store,
    /// Counts rotations, for those who wait for one.
    pub(crate) rotations: watch::Sender<u64>,
    pub(crate) deliveries: Deliveries,
    /// Says whose new key the database refuses.
    pub(crate) unpersisted_keys: UnpersistedKeys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Something was done; there may be more to do.
    Acted,
    /// Nothing is to be done before the time that was stored.
    Waiting,
}

impl Procedure {
    pub(crate) fn new(webhook: Arc<Webhook>, tenant: Arc<Tenant>, with: Arc<Dependencies>) -> Self {
        Self { webhook, tenant, with }
    }

    /// Since when the database refuses the new key, on our clock, if it does.
    pub(crate) fn key_refused_since(&self) -> Option<Timestamp> {
        self.with.unpersisted_keys.since(&self.webhook.path)
    }

    /// Does the next thing, if there is one. While the daemon stops, only what protects a key that
    /// Protime has already issued is done.
    pub(crate) async fn advance(&self, stop: &CancellationToken) -> Result<Advance, StoreError> {
        let state = self.with.store.state(self.webhook.id).await?;
        let now = self.tenant.now();
        let plan = plan(&state, &self.webhook.policy, now);
        if stop.is_cancelled() && !matches!(plan, Action::Rotate) {
            return Ok(Advance::Waiting);
        }
        self.carry_out(plan, &state, now, stop).instrument(self.span(&state)).await
    }

    /// Every line of a renewal tells whose it is: those of rooms, too, that do not know. At the level `info`
    /// lines speak for themselves.
    fn span(&self, state: &WebhookState) -> tracing::Span {
        state.active.as_ref().map_or_else(tracing::Span::none, |active| {
            tracing::debug_span!(
                "renewal",
                tenant = %self.webhook.path.tenant,
                webhook = %self.webhook.path,
                renewal = active.id,
                reason = %active.reason,
            )
        })
    }

    async fn carry_out(
        &self,
        plan: Action,
        state: &WebhookState,
        now: Now,
        stop: &CancellationToken,
    ) -> Result<Advance, StoreError> {
        match plan {
            Action::Wait { until, contended } => {
                if contended {
                    tracing::error!(webhook = %self.webhook.path, "contended: someone else keeps renewing this webhook, or it is disabled again and again; waiting");
                }
                if is_in_time(state.next_action_at, until, now) {
                    return Ok(Advance::Waiting);
                }
                let scheduled = self
                    .with
                    .store
                    .schedule(Look { id: state.id, at: until, revision: state.revision })
                    .await?;
                return Ok(if scheduled { Advance::Waiting } else { Advance::Acted });
            }
            Action::Begin(Reason::ReferencesChanged) => self.change_references(stop).await?,
            Action::Begin(reason) => self.begin(state, reason, now, stop).await?,
            Action::Supersede(reason) => self.supersede(state, reason).await?,
            Action::Resync => return self.resync(state, stop).await,
            Action::Skip(which) => {
                self.decide("skip", state, &Event::StepSkipped(which)).await?;
            }
            Action::Post { unplanned } => {
                self.post(state, Transition::none(state), unplanned, stop).await?;
            }
            Action::ResolveOutcome => self.resolve_outcome(state).await?,
            Action::Rotate => self.rotate(state).await?,
            Action::Settle => {
                self.decide("settle", state, &Event::HandOffSettled).await?;
            }
            Action::CatchUp => return self.catch_up(state, stop).await,
            Action::Recheck => self.recheck(state).await?,
            Action::KeepDeltaAlive => return self.keep_delta_alive(state, stop).await,
        }
        Ok(Advance::Acted)
    }

    /// Records that a step starts; `None` if something has happened since it was decided on.
    async fn start(&self, state: &WebhookState, step: Step) -> Result<Option<Attempt>, StoreError> {
        let begun = self.decide("start_step", state, &Event::StepBegan(step)).await?;
        Ok(begun.and_then(|transition| transition.attempt()))
    }

    /// Opens a renewal because someone asks for it, and returns its number. One that is open already
    /// is tried at once instead, unless it is stuck with an answer that has no key in it, when only another
    /// POST can bring one, or kept back by the cap on unplanned POSTs.
    pub(crate) async fn renew_now(&self) -> Result<i64, StoreError> {
        loop {
            let state = self.with.store.state(self.webhook.id).await?;
            let now = self.tenant.now();
            let decision = match (&state.active, why_superseded(&state, &self.webhook.policy, now)) {
                (Some(_), Some(error)) => {
                    self.take_over(&state, RenewalOutcome::Failed, error, Reason::Manual, now)
                }
                (Some(_), None) => Event::Hurry,
                (None, _) => self.beginning(&state, Reason::Manual, now),
            };
            if let Some(transition) = self.decide("renew_now", &state, &decision).await? {
                let (_, renewal) = transition.state.newest_renewal();
                tracing::info!(webhook = %self.webhook.path, renewal, "a renewal was asked for");
                return Ok(renewal);
            }
        }
    }

    fn beginning(&self, state: &WebhookState, reason: Reason, now: Now) -> Event {
        Event::Begin { renewal: self.with.store.new_renewal(), reason, gap: self.gap(state, now) }
    }

    async fn begin(
        &self,
        state: &WebhookState,
        reason: Reason,
        now: Now,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let begun = self.apply(state, &self.beginning(state, reason, now));
        if let Action::Post { unplanned } = plan(&begun.state, &self.webhook.policy, now) {
            // Nothing lies between the two: they are recorded together.
            let span = self.span(&begun.state);
            return Box::pin(self.post(state, begun, unplanned, stop)).instrument(span).await;
        }
        self.commit_decision("begin", state, begun).await?;
        Ok(())
    }

    async fn change_references(&self, stop: &CancellationToken) -> Result<(), StoreError> {
        // Protime is asked first: a fresh list may show that it has the wanted references already, as it does for a
        // webhook that was taken over from someone else. A failure is noted with the tenant, and the renewal meets it
        // again.
        let _noted = self.tenant.poll().await;
        let (state, now) = (self.with.store.state(self.webhook.id).await?, self.tenant.now());
        match plan(&state, &self.webhook.policy, now) {
            Action::Begin(reason) => self.begin(&state, reason, now, stop).await,
            _ => Ok(()),
        }
    }

    async fn supersede(&self, state: &WebhookState, reason: Reason) -> Result<(), StoreError> {
        let error = state
            .retry
            .as_ref()
            .map_or_else(|| format!("another renewal took over: {reason}"), |retry| retry.message.clone());
        self.replace(state, RenewalOutcome::Failed, error, reason).await
    }

    async fn replace(
        &self,
        state: &WebhookState,
        outcome: RenewalOutcome,
        error: String,
        reason: Reason,
    ) -> Result<(), StoreError> {
        let decision = self.take_over(state, outcome, error, reason, self.tenant.now());
        self.decide("supersede", state, &decision).await?;
        Ok(())
    }

    fn take_over(
        &self,
        state: &WebhookState,
        outcome: RenewalOutcome,
        error: String,
        reason: Reason,
        now: Now,
    ) -> Event {
        let (renewal, gap) = (self.with.store.new_renewal(), self.gap(state, now));
        Event::Supersede { renewal, reason, gap, outcome, error }
    }

    async fn recheck(&self, state: &WebhookState) -> Result<(), StoreError> {
        let asked = self.tenant.poll().await;
        let now = self.tenant.now();
        let timeout = SignedDuration::try_from(self.with.timing.request_timeout).unwrap_or_default();
        let next = if asked.is_ok() {
            next_look(state, timeout, now)
        } else {
            let delay = self.with.timing.backoff.delay(3, fastrand::f64());
            Some(later(now, delay.max(Duration::from_millis(100))))
        };
        self.record_outcome("rechecked", &Event::Rechecked { before: state.recheck, next }, &[]).await?;
        Ok(())
    }

    fn context(
        &self,
        reason: Reason,
        step: Step,
        renewal_id: i64,
        from: Option<Timestamp>,
        to: Timestamp,
    ) -> TaskContext {
        TaskContext {
            tenant: self.webhook.path.tenant.clone(),
            webhook: self.webhook.path.name.clone(),
            collection: self.webhook.pair.collection.clone(),
            destination_url: self.webhook.pair.destination_url.clone(),
            reason,
            step,
            renewal_id,
            from,
            to,
        }
    }

    async fn stopped(&self, attempt: Attempt, failure: TaskError) -> Result<Advance, StoreError> {
        self.record_outcome("step_stopped", &Event::StepStopped(attempt, failure.output), &[]).await?;
        Ok(Advance::Waiting)
    }

    async fn fail(&self, attempt: Attempt, step: Step, failure: TaskError) -> Result<(), StoreError> {
        self.set_back("step_failed", &self.failed(attempt, step, failure)).await
    }

    fn failed(&self, attempt: Attempt, step: Step, failure: TaskError) -> Event {
        let (kind, wait) = match failure.kind {
            TaskErrorKind::NeedsOperator => (RetryKind::NeedsOperator, None),
            TaskErrorKind::Later(wait) => (RetryKind::Transient, Some(wait)),
            TaskErrorKind::Failed | TaskErrorKind::Stopped | TaskErrorKind::KeyRefused => {
                (RetryKind::Transient, None)
            }
        };
        let setback = self.setback(step, failure.message, kind, wait);
        Event::StepFailed(attempt, setback, failure.output)
    }

    /// Records that a step failed, and says so.
    async fn set_back(&self, name: &'static str, failure: &Event) -> Result<(), StoreError> {
        let state = self.record_outcome(name, failure, &[]).await?;
        self.tell_failure(&state);
        Ok(())
    }

    fn tell_failure(&self, state: &WebhookState) {
        if let Some(retry) = &state.retry {
            tracing::warn!(webhook = %self.webhook.path, step = %retry.step, attempts = retry.attempts, retry_at = %retry.retry_at, error = %retry.message, "a step failed");
        }
    }

    fn setback(&self, step: Step, message: String, kind: RetryKind, at_least: Option<Duration>) -> Setback {
        Setback { step, message, kind, at_least, retry: self.with.timing.retry() }
    }
}

/// Why a renewal that someone asks for takes the place of the open one, if it does.
fn why_superseded(state: &WebhookState, policy: &Policy, now: Now) -> Option<String> {
    let active = state.active.as_ref()?;
    let stuck = state.retry.as_ref().filter(|retry| {
        retry.kind == RetryKind::NeedsOperator && (active.stage, retry.step) == (Stage::Rotate, Step::Rotate)
    });
    match stuck {
        Some(retry) => Some(retry.message.clone()),
        // Only a wish gets past the cap.
        None => matches!(plan(state, policy, now), Action::Wait { contended: true, .. })
            .then(|| "another renewal took over: someone asked for it".to_owned()),
    }
}

/// A number for a POST, which no other has.
fn new_post() -> PostId {
    PostId(fastrand::u64(..))
}
