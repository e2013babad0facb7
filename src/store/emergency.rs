//! The emergency file: where an answer goes that the database refuses, for it is the only copy of a key.
//!
//! Laws: it is written beside the database (mode 0600) and fsynced, read at the next start, and
//! removed once its content is in the database. A file that cannot be used is named and left.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Answer, OpenError, Store, StoreError, answers, commit, state};
use crate::{
    clock,
    domain::{
        post::PostId,
        state::{Now, WebhookId},
        transition::{Event, apply},
    },
    durable_file,
};

const PREFIX: &str = "rescued-answer-";

#[derive(Serialize, Deserialize)]
struct EmergencyFile {
    webhook: i64,
    /// Of which POST; files of earlier versions name the renewal instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<PostId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    renewal: Option<i64>,
    issued_at: Timestamp,
    location: Option<String>,
    references: String,
    body_base64: Zeroizing<String>,
}

impl Store {
    pub(crate) async fn write_emergency_file(&self, answer: &Answer) -> io::Result<PathBuf> {
        let file = EmergencyFile {
            webhook: answer.webhook.0,
            post: Some(answer.post),
            renewal: None,
            issued_at: answer.issued_at,
            location: answer.location.clone(),
            references: answer.references.clone(),
            body_base64: Zeroizing::new(STANDARD.encode(answer.body.as_slice())),
        };
        let path = self.emergency_path(answer.post);
        let target = path.clone();
        tokio::task::spawn_blocking(move || write(&target, &file)).await.map_err(io::Error::other)??;
        Ok(path)
    }

    /// Removes the emergency file of a POST, if there is one: its content is in the database.
    pub(crate) fn forget_emergency_file(&self, post: PostId) {
        let path = self.emergency_path(post);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "an emergency file that holds a key cannot be removed");
            }
        }
    }

    fn emergency_path(&self, post: PostId) -> PathBuf {
        self.state_dir.join(format!("{PREFIX}{post}.json"))
    }
}

fn write(path: &Path, file: &EmergencyFile) -> io::Result<()> {
    let json = Zeroizing::new(serde_json::to_vec(file)?);
    durable_file::write(path, &json, true)
}

/// Takes over what an earlier process could only put into an emergency file.
pub(super) fn take_over(connection: &Connection, state_dir: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path, source| OpenError::Io { path: path.to_owned(), source };
    for entry in fs::read_dir(state_dir).map_err(|source| failed(state_dir, source))? {
        let path = entry.map_err(|source| failed(state_dir, source))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The leading dot is of one that was never put in its place.
        if !name.trim_start_matches('.').starts_with(PREFIX) {
            continue;
        }
        // The writer may have died before it gave the file its name: it is whole, or was none yet.
        let unfinished = path.extension().is_some_and(|extension| extension == "new");
        match read(&path) {
            Ok(file) => {
                // Going on without it would mean another POST.
                let waited_for =
                    store(connection, file).map_err(|error| failed(&path, io::Error::other(error)))?;
                if waited_for {
                    tracing::warn!(path = %path.display(), "an answer that the database once refused was taken over");
                } else {
                    tracing::warn!(path = %path.display(), "an emergency file is removed: nothing waits for its answer any more");
                }
                fs::remove_file(&path).map_err(|source| failed(&path, source))?;
            }
            Err(error) if unfinished => {
                tracing::warn!(path = %path.display(), %error, "an emergency file was never finished; it is removed");
                fs::remove_file(&path).map_err(|source| failed(&path, source))?;
            }
            Err(error) => {
                tracing::error!(path = %path.display(), %error, "an emergency file cannot be taken over; it was left, for it may hold a key");
            }
        }
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<EmergencyFile> {
    let json = Zeroizing::new(fs::read(path)?);
    let file: EmergencyFile = serde_json::from_slice(&json)?;
    // It is whole only if its body is.
    STANDARD.decode(file.body_base64.as_bytes()).map_err(io::Error::other)?;
    Ok(file)
}

/// Stores the answer if its renewal still waits for it; another renewal that has begun since knows better.
/// Tells whether it did.
fn store(connection: &Connection, file: EmergencyFile) -> Result<bool, StoreError> {
    let body = STANDARD
        .decode(file.body_base64.as_bytes())
        .map_err(|error| StoreError::Unexpected(error.to_string()))?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let outcome = (|| {
        let state = state::of(connection, WebhookId(file.webhook))?;
        let open = state.active.as_ref();
        let of_old = open.filter(|open| Some(open.id) == file.renewal).and_then(|open| open.post);
        let Some(post) = file.post.or(of_old) else { return Ok(false) };
        let now = clock::now();
        let transition = apply(&state, &Event::Answered(post), Now { local: now, protime: now });
        let waits = open.is_some_and(|open| open.post == Some(post)) && transition.changes(&state);
        if waits {
            let answer = Answer {
                post,
                webhook: state.id,
                location: file.location,
                body: Zeroizing::new(body),
                issued_at: file.issued_at,
                references: file.references,
            };
            answers::insert(connection, &answer, now)?;
            commit::write(connection, transition.into())?;
        }
        Ok(waits)
    })();
    connection.execute_batch(if outcome.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    outcome
}
