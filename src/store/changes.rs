//! What was committed, for those who publish it and for those who look at all webhooks: they look at these alone.
//!
//! Law: a change is in it once it is on disk, and before its maker hears of it; its entries are in the order in
//! which they were committed.

use std::{
    collections::BTreeSet,
    mem,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use super::{Keys, Look, OfTenant, Store};
use crate::domain::{
    journal::Entry,
    state::{WebhookId, WebhookState},
    transition::Transition,
};

/// What became of a webhook.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    pub(crate) state: Arc<WebhookState>,
    pub(crate) journal: Vec<Entry>,
    /// Its keys, if they are others now.
    pub(super) keys: Option<Arc<Keys>>,
}

impl Written {
    pub(super) fn new(transition: Transition, keys: Option<Keys>) -> Self {
        Self { state: Arc::new(transition.state), journal: transition.journal, keys: keys.map(Arc::new) }
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Changed {
    pub(crate) written: Vec<Written>,
    /// Webhooks that are to be looked at besides.
    pub(crate) looks: BTreeSet<WebhookId>,
    /// Every webhook is to be looked at.
    pub(crate) all: bool,
}

impl Changed {
    pub(crate) const fn all() -> Self {
        Self { written: Vec::new(), looks: BTreeSet::new(), all: true }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty() && self.looks.is_empty() && !self.all
    }

    pub(crate) fn add(&mut self, others: Self) {
        self.written.extend(others.written);
        self.looks.extend(others.looks);
        self.all |= others.all;
    }
}

impl From<WebhookId> for Changed {
    fn from(id: WebhookId) -> Self {
        Self { looks: [id].into(), ..Self::default() }
    }
}

/// What a write has changed.
#[derive(Debug, Default)]
pub(super) struct Effect {
    pub(super) changed: Changed,
    pub(super) of_tenant: Option<OfTenant>,
    /// When to look at webhooks again of which nothing else was written.
    pub(super) scheduled: Vec<Look>,
}

impl From<Changed> for Effect {
    fn from(changed: Changed) -> Self {
        Self { changed, ..Self::default() }
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

    /// Waits until everything that a reader may have seen by now is among the changes: a commit is on disk a moment
    /// before it is.
    pub(crate) async fn caught_up(&self) {
        // Whether it could begin a transaction does not matter: those before it have ended.
        let _ended = self.writer.run(|_| Ok(()), |()| {}).await;
    }
}
