//! Does one thing for one webhook, and records it before and after.
//!
//! [`Procedure::advance`] loads what is stored, asks [`plan`], and does what it says. All the state
//! is in the store, so that the process may die between any two lines: the next start goes on from
//! what was recorded.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tracing::Instrument as _;

use super::{reconcile::Tenant, unsaved::KeysInMemory};
use crate::{
    domain::{
        backoff::Backoff,
        errand::{Context, Failure, FailureKind},
        lifetime::{Share, renewal_time},
        plan::{LOOKS, Plan, Wanted, plan},
        reason::{Reason, RenewalOutcome, Step},
        record::{Listed, Now, Open, Record, Stage, Trouble, TroubleKind, WebhookId},
        webhook::{ExternalReference, Pair, WebhookPath},
    },
    handoff::KeySink,
    resync::Resync,
    stop::Stop,
    store::{Attempt, Learnt, Store, StoreError, Unfinished},
};

mod closing;
mod delivery;
mod import;
mod post;
mod preflight;
mod reading;
mod refused;
mod walker;

/// The durations and shares of the policy.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// How long before the end to renew.
    pub(crate) renew_before: Share,
    /// Over which part of the lifetime to spread.
    pub(crate) jitter: Share,
    /// How much earlier than the last proof of delivery a gap begins.
    pub(crate) gap_margin: Duration,
    /// How failures are retried.
    pub(crate) backoff: Backoff,
    /// After this a POST is given up, and its outcome unknown.
    pub(crate) request_timeout: Duration,
}

/// Everything that renewals of one webhook need.
#[derive(Debug)]
pub(crate) struct Procedure {
    /// The webhook's number in the store.
    pub(crate) id: WebhookId,
    /// What it is called.
    pub(crate) path: WebhookPath,
    /// What identifies it.
    pub(crate) pair: Pair,
    /// The external references to POST.
    pub(crate) references: Vec<ExternalReference>,
    /// What its plan depends on.
    pub(crate) wanted: Wanted,
    /// How a gap is closed.
    pub(crate) resync: Resync,
    /// Whether the POST goes ahead when the resync fails.
    pub(crate) proceed: bool,
    /// Who gets the key.
    pub(crate) sinks: Vec<KeySink>,
    /// Name of the key's property, if it is none of the known ones.
    pub(crate) key_field: Option<String>,
    /// The policy.
    pub(crate) timing: Timing,
    /// The tenant.
    pub(crate) tenant: Arc<Tenant>,
    /// The database.
    pub(crate) store: Store,
    /// Counts rotations, for those who wait for one.
    pub(crate) rotations: watch::Sender<u64>,
    /// Says whose new key the database refuses.
    pub(crate) keys_in_memory: KeysInMemory,
}

/// What became of an [`advance`](Procedure::advance).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Something was done; there may be more to do.
    Acted,
    /// Nothing is to be done before the time that was stored.
    Waiting,
}

impl Procedure {
    /// Does the next thing, if there is one. While the daemon stops, only what protects a key that
    /// Protime has already issued is done.
    pub(crate) async fn advance(&self, stop: &Stop) -> Result<Advance, StoreError> {
        let record = self.store.record(self.id).await?;
        let now = self.tenant.now();
        let plan = plan(&record, &self.wanted, now);
        if stop.is_requested() && !matches!(plan, Plan::Rotate) {
            return Ok(Advance::Waiting);
        }
        // Every line of a renewal tells whose it is: those of rooms, too, that do not know. At the level
        // `info` lines speak for themselves.
        let span = record.open.as_ref().map_or_else(tracing::Span::none, |open| {
            tracing::debug_span!(
                "renewal",
                tenant = %self.path.tenant,
                webhook = %self.path,
                renewal = open.id,
                reason = %open.reason,
            )
        });
        self.carry_out(plan, &record, now, stop).instrument(span).await
    }

    async fn carry_out(
        &self,
        plan: Plan,
        record: &Record,
        now: Now,
        stop: &Stop,
    ) -> Result<Advance, StoreError> {
        match plan {
            Plan::Wait { until, contended } => {
                if contended {
                    tracing::error!(webhook = %self.path, "contended: somebody else keeps renewing this webhook, or it is disabled again and again; waiting");
                }
                let scheduled = self.store.schedule(self.id, until, record.revision).await?;
                return Ok(if scheduled { Advance::Waiting } else { Advance::Acted });
            }
            Plan::Begin(Reason::ReferencesChanged) => self.change_references().await?,
            Plan::Begin(reason) => self.begin(record, reason, now).await?,
            Plan::Supersede(reason) => self.supersede(record, reason, now).await?,
            Plan::Resync => return self.resync(record, stop).await,
            Plan::Post { unplanned } => self.post(record, unplanned, stop).await?,
            Plan::Resolve => self.resolve(record).await?,
            Plan::Rotate => self.rotate(record).await?,
            Plan::Settle => self.settle(record).await?,
            Plan::CatchUp => return self.catch_up(record, stop).await,
            Plan::Learn(listed) => self.learn(record, *listed).await?,
            Plan::Confirm => self.confirm(record).await?,
            Plan::Refresh => return self.refresh(record, stop).await,
        }
        Ok(Advance::Acted)
    }

