//! Rows to [`Record`]s: the only place that knows how a webhook is laid out in columns.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{StoreError, reading};
use crate::domain::{
    gap::Gap,
    grain::Grain,
    key::WebhookKey,
    outbox::{Outbox, SinkFailure},
    record::{
        Confirm, Ended, Issued, Listed, Open, Record, Remote, Shown, Stage, Trouble, TroubleKind, WebhookId,
    },
    webhook::{Pair, RemoteStatus, TenantName, WebhookName, WebhookPath},
};

/// A moment as it is stored.
pub(super) fn millis(moment: Timestamp) -> i64 {
    moment.as_millisecond()
}

/// How finely Protime wrote a moment at least, as it is stored.
pub(super) fn grain(moment: Option<Timestamp>) -> i64 {
    moment.map_or(Grain::Minute, Grain::of).code()
}

/// A stored moment.
pub(super) fn moment(millis: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(millis)
        .map_err(|_| StoreError::Unexpected(format!("{millis} is no time in milliseconds")))
}

/// A stored moment that may be absent.
pub(super) fn optional_moment(millis: Option<i64>) -> Result<Option<Timestamp>, StoreError> {
    millis.map(moment).transpose()
}

/// A stored word.
pub(super) fn word<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(|error: T::Err| StoreError::Unexpected(error.to_string()))
}

fn broken(what: &str) -> StoreError {
    StoreError::Unexpected(format!("a webhook's {what} is half there"))
}

/// Reads the webhooks that a condition (a constant of this program) selects.
pub(super) fn select(
    connection: &Connection,
    condition: &'static str,
    parameter: &dyn rusqlite::ToSql,
) -> Result<Vec<Record>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT *, (SELECT after_end FROM habit WHERE habit.tenant = webhook.tenant) AS after_end \
             FROM webhook WHERE {condition} ORDER BY tenant, name"
    ))?;
    let mut rows = statement.query([parameter])?;
    let mut records = Vec::new();
    while let Some(row) = rows.next()? {
        records.push(read(connection, row)?);
    }
    Ok(records)
}

fn read(connection: &Connection, row: &Row<'_>) -> Result<Record, StoreError> {
    let id: i64 = row.get("id")?;
    Ok(Record {
        id: WebhookId(id),
        path: path(row)?,
        pair: pair(row)?,
        remote: remote(row)?,
        issued: issued(connection, id, row)?,
        next_renewal_at: optional_moment(row.get("next_renewal_at")?)?,
        next_action_at: optional_moment(row.get("next_action_at")?)?,
        open: open(connection, id)?,
        last: last(connection, id)?,
        trouble: trouble(row)?,
        owed: owed(row)?,
        proven_at: optional_moment(row.get("proven_at")?)?,
        synced_at: optional_moment(row.get("synced_at")?)?,
        confirm: confirm(row)?,
        unplanned: unplanned(connection, id)?,
        fruitless: has_post(connection, id, "fruitless")?,
        outstanding: has_post(connection, id, "outstanding")?,
        after_end: row.get::<_, Option<bool>>("after_end")?.unwrap_or(false),
        sinks: sinks(connection, id)?,
        delta: reading::warmth(connection, id)?,
        audit: reading::audit(connection, id)?,
        revision: row.get("revision")?,
    })
}

/// What a webhook is called.
pub(super) fn path(row: &Row<'_>) -> Result<WebhookPath, StoreError> {
    let name = |text: String| StoreError::Unexpected(format!("'{text}' is no name"));
    let tenant: String = row.get("tenant")?;
    let webhook: String = row.get("name")?;
    Ok(WebhookPath {
        tenant: TenantName::new(&tenant).map_err(|_| name(tenant))?,
        name: WebhookName::new(&webhook).map_err(|_| name(webhook))?,
    })
}

/// What identifies a webhook at Protime.
pub(super) fn pair(row: &Row<'_>) -> Result<Pair, StoreError> {
    Ok(Pair { destination_url: row.get("destination_url")?, collection: row.get("collection")? })
}

/// What Protime last said of a webhook.
pub(super) fn remote(row: &Row<'_>) -> Result<Remote, StoreError> {
    let Some(seen_at) = optional_moment(row.get("remote_seen_at")?)? else { return Ok(Remote::NeverAsked) };
    let Some(id) = row.get::<_, Option<String>>("remote_id")? else { return Ok(Remote::Absent { seen_at }) };
    let status: Option<String> = row.get("remote_status")?;
    Ok(Remote::Listed(Listed {
        id,
        status: RemoteStatus::from(status.ok_or_else(|| broken("status"))?),
        status_since: optional_moment(row.get("remote_status_since")?)?.unwrap_or(seen_at),
        valid_until: optional_moment(row.get("remote_valid_until")?)?,
        seen_at,
        local_end: row.get("remote_local")?,
        grain: Grain::from_code(row.get::<_, i64>("list_grain")?.max(row.get("list_grain_seen")?)),
    }))
}

fn issued(connection: &Connection, id: i64, row: &Row<'_>) -> Result<Option<Issued>, StoreError> {
    let Some(at) = optional_moment(row.get("issued_at")?)? else { return Ok(None) };
    let (version, key, rotated_at) = connection
        .prepare_cached(
            "SELECT version, key, rotated_at FROM key WHERE webhook_id = ? AND retired_at IS NULL",
        )?
        .query_row([id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?)))
        .optional()?
        .ok_or_else(|| broken("key"))?;
    Ok(Some(Issued {
        id: row.get("issued_id")?,
        valid_until: optional_moment(row.get("issued_valid_until")?)?,
        at,
        references: row.get::<_, Option<String>>("issued_references")?.unwrap_or_default(),
        key_version: u64::try_from(version).map_err(|_| broken("key version"))?,
        fingerprint: WebhookKey::new(key).ok_or_else(|| broken("key"))?.fingerprint(),
        rotated_at: moment(rotated_at)?,
        local_end: row.get("issued_local")?,
        grain: Grain::from_code(row.get("answer_grain")?),
        shown: shown(row)?,
    }))
}

