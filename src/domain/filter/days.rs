//! The days that a filter asks for: where they begin and end, and in which pieces they are asked for.

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};
use serde::{Deserialize, Serialize};

/// Days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Days {
    pub(crate) from: Date,
    pub(crate) to: Date,
}

/// 1 January of last year, wherever on Earth the customer is: where the new year has begun already,
/// that of the old one would be too early.
pub(crate) fn last_year(now: Timestamp) -> Date {
    let furthest_ahead = day(now.saturating_add(14.hours()).unwrap_or(now));
    Date::new(furthest_ahead.year().saturating_sub(1), 1, 1).unwrap_or(furthest_ahead)
}

pub(super) fn before(moment: Timestamp) -> Date {
    day(moment).saturating_sub(1.day())
}

pub(super) fn after(moment: Timestamp) -> Date {
    day(moment).saturating_add(1.day())
}

fn day(moment: Timestamp) -> Date {
    Offset::UTC.to_datetime(moment).date()
}

/// A span in pieces of a year at most, oldest first.
pub(super) fn by_year(from: Date, to: Date) -> Vec<Days> {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn last_year_begins_where_the_year_begins_first() {
        let rows = [
            ("2026-01-01T00:00:00Z", "2025-01-01"),
            ("2026-12-31T09:59:59Z", "2025-01-01"),
            ("2026-12-31T10:00:00Z", "2026-01-01"),
            ("2027-06-01T00:00:00Z", "2026-01-01"),
        ];
        for (now, expected) in rows {
            assert_eq!(last_year(now.parse().expect("a time")).to_string(), expected, "{now}");
        }
        let _last = last_year(Timestamp::MAX);
        let _first = last_year(Timestamp::MIN);
    }

    proptest! {
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
