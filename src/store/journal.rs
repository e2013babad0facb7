//! The journal of renewals: every step is recorded before it starts and after it ends, each record
//! together with everything that changes with it, in one transaction.

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Store, StoreError,
    learnt::why_postponed,
    marks::{
        advance_stage, begin, clear_trouble, clear_trouble_of, end_step, finish, hurry, insert_step,
        open_renewal, set_trouble, stands_at,
    },
    record::millis,
};
use crate::domain::{
    gap::Gap,
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    record::{Stage, Trouble, WebhookId},
};

/// A step that was begun and has not ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    /// Whose renewal it is.
    pub(crate) webhook: WebhookId,
    /// The renewal's number.
    pub(crate) renewal: i64,
    /// The step's number.
    pub(super) step: i64,
    /// The number of the POST, in the step of that name.
    pub(super) post: Option<i64>,
}

/// A renewal that cannot finish: where it stood when that was judged, and how its end is recorded.
#[derive(Debug, Clone)]
pub(crate) struct Unfinished {
    /// Its number.
    pub(crate) renewal: i64,
    /// Where it stood.
    pub(crate) stage: Stage,
    /// How it ended.
    pub(crate) outcome: RenewalOutcome,
    /// Why.
    pub(crate) error: String,
}

impl Store {
    /// Opens a renewal and records the gap that it has to close, or returns the number of the one
    /// that is open, which is then tried at once.
    pub(crate) async fn begin(
        &self,
        webhook: WebhookId,
        reason: Reason,
        gap: Option<Gap>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.write("begin", move |connection| match open_renewal(connection, webhook)? {
            Some(renewal) => {
                hurry(connection, webhook, now)?;
                Ok(renewal)
            }
            None => begin(connection, webhook, reason, gap, now),
        })
        .await
    }

    /// Opens a renewal that was decided on when the webhook had this revision; nothing if something has
    /// happened to it since, such as the import of a key, for then it is decided again.
    pub(crate) async fn begin_as_of(
        &self,
        webhook: WebhookId,
        revision: i64,
        reason: Reason,
        gap: Option<Gap>,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        self.write("begin", move |connection| {
            let current: i64 = connection
                .prepare_cached("SELECT revision FROM webhook WHERE id = ?")?
                .query_row([webhook.0], |row| row.get(0))?;
            if current != revision || open_renewal(connection, webhook)?.is_some() {
                return Ok(None);
            }
            begin(connection, webhook, reason, gap, now).map(Some)
        })
        .await
    }

    /// Ends a renewal and opens another in the same moment; what was owed stays owed. One that has gone on
    /// since it was judged, or another one that is open by now, is tried at once instead.
    pub(crate) async fn supersede(
        &self,
        webhook: WebhookId,
        unfinished: Unfinished,
        reason: Reason,
        gap: Option<Gap>,
        now: Timestamp,
    ) -> Result<i64, StoreError> {
        self.write("supersede", move |connection| {
            if let Some(open) = open_renewal(connection, webhook)? {
                let Unfinished { renewal, stage, outcome, error } = unfinished;
                if open != renewal || !stands_at(connection, open, stage)? {
                    hurry(connection, webhook, now)?;
                    return Ok(open);
                }
                finish(connection, webhook, renewal, outcome, Some(&error), now)?;
                if outcome == RenewalOutcome::Interrupted {
                    note_lost_key(connection, webhook)?;
                }
            }
            begin(connection, webhook, reason, gap, now)
        })
        .await
    }

    /// Records that a step starts.
    pub(crate) async fn start_step(
        &self,
        webhook: WebhookId,
        renewal: i64,
        step: Step,
        now: Timestamp,
    ) -> Result<Attempt, StoreError> {
        self.write("start_step", move |connection| {
            let id = insert_step(connection, renewal, step, now)?;
            Ok(Attempt { webhook, renewal, step: id, post: None })
        })
        .await
    }

