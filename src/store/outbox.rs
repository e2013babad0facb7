//! The outboxes of the key sinks: which sink has which key, and when it is tried again.
//!
//! Laws: every attempt is recorded before it starts and after it ends; the newest key wins, so that the
//! end of an attempt with an older one changes nothing about what is owed; and an attempt of one sink
//! touches no other. The step `hand_off` of a renewal's history is open while first attempts run.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Store, StoreError,
    journal::Attempt,
    marks::{clear_trouble, clear_trouble_of, end_step, insert_step, look_again, open_renewal, set_stage},
    record::{millis, optional_moment},
    webhooks::{StoredKey, current_key},
};
use crate::domain::{
    reason::{Step, StepOutcome},
    record::{Stage, WebhookId},
};

/// An attempt that was begun.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// The key to deliver.
    pub(crate) key: StoredKey,
    /// How many attempts with it have failed before.
    pub(crate) failures: u32,
}

/// How an attempt failed.
#[derive(Debug, Clone)]
pub(crate) struct Undelivered {
    /// What happened.
    pub(crate) message: String,
    /// The end of what a program or a server wrote.
    pub(crate) output: Option<String>,
    /// When to try again, on our clock.
    pub(crate) retry_at: Timestamp,
}

impl Store {
    /// The sinks to be tried by now, the longest due first. A time after `latest` was computed on another
    /// clock, and is not waited for.
    pub(crate) async fn due_deliveries(
        &self,
        now: Timestamp,
        latest: Timestamp,
        limit: usize,
    ) -> Result<Vec<(WebhookId, String)>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT webhook_id, sink FROM sink JOIN webhook ON webhook.id = webhook_id \
                 WHERE configured = 1 AND started_at IS NULL AND (retry_at <= ?1 OR retry_at > ?2) \
                 ORDER BY retry_at LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let due = statement.query_map([millis(now), millis(latest), limit], |row| {
                Ok((WebhookId(row.get(0)?), row.get(1)?))
            })?;
            Ok(due.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The first moment after `now` at which a sink is to be tried.
    pub(crate) async fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let next = connection
                .prepare_cached(
                    "SELECT min(retry_at) FROM sink JOIN webhook ON webhook.id = webhook_id \
                     WHERE configured = 1 AND started_at IS NULL AND retry_at > ?1",
                )?
                .query_row([millis(now)], |row| row.get(0))?;
            optional_moment(next)
        })
        .await
    }

    /// Records that a sink is about to get the current key; `None` if it has it, or gets it already.
    pub(crate) async fn start_delivery(
        &self,
        webhook: WebhookId,
        sink: String,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        self.write("start_delivery", move |connection| {
            let Some(key) = current_key(connection, webhook)? else { return Ok(None) };
            let failures = connection
                .prepare_cached(
                    "UPDATE sink SET started_at = :now WHERE webhook_id = :webhook AND sink = :sink \
                     AND started_at IS NULL AND retry_at IS NOT NULL RETURNING attempts",
                )?
                .query_row(named_params! {":webhook": webhook.0, ":sink": sink, ":now": millis(now)}, |row| {
                    row.get(0)
                })
                .optional()?;
            let Some(failures) = failures else { return Ok(None) };
            if let Some((renewal, None)) = hand_off_step(connection, webhook)? {
                insert_step(connection, renewal, Step::HandOff, now)?;
            }
            Ok(Some(Delivery { key, failures }))
        })
        .await
    }

    /// Records that a sink has a key.
    pub(crate) async fn delivered(
        &self,
        webhook: WebhookId,
        sink: String,
        version: u64,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("delivered", move |connection| {
            let newest = is_newest(connection, webhook, version)?;
            connection
                .prepare_cached(
                    "UPDATE sink SET started_at = NULL, version = max(version, :version), \
                     retry_at = CASE WHEN :newest THEN NULL ELSE retry_at END, \
                     attempts = CASE WHEN :newest THEN 0 ELSE attempts END, \
                     failing_since = NULL, failed_at = NULL, error = NULL \
                     WHERE webhook_id = :webhook AND sink = :sink",
                )?
                .execute(named_params! {
                    ":webhook": webhook.0,
                    ":sink": sink,
                    ":version": i64::try_from(version).unwrap_or(i64::MAX),
                    ":newest": newest,
                })?;
            look_again(connection, webhook, now)?;
            if let Some((_, Some(step))) = hand_off_step(connection, webhook)? {
                let outcome = (!under_way(connection, webhook)?).then_some(StepOutcome::Succeeded.as_str());
                connection
                    .prepare_cached(
                        "UPDATE step SET output = coalesce(?2, output), outcome = ?3, \
                         finished_at = CASE WHEN ?3 IS NULL THEN NULL ELSE ?4 END WHERE id = ?1",
                    )?
                    .execute((step, output, outcome, millis(now)))?;
            }
            Ok(())
        })
        .await
    }

    /// Records that a sink did not take a key.
    pub(crate) async fn undelivered(
        &self,
        webhook: WebhookId,
        sink: String,
        version: u64,
        failure: Undelivered,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("undelivered", move |connection| {
            let newest = is_newest(connection, webhook, version)?;
            connection
                .prepare_cached(
                    "UPDATE sink SET started_at = NULL, \
                     attempts = CASE WHEN :newest THEN attempts + 1 ELSE attempts END, \
                     retry_at = CASE WHEN :newest THEN :retry_at ELSE :now END, \
                     failing_since = coalesce(failing_since, :now), failed_at = :now, error = :error \
                     WHERE webhook_id = :webhook AND sink = :sink",
                )?
                .execute(named_params! {
                    ":webhook": webhook.0,
                    ":sink": sink,
                    ":newest": newest,
                    ":retry_at": millis(failure.retry_at),
                    ":now": millis(now),
                    ":error": failure.message,
                })?;
            look_again(connection, webhook, now)?;
            end_hand_off(connection, webhook, &failure.message, failure.output.as_deref(), now)
        })
        .await
    }

    /// Records that an attempt was given up for no fault of the sink's: the daemon stops, or a newer key
    /// is there. It stays due.
    pub(crate) async fn delivery_given_up(
        &self,
        webhook: WebhookId,
        sink: String,
        why: &'static str,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("delivery_given_up", move |connection| {
            connection
                .prepare_cached("UPDATE sink SET started_at = NULL WHERE webhook_id = ? AND sink = ?")?
                .execute((webhook.0, sink))?;
            end_hand_off(connection, webhook, why, output.as_deref(), now)
        })
        .await
    }

    /// Owes a sink the key again, because it was found to lack this version of it; false if that is not
    /// what it has to have any more, or it gets a key already.
    pub(crate) async fn hand_off_again(
        &self,
        webhook: WebhookId,
        sink: String,
        version: u64,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write("hand_off_again", move |connection| {
            let version = i64::try_from(version).unwrap_or(i64::MAX);
            let changed = connection
                .prepare_cached(
                    "UPDATE sink SET attempts = 0, retry_at = ?4 \
                     WHERE webhook_id = ?1 AND sink = ?2 AND version = ?3 AND retry_at IS NULL",
                )?
                .execute((webhook.0, sink, version, millis(now)))?;
            if changed == 1 {
                look_again(connection, webhook, now)?;
            }
            Ok(changed == 1)
        })
        .await
    }

    /// Lets a renewal go on to its catch-up: every sink has the key, or was tried. `skipped` where there
    /// is no sink at all.
    pub(crate) async fn hand_off_settled(
        &self,
        webhook: WebhookId,
        renewal: i64,
        skipped: bool,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("hand_off_settled", move |connection| {
            if skipped {
                let step = insert_step(connection, renewal, Step::HandOff, now)?;
                let attempt = Attempt { webhook, renewal, step, post: None };
                end_step(connection, attempt, StepOutcome::Skipped, None, None, now)?;
            }
            clear_trouble_of(connection, webhook, Step::HandOff)?;
            set_stage(connection, renewal, Stage::CatchUp)
        })
        .await
    }

    /// Records that a catch-up succeeded while a sink still lacked the key: every change before `covered`
    /// (on Protime's clock) has reached the receiver, and what comes until that sink has it is still owed.
    pub(crate) async fn caught_up_in_part(
        &self,
        attempt: Attempt,
        outcome: StepOutcome,
        covered: Option<Timestamp>,
        output: Option<String>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("caught_up_in_part", move |connection| {
            end_step(connection, attempt, outcome, None, output.as_deref(), now)?;
            clear_trouble(connection, attempt.webhook)?;
            super::journal::cover(connection, attempt.webhook, covered)?;
            set_stage(connection, attempt.renewal, Stage::Late)
        })
        .await
    }
}

