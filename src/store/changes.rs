//! Which webhooks have changed, so that those who look at all of them look at these alone.
//!
//! Law: a webhook is in it once its change is on disk, and before its maker hears of the change.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::Store;
use crate::domain::state::WebhookId;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Changed {
    Webhooks(BTreeSet<WebhookId>),
    All,
}

impl Default for Changed {
    fn default() -> Self {
        Self::Webhooks(BTreeSet::new())
    }
}

impl From<WebhookId> for Changed {
    fn from(id: WebhookId) -> Self {
        Self::Webhooks([id].into())
    }
}

impl Changed {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Webhooks(ids) if ids.is_empty())
    }

    pub(crate) fn add(&mut self, others: Self) {
        match (self, others) {
            (Self::All, _) => {}
            (own, Self::All) => *own = Self::All,
            (Self::Webhooks(ids), Self::Webhooks(others)) => ids.extend(others),
        }
    }
}

/// What has changed since someone took it. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    changed: Arc<Mutex<Changed>>,
    /// Counts additions.
    count: watch::Sender<u64>,
}

impl Changes {
    pub(super) fn new() -> Self {
        Self { changed: Arc::default(), count: watch::Sender::new(0) }
    }

    pub(super) fn add(&self, changed: Changed) {
        if !changed.is_empty() {
            self.changed.lock().unwrap_or_else(PoisonError::into_inner).add(changed);
            self.count.send_modify(|count| *count += 1);
        }
    }
}

impl Store {
    /// Counts the changes: wait for it, then [take](Self::take_changed) what has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.count.subscribe()
    }

    /// What has changed since this was last called.
    pub(crate) fn take_changed(&self) -> Changed {
        mem::take(&mut *self.changes.changed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has webhooks looked at of which nothing was written.
    pub(crate) fn look_at(&self, webhooks: impl Into<Changed>) {
        self.changes.add(webhooks.into());
    }
}
