//! Giving the current key to one sink, as often as it takes.
//!
//! Laws: the deliveries of a webhook know nothing of one another, so that a sink that fails or hangs keeps
//! no other from getting the key, nor the webhook from being renewed; every attempt is recorded before it
//! starts (what takes no time: with the rotation that brings the key) and after it ends; the newest key wins, and
//! ends the attempt that still carries an older one.

use std::sync::Arc;

use tokio::select;
use tokio_util::sync::CancellationToken;

use super::Procedure;
use crate::{
    domain::{
        key::WebhookKey,
        reason::Step,
        state::WebhookState,
        task::{TaskError, TaskErrorKind},
        transition::{Event, Transition},
    },
    failpoint,
    handoff::KeySink,
    renewal::{
        DATABASE_RETRY,
        deliveries::{Begun, Room},
    },
    store::{Known, StoreError, StoredKey},
};

impl Procedure {
    /// One attempt to give a sink the key that is current; nothing if it has it, or gets it already.
    pub(crate) async fn deliver(&self, sink: &KeySink, stop: &CancellationToken) -> Result<(), StoreError> {
        let Some((state, key)) = self.start_delivery(&sink.id()).await? else { return Ok(()) };
        self.hand_over(sink, &state, &key.key, key.version, stop).await
    }

    /// The attempt itself, which is recorded as begun in `state`.
    pub(crate) async fn hand_over(
        &self,
        sink: &KeySink,
        state: &WebhookState,
        key: &WebhookKey,
        version: u64,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let name = sink.id();
        let (reason, renewal) = state.newest_renewal();
        let now = self.tenant.now().protime;
        let context = self.context(reason, Step::HandOff, renewal, state.synced_at, now);
        failpoint::hit("sink:before");
        let outcome = {
            let given_up = std::pin::pin!(self.given_up(version, stop));
            sink.deliver(&context, key, version, given_up).await
        };
        failpoint::hit("sink:after");
        let event = match outcome {
            Ok(output) => {
                tracing::info!(webhook = %self.webhook.path, sink = %sink.label(), key_version = version, "key handed off");
                Event::Delivered(name, version, output)
            }
            Err(failure) if failure.kind == TaskErrorKind::Stopped => {
                let why = if stop.is_cancelled() {
                    "ended because the daemon stopped"
                } else {
                    "ended because a newer key is there"
                };
                Event::DeliveryGivenUp(name, why, failure.output)
            }
            Err(failure) => return self.undelivered(sink, version, failure, stop).await,
        };
        self.insist(&event, stop).await.map(drop)
    }

    /// Records that a sink is about to get the current key; `None` if it has it, or gets it already.
    async fn start_delivery(&self, sink: &str) -> Result<Option<(Arc<WebhookState>, StoredKey)>, StoreError> {
        let begun = Event::DeliveryBegan(sink.to_owned());
        loop {
            let Known { state, keys } = self.with.store.known(self.webhook.id).await?;
            let Some(key) = keys.current.clone() else { return Ok(None) };
            let transition = self.apply(&state, &begun);
            if !transition.changes(&state) {
                return Ok(None);
            }
            let state = Arc::new(transition.state.clone());
            if self.commit("start_delivery", transition.into()).await? {
                return Ok(Some((state, key)));
            }
        }
    }

    /// Begins the attempts that take no time, where there is room for them, in the moment of the rotation. `before` is
    /// the state that it came of.
    pub(super) fn begin_deliveries(
        &self,
        mut rotated: Transition,
        before: &WebhookState,
    ) -> (Transition, Vec<(KeySink, Room)>) {
        let mut attempts = Vec::new();
        if rotated.key.is_none() {
            return (rotated, attempts);
        }
        for sink in self.webhook.sinks.iter().filter(|sink| sink.takes_no_time()) {
            let name = sink.id();
            let is_due = rotated.state.sinks.iter().any(|outbox| outbox.sink == name && outbox.may_begin());
            if is_due && let Some(room) = self.with.deliveries.room() {
                rotated = rotated.then(before, &Event::DeliveryBegan(name), self.tenant.now());
                attempts.push((sink.clone(), room));
            }
        }
        (rotated, attempts)
    }