/// No attempt runs when the database is opened: whatever ran ended with its process.
pub(super) fn forget_running(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("UPDATE sink SET started_at = NULL WHERE started_at IS NOT NULL", [])?;
    Ok(())
}

/// Owes every sink of a webhook its new key, at once.
pub(super) fn owe_all(connection: &Connection, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE sink SET attempts = 0, retry_at = ?2 WHERE webhook_id = ?1")?
        .execute([webhook.0, millis(now)])?;
    Ok(())
}

/// Makes the configured sinks of a webhook known, and forgets its others. What lacks the current key is
/// due at once.
pub(super) fn expect_sinks(
    connection: &Connection,
    webhook: WebhookId,
    sinks: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    let known: Vec<String> = connection
        .prepare_cached("SELECT sink FROM sink WHERE webhook_id = ?")?
        .query_map([webhook.0], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for gone in known.iter().filter(|sink| !sinks.contains(sink)) {
        connection
            .prepare_cached("DELETE FROM sink WHERE webhook_id = ? AND sink = ?")?
            .execute((webhook.0, gone))?;
    }
    for new in sinks.iter().filter(|sink| !known.contains(sink)) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO sink (webhook_id, sink, version) VALUES (?, ?, 0)")?
            .execute((webhook.0, new))?;
    }
    connection
        .prepare_cached(
            "UPDATE sink SET retry_at = coalesce(retry_at, :now) WHERE webhook_id = :webhook AND version <> \
             (SELECT version FROM key WHERE webhook_id = :webhook AND retired_at IS NULL)",
        )?
        .execute(named_params! {":webhook": webhook.0, ":now": millis(now)})?;
    Ok(())
}

