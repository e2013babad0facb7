//! What changes in the tenant, and whom it is told.

use std::collections::BTreeSet;

use axum::body::Bytes;
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    collections::{Object, Shown, change_version},
    journal::{Change, ChangeKind},
    references::References,
    settings::ClockingDeletion,
    tenant::Tenant,
    values::Wishes,
    webhooks::Pending,
    words,
};

/// The collections of which all objects are saved together.
pub(crate) const GROUPS: [&str; 2] = ["absence-groups", "counter-groups"];

/// What a clocking touches besides. Paid presences are split over shifts: two records a day.
const TOUCHED: [(&str, u64); 4] =
    [("calculated-totals", 0), ("counters", 0), ("paid-presences", 0), ("paid-presences", 1)];

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangeRequest {
    pub collection: String,
    /// The object; a new one, or for a deletion the oldest one, where this is absent.
    pub id: Option<u64>,
    #[serde(default)]
    pub kind: ChangeKind,
    #[serde(default = "one")]
    pub count: usize,
    /// The day that the object is of; today for a new one, unchanged for another, where this is absent.
    pub date: Option<String>,
    pub person: Option<u64>,
    /// Other properties by their paths, such as `terminal.id`.
    #[serde(default)]
    pub set: Map<String, Value>,
    /// Whether other collections are touched, too, as far as webhooks watch them.
    #[serde(default)]
    pub related: bool,
}

fn one() -> usize {
    1
}

impl ChangeRequest {
    #[must_use]
    pub fn inserts(collection: &str, count: usize) -> Self {
        Self { collection: collection.to_owned(), count, ..Self::default() }
    }
}

impl Tenant {
    /// Makes changes and queues an event for every webhook that delivers; the error names what is
    /// wrong, and then nothing has changed unless fewer objects could be deleted than were asked for.
    /// What else was touched is in the journal only.
    pub(crate) fn change(&mut self, wanted: &ChangeRequest, now: Timestamp) -> Result<Vec<Change>, String> {
        let collection = words::known_collection(&wanted.collection)
            .ok_or_else(|| format!("`{}` is not a collection", wanted.collection))?;
        let mut changes = Vec::new();
        for _ in 0..wanted.count {
            match wanted.kind {
                ChangeKind::Upsert => {
                    let wishes =
                        Wishes { date: wanted.date.as_deref(), person: wanted.person, set: &wanted.set };
                    let id = self.collections.upsert(collection, wanted.id, &wishes, now)?;
                    changes.push(self.tell(collection, id, ChangeKind::Upsert, now));
                }
                ChangeKind::Delete => {
                    let id = wanted.id.or_else(|| self.collections.oldest(collection));
                    let deleted = id.map_or_else(Vec::new, |id| self.remove(collection, id, now));
                    if deleted.is_empty() {
                        if changes.is_empty() {
                            return Err(format!("there is nothing to delete in {collection}"));
                        }
                        break;
                    }
                    changes.extend(deleted);
                }
            }
        }
        self.touch_others(collection, wanted.related, &changes, now);
        Ok(changes)
    }

    /// Deletes an object in the way that the settings say; no change if there is no such object.
    fn remove(&mut self, collection: &'static str, id: u64, now: Timestamp) -> Vec<Change> {
        let way = self.settings.clocking_deletion;
        let (marks, deletes) = match way {
            _ if collection != "clockings" => (false, true),
            ClockingDeletion::Delete => (false, true),
            ClockingDeletion::Status => (true, false),
            ClockingDeletion::Both => (true, true),
        };
        let mut changes = Vec::new();
        if marks && self.collections.mark(collection, id) {
            let kind = if deletes { ChangeKind::Upsert } else { ChangeKind::Delete };
            changes.push(self.tell(collection, id, kind, now));
        }
        if deletes && self.collections.delete(collection, id) {
            changes.push(self.tell(collection, id, ChangeKind::Delete, now));
        }
        changes
    }

    fn touch_others(&mut self, collection: &'static str, related: bool, made: &[Change], now: Timestamp) {
        // Saving one group saves all of them: an event for each, also where nothing has changed.
        if GROUPS.contains(&collection) && !made.is_empty() {
            let saved: BTreeSet<u64> = made.iter().map(|change| change.id).collect();
            let others: Vec<u64> =
                self.collections.there(collection).filter(|id| !saved.contains(id)).collect();
            for id in others {
                if self.collections.touch(collection, id) {
                    self.tell(collection, id, ChangeKind::Upsert, now);
                }
            }
        }
        if related && collection == "clockings" {
            for change in made {
                self.touch_day(change, now);
            }
        }
    }

    /// A clocking moves the totals, the counters and the paid presences of its person and day.
    fn touch_day(&mut self, clocking: &Change, now: Timestamp) {
        let object = self.collections.get("clockings", clocking.id);
        let person = object.and_then(|object| object.property("person.id")).and_then(|id| id.as_u64());
        let (Some(date), Some(person)) = (clocking.date.as_deref(), person) else { return };
        let day = date.parse::<Date>().ok().map(|day| day.duration_since(Date::MIN).as_hours() / 24);
        let Some(day) = day.and_then(|day| u64::try_from(day).ok()) else { return };
        let set = Map::new();
        for (collection, part) in TOUCHED {
            if self.webhooks.watching(collection).next().is_some() {
                // One record a person, day and part, whose id nothing else has.
                let id = (person * 2 + part) * 10_000_000 + day;
                let wishes = Wishes { date: Some(date), person: Some(person), set: &set };
                if self.collections.upsert(collection, Some(id), &wishes, now).is_ok() {
                    self.tell(collection, id, ChangeKind::Upsert, now);
                }
            }
        }
    }

    /// Every change has a version and a place in the journal, and is queued for every webhook of its
    /// collection that delivers at that moment.
    fn tell(&mut self, collection: &'static str, id: u64, kind: ChangeKind, at: Timestamp) -> Change {
        let (seq, _) = self.journal.stamp();
        let versions = self.settings.versions(collection);
        let object = self.collections.get(collection, id);
        let watching: Vec<usize> = self.webhooks.watching(collection).map(|webhook| webhook.serial).collect();
        for serial in &watching {
            if let (Some(webhook), Some(object)) = (self.webhooks.by_serial(*serial), object) {
                let told = object.told(Shown { references: &webhook.references, versions });
                let body = Bytes::from(told.to_string());
                webhook.queue.push_back(Pending { change_seq: seq, body });
            }
        }
        let silent = object.filter(|_| !versions && kind == ChangeKind::Upsert);
        let change = Change {
            seq,
            at,
            collection: collection.to_owned(),
            id,
            change_version: change_version(object.map_or(0, |object| object.version)),
            kind,
            date: object.and_then(Object::day),
            data: silent.map(|object| object.shown(Shown { references: &References::default(), versions })),
        };
        self.journal.change(change.clone(), watching.len());
        change
    }
}