    /// Opens a renewal because somebody asks for it, and returns its number. One that is open already
    /// is tried at once instead, unless it is stuck with an answer that has no key in it, when only another
    /// POST can bring one, or held up by the cap on unplanned POSTs.
    pub(crate) async fn renew_now(&self) -> Result<i64, StoreError> {
        let record = self.store.record(self.id).await?;
        let now = self.tenant.now();
        let gap = self.gap(&record, now);
        let stuck = record.open.as_ref().zip(record.trouble.as_ref()).filter(|(open, trouble)| {
            trouble.kind == TroubleKind::NeedsOperator
                && (open.stage, trouble.step) == (Stage::Rotate, Step::Rotate)
        });
        let renewal = match stuck {
            Some((open, trouble)) => {
                let unfinished = unfinished(open, RenewalOutcome::Failed, trouble.message.clone());
                self.store.supersede(self.id, unfinished, Reason::Manual, gap, now.local).await?
            }
            None => match &record.open {
                // Only a wish gets past the cap.
                Some(open) if is_contended(&plan(&record, &self.wanted, now)) => {
                    let error = "another renewal took over: someone asked for it".to_owned();
                    let unfinished = unfinished(open, RenewalOutcome::Failed, error);
                    self.store.supersede(self.id, unfinished, Reason::Manual, gap, now.local).await?
                }
                _ => self.store.begin(self.id, Reason::Manual, gap, now.local).await?,
            },
        };
        tracing::info!(webhook = %self.path, renewal, "a renewal was asked for");
        Ok(renewal)
    }

    async fn begin(&self, record: &Record, reason: Reason, now: Now) -> Result<(), StoreError> {
        let gap = self.gap(record, now);
        match self.store.begin_as_of(self.id, record.revision, reason, gap, now.local).await? {
            Some(renewal) => {
                tracing::info!(webhook = %self.path, renewal, %reason, "renewal started");
            }
            None => {
                tracing::debug!(webhook = %self.path, %reason, "not renewed: something has happened since");
            }
        }
        Ok(())
    }

    /// Asks Protime first: a fresh list may show that it has the wanted references already, as it does for
    /// a webhook that was taken over from somebody else.
    async fn change_references(&self) -> Result<(), StoreError> {
        // A failure is noted with the tenant, and the renewal meets it again.
        let _noted = self.tenant.refresh().await;
        let (record, now) = (self.store.record(self.id).await?, self.tenant.now());
        match plan(&record, &self.wanted, now) {
            Plan::Begin(reason) => self.begin(&record, reason, now).await,
            _ => Ok(()),
        }
    }

    async fn supersede(&self, record: &Record, reason: Reason, now: Now) -> Result<(), StoreError> {
        let error = record.trouble.as_ref().map_or_else(
            || format!("another renewal took over: {reason}"),
            |trouble| trouble.message.clone(),
        );
        self.take_over(record, RenewalOutcome::Failed, error, reason, now).await
    }

    async fn take_over(
        &self,
        record: &Record,
        outcome: RenewalOutcome,
        error: String,
        reason: Reason,
        now: Now,
    ) -> Result<(), StoreError> {
        let Some(open) = &record.open else { return Ok(()) };
        let gap = self.gap(record, now);
        let unfinished = unfinished(open, outcome, error);
        let renewal = self.store.supersede(self.id, unfinished, reason, gap, now.local).await?;
        tracing::warn!(webhook = %self.path, renewal, %reason, "renewal started in place of one that could not finish");
        Ok(())
    }

    async fn learn(&self, record: &Record, listed: Listed) -> Result<(), StoreError> {
        let Some(issued) = &record.issued else { return Ok(()) };
        let keeps = issued.valid_until.is_some() && (!issued.local_end || listed.local_end);
        let end = if keeps { issued.valid_until } else { listed.valid_until };
        let planned = end.map(|end| self.planned(issued.at, end, record.after_end));
        let learnt = Learnt {
            id: listed.id,
            shown: listed.valid_until,
            valid_until: end,
            local_end: if keeps { issued.local_end } else { listed.local_end },
            next_renewal_at: planned,
        };
        self.store.learn(self.id, learnt, record.revision).await
    }

