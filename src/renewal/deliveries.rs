//! Keys on their way to sinks: which are owed, and which attempts begin with the rotation that brought the key.
//!
//! Laws: an attempt of the second kind is recorded as begun by the commit that makes the key current, so that nothing
//! lies between the two, and is made once that is on disk; only so many are under way at a time: where there is no
//! room, the key is owed, and tried as after a restart.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::procedure::Procedure;
use crate::{
    domain::{key::WebhookKey, state::WebhookState},
    handoff::KeySink,
    store::StoreError,
};

/// Each has a thread for as long as its file system takes.
const AT_A_TIME: usize = 128;

/// What delivery workers have to do that is not in the database, or not yet looked for there. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Deliveries {
    room: Arc<Semaphore>,
    begun: Arc<Mutex<VecDeque<Begun>>>,
    one_begun: Arc<Notify>,
    owed: Arc<Notify>,
}

/// The place of an attempt among those under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room(#[expect(dead_code, reason = "it is held and not used")] OwnedSemaphorePermit);

/// An attempt that is recorded as begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) procedure: Procedure,
    pub(crate) sink: KeySink,
    /// As it was committed.
    pub(super) state: Arc<WebhookState>,
    pub(super) key: WebhookKey,
    pub(super) version: u64,
    pub(super) room: Room,
}

impl Deliveries {
    pub(crate) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_A_TIME)),
            begun: Arc::default(),
            one_begun: Arc::new(Notify::new()),
            owed: Arc::new(Notify::new()),
        }
    }

    /// Says that a sink wants attention.
    pub(crate) fn look(&self) {
        self.owed.notify_one();
    }

    /// Ready when a sink wants attention.
    pub(crate) async fn wanted(&self) {
        self.owed.notified().await;
    }

    /// Room for one more attempt, if there is.
    pub(super) fn room(&self) -> Option<Room> {
        Arc::clone(&self.room).try_acquire_owned().ok().map(Room)
    }

    pub(super) fn add(&self, begun: Begun) {
        self.queue().push_back(begun);
        self.one_begun.notify_one();
    }

    /// The next attempt that has begun, if there is one.
    pub(crate) fn take(&self) -> Option<Begun> {
        self.queue().pop_front()
    }

    /// The next attempt that begins; for one who asks.
    pub(crate) async fn next(&self) -> Begun {
        loop {
            if let Some(begun) = self.take() {
                return begun;
            }
            self.one_begun.notified().await;
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Begun>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun {
    /// Makes it, and records its end.
    pub(crate) async fn make(self, stop: &CancellationToken) -> Result<(), StoreError> {
        let Self { procedure, sink, state, key, version, room } = self;
        let made = procedure.hand_over(&sink, &state, &key, version, stop).await;
        drop(room);
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_at_a_time_and_again_for_one_when_one_ends() {
        let deliveries = Deliveries::new();
        let mut rooms: Vec<Room> = (0..AT_A_TIME).map(|_| deliveries.room().expect("room")).collect();
        assert!(deliveries.clone().room().is_none(), "what begins now is owed");
        rooms.pop();
        assert!(deliveries.room().is_some());
    }
}
