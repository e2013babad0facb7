//! External references: `?externalReferences=(people,@badge-number)(activity-definitions,actDef)`.
//!
//! No source says how they look in a payload or in a list; see `docs/sandbox.md` for what is chosen.

use serde_json::{Map, Value, json};

use crate::sandbox::{settings::ListedReferences, words::PREDEFINED_REFERENCES};

/// A list of references, in the order in which it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References(Vec<(String, String)>);

impl References {
    /// Reads the query parameter; an empty text is no reference.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut all = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (inner, after) = rest
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(')'))
                .ok_or_else(|| format!("`{rest}` is not of the form (collection,reference)"))?;
            let (collection, reference) =
                inner.split_once(',').ok_or_else(|| format!("`({inner})` has no comma"))?;
            let (collection, reference) = (collection.trim(), reference.trim());
            if collection.is_empty() || reference.is_empty() || reference.contains(',') {
                return Err(format!("`({inner})` is not of the form (collection,reference)"));
            }
            if reference.starts_with('@') && !PREDEFINED_REFERENCES.contains(&reference) {
                return Err(format!("`{reference}` is no predefined reference"));
            }
            all.push((collection.to_owned(), reference.to_owned()));
            rest = after.trim_start();
        }
        Ok(Self(all))
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `collection,reference` each.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.iter().map(|(collection, reference)| format!("{collection},{reference}")).collect()
    }

    /// As a listed webhook shows them, in this shape; none if there are none to show.
    pub(crate) fn listed(&self, shape: ListedReferences) -> Option<Value> {
        if self.0.is_empty() {
            return None;
        }
        let mut by_collection: Vec<(&str, Vec<&str>)> = Vec::new();
        for (collection, reference) in &self.0 {
            match by_collection.iter_mut().find(|(other, _)| other == collection) {
                Some((_, references)) => references.push(reference),
                None => by_collection.push((collection, vec![reference])),
            }
        }
        let object = |inside: fn(&[&str]) -> Value| {
            let shown = by_collection.iter();
            Value::Object(shown.map(|(name, all)| ((*name).to_owned(), inside(all))).collect())
        };
        match shape {
            ListedReferences::Lists => Some(object(|all| json!(all))),
            ListedReferences::Texts => Some(object(|all| json!(all.join(",")))),
            ListedReferences::Objects => Some(object(|all| {
                all.iter().map(|reference| ((*reference).to_owned(), json!(true))).collect()
            })),
            ListedReferences::Array => Some(json!(self.texts())),
            ListedReferences::Absent => None,
        }
    }

    /// Adds the references to an object; their values are derived from its id.
    pub(crate) fn add_to(&self, object: &mut Map<String, Value>) {
        if self.0.is_empty() {
            return;
        }
        let id = object.get("id").and_then(Value::as_str).unwrap_or_default();
        let tail = id.get(..8).unwrap_or(id);
        let all: Vec<Value> = self
            .0
            .iter()
            .map(|(collection, reference)| {
                json!({
                    "collectionName": collection,
                    "externalReference": reference,
                    "value": format!("{}-{tail}", reference.trim_start_matches('@')),
                })
            })
            .collect();
        object.insert("externalReferences".to_owned(), Value::Array(all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_in_their_order() {
        let text = "(people,@badge-number)(activity-definitions,actDef)";
        let references = References::parse(text).unwrap();
        assert_eq!(references.texts(), ["people,@badge-number", "activity-definitions,actDef"]);
        assert!(References::parse("").unwrap().is_empty());
    }

    #[test]
    fn a_list_shows_them_in_every_shape() {
        let text = "(people,@badge-number)(activity-definitions,actDef)(people,@employee-number)";
        let references = References::parse(text).unwrap();
        let listed = |shape| references.listed(shape);
        let people = |shown: Option<Value>| shown.unwrap()["people"].clone();
        assert_eq!(people(listed(ListedReferences::Lists)), json!(["@badge-number", "@employee-number"]));
        assert_eq!(people(listed(ListedReferences::Texts)), json!("@badge-number,@employee-number"));
        let object = json!({"@badge-number": true, "@employee-number": true});
        assert_eq!(people(listed(ListedReferences::Objects)), object);
        assert_eq!(listed(ListedReferences::Array).unwrap()[1], "activity-definitions,actDef");
        assert_eq!(listed(ListedReferences::Absent), None);
        assert_eq!(References::default().listed(ListedReferences::Lists), None);
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for wrong in
            ["people,@badge-number", "(people)", "(people,@nothing)", "(,a)", "(a,)", "(a,b", "(a,b)c"]
        {
            assert!(References::parse(wrong).is_err(), "{wrong}");
        }
    }
}
