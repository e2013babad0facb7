//! The vocabulary of the crate: tenants, webhooks, pairs, keys, gaps, reasons.
//!
//! Everything here is a value without I/O, so that every other room may import it and none has to
//! import another room only to speak of the same thing. Time is always an argument.

pub(crate) mod backoff;
pub(crate) mod collection;
pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod gap;
pub(crate) mod grain;
pub(crate) mod journal;
pub(crate) mod key;
pub(crate) mod lifetime;
pub(crate) mod object;
pub(crate) mod outbox;
pub(crate) mod page_cursor;
pub(crate) mod plan;
pub(crate) mod post;
pub(crate) mod query;
pub(crate) mod reason;
pub(crate) mod removed;
pub(crate) mod renewal;
pub(crate) mod report;
pub(crate) mod state;
pub(crate) mod suggestions;
pub(crate) mod task;
pub(crate) mod transition;
pub(crate) mod webhook;
