//! The vocabulary of the crate: tenants, webhooks, pairs, keys, gaps, reasons.
//!
//! Everything here is a value without I/O, so that every other room may import it and none has to
//! import another room only to speak of the same thing. Time is always an argument.
//!
//! `change` and `key` are what a receiver needs, too; the rest speaks of the daemon's work.

#[cfg(feature = "daemon")]
pub(crate) mod backoff;
pub(crate) mod change;
#[cfg(feature = "daemon")]
pub(crate) mod collection;
#[cfg(feature = "daemon")]
pub(crate) mod errand;
#[cfg(feature = "daemon")]
pub(crate) mod event;
#[cfg(feature = "daemon")]
pub(crate) mod filter;
#[cfg(feature = "daemon")]
pub(crate) mod gap;
#[cfg(feature = "daemon")]
pub(crate) mod grain;
#[cfg(feature = "daemon")]
pub(crate) mod journal;
pub(crate) mod key;
#[cfg(feature = "daemon")]
pub(crate) mod lifetime;
#[cfg(feature = "daemon")]
pub(crate) mod object;
#[cfg(feature = "daemon")]
pub(crate) mod orphan;
#[cfg(feature = "daemon")]
pub(crate) mod outbox;
#[cfg(feature = "daemon")]
pub(crate) mod plan;
#[cfg(feature = "daemon")]
pub(crate) mod post;
#[cfg(feature = "daemon")]
pub(crate) mod query;
#[cfg(feature = "daemon")]
pub(crate) mod reason;
#[cfg(feature = "daemon")]
pub(crate) mod record;
#[cfg(feature = "daemon")]
pub(crate) mod renewal;
#[cfg(feature = "daemon")]
pub(crate) mod report;
#[cfg(feature = "daemon")]
pub(crate) mod transition;
#[cfg(feature = "daemon")]
pub(crate) mod walk;
#[cfg(feature = "daemon")]
pub(crate) mod webhook;
