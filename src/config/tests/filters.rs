//! Filters and dates of resyncs that read: those of the daemon, and what is said of an operator's.

use super::{
    reading::{accepted_of, file_of},
    *,
};
use crate::domain::{collection::COLLECTIONS, filter::Filter};

/// The one problem of a resync, from its key on.
fn problem(collection: &str, resync: &str) -> String {
    let found = problems(&file_of(collection, &[resync]));
    assert_eq!(found.len(), 1, "{resync}\n{found:#?}");
    found[0].split_once(": `").map_or_else(|| found[0].clone(), |(_, rest)| format!("`{rest}"))
}

fn warnings(collection: &str, resync: &str) -> Vec<String> {
    let config = read(&file_of(collection, &[resync])).unwrap_or_else(|error| panic!("{resync}: {error}"));
    config
        .warnings
        .into_iter()
        .map(|warning| warning.splitn(4, ':').last().unwrap_or_default().trim().to_owned())
        .collect()
}

#[test]
fn dates_are_written_where_a_collection_demands_them() {
    for collection in &COLLECTIONS {
        let name = collection.name;
        let list = accepted_of(name, "kind = \"list\"").filter;
        let delta = accepted_of(name, "kind = \"delta\"").filter;
        let dated = collection.dated.is_some();
        assert_eq!(list, dated.then(|| Filter::of_dates(92)), "{name}");
        assert_eq!(delta, dated.then(Filter::of_last_year), "{name}");
        assert!(
            warnings(name, "kind = \"list\"").is_empty() && warnings(name, "kind = \"delta\"").is_empty()
        );
    }
    assert_eq!(accepted_of("departments", "kind = \"list\"").filter, None);
    for (written, days) in [("0s", 0), ("1h", 1), ("31d", 31), ("2d 1s", 3)] {
        let list = accepted_of("clockings", &format!("kind = \"list\"\nlookback = \"{written}\""));
        assert_eq!(list.filter, Some(Filter::of_dates(days)));
    }
    let list = accepted_of("clockings", "kind = \"list\"\nearliest = \"2024-01-01\"");
    assert_eq!(list.earliest.map(|day| day.to_string()).as_deref(), Some("2024-01-01"));
}

#[test]
fn what_protime_takes_is_accepted() {
    let rows = [
        (
            "clockings",
            "list",
            "date ge {from_date} and date le {to_date} and (kind eq 'InOut' or kind eq 'Reason')",
        ),
        ("clockings", "list", "date ge '2026-01-01' and date le '2027-01-01' and person in circle(2, 8)"),
        ("clockings", "list", "(date ge '2026-01-01') and person in org-group (121)"),
        ("clockings", "delta", "date ge {last_year}"),
        ("clockings", "delta", "date ge {from_date}"),
        ("assignments", "list", "date ge '2020-01-01' and date le {to_date}"),
        ("counters", "list", "date ge {from_date} and counter-definition in (5)"),
        ("counters", "delta", "date ge {last_year} and counter-definition in (5)"),
        ("counter-definitions", "delta", "enabled eq true and counter-group in (1, 2)"),
        ("contracts", "list", "person in (1, 2)"),
        // What its fields are was not seen.
        ("people", "list", "badgeNumber eq '00912'"),
        ("departments", "list", "date ge {from}"),
    ];
    for (collection, kind, filter) in rows {
        accepted_of(collection, &format!("kind = \"{kind}\"\nfilter = \"{filter}\""));
    }
}

