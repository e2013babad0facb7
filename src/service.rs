//! What the sockets and the command line may ask for: the only thing that they know of the daemon.
//!
//! Law: they ask, and nothing is decided here; whatever is done goes to its end, also when the client that
//! asked for it hangs up. `None` for an answer means that no webhook is configured under that name.
//!
//! In reading order: [`answers`] has what it answers with, [`verify`] judges events, [`import`] works where no
//! daemon runs.

mod answers;
mod import;
#[cfg(test)]
pub(crate) mod tests;
mod verify;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::watch;

pub(crate) use answers::{Imported, Keys, PolledTenant, StoredKey, Unavailable, Verdict};
pub(crate) use import::import_key;

use crate::{
    clock,
    domain::{key::WebhookKey, report, report::State, webhook::WebhookPath},
    engine::{Engine, reload::Reloaded, removed},
    event_bus::Subscriber,
    renewal::procedure::Procedure,
    store::Store,
    views::{
        health::Health,
        metrics::{Exposition, Moment, TenantGlance},
        webhook as webhook_view,
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Service {
    engine: Engine,
    pub(crate) store: Store,
    started_at: Timestamp,
}

/// Does something to its end, also when the client that asked for it hangs up in the middle: what is
/// written must be published, and a configuration that is stored must be in force.
async fn whole<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The daemon has ended, and no one is asked any more.
            Err(_) => std::future::pending().await,
        },
    }
}

impl Service {
    pub(crate) fn new(engine: Engine) -> Self {
        Self { store: engine.shared.store.clone(), engine, started_at: clock::now() }
    }

    pub(crate) async fn health(&self) -> Result<Arc<Health>, Unavailable> {
        Ok(self.engine.health().await?)
    }

    pub(crate) async fn status(&self) -> Result<report::Status, Unavailable> {
        let (counts, next_renewal_at) = {
            let overview = self.engine.overview().await?;
            (overview.counts(), overview.next_renewal_at())
        };
        let removed_webhooks = self.store.removed_webhooks().await?;
        let setup = self.engine.setup();
        let config_error = self.engine.config_error.borrow().clone();
        Ok(report::Status {
            daemon: report::Daemon {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                pid: std::process::id(),
                started_at: self.started_at,
                config_file: setup.file.display().to_string(),
                config_loaded_at: setup.loaded_at,
                config_error,
                counts,
                next_renewal_at,
            },
            tenants: setup.tenants.iter().map(|tenant| webhook_view::tenant(tenant)).collect(),
            removed_webhooks: removed_webhooks
                .iter()
                .map(|removed| webhook_view::removed(removed, removed::tenant_of(&setup, removed).is_some()))
                .collect(),
        })
    }

    /// The JSON of all webhooks, or of those of a tenant or in a state; what may be secret in URLs is in it if
    /// `with_secrets`. Everyone who asks before anything has changed gets the same bytes.
    pub(crate) async fn webhooks(
        &self,
        with_secrets: bool,
        tenant: Option<&str>,
        state: Option<State>,
    ) -> Result<Bytes, Unavailable> {
        if let Some(tenant) = tenant
            && let Some(list) = self.engine.list_of_tenant(tenant, with_secrets, state).await?
        {
            return Ok(list);
        }
        let mut snapshot = self.engine.snapshot().await?;
        Ok(match (tenant, state) {
            (None, None) => snapshot.all(with_secrets),
            (tenant, state) => snapshot.some(with_secrets, tenant, state),
        })
    }

    pub(crate) async fn webhook(&self, path: &WebhookPath) -> Result<Option<report::Webhook>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        let state = self.store.state(procedure.webhook.id).await?;
        Ok(Some(webhook_view::webhook(&state, &procedure)))
    }

    pub(crate) async fn history(
        &self,
        path: &WebhookPath,
        limit: u32,
    ) -> Result<Option<report::History>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        Ok(Some(report::History { renewals: self.store.history(procedure.webhook.id, limit).await? }))
    }

    pub(crate) async fn key(&self, path: &WebhookPath) -> Result<Option<Arc<Keys>>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        Ok(Some(self.store.known(procedure.webhook.id).await?.keys))
    }

    /// Changes whenever a key was rotated: wait for it, then ask for the key again.
    pub(crate) fn rotations(&self) -> watch::Receiver<u64> {
        self.engine.shared.rotations.subscribe()
    }

    /// What happens, from now on or from behind the event with this id.
    pub(crate) fn subscribe(&self, after: Option<&str>) -> Subscriber {
        self.engine.shared.event_bus.subscribe(after)
    }

    /// The metrics of this moment, in pieces that are made when they are asked for.
    pub(crate) async fn metrics(&self) -> Result<Exposition, Unavailable> {
        // Of one moment: `healthy` and the states of webhooks are compared with one another.
        let (health, webhooks) = self.engine.moment().await?;
        let setup = self.engine.setup();
        Ok(Exposition::new(Moment {
            started_at: self.started_at,
            is_healthy: health.report.healthy,
            is_folded: webhooks.len() > setup.metrics.fold_above,
            webhooks,
            tenants: setup.tenants.iter().map(TenantGlance::of).collect(),
            counts: self.engine.shared.counters.snapshot(),
        }))
    }

    pub(crate) fn count(&self, verdict: Verdict) {
        self.engine.shared.counters.verified(match verdict {
            Verdict::Valid { .. } => "valid",
            Verdict::Malformed => "malformed",
            Verdict::Mismatch => "mismatch",
            Verdict::NoKey => "no_key",
        });
    }

    /// Starts a renewal, or hurries the one that runs, and returns its number.
    pub(crate) async fn renew(&self, path: &WebhookPath) -> Result<Option<i64>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        let shared = self.engine.shared.clone();
        whole(async move {
            let renewal = procedure.renew_now().await?;
            shared.wake.notify_one();
            shared.deliveries.look();
            Ok(Some(renewal))
        })
        .await
    }

    /// Takes over a key that Protime signs with already.
    pub(crate) async fn import_key(
        &self,
        path: &WebhookPath,
        key: WebhookKey,
    ) -> Result<Option<Imported>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        let wake = Arc::clone(&self.engine.shared.wake);
        whole(async move {
            let imported = procedure.import_key(key).await?;
            wake.notify_one();
            Ok(Some(imported))
        })
        .await
    }

    pub(crate) async fn poll(&self) -> Vec<PolledTenant> {
        let setup = self.engine.setup();
        let asked = setup.tenants.iter().map(|tenant| {
            let tenant = Arc::clone(tenant);
            async move {
                let error = tenant.poll().await.err().map(|error| error.to_string());
                PolledTenant { tenant: tenant.name.to_string(), error }
            }
        });
        whole(join_all(asked)).await
    }

    pub(crate) async fn reload(&self) -> Result<Reloaded, report::ConfigError> {
        let engine = self.engine.clone();
        whole(async move { engine.reload().await }).await
    }

    pub(crate) fn previous_key_grace(&self) -> std::time::Duration {
        self.engine.setup().previous_key_grace
    }

    pub(crate) fn procedure(&self, path: &WebhookPath) -> Option<Arc<Procedure>> {
        self.engine.setup().named(path).map(Arc::clone)
    }
}
