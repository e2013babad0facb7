//! A webhook as the configuration has it: what renewals of it, and those who show it, need to know.

use crate::{
    domain::{
        plan::Policy,
        state::WebhookId,
        webhook::{ExternalReference, Pair, WebhookPath},
    },
    handoff::KeySink,
    resync::Resync,
};

#[derive(Debug)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) path: WebhookPath,
    pub(crate) pair: Pair,
    pub(crate) references: Vec<ExternalReference>,
    pub(crate) policy: Policy,
    pub(crate) resync: Resync,
    /// Whether the POST goes ahead when the resync fails.
    pub(crate) proceed: bool,
    pub(crate) sinks: Vec<KeySink>,
    /// Name of the key's property in Protime's answers, if it is none of the known ones.
    pub(crate) key_field: Option<String>,
}

impl Webhook {
    /// Whether its resync reads the collection, which takes a scope.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.resync, Resync::Read(_))
    }
}