/// Collection, kind, filter, and what is said of it.
const REFUSED: [(&str, &str, &str, &str); 23] = [
    (
        "assignments",
        "list",
        "from ge {from_date}",
        "filters by `from`, which the list of assignments does not know; did you mean `date`? the list of assignments has `date` and `person`",
    ),
    (
        "clockings",
        "list",
        "date ge 2026-01-01",
        "has a day without quotes: 2026-01-01; write `date ge '2026-01-01'`",
    ),
    (
        "clockings",
        "list",
        "date gt {from_date}",
        "has the operator `gt`, which Protime does not know; write `ge` and the next value: there are eq, ge, le and in",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} and persn in (1)",
        "filters by `persn`, which the list of clockings does not know; did you mean `person`? the list of clockings has `date`, `person` and `kind`",
    ),
    (
        "clockings",
        "list",
        "changedAt ge '2026-01-01'",
        "filters by `changedAt`, which the list of clockings does not know; the list of clockings has `date`, `person` and `kind`",
    ),
    (
        "shift-definitions",
        "list",
        "id in (1)",
        "filters by `id`, which the list of shift-definitions does not know; Protime documents no filter for the list of shift-definitions; remove `filter`",
    ),
    (
        "clockings",
        "delta",
        "date ge {last_year} and person in (1)",
        "filters a delta by `person`, which Protime does not allow; remove that condition, or write kind = \"list\"",
    ),
    (
        "clockings",
        "delta",
        "date ge {last_year} and kind eq 'InOut'",
        "filters by `kind`, which the delta of clockings does not know; the delta of clockings has `date`",
    ),
    (
        "clockings",
        "list",
        "person in (1)",
        "lacks `date ge …`, which Protime demands of clockings; write `date ge {from_date} and date le {to_date}`, joined by `and`; or remove `filter`, and the daemon writes the dates itself",
    ),
    (
        "counters",
        "delta",
        "date le '2026-01-01'",
        "lacks `date ge …`, which Protime demands of counters; write `date ge {last_year}`, joined by `and`; or remove `filter`, and the daemon writes the dates itself",
    ),
    (
        "clockings",
        "list",
        "date ge '2026-01-01' and date le '2027-01-02'",
        "spans more than a year, and Protime takes no more at a time; write `date ge {from_date} and date le {to_date}`, which the daemon asks for year by year",
    ),
    (
        "clockings",
        "list",
        "date ge {last_year} and date le {to_date}",
        "spans more than a year, and Protime takes no more at a time; write `date ge {from_date} and date le {to_date}`, which the daemon asks for year by year",
    ),
    (
        "assignments",
        "delta",
        "date ge '2026-01-01' and date le '2027-01-02'",
        "spans more than a year, and Protime takes no more at a time; remove `date le …`: a delta needs no end",
    ),
    (
        "clockings",
        "list",
        "date ge '2026-02-01' and date le '2026-01-01'",
        "ends before it begins; give `date le …` the later day",
    ),
    (
        "clockings",
        "list",
        "date ge {from}",
        "compares `date`, which is a day, with a moment; write a day such as '2026-01-31', or {from_date}: `date ge {from_date}`",
    ),
    (
        "clockings",
        "list",
        "date ge '01/02/2026'",
        "compares `date` with '01/02/2026', which is not a valid day; write a day such as '2026-01-31', or {from_date}: `date ge {from_date}`",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} or kind eq 'InOut'",
        "joins conditions of `date` by `or`, which Protime takes for lists of words only; put what `or` joins into parentheses, such as (kind eq 'InOut' or kind eq 'Reason')",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} and person ge 5",
        "compares `person` by `ge`, which it cannot be; write `person in (1, 2)`",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} and person in squad(5)",
        "names the list `squad` of `person`, which Protime does not have; there are `circle`, `org-group` and `org-tree`",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} and person in ('5')",
        "compares `person` with what is not a whole number; write ids as numbers, without quotes: `person in (1, 2)`",
    ),
    (
        "clockings",
        "list",
        "date ge {from_date} and kind eq 5",
        "compares `kind` with what is not a text; write the word in single quotes: `kind eq '…'`",
    ),
    (
        "counter-definitions",
        "list",
        "enabled eq 'true'",
        "compares `enabled` with what is neither true nor false; write `enabled eq true`, without quotes",
    ),
    (
        "people",
        "list",
        "id eq 1 &",
        "goes on with `&` behind a condition; write `and` between two conditions; a text with blanks stands in single quotes",
    ),
];

