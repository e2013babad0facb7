//! The key sinks of the model: an event is accepted where every sink has its key, for any of them may
//! serve the part of the receiver that it is for.

use super::world::World;
use crate::{
    domain::outbox::{Outbox, SinkFailure},
    domain::plan::{Wanted, tests},
};

/// How many there are.
pub(super) const SINKS: usize = 2;

pub(super) fn wanted() -> Wanted {
    Wanted { sinks: outboxes().into_iter().map(|outbox| outbox.sink).collect(), ..tests::wanted() }
}

/// No sink has a key yet.
pub(super) fn outboxes() -> Vec<Outbox> {
    let outbox = |number: usize| Outbox {
        sink: format!("file:/run/{number}"),
        version: 0,
        attempts: 0,
        retry_at: None,
        failure: None,
    };
    (0..SINKS).map(outbox).collect()
}

impl World {
    /// Whether the whole receiver accepts what is signed with this key.
    pub(super) fn is_accepted(&self, key: u32) -> bool {
        self.sinks.iter().all(|sink| *sink == Some(key))
    }

    /// Another key is current.
    pub(super) fn owe_sinks(&mut self) {
        let local = self.local();
        for outbox in &mut self.record.sinks {
            outbox.attempts = 0;
            outbox.retry_at = Some(local);
        }
    }

    /// An attempt to give a sink the key that is current.
    pub(super) fn deliver(&mut self, sink: usize, takes: bool) {
        let now = self.local();
        let Some(issued) = &self.record.issued else { return };
        let outbox = &mut self.record.sinks[sink];
        if outbox.version == issued.key_version {
            return;
        }
        if takes {
            self.sinks[sink] = self.held;
            outbox.version = issued.key_version;
            outbox.attempts = 0;
            outbox.retry_at = None;
            outbox.failure = None;
        } else {
            outbox.attempts += 1;
            outbox.retry_at = Some(now);
            outbox.failure = Some(SinkFailure { at: now, since: now, message: String::new() });
        }
    }
}
