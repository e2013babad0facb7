//! External references: `?externalReferences=(people,@badge-number)(activity-definitions,actDef)`.
//!
//! No source says how they look in a payload or in a list; see `docs/sandbox.md` for what is chosen.

use serde_json::{Map, Value, json};

use crate::sandbox::words::PREDEFINED_REFERENCES;

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
    fn what_is_no_reference_is_refused() {
        for wrong in
            ["people,@badge-number", "(people)", "(people,@nothing)", "(,a)", "(a,)", "(a,b", "(a,b)c"]
        {
            assert!(References::parse(wrong).is_err(), "{wrong}");
        }
    }
}
