//! What was lost: every change in the tenant's truth against what the receiver holds. Pure.
//!
//! Law: a change is delivered if the receiver holds that version of the object, a newer one, or knows
//! that the object is gone and is right about it. What it holds now decides whether; the first arrival
//! that covered the change decides how. An object that came and went while no one could tell of it is
//! one that a whole list, read after its deletion, has shown not to be there.

use std::collections::HashMap;

use protime_sandbox::journal::{Change, ChangeKind};

use super::ledger::{Arrival, Ledger, Told, Way};

/// The fate of the changes of a collection, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fate {
    /// Changes made.
    pub(super) changes: usize,
    /// Delivered by an event.
    pub(super) by_event: usize,
    /// Delivered by a resync.
    pub(super) by_resync: usize,
    /// Delivered by neither; lost, once nothing is under way any more.
    pub(super) missing: usize,
}

impl Fate {
    fn add(&mut self, way: Option<Way>) {
        self.changes += 1;
        *match way {
            Some(Way::Event) => &mut self.by_event,
            Some(Way::Resync) => &mut self.by_resync,
            None => &mut self.missing,
        } += 1;
    }
}

/// The fate of all changes.
pub(super) fn total(changes: &[Change], ledger: &Ledger) -> Fate {
    fate(ways(changes, ledger))
}

/// The fate of the changes of one collection.
pub(super) fn of(collection: &str, changes: &[Change], ledger: &Ledger) -> Fate {
    fate(ways(changes, ledger).filter(|(change, _)| change.collection == collection))
}

/// The changes that were not delivered.
pub(super) fn missing<'a>(changes: &'a [Change], ledger: &Ledger) -> Vec<&'a Change> {
    ways(changes, ledger).filter(|(_, way)| way.is_none()).map(|(change, _)| change).collect()
}

fn fate<'a>(ways: impl Iterator<Item = (&'a Change, Option<Way>)>) -> Fate {
    let mut fate = Fate::default();
    for (_, way) in ways {
        fate.add(way);
    }
    fate
}

