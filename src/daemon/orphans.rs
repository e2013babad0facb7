//! Webhooks that left the configuration: those that are to be deleted at Protime are.
//!
//! Laws: only what the configuration had marked with `on_remove = "delete"` is deleted, only after a
//! list has shown it since it left, and never while the configuration names the same pair at the same
//! Protime under another tenant's name. A failure is shown and tried again at the next sweep.

use std::sync::Arc;

use super::setup::Setup;
use crate::{
    domain::orphan::{OnRemove, Orphan},
    renewal::reconcile::Tenant,
    store::{Store, StoreError},
};

/// Deletes what is to be deleted, and asks for the lists of tenants that left as long as they are needed.
pub(super) async fn settle(setup: &Setup, store: &Store) -> Result<(), StoreError> {
    let orphans = store.orphans().await?;
    for tenant in &setup.leaving {
        let needed =
            |orphan: &Orphan| orphan.path.tenant == tenant.name && orphan.on_remove == OnRemove::Delete;
        if orphans.iter().any(needed) {
            // A failure is noted in the log by the tenant, and the next sweep tries again.
            let _noted = tenant.refresh().await;
        }
    }
    for orphan in store.orphans().await? {
        let Some(remote_id) = orphan.to_delete() else { continue };
        let Some(tenant) = tenant_of(setup, &orphan) else { continue };
        if setup.tenants.iter().any(|other| tenant.is_claimed_by(&orphan.pair, other)) {
            tracing::debug!(webhook = %orphan.path, "not deleted at Protime: the configuration has its pair under another name");
            continue;
        }
        match tenant.delete_orphan(&orphan, remote_id).await {
            Ok(()) => {
                tracing::info!(webhook = %orphan.path, "deleted at Protime, because it left the configuration");
            }
            Err(error) => {
                tracing::warn!(webhook = %orphan.path, %error, "a webhook that left the configuration could not be deleted at Protime");
            }
        }
    }
    Ok(())
}

/// Who speaks for a webhook that left: its tenant, which may have left as well.
pub(super) fn tenant_of<'a>(setup: &'a Setup, orphan: &Orphan) -> Option<&'a Arc<Tenant>> {
    setup.tenants.iter().chain(&setup.leaving).find(|tenant| tenant.name == orphan.path.tenant)
}
