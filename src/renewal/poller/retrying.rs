//! Asking for a list again after a failure, once at a time.
//!
//! Law: a retry ends however it ends. One that panics or is given up must not be the last one.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use super::Tenant;

/// Whether a retry is under way.
#[derive(Debug, Default)]
pub(super) struct Retrying(AtomicBool);

impl Retrying {
    /// Takes the turn, unless someone has it; it is given back with what this answers.
    fn claim(&self) -> Option<Claim<'_>> {
        (!self.0.swap(true, Ordering::SeqCst)).then_some(Claim(&self.0))
    }
}

struct Claim<'a>(&'a AtomicBool);

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl Tenant {
    /// Gets a fresh list after a failure, unless that is under way already.
    pub(crate) async fn retry(&self) {
        if let Some(_claim) = self.retrying.claim() {
            // A failure is noted with the tenant and leads to the next retry.
            let _noted = self.poll().await;
        }
    }

    /// Whether the list is to be asked for again after a failure, and no one does yet.
    pub(crate) fn wants_retry(&self) -> bool {
        let due = self.polls().failing.is_some_and(|failing| failing.retry_at <= Instant::now());
        due && !self.retrying.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// A retry that waits for its list, as far as the turn is concerned.
    async fn retry(retrying: &Retrying, panics: bool) {
        if let Some(_claim) = retrying.claim() {
            assert!(!panics, "on purpose");
            std::future::pending::<()>().await;
        }
    }

    fn is_free(retrying: &Retrying) -> bool {
        retrying.claim().is_some()
    }

    #[test]
    fn a_retry_that_is_given_up_or_panics_gives_its_turn_back() {
        let retrying = Retrying::default();
        {
            let mut waiting = pin!(retry(&retrying, false));
            let mut context = Context::from_waker(Waker::noop());
            assert_eq!(waiting.as_mut().poll(&mut context), Poll::Pending);
            assert!(!is_free(&retrying));
        }
        assert!(is_free(&retrying), "it was given up");
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut retry = pin!(retry(&retrying, true));
            let _never = retry.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        }));
        assert!(panicked.is_err());
        assert!(is_free(&retrying), "it panicked");
    }
}
