//! The change feed: what the journal says of all webhooks in the order in which it was committed, and the
//! history of one.
//!
//! Law: what is told comes from here, so that nothing is told that a power failure could undo.

use std::collections::BTreeSet;

use tokio::sync::watch;

use super::{
    Store, StoreError,
    state::{self, from_json},
};
use crate::domain::{
    journal::{Entry, history},
    report,
    state::{WebhookId, WebhookState},
    webhook::WebhookPath,
};

/// Of which webhooks the states are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Of those that have entries.
    ItsEntries,
    All,
}

/// What is new, and what is known at one and the same moment: a state that is younger than the entries would
/// tell the end of what they have not told yet.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) entries: Vec<(WebhookId, WebhookPath, Entry)>,
    /// What is known of those webhooks, or of every configured one.
    pub(crate) states: Vec<WebhookState>,
    pub(crate) position: i64,
}

impl Store {
    /// Changes with every write that is on disk.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// The end of the feed: from here on, everything is new.
    pub(crate) async fn feed_end(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    pub(crate) async fn feed(&self, position: i64, of: Of) -> Result<Feed, StoreError> {
        self.read(move |connection| {
            let moment = connection.unchecked_transaction()?;
            let mut feed = Feed { entries: Vec::new(), states: Vec::new(), position };
            let mut statement = moment.prepare_cached(
                "SELECT seq, webhook_id, tenant, name, entry FROM journal JOIN webhook ON webhook.id = webhook_id \
                 WHERE seq > ? ORDER BY seq",
            )?;
            let mut rows = statement.query([position])?;
            while let Some(row) = rows.next()? {
                feed.position = row.get(0)?;
                let entry = from_json(row.get_ref(4)?.as_str().unwrap_or_default(), "the journal")?;
                feed.entries.push((WebhookId(row.get(1)?), state::path(row)?, entry));
            }
            feed.states = match of {
                Of::All => state::select(&moment, "configured = 1", &[])?,
                Of::ItsEntries => {
                    let ids: BTreeSet<i64> = feed.entries.iter().map(|(id, ..)| id.0).collect();
                    let ids = state::to_json(&ids)?;
                    state::select(&moment, "id IN (SELECT value FROM json_each(?))", &[&ids])?
                }
            };
            Ok(feed)
        })
        .await
    }

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
            let mut journal = Vec::new();
            while let Some(row) = rows.next()? {
                journal.push(from_json(row.get_ref(0)?.as_str().unwrap_or_default(), "the journal")?);
            }
            Ok(history(&journal))
        })
        .await
    }
}
