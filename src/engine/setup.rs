//! What the configuration becomes: tenants that can be asked and webhooks that can be renewed.

mod error;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::PathBuf,
    sync::Arc,
};

use futures_util::future::try_join_all;
use jiff::Timestamp;

pub(crate) use error::SetupError;

use super::Shared;
use crate::{
    clock,
    config::{self, Config, OnFailure, ReadKind, ReadResync, ResyncKind, SecretSource},
    counters::Counters,
    domain::{
        backoff::Backoff,
        plan::Policy,
        retention::Retention,
        state::{WebhookId, WebhookState},
        webhook::{ExternalReference, WebhookPath},
    },
    handoff::{self, KeySink},
    http::{self, Outbound},
    protime::{self, TenantClient},
    renewal::{
        poller::Tenant,
        procedure::{Dependencies, Procedure},
        timing::Timing,
        webhook::Webhook,
    },
    resync::Resync,
    store::{Configured, StoreError, StoredKey},
};

/// So many webhooks' sinks are inspected at a time.
const INSPECTED_AT_A_TIME: usize = 64;

#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) file: PathBuf,
    pub(crate) loaded_at: Timestamp,
    /// The tenants, in the order of the file.
    pub(crate) tenants: Vec<Arc<Tenant>>,
    pub(crate) procedures: HashMap<WebhookId, Arc<Procedure>>,
    /// Tenants that left the configuration since the start.
    pub(crate) leaving: Vec<Arc<Tenant>>,
    /// The webhooks by their names.
    in_order: Vec<Arc<Procedure>>,
    /// `[daemon]`, part of which only a restart changes.
    pub(crate) daemon: config::Daemon,
    /// `[metrics]`, part of which only a restart changes.
    pub(crate) metrics: config::Metrics,
    pub(crate) max_concurrent: usize,
    /// No retry is put off for longer.
    pub(crate) longest_retry: std::time::Duration,
    /// How long `verify` accepts the previous key.
    pub(crate) previous_key_grace: std::time::Duration,
    /// How much of the history is kept.
    pub(crate) retention: Retention,
    /// After this a request has ended.
    pub(crate) request_timeout: std::time::Duration,
    shared: Shared,
}

impl Setup {
    /// Resolves the secrets, builds the clients, and makes the webhooks known to the store. Everything
    /// that can fail for the configuration's sake comes before anything is changed.
    pub(crate) async fn build(config: &Config, shared: &Shared) -> Result<Self, SetupError> {
        let builder = Builder {
            timing: timing(config)?,
            secret_env: secret_variables(config),
            outbound: outbound(config),
            max_unplanned_per_hour: config.renewal.max_unplanned_rotations_per_hour,
            shared: shared.clone(),
        };
        let clients: Vec<TenantClient> = config
            .tenants
            .iter()
            .map(|tenant| {
                let (outbound, counters) = (&builder.outbound, shared.counters.clone());
                counted_client(config, tenant, &tenant.collections_read(), outbound, counters)
            })
            .collect::<Result<_, _>>()?;
        let equipment: Vec<Vec<Equipment>> =
            config.tenants.iter().map(|tenant| builder.equip(tenant)).collect::<Result<_, _>>()?;
        // The last thing that may fail or wait: what is in the database is in force.
        let with = builder.dependencies();
        // In the order of the file.
        let mut ids = builder.sync_configuration(config, &equipment).await?.into_iter();
        let mut setup = Self {
            file: config.file.clone(),
            loaded_at: clock::now(),
            daemon: config.daemon.clone(),
            metrics: config.metrics.clone(),
            max_concurrent: config.renewal.max_concurrent,
            longest_retry: builder.longest_retry(),
            previous_key_grace: config.renewal.previous_key_grace,
            retention: Retention { keep: config.history.keep, keep_rows: config.history.keep_rows.into() },
            request_timeout: builder.timing.request_timeout,
            tenants: Vec::new(),
            leaving: Vec::new(),
            procedures: HashMap::new(),
            in_order: Vec::new(),
            shared: shared.clone(),
        };
        for ((tenant, client), equipment) in config.tenants.iter().zip(clients).zip(equipment) {
            let webhooks: Vec<Arc<Webhook>> = tenant
                .webhooks
                .iter()
                .zip(equipment)
                .zip(&mut ids)
                .map(|((webhook, equipment), id)| Arc::new(builder.webhook(tenant, webhook, equipment, id)))
                .collect();
            let runtime = builder.tenant(tenant, client, &webhooks);
            for webhook in webhooks {
                let (id, tenant) = (webhook.id, Arc::clone(&runtime));
                setup.procedures.insert(id, Arc::new(Procedure::new(webhook, tenant, Arc::clone(&with))));
            }
            setup.tenants.push(runtime);
        }
        setup.in_order = setup.procedures.values().map(Arc::clone).collect();
        setup.in_order.sort_unstable_by(|one, other| one.webhook.path.cmp(&other.webhook.path));
        Ok(setup)
    }

