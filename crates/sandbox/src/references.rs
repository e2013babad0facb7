//! External references: `?externalReferences=(people,@badge-number)(activity-definitions,actDef)`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    facts::{self, Facts},
    settings::ListedReferences,
};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct References(Vec<(String, String)>);

impl References {
    /// Reads the query parameter; an empty text stands for none.
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
            if reference.starts_with('@') && !facts::is_predefined(reference) {
                return Err(format!("`{reference}` is not a predefined reference"));
            }
            all.push((collection.to_owned(), reference.to_owned()));
            rest = after.trim_start();
        }
        Ok(Self(all))
    }

    /// Whether a collection takes all of them; the error names the first that it does not take.
    pub(crate) fn check(&self, collection: &str) -> Result<(), String> {
        let known = facts::of(collection).map(|facts| &facts.references);
        for (of, reference) in &self.0 {
            let takes = known
                .and_then(|known| known.get(of))
                .is_some_and(|related| !reference.starts_with('@') || related.predefined.contains(reference));
            if !takes {
                return Err(format!("{collection} does not take the reference ({of},{reference})"));
            }
        }
        Ok(())
    }

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
        let mut by_collection = BTreeMap::<&str, Vec<&str>>::new();
        for (collection, reference) in &self.0 {
            by_collection.entry(collection).or_default().push(reference);
        }
        let object = |inside: fn(&[&str]) -> Value| {
            by_collection.iter().map(|(name, all)| ((*name).to_owned(), inside(all))).collect()
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

    /// Adds the references to the related properties of an object, without those that have no value. Where an
    /// object's own reference stands, no page shows: here it is at the top.
    pub(crate) fn add_to(&self, facts: &Facts, object: &mut Map<String, Value>) {
        for (of, reference) in &self.0 {
            for at in facts.references.get(of).into_iter().flat_map(|related| &related.at) {
                visit(object, at, &mut |related| {
                    let Some(value) = related.get("id").and_then(|id| value(reference, id)) else { return };
                    let all = related.entry("externalReferences").or_insert_with(|| json!({}));
                    if let Value::Object(all) = all {
                        all.insert(reference.clone(), Value::String(value));
                    }
                });
            }
        }
    }
}

/// Does something to every object at a path such as `person` or `activityLevels[].activityDefinition`.
fn visit(object: &mut Map<String, Value>, path: &str, act: &mut impl FnMut(&mut Map<String, Value>)) {
    if path.is_empty() {
        return act(object);
    }
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match object.get_mut(first.trim_end_matches("[]")) {
        Some(Value::Object(inner)) => visit(inner, rest, act),
        Some(Value::Array(all)) => {
            for inner in all.iter_mut().filter_map(Value::as_object_mut) {
                visit(inner, rest, act);
            }
        }
        _ => {}
    }
}

/// The value of a reference of the object with this id. Of a customer's own references, every fourth
/// object has none.
fn value(reference: &str, id: &Value) -> Option<String> {
    let number = id.as_u64();
    match reference {
        "@badge-number" => number.map(|id| format!("{:05}", id % 100_000)),
        _ if !reference.starts_with('@') && number.is_some_and(|id| id.is_multiple_of(4)) => None,
        _ => {
            let id = id.as_str().map_or_else(|| id.to_string(), |text| text.chars().take(8).collect());
            Some(format!("{}-{id}", reference.trim_start_matches('@')))
        }
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
    fn what_is_not_a_reference_is_refused() {
        for wrong in
            ["people,@badge-number", "(people)", "(people,@nothing)", "(,a)", "(a,)", "(a,b", "(a,b)c"]
        {
            assert!(References::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_collection_takes_some_only() {
        for (collection, text, takes) in [
            ("clockings", "(people,@badge-number)(terminals,@external-code)(people,own)", true),
            ("clockings", "(shift-definitions,@shift-code)", false),
            ("clockings", "(people,@external-code)", false),
            ("absences", "(absence-definitions,@absence-code)(shift-definitions,own)", true),
            ("people", "(people,@employee-number)", true),
            ("absence-groups", "(absence-groups,own)", false),
            ("contracts", "(contracts,own)", true),
        ] {
            let checked = References::parse(text).unwrap().check(collection);
            assert_eq!(checked.is_ok(), takes, "{collection} {text}: {checked:?}");
        }
    }

    #[test]
    fn they_stand_inside_the_related_property() {
        let text = "(people,@badge-number)(people,own)(activity-definitions,@data-entry-code)(terminals,own)";
        let guid = "a7d853ea-89eb-4735-83d1-b891c6fde398";
        let levels = json!([{"level": 1, "activityDefinition": {"id": guid}}]);
        let mut object =
            json!({"id": 1, "person": {"id": 4711}, "activityLevels": levels, "terminal": {"id": 8}});
        let facts = facts::of("clockings").unwrap();
        References::parse(text).unwrap().add_to(facts, object.as_object_mut().unwrap());
        let person = json!({"id": 4711, "externalReferences": {"@badge-number": "04711", "own": "own-4711"}});
        assert_eq!(object["person"], person);
        let definition = &object["activityLevels"][0]["activityDefinition"]["externalReferences"];
        assert_eq!(definition, &json!({"@data-entry-code": "data-entry-code-a7d853ea"}));
        assert_eq!(object["terminal"], json!({"id": 8}), "a value that is missing is left out");
        assert_eq!(object["externalReferences"], Value::Null);
    }
}
