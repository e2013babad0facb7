//! The renewal procedure.
//!
//! A webhook is valid for a limited time and is switched off when it expires or when deliveries
//! fail too often. One renewal brings it back, or keeps it from going, in five steps:
//!
//! 1. `resync` brings the receiver's data up to date, because events of a gap are never replayed;
//! 2. `post` sends the pair to Protime again, and with that the old key is dead;
//! 3. `rotate` makes the new key current in one transaction, before anybody is told;
//! 4. `hand_off` gives it to every sink;
//! 5. `catch_up` runs the resync once more, for what changed while nobody could have accepted it.
//!
//! What to do next is a pure function of what is stored, what Protime last said, and the time:
//! `domain::plan`. Every trigger only wakes the same loop (load, plan, do one thing, record), so that a
//! restart, a retry, a manual renewal and the ordinary case are one path. [`procedure`] does the one
//! thing. The laws it keeps: nothing is done before its intent is recorded; a POST whose outcome is
//! unknown is resolved by asking Protime; a received key is persisted before it is looked at.

pub(crate) mod import;
mod listing;
pub(crate) mod procedure;
pub(crate) mod reconcile;
mod references;
pub(crate) mod timing;
pub(crate) mod unsaved;
