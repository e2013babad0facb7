//! What Protime documents of the collections that have webhooks, as data: what a list or a delta of
//! them demands, what it can be filtered by, which scope reads it, which references it shows.
//!
//! Law: everyone who needs to know reads this table, so that there is one place to correct. What no page
//! of Protime's says stands here as not known, and nothing is refused because of it.

use super::{suggestions, webhook::ExternalReference};

#[derive(Debug)]
pub(crate) struct Collection {
    /// As it stands in paths.
    pub(crate) name: &'static str,
    /// The dates that its list and its delta demand; none where they demand none.
    pub(crate) dated: Option<Dated>,
    /// What its list can be filtered by; none where that is not known.
    list: Option<&'static [Field]>,
    /// What its delta can be filtered by; likewise.
    delta: Option<&'static [Field]>,
    /// The collections whose references its objects show, and the predefined ones of each; each takes
    /// an operator's own as well.
    pub(crate) references: &'static [(&'static str, &'static [&'static str])],
}

/// How a collection is filtered by `date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    /// The property that the filter compares.
    pub(crate) property: &'static str,
    /// Whether a list takes a year at most; a delta with an end always does.
    pub(crate) a_year_at_most: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
}

/// What a field is compared with, and so by which operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Days in quotes, by `ge` and `le`.
    Day,
    /// Whole numbers, by `in`, also in lists of these names.
    Ids(&'static [&'static str]),
    /// Texts in quotes, by `eq`; several are joined by `or`.
    Word,
    /// `true` or `false`, by `eq`.
    Flag,
}

const PERSON: Field = Field { name: "person", form: Form::Ids(&["circle", "org-group", "org-tree"]) };
const DAY: Field = Field { name: "date", form: Form::Day };
const KIND: Field = Field { name: "kind", form: Form::Word };
const STATUS: Field = Field { name: "status", form: Form::Word };
const ENABLED: Field = Field { name: "enabled", form: Form::Flag };
const COUNTER_GROUP: Field = Field { name: "counter-group", form: Form::Ids(&[]) };
const COUNTER_DEFINITION: Field = Field { name: "counter-definition", form: Form::Ids(&[]) };
// So an older page of Protime's calls it.
const COUNTER_DEFINITIONS: Field = Field { name: "counter-definitions", form: Form::Ids(&[]) };

const YEARLY: Option<Dated> = Some(Dated { property: "date", a_year_at_most: true });

const PEOPLE: (&str, &[&str]) = ("people", &["@badge-number", "@employee-number"]);
const SHIFTS: (&str, &[&str]) = ("shift-definitions", &["@shift-code"]);
const ABSENCES: (&str, &[&str]) = ("absence-definitions", &["@absence-code"]);
const ACTIVITIES: (&str, &[&str]) = ("activity-definitions", &["@data-entry-code", "@external-reference"]);
const COUNTERS: (&str, &[&str]) = ("counter-definitions", &["@counter-code"]);
const TERMINALS: (&str, &[&str]) = ("terminals", &["@external-code"]);

/// One that demands a year of days at most, and can be narrowed to people in its list.
const fn dated(
    name: &'static str,
    references: &'static [(&'static str, &'static [&'static str])],
) -> Collection {
    Collection { name, dated: YEARLY, list: Some(&[DAY, PERSON]), delta: Some(&[DAY]), references }
}

const fn whole(
    name: &'static str,
    references: &'static [(&'static str, &'static [&'static str])],
) -> Collection {
    Collection { name, dated: None, list: Some(&[]), delta: Some(&[]), references }
}

/// All of them, in the order in which messages name them.
pub(crate) static COLLECTIONS: [Collection; 18] = [
    dated("absences", &[PEOPLE, SHIFTS, ABSENCES]),
    whole("absence-definitions", &[("absence-groups", &[]), ABSENCES]),
    whole("absence-groups", &[]),
    dated("access-clockings", &[PEOPLE, TERMINALS]),
    dated("activity-durations", &[PEOPLE, ACTIVITIES, ABSENCES, COUNTERS]),
    Collection {
        dated: Some(Dated { property: "from", a_year_at_most: false }),
        ..dated("assignments", &[PEOPLE, ACTIVITIES])
    },
    whole("break-definitions", &[]),
    dated("breaks", &[PEOPLE]),
    dated("calculated-totals", &[PEOPLE]),
    Collection {
        list: Some(&[DAY, PERSON, KIND]),
        ..dated("clockings", &[PEOPLE, TERMINALS, ACTIVITIES, ABSENCES])
    },
    Collection { list: Some(&[PERSON]), ..whole("contracts", &[("contracts", &[]), PEOPLE]) },
    Collection {
        list: Some(&[DAY, PERSON, COUNTER_DEFINITION, STATUS, COUNTER_DEFINITIONS]),
        delta: Some(&[DAY, COUNTER_DEFINITION, COUNTER_DEFINITIONS]),
        ..dated("counters", &[PEOPLE, SHIFTS, COUNTERS])
    },
    Collection {
        list: Some(&[COUNTER_GROUP, ENABLED]),
        delta: Some(&[COUNTER_GROUP, ENABLED]),
        ..whole("counter-definitions", &[COUNTERS, ("counter-groups", &[])])
    },
    whole("counter-groups", &[]),
    dated("paid-presences", &[PEOPLE, SHIFTS]),
    // No page that was seen says what its list can be filtered by.
    Collection { list: None, delta: None, ..whole("people", &[PEOPLE]) },
    whole("shift-definitions", &[]),
    dated("work-interruptions", &[PEOPLE]),
];

