//! Tests of the memory: tables for what it says, and a model for what a receiver ends up with.

use std::{collections::HashMap, convert::Infallible};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::ChangeType;

const COLLECTIONS: [&str; 2] = ["clockings", "people"];

/// A change of an object, in few enough objects and versions that every order and repeat comes up.
#[derive(Debug, Clone, Copy)]
struct Change {
    collection: usize,
    id: u8,
    version: u8,
    fails: bool,
}

impl Change {
    fn event(self) -> Event {
        // What a version says is fixed: two deliveries of one version are the same event.
        let change = if (self.id + self.version).is_multiple_of(3) { "Delete" } else { "InsertOrUpdate" };
        let Self { collection, id, version, .. } = self;
        let body =
            format!(r#"{{"changeType":"{change}","data":{{"id":{id},"changeVersion":"{version:03}"}}}}"#);
        Event::parse(COLLECTIONS[collection], body.as_bytes()).expect("an event")
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let change = (0..COLLECTIONS.len(), 0..6_u8, 0..12_u8, prop::bool::weighted(0.1));
    vec(change.prop_map(|(collection, id, version, fails)| Change { collection, id, version, fails }), 0..120)
}

fn capacity() -> impl Strategy<Value = NonZeroUsize> {
    (1..8_usize).prop_map(|capacity| NonZeroUsize::new(capacity).expect("from 1"))
}

/// A receiver's store, which trusts the memory: it takes what it is given, without a comparison.
type Store = HashMap<(String, String), (ChangeVersion, ChangeType)>;

fn version_of(event: &Event) -> ChangeVersion {
    event.version().expect("these events have one").clone()
}

fn key(event: &Event) -> (String, String) {
    (event.collection().to_owned(), event.id().to_owned())
}

fn deliver(
    memory: &mut Deduplicator,
    store: &mut Store,
    event: &Event,
    fails: bool,
) -> Result<Judgement, ()> {
    let stored = store.get(&key(event)).map(|(version, _)| version.clone());
    memory.process(
        event,
        |_| Ok(stored),
        |event| {
            if fails {
                return Err(());
            }
            store.insert(key(event), (version_of(event), event.change()));
            Ok(())
        },
    )
}

proptest! {
    /// Duplicates, reordering, deletions, failures, evictions and a restart in the middle: the store has
    /// the newest version of each object, and each version was stored at most once.
    #[test]
    fn the_newest_version_of_each_object_is_what_remains(
        changes in changes(),
        capacity in capacity(),
        restart: prop::sample::Index,
    ) {
        let mut memory = Deduplicator::new(capacity);
        let (mut store, mut newest) = (Store::new(), Store::new());
        let restart = restart.index(changes.len() + 1);
        for (nth, change) in changes.iter().enumerate() {
            if nth == restart {
                memory = Deduplicator::new(capacity);
                for ((collection, id), (version, _)) in &store {
                    memory.remember(collection, id, version);
                }
            }
            let event = change.event();
            let before = store.get(&key(&event)).map(|(version, _)| version.clone());
            let judgement = deliver(&mut memory, &mut store, &event, change.fails);
            let right = Judgement::of(event.version(), before.as_ref());
            prop_assert_eq!(judgement, if right == Judgement::Newer && change.fails { Err(()) } else { Ok(right) });
            if !change.fails || right != Judgement::Newer {
                let entry = newest.entry(key(&event)).or_insert_with(|| (version_of(&event), event.change()));
                if version_of(&event) > entry.0 {
                    *entry = (version_of(&event), event.change());
                }
            }
            for memory in memory.collections.values() {
                prop_assert!(memory.versions.len() <= capacity.get());
                prop_assert_eq!(memory.versions.len(), memory.smallest.len());
            }
        }
        prop_assert_eq!(store, newest);
    }

    /// With versions that grow over all objects, as Protime's do, nothing new needs a look into the store.
    #[test]
    fn what_is_new_is_known_to_be(ids in vec(0..50_u8, 0..200), capacity in capacity()) {
        let mut memory = Deduplicator::new(capacity);
        for (version, id) in (0_u8..).zip(ids) {
            let event = Change { collection: 0, id, version, fails: false }.event();
            prop_assert_eq!(memory.judge(&event), Judgement::Newer);
            memory.remember(event.collection(), event.id(), &version_of(&event));
        }
    }
}

#[test]
fn what_was_evicted_is_not_taken_for_new() {
    let mut memory = Deduplicator::new(NonZeroUsize::MIN);
    let event = |id, version| Change { collection: 0, id, version, fails: false }.event();
    memory.remember("clockings", "1", &"005".into());
    memory.remember("clockings", "2", &"006".into());
    assert_eq!(memory.judge(&event(1, 3)), Judgement::Forgotten);
    assert_eq!(memory.judge(&event(1, 5)), Judgement::Forgotten);
    assert_eq!(memory.judge(&event(1, 6)), Judgement::Newer);
    assert_eq!(memory.judge(&event(2, 6)), Judgement::Duplicate);
    assert_eq!(memory.judge(&event(3, 5)), Judgement::Forgotten, "it may be one that was forgotten");
    let other = Change { collection: 1, id: 1, version: 1, fails: false }.event();
    assert_eq!(memory.judge(&other), Judgement::Newer, "the mark is that of its collection");
}

#[test]
fn the_store_is_asked_only_where_the_memory_cannot_tell() {
    let mut memory = Deduplicator::new(NonZeroUsize::MIN);
    let event = Change { collection: 0, id: 1, version: 1, fails: false }.event();
    let never =
        |_: &Event| -> Result<Option<ChangeVersion>, Infallible> { unreachable!("nothing was forgotten") };
    assert_eq!(memory.process(&event, never, |_| Ok(())), Ok(Judgement::Newer));
    let never_applied = |_: &Event| -> Result<(), Infallible> { unreachable!("it is a repeat") };
    assert_eq!(memory.process(&event, never, never_applied), Ok(Judgement::Duplicate));

    memory.remember("clockings", "2", &"009".into());
    let stored = |_: &Event| Ok(Some("001".into()));
    assert_eq!(memory.process(&event, stored, never_applied), Ok(Judgement::Duplicate));
    assert_eq!(memory.process(&event, |_| Err("the disk"), |_| Ok(())), Err("the disk"));
}

#[test]
fn what_failed_may_come_again() {
    let mut memory = Deduplicator::new(NonZeroUsize::MIN);
    let mut store = Store::new();
    let event = Change { collection: 0, id: 1, version: 1, fails: false }.event();
    assert_eq!(deliver(&mut memory, &mut store, &event, true), Err(()));
    assert_eq!(deliver(&mut memory, &mut store, &event, false), Ok(Judgement::Newer));
    assert_eq!(deliver(&mut memory, &mut store, &event, false), Ok(Judgement::Duplicate));
}

#[test]
fn an_event_without_a_version_is_newer_than_what_is_known_and_hides_nothing_of_it() {
    let mut memory = Deduplicator::new(NonZeroUsize::MIN);
    let bare = Event::parse("activity-durations", br#"{"changeType":"InsertOrUpdate","data":{"id":1}}"#)
        .expect("an event");
    let of = |version: &str| {
        let body =
            format!(r#"{{"changeType":"InsertOrUpdate","data":{{"id":1,"changeVersion":"{version}"}}}}"#);
        Event::parse("activity-durations", body.as_bytes()).expect("an event")
    };
    let never = |_: &Event| -> Result<Option<ChangeVersion>, Infallible> { unreachable!("it is newer") };
    assert_eq!(memory.process(&bare, never, |_| Ok(())), Ok(Judgement::Newer));
    assert_eq!(memory.process(&of("005"), never, |_| Ok(())), Ok(Judgement::Newer));
    assert_eq!(memory.process(&bare, never, |_| Ok(())), Ok(Judgement::Newer));
    assert_eq!(memory.process(&bare, never, |_| Ok(())), Ok(Judgement::Newer), "no version tells a repeat");
    assert_eq!(memory.judge(&of("004")), Judgement::Older);
    assert_eq!(memory.judge(&of("005")), Judgement::Duplicate);
    memory.remember("activity-durations", "2", &"009".into());
    assert_eq!(memory.judge(&of("004")), Judgement::Forgotten);
    assert_eq!(memory.judge(&bare), Judgement::Newer);
    assert_eq!(Judgement::of(None, Some(&"009".into())), Judgement::Newer);
}
