//! Webhooks that left the configuration: those that are to be deleted at Protime are.
//!
//! Laws: only what the configuration had marked with `on_remove = "delete"` is deleted, only after a
//! list has shown it since it left, and never while the configuration names the same pair at the same
//! Protime under another tenant's name. No reload comes between that judgement and the delete. A failure
//! is shown and tried again at the next sweep.

use std::sync::Arc;

use super::{live::Live, setup::Setup};
use crate::{
    domain::{
        removed::{OnRemove, Orphan},
        state::WebhookId,
    },
    renewal::poller::Tenant,
    store::StoreError,
};

/// Deletes what is to be deleted, and asks for the lists of tenants that left as long as they are needed.
pub(crate) async fn settle(live: &Live) -> Result<(), StoreError> {
    let store = &live.lasting.store;
    let orphans = store.orphans().await?;
    for tenant in &live.setup().leaving {
        let needed =
            |orphan: &Orphan| orphan.path.tenant == tenant.name && orphan.on_remove == OnRemove::Delete;
        if orphans.iter().any(needed) {
            // A failure is noted in the log by the tenant, and the next sweep tries again.
            let _noted = tenant.refresh().await;
        }
    }
    for orphan in store.orphans().await? {
        if orphan.to_delete().is_some() {
            delete(live, orphan.id).await?;
        }
    }
    Ok(())
}

/// Deletes one, unless it has come back. Each request takes a while; so it is judged anew before its own.
async fn delete(live: &Live, id: WebhookId) -> Result<(), StoreError> {
    let _no_reload = live.reloading.lock().await;
    let setup = live.setup();
    let orphans = live.lasting.store.orphans().await?;
    let Some(orphan) = orphans.iter().find(|orphan| orphan.id == id) else { return Ok(()) };
    let Some(remote_id) = orphan.to_delete() else { return Ok(()) };
    let Some(tenant) = tenant_of(&setup, orphan) else { return Ok(()) };
    if setup.tenants.iter().any(|other| tenant.is_claimed_by(&orphan.pair, other)) {
        tracing::debug!(webhook = %orphan.path, "not deleted at Protime: the configuration has its pair under another name");
        return Ok(());
    }
    match tenant.delete_orphan(orphan, remote_id).await {
        Ok(()) => {
            tracing::info!(webhook = %orphan.path, "deleted at Protime, because it left the configuration");
        }
        Err(error) => {
            tracing::warn!(webhook = %orphan.path, %error, "a webhook that left the configuration could not be deleted at Protime");
        }
    }
    Ok(())
}

/// Who speaks for a webhook that left: its tenant, which may have left as well.
pub(crate) fn tenant_of<'a>(setup: &'a Setup, orphan: &Orphan) -> Option<&'a Arc<Tenant>> {
    setup.tenants.iter().chain(&setup.leaving).find(|tenant| tenant.name == orphan.path.tenant)
}
