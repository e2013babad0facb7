//! One object of a collection, as Protime wrote it.
//!
//! Law: what a receiver gets is what Protime said, byte for byte: nothing is parsed into values and
//! written again. A list shows objects, a delta shows changes of objects; a receiver gets either as
//! an event.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Debug)]
pub(crate) struct Object {
    raw: Box<RawValue>,
    /// The id as JSON writes it; empty where there is none.
    id: String,
    is_versioned: bool,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Listed,
    /// As an object of a fresh delta: what reads a delta line by line gets changes only.
    Shown,
    Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identified<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    change_version: Option<&'a RawValue>,
}

impl Identified<'_> {
    fn id(&self) -> String {
        self.id.map_or_else(String::new, |id| id.get().to_owned())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Change<'a> {
    #[serde(borrow)]
    data: Identified<'a>,
    #[serde(rename = "changeType")]
    _change_type: String,
}

impl Object {
    /// An object of a list; an error if it is not a JSON object.
    pub(crate) fn listed(raw: Box<RawValue>) -> Result<Self, String> {
        let found: Identified<'_> =
            serde_json::from_str(raw.get()).map_err(|_| "is not an object".to_owned())?;
        Ok(Self { id: found.id(), is_versioned: found.change_version.is_some(), raw, form: Form::Listed })
    }

    /// An entry of a fresh delta: an object, as Protime documents it. The change of one is understood as
    /// well; no object has both of its properties.
    pub(crate) fn shown(raw: Box<RawValue>) -> Result<Self, String> {
        let is_change = serde_json::from_str::<Change<'_>>(raw.get()).is_ok();
        if is_change {
            return Self::changed(raw);
        }
        Self::listed(raw).map(|object| Self { form: Form::Shown, ..object })
    }

    /// An entry of what a delta link leads to; an error if it is not a change.
    pub(crate) fn changed(raw: Box<RawValue>) -> Result<Self, String> {
        let found: Change<'_> = serde_json::from_str(raw.get())
            .map_err(|_| "is not an object with a changeType and an object data".to_owned())?;
        let Change { data, .. } = found;
        Ok(Self { id: data.id(), is_versioned: data.change_version.is_some(), raw, form: Form::Change })
    }

    /// Objects as an array of JSON, each as it was read.
    pub(crate) fn array(objects: &[Self]) -> Vec<u8> {
        let written: Vec<&[u8]> = objects.iter().map(|object| object.raw.get().as_bytes()).collect();
        [b"[".as_slice(), &written.join(&b','), b"]"].concat()
    }

    pub(crate) fn changes(array: &[u8]) -> Result<Vec<Self>, String> {
        let raw: Vec<Box<RawValue>> = serde_json::from_slice(array).map_err(|error| error.to_string())?;
        raw.into_iter().map(Self::changed).collect()
    }

    /// Whether it may be older than what a receiver has been told since it was read, without that showing:
    /// one without a version is taken for newer than what is known.
    pub(crate) fn may_be_overtaken(&self) -> bool {
        !self.is_versioned && !self.id.is_empty()
    }

    /// Whether it shows something else than an earlier reading of the same object, or is in none of them.
    pub(crate) fn differs_from_all(&self, earlier: &[Self]) -> bool {
        let value = |object: &Self| serde_json::from_str::<serde_json::Value>(object.raw.get()).ok();
        let same = |other: &Self| other.id == self.id && value(other) == value(self);
        !earlier.iter().any(same)
    }

    pub(crate) fn id(&self) -> &str {
        if self.id.is_empty() { "without an id" } else { self.id.trim_matches('"') }
    }

    /// How many objects these tell of. A clocking's deletion may be told twice, by its status and as `Delete`.
    pub(crate) fn count(objects: &[Self]) -> u64 {
        let (named, nameless): (Vec<_>, Vec<_>) = objects.iter().partition(|object| !object.id.is_empty());
        let named: HashSet<&str> = named.into_iter().map(|object| object.id.as_str()).collect();
        (named.len() + nameless.len()) as u64
    }

    /// Which of some lanes it travels in: all versions of an object in the same.
    pub(crate) fn lane(&self, lanes: usize) -> usize {
        let mut hasher = DefaultHasher::new();
        self.id.hash(&mut hasher);
        let lanes = u64::try_from(lanes.max(1)).unwrap_or(1);
        usize::try_from(hasher.finish() % lanes).unwrap_or_default()
    }

