//! Keeps the current key in a file for a receiver that reads it at every request.
//!
//! Laws: a reader of the path finds one whole key, the old one or the new one, never a part and
//! never none; the file never has more readers than its mode and group allow, not even for a moment;
//! an older key never replaces a newer one; a file costs the same however many there are in its folder.
//!
//! [`place`] finds the file that a path means, [`replace`] puts another one in its place; [`folders`] knows what lies
//! aside in its folder, [`turns`] who may write it.

mod folders;
mod place;
mod replace;
#[cfg(test)]
mod tests;
mod turns;

use std::{
    borrow::Cow,
    io::{ErrorKind, Read as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{task::spawn_blocking, time::timeout};
use zeroize::Zeroizing;

use crate::{
    config::KeyFormat,
    domain::{
        key::WebhookKey,
        task::{TaskContext, TaskError, TaskOutput, wiped_json},
    },
    regular_file,
};

use self::{
    folders::Folders,
    replace::{FileError, Target},
    turns::{Turn, Turns},
};

/// How long a file system may take: a remote one that hangs must not hold up the webhook for ever,
/// nor the daemon's stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// What this process knows of the files that it keeps keys in, whatever is configured by now. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyFiles {
    folders: Folders,
    turns: Turns,
}

/// A key file. Clones are the same file.
#[derive(Debug, Clone)]
pub(crate) struct FileSink(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    target: Target,
    format: KeyFormat,
    turn: Arc<Turn>,
}

impl Inner {
    fn holds(&self, content: &[u8], key: &WebhookKey, version: u64) -> bool {
        match self.format {
            KeyFormat::Raw => content == key.expose().as_bytes(),
            KeyFormat::Json => serde_json::from_slice::<Held<'_>>(content)
                .is_ok_and(|held| held.version == version && held.key == key.expose()),
        }
    }
}

/// The format `json`: one line that ends with a line feed.
///
/// It names the webhook, so that one program can read the files of many, and has no time: that is
/// the time of the file, and the same key makes the same file.
#[derive(Serialize)]
struct KeyFile<'a> {
    tenant: &'a str,
    webhook: &'a str,
    collection: &'a str,
    destination_url: &'a str,
    version: u64,
    key: &'a str,
}

/// What of the format `json` tells one key from another.
#[derive(Deserialize)]
struct Held<'a> {
    version: u64,
    #[serde(borrow)]
    key: Cow<'a, str>,
}

impl FileSink {
    pub(super) fn new(
        path: &Path,
        format: KeyFormat,
        mode: u32,
        group: Option<&str>,
        files: &KeyFiles,
    ) -> Self {
        let (group, folders) = (group.map(str::to_owned), files.folders.clone());
        let target = Target { path: path.to_owned(), mode, group, folders };
        Self(Arc::new(Inner { target, format, turn: files.turns.at(path) }))
    }

    pub(super) fn id(&self) -> String {
        format!("file:{}", self.0.target.path.display())
    }

    /// Whether a key could be put there with this mode and group. A file that holds the current key is
    /// replaced by a copy of itself.
    pub(super) async fn preflight(&self, current: Option<(&WebhookKey, u64)>) -> Result<(), TaskError> {
        let current = current.map(|(key, version)| (key.clone(), version));
        self.blocking(move |inner| {
            let is_current = |content: &[u8]| {
                current.as_ref().is_some_and(|(key, version)| inner.holds(content, key, *version))
            };
            inner.target.rehearse(is_current)
        })
        .await?
        .map_err(failure)
    }

    /// What can be seen to be wrong without writing anything.
    pub(super) fn objection(&self) -> Option<String> {
        self.0.target.look().err().map(|error| error.to_string())
    }

    /// Replaces the file. A stop of the daemon is not waited for: this takes a moment, or
    /// [`PATIENCE`] at most.
    pub(super) async fn deliver(
        &self,
        context: &TaskContext,
        key: &WebhookKey,
        version: u64,
    ) -> Result<TaskOutput, TaskError> {
        let bytes = self.content(context, key, version);
        let webhook = context.path();
        self.0.turn.announce(&webhook, version);
        self.blocking(move |inner| {
            if let Some(why) = inner.turn.overtaken_by(&webhook, version) {
                return Err(TaskError::new(format!(
                    "key file '{}': version {version} of the key is not written: {why}",
                    inner.target.path.display()
                )));
            }
            inner.target.replace(&bytes).map_err(failure)
        })
        .await??;
        Ok(None)
    }

    /// Whether the file has this key, mode and group. A file that cannot be read has not.
    pub(super) async fn holds(&self, key: &WebhookKey, version: u64) -> bool {
        let key = key.clone();
        let held = self.blocking(move |inner| {
            inner.target.read().is_some_and(|content| inner.holds(&content, &key, version))
        });
        held.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "a key file could not be compared");
            false
        })
    }

    /// Whether anyone who reads the path may find this key, be the file of another mode, group or owner than it
    /// should be: what cannot be read here may be read by others.
    pub(super) async fn may_show(&self, key: &WebhookKey, version: u64) -> bool {
        let key = key.clone();
        let shown = self.blocking(move |inner| {
            let mut content = Zeroizing::new(Vec::new());
            let read = regular_file::open(&inner.target.path)
                .and_then(|file| file.take(replace::LARGEST).read_to_end(&mut content));
            match read {
                Ok(_) => inner.holds(&content, &key, version),
                Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
            }
        });
        shown.await.unwrap_or(true)
    }

    fn content(&self, context: &TaskContext, key: &WebhookKey, version: u64) -> Zeroizing<Vec<u8>> {
        match self.0.format {
            KeyFormat::Raw => Zeroizing::new(key.expose().as_bytes().to_vec()),
            KeyFormat::Json => {
                let file = KeyFile {
                    tenant: context.tenant.as_str(),
                    webhook: context.webhook.as_str(),
                    collection: &context.collection,
                    destination_url: &context.destination_url,
                    version,
                    key: key.expose(),
                };
                let free_text = file.collection.len() + file.destination_url.len() + file.key.len();
                let mut json = wiped_json(&file, free_text);
                json.push(b'\n');
                json
            }
        }
    }

    /// Does `work` on a thread that may block, alone on this file, and waits [`PATIENCE`] for it.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> T + Send + 'static,
    ) -> Result<T, TaskError> {
        let inner = Arc::clone(&self.0);
        let task = spawn_blocking(move || {
            let _alone = inner.turn.take();
            work(&inner)
        });
        let path = self.0.target.path.display();
        match timeout(PATIENCE, task).await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(error)) => Err(TaskError::new(format!("key file '{path}': {error}"))),
            Err(_) => Err(TaskError::new(format!(
                "key file '{path}': its file system did not answer within {} s",
                PATIENCE.as_secs()
            ))),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn failure(error: FileError) -> TaskError {
    TaskError::new(error.to_string())
}