    pub(crate) fn named(&self, path: &WebhookPath) -> Option<&Arc<Procedure>> {
        let found = self.in_order.binary_search_by(|procedure| procedure.webhook.path.cmp(path)).ok()?;
        self.in_order.get(found)
    }

    /// Takes over what an earlier setup knew of tenants that are still there; those that are not are
    /// kept for what is to be deleted at Protime.
    pub(crate) fn continue_from(&mut self, earlier: &Self) {
        for was in earlier.tenants.iter().chain(&earlier.leaving) {
            match self.tenants.iter().find(|tenant| tenant.name == was.name) {
                Some(tenant) => tenant.continue_from(was),
                None => self.leaving.push(Arc::clone(was)),
            }
        }
    }

    /// A file may be gone, because `/run` is emptied at boot or because someone removed it.
    pub(crate) async fn inspect_sinks(&self) -> Result<(), StoreError> {
        let store = &self.shared.store;
        let has_sinks = |tenant: &&Arc<Tenant>| tenant.has_sinks();
        for tenant in self.tenants.iter().filter(has_sinks) {
            let keys = store.current_keys(&tenant.name).await?;
            // Some at a time: together they are a few commits, and take a few threads.
            for some in store.states_of(&tenant.name).await?.chunks(INSPECTED_AT_A_TIME) {
                try_join_all(some.iter().map(|state| self.inspect(state, keys.get(&state.id)))).await?;
            }
        }
        Ok(())
    }

    async fn inspect(&self, state: &WebhookState, key: Option<&StoredKey>) -> Result<(), StoreError> {
        let Some((procedure, key)) = self.procedures.get(&state.id).zip(key) else { return Ok(()) };
        for sink in procedure.webhook.sinks.iter().filter(|sink| state.has_key(&sink.id())) {
            // A rotation may have come since the state was read.
            if sink.holds(&key.key, key.version).await == Some(false)
                && procedure.hand_off_again(sink.id(), key.version).await?
            {
                tracing::warn!(webhook = %procedure.webhook.path, sink = %sink.label(), "the key is gone from a sink; handing it off again");
                self.shared.deliveries.look();
            }
        }
        Ok(())
    }
}

struct Builder {
    timing: Timing,
    secret_env: Vec<String>,
    outbound: Arc<Outbound>,
    max_unplanned_per_hour: u32,
    shared: Shared,
}

/// What a webhook needs for its tasks, which may be impossible to make.
struct Equipment {
    sinks: Vec<KeySink>,
    resync: Resync,
}

impl Equipment {
    fn sink_ids(&self) -> Vec<String> {
        self.sinks.iter().map(KeySink::id).collect()
    }
}

impl Builder {
    fn longest_retry(&self) -> std::time::Duration {
        self.timing.backoff.max().max(http::LONGEST_WAIT)
    }

    fn equip(&self, tenant: &config::Tenant) -> Result<Vec<Equipment>, SetupError> {
        let of = |webhook: &config::Webhook| {
            let sink = |sink| KeySink::new(sink, &self.secret_env, &self.outbound, &self.shared.key_files);
            let sinks = webhook.key_sinks.iter().map(sink).collect::<Result<_, _>>()?;
            let resync = Resync::new(
                &webhook.resync,
                &webhook.pair.destination_url,
                &self.secret_env,
                &self.outbound,
            )?;
            Ok(Equipment { sinks, resync })
        };
        let webhook = |webhook| {
            of(webhook).map_err(|error| SetupError::Outbound { webhook: path(tenant, webhook), error })
        };
        tenant.webhooks.iter().map(webhook).collect()
    }

    async fn sync_configuration(
        &self,
        config: &Config,
        equipment: &[Vec<Equipment>],
    ) -> Result<Vec<WebhookId>, StoreError> {
        let of = |tenant, webhook: &config::Webhook, equipment: &Equipment| {
            let (path, sinks) = (path(tenant, webhook), equipment.sink_ids());
            let mut hasher = DefaultHasher::new();
            // Another version may decide otherwise. Where the hash of one thing is another one, it costs a look.
            (env!("CARGO_PKG_VERSION"), path.name.as_str(), webhook.on_remove.as_str()).hash(&mut hasher);
            (&sinks, self.policy(webhook)).hash(&mut hasher);
            let fingerprint = Some(hasher.finish().cast_signed());
            let (pair, on_remove) = (webhook.pair.clone(), webhook.on_remove);
            Configured { path, pair, on_remove, sinks, fingerprint }
        };
        let webhooks = config
            .tenants
            .iter()
            .flat_map(|tenant| tenant.webhooks.iter().map(move |webhook| (tenant, webhook)));
        let configured: Vec<Configured> = webhooks
            .zip(equipment.iter().flatten())
            .map(|((tenant, webhook), equipment)| of(tenant, webhook, equipment))
            .collect();
        self.shared.store.sync_configuration(configured, clock::now()).await
    }

