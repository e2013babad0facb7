//! The dangerous middle: the POST that kills the old key, what to do when its outcome is unknown, and
//! the rotation to the new key.
//!
//! Laws: nothing is sent while the new key could not be kept or handed off, unless the old one is
//! dead anyway; from before the request until after its answer is stored, the outcome counts as
//! unknown; an answer that was received is not let go before it is on disk.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

use super::{Procedure, StoreError, new_post, refused::is_early};
use crate::{
    domain::{
        plan::differs,
        reason::{Reason, RenewalOutcome, Step},
        renewal::RetryKind,
        state::{ListedWebhook, Registration, Remote, WebhookState},
        task::TaskError,
        transition::{Attempt, Event, Rotation, Transition, apply},
        webhook::ExternalReference,
    },
    failpoint,
    protime::{self, PostError},
    renewal::unpersisted::Awaited,
    store::Answer,
};

/// After so many times the limit of a request, a POST of ours is no longer suspected to be processed late.
const LATEST: i32 = 10;

/// How long to wait before a database that refused is tried again.
const DISK_RETRY: Duration = Duration::from_secs(1);

impl Procedure {
    /// Sends a POST; `decided` is what was decided of the state before that, and is recorded with it.
    pub(super) async fn post(
        &self,
        state: &WebhookState,
        decided: Transition,
        unplanned: bool,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        if let Some(failure) = self.unready(&decided.state).await? {
            return self.not_ready(state, decided, failure).await;
        }
        let (begun, post) = (self.tenant.now(), new_post());
        let decided = decided.then(state, &Event::PostBegan { post, unplanned }, begun);
        if self.commit_decision("start_post", state, decided).await?.is_none() {
            return Ok(());
        }
        match self.send(state).await {
            Ok((answer, awaited)) => {
                self.with.unpersisted_keys.add(&self.webhook.path);
                drop(awaited);
                let answer = Answer {
                    post,
                    webhook: self.webhook.id,
                    location: answer.location,
                    body: answer.body,
                    issued_at: begun.protime,
                    references: self.webhook.policy.references.clone(),
                };
                self.keep(answer, stop).await?;
                if state.after_end && is_early(state, begun) {
                    tracing::info!(webhook = %self.webhook.path, "Protime renews a webhook before its end after all");
                    self.tenant_renews(false, None).await?;
                }
                Ok(())
            }
            Err(PostError::NotProcessed(error)) => self.refused(post, &error).await,
            Err(PostError::Unknown(error)) => {
                self.set_back("post_unknown", &Event::PostUnknown(post, self.api_setback(&error))).await
            }
        }
    }

    async fn not_ready(
        &self,
        state: &WebhookState,
        decided: Transition,
        failure: TaskError,
    ) -> Result<(), StoreError> {
        let now = self.tenant.now();
        let begun = decided.then(state, &Event::StepBegan(Step::Post), now);
        let Some(attempt) = begun.attempt() else { return Ok(()) };
        let failed = begun.then(state, &self.failed(attempt, Step::Post, failure), now);
        if let Some(failed) = self.commit_decision("step_failed", state, self.onward(failed, state)).await? {
            self.tell_failure(&failed.state);
        }
        Ok(())
    }

    async fn send(&self, state: &WebhookState) -> Result<(protime::PostAnswer, Awaited), PostError> {
        // References cannot be changed on a webhook that exists: it is deleted first.
        if let Remote::Listed(listed) = &state.remote
            && self.has_other_references(state.registration.as_ref(), listed).await?
        {
            failpoint::hit("delete:before");
            let deleted = self.tenant.client.delete_webhook(&listed.id).await;
            failpoint::hit("delete:after");
            match deleted {
                Ok(()) => {
                    tracing::info!(webhook = %self.webhook.path, "deleted at Protime, to be created with other references");
                }
                Err(error) if error.status() == Some(404) => {}
                Err(error) => return Err(PostError::Unknown(error)),
            }
        }
        let awaited = self.with.unpersisted_keys.expect();
        failpoint::hit("post:before");
        let answer = self.tenant.client.post_webhook(&self.webhook.pair, &self.webhook.references).await;
        failpoint::hit("post:after");
        Ok((answer?, awaited))
    }