    /// Lets the attempts be made that have begun with a rotation, now that it is on disk.
    pub(super) fn make_deliveries(&self, attempts: Vec<(KeySink, Room)>, rotated: &Transition) {
        let (Some(key), Some(registration)) = (&rotated.key, &rotated.state.registration) else { return };
        let (state, version) = (Arc::new(rotated.state.clone()), registration.key_version);
        for (sink, room) in attempts {
            let (procedure, state, key) = (self.clone(), Arc::clone(&state), key.0.clone());
            self.with.deliveries.add(Begun { procedure, sink, state, key, version, room });
        }
    }

    /// Owes a sink the key again, because it was found to lack this version of it; false if that is not
    /// what it has to have any more, or it gets a key already.
    pub(crate) async fn hand_off_again(&self, sink: String, version: u64) -> Result<bool, StoreError> {
        let state = self.record_outcome("key_gone", &Event::KeyGone(sink.clone(), version), &[]).await?;
        Ok(state.had_key(&sink) && !state.has_key(&sink))
    }

    /// A webhook that leaves the configuration leaves its workers, too: what takes no time is handed off
    /// now, and the rest is owed until it comes back.
    pub(crate) async fn part(&self, stop: &CancellationToken) {
        for sink in self.webhook.sinks.iter().filter(|sink| sink.takes_no_time()) {
            if let Err(error) = self.deliver(sink, stop).await {
                tracing::error!(webhook = %self.webhook.path, sink = %sink.label(), %error, "the database refuses; a webhook that left may lack its key");
            }
        }
    }

    /// Records that an attempt ended without anyone knowing how.
    pub(crate) async fn delivery_broke(
        &self,
        sink: &KeySink,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let Some(current) = self.with.store.keys(self.webhook.id).await?.current else { return Ok(()) };
        let failure = TaskError::new("the delivery ended abnormally; the log says more");
        self.undelivered(sink, current.version, failure, stop).await
    }

    /// Records that an attempt failed, and says so.
    async fn undelivered(
        &self,
        sink: &KeySink,
        version: u64,
        failure: TaskError,
        stop: &CancellationToken,
    ) -> Result<(), StoreError> {
        let TaskError { message, output, .. } = failure;
        let event = Event::Undelivered(sink.id(), version, message, output, self.with.timing.retry());
        let state = self.insist(&event, stop).await?;
        let outbox = state.sinks.iter().find(|outbox| outbox.sink == sink.id());
        if let Some((outbox, failure)) = outbox.and_then(|it| Some((it, it.failure.as_ref()?))) {
            let retry_at = outbox.retry_at.unwrap_or(failure.at);
            tracing::warn!(webhook = %self.webhook.path, sink = %sink.label(), attempts = outbox.attempts, %retry_at, error = %failure.message, "a key sink does not take the key");
        }
        Ok(())
    }

    /// Ready when an attempt with this version of the key is of no use any more.
    async fn given_up(&self, version: u64, stop: &CancellationToken) {
        select! {
            () = self.newer_than(version) => {}
            () = stop.cancelled() => {}
        }
    }

    async fn newer_than(&self, version: u64) {
        let mut rotations = self.with.rotations.subscribe();
        loop {
            // A database that does not answer does not mean a newer key.
            let current = self.with.store.keys(self.webhook.id).await.ok().and_then(|keys| keys.current);
            if current.is_some_and(|key| key.version > version) {
                return;
            }
            // It cannot close while we have the sender.
            let _open = rotations.changed().await;
        }
    }

    /// Records the end of an attempt, however long the database refuses: until then the sink counts as
    /// being served. A stop ends the waiting; the next start knows that nothing runs.
    async fn insist(
        &self,
        outcome: &Event,
        stop: &CancellationToken,
    ) -> Result<Arc<WebhookState>, StoreError> {
        loop {
            match self.record_outcome("delivery_ended", outcome, &[]).await {
                Err(error) if !stop.is_cancelled() && !matches!(error, StoreError::Closed) => {
                    tracing::error!(webhook = %self.webhook.path, %error, "the database refuses the outcome of a hand-off; trying again");
                    tokio::time::sleep(DATABASE_RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }
}
