//! What was lost: every change in the tenant's truth against what the receiver holds. Pure.
//!
//! Law: a change is delivered if the receiver holds that version of the object, a newer one, or knows
//! that the object is gone and is right about it. What it holds now decides whether; the first arrival
//! that covered the change decides how. An object that came and went while no one could tell of it is
//! one that a whole list, read after its deletion, has shown not to be there. What is told without a version
//! is known by what it holds: that of this change, or of a later one.

mod held;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde_json::Value;

pub use self::held::Held;
pub(crate) use self::held::{Listed, Way};

use self::held::{Arrival, Told};
use crate::journal::{Change, ChangeKind};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fate {
    pub changes: usize,
    pub by_event: usize,
    pub by_resync: usize,
    /// Delivered by neither; lost, once nothing is under way any more.
    pub missing: usize,
}

#[must_use]
pub fn total(changes: &[Change], held: &Held) -> Fate {
    fate(ways(changes, held))
}

#[must_use]
pub fn of(collection: &str, changes: &[Change], held: &Held) -> Fate {
    fate(ways(changes, held).filter(|(change, _)| change.collection == collection))
}

#[must_use]
pub fn missing<'a>(changes: &'a [Change], held: &Held) -> Vec<&'a Change> {
    ways(changes, held).filter(|(_, way)| way.is_none()).map(|(change, _)| change).collect()
}

fn fate<'a>(ways: impl Iterator<Item = (&'a Change, Option<Way>)>) -> Fate {
    let mut fate = Fate::default();
    for (_, way) in ways {
        fate.changes += 1;
        *match way {
            Some(Way::Event) => &mut fate.by_event,
            Some(Way::Resync) => &mut fate.by_resync,
            None => &mut fate.missing,
        } += 1;
    }
    fate
}

fn ways<'a>(changes: &'a [Change], held: &Held) -> impl Iterator<Item = (&'a Change, Option<Way>)> {
    let deletions: HashMap<(&str, u64), &Change> = changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Delete)
        // In the order of their making, so that the last one of an object stays.
        .map(|change| ((change.collection.as_str(), change.id), change))
        .collect();
    changes.iter().map(move |change| {
        let deletion = deletions.get(&(change.collection.as_str(), change.id)).copied();
        let deletion = deletion.filter(|deletion| deletion.change_version >= change.change_version);
        let covers = |told: &Told| match told {
            Told::Version(version) => *version >= change.change_version,
            Told::Data(data) => change.data.is_some() && is_since(changes, change, data),
            Told::Gone => deletion.is_some(),
        };
        let arrivals = held.arrivals(&change.collection, change.id);
        let way = if arrivals.is_empty() {
            let listed_after = held.listed_after(&change.collection);
            deletion.filter(|deletion| listed_after > Some(deletion.at)).map(|_| Way::Resync)
        } else if held::now(arrivals).any(covers) {
            let covering = |arrival: &&Arrival| covers(&arrival.told);
            arrivals.iter().find(covering).map(|arrival| arrival.way)
        } else {
            None
        };
        (change, way)
    })
}

/// Whether the object looked like this from the change on, or from a later one on.
fn is_since(changes: &[Change], change: &Change, data: &Value) -> bool {
    let mut alike = changes.iter().filter(|it| it.data.as_ref() == Some(data));
    alike.any(|it| {
        it.id == change.id && it.collection == change.collection && it.change_version >= change.change_version
    })
}
