//! What the receiver holds of every object, and how it came to it.
//!
//! Laws: an object moves forward only, by the order of its `changeVersion`, because events repeat and
//! overtake each other; a list shows a deletion only by an absence, which counts for an object that
//! was held before the list was read and was not touched since, and for one that was never held at all.
//! Pure: nothing here waits or reads.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

/// How something came to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By an event with a valid signature.
    Event,
    /// By a resync.
    Resync,
}

/// What the receiver then knew of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// It has this version; that may be the version of its deletion.
    Version(String),
    /// It is not there any more.
    Gone,
}

/// One step forward of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    /// How it came.
    pub(super) way: Way,
    /// What it said.
    pub(super) told: Told,
}

#[derive(Debug)]
struct Object {
    /// The greatest version known; what a resync found gone keeps its last one.
    version: String,
    alive: bool,
    arrivals: Vec<Arrival>,
}

/// How things were before a list was read.
#[derive(Debug, Clone)]
pub(super) struct Before {
    at: Timestamp,
    /// The objects that the list may show to be gone, with their versions.
    held: HashMap<u64, String>,
}

/// An object as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its id.
    pub(super) id: u64,
    /// Its `changeVersion`.
    pub(super) version: String,
}

/// What a resync found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Objects that are new or changed.
    pub(super) changed: usize,
    /// Objects that are gone.
    pub(super) gone: usize,
}

/// Everything that the receiver holds, by collection and id.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    collections: BTreeMap<String, Collection>,
}

#[derive(Debug, Default)]
struct Collection {
    objects: HashMap<u64, Object>,
    /// Before the latest whole list was read.
    listed_after: Option<Timestamp>,
}

impl Ledger {
    /// Takes in an event, of Protime's or of a resync's.
    pub(super) fn event(&mut self, collection: &str, id: u64, version: &str, deleted: bool, way: Way) {
        self.advance(collection, id, version, !deleted, way);
    }

    /// How things are now; to be asked before a list is read.
    pub(super) fn before(&self, collection: &str, now: Timestamp) -> Before {
        let objects = self.collections.get(collection).into_iter().flat_map(|known| &known.objects);
        let held = objects
            .filter(|(_, object)| object.alive)
            .map(|(id, object)| (*id, object.version.clone()))
            .collect();
        Before { at: now, held }
    }

    /// Takes in a whole list.
    pub(super) fn listed(&mut self, collection: &str, before: Before, list: &[Listed]) -> Found {
        let mut found = Found::default();
        let Before { at, mut held } = before;
        for Listed { id, version } in list {
            held.remove(id);
            found.changed += usize::from(self.advance(collection, *id, version, true, Way::Resync));
        }
        let known = self.collections.entry(collection.to_owned()).or_default();
        known.listed_after = known.listed_after.max(Some(at));
        for (id, version) in held {
            let untouched = |object: &&mut Object| object.alive && object.version == version;
            if let Some(object) = known.objects.get_mut(&id).filter(untouched) {
                object.alive = false;
                object.arrivals.push(Arrival { way: Way::Resync, told: Told::Gone });
                found.gone += 1;
            }
        }
        found
    }

    /// Every step forward of an object, in their order; none for an object that never arrived.
    pub(super) fn arrivals(&self, collection: &str, id: u64) -> &[Arrival] {
        let object = self.collections.get(collection).and_then(|known| known.objects.get(&id));
        object.map_or(&[], |object| &object.arrivals)
    }

    /// The latest moment after which a whole list of the collection was read.
    pub(super) fn listed_after(&self, collection: &str) -> Option<Timestamp> {
        self.collections.get(collection)?.listed_after
    }

    fn advance(&mut self, collection: &str, id: u64, version: &str, alive: bool, way: Way) -> bool {
        let objects = &mut self.collections.entry(collection.to_owned()).or_default().objects;
        let arrival = Arrival { way, told: Told::Version(version.to_owned()) };
        let Some(object) = objects.get_mut(&id) else {
            let object = Object { version: version.to_owned(), alive, arrivals: vec![arrival] };
            objects.insert(id, object);
            return true;
        };
        if version <= object.version.as_str() {
            return false;
        }
        version.clone_into(&mut object.version);
        object.alive = alive;
        object.arrivals.push(arrival);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{NOW, after};

    fn held(ledger: &Ledger, collection: &str) -> usize {
        ledger.before(collection, NOW).held.len()
    }

    fn item(id: u64, version: &str) -> Listed {
        Listed { id, version: version.to_owned() }
    }

    fn told(way: Way, version: &str) -> Arrival {
        Arrival { way, told: Told::Version(version.to_owned()) }
    }

    #[test]
    fn what_is_repeated_or_overtaken_changes_nothing() {
        let mut ledger = Ledger::default();
        ledger.event("people", 1, "02", false, Way::Event);
        ledger.event("people", 1, "02", false, Way::Event);
        ledger.event("people", 1, "01", true, Way::Event);
        let before = ledger.before("people", NOW);
        assert_eq!(ledger.listed("people", before, &[item(1, "02")]), Found::default());
        ledger.event("people", 1, "03", true, Way::Event);
        assert_eq!(ledger.arrivals("people", 1), [told(Way::Event, "02"), told(Way::Event, "03")]);
        assert!(held(&ledger, "people") == 0);
        assert!(ledger.arrivals("clockings", 1).is_empty());
    }

    #[test]
    fn a_list_brings_what_is_new_and_shows_by_absence_what_is_gone() {
        let mut ledger = Ledger::default();
        ledger.event("people", 2, "01", false, Way::Event);
        ledger.event("people", 3, "02", false, Way::Event);
        ledger.event("clockings", 4, "03", false, Way::Event);
        let before = ledger.before("people", NOW);
        let found = ledger.listed("people", before, &[item(5, "05"), item(3, "04")]);
        assert_eq!(found, Found { changed: 2, gone: 1 });
        assert_eq!(ledger.arrivals("people", 5), [told(Way::Resync, "05")]);
        assert_eq!(ledger.arrivals("people", 3), [told(Way::Event, "02"), told(Way::Resync, "04")]);
        let gone = Arrival { way: Way::Resync, told: Told::Gone };
        assert_eq!(ledger.arrivals("people", 2), [told(Way::Event, "01"), gone]);
        assert_eq!(held(&ledger, "clockings"), 1);
    }

    #[test]
    fn an_absence_says_nothing_of_what_came_while_the_list_was_read() {
        let mut ledger = Ledger::default();
        ledger.event("people", 6, "01", false, Way::Event);
        let before = ledger.before("people", NOW);
        ledger.event("people", 6, "02", false, Way::Event);
        ledger.event("people", 7, "03", false, Way::Event);
        assert_eq!(ledger.listed("people", before, &[]), Found::default());
        assert_eq!(held(&ledger, "people"), 2);
    }

    #[test]
    fn a_list_that_was_read_before_a_deletion_brings_nothing_back() {
        let mut ledger = Ledger::default();
        ledger.event("people", 1, "01", false, Way::Event);
        let before = ledger.before("people", NOW);
        ledger.event("people", 1, "02", true, Way::Event);
        assert_eq!(ledger.listed("people", before, &[item(1, "01")]), Found::default());
        assert!(held(&ledger, "people") == 0);
    }

    #[test]
    fn the_latest_list_counts_even_if_it_ends_first() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.listed_after("people"), None);
        let (early, late) = (ledger.before("people", NOW), ledger.before("people", after(1)));
        ledger.listed("people", late, &[]);
        ledger.listed("people", early, &[]);
        assert_eq!(ledger.listed_after("people"), Some(after(1)));
    }
}
