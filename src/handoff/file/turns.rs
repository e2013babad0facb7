//! Whose turn it is to write a file.
//!
//! Law: one at a time, and an older key never comes after a newer one: not even from a write that was given up on and
//! goes on in its thread, nor from a sink of before a reload.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use crate::domain::webhook::WebhookPath;

/// The turns at every file, as long as someone has a sink for it. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<PathBuf, Weak<Turn>>>>);

/// The turns at a file.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// The newest key that was to be written. Versions of another webhook say nothing of its own.
    newest: Mutex<Option<(WebhookPath, u64)>>,
    writing: Mutex<()>,
}

impl Turns {
    /// The turn at a file, the same for every sink with this path.
    pub(super) fn at(&self, path: &Path) -> Arc<Turn> {
        let mut turns = lock(&self.0);
        turns.get(path).and_then(Weak::upgrade).unwrap_or_else(|| {
            let turn = Arc::default();
            turns.insert(path.to_owned(), Arc::downgrade(&turn));
            turn
        })
    }
}

impl Turn {
    /// Nothing else is done with the file meanwhile.
    pub(super) fn take(&self) -> MutexGuard<'_, ()> {
        lock(&self.writing)
    }

    /// Takes note of a key that is about to be written.
    pub(super) fn announce(&self, webhook: &WebhookPath, version: u64) {
        let mut newest = lock(&self.newest);
        let before = newest.as_ref().filter(|(of, _)| of == webhook).map_or(0, |(_, version)| *version);
        *newest = Some((webhook.clone(), version.max(before)));
    }

    /// What has overtaken a key that was announced.
    pub(super) fn overtaken_by(&self, webhook: &WebhookPath, version: u64) -> Option<String> {
        match &*lock(&self.newest) {
            Some((of, newest)) if of == webhook => {
                (*newest > version).then(|| format!("version {newest} is newer"))
            }
            Some((of, _)) => Some(format!("the file is of webhook '{of}' by now")),
            None => None,
        }
    }
}

/// Nothing that these locks guard is ever half written, so a panic spoils none of it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
