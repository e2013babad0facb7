//! Webhooks that left the configuration and live on at Protime.
//!
//! Protime goes on delivering their events, and no one renews them. They are shown until Protime no
//! longer lists them, and are only deleted there where the configuration had asked for it.

use jiff::Timestamp;

use super::{
    state::{Remote, WebhookId, WebhookState},
    webhook::{Pair, WebhookPath},
    words::words,
};

words! {
    /// What happens at Protime when a webhook leaves the configuration.
    OnRemove("end of a webhook that left the configuration") {
        /// It stays there until it expires.
        Keep = "keep",
        Delete = "delete",
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RemovedWebhook {
    /// Its number; it is the same should the webhook come back.
    pub(crate) id: WebhookId,
    pub(crate) path: WebhookPath,
    pub(crate) pair: Pair,
    pub(crate) on_remove: OnRemove,
    /// When it left, on our clock.
    pub(crate) left_at: Timestamp,
    pub(crate) remote: Remote,
}

impl RemovedWebhook {
    /// What is known of a webhook that left; nothing of one that did not, or that Protime is known not to have.
    pub(crate) fn of(state: WebhookState) -> Option<Self> {
        let left_at = state.left_at.filter(|_| !state.configured)?;
        let WebhookState { id, path, pair, on_remove, remote, .. } = state;
        Some(Self { id, path, pair, on_remove, left_at, remote })
    }

    /// Protime's id, if Protime is to delete it and was seen to have it since it left.
    pub(crate) fn to_delete(&self) -> Option<&str> {
        match &self.remote {
            Remote::Listed(listed)
                if self.on_remove == OnRemove::Delete && listed.seen_at >= self.left_at =>
            {
                Some(&listed.id)
            }
            _ => None,
        }
    }
}