    /// The body of an event that tells of it.
    pub(crate) fn event(&self) -> Vec<u8> {
        let raw = self.raw.get().as_bytes();
        if self.form == Form::Change {
            return raw.to_vec();
        }
        [br#"{"changeType":"InsertOrUpdate","data":"#, raw, b"}"].concat()
    }

    /// What was read, on one line with its line feed; of a delta, always a change.
    pub(crate) fn write_line(&self, into: &mut Vec<u8>) {
        // Only white space between JSON's tokens can have a line feed in it, so a space in its place changes nothing.
        let one_line = |byte: &u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte };
        match self.form {
            Form::Listed => into.extend(self.raw.get().as_bytes().iter().map(one_line)),
            Form::Shown | Form::Change => into.extend(self.event().iter().map(one_line)),
        }
        into.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).expect("JSON")
    }

    fn line(object: &Object) -> String {
        let mut line = Vec::new();
        object.write_line(&mut line);
        String::from_utf8(line).expect("UTF-8")
    }

    #[test]
    fn an_object_that_is_told_of_twice_counts_once() {
        let changes = [
            r#"{"changeType":"InsertOrUpdate","data":{"id":7,"status":"Deleted"}}"#,
            r#"{"changeType":"Delete","data":{"id":7}}"#,
            r#"{"changeType":"InsertOrUpdate","data":{"id":"7"}}"#,
            r#"{"changeType":"InsertOrUpdate","data":{}}"#,
            r#"{"changeType":"InsertOrUpdate","data":{}}"#,
        ];
        let objects: Vec<Object> =
            changes.iter().map(|change| Object::changed(raw(change)).expect("a change")).collect();
        assert_eq!(Object::count(&objects), 4);
        assert_eq!(Object::count(&[]), 0);
    }

    #[test]
    fn an_object_is_passed_on_as_it_was_written() {
        let text = "{ \"z\":1.10,\n \"id\" : \"é\\u00e9\", \"id2\":[1,\r\n2]}";
        let object = Object::listed(raw(text)).expect("an object");
        let event = String::from_utf8(object.event()).expect("UTF-8");
        assert_eq!(event, format!("{{\"changeType\":\"InsertOrUpdate\",\"data\":{text}}}"));
        assert_eq!(line(&object), "{ \"z\":1.10,  \"id\" : \"é\\u00e9\", \"id2\":[1,  2]}\n");
        assert_eq!(object.id(), "é\\u00e9");
    }

    #[test]
    fn a_change_is_an_event_already() {
        let text = r#"{"changeType":"Delete","data":{"changeVersion":"1","id":7}}"#;
        let change = Object::changed(raw(text)).expect("a change");
        assert_eq!((change.event(), change.id()), (text.as_bytes().to_vec(), "7"));
        assert_eq!(line(&change), format!("{text}\n"));
        let text = "{ \"changeType\":\"Delete\",\n\"data\":{\"id\" : 1.0}}";
        let stored = Object::array(&[change, Object::changed(raw(text)).expect("a change")]);
        let stored = Object::changes(&stored).expect("an array of changes");
        assert_eq!((stored.len(), stored[1].event()), (2, text.as_bytes().to_vec()));
        assert_eq!(Object::changes(&Object::array(&[])).map(|none| none.len()), Ok(0));
    }

    #[test]
    fn a_fresh_delta_shows_objects_and_may_show_changes() {
        let rows = [
            (
                r#"{"id":7,"status":"Active"}"#,
                r#"{"changeType":"InsertOrUpdate","data":{"id":7,"status":"Active"}}"#,
            ),
            (
                r#"{"id":7,"data":{"id":8}}"#,
                r#"{"changeType":"InsertOrUpdate","data":{"id":7,"data":{"id":8}}}"#,
            ),
            (r#"{"changeType":"Delete","data":{"id":7}}"#, r#"{"changeType":"Delete","data":{"id":7}}"#),
        ];
        for (text, event) in rows {
            let object = Object::shown(raw(text)).expect("an object");
            assert_eq!(
                (String::from_utf8(object.event()).expect("UTF-8").as_str(), object.id()),
                (event, "7")
            );
            assert_eq!(line(&object), format!("{event}\n"), "a program gets changes only");
        }
        assert!(Object::shown(raw("7")).is_err());
    }

    #[test]
    fn what_is_not_documented_is_refused() {
        for text in ["7", "[]", "null", "\"x\""] {
            assert!(Object::listed(raw(text)).is_err(), "{text}");
        }
        for text in ["{}", r#"{"data":{}}"#, r#"{"changeType":"Delete","data":[]}"#, "1"] {
            assert!(Object::changed(raw(text)).is_err(), "{text}");
        }
        assert_eq!(Object::listed(raw("{}")).expect("an object").id(), "without an id");
    }

    #[test]
    fn versions_of_one_object_share_a_lane_and_many_objects_use_all() {
        let of = |text: &str| Object::listed(raw(text)).expect("an object");
        let one = of(r#"{"id":"a","changeVersion":"1"}"#).lane(8);
        assert_eq!(one, of(r#"{"changeVersion":"2","id":"a"}"#).lane(8));
        let change = Object::changed(raw(r#"{"changeType":"Delete","data":{"id":"a"}}"#)).expect("a change");
        assert_eq!(one, change.lane(8));
        let used: std::collections::HashSet<usize> =
            (0..200).map(|id| of(&format!("{{\"id\":{id}}}")).lane(8)).collect();
        assert_eq!(used.len(), 8);
        assert_eq!(of("{}").lane(0), 0);
    }
}
