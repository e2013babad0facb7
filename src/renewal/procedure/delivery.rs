//! Giving the current key to one sink, as often as it takes.
//!
//! Laws: the deliveries of a webhook know nothing of one another, so that a sink that fails or hangs keeps
//! no other from getting the key, nor the webhook from being renewed; every attempt is recorded before it
//! starts and after it ends; the newest key wins, and ends the attempt that still carries an older one.

use std::{future::Future, time::Duration};

use futures_util::future::{Either, select};

use super::{Procedure, later};
use crate::{
    crash,
    domain::{
        errand::{Failure, FailureKind},
        reason::{Reason, Step},
        record::{Now, Record},
    },
    handoff::KeySink,
    stop::Stop,
    store::{StoreError, Undelivered},
};

/// How long to wait before a database that refused the outcome of an attempt is tried again.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

impl Procedure {
    /// Lets the renewal go on from its hand-off.
    pub(super) async fn settle(&self, record: &Record) -> Result<(), StoreError> {
        let Some(open) = &record.open else { return Ok(()) };
        let now = self.tenant.now().local;
        self.store.hand_off_settled(self.id, open.id, self.sinks.is_empty(), now).await
    }

    /// One attempt to give a sink the key that is current; nothing if it has it, or gets it already.
    pub(crate) async fn deliver(&self, sink: &KeySink, stop: &Stop) -> Result<(), StoreError> {
        let begun = self.tenant.now();
        // Before the attempt is recorded: nothing but its own end may come between it and its record.
        let record = self.store.record(self.id).await?;
        let Some(delivery) = self.store.start_delivery(self.id, sink.id(), begun.local).await? else {
            return Ok(());
        };
        let version = delivery.key.version;
        let (reason, renewal) = match (&record.open, &record.last) {
            (Some(open), _) => (open.reason, open.id),
            (None, Some(last)) => (last.reason, last.id),
            (None, None) => (Reason::Manual, 0),
        };
        let context = self.context(reason, Step::HandOff, renewal, record.synced_at, begun.protime);
        crash::point("sink:before");
        let outcome = {
            let given_up = std::pin::pin!(self.given_up(version, stop));
            sink.deliver(&context, &delivery.key.key, version, given_up).await
        };
        crash::point("sink:after");
        let now = self.tenant.now();
        match outcome {
            Ok(done) => {
                tracing::info!(webhook = %self.path, sink = %sink.label(), key_version = version, "key handed off");
                let record =
                    || self.store.delivered(self.id, sink.id(), version, done.output.clone(), now.local);
                self.insist(record, stop).await
            }
            Err(failure) if failure.kind == FailureKind::Stopped => {
                let why = if stop.is_requested() {
                    "ended because the daemon stopped"
                } else {
                    "ended because a newer key is there"
                };
                let record = || {
                    let output = failure.output.clone();
                    self.store.delivery_given_up(self.id, sink.id(), why, output, now.local)
                };
                self.insist(record, stop).await
            }
            Err(failure) => {
                let failure = self.undelivered(sink, delivery.failures, failure, now);
                let record =
                    || self.store.undelivered(self.id, sink.id(), version, failure.clone(), now.local);
                self.insist(record, stop).await
            }
        }
    }

    /// A webhook that leaves the configuration leaves its couriers, too: what takes no time is handed off
    /// now, and the rest is owed until it comes back.
    pub(crate) async fn part(&self, stop: &Stop) {
        for sink in self.sinks.iter().filter(|sink| sink.takes_no_time()) {
            if let Err(error) = self.deliver(sink, stop).await {
                tracing::error!(webhook = %self.path, sink = %sink.label(), %error, "the database refuses; a webhook that left may lack its key");
            }
        }
    }

    /// Records that an attempt ended without anybody learning how.
    pub(crate) async fn delivery_broke(&self, sink: &KeySink, stop: &Stop) -> Result<(), StoreError> {
        let Some(current) = self.store.keys(self.id).await?.current else { return Ok(()) };
        let now = self.tenant.now();
        let failure = Failure::new("the delivery ended abnormally; the log says more");
        let failure = self.undelivered(sink, 0, failure, now);
        let record =
            || self.store.undelivered(self.id, sink.id(), current.version, failure.clone(), now.local);
        self.insist(record, stop).await
    }

    fn undelivered(&self, sink: &KeySink, failures: u32, failure: Failure, now: Now) -> Undelivered {
        let attempts = failures.saturating_add(1);
        let retry_at = later(now, self.timing.backoff.delay(attempts, fastrand::f64()));
        tracing::warn!(webhook = %self.path, sink = %sink.label(), attempts, %retry_at, error = %failure, "a key sink does not take the key");
        Undelivered { message: failure.message, output: failure.output, retry_at }
    }

    /// Ready when an attempt with this version of the key is of no use any more.
    async fn given_up(&self, version: u64, stop: &Stop) {
        let newer = std::pin::pin!(self.newer_than(version));
        let stopped = std::pin::pin!(stop.requested());
        match select(newer, stopped).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }

    async fn newer_than(&self, version: u64) {
        let mut rotations = self.rotations.subscribe();
        loop {
            // A database that does not answer is no newer key.
            let current = self.store.keys(self.id).await.ok().and_then(|keys| keys.current);
            if current.is_some_and(|key| key.version > version) {
                return;
            }
            // It cannot close while we hold the sender.
            let _open = rotations.changed().await;
        }
    }

    /// Records the end of an attempt, however long the database refuses: until then the sink counts as
    /// being served. A stop ends the waiting; the next start knows that nothing runs.
    async fn insist<F>(&self, mut record: impl FnMut() -> F, stop: &Stop) -> Result<(), StoreError>
    where
        F: Future<Output = Result<(), StoreError>>,
    {
        loop {
            match record().await {
                Err(error) if !stop.is_requested() && !matches!(error, StoreError::Closed) => {
                    tracing::error!(webhook = %self.path, %error, "the database refuses the outcome of a hand-off; trying again");
                    tokio::time::sleep(DATABASE_RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }
}
