//! Asking for a list again after a failure, once at a time.
//!
//! Law: a retry ends however it ends. One that panics or is given up must not be the last one.

use std::time::Instant;

use super::Tenant;

impl Tenant {
    /// Gets a fresh list after a failure, unless that is under way already.
    pub(crate) async fn retry(&self) {
        if let Some(_claim) = self.retrying.claim(()) {
            // A failure is noted with the tenant and leads to the next retry.
            let _noted = self.poll().await;
        }
    }

    /// Whether the list is to be asked for again after a failure, and no one does yet.
    pub(crate) fn wants_retry(&self) -> bool {
        let due = self.polls().failing.is_some_and(|failing| failing.retry_at <= Instant::now());
        due && !self.retrying.is_claimed(&())
    }
}
