//! Which webhooks have a new key that is not in the database, or may get one any moment: the one thing
//! that must not be overlooked.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;

use crate::domain::webhook::WebhookPath;

/// A key that this process has and the database has not.
#[derive(Debug, Clone, Copy, Default)]
struct Unpersisted {
    /// Since when the database refuses it; `None` while it is asked for the first time.
    refused_since: Option<Timestamp>,
    in_emergency_file: bool,
}

/// The webhooks with a key that is not in the database. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct UnpersistedKeys {
    keys: Arc<Mutex<BTreeMap<WebhookPath, Unpersisted>>>,
    awaited: Arc<AtomicUsize>,
}

/// A POST that is in flight, for as long as this lives.
#[derive(Debug)]
pub(crate) struct Awaited(Arc<AtomicUsize>);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl UnpersistedKeys {
    /// Notes that a POST is sent, whose answer may bring a key.
    pub(crate) fn expect(&self) -> Awaited {
        self.awaited.fetch_add(1, Ordering::SeqCst);
        Awaited(Arc::clone(&self.awaited))
    }

    pub(crate) fn are_expected(&self) -> bool {
        self.awaited.load(Ordering::SeqCst) > 0
    }

    /// Notes that a key has arrived, before anyone has tried to store it.
    pub(crate) fn add(&self, path: &WebhookPath) {
        self.lock().insert(path.clone(), Unpersisted::default());
    }

    /// Notes that the database refused a key; the first time counts.
    pub(crate) fn refused(&self, path: &WebhookPath, now: Timestamp) {
        if let Some(key) = self.lock().get_mut(path) {
            key.refused_since.get_or_insert(now);
        }
    }

    /// Notes that a key is in an emergency file.
    pub(crate) fn in_emergency_file(&self, path: &WebhookPath) {
        if let Some(key) = self.lock().get_mut(path) {
            key.in_emergency_file = true;
        }
    }

    /// Notes that the database took the key; tells whether it had refused it.
    pub(crate) fn remove(&self, path: &WebhookPath) -> bool {
        self.lock().remove(path).is_some_and(|key| key.refused_since.is_some())
    }

    /// Since when the database refuses a webhook's key, if that is so.
    pub(crate) fn since(&self, path: &WebhookPath) -> Option<Timestamp> {
        self.lock().get(path)?.refused_since
    }

    /// The webhooks whose key would be gone with this process.
    pub(crate) fn nowhere_else(&self) -> Vec<WebhookPath> {
        self.lock().iter().filter(|(_, key)| !key.in_emergency_file).map(|(path, _)| path.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WebhookPath, Unpersisted>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
