//! What the receiver holds of every object, and how it came to it. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::journal::{Change, ChangeKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By an event with a valid signature.
    Event,
    Resync,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// It has this version; that may be the version of its deletion.
    Version(String),
    /// It looks like this, without external references; what told so showed no version.
    Data(Value),
    Gone,
}

/// One step forward of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Arrival {
    pub(crate) way: Way,
    pub(crate) told: Told,
}

#[derive(Debug, Default)]
struct Object {
    /// The greatest version known; what a resync found gone keeps its last one.
    version: String,
    alive: bool,
    arrivals: Vec<Arrival>,
}

#[derive(Debug, Clone)]
pub(crate) struct Before {
    at: Timestamp,
    /// The objects that the list may show to be gone, with their versions.
    held: HashMap<u64, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: u64,
    #[serde(rename = "changeVersion")]
    pub(crate) version: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) changed: usize,
    pub(crate) gone: usize,
}

#[derive(Debug, Default)]
pub struct Held {
    collections: BTreeMap<String, Collection>,
}

#[derive(Debug, Default)]
struct Collection {
    objects: HashMap<u64, Object>,
    /// Before the latest whole list was read.
    listed_after: Option<Timestamp>,
}

impl Held {
    /// Takes in an event, of Protime's or of a resync's.
    pub(crate) fn event(&mut self, collection: &str, id: u64, version: &str, deleted: bool, way: Way) {
        self.advance(collection, id, version, !deleted, way);
    }

    /// Takes in an event that shows no version. It is newer than what is known: there is nothing else to
    /// tell their order by.
    pub(crate) fn event_without_version(&mut self, collection: &str, id: u64, mut data: Value, way: Way) {
        without_references(&mut data);
        let object = self.objects(collection).entry(id).or_default();
        object.alive = true;
        let told = Told::Data(data);
        let known = object.arrivals.iter().rev().find(|arrival| matches!(arrival.told, Told::Data(_)));
        if known.is_none_or(|known| known.told != told) {
            object.arrivals.push(Arrival { way, told });
        }
    }

    /// Takes in a change of the truth, for a resync that reads it there.
    pub fn bring(&mut self, change: &Change) {
        let alive = change.kind == ChangeKind::Upsert;
        self.advance(&change.collection, change.id, &change.change_version, alive, Way::Resync);
    }

    /// How things are now; to be asked before a list is read.
    pub(crate) fn before(&self, collection: &str, now: Timestamp) -> Before {
        let objects = self.collections.get(collection).into_iter().flat_map(|known| &known.objects);
        let held = objects
            .filter(|(_, object)| object.alive)
            .map(|(id, object)| (*id, object.version.clone()))
            .collect();
        Before { at: now, held }
    }

    pub(crate) fn listed(&mut self, collection: &str, before: Before, list: &[Listed]) -> Found {
        let mut found = Found::default();
        let Before { at, mut held } = before;
        for Listed { id, version } in list {
            held.remove(id);
            found.changed += usize::from(self.advance(collection, *id, version, true, Way::Resync));
        }
        let known = self.collections.entry(collection.to_owned()).or_default();
        known.listed_after = known.listed_after.max(Some(at));
        // A list shows a deletion only by an absence, which counts for an object that was held before the
        // list was read and was not touched since.
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
    pub(crate) fn arrivals(&self, collection: &str, id: u64) -> &[Arrival] {
        let object = self.collections.get(collection).and_then(|known| known.objects.get(&id));
        object.map_or(&[], |object| &object.arrivals)
    }

    /// The latest moment after which a whole list of the collection was read.
    pub(crate) fn listed_after(&self, collection: &str) -> Option<Timestamp> {
        self.collections.get(collection)?.listed_after
    }

    fn advance(&mut self, collection: &str, id: u64, version: &str, alive: bool, way: Way) -> bool {
        let object = self.objects(collection).entry(id).or_default();
        // An object moves forward only, because events repeat and overtake each other.
        if version <= object.version.as_str() {
            return false;
        }
        version.clone_into(&mut object.version);
        object.alive = alive;
        object.arrivals.push(Arrival { way, told: Told::Version(version.to_owned()) });
        true
    }

    fn objects(&mut self, collection: &str) -> &mut HashMap<u64, Object> {
        &mut self.collections.entry(collection.to_owned()).or_default().objects
    }
}

/// What is now known of an object with these arrivals: that it is gone, or its greatest version and how it
/// was last told of without one.
pub(crate) fn now(arrivals: &[Arrival]) -> impl Iterator<Item = &Told> {
    let gone = arrivals.last().filter(|last| last.told == Told::Gone);
    let latest = |is: fn(&Told) -> bool| arrivals.iter().rev().find(|arrival| is(&arrival.told));
    let there =
        [latest(|told| matches!(told, Told::Version(_))), latest(|told| matches!(told, Told::Data(_)))];
    let known = if gone.is_some() { [gone, None] } else { there };
    known.into_iter().flatten().map(|arrival| &arrival.told)
}

/// External references are told where the webhook asked for them; the truth has none.
fn without_references(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.remove("externalReferences");
            all.values_mut().for_each(without_references);
        }
        Value::Array(all) => all.iter_mut().for_each(without_references),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
