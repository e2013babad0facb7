//! What is under way, so that nothing is done twice at a time.
//!
//! Law: a claim ends with whatever holds it, by a panic or a cancellation as well, and then the one that waits is woken.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// The keys of what is under way. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Claims<K: Eq + Hash> {
    taken: Arc<Mutex<HashSet<K>>>,
    wake: Arc<Notify>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<K: Eq + Hash> {
    key: K,
    claims: Claims<K>,
}

impl<K: Eq + Hash + Clone> Claims<K> {
    /// `wake` is notified whenever a claim ends.
    pub(crate) fn new(wake: Arc<Notify>) -> Self {
        Self { taken: Arc::default(), wake }
    }

    /// Claims this key, unless it is claimed.
    pub(crate) fn claim(&self, key: K) -> Option<Claim<K>> {
        self.taken().insert(key.clone()).then(|| Claim { key, claims: self.clone() })
    }

    pub(crate) fn is_claimed(&self, key: &K) -> bool {
        self.taken().contains(key)
    }
}

impl<K: Eq + Hash> Claims<K> {
    pub(crate) fn len(&self) -> usize {
        self.taken().len()
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<K>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Claim<K> {
    fn drop(&mut self) {
        self.claims.taken().remove(&self.key);
        self.claims.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        task::{Context, Waker},
    };

    use super::*;

    #[tokio::test]
    async fn a_claim_ends_with_what_holds_it_and_wakes() {
        let wake = Arc::new(Notify::new());
        let claims = Claims::new(Arc::clone(&wake));
        let claim = claims.claim("a").expect("free");
        assert!(claims.claim("a").is_none() && claims.is_claimed(&"a"));
        assert!(claims.claim("b").is_some(), "another one is free");
        wake.notified().await;
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _held = claim;
            panic!("as if by mistake");
        }));
        assert!(panicked.is_err() && !claims.is_claimed(&"a"));
        wake.notified().await;
        let mut waiting = Box::pin(async {
            let _held = claims.claim("a").expect("free");
            std::future::pending::<()>().await;
        });
        let pending = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending();
        assert!(pending && claims.is_claimed(&"a"));
        drop(waiting);
        assert!(!claims.is_claimed(&"a"), "it was given up");
    }
}
