//! Counts what happened since the daemon started, for `/metrics`.
//!
//! Laws: counting never waits and never fails; a count only grows; what it is counted under comes from
//! fixed sets of words, so that no answer of anyone makes it grow without bound.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Upper bounds of the buckets of a step's duration, in seconds: an in-memory step takes milliseconds,
/// a resync up to hours.
pub(crate) const BUCKETS: [f64; 15] =
    [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 1_800.0, 3_600.0];

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<Arc<Counts>>>);

/// Tenant, endpoint and code.
pub(crate) type RequestKey = (String, &'static str, String);

#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Renewals that ended, by reason and outcome.
    pub(crate) renewals: BTreeMap<(String, String), u64>,
    /// How long steps took, by step.
    pub(crate) steps: BTreeMap<String, Durations>,
    /// Requests to Protime, by tenant, endpoint and code.
    pub(crate) requests: BTreeMap<RequestKey, u64>,
    /// Entries of lists of webhooks that were not as documented, by tenant.
    pub(crate) odd_entries: BTreeMap<String, u64>,
    /// Events that were judged, by verdict.
    pub(crate) verified: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Durations {
    /// How many fell into each of [`BUCKETS`] and into no smaller one.
    pub(crate) buckets: [u64; BUCKETS.len()],
    pub(crate) count: u64,
    pub(crate) sum: Duration,
}

impl Counters {
    pub(crate) fn renewal(&self, reason: &str, outcome: &str) {
        self.count(|counts| {
            *counts.renewals.entry((reason.to_owned(), outcome.to_owned())).or_default() += 1;
        });
    }

    pub(crate) fn step(&self, step: &str, took: Duration) {
        self.count(|counts| {
            let durations = counts.steps.entry(step.to_owned()).or_default();
            let bucket = BUCKETS.iter().position(|bound| took.as_secs_f64() <= *bound);
            if let Some(bucket) = bucket.and_then(|at| durations.buckets.get_mut(at)) {
                *bucket += 1;
            }
            durations.count += 1;
            durations.sum = durations.sum.saturating_add(took);
        });
    }

    pub(crate) fn request(&self, tenant: &str, endpoint: &'static str, code: &str) {
        self.count(|counts| {
            *counts.requests.entry((tenant.to_owned(), endpoint, code.to_owned())).or_default() += 1;
        });
    }

    pub(crate) fn odd_entries(&self, tenant: &str, count: usize) {
        // None is counted as well: a counter that begins with its first event has no increase to alert on.
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.count(|counts| {
            let total = counts.odd_entries.entry(tenant.to_owned()).or_default();
            *total = total.saturating_add(count);
        });
    }

    pub(crate) fn verified(&self, outcome: &'static str) {
        self.count(|counts| *counts.verified.entry(outcome).or_default() += 1);
    }

    /// The counts as they are now, which the next one leaves as they are.
    pub(crate) fn snapshot(&self) -> Arc<Counts> {
        Arc::clone(&self.counts())
    }

    fn count(&self, one: impl FnOnce(&mut Counts)) {
        // Copied only where someone still reads what they were.
        one(Arc::make_mut(&mut self.counts()));
    }

    fn counts(&self) -> MutexGuard<'_, Arc<Counts>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_smallest_bucket_that_holds_it() {
        let counters = Counters::default();
        for (took, bucket) in
            [(0, Some(0)), (10, Some(0)), (11, Some(1)), (3_600_000, Some(14)), (3_600_001, None)]
        {
            let before = counters.snapshot().steps.get("post").cloned().unwrap_or_default();
            counters.step("post", Duration::from_millis(took));
            let after = &counters.snapshot().steps["post"];
            let grown: Vec<usize> =
                (0..BUCKETS.len()).filter(|at| after.buckets[*at] > before.buckets[*at]).collect();
            assert_eq!(grown, bucket.into_iter().collect::<Vec<_>>(), "{took} ms");
            assert_eq!(
                (after.count, after.sum),
                (before.count + 1, before.sum + Duration::from_millis(took))
            );
        }
    }

    #[test]
    fn counts_of_clones_are_one() {
        let counters = Counters::default();
        counters.clone().renewal("expiring", "succeeded");
        counters.renewal("expiring", "succeeded");
        counters.renewal("expiring", "failed");
        let counts = counters.snapshot();
        assert_eq!(counts.renewals.values().copied().collect::<Vec<_>>(), [1, 2]);
    }
}