    /// Records that a step failed and when it is tried again.
    pub(crate) async fn step_failed(
        &self,
        attempt: Attempt,
        trouble: Trouble,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("step_failed", move |connection| {
            end_step(
                connection,
                attempt,
                StepOutcome::Failed,
                Some(&trouble.message),
                output.as_deref(),
                now,
            )?;
            set_trouble(connection, attempt.webhook, &trouble)
        })
        .await
    }

    /// Records that a step was ended by the daemon's stop: not the step's fault, tried at the next start.
    pub(crate) async fn step_stopped(
        &self,
        attempt: Attempt,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("step_stopped", move |connection| {
            let why = "ended because the daemon stopped";
            end_step(connection, attempt, StepOutcome::Failed, Some(why), output.as_deref(), now)
        })
        .await
    }

    /// Records what is in the way of something that is no step of a renewal.
    pub(crate) async fn hinder(&self, webhook: WebhookId, trouble: Trouble) -> Result<(), StoreError> {
        self.write("hinder", move |connection| set_trouble(connection, webhook, &trouble)).await
    }

    /// Records that the resync before the POST succeeded: every change before `covered` (on
    /// Protime's clock) has reached the receiver, what came since is still owed.
    pub(crate) async fn resynced(
        &self,
        attempt: Attempt,
        outcome: StepOutcome,
        covered: Option<Timestamp>,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("resynced", move |connection| {
            end_step(connection, attempt, outcome, None, output.as_deref(), now)?;
            clear_trouble_of(connection, attempt.webhook, Step::Resync)?;
            cover(connection, attempt.webhook, covered)?;
            advance_stage(connection, attempt.renewal, Stage::Resync, Stage::Post)?;
            Ok(())
        })
        .await
    }

    /// Records that the resync before the POST failed and that the POST goes ahead all the same.
    pub(crate) async fn resync_passed_over(
        &self,
        attempt: Attempt,
        error: String,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("resync_passed_over", move |connection| {
            end_step(connection, attempt, StepOutcome::Failed, Some(&error), output.as_deref(), now)?;
            clear_trouble_of(connection, attempt.webhook, Step::Resync)?;
            advance_stage(connection, attempt.renewal, Stage::Resync, Stage::Post)?;
            Ok(())
        })
        .await
    }

    /// Records that nothing is owed any more: every change before `covered` (on Protime's clock) has
    /// reached the receiver. The renewal has succeeded.
    pub(crate) async fn caught_up(
        &self,
        attempt: Attempt,
        outcome: StepOutcome,
        covered: Option<Timestamp>,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("caught_up", move |connection| {
            end_step(connection, attempt, outcome, None, output.as_deref(), now)?;
            clear_trouble(connection, attempt.webhook)?;
            connection
                .prepare_cached(
                    "UPDATE webhook SET owed = 0, owed_from = NULL, owed_to = NULL, \
                     synced_at = coalesce(?2, synced_at) WHERE id = ?1",
                )?
                .execute((attempt.webhook.0, covered.map(millis)))?;
            let put_off = why_postponed(connection, attempt.renewal)?;
            let ended = if put_off.is_some() { RenewalOutcome::Postponed } else { RenewalOutcome::Succeeded };
            finish(connection, attempt.webhook, attempt.renewal, ended, put_off.as_deref(), now)
        })
        .await
    }
}

/// Records that the last POST took effect although no one learnt its outcome: the key that it issued is lost.
fn note_lost_key(connection: &Connection, webhook: WebhookId) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE post SET outcome = 'fruitless' WHERE outcome IN ('unknown', 'answered') \
             AND id = (SELECT max(id) FROM post WHERE webhook_id = ?)",
        )?
        .execute([webhook.0])?;
    Ok(())
}

/// Records what a resync covered: up to there nothing is owed, from there on everything still is.
pub(super) fn cover(
    connection: &Connection,
    webhook: WebhookId,
    covered: Option<Timestamp>,
) -> Result<(), StoreError> {
    if let Some(covered) = covered {
        connection
            .prepare_cached(
                "UPDATE webhook SET synced_at = ?2, owed_from = ?2, owed_to = max(owed_to, ?2) WHERE id = ?1",
            )?
            .execute([webhook.0, millis(covered)])?;
    }
    Ok(())
}
