//! What is known of each webhook: which there are, what Protime lists, when to look again.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Store, StoreError,
    outbox::expect_sinks,
    record::{self, millis, moment, optional_moment},
};
use crate::domain::{
    grain::Grain,
    key::WebhookKey,
    orphan::OnRemove,
    record::{Confirm, Record, WebhookId},
    webhook::{ExternalReference, Pair, RemoteWebhook, TenantName, WebhookPath},
};

/// A webhook that the configuration names.
#[derive(Debug, Clone)]
pub(crate) struct Configured {
    /// What it is called.
    pub(crate) path: WebhookPath,
    /// What identifies it.
    pub(crate) pair: Pair,
    /// What happens to it should it leave.
    pub(crate) on_remove: OnRemove,
}

/// How the configuration is stored: every webhook with the stable names of its key sinks.
pub(crate) type Configuration = Vec<(Configured, Vec<String>)>;

/// A webhook's keys.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// The one that Protime signs with, as far as we know.
    pub(crate) current: Option<StoredKey>,
    /// The one before it.
    pub(crate) previous: Option<StoredKey>,
}

/// A key with its dates, on our clock.
#[derive(Debug, Clone)]
pub(crate) struct StoredKey {
    /// Counts up by one per rotation.
    pub(crate) version: u64,
    /// The key.
    pub(crate) key: WebhookKey,
    /// When it became current.
    pub(crate) rotated_at: Timestamp,
    /// When the next one took its place.
    pub(crate) retired_at: Option<Timestamp>,
}

/// How many POSTs had begun or ended for each webhook of a tenant when a list was asked for.
pub(crate) type PostCounts = HashMap<WebhookId, i64>;

impl Store {
    /// Makes the configured webhooks with their key sinks known and all others forgotten-but-kept, and
    /// wants a look at each. A webhook is recognised by its pair: what is known of it survives another
    /// name. What waits for an operator is tried at once, because he may have changed something. Answers
    /// in the order of the argument.
    pub(crate) async fn adopt(
        &self,
        configured: Configuration,
        now: Timestamp,
    ) -> Result<Vec<WebhookId>, StoreError> {
        self.write("adopt", move |connection| {
            connection.execute(
                "UPDATE webhook SET configured = 0, left_at = ?1 WHERE configured = 1",
                [millis(now)],
            )?;
            let adopt = |(webhook, sinks): &(Configured, Vec<String>)| {
                let id = adopt(connection, webhook, now)?;
                expect_sinks(connection, id, sinks, now)?;
                Ok(id)
            };
            configured.iter().map(adopt).collect()
        })
        .await
    }

    /// Records what was running when the last process ended, once at the start.
    pub(crate) async fn note_cut_off_steps(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("note_cut_off_steps", move |connection| {
            connection.execute(
                "UPDATE step SET finished_at = ?1, error = 'the daemon ended while this ran', \
                 outcome = CASE step WHEN 'post' THEN 'unknown' ELSE 'failed' END WHERE finished_at IS NULL",
                [millis(now)],
            )?;
            Ok(())
        })
        .await
    }

    /// What is known of one webhook.
    pub(crate) async fn record(&self, id: WebhookId) -> Result<Record, StoreError> {
        self.read(move |connection| {
            record::select(connection, "id = ?", &id.0)?
                .pop()
                .ok_or_else(|| StoreError::Unexpected(format!("there is no webhook number {}", id.0)))
        })
        .await
    }

    /// What is known of every configured webhook, by tenant and name.
    pub(crate) async fn records(&self) -> Result<Vec<Record>, StoreError> {
        self.read(|connection| record::select(connection, "configured = ?", &1)).await
    }

