//! The keys of a webhook: the current one and the one before it. SECRET.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use super::{
    Store, StoreError,
    state::{millis, moment, optional_moment},
};
use crate::domain::{
    key::WebhookKey,
    state::{Registration, WebhookId},
    webhook::TenantName,
};

#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The one that Protime signs with, as far as we know.
    pub(crate) current: Option<StoredKey>,
    pub(crate) previous: Option<StoredKey>,
}

/// A key with its dates, on our clock.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    pub(crate) key: WebhookKey,
    pub(crate) rotated_at: Timestamp,
    /// When the next one took its place.
    pub(crate) retired_at: Option<Timestamp>,
}

impl Store {
    /// The current keys of a tenant's webhooks.
    pub(crate) async fn current_keys(
        &self,
        tenant: &TenantName,
    ) -> Result<HashMap<WebhookId, StoredKey>, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, version, key, rotated_at, retired_at FROM key JOIN webhook ON webhook.id = webhook_id \
                 WHERE tenant = ? AND configured = 1 AND retired_at IS NULL",
            )?;
            let mut rows = statement.query([tenant])?;
            let mut keys = HashMap::new();
            while let Some(row) = rows.next()? {
                keys.insert(WebhookId(row.get(0)?), read(row, 1)?);
            }
            Ok(keys)
        })
        .await
    }
}

/// A row of `version, key, rotated_at, retired_at`, from this column on.
fn read(row: &Row<'_>, from: usize) -> Result<StoredKey, StoreError> {
    let broken = || StoreError::Unexpected("a key is broken".to_owned());
    Ok(StoredKey {
        version: u64::try_from(row.get::<_, i64>(from)?).map_err(|_| broken())?,
        key: WebhookKey::new(row.get(from + 1)?).ok_or_else(broken)?,
        rotated_at: moment(row.get(from + 2)?)?,
        retired_at: optional_moment(row.get(from + 3)?)?,
    })
}

pub(super) fn stored(connection: &Connection, id: WebhookId) -> Result<Keys, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT version, key, rotated_at, retired_at FROM key WHERE webhook_id = ? ORDER BY version DESC",
    )?;
    let mut rows = statement.query([id.0])?;
    let mut keys = Keys { current: None, previous: None };
    while let Some(row) = rows.next()? {
        let key = read(row, 0)?;
        let place = if key.retired_at.is_none() { &mut keys.current } else { &mut keys.previous };
        place.get_or_insert(key);
    }
    Ok(keys)
}

/// Retires the current key, forgets the one before it, makes the new one current, and returns both.
pub(super) fn replace(
    connection: &Connection,
    id: WebhookId,
    key: &WebhookKey,
    registration: &Registration,
) -> Result<Keys, StoreError> {
    let rotated_at = millis(registration.rotated_at);
    connection
        .prepare_cached("DELETE FROM key WHERE webhook_id = ? AND retired_at IS NOT NULL")?
        .execute([id.0])?;
    let mut retire = connection.prepare_cached(
        "UPDATE key SET retired_at = ?2 WHERE webhook_id = ?1 RETURNING version, key, rotated_at, retired_at",
    )?;
    let mut retired = retire.query([id.0, rotated_at])?;
    let previous = retired.next()?.map(|row| read(row, 0)).transpose()?;
    // A statement is done when it has given everything.
    while retired.next()?.is_some() {}
    let version = i64::try_from(registration.key_version)
        .map_err(|_| StoreError::Unexpected("a key version is out of range".to_owned()))?;
    connection
        .prepare_cached("INSERT INTO key (webhook_id, version, key, rotated_at) VALUES (?, ?, ?, ?)")?
        .execute((id.0, version, key.expose(), rotated_at))?;
    let (version, key, rotated_at) = (registration.key_version, key.clone(), registration.rotated_at);
    Ok(Keys { current: Some(StoredKey { version, key, rotated_at, retired_at: None }), previous })
}