/// How each change was delivered, if it was.
fn ways<'a>(changes: &'a [Change], ledger: &Ledger) -> impl Iterator<Item = (&'a Change, Option<Way>)> {
    let deletions: HashMap<(&str, u64), &Change> = changes
        .iter()
        .filter(|change| change.kind == ChangeKind::Delete)
        // In the order of their making, so that the last one of an object stays.
        .map(|change| ((change.collection.as_str(), change.id), change))
        .collect();
    changes.iter().map(move |change| {
        let deletion = deletions.get(&(change.collection.as_str(), change.id)).copied();
        let deletion = deletion.filter(|deletion| deletion.change_version >= change.change_version);
        let covers = |arrival: &&Arrival| match &arrival.told {
            Told::Version(version) => *version >= change.change_version,
            Told::Gone => deletion.is_some(),
        };
        let arrivals = ledger.arrivals(&change.collection, change.id);
        let way = match arrivals.last() {
            Some(last) if covers(&last) => arrivals.iter().find(covers).map(|arrival| arrival.way),
            Some(_) => None,
            None => {
                let listed_after = ledger.listed_after(&change.collection);
                deletion.filter(|deletion| listed_after > Some(deletion.at)).map(|_| Way::Resync)
            }
        };
        (change, way)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{
        demo::ledger::Listed,
        tests::{NOW, after},
    };

    fn change(id: u64, version: &str, kind: ChangeKind) -> Change {
        Change {
            seq: 0,
            at: NOW,
            collection: "people".to_owned(),
            id,
            change_version: version.to_owned(),
            kind,
            date: None,
            data: None,
        }
    }

    /// What reaches the receiver, in its order.
    enum Act {
        Event(&'static str, bool),
        /// A list that shows the object in this version, or not at all.
        List(Option<&'static str>),
    }
    use Act::{Event, List};

    /// What happens, the changes, what arrives of them, and how many are delivered by event, delivered
    /// by resync, and missing.
    type Row = (&'static str, Vec<(&'static str, ChangeKind)>, Vec<Act>, [usize; 3]);

    #[test]
    fn the_fate_of_changes_by_table() {
        use ChangeKind::{Delete, Upsert};
        let rows: [Row; 14] = [
            ("nothing arrives", vec![("1", Upsert)], vec![], [0, 0, 1]),
            ("an event", vec![("1", Upsert)], vec![Event("1", false)], [1, 0, 0]),
            ("a resync", vec![("1", Upsert)], vec![List(Some("1"))], [0, 1, 0]),
            (
                "the first of both counts",
                vec![("1", Upsert)],
                vec![List(Some("1")), Event("1", false)],
                [0, 1, 0],
            ),
            (
                "a newer version covers an older one",
                vec![("1", Upsert), ("2", Upsert)],
                vec![Event("2", false), Event("1", false)],
                [2, 0, 0],
            ),
            (
                "an older version covers no newer one",
                vec![("1", Upsert), ("2", Upsert)],
                vec![Event("1", false)],
                [1, 0, 1],
            ),
            (
                "a deletion by event covers everything before",
                vec![("1", Upsert), ("2", Delete)],
                vec![Event("2", true)],
                [2, 0, 0],
            ),
            (
                "a deletion by absence covers everything before",
                vec![("1", Upsert), ("2", Upsert), ("3", Delete)],
                vec![Event("1", false), List(None)],
                [1, 2, 0],
            ),
            (
                "a deletion that no one told of",
                vec![("1", Upsert), ("2", Delete)],
                vec![Event("1", false)],
                [1, 0, 1],
            ),
            ("gone, but it is there", vec![("1", Upsert)], vec![Event("1", false), List(None)], [0, 0, 1]),
            (
                "gone, and back again unnoticed",
                vec![("1", Upsert), ("2", Delete), ("3", Upsert)],
                vec![Event("1", false), List(None)],
                [1, 1, 1],
            ),
            (
                "never held, and gone before a list was read",
                vec![("1", Upsert), ("2", Delete)],
                vec![List(None)],
                [0, 2, 0],
            ),
            ("never held, and there", vec![("1", Upsert)], vec![List(None)], [0, 0, 1]),
            (
                "never held, gone, and there again",
                vec![("1", Upsert), ("2", Delete), ("3", Upsert)],
                vec![List(None)],
                [0, 2, 1],
            ),
        ];
        for (what, changes, acts, [by_event, by_resync, missing]) in rows {
            let changes: Vec<_> =
                changes.into_iter().map(|(version, kind)| change(1, version, kind)).collect();
            let mut ledger = Ledger::default();
            for act in acts {
                match act {
                    Event(version, deleted) => ledger.event("people", 1, version, deleted, Way::Event),
                    List(version) => {
                        let list = version.map(|version| Listed { id: 1, version: version.into() });
                        let before = ledger.before("people", after(1));
                        ledger.listed("people", before, list.as_slice());
                    }
                }
            }
            let expected = Fate { changes: changes.len(), by_event, by_resync, missing };
            assert_eq!(total(&changes, &ledger), expected, "{what}");
        }
    }

    #[test]
    fn collections_are_told_apart() {
        let mut ledger = Ledger::default();
        ledger.event("people", 1, "1", false, Way::Event);
        let other = Change { collection: "clockings".into(), ..change(1, "2", ChangeKind::Upsert) };
        let changes = [change(1, "1", ChangeKind::Upsert), other];
        let delivered = Fate { changes: 1, by_event: 1, ..Fate::default() };
        assert_eq!(of("people", &changes, &ledger), delivered);
        assert_eq!(of("clockings", &changes, &ledger), Fate { changes: 1, missing: 1, ..Fate::default() });
        assert_eq!(total(&changes, &ledger), Fate { changes: 2, by_event: 1, missing: 1, ..Fate::default() });
    }

    #[test]
    fn a_list_that_was_read_before_the_deletion_says_nothing_of_it() {
        let changes = [change(1, "1", ChangeKind::Upsert), change(1, "2", ChangeKind::Delete)];
        let mut ledger = Ledger::default();
        let before = ledger.before("people", NOW);
        ledger.listed("people", before, &[]);
        assert_eq!(missing(&changes, &ledger).len(), 2);
        let before = ledger.before("people", after(1));
        ledger.listed("people", before, &[]);
        assert!(missing(&changes, &ledger).is_empty());
    }
}
