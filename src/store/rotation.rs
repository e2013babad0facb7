//! The dangerous middle of a renewal: the POST that kills the old key, and the rotation to the new one.
//!
//! Laws: a POST is recorded as of unknown outcome before it is sent; Protime's answer is stored as it
//! came before anybody looks for the key in it; and the new key becomes current, with everything that
//! goes with it, in one transaction.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{
    Store, StoreError,
    journal::Attempt,
    marks::{advance_stage, clear_trouble, end_step, insert_step, set_stage, set_trouble},
    outbox::owe_all,
    record::{grain, millis, moment, optional_moment},
};
use crate::domain::{
    key::WebhookKey,
    reason::{Step, StepOutcome},
    record::{Confirm, Stage, Trouble, WebhookId},
    webhook::RemoteStatus,
};

/// Protime's 2xx answer to a POST, as it came.
#[derive(Clone)]
pub(crate) struct Answer {
    /// The `Location` header.
    pub(crate) location: Option<String>,
    /// The body; it holds the only copy of the key.
    pub(crate) body: zeroize::Zeroizing<Vec<u8>>,
    /// When it was issued, on Protime's clock: the moment in which the POST was sent.
    pub(crate) issued_at: Timestamp,
    /// The external references that were sent.
    pub(crate) references: String,
}

/// What becomes current in one transaction.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    /// The new key.
    pub(crate) key: WebhookKey,
    /// Protime's id, if the answer had one.
    pub(crate) id: Option<String>,
    /// Until when the webhook delivers, if the answer said so; on Protime's clock.
    pub(crate) valid_until: Option<Timestamp>,
    /// Whether that came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
    /// When to renew it; on Protime's clock.
    pub(crate) next_renewal_at: Option<Timestamp>,
    /// When it was issued, on Protime's clock.
    pub(crate) issued_at: Timestamp,
    /// The external references that were sent.
    pub(crate) references: String,
    /// Up to when a late POST of ours may still take effect; both on our clock.
    pub(crate) confirm: Confirm,
    /// What was sent before this, on our clock, is not processed any more.
    pub(crate) settled_before: Timestamp,
    /// The end of the gap, on Protime's clock.
    pub(crate) gap_end: Timestamp,
}

impl Store {
    /// Records that a POST is about to be sent. From here on its outcome is unknown. `None` if the
    /// renewal does not stand before its POST any more: then nothing is to be sent.
    pub(crate) async fn start_post(
        &self,
        webhook: WebhookId,
        renewal: i64,
        unplanned: bool,
        now: Timestamp,
    ) -> Result<Option<Attempt>, StoreError> {
        self.write("start_post", move |connection| {
            if !advance_stage(connection, renewal, Stage::Post, Stage::Posting)? {
                return Ok(None);
            }
            let step = insert_step(connection, renewal, Step::Post, now)?;
            connection
                .prepare_cached(
                    "INSERT INTO post (webhook_id, begun_at, unplanned, outcome) VALUES (?, ?, ?, 'unknown')",
                )?
                .execute((webhook.0, millis(now), unplanned))?;
            let post = Some(connection.last_insert_rowid());
            count_post(connection, webhook)?;
            Ok(Some(Attempt { webhook, renewal, step, post }))
        })
        .await
    }

    /// Records that a POST had no effect.
    pub(crate) async fn post_refused(
        &self,
        attempt: Attempt,
        trouble: Trouble,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("post_refused", move |connection| {
            end_step(connection, attempt, StepOutcome::Failed, Some(&trouble.message), None, now)?;
            end_post(connection, attempt, "refused")?;
            set_trouble(connection, attempt.webhook, &trouble)?;
            set_stage(connection, attempt.renewal, Stage::Post)
        })
        .await
    }

    /// Records that nobody knows whether a POST had an effect.
    pub(crate) async fn post_unknown(
        &self,
        attempt: Attempt,
        trouble: Trouble,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("post_unknown", move |connection| {
            end_step(connection, attempt, StepOutcome::Unknown, Some(&trouble.message), None, now)?;
            count_post(connection, attempt.webhook)?;
            set_trouble(connection, attempt.webhook, &trouble)
        })
        .await
    }

    /// Records that a POST whose outcome was unknown has had no effect so far.
    pub(crate) async fn post_had_no_effect(&self, renewal: i64) -> Result<(), StoreError> {
        self.write("post_had_no_effect", move |connection| set_stage(connection, renewal, Stage::Post)).await
    }

