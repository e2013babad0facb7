//! Keeps Protime webhooks alive.
#![allow(dead_code, unused_imports)]

mod clock;
mod domain;
mod store;
mod stop;
mod renewal { pub(crate) mod backoff; pub(crate) mod plan; }
