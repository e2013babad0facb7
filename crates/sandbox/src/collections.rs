//! The objects of the collections and their versions.

use std::{collections::BTreeMap, ops::Bound};

use jiff::Timestamp;
use serde::Deserialize as _;
use serde_json::{Map, Value, json};

use crate::{
    facts::{self, Facts},
    filter::{Datum, Filter},
    references::References,
    time::day_of,
    values::{self, Wishes},
};

/// The number below the first version.
const FIRST_VERSION: u128 = 0x0000_0B14_0000_7AE0_0000;

/// Ids lie between this and so much above it; the step has no divisor in common with the number of ids.
/// So new ones are not in the order of time, and a list in the order of ids shows something new anywhere.
const IDS: (u64, u64, u64) = (40_000_000, 10_000_019, 6_180_347);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    There,
    /// It is there with the status `Deleted`.
    Marked,
    /// Only a tombstone is left, because a kept delta tells of deletions.
    Gone,
}

#[derive(Debug, Clone)]
pub(crate) struct Object {
    /// The place of its latest change.
    pub(crate) version: u64,
    pub(crate) life: Life,
    facts: &'static Facts,
    /// Its properties without its version, as JSON: there may be a hundred thousand objects, and a tree of
    /// each takes ten times as much.
    text: Box<str>,
    /// What filters look at, so that nothing is parsed to be left out.
    fields: Vec<(&'static str, Datum)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) references: &'a References,
    /// Whether they have their `changeVersion`; a deletion always has.
    pub(crate) versions: bool,
}

impl Object {
    fn new(facts: &'static Facts, version: u64, data: Map<String, Value>) -> Self {
        let (text, fields) = (Box::default(), Vec::new());
        let mut object = Self { version, life: Life::There, facts, text, fields };
        object.keep(data);
        object
    }

    fn data(&self) -> Map<String, Value> {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    fn keep(&mut self, data: Map<String, Value>) {
        let filters = self.facts.list.filters.iter().chain(&self.facts.delta.filters);
        let datum = |property: &str| Datum::deserialize(values::get(&data, property)?).ok();
        self.fields =
            filters.filter_map(|(name, field)| Some((name.as_str(), datum(&field.property)?))).collect();
        self.text = Value::Object(data).to_string().into();
    }

    /// What a filter's field of this name looks at.
    pub(crate) fn field(&self, name: &str) -> Option<Datum> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, datum)| datum.clone())
    }

    /// The day that it is of, if it is of one.
    pub(crate) fn day(&self) -> Option<String> {
        match self.field("date")? {
            Datum::Text(day) => Some(day),
            _ => None,
        }
    }

    pub(crate) fn property(&self, path: &str) -> Option<Value> {
        values::get(&self.data(), path).cloned()
    }

    /// The object as a list shows it.
    pub(crate) fn shown(&self, how: Shown<'_>) -> Value {
        let mut data = self.data();
        if how.versions || self.life == Life::Gone {
            data.insert("changeVersion".to_owned(), json!(change_version(self.version)));
        }
        if self.life != Life::Gone {
            how.references.add_to(self.facts, &mut data);
        }
        Value::Object(data)
    }

    /// The object as an event or a kept delta tells of it.
    pub(crate) fn told(&self, how: Shown<'_>) -> Value {
        let change_type = if self.life == Life::Gone { "Delete" } else { "InsertOrUpdate" };
        json!({"changeType": change_type, "data": self.shown(how)})
    }
}

/// Twenty characters that order as text; one counter for the whole tenant.
pub(crate) fn change_version(version: u64) -> String {
    format!("{:020X}", FIRST_VERSION + u128::from(version))
}

#[derive(Debug, Default)]
pub(crate) struct Collections {
    objects: BTreeMap<&'static str, BTreeMap<u64, Object>>,
    last_version: u64,
    ids: u64,
}

impl Collections {
    pub(crate) fn last_version(&self) -> u64 {
        self.last_version
    }

    /// Inserts an object, or updates the one with that id; answers with its id, or with what is wrong
    /// with the wishes.
    pub(crate) fn upsert(
        &mut self,
        collection: &'static str,
        id: Option<u64>,
        wishes: &Wishes<'_>,
        now: Timestamp,
    ) -> Result<u64, String> {
        let facts = facts::of(collection).ok_or_else(|| format!("`{collection}` is not a collection"))?;
        wishes.check(collection, facts)?;
        let id = id.unwrap_or_else(|| self.new_id(collection));
        self.last_version += 1;
        let version = self.last_version;
        let today = day_of(now);
        let objects = self.objects.entry(collection).or_default();
        if let Some(object) = objects.get_mut(&id).filter(|object| object.life != Life::Gone) {
            let mut data = object.data();
            if object.life == Life::Marked {
                data.insert("status".to_owned(), json!("Active"));
            }
            values::change(facts, id, version, wishes, &mut data);
            object.keep(data);
            object.version = version;
            object.life = Life::There;
        } else {
            let data = values::fresh(facts, id, wishes, today);
            objects.insert(id, Object::new(facts, version, data));
        }
        Ok(id)
    }

    fn new_id(&mut self, collection: &str) -> u64 {
        loop {
            self.ids += 1;
            let id = IDS.0 + self.ids.wrapping_mul(IDS.2) % IDS.1;
            if self.get(collection, id).is_none() {
                return id;
            }
        }
    }

