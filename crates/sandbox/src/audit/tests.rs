//! The fate of changes, by table.

use jiff::Timestamp;
use serde_json::json;

use super::*;

pub(super) const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// So many seconds after [`NOW`].
pub(super) fn after(seconds: i64) -> Timestamp {
    Timestamp::from_second(NOW.as_second() + seconds).expect("in range")
}

pub(super) fn change(id: u64, version: &str, kind: ChangeKind) -> Change {
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
enum Step {
    Event(&'static str, bool),
    /// A list that shows the object in this version, or not at all.
    List(Option<&'static str>),
}
use Step::{Event, List};

/// What happens, the changes, what arrives of them, and how many are delivered by event, delivered
/// by resync, and missing.
type Row = (&'static str, Vec<(&'static str, ChangeKind)>, Vec<Step>, [usize; 3]);

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
    for (what, changes, steps, [by_event, by_resync, missing]) in rows {
        let changes: Vec<_> = changes.into_iter().map(|(version, kind)| change(1, version, kind)).collect();
        let mut held = Held::default();
        for step in steps {
            match step {
                Event(version, deleted) => held.event("people", 1, version, deleted, Way::Event),
                List(version) => {
                    let list = version.map(|version| Listed { id: 1, version: version.into() });
                    let before = held.before("people", after(1));
                    held.listed("people", before, list.as_slice());
                }
            }
        }
        let expected = Fate { changes: changes.len(), by_event, by_resync, missing };
        assert_eq!(total(&changes, &held), expected, "{what}");
    }
}

#[test]
fn collections_are_told_apart() {
    let mut held = Held::default();
    held.event("people", 1, "1", false, Way::Event);
    let other = Change { collection: "clockings".into(), ..change(1, "2", ChangeKind::Upsert) };
    let changes = [change(1, "1", ChangeKind::Upsert), other];
    let delivered = Fate { changes: 1, by_event: 1, ..Fate::default() };
    assert_eq!(of("people", &changes, &held), delivered);
    assert_eq!(of("clockings", &changes, &held), Fate { changes: 1, missing: 1, ..Fate::default() });
    assert_eq!(total(&changes, &held), Fate { changes: 2, by_event: 1, missing: 1, ..Fate::default() });
}

#[test]
fn a_list_that_was_read_before_the_deletion_says_nothing_of_it() {
    let changes = [change(1, "1", ChangeKind::Upsert), change(1, "2", ChangeKind::Delete)];
    let mut held = Held::default();
    let before = held.before("people", NOW);
    held.listed("people", before, &[]);
    assert_eq!(missing(&changes, &held).len(), 2);
    let before = held.before("people", after(1));
    held.listed("people", before, &[]);
    assert!(missing(&changes, &held).is_empty());
}

#[test]
fn what_shows_no_version_is_known_by_what_it_holds() {
    let of = |version: &str, hours: u8| Change {
        data: Some(json!({"id": 1, "hours": hours})),
        ..change(1, version, ChangeKind::Upsert)
    };
    let changes = [of("1", 8), of("2", 7), of("3", 8), change(1, "4", ChangeKind::Delete)];
    let mut held = Held::default();
    let tell = |held: &mut Held, hours: u8| {
        held.event_without_version("people", 1, json!({"id": 1, "hours": hours}), Way::Event);
    };
    let missing = |held: &Held| missing(&changes, held).len();
    tell(&mut held, 7);
    assert_eq!(missing(&held), 2, "the first is covered by a later one, those after it are not");
    tell(&mut held, 6);
    assert_eq!(missing(&held), 4, "it never looked like this");
    tell(&mut held, 8);
    assert_eq!(missing(&held), 1, "it may be the third, which looks like the first");
    held.event("people", 1, "4", true, Way::Event);
    assert_eq!(missing(&held), 0);
    tell(&mut held, 7);
    assert_eq!(missing(&held), 0, "what comes late takes nothing back");
    let expected = Fate { changes: 4, by_event: 4, ..Fate::default() };
    assert_eq!(total(&changes, &held), expected);
}
