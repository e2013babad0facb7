//! Where a resync that reads a collection has come to, the delta that Protime keeps for it, and what that told
//! of and has not reached the receiver yet.
//!
//! Protime need not answer a delta's link twice: with the next one in its answer, what the answer tells of may be
//! told by no one any more, and a deletion shows in no list. Laws: a place is stored after what comes before it
//! was delivered, and never earlier; what a delta link tells of is stored together with the link that follows it,
//! before anyone is told of it, and until it has arrived.

use rusqlite::{Connection, OptionalExtension as _};

use super::{
    Store, StoreError,
    changes::Effect,
    state::{from_json, to_json},
};
use crate::domain::{
    page_cursor::{DeltaLink, PageCursor},
    state::WebhookId,
};

#[derive(Debug, Clone)]
pub(crate) enum Move {
    PageCursor(PageCursor),
    /// Protime keeps this delta, and everything that it told of has been delivered.
    Delta(DeltaLink),
    /// The delta link is of no use any more.
    NoDelta,
    /// The delta link told of these changes, an array of JSON, if there were any; it is asked next here.
    Told(Option<Vec<u8>>, Option<String>),
    /// What it told of has arrived.
    Arrived,
}

/// What a delta link told of and has not been delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredChanges {
    /// Its place among those of the webhook.
    pub(crate) id: i64,
    /// An array of JSON.
    pub(crate) changes: Vec<u8>,
}

impl Store {
    /// Moves a webhook's places, where its state stays as it is.
    pub(crate) async fn move_cursor(&self, id: WebhookId, one: Move) -> Result<(), StoreError> {
        self.write("move_cursor", move |connection| {
            apply(connection, id, &[one])?;
            Ok(((), Some(Effect::default())))
        })
        .await
    }

    /// The reading that was last under way for a webhook, and the delta that Protime keeps for it.
    pub(crate) async fn cursor(
        &self,
        id: WebhookId,
    ) -> Result<(Option<PageCursor>, Option<DeltaLink>), StoreError> {
        self.read(move |connection| {
            let row = connection
                .prepare_cached("SELECT page, delta FROM cursor WHERE webhook_id = ?")?
                .query_row([id.0], |row| {
                    Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?))
                })
                .optional()?;
            let (cursor, delta) = row.unwrap_or_default();
            let cursor = cursor.map(|cursor| from_json(&cursor, "the cursor of a page")).transpose()?;
            let delta = delta.map(|delta| from_json(&delta, "a delta link")).transpose()?;
            Ok((cursor, delta))
        })
        .await
    }

    /// The oldest page behind this place that has not been delivered.
    pub(crate) async fn stored_changes(
        &self,
        id: WebhookId,
        behind: i64,
    ) -> Result<Option<StoredChanges>, StoreError> {
        self.read(move |connection| {
            let page = connection
                .prepare_cached(
                    "SELECT id, changes FROM stored_changes WHERE webhook_id = ? AND id > ? ORDER BY id LIMIT 1",
                )?
                .query_row((id.0, behind), |row| {
                    Ok(StoredChanges { id: row.get(0)?, changes: row.get(1)? })
                })
                .optional()?;
            Ok(page)
        })
        .await
    }
}

pub(super) fn apply(connection: &Connection, id: WebhookId, moves: &[Move]) -> Result<(), StoreError> {
    let set = |column: &str, value: Option<String>| -> Result<(), StoreError> {
        connection
            .prepare_cached(&format!(
                "INSERT INTO cursor (webhook_id, {column}) VALUES (?1, ?2) \
                 ON CONFLICT (webhook_id) DO UPDATE SET {column} = excluded.{column}"
            ))?
            .execute((id.0, value))?;
        Ok(())
    };
    for one in moves {
        match one {
            Move::PageCursor(cursor) => set("page", Some(to_json(cursor)?))?,
            Move::Delta(link) => {
                set("delta", Some(to_json(link)?))?;
                forget_changes(connection, id)?;
            }
            Move::NoDelta => set("delta", None)?,
            Move::Told(changes, next) => {
                if let Some(changes) = changes {
                    connection
                        .prepare_cached("INSERT INTO stored_changes (webhook_id, changes) VALUES (?, ?)")?
                        .execute((id.0, changes))?;
                }
                if let Some(next) = next {
                    connection
                        .prepare_cached(
                            "UPDATE cursor SET delta = json_set(delta, '$.link', ?2) \
                             WHERE webhook_id = ?1 AND delta IS NOT NULL",
                        )?
                        .execute((id.0, next))?;
                }
            }
            Move::Arrived => forget_changes(connection, id)?,
        }
    }
    Ok(())
}

fn forget_changes(connection: &Connection, id: WebhookId) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM stored_changes WHERE webhook_id = ?")?.execute([id.0])?;
    Ok(())
}