    /// Whether the webhook that exists has other references than it is to have. We know those of our own
    /// POST; of a webhook that someone else made, Protime is asked.
    async fn has_other_references(
        &self,
        registration: Option<&Registration>,
        listed: &ListedWebhook,
    ) -> Result<bool, PostError> {
        let ours =
            registration.filter(|registration| registration.id.as_ref().is_none_or(|id| *id == listed.id));
        if let Some(registration) = ours {
            return Ok(registration.references != self.webhook.policy.references);
        }
        match self.tenant.client.get_webhook(&listed.id).await {
            Ok(webhook) => {
                let references = webhook.references.unwrap_or_default();
                let theirs = ExternalReference::all(&references);
                Ok(!ExternalReference::are_the_same(&theirs, &self.webhook.policy.references))
            }
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(PostError::NotProcessed(error)),
        }
    }

    /// Stores an answer, however long the disk refuses: it is the only copy of the key. Meanwhile it is also
    /// put into an emergency file, and health says so. Only when that file is written does a stop of the
    /// daemon end the waiting; until then the daemon does not end by itself.
    async fn keep(&self, answer: Answer, stop: &CancellationToken) -> Result<(), StoreError> {
        let mut in_emergency_file = false;
        let outcome = self.outcome(&answer);
        loop {
            let error = match self.store_answer(&answer, &outcome).await {
                Ok(()) => break,
                Err(error) => error,
            };
            self.with.unpersisted_keys.refused(&self.webhook.path, self.tenant.now().local);
            self.with.store.look_at(self.webhook.id);
            if !in_emergency_file {
                match self.with.store.write_emergency_file(&answer).await {
                    Ok(path) => {
                        in_emergency_file = true;
                        self.with.unpersisted_keys.in_emergency_file(&self.webhook.path);
                        tracing::error!(webhook = %self.webhook.path, path = %path.display(), %error, "the database refuses a new key; it is in an emergency file until the database takes it");
                    }
                    Err(second) => {
                        tracing::error!(webhook = %self.webhook.path, %error, %second, "a new key is only in memory: neither the database nor an emergency file takes it; do not stop this process, make room on the disk");
                    }
                }
            }
            if in_emergency_file && (stop.is_cancelled() || matches!(error, StoreError::Closed)) {
                return Err(error);
            }
            tokio::time::sleep(DISK_RETRY).await;
        }
        if self.with.unpersisted_keys.remove(&self.webhook.path) {
            tracing::warn!(webhook = %self.webhook.path, "the database took the new key after all");
            self.with.store.forget_emergency_file(answer.post);
            self.with.store.look_at(self.webhook.id);
        }
        Ok(())
    }

    /// What the arrival of an answer makes of the webhook: the key in it becomes current; where none is found,
    /// what came is stored to be looked at.
    fn outcome(&self, answer: &Answer) -> Event {
        self.rotated(answer).unwrap_or(Event::Answered(answer.post))
    }

    fn rotated(&self, answer: &Answer) -> Result<Event, protime::NoKey> {
        let key_field = self.webhook.key_field.as_deref();
        let issued = protime::interpret(answer.location.as_deref(), &answer.body, key_field)?;
        Ok(Event::Rotated(answer.post, Box::new(self.rotation(answer, issued))))
    }

