//! Webhooks that left the configuration: those that are to be deleted at Protime are.
//!
//! Laws: only what the configuration had marked with `on_remove = "delete"` is deleted, only after a
//! list has shown it since it left, and never while the configuration names the same pair at the same
//! Protime under another tenant's name. No reload comes between that judgement and the delete. A failure
//! is shown and tried again at the next sweep.

use std::sync::Arc;

use super::{Engine, setup::Setup};
use crate::{
    domain::{
        removed::{OnRemove, RemovedWebhook},
        state::WebhookId,
    },
    renewal::poller::Tenant,
    store::StoreError,
};

/// Deletes what is to be deleted, and asks for the lists of tenants that left as long as they are needed.
pub(crate) async fn settle(engine: &Engine) -> Result<(), StoreError> {
    let store = &engine.shared.store;
    let removed_webhooks = store.removed_webhooks().await?;
    for tenant in &engine.setup().leaving {
        let needed = |removed: &RemovedWebhook| {
            removed.path.tenant == tenant.name && removed.on_remove == OnRemove::Delete
        };
        if removed_webhooks.iter().any(needed) {
            // A failure is noted in the log by the tenant, and the next sweep tries again.
            let _noted = tenant.poll().await;
        }
    }
    for removed in store.removed_webhooks().await? {
        if removed.to_delete().is_some() {
            delete(engine, removed.id).await?;
        }
    }
    Ok(())
}

/// Deletes one, unless it has come back. Each request takes a while; so it is judged again before its own.
async fn delete(engine: &Engine, id: WebhookId) -> Result<(), StoreError> {
    let _no_reload = engine.reloading.lock().await;
    let setup = engine.setup();
    let removed_webhooks = engine.shared.store.removed_webhooks().await?;
    let Some(removed) = removed_webhooks.iter().find(|removed| removed.id == id) else { return Ok(()) };
    let Some(remote_id) = removed.to_delete() else { return Ok(()) };
    let Some(tenant) = tenant_of(&setup, removed) else { return Ok(()) };
    if setup.tenants.iter().any(|other| tenant.is_claimed_by(&removed.pair, other)) {
        tracing::debug!(webhook = %removed.path, "not deleted at Protime: the configuration has its pair under another name");
        return Ok(());
    }
    match tenant.delete_removed(removed, remote_id).await {
        Ok(()) => {
            tracing::info!(webhook = %removed.path, "deleted at Protime, because it left the configuration");
        }
        Err(error) => {
            tracing::warn!(webhook = %removed.path, %error, "a webhook that left the configuration could not be deleted at Protime");
        }
    }
    Ok(())
}

/// Who speaks for a webhook that left: its tenant, which may have left as well.
pub(crate) fn tenant_of<'a>(setup: &'a Setup, removed: &RemovedWebhook) -> Option<&'a Arc<Tenant>> {
    setup.tenants.iter().chain(&setup.leaving).find(|tenant| tenant.name == removed.path.tenant)
}
