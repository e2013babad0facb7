//! Which events to ignore, from a memory of bounded size.
//!
//! Laws:
//!
//! 1. A certain answer is right: what is `Newer` was never processed, what is `Duplicate` or `Older` was
//!    overtaken by something that was.
//! 2. What was forgotten is not taken for new. A memory that took it so would let an old event overwrite
//!    a newer object that had just been evicted.
//! 3. An event is remembered after it was processed, never before: what failed may come again.

use std::{
    collections::{BTreeSet, HashMap},
    num::NonZeroUsize,
    sync::Arc,
};

use super::Event;
use crate::change::ChangeVersion;

/// What a [`Deduplicator`] thinks of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use = "an event that is not newer must be ignored"]
pub enum Judgement {
    /// Nothing as new was processed for this object, or the event has no version: process it.
    Newer,
    /// Exactly this version was processed: ignore it, and answer Protime with success.
    Duplicate,
    /// A newer version was processed, perhaps a deletion: ignore it, and answer Protime with success.
    Older,
    /// The object may have been forgotten: compare with the version that you stored for it.
    Forgotten,
}

impl Judgement {
    /// Compares an event's version with the one that was stored for the same object, if any.
    ///
    /// This is Protime's whole rule. It never answers with [`Judgement::Forgotten`]. An event without a
    /// version is newer than whatever is stored: nothing says that it is not.
    pub fn of(event: Option<&ChangeVersion>, stored: Option<&ChangeVersion>) -> Self {
        match event.zip(stored).map(|(event, stored)| event.cmp(stored)) {
            None | Some(std::cmp::Ordering::Greater) => Self::Newer,
            Some(std::cmp::Ordering::Equal) => Self::Duplicate,
            Some(std::cmp::Ordering::Less) => Self::Older,
        }
    }
}

/// Remembers the newest version that was processed of each object, deletions included.
///
/// It spares a receiver the look into its store for nearly every event that brings nothing new. It does
/// not replace the store's own version: keep `changeVersion` with each object (also with one that is
/// gone, or an older `InsertOrUpdate` that was overtaken brings it back), and after a restart tell the
/// new `Deduplicator` of them with [`remember`](Self::remember).
///
/// # What is forgotten
///
/// Of each collection it holds at most `capacity` objects. Beyond that it forgets the object with the
/// smallest version, and remembers how great the greatest forgotten version was. An unknown object with a
/// version above that mark cannot be one that was forgotten with a newer version, so it is
/// [`Newer`](Judgement::Newer) for certain. At or below the mark it is [`Forgotten`](Judgement::Forgotten),
/// and the receiver compares with its store. If that comparison is left to the store (an upsert with
/// `WHERE excluded.version > object.version`), then at worst a repeat is processed again, without effect.
///
/// Protime's versions grow with time, so in practice only late repeats fall below the mark.
///
/// # Events without a version
///
/// They are [`Newer`](Judgement::Newer) whatever is known, and change nothing of what is remembered: after
/// one, an older version than the greatest that was processed still is [`Older`](Judgement::Older). So a
/// store keeps the version that it has when an event brings none.
///
/// # Several threads
///
/// Deciding and storing must be one step: two threads that both find their event newer could store them
/// in the wrong order. Keep it in a mutex that is held for the whole of [`process`](Self::process), or one
/// in each worker if an object always goes to the same worker.
///
/// ```
/// use std::num::NonZeroUsize;
/// use protime_webhook_receiver::{Deduplicator, Event, Judgement};
///
/// let event = |change, version| {
///     let body = format!(r#"{{"changeType": "{change}", "data": {{"id": 7, "changeVersion": "{version}"}}}}"#);
///     Event::parse("clockings", body.as_bytes()).expect("an event")
/// };
/// let mut seen = Deduplicator::new(NonZeroUsize::new(100_000).expect("not zero"));
///
/// let created = event("InsertOrUpdate", "01");
/// assert_eq!(seen.judge(&created), Judgement::Newer);
/// seen.remember("clockings", "7", created.version().expect("it has one"));
/// assert_eq!(seen.judge(&created), Judgement::Duplicate);
///
/// let deleted = event("Delete", "03");
/// assert_eq!(seen.judge(&deleted), Judgement::Newer);
/// seen.remember("clockings", "7", deleted.version().expect("it has one"));
/// assert_eq!(seen.judge(&event("InsertOrUpdate", "02")), Judgement::Older, "it was overtaken by its deletion");
/// ```
#[derive(Debug)]
pub struct Deduplicator {
    capacity: NonZeroUsize,
    collections: HashMap<String, Memory>,
}

