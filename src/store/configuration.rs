//! Making the configuration known: which webhooks there are, and which sinks each has.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::Connection;

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
    /// Differs wherever something differs that a decision about it depends on; `None`: not known.
    pub(crate) fingerprint: Option<i64>,
}

/// What is stored of a webhook that is configured, or was.
struct Stored {
    id: WebhookId,
    configured: bool,
    fingerprint: Option<i64>,
    /// It may wait for what an operator has changed.
    needs_operator: bool,
}

impl Store {
    /// Makes the configured webhooks known and has all others leave, and wants a look at those of which something
    /// is configured otherwise than before. A webhook is recognised by its pair: what is known of it survives
    /// another name. Answers in the order of the argument.
    pub(crate) async fn sync_configuration(
        &self,
        configured: Vec<Configured>,
        now: Timestamp,
    ) -> Result<Vec<WebhookId>, StoreError> {
        self.write("sync_configuration", move |connection| {
            let mut known = known(connection)?;
            let mut ids = Vec::with_capacity(configured.len());
            for webhook in &configured {
                let Configured { path, pair, fingerprint, .. } = webhook;
                let of = (path.tenant.as_str().to_owned(), pair.clone());
                let id = match known.remove(&of) {
                    Some(Stored { id, configured: true, fingerprint: before, needs_operator: false })
                        if before.is_some() && before == *fingerprint =>
                    {
                        id
                    }
                    known => {
                        let id = known.map_or_else(|| insert(connection, webhook), |known| Ok(known.id))?;
                        configure(connection, id, webhook, now)?;
                        id
                    }
                };
                ids.push(id);
            }
            for left in known.values().filter(|known| known.configured) {
                change(connection, &state::of(connection, left.id)?, &Event::Left, now)?;
            }
            Ok((ids, Some(Changed::all().into())))
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
            let of = (webhook.path.tenant.as_str().to_owned(), webhook.pair.clone());
            let known = known(connection)?.remove(&of);
            let id = known.map_or_else(|| insert(connection, &webhook), |known| Ok(known.id))?;
            // What is not said of its sinks stays as it is.
            let sinks = state::of(connection, id)?.sinks.into_iter().map(|outbox| outbox.sink).collect();
            configure(connection, id, &Configured { sinks, ..webhook }, now)?;
            Ok((id, Some(Changed::all().into())))
        })
        .await
    }

    /// Records what was running when the last process ended, once at the start.
    pub(crate) async fn restarted(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("restarted", move |connection| {
            // What could have run, or failed on another clock.
            let lively = "id IN (SELECT id FROM webhook WHERE json_extract(state, '$.active') IS NOT NULL \
                UNION ALL SELECT webhook_id FROM sink WHERE json_extract(outbox, '$.started_at') IS NOT NULL \
                UNION ALL SELECT webhook_id FROM sink WHERE json_extract(outbox, '$.failure') IS NOT NULL)";
            change_all(connection, lively, &Event::Restarted, now)?;
            Ok(((), Some(Changed::all().into())))
        })
        .await
    }

    /// Our clock was set: wants a look at every configured webhook, because the deadlines may be of another clock.
    pub(crate) async fn clock_set(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("clock_set", move |connection| {
            change_all(connection, "TRUE", &Event::ClockSet, now)?;
            connection.execute(
                "UPDATE webhook SET next_action_at = ? WHERE configured = 1",
                [state::millis(now)],
            )?;
            Ok(((), Some(Changed::all().into())))
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
    let Configured { path, on_remove, sinks, fingerprint, .. } = webhook.clone();
    // Nothing else takes a sink away.
    connection
        .prepare_cached(
            "DELETE FROM sink WHERE webhook_id = ? AND sink NOT IN (SELECT value FROM json_each(?))",
        )?
        .execute((id.0, state::to_json(&sinks)?))?;
    change(connection, &state::of(connection, id)?, &Event::Configured(path, on_remove, sinks), now)?;
    connection
        .prepare_cached("UPDATE webhook SET configured_as = ?2 WHERE id = ?1")?
        .execute((id.0, fingerprint))?;
    Ok(())
}

fn change_all(
    connection: &Connection,
    condition: &'static str,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    state::select(connection, condition, &[])?
        .iter()
        .try_for_each(|state| change(connection, state, event, now))
}

fn change(
    connection: &Connection,
    state: &WebhookState,
    event: &Event,
    now: Timestamp,
) -> Result<(), StoreError> {
    // Nothing here depends on Protime's clock.
    let transition: Transition = apply(state, event, Now { local: now, protime: now });
    if transition.changes(state) {
        commit::write(connection, transition.into())?;
    }
    Ok(())
}

/// Every webhook that is stored, by its tenant and its pair.
fn known(connection: &Connection) -> Result<HashMap<(String, Pair), Stored>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT tenant, destination_url, collection, id, configured, configured_as, \
         coalesce(json_extract(state, '$.retry.kind') = 'needs_operator', 0) FROM webhook",
    )?;
    let mut rows = statement.query([])?;
    let mut known = HashMap::new();
    while let Some(row) = rows.next()? {
        let pair = Pair { destination_url: row.get(1)?, collection: row.get(2)? };
        let webhook = Stored {
            id: WebhookId(row.get(3)?),
            configured: row.get(4)?,
            fingerprint: row.get(5)?,
            needs_operator: row.get(6)?,
        };
        known.insert((row.get(0)?, pair), webhook);
    }
    Ok(known)
}

fn insert(connection: &Connection, webhook: &Configured) -> Result<WebhookId, StoreError> {
    let Configured { path, pair, .. } = webhook;
    let new = WebhookState::new(path.clone(), pair.clone());
    connection
        .prepare_cached(
            "INSERT INTO webhook (tenant, destination_url, collection, name, configured, removed, revision, \
             renewal, state) VALUES (?, ?, ?, ?, 0, 0, 0, 0, ?)",
        )?
        .execute((
            path.tenant.as_str(),
            &pair.destination_url,
            &pair.collection,
            path.name.as_str(),
            state::document(&new)?,
        ))?;
    Ok(WebhookId(connection.last_insert_rowid()))
}
