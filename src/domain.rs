//! The vocabulary of the crate: tenants, webhooks, pairs, keys, gaps, reasons.
//!
//! Everything here is a value without I/O, so that every other room may import it and none has to
//! import another room only to speak of the same thing. Time is always an argument.

pub(crate) mod errand;
pub(crate) mod filter;
pub(crate) mod gap;
pub(crate) mod key;
pub(crate) mod lifetime;
pub(crate) mod object;
pub(crate) mod reason;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod walk;
pub(crate) mod webhook;
