//! How often a tenant may be asked: never more than the limit in any minute, and not at all while
//! Protime asked to wait.
//!
//! The limit makes callers wait; a wish of Protime's makes them fail at once, so that their retry
//! policy, and not a sleeping task, decides what happens. Time is an argument of all that decides.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

const MINUTE: Duration = Duration::from_mins(1);

/// Spaces requests: a burst of a sixth of the limit, then an even pace.
///
/// It keeps one moment only, the one at which the burst would be fully available again ("generic
/// cell rate algorithm"). The pace is such that no window of a minute ever holds more than the limit.
#[derive(Debug)]
pub(super) struct Limiter {
    interval: Duration,
    burst: Duration,
    replenished: Mutex<Option<Instant>>,
}

impl Limiter {
    /// At most `per_minute` requests in any minute; zero counts as one.
    pub(super) fn new(per_minute: u32) -> Self {
        let limit = per_minute.max(1);
        let burst = (limit / 6).max(1);
        // A request more than the burst comes after one interval, so the burst's first one is counted twice.
        // Rounded up: a nanosecond less would let one more into the minute.
        let interval = MINUTE / (limit - burst + 1) + Duration::from_nanos(1);
        Self { interval, burst: interval * (burst - 1), replenished: Mutex::new(None) }
    }

    /// Takes the next place; returns when it is there. Places are given in the order of asking.
    pub(super) async fn turn(&self) {
        let now = Instant::now();
        let turn = self.reserve(now);
        if turn > now {
            sleep_until(turn).await;
        }
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut replenished = self.replenished.lock().unwrap_or_else(PoisonError::into_inner);
        let from = replenished.map_or(now, |at| at.max(now));
        *replenished = Some(from + self.interval);
        from.checked_sub(self.burst).map_or(now, |turn| turn.max(now))
    }
}

/// Until when Protime does not want to be asked.
#[derive(Debug, Default)]
pub(super) struct Cooldown(Mutex<Option<Instant>>);

impl Cooldown {
    /// Nothing is to be asked before `wait` has passed; a longer wait that is in force stays.
    pub(super) fn extend(&self, now: Instant, wait: Duration) {
        let mut until = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wished = now + wait;
        *until = Some(until.map_or(wished, |until| until.max(wished)));
    }

    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let until = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        until.map(|until| until.saturating_duration_since(now)).filter(|rest| !rest.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_burst_passes_and_the_rest_comes_at_an_even_pace() {
        let start = Instant::now();
        let limiter = Limiter::new(120);
        let turns: Vec<Duration> = (0..23).map(|_| limiter.reserve(start) - start).collect();
        assert!(turns[..20].iter().all(Duration::is_zero), "{turns:?}");
        let pace = MINUTE / 101 + Duration::from_nanos(1);
        assert_eq!(turns[20..], [pace, pace * 2, pace * 3]);
        // After a quiet minute the whole burst is there again, and not more.
        let later = start + MINUTE * 2;
        assert_eq!((0..30).filter(|_| limiter.reserve(later) == later).count(), 20);
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_the_limit(
            limit in 0..200_u32, gaps in proptest::collection::vec(0..5_000_u64, 1..400),
        ) {
            let limiter = Limiter::new(limit);
            let mut now = Instant::now();
            let mut turns = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                let turn = limiter.reserve(now);
                prop_assert!(turn >= now);
                prop_assert!(turns.last().is_none_or(|last| turn >= *last));
                turns.push(turn);
            }
            for (at, first) in turns.iter().enumerate() {
                let within = turns[at..].iter().take_while(|turn| **turn - *first < MINUTE).count();
                prop_assert!(within <= limit.max(1) as usize, "{within} of {limit}");
            }
        }
    }

    #[test]
    fn the_longer_wait_stays_and_ends() {
        let start = Instant::now();
        let second = Duration::from_secs(1);
        let cooldown = Cooldown::default();
        assert_eq!(cooldown.rest(start), None);
        cooldown.extend(start, second * 30);
        cooldown.extend(start, second * 5);
        assert_eq!(cooldown.rest(start + second * 10), Some(second * 20));
        assert_eq!(cooldown.rest(start + second * 30), None);
        cooldown.extend(start + second * 40, Duration::ZERO);
        assert_eq!(cooldown.rest(start + second * 40), None);
    }
}
