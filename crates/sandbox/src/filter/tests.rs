//! The grammar by examples, the good and the bad.

use super::*;
use crate::facts;

fn clockings() -> &'static Fields {
    &facts::of("clockings").unwrap().list.filters
}

fn accepts(filter: &str, person: i64, date: &str, kind: &str) -> bool {
    let filter = Filter::read(filter, clockings()).unwrap_or_else(|why| panic!("{filter}: {why}"));
    filter.accepts(|field| match field {
        "person" => Some(Datum::Integer(person)),
        "date" => Some(Datum::from(date)),
        "kind" => Some(Datum::from(kind)),
        _ => None,
    })
}

#[test]
fn every_condition_must_hold() {
    let (day, late) = ("2026-02-03", "2027-01-01");
    assert!(accepts("", 1, day, "InOut"));
    assert!(accepts("date ge '2026-01-01' and date le '2026-12-31'", 1, day, "InOut"));
    assert!(!accepts("date ge '2026-01-01' and date le '2026-12-31'", 1, late, "InOut"));
    assert!(accepts("date ge '2026-01-01' and person in (1, 2)", 2, day, "InOut"));
    assert!(!accepts("date ge '2026-01-01' and person in (1, 2)", 3, day, "InOut"));
    // Circle 2 is of the people whose id ends in 2.
    assert!(accepts("person in circle(2, 8)", 4_712, day, "InOut"));
    assert!(!accepts("person in circle(2, 8)", 4_713, day, "InOut"));
}

#[test]
fn or_binds_less_than_and_and_is_for_one_field() {
    let either = "date ge '2026-01-01' and (kind eq 'InOut' or kind eq 'Reason')";
    assert!(accepts(either, 1, "2026-02-03", "Reason"));
    assert!(!accepts(either, 1, "2026-02-03", "Activity"));
    assert!(!accepts(either, 1, "2025-02-03", "Reason"));
    assert!(accepts("(((kind eq 'InOut')))", 1, "2025-02-03", "InOut"));
    for (wrong, why) in [
        ("date ge '2026-01-01' and kind eq 'InOut' or kind eq 'Reason'", "parentheses"),
        ("date ge '2026-01-01' or date le '2025-01-01'", "`date` cannot be joined by `or`"),
        ("(person in (1)) or (person in (2))", "`person` cannot be joined by `or`"),
    ] {
        let error = Filter::read(wrong, clockings()).expect_err(wrong);
        assert!(error.contains(why), "{wrong}: {error}");
    }
}

#[test]
fn what_is_not_a_filter_is_refused_with_its_reason() {
    let deep = format!("{}kind eq 'InOut'{}", "(".repeat(4_000), ")".repeat(4_000));
    for (wrong, why) in [
        ("date", "found the end"),
        ("date ge", "found the end"),
        ("day ge '2026-01-01'", "`day` is not a field here; there are date, kind, person"),
        ("date gt '2026-01-01'", "found `gt`"),
        ("date eq '2026-01-01'", "`date` is not compared by `eq`"),
        ("date ge 2026-01-01", "a date in single quotes"),
        ("date ge '2026-1-1'", "a date in single quotes"),
        ("date ge '2026-02-30'", "a date in single quotes"),
        ("date ge '2026-01-01T00:00:00'", "a date in single quotes"),
        ("date ge '2026-01-01", "a quote is not closed"),
        ("date ge '2026-01-01' kind eq 'InOut'", "expected `and`"),
        ("date ge '2026-01-01' AND kind eq 'InOut'", "found `AND`"),
        ("(date ge '2026-01-01'", "expected `)`"),
        ("date ge '2026-01-01')", "found `)`"),
        ("person eq 4711", "`person` is not compared by `eq`"),
        ("person in ('4711')", "a whole number"),
        ("person in (4711", "expected `,` or `)`"),
        ("person in ()", "a whole number"),
        ("person in team(2)", "expected `(` after `in`, found `team`"),
        ("kind eq InOut", "a text in single quotes"),
        ("kind eq 'Out'", "there are InOut, Reason, Activity, ActivityEnd"),
        ("not kind eq 'InOut'", "`not` is not a field"),
        ("and", "`and` is not a field"),
        (&deep, "nested"),
    ] {
        let error = Filter::read(wrong, clockings()).expect_err(wrong);
        assert!(error.contains(why), "{wrong}: {error}");
    }
    let none = Filter::read("date ge '2026-01-01'", &facts::of("people").unwrap().list.filters);
    assert_eq!(none, Err("`date`: no filter is taken here".to_owned()));
}

#[test]
fn a_truth_value_is_bare() {
    let fields = &facts::of("counter-definitions").unwrap().list.filters;
    let filter = Filter::read("enabled eq true and counter-group in (3)", fields).unwrap();
    let of = |enabled: bool| {
        filter.accepts(|field| match field {
            "enabled" => Some(Datum::Boolean(enabled)),
            _ => Some(Datum::Integer(3)),
        })
    };
    assert!(of(true) && !of(false));
    assert!(Filter::read("enabled eq 'true'", fields).is_err());
}

#[test]
fn bounds_are_what_holds_in_every_case() {
    let filter = "date ge '2026-01-01' and (date le '2026-03-01' and (kind eq 'InOut' or kind eq 'Reason'))";
    let filter = Filter::read(filter, clockings()).unwrap();
    assert_eq!(filter.bounds("date", Op::Ge), ["2026-01-01"]);
    assert_eq!(filter.bounds("date", Op::Le), ["2026-03-01"]);
    assert!(filter.bounds("kind", Op::Eq).is_empty());
}

#[test]
fn texts_may_hold_quotes() {
    let filter = Filter::parse("status in ('O''Neil', 'Disabled')", &["status"]).unwrap();
    assert!(filter.accepts(|_| Some("O'Neil")) && !filter.accepts(|_| Some("Enabled")));
    assert!(Filter::parse("status eq Disabled", &["status"]).is_err());
    assert!(Filter::parse("status gt 'x'", &["status"]).is_err());
}
