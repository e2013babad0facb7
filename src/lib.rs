//! Keeps Protime webhooks alive.

mod clock;
mod domain;
