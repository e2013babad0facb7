//! The dangerous middle: the POST that kills the old key, what to do when its outcome is unknown, and
//! the rotation to the new key.
//!
//! Laws: nothing is sent while the new key could not be kept or handed off, unless the old one is
//! dead anyway; from before the request until after its answer is stored, the outcome counts as
//! unknown; an answer that was received is held on to until it is on disk.

use std::time::Duration;

use super::{Procedure, StoreError, refused::is_early};
use crate::{
    crash,
    domain::{
        plan::differs,
        reason::{Reason, RenewalOutcome, Step},
        record::{Confirm, Issued, Listed, Now, Record, Remote, TroubleKind},
        webhook::ExternalReference,
    },
    protime::{self, PostError},
    renewal::unsaved::Awaited,
    stop::Stop,
    store::{Answer, Attempt, Rotation},
};

/// After so many times the limit of a request, a POST of ours is no longer suspected to be processed late.
const LATEST: i32 = 10;

/// How long to wait before a database that refused is tried again.
const DISK_RETRY: Duration = Duration::from_secs(1);

impl Procedure {
    pub(super) async fn post(&self, record: &Record, unplanned: bool, stop: &Stop) -> Result<(), StoreError> {
        let Some(open) = &record.open else { return Ok(()) };
        if let Some(failure) = self.unready(record).await? {
            let now = self.tenant.now();
            let attempt = self.store.start_step(self.id, open.id, Step::Post, now.local).await?;
            return self.fail(attempt, record, Step::Post, failure, now).await;
        }
        let begun = self.tenant.now();
        let Some(attempt) = self.store.start_post(self.id, open.id, unplanned, begun.local).await? else {
            return Ok(());
        };
        match self.send(record).await {
            Ok((answer, awaited)) => {
                self.keys_in_memory.hold(&self.path);
                drop(awaited);
                let answer = Answer {
                    location: answer.location,
                    body: answer.body,
                    issued_at: begun.protime,
                    references: self.wanted.references.clone(),
                };
                self.keep(attempt, answer, stop).await?;
                if record.after_end && is_early(record, begun) {
                    tracing::info!(webhook = %self.path, "Protime renews a webhook before its end after all");
                    self.store.renews_early(self.id, self.tenant.now().local).await?;
                }
                Ok(())
            }
            Err(PostError::NotProcessed(error)) => self.refused(record, attempt, &error).await,
            Err(PostError::Unknown(error)) => {
                let now = self.tenant.now();
                let trouble = self.api_trouble(record, &error, now);
                self.store.post_unknown(attempt, trouble, now.local).await
            }
        }
    }

    /// References cannot be changed on a webhook that exists: it is deleted first. Until the answer is
    /// held on to, it is awaited.
    async fn send(&self, record: &Record) -> Result<(protime::PostAnswer, Awaited), PostError> {
        if let Remote::Listed(listed) = &record.remote
            && self.has_other_references(record.issued.as_ref(), listed).await?
        {
            crash::point("delete:before");
            let deleted = self.tenant.client.delete_webhook(&listed.id).await;
            crash::point("delete:after");
            match deleted {
                Ok(()) => {
                    tracing::info!(webhook = %self.path, "deleted at Protime, to be created with other references");
                }
                Err(error) if error.status() == Some(404) => {}
                Err(error) => return Err(PostError::Unknown(error)),
            }
        }
        let awaited = self.keys_in_memory.expect();
        crash::point("post:before");
        let answer = self.tenant.client.post_webhook(&self.pair, &self.references).await;
        crash::point("post:after");
        Ok((answer?, awaited))
    }

    /// Whether the webhook that exists has other references than it is to have. We know those of our own
    /// POST; of a webhook that somebody else made, Protime is asked.
    async fn has_other_references(
        &self,
        issued: Option<&Issued>,
        listed: &Listed,
    ) -> Result<bool, PostError> {
        let ours = issued.filter(|issued| issued.id.as_ref().is_none_or(|id| *id == listed.id));
        if let Some(issued) = ours {
            return Ok(issued.references != self.wanted.references);
        }
        match self.tenant.client.get_webhook(&listed.id).await {
            Ok(webhook) => {
                let references = webhook.references.unwrap_or_default();
                let theirs = ExternalReference::all(&references);
                Ok(!ExternalReference::are_the_same(&theirs, &self.wanted.references))
            }
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(PostError::NotProcessed(error)),
        }
    }

