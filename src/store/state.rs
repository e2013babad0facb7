//! Rows to [`Record`]s and back: the only place that knows how a webhook is laid out.
//!
//! What is searched for has a column; the rest is one document, of which only `domain::transition` knows what
//! it means.

use jiff::Timestamp;
use rusqlite::{Connection, Row, ToSql};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::StoreError;
use crate::domain::{
    gap::Gap,
    outbox::Outbox,
    page_cursor::{Audit, Warmth},
    post::Post,
    removed::OnRemove,
    renewal::{Ended, Open, Trouble},
    state::{Confirm, Issued, LastList, ListGrains, Record, Remote, Standing, WebhookId},
    webhook::{Pair, TenantName, WebhookName, WebhookPath},
};

/// A moment as it is stored in a column.
pub(super) fn millis(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

/// A moment of a column.
pub(super) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis)
        .map_err(|_| StoreError::Unexpected(format!("{millis} is not a time in milliseconds")))
}

/// A moment of a column that may be absent.
pub(super) fn optional_moment(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(moment).transpose()
}

/// A document as it is stored.
pub(super) fn to_json(document: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(document).map_err(|error| StoreError::Unexpected(error.to_string()))
}

/// A stored document; `what` is what it is of, for people.
pub(super) fn from_json<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Unexpected(format!("{what}: {error}")))
}

/// What a webhook's document holds.
#[derive(Serialize, Deserialize)]
struct Document<'a> {
    on_remove: OnRemove,
    left_at: Option<Timestamp>,
    remote: Held<'a, Remote>,
    issued: Held<'a, Option<Issued>>,
    next_renewal_at: Option<Timestamp>,
    open: Held<'a, Option<Open>>,
    last: Held<'a, Option<Ended>>,
    trouble: Held<'a, Option<Trouble>>,
    owed: Option<Gap>,
    proven_at: Option<Timestamp>,
    synced_at: Option<Timestamp>,
    confirm: Option<Confirm>,
    posts: Held<'a, Vec<Post>>,
    post_marks: u64,
    standing: Standing,
    list_grains: ListGrains,
    renewals: u64,
    delta: Option<Warmth>,
    audit: Option<Audit>,
}

/// Borrowed to be written, owned when it was read.
type Held<'a, T> = std::borrow::Cow<'a, T>;

/// A webhook's document.
pub(super) fn document(record: &Record) -> Result<String, StoreError> {
    to_json(&Document {
        on_remove: record.on_remove,
        left_at: record.left_at,
        remote: Held::Borrowed(&record.remote),
        issued: Held::Borrowed(&record.issued),
        next_renewal_at: record.next_renewal_at,
        open: Held::Borrowed(&record.open),
        last: Held::Borrowed(&record.last),
        trouble: Held::Borrowed(&record.trouble),
        owed: record.owed,
        proven_at: record.proven_at,
        synced_at: record.synced_at,
        confirm: record.confirm,
        posts: Held::Borrowed(&record.posts),
        post_marks: record.post_marks,
        standing: record.standing,
        list_grains: record.list_grains,
        renewals: record.renewals,
        delta: record.delta,
        audit: record.audit,
    })
}

/// The newest renewal that a state knows of; 0 if there is none.
pub(super) fn newest_renewal(record: &Record) -> i64 {
    let ids = [record.open.as_ref().map(|open| open.id), record.last.as_ref().map(|last| last.id)];
    ids.into_iter().flatten().max().unwrap_or(0)
}

/// Reads the webhooks that a condition (a constant of this program) selects, by tenant and name.
pub(super) fn select(
    connection: &Connection,
    condition: &'static str,
    parameters: &[&dyn ToSql],
) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT webhook.*, coalesce(after_end, 0) AS after_end, list, \
         (SELECT json_group_array(json(outbox)) FROM sink WHERE webhook_id = webhook.id) AS sinks \
         FROM webhook LEFT JOIN tenant USING (tenant) WHERE {condition} ORDER BY tenant, name"
    ))?;
    let mut rows = statement.query(parameters)?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read(row)?);
    }
    Ok(records)
}

/// The same of one webhook.
pub(super) fn of(connection: &Connection, id: WebhookId) -> Result<Record, StoreError> {
    select(connection, "id = ?", &[&id.0])?
        .pop()
        .ok_or_else(|| StoreError::Unexpected(format!("there is no webhook number {}", id.0)))
}

fn read(row: &Row<'_>) -> Result<Record, StoreError> {
    let path = path(row)?;
    let what = format!("the state of {path}");
    let document: Document<'static> = from_json(row.get_ref("state")?.as_str().unwrap_or_default(), &what)?;
    let sinks: Vec<Outbox> = from_json(row.get_ref("sinks")?.as_str().unwrap_or_default(), &what)?;
    let list = row.get_ref("list")?.as_str_or_null().unwrap_or_default();
    let list: Option<LastList> = list.map(|list| from_json(list, "a tenant's last list")).transpose()?;
    let record = Record {
        id: WebhookId(row.get("id")?),
        path,
        pair: Pair { destination_url: row.get("destination_url")?, collection: row.get("collection")? },
        on_remove: document.on_remove,
        left_at: document.left_at,
        configured: row.get("configured")?,
        remote: document.remote.into_owned(),
        issued: document.issued.into_owned(),
        next_renewal_at: document.next_renewal_at,
        next_action_at: optional_moment(row.get("next_action_at")?)?,
        open: document.open.into_owned(),
        last: document.last.into_owned(),
        trouble: document.trouble.into_owned(),
        owed: document.owed,
        proven_at: document.proven_at,
        synced_at: document.synced_at,
        confirm: document.confirm,
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
        Some(list) => record.seen_in(list),
        None => record,
    })
}

/// What a webhook is called.
pub(super) fn path(row: &Row<'_>) -> Result<WebhookPath, StoreError> {
    let wrong = |text: String| StoreError::Unexpected(format!("'{text}' is not a name"));
    let tenant: String = row.get("tenant")?;
    let name: String = row.get("name")?;
    Ok(WebhookPath {
        tenant: TenantName::new(&tenant).map_err(|_| wrong(tenant))?,
        name: WebhookName::new(&name).map_err(|_| wrong(name))?,
    })
}
