//! External references as a list of webhooks shows them.
//!
//! Protime documents that `externalReferences` is an object there, and not what is in it; its words suggest
//! collections as keys. So every shape that comes to mind is read: collections with a list of names, with one
//! name, with an object whose keys are the names; and a list or a text as they are sent. Law: nothing is
//! said of references of which one is not understood.

use serde_json::{Map, Value};

use super::wire::text;
use crate::domain::webhook::ExternalReference;

/// What the name of a reference may be called in an object of its own.
const NAMES: [&str; 3] = ["externalReference", "reference", "name"];
/// What its collection may be called there.
const COLLECTIONS: [&str; 2] = ["collectionName", "collection"];

pub(super) fn listed(value: &Value) -> Option<Vec<ExternalReference>> {
    match value {
        Value::String(list) => list.split_terminator(')').map(pair).collect(),
        Value::Array(items) => items.iter().map(of_item).collect(),
        Value::Object(object) => match of_object(object) {
            Some(one) => Some(vec![one]),
            None => by_collection(object),
        },
        _ => None,
    }
}

fn of_item(item: &Value) -> Option<ExternalReference> {
    match item {
        Value::String(one) => pair(one.strip_suffix(')').unwrap_or(one)),
        Value::Object(one) => of_object(one),
        _ => None,
    }
}

fn of_object(object: &Map<String, Value>) -> Option<ExternalReference> {
    let named = |names: &[&str]| names.iter().find_map(|name| text(object, name));
    Some(ExternalReference { collection: named(&COLLECTIONS)?, reference: named(&NAMES)? })
}

fn by_collection(object: &Map<String, Value>) -> Option<Vec<ExternalReference>> {
    let mut all = Vec::new();
    for (collection, value) in object {
        let names = names(value)?;
        let of = |reference| ExternalReference { collection: collection.clone(), reference };
        all.extend(names.into_iter().map(of));
    }
    Some(all)
}

/// The names that a collection has: of a list, of a text that may hold several, of an object's keys. A key
/// that says what kind of thing its value is leads to that value.
fn names(value: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = match value {
        Value::Null => Vec::new(),
        Value::String(text) => text.split(',').map(|name| name.trim().to_owned()).collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(name) => Some(name.clone()),
                Value::Object(one) => NAMES.iter().find_map(|name| text(one, name)),
                _ => None,
            })
            .collect::<Option<_>>()?,
        Value::Object(inner) => {
            let kinds = ["externalReferences", "references"].iter().chain(&NAMES);
            match kinds.into_iter().find_map(|kind| inner.get(*kind)) {
                Some(Value::Object(_)) => return None,
                Some(deeper) => return names(deeper),
                None => inner.keys().cloned().collect(),
            }
        }
        Value::Bool(_) | Value::Number(_) => return None,
    };
    names.iter().all(|name| is_name(name)).then_some(names)
}

/// `collection,reference`, perhaps behind a parenthesis.
fn pair(text: &str) -> Option<ExternalReference> {
    let (collection, reference) = text.trim_start().trim_start_matches('(').split_once(',')?;
    let (collection, reference) = (collection.trim().to_owned(), reference.trim().to_owned());
    let is_one = !collection.is_empty() && is_name(&reference);
    is_one.then_some(ExternalReference { collection, reference })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains([',', '(', ')'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_is_read_and_what_is_not_understood_is_not_guessed() {
        let both = "(people,@badge-number)(activity-definitions,actDef)";
        let sorted = "(activity-definitions,actDef)(people,@badge-number)";
        for (written, expected) in [
            // As they are sent.
            (r#""(people,@badge-number)(activity-definitions,actDef)""#, Some(both)),
            (r#"["people,@badge-number","(activity-definitions,actDef)"]"#, Some(both)),
            (
                r#"[{"collectionName":"people","externalReference":"@badge-number"},
                 {"collection":"activity-definitions","reference":"actDef"}]"#,
                Some(both),
            ),
            (r#""people,@badge-number""#, Some("(people,@badge-number)")),
            // Objects with collections as keys: of lists, of texts, of objects.
            (r#"{"people":["@badge-number"],"activity-definitions":["actDef"]}"#, Some(sorted)),
            (r#"{"people":"@badge-number","activity-definitions":"actDef"}"#, Some(sorted)),
            (r#"{"people":{"@badge-number":true},"activity-definitions":{"actDef":{}}}"#, Some(sorted)),
            (
                r#"{"people":["@badge-number","@employee-number"]}"#,
                Some("(people,@badge-number)(people,@employee-number)"),
            ),
            (r#"{"people":"@a, @b"}"#, Some("(people,@a)(people,@b)")),
            (r#"{"people":[{"name":"@a"},{"reference":"@b"}]}"#, Some("(people,@a)(people,@b)")),
            (r#"{"people":{"externalReferences":["@a","@b"]}}"#, Some("(people,@a)(people,@b)")),
            (r#"{"people":{"name":"@a"}}"#, Some("(people,@a)")),
            (r#"{"collectionName":"people","externalReference":"@a"}"#, Some("(people,@a)")),
            (r#"{"people":null}"#, Some("")),
            (r#"{"people":[]}"#, Some("")),
            ("{}", Some("")),
            ("[]", Some("")),
            // Nothing is said, or nothing that is understood.
            ("null", None),
            ("7", None),
            (r#"["people"]"#, None),
            (r#"["people,@badge-number",7]"#, None),
            (r#""(people)""#, None),
            (r#"{"people":7}"#, None),
            (r#"{"people":["@a",7]}"#, None),
            (r#"{"people":[""]}"#, None),
            (r#"{"people":{"name":{}}}"#, None),
            (r#"{"people":"(x)"}"#, None),
        ] {
            let read = listed(&serde_json::from_str(written).unwrap());
            let read = read.map(|references| ExternalReference::all(&references));
            assert_eq!(read.as_deref(), expected, "{written}");
        }
    }
}
