//! Changes that a kept delta told of and that have not reached the receiver yet.
//!
//! Protime need not answer a delta's link twice: with the next one in its answer, what the answer tells
//! of may be told by no one any more, and a deletion shows in no list. Law: the answer is stored together
//! with the link that follows it, before anyone is told of it, and kept until it has arrived.

use rusqlite::{Connection, OptionalExtension as _};

use super::{Store, StoreError};
use crate::domain::record::WebhookId;

/// A page that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredChanges {
    /// Its place among those of the webhook.
    pub(crate) id: i64,
    /// An array of JSON.
    pub(crate) changes: Vec<u8>,
}

impl Store {
    /// Stores what a kept delta told of, if anything, and where to ask next.
    pub(crate) async fn took_changes(
        &self,
        webhook: WebhookId,
        changes: Option<Vec<u8>>,
        next: Option<String>,
    ) -> Result<(), StoreError> {
        self.write("took_changes", move |connection| {
            if let Some(changes) = changes {
                connection
                    .prepare_cached("INSERT INTO stored_changes (webhook_id, changes) VALUES (?, ?)")?
                    .execute((webhook.0, &changes))?;
            }
            // When it was asked stays as it is: to ask too early does no harm.
            connection
                .prepare_cached("UPDATE delta SET link = coalesce(?2, link) WHERE webhook_id = ?1")?
                .execute((webhook.0, &next))?;
            Ok(())
        })
        .await
    }

    /// The oldest page behind this place that has not been delivered.
    pub(crate) async fn stored_changes(
        &self,
        webhook: WebhookId,
        behind: i64,
    ) -> Result<Option<StoredChanges>, StoreError> {
        self.read(move |connection| {
            let page = connection
                .prepare_cached(
                    "SELECT id, changes FROM stored_changes WHERE webhook_id = ? AND id > ? ORDER BY id LIMIT 1",
                )?
                .query_row((webhook.0, behind), |row| {
                    Ok(StoredChanges { id: row.get(0)?, changes: row.get(1)? })
                })
                .optional()?;
            Ok(page)
        })
        .await
    }

    /// Forgets the pages that have all been delivered.
    pub(crate) async fn delivered_changes(&self, webhook: WebhookId) -> Result<(), StoreError> {
        self.write("delivered_changes", move |connection| forget(connection, webhook)).await
    }
}

/// Forgets every page of a webhook.
pub(super) fn forget(connection: &Connection, webhook: WebhookId) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM stored_changes WHERE webhook_id = ?")?.execute([webhook.0])?;
    Ok(())
}
