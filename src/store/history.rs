//! The history of a webhook's renewals, as it is shown.

use rusqlite::Connection;

use super::{
    Store, StoreError,
    record::{moment, optional_moment},
};
use crate::domain::{record::WebhookId, report};

impl Store {
    /// A webhook's renewals with their steps, newest first.
    pub(crate) async fn history(
        &self,
        webhook: WebhookId,
        limit: u32,
    ) -> Result<Vec<report::Renewal>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, reason, outcome, started_at, finished_at FROM renewal \
                 WHERE webhook_id = ? ORDER BY id DESC LIMIT ?",
            )?;
            let mut rows = statement.query((webhook.0, limit))?;
            let mut renewals = Vec::new();
            while let Some(row) = rows.next()? {
                let id = row.get(0)?;
                renewals.push(report::Renewal {
                    id,
                    reason: row.get(1)?,
                    outcome: row.get(2)?,
                    started_at: moment(row.get(3)?)?,
                    finished_at: optional_moment(row.get(4)?)?,
                    steps: steps(connection, id)?,
                });
            }
            Ok(renewals)
        })
        .await
    }
}

fn steps(connection: &Connection, renewal: i64) -> Result<Vec<report::StepRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT step, started_at, finished_at, outcome, error, output FROM step WHERE renewal_id = ? ORDER BY id",
    )?;
    let mut rows = statement.query([renewal])?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        steps.push(report::StepRecord {
            step: row.get(0)?,
            started_at: moment(row.get(1)?)?,
            finished_at: optional_moment(row.get(2)?)?,
            outcome: row.get(3)?,
            error: row.get(4)?,
            output: row.get(5)?,
        });
    }
    Ok(steps)
}