#[test]
fn what_protime_refuses_is_refused() {
    for (collection, kind, filter, expected) in REFUSED {
        let found = problem(collection, &format!("kind = \"{kind}\"\nfilter = \"{filter}\""));
        assert_eq!(found, format!("`filter`: \"{filter}\" {expected}"));
    }
}

#[test]
fn days_stand_only_where_there_are_any() {
    let nothing =
        "; this collection is read as a whole: remove the key, or write a `filter` with {from_date}";
    let delta =
        "; a delta begins with 1 January of last year: write a `filter` with {from_date}, or remove the key";
    let filtered = "; write {from_date} into `filter`, or remove the key";
    let rows = [
        (
            "people",
            "kind = \"list\"\nlookback = \"9d\"",
            "`lookback` stands without days that it could move",
            nothing,
        ),
        (
            "clockings",
            "kind = \"delta\"\nlookback = \"9d\"",
            "`lookback` stands without days that it could move",
            delta,
        ),
        (
            "clockings",
            "kind = \"delta\"\nearliest = \"2026-01-01\"",
            "`earliest` stands without days that could begin with it",
            delta,
        ),
        (
            "clockings",
            "kind = \"list\"\nfilter = \"date ge '2026-01-01'\"\nearliest = \"2026-01-01\"",
            "`earliest` stands without days that could begin with it",
            filtered,
        ),
        (
            "clockings",
            "kind = \"list\"\nfilter = \"date ge '2026-01-01'\"\nlookback = \"9d\"",
            "`lookback` stands without days that it could move",
            filtered,
        ),
        (
            "clockings",
            "kind = \"list\"\nlookback = 92",
            "`lookback`: 92 is an integer",
            "; it must be a duration in double quotes, such as \"90s\"",
        ),
    ];
    for (collection, resync, what, help) in rows {
        let found = problem(collection, resync);
        assert_eq!(found, format!("{what}{help}"), "{resync}");
    }
}

#[test]
fn what_a_filter_leaves_out_is_said() {
    let both = "so does not see what was changed in it of objects of other days, such as a clocking of last month or an absence of next month; remove `filter`, and the daemon reads further, write `lookback`, or write kind = \"delta\"";
    let rows = [
        ("list", "date ge {from_date} and date le {to_date}", "", both),
        ("list", "date ge {from_date}", "", "of objects of earlier days"),
        (
            "list",
            "date ge {from_date} and date le {to_date}",
            "\nlookback = \"31d\"",
            "of objects of later days, such as an absence of next month; remove `filter`, and the daemon reads further, or write kind",
        ),
        (
            "list",
            "date ge '2026-01-01' and date le '2027-01-01'",
            "",
            "spans a year and a day, both ends counted",
        ),
        (
            "delta",
            "date ge '2026-01-01'",
            "",
            "begins with a day that Protime refuses from 1 January 2028 on; write {last_year}",
        ),
        (
            "delta",
            "date ge '2024-01-01'",
            "",
            "begins before 1 January of last year, which Protime refuses of a delta",
        ),
        (
            "delta",
            "date ge {from_date}",
            "\nearliest = \"2024-01-01\"",
            "is before 1 January of last year; a delta begins with 2025-01-01 instead",
        ),
    ];
    for (kind, filter, more, expected) in rows {
        let found = warnings("clockings", &format!("kind = \"{kind}\"\nfilter = \"{filter}\"{more}"));
        assert!(found.len() == 1 && found[0].contains(expected), "{filter}{more}\n{found:#?}");
    }
    for (kind, filter) in [
        ("list", "date ge {from_date}\"\nlookback = \"31d"),
        ("list", "date ge '2026-01-01' and date le '2026-12-31'"),
        ("delta", "date ge {last_year}"),
    ] {
        assert!(
            warnings("clockings", &format!("kind = \"{kind}\"\nfilter = \"{filter}\"")).is_empty(),
            "{filter}"
        );
    }
}
