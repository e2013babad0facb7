//! The renewal procedure.
//!
//! A webhook is valid for a limited time and is switched off when it expires or when deliveries
//! fail too often. One renewal brings it back, or keeps it from going, in five steps:
//!
//! 1. `resync` brings the receiver's data up to date, because events of a gap are never replayed;
//! 2. `post` sends the pair to Protime again, and with that the old key is dead;
//! 3. `rotate` makes the new key current in one transaction, before anyone is told;
//! 4. `hand_off` gives it to every sink;
//! 5. `catch_up` runs the resync once more, for what changed while no one could have accepted it.
//!
//! What to do next is a pure function of what is stored, what Protime last said, and the time:
//! `domain::plan`. Every trigger only wakes the same loop (load, plan, do one thing, record), so that a
//! restart, a retry, a manual renewal and the ordinary case are one path. All the state is in the store: the
//! process may die between any two lines, and the next start goes on from what was recorded.
//!
//! Laws: nothing is done before its intent is recorded; a POST whose outcome is unknown is resolved by asking
//! Protime; a received key is persisted before it is looked at.
//!
//! In reading order: [`webhook`] is what the configuration says of one, [`procedure`] does the one thing, each step in a file of its own; [`poller`] reads a tenant's
//! list, and [`listing`] finds in it which entry is which of ours; [`unpersisted`] knows which keys the database
//! has not, and [`deliveries`] which are on their way to sinks; [`procedure::import`] takes over a key without a POST.

pub(crate) mod deliveries;
mod listing;
pub(crate) mod poller;
pub(crate) mod procedure;
mod references;
pub(crate) mod timing;
pub(crate) mod unpersisted;
pub(crate) mod webhook;

/// How long to wait before a database that refused is asked again.
pub(crate) const DATABASE_RETRY: std::time::Duration = std::time::Duration::from_secs(1);