    /// What is known of every configured webhook of a tenant.
    pub(crate) async fn records_of(&self, tenant: &TenantName) -> Result<Vec<Record>, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |connection| record::select(connection, "configured = 1 AND tenant = ?", &tenant))
            .await
    }

    /// The webhooks to look at by now, the longest due first.
    pub(crate) async fn due(&self, now: Timestamp, limit: u32) -> Result<Vec<WebhookId>, StoreError> {
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id FROM webhook WHERE configured = 1 AND next_action_at <= ?1 \
                 ORDER BY next_action_at LIMIT ?2",
            )?;
            let ids =
                statement.query_map([millis(now), i64::from(limit)], |row| row.get(0).map(WebhookId))?;
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

    /// Wants a look at every configured webhook, because the deadlines may be of another clock.
    pub(crate) async fn look_again(&self, now: Timestamp) -> Result<(), StoreError> {
        self.write("look_again", move |connection| {
            connection
                .execute("UPDATE webhook SET next_action_at = ? WHERE configured = 1", [millis(now)])?;
            Ok(())
        })
        .await
    }

    /// Sets when to look at a webhook again, unless something happened to it since `revision` was
    /// read: then it answers false, and the decision must be taken anew.
    pub(crate) async fn schedule(
        &self,
        id: WebhookId,
        at: Option<Timestamp>,
        revision: i64,
    ) -> Result<bool, StoreError> {
        self.write("schedule", move |connection| {
            let changed = connection
                .prepare_cached(
                    "UPDATE webhook SET next_action_at = :at WHERE id = :id AND revision = :revision",
                )?
                .execute(named_params! {":at": at.map(millis), ":id": id.0, ":revision": revision})?;
            Ok(changed == 1)
        })
        .await
    }

    /// Takes note of how many POSTs there were before a list is asked for.
    pub(crate) async fn post_counts(&self, tenant: &TenantName) -> Result<PostCounts, StoreError> {
        let tenant = tenant.as_str().to_owned();
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached("SELECT id, post_count FROM webhook WHERE tenant = ? AND configured = 1")?;
            let counts = statement.query_map([tenant], |row| Ok((WebhookId(row.get(0)?), row.get(1)?)))?;
            Ok(counts.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Records what Protime lists for a tenant. A webhook for which a POST began or ended since
    /// `before` was read is left alone: the list may be older than that POST.
    ///
    /// `grain` is how finely the whole list writes times, `asked_at` when it was asked for, on our clock.
    pub(crate) async fn apply_list(
        &self,
        before: PostCounts,
        listed: HashMap<WebhookId, RemoteWebhook>,
        grain: Grain,
        asked_at: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("apply_list", move |connection| {
            for (id, count) in before {
                apply(connection, id, count, listed.get(&id), grain, asked_at)?;
            }
            Ok(())
        })
        .await
    }

    /// Records that a webhook was seen to deliver with a key that every sink has.
    pub(crate) async fn prove(&self, ids: Vec<WebhookId>, at_protime: Timestamp) -> Result<(), StoreError> {
        self.write("prove", move |connection| {
            let mut statement = connection.prepare_cached(
                "UPDATE webhook SET proven_at = max(coalesce(proven_at, 0), ?2) WHERE id = ?1",
            )?;
            for id in ids {
                statement.execute([id.0, millis(at_protime)])?;
            }
            Ok(())
        })
        .await
    }

    /// Sets when to ask Protime again whether our key is still the one it signs with; `None`: enough. A
    /// wish that came after `before` was read, because of a key that was imported, stays.
    pub(crate) async fn confirm_next(
        &self,
        id: WebhookId,
        before: Option<Confirm>,
        at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        self.write("confirm_next", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE webhook SET confirm_at = ?2, \
                     confirm_until = CASE WHEN ?2 IS NULL THEN NULL ELSE coalesce(confirm_until, ?2) END \
                     WHERE id = ?1 AND confirm_at IS ?3",
                )?
                .execute((id.0, at.map(millis), before.map(|before| millis(before.at))))?;
            Ok(())
        })
        .await
    }

    /// A webhook's current and previous key.
    pub(crate) async fn keys(&self, id: WebhookId) -> Result<Keys, StoreError> {
        self.read(move |connection| stored_keys(connection, id)).await
    }
}

