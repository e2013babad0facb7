//! What becomes of the places of a filter, and which days are asked for.

use proptest::prelude::*;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn asked(filter: &Filter, from: Option<&str>, earliest: Option<&str>) -> Vec<String> {
    let (from, to) = (from.map(at), at("2026-11-25T13:00:00Z"));
    let earliest = earliest.map(|day| day.parse().expect("a day"));
    filter.days(from, to, earliest).into_iter().map(|days| filter.fill(from, to, days)).collect()
}

fn filled(filter: &str, from: Option<&str>) -> Vec<String> {
    asked(&Filter::parse(filter).expect("a filter"), from, None)
}

#[test]
fn places_are_filled_and_the_rest_is_passed_on() {
    let gap = Some("2026-11-24T23:30:00.25Z");
    let rows = [
        ("status eq 'O''Neil'", gap, "status eq 'O''Neil'"),
        ("at ge {from}", gap, "at ge '2026-11-24T23:30:00.25Z'"),
        ("at ge {from}", None, "at ge '1970-01-01T00:00:00Z'"),
        (
            "at ge '{from}' and at le {to}",
            gap,
            "at ge '2026-11-24T23:30:00.25Z' and at le '2026-11-25T13:00:00Z'",
        ),
        ("date ge {from_date}", gap, "date ge '2026-11-23'"),
        ("date ge '{from_date}'", None, "date ge '2025-11-26'"),
        ("date ge {from_date} and date le '{to_date}'", gap, "date ge '2026-11-23' and date le '2026-11-26'"),
        (
            "name eq 'O''Neil {to_date}' and date ge {last_year}",
            gap,
            "name eq 'O''Neil 2026-11-26' and date ge '2025-01-01'",
        ),
    ];
    for (filter, from, expected) in rows {
        assert_eq!(filled(filter, from), [expected], "{filter}");
    }
}

#[test]
fn years_are_read_one_by_one() {
    let both = "date ge {from_date} and date le {to_date}";
    assert_eq!(
        filled(both, Some("2024-06-02T00:00:00Z")),
        [
            "date ge '2024-06-01' and date le '2025-05-31'",
            "date ge '2025-06-01' and date le '2026-05-31'",
            "date ge '2026-06-01' and date le '2026-11-26'",
        ]
    );
    assert_eq!(filled(both, None).len(), 11);
    let filter = Filter::parse(both).expect("a filter");
    let days = filter.days(None, at("2026-11-25T13:00:00Z"), "2026-11-01".parse().ok());
    assert_eq!(days.len(), 1);
    assert_eq!(days[0].from.to_string(), "2026-11-01");
}

#[test]
fn what_the_daemon_writes_begins_before_the_gap_and_ends_after_it() {
    let gap = Some("2026-11-24T23:30:00Z");
    assert_eq!(
        asked(&Filter::of_dates(92), gap, None),
        [
            "date ge '2026-08-23' and date le '2027-08-22'",
            "date ge '2027-08-23' and date le '2028-08-22'",
            "date ge '2028-08-23' and date le '2028-11-26'",
        ]
    );
    assert_eq!(
        asked(&Filter::of_dates(0), None, Some("2026-11-01")),
        [
            "date ge '2026-11-01' and date le '2027-10-31'",
            "date ge '2027-11-01' and date le '2028-10-31'",
            "date ge '2028-11-01' and date le '2028-11-26'",
        ]
    );
    assert_eq!(asked(&Filter::of_dates(92), None, None).len(), 13);
    for from in [gap, None] {
        assert_eq!(asked(&Filter::of_last_year(), from, None), ["date ge '2025-01-01'"]);
    }
    assert!(!Filter::of_last_year().depends_on_the_gap());
}

#[test]
fn an_operators_filter_looks_back_if_it_is_told_to() {
    let filter = Filter::parse("date ge {from_date}").expect("a filter").looking_back(31);
    assert_eq!(asked(&filter, Some("2026-11-24T23:30:00Z"), None), ["date ge '2026-10-23'"]);
    assert_ne!(filter.shape(), Filter::parse("date ge {from_date}").expect("a filter").shape());
}

#[test]
fn a_delta_begins_no_earlier_than_it_may() {
    let filter = Filter::parse("date ge {from_date}").expect("a filter").for_delta();
    assert_eq!(asked(&filter, Some("2024-03-01T00:00:00Z"), None), ["date ge '2025-01-01'"]);
    assert_eq!(asked(&filter, Some("2026-03-01T00:00:00Z"), None), ["date ge '2026-02-28'"]);
}

#[test]
fn what_is_not_a_filter_is_named() {
    let rows = [
        ("a ge {since}", "has a placeholder {since} that is not known"),
        ("a ge {}", "has a placeholder {} that is not known"),
        ("a ge {from", "has a brace without its partner"),
        ("a ge from}", "has a brace without its partner"),
        ("  ", "is empty"),
    ];
    for (text, expected) in rows {
        assert_eq!(Filter::parse(text).map_err(|wrong| wrong.what), Err(expected.to_owned()), "{text}");
    }
    assert_eq!(Filter::known(), "{from}, {to}, {from_date}, {to_date}, {last_year}");
}

proptest! {
    #[test]
    fn no_filter_is_longer_than_its_longest(from in 0..4_000_000_000_000_000_000_i128, length in 0..90_000_000_000_i128) {
        let text = "a ge {from} and b le '{to}' and c ge {from_date} and d le {to_date} and e ge '{last_year}'";
        let filter = Filter::parse(text).expect("a filter");
        let time = |nanoseconds| Timestamp::from_nanosecond(nanoseconds).expect("a time");
        let (from, to) = (time(from), time(from + length));
        for from in [Some(from), None] {
            for days in filter.days(from, to, None) {
                prop_assert!(filter.fill(from, to, days).len() <= filter.longest().len());
            }
        }
        let exact = time(1_790_000_000_123_456_789);
        let days = filter.days(Some(exact), exact, None)[0];
        prop_assert_eq!(filter.fill(Some(exact), exact, days).len(), filter.longest().len());
    }

    /// What the daemon asks for covers the gap and what it looks back, and two years to come.
    #[test]
    fn own_days_cover_the_gap_and_more(
        from in proptest::option::of(0..2_000_000_000_i64), length in 0..200_000_000_i64,
        lookback in 0..2_000_i32, earliest in proptest::option::of(0..10_000_i32),
    ) {
        let time = |second| Timestamp::from_second(second).expect("a time");
        let to = time(from.unwrap_or(1_000_000_000) + length);
        let from = from.map(time);
        let earliest = earliest.map(|days| Date::new(1975, 1, 1).expect("a day").saturating_add(days.days()));
        let filter = Filter::of_dates(lookback);
        let all = filter.days(from, to, earliest);
        let first = match (from, earliest) {
            (Some(from), _) => days::before(from).saturating_sub(lookback.days()),
            (None, Some(earliest)) => earliest,
            (None, None) => days::after(to).saturating_sub(YEARS_OF_EVERYTHING.years()),
        };
        let last = days::after(to).saturating_add(YEARS_AHEAD.years());
        prop_assert!(all[0].from == first.min(last) && all[all.len() - 1].to == last, "{all:?}");
        for pair in all.windows(2) {
            prop_assert_eq!(pair[0].to.saturating_add(1.day()), pair[1].from);
        }
        for (index, done) in all.iter().enumerate() {
            prop_assert!(done.to < done.from.saturating_add(1.year()));
            prop_assert_eq!(filter.days_after(*done, to), &all[index + 1..]);
        }
    }
}
