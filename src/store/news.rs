//! What is new in the journal since somebody last looked: the durable record is the source of what is
//! told to listeners, so that nothing is told that a power failure could undo.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::Connection;
use tokio::sync::watch;

use super::{
    Store, StoreError,
    record::{self, moment, optional_moment},
    webhooks::{StoredKey, stored_keys},
};
use crate::domain::{
    record::{Record, WebhookId},
    webhook::{TenantName, WebhookName, WebhookPath},
};

/// How far the journal was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position {
    renewal: i64,
    step: i64,
    open_renewals: BTreeSet<i64>,
    open_steps: BTreeSet<i64>,
}

/// What is new, and what is known, at one and the same moment: a record that is younger than the news
/// would tell the end of what they have not told yet.
#[derive(Debug)]
pub(crate) struct News {
    /// The renewals, in the order in which they began.
    pub(crate) renewals: Vec<RenewalNews>,
    /// What is known of their webhooks, or of every configured one.
    pub(crate) records: Vec<Record>,
    /// How far this goes.
    pub(crate) position: Position,
}

/// Of which webhooks the records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// Of those that have news.
    TheNews,
    /// Of every configured one.
    All,
}

/// A renewal of which something is new.
#[derive(Debug, Clone)]
pub(crate) struct RenewalNews {
    /// Its number.
    pub(crate) id: i64,
    /// Whose it is.
    pub(crate) webhook: WebhookId,
    /// What that is called.
    pub(crate) path: WebhookPath,
    /// Why it runs.
    pub(crate) reason: String,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// Whether that is new.
    pub(crate) begun: bool,
    /// Its steps of which something is new, in the order in which they began.
    pub(crate) steps: Vec<StepNews>,
    /// How it ended, if it has.
    pub(crate) ended: Option<End>,
}

/// A step of which something is new.
#[derive(Debug, Clone)]
pub(crate) struct StepNews {
    id: i64,
    renewal: i64,
    /// Which one.
    pub(crate) step: String,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// Whether that is new.
    pub(crate) begun: bool,
    /// How it ended, if it has.
    pub(crate) ended: Option<End>,
    /// The key that it brought, if it is a rotation that has ended and the key is still kept.
    pub(crate) key: Option<StoredKey>,
}

/// An end of a step or of a renewal.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// When.
    pub(crate) at: Timestamp,
    /// How.
    pub(crate) outcome: String,
    /// What went wrong.
    pub(crate) error: Option<String>,
}

impl Store {
    /// Changes with every write that is on disk.
    pub(crate) fn commits(&self) -> watch::Receiver<u64> {
        self.commits.subscribe()
    }

    /// The end of the journal: from here on, everything is new.
    pub(crate) async fn newest(&self) -> Result<Position, StoreError> {
        self.read(|connection| {
            let newest = |sql| connection.prepare_cached(sql)?.query_row([], |row| row.get(0));
            let mut open = connection.prepare_cached("SELECT id FROM renewal WHERE finished_at IS NULL")?;
            Ok(Position {
                renewal: newest("SELECT coalesce(max(id), 0) FROM renewal")?,
                step: newest("SELECT coalesce(max(id), 0) FROM step")?,
                open_renewals: open.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?,
                // Of a step that was begun by another process no end is ever recorded.
                open_steps: BTreeSet::new(),
            })
        })
        .await
    }

