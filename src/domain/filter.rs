//! The filter of a resync that reads a collection: Protime's own syntax, with places for the gap.
//!
//! Law: what is read is never less than the gap. Days are widened by one on both sides, because
//! Protime's days begin at the customer's midnight and ours at UTC's; and a span of more than a year
//! between `{from_date}` and `{to_date}` is cut into years, because some collections take no more at
//! a time.

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};

/// Every placeholder, in the order in which messages name them.
const PLACEHOLDERS: [(&str, Place); 4] =
    [("from", Place::From), ("to", Place::To), ("from_date", Place::FromDate), ("to_date", Place::ToDate)];

/// No time before the year 10000 is written with more characters.
const LONGEST_TIME: &str = "9999-12-31T23:59:59.999999999Z";

/// Nor is a day.
const LONGEST_DATE: &str = "9999-12-31";

/// How many years "everything" is where a filter is walked year by year: longer than anybody has to
/// keep records of working time.
const YEARS_OF_EVERYTHING: i16 = 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    From,
    To,
    FromDate,
    ToDate,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

/// A filter as it stands in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Filter {
    written: String,
    parts: Vec<Part>,
}

/// Why a text is no filter; it prints as what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFilter {
    /// A placeholder that nobody knows.
    #[error("has a placeholder {{{0}}} that is not known")]
    Unknown(String),
    /// A brace without its partner.
    #[error("has a brace without its partner")]
    Unbalanced,
    /// Nothing.
    #[error("is empty")]
    Empty,
}

/// Days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Days {
    /// The first.
    pub(crate) from: Date,
    /// The last.
    pub(crate) to: Date,
}

impl Filter {
    /// Reads a filter; Protime's syntax around the placeholders is passed on as it is.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidFilter> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at(at);
            let end = after.find('}').filter(|_| after.starts_with('{')).ok_or(InvalidFilter::Unbalanced)?;
            let name = &after[1..end];
            let (_, place) = PLACEHOLDERS
                .into_iter()
                .find(|(known, _)| *known == name)
                .ok_or_else(|| InvalidFilter::Unknown(name.to_owned()))?;
            parts.extend([Part::Text(before.to_owned()), Part::Place(place)]);
            rest = &after[end + 1..];
        }
        parts.push(Part::Text(rest.to_owned()));
        if text.trim().is_empty() {
            return Err(InvalidFilter::Empty);
        }
        Ok(Self { written: text.to_owned(), parts })
    }

    /// The filter as it was written, placeholders and all.
    pub(crate) fn written(&self) -> &str {
        &self.written
    }

    /// What may stand in braces, for messages.
    pub(crate) fn known() -> String {
        PLACEHOLDERS.map(|(name, _)| format!("{{{name}}}")).join(", ")
    }

    fn has(&self, place: Place) -> bool {
        self.parts.contains(&Part::Place(place))
    }

    /// Whether it ends with the gap.
    pub(crate) fn has_end(&self) -> bool {
        self.has(Place::To) || self.has(Place::ToDate)
    }

    /// Whether it begins with the gap.
    pub(crate) fn has_beginning(&self) -> bool {
        self.has(Place::From) || self.has(Place::FromDate)
    }

    /// Whether it begins with a day, which may be another one for everything.
    pub(crate) fn begins_with_a_day(&self) -> bool {
        self.has(Place::FromDate)
    }

    /// Whether it means something else for another gap.
    pub(crate) fn depends_on_the_gap(&self) -> bool {
        self.has_beginning() || self.has_end()
    }

    /// The days that are to be asked for, each entry in a request of its own; `earliest` is where
    /// everything begins for this operator.
    ///
    /// A filter with both dates is walked year by year. One with `{from_date}` alone cannot be, so for
    /// everything it begins one year before the end.
    pub(crate) fn days(&self, from: Option<Timestamp>, to: Timestamp, earliest: Option<Date>) -> Vec<Days> {
        let to = day(to).saturating_add(1.day());
        let both = self.has(Place::FromDate) && self.has(Place::ToDate);
        let years = if both { YEARS_OF_EVERYTHING } else { 1 };
        let everything = || earliest.unwrap_or_else(|| to.saturating_sub(years.years()));
        let from = from.map_or_else(everything, |from| day(from).saturating_sub(1.day())).min(to);
        if both { by_year(from, to) } else { vec![Days { from, to }] }
    }

    /// What is left of the days after some of them.
    pub(crate) fn days_after(&self, done: Days, to: Timestamp) -> Vec<Days> {
        let next = done.to.saturating_add(1.day());
        if next > day(to).saturating_add(1.day()) { Vec::new() } else { self.days(None, to, Some(next)) }
    }

    /// The filter for a gap and one entry of its [`days`](Self::days).
    pub(crate) fn fill(&self, from: Option<Timestamp>, to: Timestamp, days: Days) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(Place::From) => from.unwrap_or(Timestamp::UNIX_EPOCH).to_string(),
            Part::Place(Place::To) => to.to_string(),
            Part::Place(Place::FromDate) => days.from.to_string(),
            Part::Place(Place::ToDate) => days.to.to_string(),
        };
        self.parts.iter().map(part).collect()
    }

    /// The filter with the longest value that each place can have.
    pub(crate) fn longest(&self) -> String {
        let parts = self.parts.iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Place(Place::From | Place::To) => LONGEST_TIME,
            Part::Place(Place::FromDate | Place::ToDate) => LONGEST_DATE,
        });
        parts.collect()
    }
}

