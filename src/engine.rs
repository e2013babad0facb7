//! What does the work, as long as the daemon runs: the driver of the renewals, the delivery workers, the event
//! publisher, and the setup that a reload replaces.
//!
//! Laws: every trigger only wakes a loop that loads, plans, acts and commits; work on a webhook is one task at a
//! time; what is in force is one whole [`setup::Setup`].

pub(crate) mod delivery_workers;
pub(crate) mod driver;
pub(crate) mod event_publisher;
pub(crate) mod live;
pub(crate) mod parts;
pub(crate) mod reload;
pub(crate) mod removed;
pub(crate) mod scheduler;
pub(crate) mod service_manager;
pub(crate) mod setup;
