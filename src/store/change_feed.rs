//! The change feed: what the journal says of all webhooks in the order in which it was committed, and the
//! history of one.
//!
//! Law: what is told comes from here, so that nothing is told that a power failure could undo.

use super::{
    Changed, Store, StoreError,
    state::{self, from_json},
};
use crate::domain::{
    journal::{Entry, history},
    report,
    state::{WebhookId, WebhookState},
    webhook::WebhookPath,
};

/// What is new, and what is known at one and the same moment: a state that is younger than the entries would
/// tell the end of what they have not told yet.
#[derive(Debug)]
pub(crate) struct Feed {
    pub(crate) entries: Vec<(WebhookId, WebhookPath, Entry)>,
    /// What is known of those webhooks, and of those that have changed otherwise, if they are configured.
    pub(crate) states: Vec<WebhookState>,
    pub(crate) position: i64,
}

impl Store {
    /// The end of the feed: from here on, everything is new.
    pub(crate) async fn feed_end(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT coalesce(max(seq), 0) FROM journal")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// The entries behind a position; `changed` is of which webhooks the state is wanted besides.
    pub(crate) async fn feed(&self, position: i64, changed: Changed) -> Result<Feed, StoreError> {
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
            let with_entries = feed.entries.iter().map(|(id, ..)| *id).collect();
            let mut changed = changed;
            changed.add(Changed::Webhooks(with_entries));
            feed.states = match changed {
                Changed::All => state::select(&moment, "configured = 1", &[])?,
                Changed::Webhooks(ids) if ids.is_empty() => Vec::new(),
                Changed::Webhooks(ids) => {
                    let ids: Vec<i64> = ids.into_iter().map(|id| id.0).collect();
                    let condition = "configured = 1 AND id IN (SELECT value FROM json_each(?))";
                    state::select(&moment, condition, &[&state::to_json(&ids)?])?
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