    async fn confirm(&self, record: &Record) -> Result<(), StoreError> {
        let asked = self.tenant.refresh().await;
        let now = self.tenant.now().local;
        let timeout = SignedDuration::try_from(self.timing.request_timeout).unwrap_or_default();
        let rotated_at = record.issued.as_ref().map_or(now, |issued| issued.rotated_at);
        let next = if asked.is_err() {
            let delay = self.timing.backoff.delay(3, fastrand::f64()).max(Duration::from_millis(100));
            Some(now + SignedDuration::try_from(delay).unwrap_or(SignedDuration::from_secs(1)))
        } else {
            // The last look ends the time in which a difference is our own doing.
            record.confirm.and_then(|confirm| {
                let looks = LOOKS.into_iter().chain([timeout]).map(|after| rotated_at + after);
                let looks = looks.filter(|look| *look < confirm.until).chain([confirm.until]);
                looks.filter(|look| now < *look).min()
            })
        };
        self.store.confirm_next(self.id, record.confirm, next).await
    }

    /// When to renew a webhook; at its end, where Protime refuses before.
    fn planned(&self, issued_at: Timestamp, valid_until: Timestamp, after_end: bool) -> Timestamp {
        if after_end {
            return valid_until;
        }
        let Timing { renew_before, jitter, .. } = self.timing;
        renewal_time(issued_at, valid_until, renew_before, jitter, fastrand::f64())
    }

    fn context(
        &self,
        reason: Reason,
        step: Step,
        renewal_id: i64,
        from: Option<Timestamp>,
        to: Timestamp,
    ) -> Context {
        Context {
            tenant: self.path.tenant.clone(),
            webhook: self.path.name.clone(),
            collection: self.pair.collection.clone(),
            destination_url: self.pair.destination_url.clone(),
            reason,
            step,
            renewal_id,
            from,
            to,
        }
    }

    async fn stopped(&self, attempt: Attempt, failure: Failure, now: Now) -> Result<Advance, StoreError> {
        self.store.step_stopped(attempt, failure.output, now.local).await?;
        Ok(Advance::Waiting)
    }

    async fn fail(
        &self,
        attempt: Attempt,
        record: &Record,
        step: Step,
        failure: Failure,
        now: Now,
    ) -> Result<(), StoreError> {
        let (kind, wait) = match failure.kind {
            FailureKind::NeedsOperator => (TroubleKind::NeedsOperator, None),
            FailureKind::Later(wait) => (TroubleKind::Transient, Some(wait)),
            FailureKind::Failed | FailureKind::Stopped | FailureKind::KeyRefused => {
                (TroubleKind::Transient, None)
            }
        };
        let trouble = self.trouble(record, step, failure.message, kind, wait, now);
        self.store.step_failed(attempt, trouble, failure.output, now.local).await
    }

    fn retry_at(&self, attempts: u32, now: Now) -> Timestamp {
        later(now, self.timing.backoff.delay(attempts, fastrand::f64()))
    }

    /// A failure with the time of its retry; the attempts at the same step are counted on.
    fn trouble(
        &self,
        record: &Record,
        step: Step,
        message: String,
        kind: TroubleKind,
        retry_after: Option<Duration>,
        now: Now,
    ) -> Trouble {
        let before = record.trouble.as_ref().filter(|trouble| trouble.step == step);
        let attempts = before.map_or(0, |trouble| trouble.attempts).saturating_add(1);
        let delay = match kind {
            TroubleKind::Transient => self.timing.backoff.delay(attempts, fastrand::f64()),
            TroubleKind::NeedsOperator => self.timing.backoff.slow(fastrand::f64()),
        };
        let delay = delay.max(retry_after.unwrap_or_default());
        let retry_at = later(now, delay);
        tracing::warn!(webhook = %self.path, %step, attempts, %retry_at, error = %message, "a step failed");
        let since = before.map_or(now.local, |trouble| trouble.since);
        Trouble { at: now.local, since, step, message, kind, attempts, retry_at }
    }
}

fn is_contended(plan: &Plan) -> bool {
    matches!(plan, Plan::Wait { contended: true, .. })
}

fn unfinished(open: &Open, outcome: RenewalOutcome, error: String) -> Unfinished {
    Unfinished { renewal: open.id, stage: open.stage, outcome, error }
}

fn later(now: Now, delay: Duration) -> Timestamp {
    SignedDuration::try_from(delay)
        .ok()
        .and_then(|delay| now.local.checked_add(delay).ok())
        .unwrap_or(now.local)
}
