//! The history: what the journal keeps of the renewals of a webhook, and forgetting what is oldest of all.
//!
//! Laws: nothing here looks through the journal, whose length is no one's concern: what may go is kept in a table of its
//! own, written when a renewal ends; the newest finished renewal of each webhook stays.

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Store, StoreError,
    changes::Effect,
    state::{from_json, millis, optional_moment},
};
use crate::domain::{
    journal, report,
    retention::{AT_A_TIME, Past, RENEWALS_OF_A_WEBHOOK},
    state::WebhookId,
};

/// More than a step takes where a renewal has a dozen rows.
const LOOKED_AT: usize = 64;

#[derive(Debug)]
pub(crate) struct History {
    /// How many rows the journal has.
    pub(crate) rows: u64,
    /// The oldest renewals that may go at all: those first that have too many newer ones.
    pub(crate) oldest: Vec<Past>,
}

impl Store {
    /// A webhook's renewals with their steps, newest first.
    pub(crate) async fn history(
        &self,
        id: WebhookId,
        limit: u32,
    ) -> Result<Vec<report::Renewal>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT entry FROM journal WHERE webhook_id = ?1 \
                 AND nth > (SELECT coalesce(max(nth), 0) FROM journal WHERE webhook_id = ?1) - ?2 ORDER BY seq",
            )?;
            let mut rows = statement.query((id.0, limit))?;
            let mut entries = Vec::new();
            while let Some(row) = rows.next()? {
                entries.push(from_json(row.get_ref(0)?.as_str().unwrap_or_default(), "the journal")?);
            }
            Ok(journal::history(&entries))
        })
        .await
    }

    pub(crate) async fn oldest_history(&self) -> Result<History, StoreError> {
        self.read(|connection| {
            let rows: i64 = connection
                .prepare_cached(
                    "SELECT coalesce((SELECT max(seq) FROM journal), 0) - (SELECT rows FROM forgotten)",
                )?
                .query_row([], |row| row.get(0))?;
            // A renewal that has failed for weeks has thousands of rows, of which no step takes more.
            let mut statement = connection.prepare_cached(
                "SELECT webhook_id, nth, ended_at, (SELECT count(*) FROM (SELECT 1 FROM journal \
                 WHERE journal.webhook_id = past.webhook_id AND journal.nth = past.nth LIMIT ?1)) \
                 FROM finished_renewal AS past WHERE is_newest = 0 ORDER BY ended_at LIMIT ?2",
            )?;
            let limits =
                [i64::try_from(AT_A_TIME), i64::try_from(LOOKED_AT)].map(|limit| limit.unwrap_or(i64::MAX));
            let mut found = statement.query(limits)?;
            let mut oldest = Vec::new();
            while let Some(row) = found.next()? {
                oldest.push(Past {
                    webhook: WebhookId(row.get(0)?),
                    nth: row.get(1)?,
                    ended_at: optional_moment(row.get(2)?)?,
                    rows: row.get::<_, i64>(3)?.unsigned_abs(),
                });
            }
            Ok(History { rows: rows.unsigned_abs(), oldest })
        })
        .await
    }

    /// Forgets these renewals, and what was before them of their webhooks, as far as a single step goes. Returns how
    /// many rows are gone.
    pub(crate) async fn forget(&self, past: Vec<Past>) -> Result<u64, StoreError> {
        self.write("forget", move |connection| {
            let mut gone = 0;
            for renewal in &past {
                let most = AT_A_TIME.saturating_sub(gone);
                if most == 0 {
                    break;
                }
                gone += forget_one(connection, renewal, most)?;
            }
            connection
                .prepare_cached("UPDATE forgotten SET rows = rows + ?")?
                .execute([i64::try_from(gone).unwrap_or(i64::MAX)])?;
            // The views show what is stored when someone asks, and nothing of a state has changed.
            Ok((gone, Some(Effect::default())))
        })
        .await
    }
}

fn forget_one(connection: &Connection, past: &Past, most: u64) -> Result<u64, StoreError> {
    // Its beginning first: the history leaves out what it does not have the beginning of.
    let gone = connection
        .prepare_cached(
            "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal \
             WHERE webhook_id = ?1 AND nth <= ?2 ORDER BY nth, seq LIMIT ?3)",
        )?
        .execute((past.webhook.0, past.nth, i64::try_from(most).unwrap_or(i64::MAX)))?;
    connection
        .prepare_cached(
            "DELETE FROM finished_renewal WHERE webhook_id = ?1 AND nth <= ?2 \
             AND NOT EXISTS (SELECT 1 FROM journal WHERE webhook_id = ?1 AND nth <= ?2)",
        )?
        .execute((past.webhook.0, past.nth))?;
    Ok(gone as u64)
}

/// A renewal has ended: those before it may be forgotten in their time.
pub(super) fn ended(
    connection: &Connection,
    id: WebhookId,
    nth: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO finished_renewal (webhook_id, nth, is_newest, ended_at) VALUES (?1, ?2, 1, ?3) \
             ON CONFLICT (webhook_id, nth) DO UPDATE SET is_newest = 1, ended_at = excluded.ended_at",
        )?
        .execute((id.0, nth, millis(at)))?;
    connection
        .prepare_cached(
            "UPDATE finished_renewal SET is_newest = 0, ended_at = iif(nth <= ?3, NULL, ended_at) \
             WHERE webhook_id = ?1 AND nth < ?2 AND (is_newest = 1 OR nth <= ?3 AND ended_at IS NOT NULL)",
        )?
        .execute((id.0, nth, nth.saturating_sub(RENEWALS_OF_A_WEBHOOK)))?;
    Ok(())
}
