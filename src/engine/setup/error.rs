//! Why a configuration cannot be put in force, which is only known once it is tried.

use crate::{
    config::SecretError,
    domain::{
        backoff::InvalidBackoff,
        webhook::{TenantName, WebhookPath},
    },
    http, protime,
    store::StoreError,
};

/// Why a configuration cannot be put in force.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret.
    #[error("tenant '{tenant}': {error}")]
    Secret {
        /// Whose.
        tenant: TenantName,
        /// What is wrong with it.
        error: SecretError,
    },
    /// The HTTP client of a tenant.
    #[error("tenant '{tenant}': {error}")]
    Client {
        /// Whose.
        tenant: TenantName,
        /// Why there is none.
        error: protime::BuildError,
    },
    /// What a webhook needs to speak with a server of the operator's.
    #[error("webhook '{webhook}': {error}")]
    Outbound {
        /// Whose.
        webhook: WebhookPath,
        /// What is wrong.
        error: http::BuildError,
    },
    /// The retry policy.
    #[error("[renewal] retry_initial and retry_max: {0}")]
    Backoff(#[from] InvalidBackoff),
}
