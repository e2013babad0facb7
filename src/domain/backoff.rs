//! The retry policy as a value: exponential with full jitter.
//!
//! Law: failures never make a hot loop. The number of attempts is stored, so that a restart
//! continues where it was.

use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the first retry's delay must be greater than zero and not greater than the last one's")]
pub(crate) struct InvalidBackoff;

impl Backoff {
    /// A policy whose delay is below `initial` at first, doubles, and stays below `max`.
    pub(crate) fn new(initial: Duration, max: Duration) -> Result<Self, InvalidBackoff> {
        if initial.is_zero() || initial > max { Err(InvalidBackoff) } else { Ok(Self { initial, max }) }
    }

    /// A policy whose delay stays below the same duration. A duration of zero means: at once.
    pub(crate) fn fixed(delay: Duration) -> Self {
        Self { initial: delay, max: delay }
    }

    /// The delay after the given number of failed attempts, from 1; `draw` is random, from 0 to 1.
    pub(crate) fn delay(self, attempts: u32, draw: f64) -> Duration {
        let doubled = 2_u32.checked_pow(attempts.saturating_sub(1)).unwrap_or(u32::MAX);
        self.initial.saturating_mul(doubled).min(self.max).mul_f64(draw.clamp(0.0, 1.0))
    }

    /// The delay where only an operator can help: always long, and not the same for all.
    pub(crate) fn slow(self, draw: f64) -> Duration {
        self.max.mul_f64(0.5 + draw.clamp(0.0, 1.0) / 2.0)
    }

    pub(crate) fn max(self) -> Duration {
        self.max
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_delay_doubles_up_to_the_maximum() {
        let backoff = Backoff::new(Duration::from_secs(5), Duration::from_mins(1)).unwrap();
        let ceilings: Vec<u64> = (1..=6).map(|attempts| backoff.delay(attempts, 1.0).as_secs()).collect();
        assert_eq!(ceilings, [5, 10, 20, 40, 60, 60]);
        assert_eq!(backoff.delay(3, 0.0), Duration::ZERO);
        assert_eq!(backoff.slow(0.0), Duration::from_secs(30));
    }

    #[test]
    fn a_policy_without_delay_is_none() {
        assert_eq!(Backoff::new(Duration::ZERO, Duration::from_secs(1)), Err(InvalidBackoff));
        assert_eq!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)), Err(InvalidBackoff));
    }

    proptest! {
        #[test]
        fn never_above_the_maximum(attempts: u32, draw in -1.0..2.0_f64) {
            let backoff = Backoff::new(Duration::from_millis(200), Duration::from_mins(15)).unwrap();
            prop_assert!(backoff.delay(attempts, draw) <= Duration::from_mins(15));
        }
    }
}
