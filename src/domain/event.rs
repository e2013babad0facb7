//! What happened, as `GET /v1/events` tells it: a kind and the fields that apply.
//!
//! Law: never a secret. A key is told of by its version and its fingerprint.

use jiff::Timestamp;
use serde::Serialize;

use super::{
    webhook::{TenantName, WebhookPath},
    words::words,
};

words! {
    #[derive(Default)]
    Kind("kind of an event") {
        RenewalStarted = "renewal_started",
        /// A step of a renewal began or ended.
        RenewalStep = "renewal_step",
        RenewalFinished = "renewal_finished",
        KeyRotated = "key_rotated",
        WebhookState = "webhook_state",
        PollFinished = "poll_finished",
        /// Events were missed: read the webhooks again.
        #[default]
        Reset = "reset",
    }
}

/// One event. What does not apply is left out of its JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    #[serde(skip)]
    pub(crate) kind: Kind,
    /// When it happened, on our clock.
    pub(crate) at: Timestamp,
    /// `tenant/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) renewal_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// `started`, or how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_version: Option<u64>,
    /// First 8 hex digits of that key's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
}

impl Event {
    pub(crate) fn new(kind: Kind, at: Timestamp) -> Self {
        Self { kind, at, ..Self::default() }
    }

    pub(crate) fn of_webhook(kind: Kind, at: Timestamp, path: &WebhookPath) -> Self {
        Self { webhook: Some(path.to_string()), ..Self::of_tenant(kind, at, &path.tenant) }
    }

    pub(crate) fn of_tenant(kind: Kind, at: Timestamp, tenant: &TenantName) -> Self {
        Self { tenant: Some(tenant.to_string()), ..Self::new(kind, at) }
    }
}
