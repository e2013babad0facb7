//! From states and polls to what is shown: the JSON of the sockets, health in sentences, and metrics.
//!
//! Law: nothing is decided here, and nothing is asked for; the same states always look the same.
//!
//! In reading order: [`webhook`] shows what is known, [`health`] says what of it is wrong, [`metrics`] counts.

pub(crate) mod health;
pub(crate) mod metrics;
pub(crate) mod webhook;
