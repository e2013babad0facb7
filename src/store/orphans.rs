//! What is known of webhooks that left the configuration.
//!
//! Law: a webhook is forgotten only when a list that was asked for after it left does not have it, and
//! no POST of ours may still bring it back.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{
    Store, StoreError,
    record::{self, millis, moment},
};
use crate::domain::{
    orphan::{OnRemove, Orphan},
    record::WebhookId,
    webhook::{RemoteWebhook, TenantName},
};

impl Store {
    /// Every webhook that left the configuration and may still live at Protime.
    pub(crate) async fn orphans(&self) -> Result<Vec<Orphan>, StoreError> {
        self.read(|connection| orphans(connection, "left_at IS NOT NULL AND configured = ?", &0)).await
    }

    /// Those of one tenant.
    pub(crate) async fn orphans_of(&self, tenant: &TenantName) -> Result<Vec<Orphan>, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |connection| {
            orphans(connection, "left_at IS NOT NULL AND configured = 0 AND tenant = ?", &tenant)
        })
        .await
    }

    /// Records what a list has of webhooks that left the configuration; `asked_at` is when the list
    /// was asked for, on our clock. What it does not have is forgotten.
    pub(crate) async fn saw_orphans(
        &self,
        seen: Vec<(WebhookId, Option<RemoteWebhook>)>,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("saw_orphans", move |connection| {
            for (id, listed) in &seen {
                match listed {
                    Some(listed) => saw(connection, *id, listed, asked_at)?,
                    None => let_go(connection, *id, asked_at)?,
                }
            }
            Ok(())
        })
        .await
    }

    /// Records that a webhook that left the configuration was deleted at Protime; `now` is on our clock.
    pub(crate) async fn orphan_deleted(&self, id: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        self.write("orphan_deleted", move |connection| let_go(connection, id, now)).await
    }
}

fn orphans(
    connection: &Connection,
    condition: &'static str,
    parameter: &dyn rusqlite::ToSql,
) -> Result<Vec<Orphan>, StoreError> {
    let mut statement = connection
        .prepare_cached(&format!("SELECT * FROM webhook WHERE {condition} ORDER BY tenant, name"))?;
    let mut rows = statement.query([parameter])?;
    let mut orphans = Vec::new();
    while let Some(row) = rows.next()? {
        let on_remove: String = row.get("on_remove")?;
        orphans.push(Orphan {
            id: WebhookId(row.get("id")?),
            path: record::path(row)?,
            pair: record::pair(row)?,
            on_remove: OnRemove::parse(&on_remove)
                .ok_or_else(|| StoreError::Unexpected(format!("'{on_remove}' is no on_remove")))?,
            left_at: moment(row.get("left_at")?)?,
            remote: record::remote(row)?,
        });
    }
    Ok(orphans)
}

fn saw(
    connection: &Connection,
    id: WebhookId,
    listed: &RemoteWebhook,
    asked_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET revision = revision + 1, remote_seen_at = :asked_at, \
             remote_status_since = CASE WHEN remote_status = :status THEN remote_status_since ELSE :asked_at END, \
             remote_id = :remote_id, remote_status = :status, remote_valid_until = :valid_until \
             WHERE id = :id AND configured = 0",
        )?
        .execute(named_params! {
            ":id": id.0,
            ":asked_at": millis(asked_at),
            ":remote_id": listed.id,
            ":status": listed.status.as_str(),
            ":valid_until": listed.valid_until.map(millis),
        })?;
    Ok(())
}

fn let_go(connection: &Connection, id: WebhookId, asked_at: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET left_at = NULL, remote_seen_at = :asked_at, remote_id = NULL, \
             remote_status = NULL, remote_valid_until = NULL, revision = revision + 1 \
             WHERE id = :id AND configured = 0 AND left_at <= :asked_at AND NOT EXISTS (SELECT 1 FROM renewal \
             WHERE webhook_id = :id AND finished_at IS NULL AND stage = 'posting')",
        )?
        .execute(named_params! {":id": id.0, ":asked_at": millis(asked_at)})?;
    Ok(())
}
