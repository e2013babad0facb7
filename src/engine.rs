//! What does the work, as long as the daemon runs: the driver of the renewals, the delivery workers, the event
//! publisher, and the setup that a reload replaces.
//!
//! Laws: every trigger only wakes a loop that loads, plans, acts and commits; work on a webhook is one task at a
//! time; everyone who asks gets a whole setup, the old one or the new one, which stays usable for as long as it
//! is held.
//!
//! In reading order: [`setup`] builds what the configuration asks for and [`reload`] replaces it; [`driver`] is
//! the loop, [`delivery_workers`] the one beside it, [`scheduler`] the cron that asks for sweeps, of which
//! [`removed`] is the last step, [`history_pruner`] the one that forgets; [`overview`] is how things are, kept by the [`event_publisher`], and [`snapshot`] the
//! views of all webhooks; [`service_manager`] is told in a line, and [`parts`] notices a loop that has ended.

pub(crate) mod delivery_workers;
pub(crate) mod driver;
pub(crate) mod event_publisher;
pub(crate) mod history_pruner;
pub(crate) mod overview;
pub(crate) mod parts;
pub(crate) mod reload;
pub(crate) mod removed;
pub(crate) mod scheduler;
pub(crate) mod service_manager;
pub(crate) mod setup;
pub(crate) mod snapshot;

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use tokio::sync::{Mutex, Notify, mpsc, watch};

use self::{event_publisher::EventPublisher, scheduler::Sweep, setup::Setup, snapshot::Snapshot};
use crate::{
    counters::Counters,
    domain::{report::ConfigError, state::WebhookId},
    event_bus::EventBus,
    handoff::KeyFiles,
    renewal::{deliveries::Deliveries, unpersisted::UnpersistedKeys},
    store::{Changed, Store},
};

/// The longest time between two looks of a loop: the wall clock may be set while it sleeps, and some states change
/// only because time passes.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// What does not change with the configuration. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) store: Store,
    /// Notified when a webhook wants attention.
    pub(crate) wake: Arc<Notify>,
    pub(crate) deliveries: Deliveries,
    /// Counts rotations, for those who wait for one.
    pub(crate) rotations: watch::Sender<u64>,
    /// Whose new key the database refuses.
    pub(crate) unpersisted_keys: UnpersistedKeys,
    pub(crate) event_bus: EventBus,
    pub(crate) counters: Counters,
    key_files: KeyFiles,
    publisher: Arc<Mutex<EventPublisher>>,
    /// The views of all webhooks that were made last.
    snapshot: Arc<Mutex<Snapshot>>,
    /// Whether every tenant was asked once.
    pub(crate) swept: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            wake: Arc::new(Notify::new()),
            deliveries: Deliveries::new(),
            rotations: watch::Sender::new(0),
            unpersisted_keys: UnpersistedKeys::default(),
            event_bus: EventBus::default(),
            counters: Counters::default(),
            key_files: KeyFiles::default(),
            publisher: Arc::default(),
            snapshot: Arc::default(),
            swept: watch::Sender::new(false),
        }
    }

    pub(crate) async fn first_sweep_done(&self) {
        let mut sweeps = self.swept.subscribe();
        // It cannot close while we hold the sender.
        let _open = sweeps.wait_for(|swept| *swept).await;
    }
}

/// The setup in force. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) shared: Shared,
    pub(crate) sweep: mpsc::Sender<Sweep>,
    /// Why the file as it is now is not in force.
    pub(crate) config_error: watch::Sender<Option<ConfigError>>,
    /// Held while a reload is under way, or something that none may come between.
    pub(crate) reloading: Arc<Mutex<()>>,
    current: watch::Sender<Arc<Setup>>,
}

impl Engine {
    pub(crate) fn new(shared: Shared, setup: Setup, sweep: mpsc::Sender<Sweep>) -> Self {
        Self {
            shared,
            sweep,
            config_error: watch::Sender::new(None),
            reloading: Arc::default(),
            current: watch::Sender::new(Arc::new(setup)),
        }
    }

    pub(crate) fn setup(&self) -> Arc<Setup> {
        Arc::clone(&self.current.borrow())
    }

    pub(crate) fn put_in_force(&self, setup: Setup) {
        self.current.send_replace(Arc::new(setup));
        self.shared.store.look_at(Changed::all());
    }

    /// Asks every tenant for its list, and looks whether every key file is still what it should be.
    pub(crate) async fn sweep(&self) {
        let setup = self.setup();
        if let Err(error) = setup.inspect_sinks().await {
            tracing::error!(%error, "the key sinks could not be inspected");
        }
        // A failure is noted with the tenant, shown in its status, and tried again.
        join_all(setup.tenants.iter().map(|tenant| tenant.poll())).await;
        if let Err(error) = removed::settle(self).await {
            tracing::error!(%error, "the webhooks that left the configuration could not be looked after");
        }
        self.shared.swept.send_replace(true);
    }

    /// Ready when the setup in force does not have this webhook any more.
    pub(crate) async fn left(&self, id: WebhookId) {
        let mut setups = self.current.subscribe();
        // It cannot close while we hold the sender.
        let _open = setups.wait_for(|setup| !setup.procedures.contains_key(&id)).await;
    }
}
