//! What moves an object forward, and what does not.

use serde_json::json;

use super::*;
use crate::audit::tests::{NOW, after};

fn alive(held: &Held, collection: &str) -> usize {
    held.before(collection, NOW).held.len()
}

fn item(id: u64, version: &str) -> Listed {
    Listed { id, version: version.to_owned() }
}

fn told(way: Way, version: &str) -> Arrival {
    Arrival { way, told: Told::Version(version.to_owned()) }
}

#[test]
fn what_is_repeated_or_overtaken_changes_nothing() {
    let mut held = Held::default();
    held.event("people", 1, "02", false, Way::Event);
    held.event("people", 1, "02", false, Way::Event);
    held.event("people", 1, "01", true, Way::Event);
    let before = held.before("people", NOW);
    assert_eq!(held.listed("people", before, &[item(1, "02")]), Found::default());
    held.event("people", 1, "03", true, Way::Event);
    assert_eq!(held.arrivals("people", 1), [told(Way::Event, "02"), told(Way::Event, "03")]);
    assert!(alive(&held, "people") == 0);
    assert!(held.arrivals("clockings", 1).is_empty());
}

#[test]
fn a_list_brings_what_is_new_and_shows_by_absence_what_is_gone() {
    let mut held = Held::default();
    held.event("people", 2, "01", false, Way::Event);
    held.event("people", 3, "02", false, Way::Event);
    held.event("clockings", 4, "03", false, Way::Event);
    let before = held.before("people", NOW);
    let found = held.listed("people", before, &[item(5, "05"), item(3, "04")]);
    assert_eq!(found, Found { changed: 2, gone: 1 });
    assert_eq!(held.arrivals("people", 5), [told(Way::Resync, "05")]);
    assert_eq!(held.arrivals("people", 3), [told(Way::Event, "02"), told(Way::Resync, "04")]);
    let gone = Arrival { way: Way::Resync, told: Told::Gone };
    assert_eq!(held.arrivals("people", 2), [told(Way::Event, "01"), gone]);
    assert_eq!(alive(&held, "clockings"), 1);
}

#[test]
fn an_absence_says_nothing_of_what_came_while_the_list_was_read() {
    let mut held = Held::default();
    held.event("people", 6, "01", false, Way::Event);
    let before = held.before("people", NOW);
    held.event("people", 6, "02", false, Way::Event);
    held.event("people", 7, "03", false, Way::Event);
    assert_eq!(held.listed("people", before, &[]), Found::default());
    assert_eq!(alive(&held, "people"), 2);
}

#[test]
fn a_list_that_was_read_before_a_deletion_brings_nothing_back() {
    let mut held = Held::default();
    held.event("people", 1, "01", false, Way::Event);
    let before = held.before("people", NOW);
    held.event("people", 1, "02", true, Way::Event);
    assert_eq!(held.listed("people", before, &[item(1, "01")]), Found::default());
    assert!(alive(&held, "people") == 0);
}

#[test]
fn the_latest_list_counts_even_if_it_ends_first() {
    let mut held = Held::default();
    assert_eq!(held.listed_after("people"), None);
    let (early, late) = (held.before("people", NOW), held.before("people", after(1)));
    held.listed("people", late, &[]);
    held.listed("people", early, &[]);
    assert_eq!(held.listed_after("people"), Some(after(1)));
}

#[test]
fn what_shows_no_version_is_as_it_was_told_of_last() {
    let mut held = Held::default();
    let (first, second) = (json!({"id": 1, "hours": 1}), json!({"id": 1, "hours": 2}));
    for data in [&first, &second, &second, &first] {
        held.event_without_version("activity-durations", 1, data.clone(), Way::Event);
    }
    let arrivals = held.arrivals("activity-durations", 1);
    assert_eq!(arrivals.len(), 3, "a repetition is not a step forward");
    assert_eq!(now(arrivals).collect::<Vec<_>>(), [&Told::Data(first)]);
    held.event("activity-durations", 1, "09", true, Way::Event);
    let known: Vec<_> = now(held.arrivals("activity-durations", 1)).cloned().collect();
    assert!(known.contains(&Told::Version("09".to_owned())) && known.len() == 2, "{known:?}");
}

#[test]
fn references_are_not_held_against_an_object() {
    let mut held = Held::default();
    let told = json!({"id": 1, "externalReferences": [1], "person": {"id": 2, "externalReferences": []}});
    held.event_without_version("activity-durations", 1, told, Way::Event);
    let expected = Told::Data(json!({"id": 1, "person": {"id": 2}}));
    assert_eq!(now(held.arrivals("activity-durations", 1)).collect::<Vec<_>>(), [&expected]);
}

#[test]
fn a_change_that_a_resync_brings_is_its_version() {
    let mut held = Held::default();
    held.event("people", 1, "01", false, Way::Event);
    held.bring(&crate::audit::tests::change(1, "02", ChangeKind::Delete));
    assert_eq!(held.arrivals("people", 1), [told(Way::Event, "01"), told(Way::Resync, "02")]);
    assert_eq!(alive(&held, "people"), 0);
}
