//! Making the configuration known: which webhooks there are, and which sinks each has.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::{Changed, Store, StoreError, commit, state};
use crate::domain::{
    removed::OnRemove,
    state::{Now, WebhookId, WebhookState},
    transition::{Event, Transition, apply},
    webhook::{Pair, WebhookPath},
};

#[derive(Debug, Clone)]
pub(crate) struct Configured {
    pub(crate) path: WebhookPath,
    pub(crate) pair: Pair,
    pub(crate) on_remove: OnRemove,
    /// The stable names of its key sinks.
    pub(crate) sinks: Vec<String>,
}

impl Store {
    /// Makes the configured webhooks known and has all others leave, and wants a look at each. A webhook
    /// is recognised by its pair: what is known of it survives another name. Answers in the order of the argument.
    pub(crate) async fn sync_configuration(
        &self,
        configured: Vec<Configured>,
        now: Timestamp,
    ) -> Result<Vec<WebhookId>, StoreError> {
        self.write("sync_configuration", move |connection| {
            let ids: Vec<WebhookId> =
                configured.iter().map(|webhook| known(connection, webhook)).collect::<Result<_, _>>()?;
            for state in state::select(connection, "configured = 1", &[])? {
                if !ids.contains(&state.id) {
                    change(connection, &state, &Event::Left, now)?;
                }
            }
            for (webhook, id) in configured.iter().zip(&ids) {
                configure(connection, *id, webhook, now)?;
            }
            Ok((ids, Some(Changed::All)))
        })
        .await
    }

    /// The same for one webhook, where no daemon runs: no other is touched.
    pub(crate) async fn add_configured(
        &self,
        webhook: Configured,
        now: Timestamp,
    ) -> Result<WebhookId, StoreError> {
        self.write("add_configured", move |connection| {
            let id = known(connection, &webhook)?;
            // What is not said of its sinks stays as it is.
            let sinks = state::of(connection, id)?.sinks.into_iter().map(|outbox| outbox.sink).collect();
            configure(connection, id, &Configured { sinks, ..webhook }, now)?;
            Ok((id, Some(id.into())))
        })
        .await
    }

    /// Records what was running when the last process ended, once at the start.
    pub(crate) async fn restarted(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("restarted", move |connection| {
            change_all(connection, &Event::Restarted, now)?;
            Ok(((), Some(Changed::All)))
        })
        .await
    }

    /// Our clock was set: wants a look at every configured webhook, because the deadlines may be of another clock.
    pub(crate) async fn clock_set(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("clock_set", move |connection| {
            change_all(connection, &Event::ClockSet, now)?;
            connection.execute(
                "UPDATE webhook SET next_action_at = ? WHERE configured = 1",
                [state::millis(now)],
            )?;
            Ok(((), Some(Changed::All)))
        })
        .await
    }
}

fn configure(
    connection: &Connection,
    id: WebhookId,
    webhook: &Configured,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Configured { path, on_remove, sinks, .. } = webhook.clone();
    change(connection, &state::of(connection, id)?, &Event::Configured(path, on_remove, sinks), now)
}

fn change_all(connection: &Connection, event: &Event, now: Timestamp) -> Result<(), StoreError> {
    state::select(connection, "TRUE", &[])?.iter().try_for_each(|state| change(connection, state, event, now))
}

fn change(
    connection: &Connection,
    state: &WebhookState,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Nothing here depends on Protime's clock.
    let transition: Transition = apply(state, event, Now { local: now, protime: now });
    if transition.changes(state) { commit::write(connection, &transition.into()) } else { Ok(()) }
}

/// The number of a webhook, which gets one if it has none.
fn known(connection: &Connection, webhook: &Configured) -> Result<WebhookId, StoreError> {
    let pair = (
        webhook.path.tenant.as_str(),
        webhook.pair.destination_url.as_str(),
        webhook.pair.collection.as_str(),
    );
    let id: Option<i64> = connection
        .prepare_cached("SELECT id FROM webhook WHERE tenant = ? AND destination_url = ? AND collection = ?")?
        .query_row(pair, |row| row.get(0))
        .optional()?;
    if let Some(id) = id {
        return Ok(WebhookId(id));
    }
    let new = WebhookState::new(webhook.path.clone(), webhook.pair.clone());
    connection
        .prepare_cached(
            "INSERT INTO webhook (tenant, destination_url, collection, name, configured, removed, revision, \
             renewal, state) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?)",
        )?
        .execute((pair.0, pair.1, pair.2, webhook.path.name.as_str(), state::document(&new)?))?;
    Ok(WebhookId(connection.last_insert_rowid()))
}