    async fn store_answer(&self, answer: &Answer, outcome: &Event) -> Result<(), StoreError> {
        let (state, now) = (self.with.store.state(self.webhook.id).await?, self.tenant.now());
        let (transition, attempts) = self.begin_deliveries(apply(&state, outcome, now), &state);
        let transition = self.onward(transition, &state);
        let told = transition.clone();
        if self.with.store.store_answer(answer.clone(), transition.into(), now.local).await? {
            self.make_deliveries(attempts, &told);
            self.tell(&told);
            return Ok(());
        }
        drop(attempts);
        self.record_outcome("answered", outcome, &[]).await?;
        Ok(())
    }

    /// Finds out what became of a POST whose answer never came.
    pub(super) async fn resolve_outcome(&self, state: &WebhookState) -> Result<(), StoreError> {
        let Some(active) = &state.active else { return Ok(()) };
        if let Err(error) = self.tenant.poll().await {
            let message =
                format!("it is unknown whether the POST was processed, and Protime does not say: {error}");
            let setback = self.setback(Step::Post, message, error.kind(), error.retry_after());
            return self.set_back("hindered", &Event::Hindered(setback)).await;
        }
        let state = self.with.store.state(self.webhook.id).await?;
        let had_effect = match (&state.remote, &state.registration) {
            (Remote::Listed(listed), Some(registration)) => differs(registration, listed),
            (Remote::Listed(_), None) => true,
            (Remote::Absent { .. } | Remote::NeverAsked, _) => false,
        };
        if !had_effect {
            tracing::info!(webhook = %self.webhook.path, renewal = active.id, "the POST whose answer was lost has had no effect");
            self.record_outcome("post_had_no_effect", &Event::PostHadNoEffect, &[]).await?;
            return Ok(());
        }
        let error = "the answer of the POST was lost, and with it the new key".to_owned();
        self.replace(&state, RenewalOutcome::Interrupted, error, Reason::Interrupted).await
    }

    /// Looks for the key in an answer that was stored without anyone having found it.
    pub(super) async fn rotate(&self, state: &WebhookState) -> Result<(), StoreError> {
        let post = state.active.as_ref().and_then(|active| active.post);
        let answer = match post {
            Some(post) => self.with.store.answer(post).await?,
            None => None,
        };
        let Some(answer) = answer else {
            let error = "the stored answer of the POST is gone".to_owned();
            return self.replace(state, RenewalOutcome::Interrupted, error, Reason::Interrupted).await;
        };
        let Some(attempt) = self.start(state, Step::Rotate).await? else { return Ok(()) };
        match self.rotated(&answer) {
            Ok(event) => {
                self.record_outcome("rotate", &event, &[]).await?;
                Ok(())
            }
            Err(no_key) => self.no_key(attempt, &answer, &no_key).await,
        }
    }

    fn rotation(&self, answer: &Answer, issued: protime::Issued) -> Rotation {
        let timeout = jiff::SignedDuration::try_from(self.with.timing.request_timeout).unwrap_or_default();
        Rotation {
            key: issued.key,
            id: issued.id,
            valid_until: issued.valid_until,
            local_end: issued.local_end,
            issued_at: answer.issued_at,
            references: answer.references.clone(),
            latest: timeout * LATEST,
            schedule: self.with.timing.schedule(),
        }
    }

    /// An object without a key may have it under a name that an operator can tell us. Anything else is not an
    /// answer of Protime's but a proxy's, say: the outcome of the POST is unknown.
    async fn no_key(
        &self,
        attempt: Attempt,
        answer: &Answer,
        no_key: &protime::NoKey,
    ) -> Result<(), StoreError> {
        let (name, event) = if no_key.is_object {
            let kind = RetryKind::NeedsOperator;
            let setback = self.setback(Step::Rotate, no_key.to_string(), kind, None);
            ("step_failed", Event::StepFailed(attempt, setback, None))
        } else {
            let setback = self.setback(Step::Post, no_key.to_string(), RetryKind::Transient, None);
            ("no_answer", Event::NoAnswer(attempt, setback, answer.location.is_some()))
        };
        self.set_back(name, &event).await
    }
}
