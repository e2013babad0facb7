//! How finely an author writes times: to the minute, the second, or a part of it, as databases round.
//!
//! Laws: the same moment, written by two authors, differs by less than the coarser one's unit, whether it
//! was rounded or cut; and an author is known by the finest time that they were seen to write, so that
//! one round number proves nothing.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A unit in which times are written, the coarsest first: every time of one unit is one of all that follow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Grain {
    #[default]
    Minute,
    Second,
    Tenth,
    Hundredth,
    /// Three hundredths of a second, of which milliseconds show .000, .003 and .007: `datetime` of SQL Server.
    Tick,
    /// Milliseconds, or finer ones that are cut to milliseconds here.
    Milli,
}

impl Grain {
    /// The coarsest unit that a moment can be written in.
    pub(crate) fn of(moment: Timestamp) -> Self {
        let millis = moment.as_millisecond();
        match millis.rem_euclid(60_000) {
            0 => Self::Minute,
            rest if rest % 1_000 == 0 => Self::Second,
            rest if rest % 100 == 0 => Self::Tenth,
            rest if rest % 10 == 0 => Self::Hundredth,
            rest if matches!(rest % 10, 3 | 7) => Self::Tick,
            _ => Self::Milli,
        }
    }

    /// Two writings of one moment differ by less than this, in milliseconds. Of the finest two it is one
    /// more than their unit: what is cut to milliseconds here may have been rounded there.
    fn tolerance(self) -> u64 {
        match self {
            Self::Minute => 60_000,
            Self::Second => 1_000,
            Self::Tenth => 100,
            Self::Hundredth => 10,
            Self::Tick => 4,
            Self::Milli => 2,
        }
    }

    /// Whether two writings, each with what is known of its author, may be of one moment.
    pub(crate) fn same(one: (Timestamp, Self), other: (Timestamp, Self)) -> bool {
        let apart = one.0.as_millisecond().abs_diff(other.0.as_millisecond());
        let known = |(moment, grain): (Timestamp, Self)| grain.max(Self::of(moment));
        apart < known(one).min(known(other)).tolerance()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ms(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).expect("in range")
    }

    #[test]
    fn the_grain_of_a_moment() {
        let rows = [
            (0, Grain::Minute),
            (-60_000, Grain::Minute),
            (7_000, Grain::Second),
            (-1_000, Grain::Second),
            (7_100, Grain::Tenth),
            (7_120, Grain::Hundredth),
            (7_123, Grain::Tick),
            (7_007, Grain::Tick),
            (7_124, Grain::Milli),
        ];
        for (millis, expected) in rows {
            assert_eq!(Grain::of(ms(millis)), expected, "{millis}");
        }
    }

    #[test]
    fn what_is_known_of_an_author_counts_more_than_one_round_number() {
        let minute = (ms(1_320_000), Grain::Minute);
        assert!(Grain::same((ms(1_300_123), Grain::Milli), minute));
        assert!(!Grain::same((ms(1_300_123), Grain::Milli), (ms(1_320_000), Grain::Second)));
        assert!(!Grain::same((ms(1_260_000), Grain::Minute), minute), "a minute apart");
        assert!(!Grain::same((ms(1_300_123), Grain::Milli), (ms(1_300_845), Grain::Minute)));
    }

    /// An end in microseconds, rounded or cut to a unit that is given in thirds of a millisecond.
    fn written(micros: i64, thirds: i64, how: u8) -> Timestamp {
        let unit = thirds * 1_000;
        let fine = micros * 3;
        let count = match how {
            0 => fine.div_euclid(unit),
            _ => (fine + unit / 2).div_euclid(unit),
        };
        // What is shown of a third of a millisecond is rounded to the nearest one.
        ms((count * thirds + 1).div_euclid(3))
    }

    const UNITS: [(Grain, i64); 6] = [
        (Grain::Minute, 180_000),
        (Grain::Second, 3_000),
        (Grain::Tenth, 300),
        (Grain::Hundredth, 30),
        (Grain::Tick, 10),
        (Grain::Milli, 3),
    ];

    proptest! {
        #[test]
        fn an_end_is_recognised_however_it_was_rounded(
            micros in 1_000_000_000_000_000..4_000_000_000_000_000_i64, unit in 0..UNITS.len(), how in 0..2_u8,
        ) {
            let (grain, thirds) = UNITS[unit];
            let ours = ms(micros.div_euclid(1_000));
            let theirs = written(micros, thirds, how);
            prop_assert!(Grain::of(theirs) <= grain);
            for known in [grain, Grain::of(theirs)] {
                prop_assert!(Grain::same((ours, Grain::Milli), (theirs, known)), "{} {}", ours, theirs);
                prop_assert!(Grain::same((theirs, known), (ours, Grain::Milli)));
            }
        }

        #[test]
        fn an_end_that_differs_by_more_than_a_unit_is_another(
            millis in 1_000_000_000_000..4_000_000_000_000_i64, unit in 0..UNITS.len(), more in 1..100_000_000_i64,
            later: bool, how in 0..2_u8,
        ) {
            let (grain, thirds) = UNITS[unit];
            // A millisecond more for each of the two that are not written whole.
            let apart = (thirds + 2) / 3 + 2 + more;
            let moved = if later { millis + apart } else { millis - apart };
            // Rounding brings it nearer by less than a unit.
            let theirs = written(moved * 1_000, thirds, how);
            let brought = theirs.as_millisecond().abs_diff(millis).cast_signed();
            prop_assume!(brought > (thirds + 2) / 3 + 1);
            prop_assert!(!Grain::same((ms(millis), Grain::Milli), (theirs, grain)), "{} {}", millis, theirs);
        }
    }
}