/// A webhook's keys, within a transaction.
pub(super) fn stored_keys(connection: &Connection, id: WebhookId) -> Result<Keys, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT version, key, rotated_at, retired_at FROM key WHERE webhook_id = ? ORDER BY version DESC",
    )?;
    let mut rows = statement.query([id.0])?;
    let mut keys = Keys { current: None, previous: None };
    while let Some(row) = rows.next()? {
        let empty = || StoreError::Unexpected("an empty key".to_owned());
        let key = StoredKey {
            version: u64::try_from(row.get::<_, i64>(0)?).map_err(|_| empty())?,
            key: WebhookKey::new(row.get(1)?).ok_or_else(empty)?,
            rotated_at: moment(row.get(2)?)?,
            retired_at: optional_moment(row.get(3)?)?,
        };
        let place = if key.retired_at.is_none() { &mut keys.current } else { &mut keys.previous };
        place.get_or_insert(key);
    }
    Ok(keys)
}

/// A webhook's current key, within a transaction.
pub(super) fn current_key(connection: &Connection, id: WebhookId) -> Result<Option<StoredKey>, StoreError> {
    Ok(stored_keys(connection, id)?.current)
}

pub(super) fn adopt(
    connection: &Connection,
    webhook: &Configured,
    now: Timestamp,
) -> Result<WebhookId, StoreError> {
    let pair = named_params! {
        ":tenant": webhook.path.tenant.as_str(),
        ":destination_url": webhook.pair.destination_url,
        ":collection": webhook.pair.collection,
    };
    let known: Option<i64> = connection
        .prepare_cached(
            "SELECT id FROM webhook WHERE tenant = :tenant AND destination_url = :destination_url \
             AND collection = :collection",
        )?
        .query_row(pair, |row| row.get(0))
        .optional()?;
    let id = if let Some(id) = known {
        id
    } else {
        connection
            .prepare_cached(
                "INSERT INTO webhook (tenant, destination_url, collection, name, configured) \
                 VALUES (:tenant, :destination_url, :collection, '', 1)",
            )?
            .execute(pair)?;
        connection.last_insert_rowid()
    };
    connection
        .prepare_cached(
            "UPDATE webhook SET name = :name, configured = 1, on_remove = :on_remove, left_at = NULL, \
             next_action_at = :now, revision = revision + 1, \
             trouble_retry_at = CASE WHEN trouble_needs_operator THEN :now ELSE trouble_retry_at END \
             WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": id,
            ":name": webhook.path.name.as_str(),
            ":on_remove": webhook.on_remove.as_str(),
            ":now": millis(now),
        })?;
    Ok(WebhookId(id))
}

fn apply(
    connection: &Connection,
    id: WebhookId,
    post_count: i64,
    listed: Option<&RemoteWebhook>,
    grain: Grain,
    asked_at: Timestamp,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE webhook SET revision = revision + 1, remote_seen_at = :asked_at, \
             remote_status_since = CASE WHEN remote_status = :status THEN min(remote_status_since, :asked_at) \
             ELSE :asked_at END, list_grain_seen = max(list_grain_seen, :grain), \
             remote_id = :remote_id, remote_status = :status, remote_valid_until = :valid_until, \
             remote_local = :local, \
             issued_references = coalesce(:references, issued_references) \
             WHERE id = :id AND post_count = :post_count",
        )?
        .execute(named_params! {
            ":id": id.0,
            ":post_count": post_count,
            ":asked_at": millis(asked_at),
            ":remote_id": listed.map(|webhook| &webhook.id),
            ":status": listed.map(|webhook| webhook.status.as_str()),
            ":valid_until": listed.and_then(|webhook| webhook.valid_until).map(millis),
            ":references": listed
                .and_then(|webhook| webhook.references.as_deref())
                .map(ExternalReference::all),
            ":local": listed.is_some_and(|webhook| webhook.local_end),
            ":grain": grain.code(),
        })?;
    Ok(())
}
