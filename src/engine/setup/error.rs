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

#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("tenant '{tenant}': {error}")]
    Secret { tenant: TenantName, error: SecretError },
    #[error("tenant '{tenant}': {error}")]
    Client { tenant: TenantName, error: protime::BuildError },
    #[error("webhook '{webhook}': {error}")]
    Outbound { webhook: WebhookPath, error: http::BuildError },
    #[error("[renewal] retry_initial and retry_max: {0}")]
    Backoff(#[from] InvalidBackoff),
}
