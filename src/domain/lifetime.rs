//! When to renew: a planned moment inside the webhook's lifetime, drawn once.
//!
//! Laws: never before half of the lifetime has passed, never after `validUntil`, and the jitter is
//! an argument, because drawing it again at each look would in effect always pick the earliest.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) enum Share {
    /// A fraction from 0 to 1.
    Fraction(f64),
    Fixed(Duration),
}

impl Share {
    fn of(self, lifetime: Duration) -> Duration {
        match self {
            Self::Fraction(fraction) => lifetime.mul_f64(fraction.clamp(0.0, 1.0)),
            Self::Fixed(duration) => duration.min(lifetime),
        }
    }
}

/// When a webhook is to be renewed.
///
/// `renew_before` counts back from `valid_until`; `jitter` spreads many webhooks over an interval
/// that ends there (at most a quarter of the lifetime), and is moved later where it would reach into
/// the first half of the lifetime.
/// `draw` is a random number from 0 to 1, drawn once by the caller.
pub(crate) fn renewal_time(
    issued_at: Timestamp,
    valid_until: Timestamp,
    renew_before: Share,
    jitter: Share,
    draw: f64,
) -> Timestamp {
    let lifetime = Duration::try_from(valid_until.duration_since(issued_at)).unwrap_or_default();
    let half = lifetime / 2;
    let latest = lifetime.saturating_sub(renew_before.of(lifetime).min(half));
    let spread = jitter.of(lifetime).min(lifetime / 4);
    let earliest = latest.saturating_sub(spread).max(half);
    let after = earliest + spread.mul_f64(draw.clamp(0.0, 1.0));
    // A lifetime fits into a timestamp's range, and so does every part of it.
    issued_at.checked_add(after.min(lifetime)).unwrap_or(valid_until)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn the_planned_moment_by_table() {
        let third = Share::Fraction(1.0 / 3.0);
        let none = Share::Fraction(0.0);
        let rows = [
            // lifetime, renew_before, jitter, draw, expected second
            (300, third, none, 0.5, 200),
            (300, third, Share::Fixed(Duration::from_secs(30)), 0.0, 170),
            (300, third, Share::Fixed(Duration::from_secs(30)), 1.0, 200),
            (300, Share::Fixed(Duration::from_mins(1)), none, 0.0, 240),
            // Never more than half of the lifetime, whatever is configured.
            (300, Share::Fixed(Duration::from_hours(24)), none, 0.0, 150),
            // Jitter moves behind the half instead of vanishing there.
            (300, Share::Fraction(0.5), Share::Fraction(0.1), 1.0, 180),
            // A lifetime that is over when it begins.
            (0, third, Share::Fraction(0.05), 1.0, 0),
            (-5, third, Share::Fraction(0.05), 1.0, 0),
        ];
        for (lifetime, before, jitter, draw, expected) in rows {
            let time = renewal_time(at(0), at(lifetime), before, jitter, draw);
            assert!(
                (time.as_millisecond() - expected * 1000).abs() <= 1,
                "{lifetime} {before:?} {jitter:?}: {time}"
            );
        }
    }

    proptest! {
        #[test]
        fn always_in_the_second_half(
            lifetime in 2..100_000_000_i64, before in 0.0..1.0_f64, jitter in 0..1_000_000_u64, draw in 0.0..1.0_f64,
        ) {
            let time = renewal_time(
                at(0), at(lifetime), Share::Fraction(before), Share::Fixed(Duration::from_secs(jitter)), draw,
            );
            prop_assert!(time.as_millisecond() >= lifetime * 500 - 1);
            prop_assert!(time <= at(lifetime));
        }
    }
}