    /// What is new since `position`, and what is known at the same moment.
    pub(crate) async fn news(&self, mut position: Position, of: Of) -> Result<News, StoreError> {
        self.read(move |connection| {
            let moment = connection.unchecked_transaction()?;
            let mut renewals = renewals(&moment, &position)?;
            for step in steps(&moment, &position)? {
                position.step = position.step.max(step.id);
                if step.ended.is_some() {
                    position.open_steps.remove(&step.id);
                } else {
                    position.open_steps.insert(step.id);
                }
                if let Some(renewal) = renewals.iter_mut().find(|renewal| renewal.id == step.renewal)
                    && (step.begun || step.ended.is_some())
                {
                    renewal.steps.push(StepNews { key: key_of(&moment, renewal.webhook, &step)?, ..step });
                }
            }
            for renewal in &renewals {
                position.renewal = position.renewal.max(renewal.id);
                if renewal.ended.is_some() {
                    position.open_renewals.remove(&renewal.id);
                } else {
                    position.open_renewals.insert(renewal.id);
                }
            }
            if position.open_renewals.is_empty() {
                // A step that was cut off has no end, and goes with its renewal.
                position.open_steps.clear();
            }
            renewals.retain(|renewal| renewal.begun || renewal.ended.is_some() || !renewal.steps.is_empty());
            let records = match of {
                Of::All => record::select(&moment, "configured = ?", &1)?,
                Of::TheNews => {
                    let webhooks = renewals.iter().map(|renewal| renewal.webhook.0).collect();
                    record::select(&moment, "id IN (SELECT value FROM json_each(?))", &listed(&webhooks))?
                }
            };
            Ok(News { renewals, records, position })
        })
        .await
    }
}

/// The key of a rotation, which need not be the current one any more.
fn key_of(
    connection: &Connection,
    webhook: WebhookId,
    step: &StepNews,
) -> Result<Option<StoredKey>, StoreError> {
    let Some(end) = step.ended.as_ref().filter(|end| step.step == "rotate" && end.outcome == "succeeded")
    else {
        return Ok(None);
    };
    let keys = stored_keys(connection, webhook)?;
    Ok([keys.previous, keys.current].into_iter().flatten().find(|key| key.rotated_at == end.at))
}

/// A set of numbers as `json_each` reads it.
fn listed(numbers: &BTreeSet<i64>) -> String {
    format!("{numbers:?}").replace('{', "[").replace('}', "]")
}

fn end(at: Option<Timestamp>, outcome: Option<String>, error: Option<String>) -> Option<End> {
    Some(End { at: at?, outcome: outcome?, error })
}

fn renewals(connection: &Connection, position: &Position) -> Result<Vec<RenewalNews>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT renewal.id, webhook_id, tenant, name, reason, started_at, finished_at, outcome, error \
         FROM renewal JOIN webhook ON webhook.id = webhook_id \
         WHERE renewal.id > ?1 OR renewal.id IN (SELECT value FROM json_each(?2)) ORDER BY renewal.id",
    )?;
    let mut rows = statement.query((position.renewal, listed(&position.open_renewals)))?;
    let mut renewals = Vec::new();
    while let Some(row) = rows.next()? {
        let (tenant, name): (String, String) = (row.get(2)?, row.get(3)?);
        let broken = |text: &str| StoreError::Unexpected(format!("'{text}' is no name"));
        let id = row.get(0)?;
        renewals.push(RenewalNews {
            id,
            webhook: WebhookId(row.get(1)?),
            path: WebhookPath {
                tenant: TenantName::new(&tenant).map_err(|_| broken(&tenant))?,
                name: WebhookName::new(&name).map_err(|_| broken(&name))?,
            },
            reason: row.get(4)?,
            started_at: moment(row.get(5)?)?,
            begun: id > position.renewal,
            steps: Vec::new(),
            ended: end(optional_moment(row.get(6)?)?, row.get(7)?, row.get(8)?),
        });
    }
    Ok(renewals)
}

fn steps(connection: &Connection, position: &Position) -> Result<Vec<StepNews>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, renewal_id, step, started_at, finished_at, outcome, error FROM step \
         WHERE id > ?1 OR id IN (SELECT value FROM json_each(?2)) ORDER BY id",
    )?;
    let mut rows = statement.query((position.step, listed(&position.open_steps)))?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next()? {
        let id = row.get(0)?;
        steps.push(StepNews {
            id,
            renewal: row.get(1)?,
            step: row.get(2)?,
            started_at: moment(row.get(3)?)?,
            begun: id > position.step,
            ended: end(optional_moment(row.get(4)?)?, row.get(5)?, row.get(6)?),
            key: None,
        });
    }
    Ok(steps)
}
