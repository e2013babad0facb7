//! Protime's answers to POSTs as they came, each the only copy of a key.
//!
//! Law: an answer is stored by its POST's id, whatever has become of its renewal; where the key in it is known,
//! that becomes current in the same transaction.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};

use super::{
    Changed, Store, StoreError, commit,
    commit::Commit,
    state::{millis, moment},
};
use crate::domain::{post::PostId, state::WebhookId};

/// Protime's 2xx answer to a POST, as it came.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) post: PostId,
    pub(crate) webhook: WebhookId,
    /// The `Location` header.
    pub(crate) location: Option<String>,
    /// The only copy of the key.
    pub(crate) body: zeroize::Zeroizing<Vec<u8>>,
    /// When it was issued, on Protime's clock: the moment in which the POST was sent.
    pub(crate) issued_at: Timestamp,
    /// The external references that were sent.
    pub(crate) references: String,
}

impl Store {
    /// Stores an answer, and commits what becomes of its webhook with it; false if the webhook has another
    /// revision by now: then the answer alone is stored, and what becomes of it is to be computed again.
    pub(crate) async fn store_answer(
        &self,
        answer: Answer,
        commit: Commit,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write("store_answer", move |connection| {
            let current = commit::is_current(connection, &commit.transition.state)?;
            if !current || commit.transition.spent != Some(answer.post) {
                insert(connection, &answer, now)?;
            }
            let changed = if current {
                Changed { written: vec![commit::write(connection, commit)?], ..Changed::default() }
            } else {
                answer.webhook.into()
            };
            Ok((current, Some(changed.into())))
        })
        .await
    }

    pub(crate) async fn answer(&self, post: PostId) -> Result<Option<Answer>, StoreError> {
        self.read(move |connection| {
            let row = connection
                .prepare_cached(
                    "SELECT webhook_id, location, body, issued_at, references_posted FROM answer WHERE post = ?",
                )?
                .query_row([post.to_string()], |row| {
                    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<_, i64>(3)?, row.get(4)?))
                })
                .optional()?;
            let Some((webhook, location, body, issued_at, references)) = row else { return Ok(None) };
            let body = zeroize::Zeroizing::new(body);
            let issued_at = moment(issued_at)?;
            Ok(Some(Answer { post, webhook: WebhookId(webhook), location, body, issued_at, references }))
        })
        .await
    }
}

pub(super) fn insert(connection: &Connection, answer: &Answer, now: Timestamp) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO answer (post, webhook_id, received_at, issued_at, location, body, references_posted) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (post) DO NOTHING",
        )?
        .execute((
            answer.post.to_string(),
            answer.webhook.0,
            millis(now),
            millis(answer.issued_at),
            &answer.location,
            answer.body.as_slice(),
            &answer.references,
        ))?;
    Ok(())
}
