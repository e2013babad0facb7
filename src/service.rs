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

use std::{collections::BTreeMap, sync::Arc};

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::watch;

pub(crate) use answers::{Imported, Keys, PolledTenant, StoredKey, Unavailable, Verdict};
pub(crate) use import::import_key;

use crate::{
    clock,
    domain::{key::WebhookKey, removed::RemovedWebhook, report, report::State, webhook::WebhookPath},
    engine::{Engine, reload::Reloaded, removed, setup::Setup},
    event_bus::Subscriber,
    renewal::procedure::Procedure,
    store::Store,
    views::{health, metrics, webhook as webhook_view},
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

    pub(crate) async fn health(&self) -> Result<report::Health, Unavailable> {
        let problems = self.engine.overview().await?.problems();
        Ok(self.health_with(&self.engine.setup(), problems))
    }

    /// `problems` are those of webhooks.
    fn health_with(&self, setup: &Setup, problems: Vec<report::Problem>) -> report::Health {
        let config_error = self.engine.config_error.borrow().clone();
        let config = config_error.map(|error| health::of_config(&error, setup.loaded_at));
        let tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant));
        let damage = self.store.damage().map(|detail| health::of_database(detail, self.started_at));
        health::health(config.into_iter().chain(damage).chain(tenants).chain(problems).collect())
    }

    pub(crate) async fn status(&self) -> Result<report::Status, Unavailable> {
        let (counts, next_renewal_at) = {
            let overview = self.engine.overview().await?;
            (overview.counts(), overview.next_renewal_at())
        };
        let removed_webhooks = self.store.removed_webhooks().await?;
        Ok(self.status_with(&self.engine.setup(), counts, next_renewal_at, &removed_webhooks))
    }

    fn status_with(
        &self,
        setup: &Setup,
        counts: BTreeMap<State, usize>,
        next_renewal_at: Option<Timestamp>,
        removed_webhooks: &[RemovedWebhook],
    ) -> report::Status {
        let config_error = self.engine.config_error.borrow().clone();
        report::Status {
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
                .map(|removed| webhook_view::removed(removed, removed::tenant_of(setup, removed).is_some()))
                .collect(),
        }
    }

    pub(crate) async fn webhooks(&self) -> Result<Arc<[report::Webhook]>, Unavailable> {
        Ok(Arc::clone(&self.engine.snapshot().await?.webhooks))
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

    pub(crate) async fn key(&self, path: &WebhookPath) -> Result<Option<Keys>, Unavailable> {
        let Some(procedure) = self.procedure(path) else { return Ok(None) };
        Ok(Some(self.store.keys(procedure.webhook.id).await?))
    }

    /// Changes whenever a key was rotated: wait for it, then ask for the key again.
    pub(crate) fn rotations(&self) -> watch::Receiver<u64> {
        self.engine.shared.rotations.subscribe()
    }

    /// What happens, from now on or from behind the event with this id.
    pub(crate) fn subscribe(&self, after: Option<&str>) -> Subscriber {
        self.engine.shared.event_bus.subscribe(after)
    }

    pub(crate) async fn metrics(&self) -> Result<String, Unavailable> {
        // Of one moment: `healthy` and the states of webhooks are compared with one another.
        let snapshot = self.engine.snapshot().await?;
        let webhooks = &snapshot.webhooks;
        let counts = report::counts(webhooks.iter().map(|webhook| webhook.state));
        let next_renewal_at = webhooks.iter().filter_map(|webhook| webhook.next_renewal_at).min();
        let status = self.status_with(&snapshot.setup, counts, next_renewal_at, &[]);
        let healthy = self.health_with(&snapshot.setup, snapshot.problems.clone()).healthy;
        Ok(metrics::text(&status, webhooks, healthy, &self.engine.shared.counters.snapshot()))
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
            shared.deliveries.notify_one();
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
        let setup = self.engine.setup();
        let id = setup.by_path.get(path)?;
        setup.procedures.get(id).map(Arc::clone)
    }
}
