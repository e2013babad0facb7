//! The history of a webhook: what the journal keeps of its renewals.

use super::{Store, StoreError, state::from_json};
use crate::domain::{journal::history, report, state::WebhookId};

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
            let mut journal = Vec::new();
            while let Some(row) = rows.next()? {
                journal.push(from_json(row.get_ref(0)?.as_str().unwrap_or_default(), "the journal")?);
            }
            Ok(history(&journal))
        })
        .await
    }
}
