//! The single marks that the journal's records are made of. Each runs inside a transaction of its caller.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{StoreError, journal::Attempt, record::millis};
use crate::domain::{
    gap::Gap,
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    record::{Stage, Trouble, TroubleKind, WebhookId},
};

/// So many renewals of a webhook are kept.
const KEPT_RENEWALS: i64 = 500;

/// What is known of a POST is of use for an hour; it is kept for a day.
const POSTS_KEPT_MS: i64 = 24 * 3_600 * 1_000;

pub(super) fn open_renewal(connection: &Connection, webhook: WebhookId) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id FROM renewal WHERE webhook_id = ? AND finished_at IS NULL")?
        .query_row([webhook.0], |row| row.get(0))
        .optional()?)
}

pub(super) fn begin(
    connection: &Connection,
    webhook: WebhookId,
    reason: Reason,
    gap: Option<Gap>,
    now: Timestamp,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO renewal (webhook_id, reason, stage, started_at) VALUES (?, ?, ?, ?)")?
        .execute((webhook.0, reason.as_str(), Stage::Resync.as_str(), millis(now)))?;
    let renewal = connection.last_insert_rowid();
    if let Some(gap) = gap {
        // What is owed already stays so, whatever the caller knew of it; the minimum with NULL is NULL.
        connection
            .prepare_cached(
                "UPDATE webhook SET owed = 1, owed_from = CASE WHEN owed THEN min(owed_from, ?2) ELSE ?2 END, \
                 owed_to = CASE WHEN owed THEN max(owed_to, ?3) ELSE ?3 END WHERE id = ?1",
            )?
            .execute((webhook.0, gap.from.map(millis), millis(gap.to)))?;
    }
    look_again(connection, webhook, now)?;
    Ok(renewal)
}

/// Lets a webhook be judged anew: it may go on.
pub(super) fn look_again(
    connection: &Connection,
    webhook: WebhookId,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE webhook SET next_action_at = ?2, revision = revision + 1 WHERE id = ?1")?
        .execute([webhook.0, millis(now)])?;
    Ok(())
}

/// Lets what waits be tried at once, its key sinks too, with the number of attempts as it is.
pub(super) fn hurry(connection: &Connection, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET next_action_at = ?2, revision = revision + 1, \
             trouble_retry_at = min(trouble_retry_at, ?2) WHERE id = ?1",
        )?
        .execute([webhook.0, millis(now)])?;
    connection
        .prepare_cached("UPDATE sink SET retry_at = min(retry_at, ?2) WHERE webhook_id = ?1")?
        .execute([webhook.0, millis(now)])?;
    Ok(())
}

pub(super) fn finish(
    connection: &Connection,
    webhook: WebhookId,
    renewal: i64,
    outcome: RenewalOutcome,
    error: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE renewal SET finished_at = :now, outcome = :outcome, error = :error WHERE id = :renewal",
        )?
        .execute(named_params! {
            ":renewal": renewal, ":now": millis(now), ":outcome": outcome.as_str(), ":error": error,
        })?;
    connection
        .prepare_cached(
            "DELETE FROM renewal WHERE webhook_id = :webhook AND id <= (SELECT id FROM renewal \
             WHERE webhook_id = :webhook ORDER BY id DESC LIMIT 1 OFFSET :kept)",
        )?
        .execute(named_params! {":webhook": webhook.0, ":kept": KEPT_RENEWALS})?;
    connection
        // What lies that far ahead began on a clock that was wrong.
        .prepare_cached("DELETE FROM post WHERE webhook_id = ?1 AND (begun_at < ?2 OR begun_at > ?3)")?
        .execute((webhook.0, millis(now) - POSTS_KEPT_MS, millis(now) + POSTS_KEPT_MS))?;
    Ok(())
}

pub(super) fn insert_step(
    connection: &Connection,
    renewal: i64,
    step: Step,
    now: Timestamp,
) -> Result<i64, StoreError> {
    connection
        .prepare_cached("INSERT INTO step (renewal_id, step, started_at) VALUES (?, ?, ?)")?
        .execute((renewal, step.as_str(), millis(now)))?;
    Ok(connection.last_insert_rowid())
}

pub(super) fn end_step(
    connection: &Connection,
    attempt: Attempt,
    outcome: StepOutcome,
    error: Option<&str>,
    output: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE step SET finished_at = ?2, outcome = ?3, error = ?4, output = ?5 WHERE id = ?1",
        )?
        .execute((attempt.step, millis(now), outcome.as_str(), error, output))?;
    Ok(())
}

pub(super) fn set_stage(connection: &Connection, renewal: i64, stage: Stage) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE renewal SET stage = ?2 WHERE id = ?1")?
        .execute((renewal, stage.as_str()))?;
    Ok(())
}

/// Whether a renewal stands at this stage.
pub(super) fn stands_at(connection: &Connection, renewal: i64, stage: Stage) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM renewal WHERE id = ? AND stage = ?)")?
        .query_row((renewal, stage.as_str()), |row| row.get(0))?)
}

/// Moves a renewal on, unless it stands elsewhere by now; tells whether it did.
pub(super) fn advance_stage(
    connection: &Connection,
    renewal: i64,
    from: Stage,
    to: Stage,
) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached("UPDATE renewal SET stage = ?3 WHERE id = ?1 AND stage = ?2")?
        .execute((renewal, from.as_str(), to.as_str()))?;
    Ok(changed == 1)
}

pub(super) fn set_trouble(
    connection: &Connection,
    webhook: WebhookId,
    trouble: &Trouble,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET trouble_step = :step, trouble_at = :at, trouble_since = :since, \
             trouble_message = :message, trouble_needs_operator = :needs_operator, \
             trouble_attempts = :attempts, trouble_retry_at = :retry_at WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": webhook.0,
            ":step": trouble.step.as_str(),
            ":at": millis(trouble.at),
            ":since": millis(trouble.since),
            ":message": trouble.message,
            ":needs_operator": trouble.kind == TroubleKind::NeedsOperator,
            ":attempts": trouble.attempts,
            ":retry_at": millis(trouble.retry_at),
        })?;
    Ok(())
}

pub(super) fn clear_trouble(connection: &Connection, webhook: WebhookId) -> Result<(), StoreError> {
    connection.prepare_cached("UPDATE webhook SET trouble_step = NULL WHERE id = ?")?.execute([webhook.0])?;
    Ok(())
}

/// Clears a trouble only if it came from this step: success in one step says nothing of another.
pub(super) fn clear_trouble_of(
    connection: &Connection,
    webhook: WebhookId,
    step: Step,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE webhook SET trouble_step = NULL WHERE id = ? AND trouble_step = ?")?
        .execute((webhook.0, step.as_str()))?;
    Ok(())
}