    /// Records Protime's answer as it came, before anybody looks for the key in it. Until someone has, what went
    /// wrong before is not over.
    pub(crate) async fn post_answered(
        &self,
        attempt: Attempt,
        answer: Answer,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("post_answered", move |connection| {
            insert_answer(connection, attempt.renewal, &answer, now)?;
            end_step(connection, attempt, StepOutcome::Succeeded, None, None, now)?;
            end_post(connection, attempt, "answered")?;
            set_stage(connection, attempt.renewal, Stage::Rotate)
        })
        .await
    }

    /// The stored answer of a renewal's POST.
    pub(crate) async fn answer(&self, renewal: i64) -> Result<Option<Answer>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT location, body, issued_at, references_posted FROM answer WHERE renewal_id = ?",
            )?;
            let mut rows = statement.query([renewal])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            Ok(Some(Answer {
                location: row.get(0)?,
                body: zeroize::Zeroizing::new(row.get(1)?),
                issued_at: moment(row.get(2)?)?,
                references: row.get(3)?,
            }))
        })
        .await
    }

    /// How many POSTs were begun for a webhook since its last rotation.
    pub(crate) async fn posts_since_rotation(&self, webhook: WebhookId) -> Result<u32, StoreError> {
        self.read(move |connection| {
            let count = connection
                .prepare_cached(
                    "SELECT count(*) FROM post WHERE webhook_id = :webhook AND outcome <> 'refused' AND begun_at > \
                     (SELECT coalesce(max(rotated_at), 0) FROM key WHERE webhook_id = :webhook)",
                )?
                .query_row(named_params! {":webhook": webhook.0}, |row| row.get(0))?;
            Ok(count)
        })
        .await
    }

    /// Records that a stored answer is none of Protime's, so that nobody knows what became of the
    /// POST. The answer is kept all the same.
    pub(crate) async fn answer_was_none(
        &self,
        attempt: Attempt,
        trouble: Trouble,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("answer_was_none", move |connection| {
            end_step(connection, attempt, StepOutcome::Failed, Some(&trouble.message), None, now)?;
            // Only a webhook has a `Location`: that one was made, whatever is to be read of it.
            connection
                .prepare_cached(
                    "UPDATE post SET outcome = CASE WHEN EXISTS (SELECT 1 FROM answer WHERE renewal_id = ?2 \
                     AND location IS NOT NULL) THEN 'fruitless' ELSE 'unknown' END \
                     WHERE id = (SELECT max(id) FROM post WHERE webhook_id = ?1)",
                )?
                .execute([attempt.webhook.0, attempt.renewal])?;
            count_post(connection, attempt.webhook)?;
            set_trouble(connection, attempt.webhook, &trouble)?;
            set_stage(connection, attempt.renewal, Stage::Posting)
        })
        .await
    }

    /// Makes a key current, with everything that goes with it, and returns its version.
    pub(crate) async fn rotate(
        &self,
        attempt: Attempt,
        rotation: Rotation,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.write("rotate", move |connection| {
            let version = replace_key(connection, attempt.webhook, &rotation.key, now)?;
            store_rotation(connection, attempt.webhook, &rotation, now)?;
            owe_all(connection, attempt.webhook, now)?;
            connection
                .prepare_cached("DELETE FROM answer WHERE renewal_id = ?")?
                .execute([attempt.renewal])?;
            end_step(connection, attempt, StepOutcome::Succeeded, None, None, now)?;
            clear_trouble(connection, attempt.webhook)?;
            set_stage(connection, attempt.renewal, Stage::HandOff)?;
            Ok(version)
        })
        .await
    }
}

pub(super) fn insert_answer(
    connection: &Connection,
    renewal: i64,
    answer: &Answer,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO answer \
             (renewal_id, received_at, issued_at, location, body, references_posted) VALUES (?, ?, ?, ?, ?, ?)",
        )?
        .execute((
            renewal,
            millis(now),
            millis(answer.issued_at),
            &answer.location,
            answer.body.as_slice(),
            &answer.references,
        ))?;
    Ok(())
}

/// Counts a beginning or an end of a POST, so that a list that was asked for before is not believed.
pub(super) fn count_post(connection: &Connection, webhook: WebhookId) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE webhook SET post_count = post_count + 1 WHERE id = ?")?
        .execute([webhook.0])?;
    Ok(())
}

/// Records how a POST ended.
pub(super) fn end_post(connection: &Connection, attempt: Attempt, outcome: &str) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE post SET outcome = ?2 WHERE id = ?1")?
        .execute((attempt.post, outcome))?;
    count_post(connection, attempt.webhook)
}