    fn policy(&self, webhook: &config::Webhook) -> Policy {
        Policy {
            references: ExternalReference::all(&webhook.external_references),
            max_unplanned_per_hour: self.max_unplanned_per_hour,
            longest_retry: self.longest_retry(),
            keep_warm: keep_warm(&webhook.resync.kind),
            resyncs: !matches!(webhook.resync.kind, ResyncKind::None),
        }
    }

    fn webhook(
        &self,
        tenant: &config::Tenant,
        webhook: &config::Webhook,
        Equipment { sinks, resync }: Equipment,
        id: WebhookId,
    ) -> Webhook {
        Webhook {
            id,
            path: path(tenant, webhook),
            pair: webhook.pair.clone(),
            references: webhook.external_references.clone(),
            policy: self.policy(webhook),
            resync,
            proceed: webhook.resync.on_failure == OnFailure::Proceed,
            sinks,
            key_field: tenant.key_field.clone(),
        }
    }

    fn tenant(
        &self,
        tenant: &config::Tenant,
        client: TenantClient,
        webhooks: &[Arc<Webhook>],
    ) -> Arc<Tenant> {
        let Shared { store, wake, event_bus, .. } = self.shared.clone();
        Arc::new(Tenant::new(tenant.name.clone(), client, store, webhooks, self.timing, wake, event_bus))
    }

    fn dependencies(&self) -> Arc<Dependencies> {
        let Shared { store, rotations, deliveries, unpersisted_keys, .. } = self.shared.clone();
        Arc::new(Dependencies { timing: self.timing, store, rotations, deliveries, unpersisted_keys })
    }
}

fn keep_warm(kind: &ResyncKind) -> Option<std::time::Duration> {
    match kind {
        ResyncKind::Read(ReadResync { kind: ReadKind::Delta { keep_warm, .. }, .. }) => *keep_warm,
        ResyncKind::Read(_) | ResyncKind::Command(_) | ResyncKind::Http(_) | ResyncKind::None => None,
    }
}

/// What can be seen to keep keys from the sinks of a configuration, by this user and without touching anything.
pub(crate) fn unfit_sinks(config: &Config) -> Vec<String> {
    let webhooks =
        config.tenants.iter().flat_map(|tenant| tenant.webhooks.iter().map(move |webhook| (tenant, webhook)));
    webhooks
        .flat_map(|(tenant, webhook)| {
            let place = path(tenant, webhook);
            let objections = webhook.key_sinks.iter().filter_map(handoff::objection);
            objections.map(move |objection| format!("{place}, key_sink: {objection}"))
        })
        .collect()
}

fn path(tenant: &config::Tenant, webhook: &config::Webhook) -> WebhookPath {
    WebhookPath { tenant: tenant.name.clone(), name: webhook.name.clone() }
}

fn timing(config: &Config) -> Result<Timing, SetupError> {
    let renewal = &config.renewal;
    Ok(Timing {
        renew_before: renewal.renew_before,
        jitter: renewal.jitter,
        gap_margin: renewal.gap_margin,
        backoff: Backoff::new(renewal.retry_initial, renewal.retry_max)?,
        request_timeout: config.api.request_timeout,
    })
}

/// A client of a tenant that may read these collections, for a command that needs no daemon.
pub(crate) fn client(
    config: &Config,
    tenant: &config::Tenant,
    collections_read: &[&str],
) -> Result<TenantClient, SetupError> {
    counted_client(config, tenant, collections_read, &outbound(config), Counters::default())
}

fn outbound(config: &Config) -> Arc<Outbound> {
    Arc::new(Outbound::new(config.user_agent.clone(), &config.api))
}

fn counted_client(
    config: &Config,
    tenant: &config::Tenant,
    collections_read: &[&str],
    outbound: &Arc<Outbound>,
    counters: Counters,
) -> Result<TenantClient, SetupError> {
    let client_secret = tenant
        .client_secret
        .resolve()
        .map_err(|error| SetupError::Secret { tenant: tenant.name.clone(), error })?;
    TenantClient::new(&protime::Settings {
        tenant: tenant.name.clone(),
        api_origin: tenant.api_origin.clone(),
        token_url: tenant.token_url.clone(),
        client_id: tenant.client_id.clone(),
        client_secret,
        scopes: protime::wanted_scopes(collections_read, &tenant.scopes),
        max_requests_per_minute: config.api.max_requests_per_minute,
        outbound: Arc::clone(outbound),
        counters,
    })
    .map_err(|error| SetupError::Client { tenant: tenant.name.clone(), error })
}

/// The environment variables that hold secrets, which no program that we run is to inherit.
fn secret_variables(config: &Config) -> Vec<String> {
    let variable = |source: &SecretSource| match source {
        SecretSource::Env(name) => Some(name.clone()),
        SecretSource::Credential(_) | SecretSource::File(_) => None,
    };
    config.secrets().into_iter().filter_map(|secret| variable(secret.source)).collect()
}