fn is_newest(connection: &Connection, webhook: WebhookId, version: u64) -> Result<bool, StoreError> {
    Ok(current_key(connection, webhook)?.is_some_and(|key| key.version == version))
}

/// Whether an attempt runs, or a first one is about to.
fn under_way(connection: &Connection, webhook: WebhookId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM sink WHERE webhook_id = ? \
             AND (started_at IS NOT NULL OR (retry_at IS NOT NULL AND attempts = 0)))",
        )?
        .query_row([webhook.0], |row| row.get(0))?)
}

/// The open renewal that deliveries belong to, and its step `hand_off` if that runs.
fn hand_off_step(
    connection: &Connection,
    webhook: WebhookId,
) -> Result<Option<(i64, Option<i64>)>, StoreError> {
    let Some(renewal) = open_renewal(connection, webhook)? else { return Ok(None) };
    Ok(connection
        .prepare_cached(
            "SELECT id, (SELECT id FROM step WHERE renewal_id = renewal.id AND step = 'hand_off' \
             AND finished_at IS NULL) FROM renewal WHERE id = ? AND stage IN ('hand_off', 'catch_up', 'late')",
        )?
        .query_row([renewal], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn end_hand_off(
    connection: &Connection,
    webhook: WebhookId,
    error: &str,
    output: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if let Some((renewal, Some(step))) = hand_off_step(connection, webhook)? {
        let attempt = Attempt { webhook, renewal, step, post: None };
        end_step(connection, attempt, StepOutcome::Failed, Some(error), output, now)?;
    }
    Ok(())
}