/// What is remembered of one collection.
#[derive(Debug, Default)]
struct Memory {
    versions: HashMap<Arc<str>, ChangeVersion>,
    /// The same, smallest version first.
    smallest: BTreeSet<(ChangeVersion, Arc<str>)>,
    /// The greatest version that was ever forgotten.
    mark: Option<ChangeVersion>,
}

impl Deduplicator {
    /// An empty memory, for at most `capacity` objects of each collection.
    ///
    /// It takes it that nothing was processed before; tell it what was with
    /// [`remember`](Self::remember). An object takes some 240 bytes.
    #[must_use]
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { capacity, collections: HashMap::new() }
    }

    /// Whether an event is to be processed. Nothing is changed: once it was, [`remember`](Self::remember) it.
    pub fn judge(&self, event: &Event) -> Judgement {
        let Some(memory) = self.collections.get(event.collection()) else { return Judgement::Newer };
        let Some(version) = event.version() else { return Judgement::Newer };
        let known = memory.versions.get(event.id());
        if known.is_none() && memory.mark.as_ref().is_some_and(|mark| version <= mark) {
            return Judgement::Forgotten;
        }
        Judgement::of(Some(version), known)
    }

    /// Remembers that a version of an object was processed: after it was stored, or at start for every
    /// object that the store has, those included that are gone. A smaller version than the known one
    /// changes nothing.
    pub fn remember(&mut self, collection: &str, id: &str, version: &ChangeVersion) {
        if !self.collections.contains_key(collection) {
            self.collections.insert(collection.to_owned(), Memory::default());
        }
        if let Some(memory) = self.collections.get_mut(collection) {
            memory.remember(id, version);
            memory.forget_beyond(self.capacity.get());
        }
    }

    /// Decides, processes and remembers.
    ///
    /// `stored` finds the version that the receiver stored for the event's object, and is only asked if
    /// the memory cannot tell. `apply` stores the event, its version included, and is only called if the
    /// event is newer. Answers with what was decided, which is never [`Judgement::Forgotten`]; whatever it
    /// is, the event is dealt with and Protime is to be answered with success.
    ///
    /// # Errors
    ///
    /// Those of `stored` and `apply`. The event is not remembered then: let Protime send it again.
    pub fn process<E>(
        &mut self,
        event: &Event,
        stored: impl FnOnce(&Event) -> Result<Option<ChangeVersion>, E>,
        apply: impl FnOnce(&Event) -> Result<(), E>,
    ) -> Result<Judgement, E> {
        let judgement = match self.judge(event) {
            Judgement::Forgotten => Judgement::of(event.version(), stored(event)?.as_ref()),
            certain => certain,
        };
        if judgement == Judgement::Newer {
            apply(event)?;
            if let Some(version) = event.version() {
                self.remember(event.collection(), event.id(), version);
            }
        }
        Ok(judgement)
    }
}

impl Memory {
    fn remember(&mut self, id: &str, version: &ChangeVersion) {
        let id = match self.versions.get_key_value(id) {
            Some((_, known)) if known >= version => return,
            Some((id, known)) => {
                let id = Arc::clone(id);
                self.smallest.remove(&(known.clone(), Arc::clone(&id)));
                id
            }
            None => Arc::from(id),
        };
        self.versions.insert(Arc::clone(&id), version.clone());
        self.smallest.insert((version.clone(), id));
    }

    fn forget_beyond(&mut self, capacity: usize) {
        while self.versions.len() > capacity {
            let Some((version, id)) = self.smallest.pop_first() else { return };
            self.versions.remove(&id);
            self.mark = self.mark.take().max(Some(version));
        }
    }
}

#[cfg(test)]
mod tests;