/// Retires the current key, forgets the one before it, and makes the new one current.
pub(super) fn replace_key(
    connection: &Connection,
    webhook: WebhookId,
    key: &WebhookKey,
    now: Timestamp,
) -> Result<u64, StoreError> {
    connection
        .prepare_cached("DELETE FROM key WHERE webhook_id = ? AND retired_at IS NOT NULL")?
        .execute([webhook.0])?;
    connection
        .prepare_cached("UPDATE key SET retired_at = ?2 WHERE webhook_id = ?1")?
        .execute([webhook.0, millis(now)])?;
    let version: i64 = connection
        .prepare_cached("SELECT coalesce(max(version), 0) + 1 FROM key WHERE webhook_id = ?")?
        .query_row([webhook.0], |row| row.get(0))?;
    connection
        .prepare_cached("INSERT INTO key (webhook_id, version, key, rotated_at) VALUES (?, ?, ?, ?)")?
        .execute((webhook.0, version, key.expose(), millis(now)))?;
    u64::try_from(version).map_err(|_| StoreError::Unexpected("a negative key version".to_owned()))
}

fn store_rotation(
    connection: &Connection,
    webhook: WebhookId,
    rotation: &Rotation,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A POST of ours that may still be processed late makes a later difference our own doing.
    let confirm: bool = connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM post WHERE webhook_id = ? \
             AND outcome IN ('unknown', 'outstanding', 'settled') AND begun_at > ?)",
        )?
        .query_row((webhook.0, millis(now) - 3_600_000), |row| row.get(0))?;
    // Of the last two answers, so that one is enough to notice that Protime writes times otherwise now.
    let before: Option<i64> = connection
        .prepare_cached("SELECT issued_valid_until FROM webhook WHERE id = ?")?
        .query_row([webhook.0], |row| row.get(0))?;
    let grain = grain(optional_moment(before)?).max(grain(rotation.valid_until));
    // What the answer left out has to be asked for, too.
    let confirm = confirm || rotation.id.is_none() || rotation.valid_until.is_none() || rotation.local_end;
    connection
        .prepare_cached(
            "UPDATE webhook SET issued_id = :id, issued_valid_until = :valid_until, issued_at = :issued_at, \
             issued_references = :references, next_renewal_at = :next_renewal_at, \
             remote_id = :id, remote_status = :enabled, remote_status_since = :now, \
             remote_valid_until = :valid_until, issued_local = :local, remote_local = :local, \
             shown = 0, shown_valid_until = NULL, \
             remote_seen_at = CASE WHEN :id IS NULL THEN NULL ELSE :now END, \
             answer_grain = :grain, list_grain = list_grain_seen, list_grain_seen = 0, \
             confirm_at = :confirm_at, confirm_until = :confirm_until, \
             owed_to = CASE WHEN owed THEN max(owed_to, :gap_end) END, revision = revision + 1 WHERE id = :webhook",
        )?
        .execute(named_params! {
            ":webhook": webhook.0,
            ":id": rotation.id,
            ":valid_until": rotation.valid_until.map(millis),
            ":issued_at": millis(rotation.issued_at),
            ":references": rotation.references,
            ":next_renewal_at": rotation.next_renewal_at.map(millis),
            ":enabled": RemoteStatus::Enabled.as_str(),
            ":now": millis(now),
            ":local": rotation.local_end,
            ":grain": grain,
            ":confirm_at": confirm.then(|| millis(rotation.confirm.at)),
            ":confirm_until": confirm.then(|| millis(rotation.confirm.until)),
            ":gap_end": millis(rotation.gap_end),
        })?;
    connection
        .prepare_cached("DELETE FROM post WHERE webhook_id = ? AND outcome = 'refused'")?
        .execute([webhook.0])?;
    settle_posts(connection, webhook, rotation.settled_before, now)
}

/// Draws the line under what came before a rotation: keys that no one got are dead, and a POST of unknown
/// outcome is outstanding only as long as it may still be processed.
fn settle_posts(
    connection: &Connection,
    webhook: WebhookId,
    settled_before: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE post SET outcome = 'answered' WHERE webhook_id = ? AND outcome = 'fruitless'",
        )?
        .execute([webhook.0])?;
    connection
        .prepare_cached(
            "UPDATE post SET outcome = CASE WHEN begun_at BETWEEN ?2 AND ?3 THEN 'outstanding' ELSE 'settled' END \
             WHERE webhook_id = ?1 AND outcome IN ('unknown', 'outstanding')",
        )?
        .execute((webhook.0, millis(settled_before), millis(now)))?;
    Ok(())
}
