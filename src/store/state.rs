//! Rows to [`WebhookState`]s and back: the only place that knows how a webhook is laid out.
//!
//! What is searched for has a column; the rest is one document, of which only `domain::transition` knows what
//! it means.

use std::borrow::Cow;

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::StoreError;
use crate::domain::{
    gap::Gap,
    outbox::Outbox,
    page_cursor::{Audit, DeltaLife},
    post::Post,
    removed::OnRemove,
    renewal::{ActiveRenewal, FinishedRenewal, RetryState},
    state::{LastList, ListGrains, Recheck, Registration, Remote, Standing, WebhookId, WebhookState},
    webhook::{Pair, TenantName, WebhookName, WebhookPath},
};

pub(super) fn millis(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

pub(super) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis)
        .map_err(|_| StoreError::Unexpected(format!("{millis} is not a time in milliseconds")))
}

pub(super) fn optional_moment(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(moment).transpose()
}

pub(super) fn to_json(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|error| StoreError::Unexpected(error.to_string()))
}

/// A stored document; `what` is what it is of, for people.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unexpected(format!("{what}: {error}")))
}

/// Borrowed to be written, owned when it was read.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    on_remove: OnRemove,
    left_at: Option<Timestamp>,
    remote: Cow<'a, Remote>,
    registration: Cow<'a, Option<Registration>>,
    next_renewal_at: Option<Timestamp>,
    active: Cow<'a, Option<ActiveRenewal>>,
    last: Cow<'a, Option<FinishedRenewal>>,
    retry: Cow<'a, Option<RetryState>>,
    owed: Option<Gap>,
    proven_at: Option<Timestamp>,
    synced_at: Option<Timestamp>,
    recheck: Option<Recheck>,
    posts: Cow<'a, [Post]>,
    post_marks: u64,
    standing: Standing,
    list_grains: ListGrains,
    renewals: u64,
    delta: Option<DeltaLife>,
    audit: Option<Audit>,
}

pub(super) fn document(state: &WebhookState) -> Result<String, StoreError> {
    to_json(&Document {
        on_remove: state.on_remove,
        left_at: state.left_at,
        remote: Cow::Borrowed(&state.remote),
        registration: Cow::Borrowed(&state.registration),
        next_renewal_at: state.next_renewal_at,
        active: Cow::Borrowed(&state.active),
        last: Cow::Borrowed(&state.last),
        retry: Cow::Borrowed(&state.retry),
        owed: state.owed,
        proven_at: state.proven_at,
        synced_at: state.synced_at,
        recheck: state.recheck,
        posts: Cow::Borrowed(&state.posts),
        post_marks: state.post_marks,
        standing: state.standing,
        list_grains: state.list_grains,
        renewals: state.renewals,
        delta: state.delta,
        audit: state.audit,
    })
}

/// The newest renewal that a state knows of; 0 if there is none.
pub(super) fn newest_renewal(state: &WebhookState) -> i64 {
    let ids = [state.active.as_ref().map(|active| active.id), state.last.as_ref().map(|last| last.id)];
    ids.into_iter().flatten().max().unwrap_or(0)
}

/// Reads the webhooks that a condition (a constant of this program) selects, by tenant and name.
pub(super) fn select(
    connection: &Connection,
    condition: &'static str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<WebhookState>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT webhook.*, coalesce(after_end, 0) AS after_end, list, \
         (SELECT json_group_array(json(outbox)) FROM sink WHERE webhook_id = webhook.id) AS sinks \
         FROM webhook LEFT JOIN tenant USING (tenant) WHERE {condition} ORDER BY tenant, name"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut states = Vec::new();
    while let Some(row) = rows.next()? {
        states.push(read(row)?);
    }
    Ok(states)
}

pub(super) fn of(connection: &Connection, id: WebhookId) -> Result<WebhookState, StoreError> {
    select(connection, "id = ?", &[&id.0])?
        .pop()
        .ok_or_else(|| StoreError::Unexpected(format!("there is no webhook number {}", id.0)))
}

fn read(row: &Row<'_>) -> Result<WebhookState, StoreError> {
    let path = path(row)?;
    let what = format!("the state of {path}");
    let document: Document<'static> = from_json(row.get_ref("state")?.as_str().unwrap_or_default(), &what)?;
    let sinks: Vec<Outbox> = from_json(row.get_ref("sinks")?.as_str().unwrap_or_default(), &what)?;
    let list = row.get_ref("list")?.as_str_or_null().unwrap_or_default();
    let list: Option<LastList> = list.map(|list| from_json(list, "a tenant's last list")).transpose()?;
    let state = WebhookState {
        id: WebhookId(row.get("id")?),
        path,
        pair: Pair { destination_url: row.get("destination_url")?, collection: row.get("collection")? },
        on_remove: document.on_remove,
        left_at: document.left_at,
        configured: row.get("configured")?,
        remote: document.remote.into_owned(),
        registration: document.registration.into_owned(),
        next_renewal_at: document.next_renewal_at,
        next_action_at: optional_moment(row.get("next_action_at")?)?,
        active: document.active.into_owned(),
        last: document.last.into_owned(),
        retry: document.retry.into_owned(),
        owed: document.owed,
        proven_at: document.proven_at,
        synced_at: document.synced_at,
        recheck: document.recheck,
        posts: document.posts.into_owned(),
        post_marks: document.post_marks,
        standing: document.standing,
        list_grains: document.list_grains,
        renewals: document.renewals,
        after_end: row.get("after_end")?,
        sinks,
        delta: document.delta,
        audit: document.audit,
        revision: row.get("revision")?,
    };
    Ok(match list {
        Some(list) => state.seen_in(list),
        None => state,
    })
}

pub(super) fn path(row: &Row<'_>) -> Result<WebhookPath, StoreError> {
    let wrong = |text: String| StoreError::Unexpected(format!("'{text}' is not a name"));
    let tenant: String = row.get("tenant")?;
    let name: String = row.get("name")?;
    Ok(WebhookPath {
        tenant: TenantName::new(&tenant).map_err(|_| wrong(tenant))?,
        name: WebhookName::new(&name).map_err(|_| wrong(name))?,
    })
}