fn shown(row: &Row<'_>) -> Result<Option<Shown>, StoreError> {
    let valid_until = optional_moment(row.get("shown_valid_until")?)?;
    Ok(row.get::<_, bool>("shown")?.then_some(Shown { valid_until }))
}

/// Whether there is a POST with this outcome.
fn has_post(connection: &Connection, webhook: i64, outcome: &str) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM post WHERE webhook_id = ? AND outcome = ?)")?
        .query_row((webhook, outcome), |row| row.get(0))?)
}

fn open(connection: &Connection, webhook: i64) -> Result<Option<Open>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, reason, stage, started_at FROM renewal WHERE webhook_id = ? AND finished_at IS NULL",
    )?;
    let mut rows = statement.query([webhook])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let id: i64 = row.get(0)?;
    let stage: String = row.get(2)?;
    let stage = Stage::parse(&stage)
        .ok_or_else(|| StoreError::Unexpected(format!("'{stage}' is no stage of a renewal")))?;
    let attempts = connection
        .prepare_cached("SELECT count(*) FROM step WHERE renewal_id = :renewal AND step = :step")?
        .query_row(named_params! {":renewal": id, ":step": stage.step().as_str()}, |row| row.get(0))?;
    Ok(Some(Open {
        id,
        reason: word(&row.get::<_, String>(1)?)?,
        stage,
        attempts,
        started_at: moment(row.get(3)?)?,
        progress: reading::progress(connection, webhook, id, stage.step().as_str())?,
    }))
}

fn last(connection: &Connection, webhook: i64) -> Result<Option<Ended>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, reason, outcome, started_at, finished_at, error FROM renewal \
         WHERE webhook_id = ? AND finished_at IS NOT NULL ORDER BY id DESC LIMIT 1",
    )?;
    let mut rows = statement.query([webhook])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    Ok(Some(Ended {
        id: row.get(0)?,
        reason: word(&row.get::<_, String>(1)?)?,
        outcome: word(&row.get::<_, String>(2)?)?,
        started_at: moment(row.get(3)?)?,
        finished_at: moment(row.get(4)?)?,
        error: row.get(5)?,
    }))
}

fn trouble(row: &Row<'_>) -> Result<Option<Trouble>, StoreError> {
    let Some(step) = row.get::<_, Option<String>>("trouble_step")? else { return Ok(None) };
    let kind =
        if row.get("trouble_needs_operator")? { TroubleKind::NeedsOperator } else { TroubleKind::Transient };
    Ok(Some(Trouble {
        at: moment(row.get("trouble_at")?)?,
        since: moment(row.get("trouble_since")?)?,
        step: word(&step)?,
        message: row.get("trouble_message")?,
        kind,
        attempts: row.get("trouble_attempts")?,
        retry_at: moment(row.get("trouble_retry_at")?)?,
    }))
}

fn owed(row: &Row<'_>) -> Result<Option<Gap>, StoreError> {
    if !row.get::<_, bool>("owed")? {
        return Ok(None);
    }
    Ok(Some(Gap { from: optional_moment(row.get("owed_from")?)?, to: moment(row.get("owed_to")?)? }))
}

fn confirm(row: &Row<'_>) -> Result<Option<Confirm>, StoreError> {
    let at = optional_moment(row.get("confirm_at")?)?;
    let until = optional_moment(row.get("confirm_until")?)?;
    Ok(at.zip(until).map(|(at, until)| Confirm { at, until }))
}

fn unplanned(connection: &Connection, webhook: i64) -> Result<Vec<Timestamp>, StoreError> {
    // Not only what is within an hour of the last: that one may have begun on a clock that was ahead.
    let mut statement = connection.prepare_cached(
        "SELECT begun_at FROM post WHERE webhook_id = ? AND unplanned = 1 AND outcome <> 'refused' ORDER BY begun_at",
    )?;
    let mut rows = statement.query([webhook])?;
    let mut begun = Vec::new();
    while let Some(row) = rows.next()? {
        begun.push(moment(row.get(0)?)?);
    }
    Ok(begun)
}

fn sinks(connection: &Connection, webhook: i64) -> Result<Vec<Outbox>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sink, version, attempts, retry_at, failed_at, failing_since, error FROM sink WHERE webhook_id = ?",
    )?;
    let mut rows = statement.query([webhook])?;
    let mut sinks = Vec::new();
    while let Some(row) = rows.next()? {
        let at = optional_moment(row.get(4)?)?;
        let since = optional_moment(row.get(5)?)?;
        let failed = at.zip(since).zip(row.get::<_, Option<String>>(6)?);
        sinks.push(Outbox {
            sink: row.get(0)?,
            version: u64::try_from(row.get::<_, i64>(1)?).map_err(|_| broken("sink"))?,
            attempts: row.get(2)?,
            retry_at: optional_moment(row.get(3)?)?,
            failure: failed.map(|((at, since), message)| SinkFailure { at, since, message }),
        });
    }
    Ok(sinks)
}
