//! The views of all webhooks at one moment, for those who show each of them.
//!
//! Laws: they are made when someone asks, and not again for those who ask before anything has changed; no one
//! keeps them when no one asks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Engine, setup::Setup};
use crate::{
    domain::report::{self, Problem},
    store::StoreError,
    views::{health, webhook as webhook_view},
};

/// So long they are shared where nothing has changed: what is shown changes with time, too.
const LONGEST_LIFE: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) setup: Arc<Setup>,
    /// By tenant and name.
    pub(crate) webhooks: Arc<[report::Webhook]>,
    /// What is wrong with them.
    pub(crate) problems: Vec<Problem>,
    /// Of how many changes and events they are.
    version: (u64, u64),
    made_at: Instant,
}

impl Engine {
    /// The views of all webhooks as they are now.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, StoreError> {
        // Those who ask while it is made wait for it and share it.
        let mut last = self.shared.snapshot.lock().await;
        // What comes while it is made makes it old.
        let version = (*self.shared.store.changes().borrow(), *self.shared.event_bus.changes().borrow());
        let setup = self.setup();
        if let Some(last) = last.as_ref().filter(|last| {
            last.version == version
                && Arc::ptr_eq(&last.setup, &setup)
                && last.made_at.elapsed() < LONGEST_LIFE
        }) {
            return Ok(Arc::clone(last));
        }
        let made_at = Instant::now();
        let (mut webhooks, mut problems) = (Vec::new(), Vec::new());
        for state in self.shared.store.states().await? {
            let Some(procedure) = setup.procedures.get(&state.id) else { continue };
            let view = webhook_view::webhook(&state, procedure);
            problems.extend(health::of_webhook(&state, procedure, &view));
            webhooks.push(view);
        }
        let snapshot = Arc::new(Snapshot { setup, webhooks: webhooks.into(), problems, version, made_at });
        *last = Some(Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// Forgets the views that no one has asked for of late.
    pub(super) fn forget_old_snapshot(&self) {
        if let Ok(mut last) = self.shared.snapshot.try_lock()
            && last.as_ref().is_some_and(|last| last.made_at.elapsed() >= LONGEST_LIFE)
        {
            *last = None;
        }
    }
}