/// The one that is called so, in whatever letters.
pub(crate) fn find(name: &str) -> Option<&'static Collection> {
    COLLECTIONS.iter().find(|collection| collection.name.eq_ignore_ascii_case(name))
}

/// The scope that reading a collection needs, known or not.
pub(crate) fn scope(collection: &str) -> String {
    // Protime documents this one exception: it is read with the scope of what it is calculated from.
    let of = if collection.eq_ignore_ascii_case("paid-presences") { "calculated-totals" } else { collection };
    format!("connector-protimeapi-{of}.read")
}

/// Every reference that Protime predefines, each once.
pub(crate) fn predefined_references() -> Vec<&'static str> {
    let mut all: Vec<&str> = Vec::new();
    for reference in COLLECTIONS.iter().flat_map(|it| it.references).flat_map(|(_, names)| *names) {
        if !all.contains(reference) {
            all.push(reference);
        }
    }
    all
}

/// What is to be said of a collection that Protime is not known to have.
pub(crate) fn unknown(name: &str) -> Option<String> {
    let known = || COLLECTIONS.iter().map(|known| known.name);
    let meant = suggestions::nearest(name, known());
    (!known().any(|known| known == name)).then(|| match meant {
        Some(meant) => format!("is not a collection that is known; did you mean \"{meant}\"?"),
        None => "is not a collection that is known to have webhooks".to_owned(),
    })
}

/// What is to be said of an external reference that Protime is not known to have for objects of a collection: it
/// may have more than is documented.
pub(crate) fn unexpected(reference: &ExternalReference, of: Option<&'static Collection>) -> Option<String> {
    let name = reference.reference.as_str();
    let all = predefined_references();
    if name.starts_with('@') && !all.contains(&name) {
        return Some(match suggestions::nearest(name, all) {
            Some(meant) => format!("names no predefined reference that is known; did you mean {meant}?"),
            None => "names no predefined reference that is known".to_owned(),
        });
    }
    let of = of?;
    let related = of.references.iter().find(|(collection, _)| *collection == reference.collection);
    match related {
        None if of.references.is_empty() => {
            Some(format!("asks for a reference, and Protime documents none for {}", of.name))
        }
        None => {
            let names: Vec<&str> = of.references.iter().map(|(collection, _)| *collection).collect();
            let names = suggestions::all(&names);
            Some(format!(
                "is of a collection that Protime documents no references of for {}; there are {names}",
                of.name
            ))
        }
        Some((_, known)) if name.starts_with('@') && !known.contains(&name) => {
            let of = &reference.collection;
            Some(format!("names a predefined reference of another collection than {of}"))
        }
        Some(_) => None,
    }
}

impl Collection {
    /// What its list or its delta can be filtered by; none where that is not known.
    pub(crate) fn fields(&self, delta: bool) -> Option<&'static [Field]> {
        if delta { self.delta } else { self.list }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_them_demand_dates() {
        let dated: Vec<&str> = COLLECTIONS.iter().filter(|it| it.dated.is_some()).map(|it| it.name).collect();
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
        let assignments = find("Assignments").and_then(|it| it.dated);
        assert_eq!(assignments, Some(Dated { property: "from", a_year_at_most: false }));
        for collection in &COLLECTIONS {
            let fields = |delta| collection.fields(delta).unwrap_or_default();
            let has_day = |delta| fields(delta).iter().any(|field| field.form == Form::Day);
            assert_eq!(collection.dated.is_some(), has_day(false), "{}", collection.name);
            assert_eq!(collection.dated.is_some(), has_day(true), "{}", collection.name);
            assert!(fields(true).iter().all(|field| field.name != "person"), "{}", collection.name);
        }
        assert!(find("departments").is_none());
    }

    #[test]
    fn a_scope_is_named_after_its_collection_but_for_one() {
        let rows = [
            ("clockings", "connector-protimeapi-clockings.read"),
            ("calculated-totals", "connector-protimeapi-calculated-totals.read"),
            ("paid-presences", "connector-protimeapi-calculated-totals.read"),
            ("departments", "connector-protimeapi-departments.read"),
        ];
        for (collection, expected) in rows {
            assert_eq!(scope(collection), expected);
        }
    }

    #[test]
    fn predefined_references_are_named_once() {
        let mut all = predefined_references();
        all.sort_unstable();
        let expected = [
            "@absence-code",
            "@badge-number",
            "@counter-code",
            "@data-entry-code",
            "@employee-number",
            "@external-code",
            "@external-reference",
            "@shift-code",
        ];
        assert_eq!(all, expected);
    }
}