/// A span in pieces of a year at most, oldest first.
fn by_year(from: Date, to: Date) -> Vec<Days> {
    let mut pieces = Vec::new();
    let mut begin = from;
    loop {
        let end = begin.saturating_add(1.year()).saturating_sub(1.day()).min(to);
        pieces.push(Days { from: begin, to: end });
        if end >= to {
            return pieces;
        }
        begin = end.saturating_add(1.day());
    }
}

fn day(moment: Timestamp) -> Date {
    Offset::UTC.to_datetime(moment).date()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    fn filled(filter: &str, from: Option<&str>) -> Vec<String> {
        let (filter, from) = (Filter::parse(filter).expect("a filter"), from.map(at));
        let to = at("2026-11-25T13:00:00Z");
        filter.days(from, to, None).into_iter().map(|days| filter.fill(from, to, days)).collect()
    }

    #[test]
    fn places_are_filled_and_the_rest_is_passed_on() {
        let gap = Some("2026-11-24T23:30:00.25Z");
        let rows = [
            ("status eq 'O''Neil'", gap, "status eq 'O''Neil'"),
            ("changedAt ge {from}", gap, "changedAt ge 2026-11-24T23:30:00.25Z"),
            ("changedAt ge {from}", None, "changedAt ge 1970-01-01T00:00:00Z"),
            (
                "at ge {from} and at le {to}",
                gap,
                "at ge 2026-11-24T23:30:00.25Z and at le 2026-11-25T13:00:00Z",
            ),
            ("date ge {from_date}", gap, "date ge 2026-11-23"),
            ("date ge {from_date}", None, "date ge 2025-11-26"),
            ("date ge {from_date} and date le {to_date}", gap, "date ge 2026-11-23 and date le 2026-11-26"),
        ];
        for (filter, from, expected) in rows {
            assert_eq!(filled(filter, from), [expected], "{filter}");
        }
    }

    #[test]
    fn years_are_walked_one_by_one() {
        let both = "date ge {from_date} and date le {to_date}";
        assert_eq!(
            filled(both, Some("2024-06-02T00:00:00Z")),
            [
                "date ge 2024-06-01 and date le 2025-05-31",
                "date ge 2025-06-01 and date le 2026-05-31",
                "date ge 2026-06-01 and date le 2026-11-26",
            ]
        );
        assert_eq!(filled(both, None).len(), 11);
        let filter = Filter::parse(both).expect("a filter");
        let to = at("2026-11-25T13:00:00Z");
        let all = filter.days(Some(at("2023-02-03T00:00:00Z")), to, None);
        for (index, done) in all.iter().enumerate() {
            assert_eq!(filter.days_after(*done, to), all[index + 1..]);
        }
        let days = filter.days(None, to, "2026-11-01".parse().ok());
        assert_eq!(days.len(), 1);
        assert_eq!(days[0].from.to_string(), "2026-11-01");
    }

    #[test]
    fn what_is_no_filter_is_named() {
        let rows = [
            ("a ge {since}", InvalidFilter::Unknown("since".to_owned())),
            ("a ge {}", InvalidFilter::Unknown(String::new())),
            ("a ge {from", InvalidFilter::Unbalanced),
            ("a ge from}", InvalidFilter::Unbalanced),
            ("  ", InvalidFilter::Empty),
        ];
        for (text, expected) in rows {
            assert_eq!(Filter::parse(text), Err(expected), "{text}");
        }
        assert_eq!(Filter::known(), "{from}, {to}, {from_date}, {to_date}");
    }

    proptest! {
        #[test]
        fn no_filter_is_longer_than_its_longest(from in 0..4_000_000_000_000_000_000_i128, length in 0..90_000_000_000_i128) {
            let filter = Filter::parse("a ge {from} and b le {to} and c ge {from_date} and d le {to_date}").expect("a filter");
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

        #[test]
        fn pieces_meet_and_none_is_longer_than_a_year(from in 0..30_000_i32, length in 0..20_000_i32) {
            let first = Date::new(1960, 1, 1).expect("a day").saturating_add(from.days());
            let last = first.saturating_add(length.days());
            let pieces = by_year(first, last);
            prop_assert_eq!(pieces[0].from, first);
            prop_assert_eq!(pieces[pieces.len() - 1].to, last);
            for pair in pieces.windows(2) {
                prop_assert_eq!(pair[0].to.saturating_add(1.day()), pair[1].from);
            }
            for piece in pieces {
                prop_assert!(piece.from <= piece.to && piece.to <= piece.from.saturating_add(1.year()));
            }
        }
    }
}
