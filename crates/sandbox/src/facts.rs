//! What is known of each collection: properties, filters, limits, scope, references.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;
use serde_json::json;

use crate::filter::Field;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    pub(crate) scope: String,
    pub(crate) list: Reading,
    pub(crate) delta: Reading,
    /// The external references that it takes, by their collection.
    pub(crate) references: BTreeMap<String, Related>,
    /// The properties of its objects; `a.b` is nested, `a[].b` is in each element of an array.
    pub(crate) properties: BTreeMap<String, Property>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reading {
    /// The filters without which there is no answer.
    pub(crate) required: Vec<String>,
    pub(crate) filters: BTreeMap<String, Field>,
    /// Whether the dates may span one year at most.
    #[serde(default)]
    pub(crate) one_year: bool,
}

/// A collection whose external references may be asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Related {
    /// The properties that hold objects of it; an empty one is the object itself.
    pub(crate) at: Vec<String>,
    /// The references that Protime defines; every name without an `@` is a customer's own.
    pub(crate) predefined: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Property {
    pub(crate) kind: Kind,
    pub(crate) presence: Presence,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Version,
    Integer,
    Text,
    /// `YYYY-MM-DD`.
    Date,
    /// Minutes since midnight.
    #[serde(rename = "minutes of day")]
    MinutesOfDay,
    /// A duration in minutes.
    Minutes,
    Number,
    Boolean,
    Guid,
    /// The id of a request: tenant, person and number.
    Request,
    Translations,
    #[serde(skip)]
    OneOf(Vec<String>),
    #[serde(skip)]
    SomeOf(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presence {
    Always,
    /// Only in an object of this `kind`.
    OfKind(String),
    /// Only after the object was changed.
    Edited,
    Set,
}

impl TryFrom<String> for Property {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (kind, presence) = text.split_once(" if ").unwrap_or((&text, ""));
        let words = |text: &str| text.split('|').map(str::to_owned).collect();
        let kind = match (kind.strip_prefix("one of "), kind.strip_prefix("some of ")) {
            (Some(of), _) => Kind::OneOf(words(of)),
            (_, Some(of)) => Kind::SomeOf(words(of)),
            _ => Kind::deserialize(json!(kind)).map_err(|error| error.to_string())?,
        };
        let presence = match presence {
            "" => Presence::Always,
            "edited" => Presence::Edited,
            "set" => Presence::Set,
            other => match other.strip_prefix("kind ") {
                Some(of) => Presence::OfKind(of.to_owned()),
                None => return Err(format!("`{other}` is not a valid condition")),
            },
        };
        Ok(Self { kind, presence })
    }
}

impl Facts {
    /// The property that says which day an object is of; none where its list takes no date.
    pub(crate) fn day(&self) -> Option<&str> {
        self.list.filters.get("date").map(|field| field.property.as_str())
    }
}

#[expect(clippy::expect_used, reason = "the text is part of the program, and a test reads all of it")]
// The sandbox's own copy of what Protime's documentation shows: the client reads another one, so that a
// mistake in a fact must be made twice to pass a test. What no page shows is left out, and refused.
pub(crate) static ALL: LazyLock<BTreeMap<String, Facts>> =
    LazyLock::new(|| serde_json::from_str(include_str!("facts.json")).expect("facts.json is well formed"));

/// Whether Protime defines a reference of this name; every name without an `@` is a customer's own.
pub(crate) fn is_predefined(reference: &str) -> bool {
    let related = ALL.values().flat_map(|facts| facts.references.values());
    related.flat_map(|related| &related.predefined).any(|known| known == reference)
}

pub(crate) fn of(collection: &str) -> Option<&'static Facts> {
    ALL.get(collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The collections that have webhooks.
    const COLLECTIONS: [&str; 18] = [
        "absence-definitions",
        "absence-groups",
        "absences",
        "access-clockings",
        "activity-durations",
        "assignments",
        "break-definitions",
        "breaks",
        "calculated-totals",
        "clockings",
        "contracts",
        "counter-definitions",
        "counter-groups",
        "counters",
        "paid-presences",
        "people",
        "shift-definitions",
        "work-interruptions",
    ];

    #[test]
    fn every_collection_is_described() {
        assert_eq!(ALL.keys().map(String::as_str).collect::<Vec<_>>(), {
            let mut names = COLLECTIONS.to_vec();
            names.sort_unstable();
            names
        });
        for (name, facts) in ALL.iter() {
            for property in ["id", "changeVersion"] {
                assert!(facts.properties.contains_key(property), "{name} has no {property}");
            }
            for (filter, field) in facts.list.filters.iter().chain(&facts.delta.filters) {
                assert!(facts.properties.contains_key(&field.property), "{name}: {filter}");
            }
            for at in facts.references.values().flat_map(|related| &related.at) {
                let id = if at.is_empty() { "id".to_owned() } else { format!("{at}.id") };
                assert!(facts.properties.contains_key(&id), "{name}: {id}");
            }
            assert!(!facts.delta.filters.contains_key("person"), "{name}: forbidden in a delta");
        }
    }

    #[test]
    fn ten_collections_are_of_days() {
        let dated: Vec<&str> = ALL
            .iter()
            .filter(|(_, facts)| facts.list.required == ["date"])
            .map(|(name, facts)| {
                assert_eq!(facts.delta.required, ["date"], "{name}");
                assert!(facts.delta.one_year, "{name}");
                // No page names a limit for assignments, whose filter looks at another property.
                let of = (facts.list.one_year, facts.day());
                let expected = if name == "assignments" { (false, "from") } else { (true, "date") };
                assert_eq!(of, (expected.0, Some(expected.1)), "{name}");
                name.as_str()
            })
            .collect();
        let expected = [
            "absences",
            "access-clockings",
            "activity-durations",
            "assignments",
            "breaks",
            "calculated-totals",
            "clockings",
            "counters",
            "paid-presences",
            "work-interruptions",
        ];
        assert_eq!(dated, expected);
    }

    #[test]
    fn a_scope_is_that_of_the_collection_but_for_paid_presences() {
        for (name, facts) in ALL.iter() {
            let of = if name == "paid-presences" { "calculated-totals" } else { name };
            assert_eq!(facts.scope, format!("connector-protimeapi-{of}.read"));
        }
    }
}
