//! Which webhooks have a new key that the database refuses: the one thing that must not be overlooked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;

use crate::domain::webhook::WebhookPath;

/// The webhooks with a key that is not in the database, and since when. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeysInMemory(Arc<Mutex<BTreeMap<WebhookPath, Timestamp>>>);

impl KeysInMemory {
    /// Notes a key that the database refused; the first time counts.
    pub(crate) fn add(&self, path: &WebhookPath, now: Timestamp) {
        self.lock().entry(path.clone()).or_insert(now);
    }

    /// Notes that the database took the key; tells whether it had refused it.
    pub(crate) fn remove(&self, path: &WebhookPath) -> bool {
        self.lock().remove(path).is_some()
    }

    /// Since when a webhook's key is not in the database, if that is so.
    pub(crate) fn since(&self, path: &WebhookPath) -> Option<Timestamp> {
        self.lock().get(path).copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WebhookPath, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
