//! What Protime lists of external references where it is not what is configured.
//!
//! A key that was imported may belong to a webhook that is not quite the configured one. That is said and
//! changes nothing: how Protime writes references in a list is not documented.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::domain::{
    state::{WebhookId, WebhookState},
    webhook::ExternalReference,
};

/// The external references of webhooks that are listed with others than the configured ones.
#[derive(Debug, Default)]
pub(super) struct OtherReferences(Mutex<HashMap<WebhookId, String>>);

impl OtherReferences {
    /// Compares what a list shows with what is wanted, in whatever order; says once where they differ.
    pub(super) fn compare(&self, state: &WebhookState, listed: Option<&[ExternalReference]>, wanted: &str) {
        let mut others = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let other = listed.map(ExternalReference::all);
        let other = other.filter(|listed| !ExternalReference::are_the_same(listed, wanted));
        let Some(listed) = other else {
            others.remove(&state.id);
            return;
        };
        if others.get(&state.id) != Some(&listed) {
            tracing::warn!(webhook = %state.path, %listed, %wanted, "Protime lists other external references than are configured");
        }
        others.insert(state.id, listed);
    }

    pub(super) fn of(&self, id: WebhookId) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}
