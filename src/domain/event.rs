//! What happened, as `GET /v1/events` tells it: a kind and the fields that apply.
//!
//! Law: never a secret. A key is told of by its version and its fingerprint.

use jiff::Timestamp;
use serde::Serialize;

use super::webhook::{TenantName, WebhookPath};

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A renewal began.
    RenewalStarted,
    /// A step of a renewal began or ended.
    RenewalStep,
    /// A renewal ended.
    RenewalFinished,
    /// A new key is current.
    KeyRotated,
    /// The state of a webhook is another.
    WebhookState,
    /// A tenant was asked for its list.
    PollFinished,
    /// Events were missed: read the webhooks anew.
    Reset,
}

impl Kind {
    /// The kind as the contract writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::RenewalStarted => "renewal_started",
            Self::RenewalStep => "renewal_step",
            Self::RenewalFinished => "renewal_finished",
            Self::KeyRotated => "key_rotated",
            Self::WebhookState => "webhook_state",
            Self::PollFinished => "poll_finished",
            Self::Reset => "reset",
        }
    }
}

/// One event. What does not apply is left out of its JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    /// What kind it is; not part of the JSON.
    #[serde(skip)]
    pub(crate) kind: Kind,
    /// When it happened, on our clock.
    pub(crate) at: Timestamp,
    /// `tenant/name`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
    /// The tenant's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// The renewal's number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) renewal_id: Option<i64>,
    /// Why the renewal runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    /// The step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step: Option<String>,
    /// `started`, or how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) outcome: Option<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    /// The state now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<String>,
    /// The state before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) previous_state: Option<String>,
    /// The version of the key that is current now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) key_version: Option<u64>,
    /// First 8 hex digits of that key's SHA-256.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fingerprint: Option<String>,
}

impl Event {
    /// An event of which only kind and time are known.
    pub(crate) fn new(kind: Kind, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            webhook: None,
            tenant: None,
            renewal_id: None,
            reason: None,
            step: None,
            outcome: None,
            error: None,
            state: None,
            previous_state: None,
            key_version: None,
            fingerprint: None,
        }
    }

    /// An event of a webhook.
    pub(crate) fn of_webhook(kind: Kind, at: Timestamp, path: &WebhookPath) -> Self {
        Self { webhook: Some(path.to_string()), ..Self::of_tenant(kind, at, &path.tenant) }
    }

    /// An event of a tenant.
    pub(crate) fn of_tenant(kind: Kind, at: Timestamp, tenant: &TenantName) -> Self {
        Self { tenant: Some(tenant.to_string()), ..Self::new(kind, at) }
    }
}
