//! Committing what has become of webhooks: a state with its journal and its key, under the revision that it
//! came of.
//!
//! Law: all of it or nothing. A state that is not the one any more from which a transition was computed takes
//! nothing; its caller computes it again.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Changed, Store, StoreError, Written,
    changes::Effect,
    cursors,
    cursors::Move,
    history, keys,
    state::{self, millis},
};
use crate::domain::{
    journal::{Entry, What},
    outbox::Outbox,
    post::PostId,
    state::{LastList, WebhookId, WebhookState},
    transition::Transition,
    webhook::TenantName,
};

#[derive(Debug, Clone)]
pub(crate) struct Commit {
    /// Its new state; what it replaces is the revision before.
    pub(crate) transition: Transition,
    /// Where the reading of its collection is, if that moves with it.
    pub(crate) moves: Vec<Move>,
}

impl From<Transition> for Commit {
    fn from(transition: Transition) -> Self {
        Self { transition, moves: Vec::new() }
    }
}

/// When to look at a webhook again, unless something has happened to it since this revision: then it is looked at
/// anyway.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) id: WebhookId,
    pub(crate) at: Option<Timestamp>,
    pub(crate) revision: i64,
}

#[derive(Debug, Clone)]
pub(crate) enum OfTenant {
    /// When its list was asked for last, and when to look again at those of whom it says nothing new.
    Listed(TenantName, LastList, Vec<Look>),
    /// It renews webhooks only after their end, or before it after all.
    AfterEnd(TenantName, bool),
}

impl Store {
    /// Commits what has become of webhooks, all in one transaction; false, and nothing is changed, if one of
    /// them has another revision by now. `name` is the failpoint's.
    pub(crate) async fn commit(
        &self,
        name: &'static str,
        commits: Vec<Commit>,
        tenant: Option<OfTenant>,
    ) -> Result<bool, StoreError> {
        let change = move |connection: &Connection| {
            for commit in &commits {
                if !is_current(connection, &commit.transition.state)? {
                    return Ok((false, None));
                }
            }
            let written = commits.into_iter().map(|commit| write(connection, commit));
            let changed = Changed { written: written.collect::<Result<_, _>>()?, ..Changed::default() };
            match &tenant {
                None => {}
                Some(OfTenant::Listed(tenant, list, looks)) => {
                    looks.iter().try_for_each(|look| schedule(connection, *look).map(drop))?;
                    connection
                        .prepare_cached(
                            "INSERT INTO tenant (tenant, list) VALUES (?1, ?2) \
                             ON CONFLICT (tenant) DO UPDATE SET list = excluded.list",
                        )?
                        .execute((tenant.as_str(), state::to_json(list)?))?;
                }
                Some(OfTenant::AfterEnd(tenant, after_end)) => {
                    connection
                        .prepare_cached(
                            "INSERT INTO tenant (tenant, after_end) VALUES (?1, ?2) \
                             ON CONFLICT (tenant) DO UPDATE SET after_end = excluded.after_end",
                        )?
                        .execute((tenant.as_str(), after_end))?;
                }
            }
            Ok((true, Some(Effect { changed, of_tenant: tenant, ..Effect::default() })))
        };
        self.write(name, change).await
    }
}

/// Whether it was the revision.
pub(super) fn schedule(connection: &Connection, Look { id, at, revision }: Look) -> Result<bool, StoreError> {
    let changed = connection
        .prepare_cached("UPDATE webhook SET next_action_at = ?2 WHERE id = ?1 AND revision = ?3")?
        .execute((id.0, at.map(millis), revision))?;
    Ok(changed == 1)
}

/// Whether a state's predecessor is what is stored.
pub(super) fn is_current(connection: &Connection, state: &WebhookState) -> Result<bool, StoreError> {
    let revision: Option<i64> = connection
        .prepare_cached("SELECT revision FROM webhook WHERE id = ?")?
        .query_row([state.id.0], |row| row.get(0))
        .optional()?;
    Ok(revision == Some(state.revision - 1))
}

/// Writes a commit whose predecessor is what is stored.
pub(super) fn write(connection: &Connection, commit: Commit) -> Result<Written, StoreError> {
    let Transition { state, journal, key, spent } = &commit.transition;
    connection
        .prepare_cached(
            "UPDATE webhook SET name = :name, configured = :configured, removed = :removed, \
             revision = :revision, next_action_at = :next_action_at, renewal = max(renewal, :renewal), \
             state = :state WHERE id = :id",
        )?
        .execute(named_params! {
            ":id": state.id.0,
            ":name": state.path.name.as_str(),
            ":configured": state.configured,
            ":removed": state.left_at.is_some() && !state.configured,
            ":revision": state.revision,
            ":next_action_at": state.next_action_at.map(millis),
            ":renewal": state::newest_renewal(state),
            ":state": state::document(state)?,
        })?;
    write_sinks(connection, state.id, &state.sinks)?;
    write_journal(connection, state, journal)?;
    let keys = match (key, &state.registration) {
        (Some(key), Some(registration)) => Some(keys::replace(connection, state.id, &key.0, registration)?),
        _ => None,
    };
    if let Some(post) = spent {
        forget_answer(connection, *post)?;
    }
    cursors::apply(connection, state.id, &commit.moves)?;
    Ok(Written::new(commit.transition, keys))
}

pub(super) fn forget_answer(connection: &Connection, post: PostId) -> Result<(), StoreError> {
    connection.prepare_cached("DELETE FROM answer WHERE post = ?")?.execute([post.to_string()])?;
    Ok(())
}

fn write_journal(connection: &Connection, state: &WebhookState, journal: &[Entry]) -> Result<(), StoreError> {
    let begun = journal.iter().filter(|entry| entry.what == What::Began).count() as u64;
    // An end that comes together with the next beginning is still that of the renewal before.
    let mut nth = i64::try_from(state.renewals.saturating_sub(begun)).unwrap_or(i64::MAX);
    let mut insert =
        connection.prepare_cached("INSERT INTO journal (webhook_id, nth, entry) VALUES (?, ?, ?)")?;
    for entry in journal {
        if entry.what == What::Began {
            nth += 1;
        }
        insert.execute((state.id.0, nth, state::to_json(entry)?))?;
        if matches!(entry.what, What::Ended { .. }) && entry.renewal.is_some() {
            history::ended(connection, state.id, nth, entry.at)?;
        }
    }
    Ok(())
}

fn write_sinks(connection: &Connection, id: WebhookId, sinks: &[Outbox]) -> Result<(), StoreError> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO sink (webhook_id, sink, due_at, outbox) VALUES (?, ?, ?, ?) \
         ON CONFLICT (webhook_id, sink) DO UPDATE SET due_at = excluded.due_at, outbox = excluded.outbox \
         WHERE sink.outbox <> excluded.outbox",
    )?;
    for outbox in sinks {
        let due_at = outbox.retry_at.filter(|_| outbox.started_at.is_none()).map(millis);
        insert.execute((id.0, &outbox.sink, due_at, state::to_json(outbox)?))?;
    }
    Ok(())
}
