//! Where a resync that reads a collection has come to, and the delta that Protime keeps for it.
//!
//! Law: a place is stored after what comes before it was delivered, and never earlier.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{
    Store, StoreError,
    record::{millis, moment, optional_moment, word},
    stored_changes,
};
use crate::domain::{
    filter::Days,
    record::WebhookId,
    walk::{Audit, Began, Kept, Progress, Walk, Warmth},
};

impl Store {
    /// The walk that was last under way for a webhook.
    pub(crate) async fn walk(&self, webhook: WebhookId) -> Result<Option<Walk>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached("SELECT * FROM walk WHERE webhook_id = ?")?;
            let mut rows = statement.query([webhook.0])?;
            rows.next()?.map(walk).transpose()
        })
        .await
    }

    /// Records that a page was delivered, and where the next one is.
    pub(crate) async fn walked(&self, webhook: WebhookId, walk: Walk) -> Result<(), StoreError> {
        self.write("walked", move |connection| {
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO walk (webhook_id, renewal_id, step, shape, began_at, began_known, \
                     link, days_from, days_to, pages, objects) VALUES (:webhook, :renewal, :step, :shape, \
                     :began_at, :began_known, :link, :days_from, :days_to, :pages, :objects)",
                )?
                .execute(named_params! {
                    ":webhook": webhook.0,
                    ":renewal": walk.renewal,
                    ":step": walk.step.as_str(),
                    ":shape": walk.shape,
                    ":began_at": millis(walk.began.at),
                    ":began_known": walk.began.known,
                    ":link": walk.link,
                    ":days_from": walk.days.map(|days| days.from.to_string()),
                    ":days_to": walk.days.map(|days| days.to.to_string()),
                    ":pages": signed(walk.progress.pages),
                    ":objects": signed(walk.progress.objects),
                })?;
            Ok(())
        })
        .await
    }

    /// The delta that Protime keeps for a webhook.
    pub(crate) async fn kept_delta(&self, webhook: WebhookId) -> Result<Option<Kept>, StoreError> {
        self.read(move |connection| {
            let kept = connection
                .prepare_cached("SELECT shape, link FROM delta WHERE webhook_id = ?")?
                .query_row([webhook.0], |row| Ok(Kept { shape: row.get(0)?, link: row.get(1)? }))
                .optional()?;
            Ok(kept)
        })
        .await
    }

    /// Records where to ask what changes from now on; everything before has been delivered, what was
    /// stored of it included.
    pub(crate) async fn keep_delta(
        &self,
        webhook: WebhookId,
        kept: Kept,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("keep_delta", move |connection| keep(connection, webhook, &kept, asked_at)).await
    }

    /// Forgets a delta that has ended or is of no use any more.
    pub(crate) async fn forget_delta(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.write("forget_delta", move |connection| {
            connection.prepare_cached("DELETE FROM delta WHERE webhook_id = ?")?.execute([webhook.0])?;
            Ok(())
        })
        .await
    }

    /// Records that a kept delta could not be asked for, and when to try again.
    pub(crate) async fn refresh_failed(
        &self,
        webhook: WebhookId,
        retry_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("refresh_failed", move |connection| {
            connection
                .prepare_cached("UPDATE delta SET retry_at = ?2 WHERE webhook_id = ?1")?
                .execute([webhook.0, millis(retry_at)])?;
            Ok(())
        })
        .await
    }

    /// Records that a kept delta was asked for between renewals and what it brought was delivered:
    /// everything before `covered` (on Protime's clock) has reached the receiver. `audited` is how
    /// many objects that were, if they are to be counted.
    pub(crate) async fn refreshed(
        &self,
        webhook: WebhookId,
        kept: Kept,
        covered: Option<Timestamp>,
        audited: Option<u64>,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("refreshed", move |connection| {
            keep(connection, webhook, &kept, asked_at)?;
            if let Some(covered) = covered {
                connection
                    .prepare_cached(
                        "UPDATE webhook SET synced_at = max(coalesce(synced_at, ?2), ?2), \
                         owed_from = CASE WHEN owed THEN max(coalesce(owed_from, ?2), ?2) END, \
                         owed_to = CASE WHEN owed THEN max(owed_to, ?2) END WHERE id = ?1",
                    )?
                    .execute([webhook.0, millis(covered)])?;
            }
            if let Some(objects) = audited {
                connection
                    .prepare_cached(
                        "INSERT INTO audit (webhook_id, refreshes, objects, last_at) VALUES (?1, 1, ?2, ?3) \
                         ON CONFLICT (webhook_id) DO UPDATE SET refreshes = refreshes + 1, \
                         objects = objects + excluded.objects, last_at = excluded.last_at",
                    )?
                    .execute([webhook.0, signed(objects), millis(asked_at)])?;
            }
            Ok(())
        })
        .await
    }
}

fn keep(
    connection: &Connection,
    webhook: WebhookId,
    kept: &Kept,
    asked_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO delta (webhook_id, shape, link, asked_at, retry_at) VALUES (?, ?, ?, ?, NULL)",
        )?
        .execute((webhook.0, &kept.shape, &kept.link, millis(asked_at)))?;
    stored_changes::forget(connection, webhook)
}

fn walk(row: &Row<'_>) -> Result<Walk, StoreError> {
    let day = |name: &str| -> Result<Option<jiff::civil::Date>, StoreError> {
        let text: Option<String> = row.get(name)?;
        text.as_deref().map(word).transpose()
    };
    let days = day("days_from")?.zip(day("days_to")?).map(|(from, to)| Days { from, to });
    Ok(Walk {
        renewal: row.get("renewal_id")?,
        step: word(&row.get::<_, String>("step")?)?,
        shape: row.get("shape")?,
        began: Began { at: moment(row.get("began_at")?)?, known: row.get("began_known")? },
        link: row.get("link")?,
        days,
        progress: Progress { pages: count(row.get("pages")?), objects: count(row.get("objects")?) },
    })
}

/// How far the walk of a step is, if there is one.
pub(super) fn progress(
    connection: &Connection,
    webhook: i64,
    renewal: i64,
    step: &str,
) -> Result<Option<Progress>, StoreError> {
    let progress = connection
        .prepare_cached(
            "SELECT pages, objects FROM walk WHERE webhook_id = ? AND renewal_id = ? AND step = ?",
        )?
        .query_row((webhook, renewal, step), |row| {
            Ok(Progress { pages: count(row.get(0)?), objects: count(row.get(1)?) })
        })
        .optional()?;
    Ok(progress)
}

/// When the kept delta was last asked for, if there is one.
pub(super) fn warmth(connection: &Connection, webhook: i64) -> Result<Option<Warmth>, StoreError> {
    let times: Option<(i64, Option<i64>)> = connection
        .prepare_cached("SELECT asked_at, retry_at FROM delta WHERE webhook_id = ?")?
        .query_row([webhook], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    times
        .map(|(asked_at, retry_at)| {
            Ok(Warmth { asked_at: moment(asked_at)?, retry_at: optional_moment(retry_at)? })
        })
        .transpose()
}

/// What was counted, if anything was.
pub(super) fn audit(connection: &Connection, webhook: i64) -> Result<Option<Audit>, StoreError> {
    let row: Option<(i64, i64, i64)> = connection
        .prepare_cached("SELECT refreshes, objects, last_at FROM audit WHERE webhook_id = ?")?
        .query_row([webhook], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    row.map(|(refreshes, objects, last_at)| {
        Ok(Audit { refreshes: count(refreshes), objects: count(objects), last_at: moment(last_at)? })
    })
    .transpose()
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}
