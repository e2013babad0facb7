//! The objects of the collections and their versions.
//!
//! A `changeVersion` is sixteen hexadecimal digits of one counter for the whole tenant: it
//! increases with every change, also when it is compared as plain text. A deleted object stays as
//! a tombstone, because a kept delta tells of deletions.

use std::{collections::BTreeMap, ops::Bound};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::sandbox::{filter::Filter, journal::ChangeKind, references::References, secret};

/// One object, or what is left of it.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The place of its latest change.
    pub(crate) version: u64,
    /// Whether it was deleted.
    pub(crate) deleted: bool,
    data: Map<String, Value>,
}

impl Object {
    /// The object's text fields, for filters.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.data.get(name).and_then(Value::as_str)
    }

    /// What the latest change did.
    pub(crate) fn kind(&self) -> ChangeKind {
        if self.deleted { ChangeKind::Delete } else { ChangeKind::Upsert }
    }

    /// The object as a list shows it.
    pub(crate) fn shown(&self, references: &References) -> Value {
        let mut data = self.data.clone();
        if !self.deleted {
            references.add_to(&mut data);
        }
        Value::Object(data)
    }

    /// The object as an event or a delta tells of it.
    pub(crate) fn told(&self, references: &References) -> Value {
        let change_type = if self.deleted { "Delete" } else { "InsertOrUpdate" };
        json!({"changeType": change_type, "data": self.shown(references)})
    }
}

/// The version as it is written.
pub(crate) fn change_version(version: u64) -> String {
    format!("{version:016X}")
}

/// The objects of every collection.
#[derive(Debug, Default)]
pub(crate) struct Collections {
    objects: BTreeMap<&'static str, BTreeMap<String, Object>>,
    last_version: u64,
}

impl Collections {
    /// The latest version of all.
    pub(crate) fn last_version(&self) -> u64 {
        self.last_version
    }

    /// Inserts an object, or updates the one with that id; answers with its id.
    pub(crate) fn upsert(
        &mut self,
        collection: &'static str,
        id: Option<&str>,
        date: Option<&str>,
        now: Timestamp,
    ) -> String {
        let id = id.map_or_else(secret::id, str::to_owned);
        self.last_version += 1;
        let version = self.last_version;
        let object = self.objects.entry(collection).or_default().entry(id.clone()).or_insert_with(|| {
            let fields = Map::from_iter([("id".to_owned(), json!(id))]);
            Object { version, deleted: false, data: fields }
        });
        let kept = date.or(object.field("date")).map(str::to_owned);
        let date = kept.unwrap_or_else(|| now.strftime("%Y-%m-%d").to_string());
        object.version = version;
        object.deleted = false;
        object.data.insert("date".to_owned(), json!(date));
        object.data.insert("changeVersion".to_owned(), json!(change_version(version)));
        object.data.insert("changedAt".to_owned(), json!(now));
        object.data.insert("value".to_owned(), json!(version));
        id
    }

    /// Deletes the object with that id, or the oldest one; none if there is no such object.
    pub(crate) fn delete(&mut self, collection: &'static str, id: Option<&str>) -> Option<String> {
        let objects = self.objects.get_mut(collection)?;
        let id = match id {
            Some(id) => id.to_owned(),
            None => objects
                .iter()
                .filter(|(_, object)| !object.deleted)
                .min_by_key(|(_, object)| object.version)?
                .0
                .clone(),
        };
        let object = objects.get_mut(&id).filter(|object| !object.deleted)?;
        self.last_version += 1;
        object.version = self.last_version;
        object.deleted = true;
        object.data = Map::from_iter([
            ("changeVersion".to_owned(), json!(change_version(self.last_version))),
            ("id".to_owned(), json!(id)),
        ]);
        Some(id)
    }

    /// An object, or what is left of it.
    pub(crate) fn get(&self, collection: &str, id: &str) -> Option<&Object> {
        self.objects.get(collection)?.get(id)
    }

    /// The id of the object that was changed least recently.
    pub(crate) fn oldest(&self, collection: &str) -> Option<String> {
        let objects = self.objects.get(collection)?.iter().filter(|(_, object)| !object.deleted);
        objects.min_by_key(|(_, object)| object.version).map(|(id, _)| id.clone())
    }

    /// A page of what exists: the objects after `after` in the order of ids, and whether more follow.
    pub(crate) fn page(
        &self,
        collection: &str,
        filter: &Filter,
        after: Option<&str>,
        size: usize,
    ) -> (Vec<(&str, &Object)>, bool) {
        let Some(objects) = self.objects.get(collection) else { return (Vec::new(), false) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = objects
            .range::<str, _>((start, Bound::Unbounded))
            .filter(|(_, object)| !object.deleted && filter.accepts(|name| object.field(name)))
            .map(|(id, object)| (id.as_str(), object));
        let page: Vec<_> = found.by_ref().take(size).collect();
        let more = found.next().is_some();
        (page, more)
    }

    /// What changed after a version, oldest change first, each object once.
    pub(crate) fn changed_since(&self, collection: &str, version: u64) -> Vec<&Object> {
        let Some(objects) = self.objects.get(collection) else { return Vec::new() };
        let mut changed: Vec<_> = objects.values().filter(|object| object.version > version).collect();
        changed.sort_by_key(|object| object.version);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_increase_as_text() {
        let texts: Vec<_> = [1, 9, 10, 15, 16, 255, 256, u64::MAX].map(change_version).to_vec();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
    }

    #[test]
    fn a_deletion_leaves_a_tombstone_that_only_a_delta_shows() {
        let now = Timestamp::UNIX_EPOCH;
        let mut collections = Collections::default();
        let first = collections.upsert("people", None, None, now);
        let second = collections.upsert("people", None, None, now);
        assert_eq!(collections.delete("people", None), Some(first.clone()));
        assert_eq!(collections.delete("people", Some(&first)), None);

        let (page, more) = collections.page("people", &Filter::default(), None, 10);
        assert_eq!((page.len(), page[0].0, more), (1, second.as_str(), false));
        let told: Vec<_> = collections
            .changed_since("people", 1)
            .into_iter()
            .map(|object| object.told(&References::default())["changeType"].clone())
            .collect();
        assert_eq!(told, ["InsertOrUpdate", "Delete"]);
        assert_eq!(
            collections.get("people", &first).map(|object| object.shown(&References::default())),
            Some(json!({"changeVersion": change_version(3), "id": first}))
        );
    }
}
