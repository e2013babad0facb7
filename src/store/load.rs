//! Loading states: of one webhook, of a tenant, of all; and who is due.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use jiff::Timestamp;

use super::{
    Look, Store, StoreError,
    changes::Effect,
    commit,
    state::{self, millis, optional_moment},
};
use crate::domain::{
    removed::RemovedWebhook,
    state::{WebhookId, WebhookState},
    webhook::TenantName,
};

impl Store {
    /// What is known of these webhooks, as far as they are configured.
    pub(crate) async fn states_by_id(
        &self,
        ids: &BTreeSet<WebhookId>,
    ) -> Result<Vec<WebhookState>, StoreError> {
        let ids = state::to_json(&ids.iter().map(|id| id.0).collect::<Vec<i64>>())?;
        self.read(move |connection| {
            state::select(connection, "configured = 1 AND id IN (SELECT value FROM json_each(?))", &[&ids])
        })
        .await
    }

    /// What is known of the configured webhooks behind this one, so many at a time, in the order of their numbers.
    pub(crate) async fn states_behind(
        &self,
        id: WebhookId,
        limit: u32,
    ) -> Result<Vec<WebhookState>, StoreError> {
        self.read(move |connection| {
            let page = "id IN (SELECT id FROM webhook WHERE configured = 1 AND id > ? ORDER BY id LIMIT ?)";
            let mut states = state::select(connection, page, &[&id.0, &limit])?;
            states.sort_by_key(|state| state.id);
            Ok(states)
        })
        .await
    }

    /// What is known of every configured webhook, by tenant and name.
    pub(crate) async fn states(&self) -> Result<Vec<WebhookState>, StoreError> {
        self.read(|connection| state::select(connection, "configured = 1", &[])).await
    }

    /// What is known of every webhook of a tenant, of those that left the configuration as well if Protime may
    /// still have them.
    pub(crate) async fn states_of(&self, tenant: &TenantName) -> Result<Vec<WebhookState>, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |connection| {
            state::select(connection, "tenant = ? AND (configured = 1 OR removed = 1)", &[&tenant])
        })
        .await
    }

    /// What is known of every webhook that left the configuration and may still live at Protime.
    pub(crate) async fn removed_webhooks(&self) -> Result<Vec<RemovedWebhook>, StoreError> {
        self.read(|connection| {
            let left = state::select(connection, "removed = 1", &[])?;
            Ok(left.into_iter().filter_map(RemovedWebhook::of).collect())
        })
        .await
    }

    /// The webhooks to look at by now, the longest due first.
    pub(crate) async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<WebhookId>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM webhook WHERE configured = 1 AND next_action_at <= ?1 \
                 ORDER BY next_action_at LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let ids = statement.query_map([millis(now), limit], |row| row.get(0).map(WebhookId))?;
            Ok(ids.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The first moment after `now` at which a webhook is to be looked at.
    pub(crate) async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let next = connection
                .prepare_cached(
                    "SELECT min(next_action_at) FROM webhook WHERE configured = 1 AND next_action_at > ?1",
                )?
                .query_row([millis(now)], |row| row.get(0))?;
            optional_moment(next)
        })
        .await
    }

    /// The sinks to be tried by now, the longest due first. A time after `latest` was computed on another
    /// clock, and is not waited for.
    pub(crate) async fn due_deliveries(
        &self,
        now: Timestamp,
        latest: Timestamp,
        limit: usize,
    ) -> Result<Vec<(WebhookId, String)>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT webhook_id, sink FROM sink JOIN webhook ON webhook.id = webhook_id \
                 WHERE configured = 1 AND (due_at <= ?1 OR due_at > ?2) ORDER BY due_at LIMIT ?3",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let due = statement.query_map([millis(now), millis(latest), limit], |row| {
                Ok((WebhookId(row.get(0)?), row.get(1)?))
            })?;
            Ok(due.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// The first moment after `now` at which a sink is to be tried.
    pub(crate) async fn next_delivery(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.read(move |connection| {
            let next = connection
                .prepare_cached(
                    "SELECT min(due_at) FROM sink JOIN webhook ON webhook.id = webhook_id \
                     WHERE configured = 1 AND due_at > ?1",
                )?
                .query_row([millis(now)], |row| row.get(0))?;
            optional_moment(next)
        })
        .await
    }

    /// Sets when to look at a webhook again; false if something happened to it since `look.revision` was read: then
    /// the decision must be taken again.
    pub(crate) async fn schedule(&self, look: Look) -> Result<bool, StoreError> {
        self.write("schedule", move |connection| {
            let scheduled = commit::schedule(connection, look)?;
            Ok((scheduled, Some(if scheduled { look.into_effect() } else { Effect::default() })))
        })
        .await
    }

    /// A number for a renewal that no other has.
    pub(crate) fn new_renewal(&self) -> i64 {
        self.renewals.fetch_add(1, Ordering::Relaxed) + 1
    }
}