    /// Stores an answer, however long the disk refuses: it holds the only copy of the key. Meanwhile
    /// it is also put into an emergency file, and health says so. Only when that file is written does
    /// a stop of the daemon end the waiting; until then the daemon does not end by itself.
    async fn keep(&self, attempt: Attempt, answer: Answer, stop: &Stop) -> Result<(), StoreError> {
        let mut rescued = false;
        loop {
            let now = self.tenant.now().local;
            let error = match self.store.post_answered(attempt, answer.clone(), now).await {
                Ok(()) => break,
                Err(error) => error,
            };
            self.keys_in_memory.refused(&self.path, now);
            if !rescued {
                match self.store.rescue(attempt, &answer).await {
                    Ok(path) => {
                        rescued = true;
                        self.keys_in_memory.rescued(&self.path);
                        tracing::error!(webhook = %self.path, path = %path.display(), %error, "the database refuses a new key; it is in an emergency file until the database takes it");
                    }
                    Err(second) => {
                        tracing::error!(webhook = %self.path, %error, %second, "a new key is only in memory: neither the database nor an emergency file takes it; do not stop this process, make room on the disk");
                    }
                }
            }
            if rescued && (stop.is_requested() || matches!(error, StoreError::Closed)) {
                return Err(error);
            }
            tokio::time::sleep(DISK_RETRY).await;
        }
        if self.keys_in_memory.remove(&self.path) {
            tracing::warn!(webhook = %self.path, "the database took the new key after all");
            self.store.forget_rescued(attempt);
        }
        Ok(())
    }

    /// Learns what became of a POST whose answer never came.
    pub(super) async fn resolve(&self, record: &Record) -> Result<(), StoreError> {
        let Some(open) = &record.open else { return Ok(()) };
        if let Err(error) = self.tenant.refresh().await {
            let now = self.tenant.now();
            let message =
                format!("it is unknown whether the POST was processed, and Protime does not say: {error}");
            let trouble = self.trouble(record, Step::Post, message, error.kind(), error.retry_after(), now);
            return self.store.hinder(self.id, trouble).await;
        }
        let record = self.store.record(self.id).await?;
        let had_effect = match (&record.remote, &record.issued) {
            (Remote::Listed(listed), Some(issued)) => differs(issued, listed),
            (Remote::Listed(_), None) => true,
            (Remote::Absent { .. } | Remote::NeverAsked, _) => false,
        };
        if !had_effect {
            tracing::info!(webhook = %self.path, renewal = open.id, "the POST whose answer was lost has had no effect");
            return self.store.post_had_no_effect(open.id).await;
        }
        let error = "the answer of the POST was lost, and with it the new key".to_owned();
        let now = self.tenant.now();
        self.take_over(&record, RenewalOutcome::Interrupted, error, Reason::Interrupted, now).await
    }

    pub(super) async fn rotate(&self, record: &Record) -> Result<(), StoreError> {
        let Some(open) = &record.open else { return Ok(()) };
        let Some(answer) = self.store.answer(open.id).await? else {
            let error = "the stored answer of the POST is gone".to_owned();
            let now = self.tenant.now();
            return self
                .take_over(record, RenewalOutcome::Interrupted, error, Reason::Interrupted, now)
                .await;
        };
        let now = self.tenant.now();
        let attempt = self.store.start_step(self.id, open.id, Step::Rotate, now.local).await?;
        let issued =
            match protime::interpret(answer.location.as_deref(), &answer.body, self.key_field.as_deref()) {
                Ok(issued) => issued,
                Err(no_key) => return self.no_key(attempt, record, &no_key, now).await,
            };
        let now = self.tenant.now();
        let rotation = self.rotation(&answer, issued, record.after_end, now);
        let version = self.store.rotate(attempt, rotation, now.local).await?;
        self.rotations.send_modify(|count| *count += 1);
        tracing::info!(webhook = %self.path, renewal = open.id, key_version = version, "key rotated");
        Ok(())
    }

    fn rotation(&self, answer: &Answer, issued: protime::Issued, after_end: bool, now: Now) -> Rotation {
        let timeout = jiff::SignedDuration::try_from(self.timing.request_timeout).unwrap_or_default();
        // An end without an offset may be hours off: the list may know better.
        let known = issued.valid_until.filter(|_| !issued.local_end);
        Rotation {
            key: issued.key,
            id: issued.id,
            valid_until: issued.valid_until,
            local_end: issued.local_end,
            next_renewal_at: known.map(|end| self.planned(answer.issued_at, end, after_end)),
            issued_at: answer.issued_at,
            references: answer.references.clone(),
            confirm: Confirm { at: now.local, until: now.local + timeout * LATEST },
            settled_before: now.local - timeout * LATEST,
            gap_end: now.protime,
        }
    }

    /// An object without a key may hold it under a name that an operator can tell us. Anything else is
    /// no answer of Protime's but a proxy's, say: the outcome of the POST is unknown.
    async fn no_key(
        &self,
        attempt: Attempt,
        record: &Record,
        no_key: &protime::NoKey,
        now: Now,
    ) -> Result<(), StoreError> {
        if no_key.is_object {
            let kind = TroubleKind::NeedsOperator;
            let trouble = self.trouble(record, Step::Rotate, no_key.to_string(), kind, None, now);
            return self.store.step_failed(attempt, trouble, None, now.local).await;
        }
        let kind = TroubleKind::Transient;
        let mut trouble = self.trouble(record, Step::Post, no_key.to_string(), kind, None, now);
        // That an answer came ended the count of failures, but this was none.
        trouble.attempts = self.store.posts_since_rotation(self.id).await?;
        trouble.retry_at = self.retry_at(trouble.attempts, now);
        self.store.answer_was_none(attempt, trouble, now.local).await
    }
}