    /// Says that an object is the same as before, in a new version; false if there is none.
    pub(crate) fn touch(&mut self, collection: &str, id: u64) -> bool {
        self.renewed(collection, id, |life| life == Life::There).is_some()
    }

    /// Gives an object the status `Deleted`; false if it is not there.
    pub(crate) fn mark(&mut self, collection: &str, id: u64) -> bool {
        let Some(object) = self.renewed(collection, id, |life| life == Life::There) else { return false };
        let mut data = object.data();
        data.insert("status".to_owned(), json!("Deleted"));
        object.keep(data);
        object.life = Life::Marked;
        true
    }

    pub(crate) fn delete(&mut self, collection: &str, id: u64) -> bool {
        let Some(object) = self.renewed(collection, id, |life| life != Life::Gone) else { return false };
        object.life = Life::Gone;
        object.keep(Map::from_iter([("id".to_owned(), json!(id))]));
        true
    }

    /// The object in its next version, if how things stand with it is right.
    fn renewed(&mut self, collection: &str, id: u64, is_right: fn(Life) -> bool) -> Option<&mut Object> {
        let object = self.objects.get_mut(collection)?.get_mut(&id).filter(|it| is_right(it.life))?;
        self.last_version += 1;
        object.version = self.last_version;
        Some(object)
    }

    pub(crate) fn get(&self, collection: &str, id: u64) -> Option<&Object> {
        self.objects.get(collection)?.get(&id)
    }

    pub(crate) fn there(&self, collection: &str) -> impl Iterator<Item = u64> {
        let objects = self.objects.get(collection).into_iter().flatten();
        objects.filter(|(_, object)| object.life == Life::There).map(|(id, _)| *id)
    }

    /// The id of the object that was changed least recently.
    pub(crate) fn oldest(&self, collection: &str) -> Option<u64> {
        let objects = self.objects.get(collection)?.iter();
        let there = objects.filter(|(_, object)| object.life == Life::There);
        there.min_by_key(|(_, object)| object.version).map(|(id, _)| *id)
    }

    /// A page of what exists: the objects after `after` in the order of ids, and whether more follow.
    pub(crate) fn page(
        &self,
        collection: &str,
        filter: &Filter,
        after: Option<u64>,
        size: usize,
    ) -> (Vec<(u64, &Object)>, bool) {
        let Some(objects) = self.objects.get(collection) else { return (Vec::new(), false) };
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = objects
            .range((start, Bound::Unbounded))
            .filter(|(_, object)| object.life != Life::Gone && filter.accepts(|name| object.field(name)))
            .map(|(id, object)| (*id, object));
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
    use std::collections::BTreeSet;

    use super::*;

    fn inserted(collections: &mut Collections, collection: &'static str, id: Option<u64>) -> u64 {
        let none = Map::new();
        let wishes = Wishes { date: None, person: None, set: &none };
        collections.upsert(collection, id, &wishes, Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn versions_have_twenty_characters_and_increase_as_text() {
        let texts: Vec<_> = [1, 9, 10, 15, 16, 255, 256, 0xF_FFFF, 0x10_0000].map(change_version).to_vec();
        assert!(texts.is_sorted_by(|a, b| a < b), "{texts:?}");
        assert!(texts.iter().all(|text| text.len() == 20), "{texts:?}");
        assert_eq!(texts[0], "00000B1400007AE00001");
    }

    #[test]
    fn ids_are_whole_numbers_and_no_two_are_the_same() {
        let mut collections = Collections::default();
        let ids: Vec<u64> = (0..2_000).map(|_| inserted(&mut collections, "people", None)).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
        assert!(!ids.is_sorted(), "what is new shows anywhere in a list");
    }

    #[test]
    fn a_deletion_leaves_a_tombstone_that_only_a_delta_shows() {
        let mut collections = Collections::default();
        let first = inserted(&mut collections, "people", Some(4_711));
        let second = inserted(&mut collections, "people", Some(4_712));
        assert_eq!(collections.oldest("people"), Some(first));
        assert!(collections.delete("people", first) && !collections.delete("people", first));

        let all = Filter::And(Vec::new());
        let (page, more) = collections.page("people", &all, None, 10);
        assert_eq!((page.len(), page[0].0, more), (1, second, false));
        let references = References::default();
        let how = Shown { references: &references, versions: false };
        let told: Vec<_> = collections
            .changed_since("people", 1)
            .into_iter()
            .map(|object| object.told(how)["changeType"].clone())
            .collect();
        assert_eq!(told, ["InsertOrUpdate", "Delete"]);
        let shown = collections.get("people", first).map(|object| object.shown(how));
        assert_eq!(shown, Some(json!({"changeVersion": change_version(3), "id": first})));
    }

    #[test]
    fn a_marked_object_is_listed_and_comes_back_with_the_next_change() {
        let mut collections = Collections::default();
        let id = inserted(&mut collections, "clockings", None);
        assert!(collections.mark("clockings", id) && !collections.mark("clockings", id));
        let object = collections.get("clockings", id).unwrap();
        assert_eq!((object.property("status"), object.life), (Some(json!("Deleted")), Life::Marked));
        assert_eq!(collections.oldest("clockings"), None);
        assert_eq!(collections.page("clockings", &Filter::And(Vec::new()), None, 10).0.len(), 1);
        inserted(&mut collections, "clockings", Some(id));
        assert_eq!(collections.get("clockings", id).unwrap().property("status"), Some(json!("Active")));
    }
}
