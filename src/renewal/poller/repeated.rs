//! A list that says what the last one said, of webhooks to which nothing has happened since: it is not compared with
//! them again, and none of them is read.
//!
//! Law: only where every webhook of the tenant delivers and rests, only before the first of them ends, and never
//! for long.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

use jiff::Timestamp;

use super::Tenant;
use crate::{clock, domain::webhook::RemoteWebhook};

/// After so long a list is compared with the webhooks whatever it says.
const LONGEST: Duration = Duration::from_mins(10);

/// The last list that was compared with the webhooks and has changed nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Compared {
    digest: u64,
    /// How often the tenant's webhooks had been written.
    writes: u64,
    /// When the first of them ends, on our clock.
    until: Timestamp,
    at: Instant,
}

impl Compared {
    pub(super) fn new(list: &[RemoteWebhook], writes: u64, until: Timestamp) -> Self {
        Self { digest: digest(list), writes, until, at: Instant::now() }
    }

    pub(super) fn is_repeated_by(&self, list: &[RemoteWebhook]) -> bool {
        self.digest == digest(list)
    }
}

impl Tenant {
    /// What a list may be that is nothing new.
    pub(super) fn compared(&self) -> Option<Compared> {
        self.lock_compared().filter(|last| {
            last.writes == self.store.writes_of(&self.name)
                && clock::now() < last.until
                && last.at.elapsed() < LONGEST
        })
    }
}

fn digest(list: &[RemoteWebhook]) -> u64 {
    let mut hasher = DefaultHasher::new();
    list.hash(&mut hasher);
    hasher.finish()
}
