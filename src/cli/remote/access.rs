//! Tenants and webhooks of the configuration, found by what a person types; their clients; and a person's word
//! for what kills a key or deletes a webhook.

use std::io::{self, IsTerminal as _, Write as _};

use crate::{
    cli::{
        failure::Failure,
        output,
        style::Style,
        target::{self, Named},
    },
    config::{self, Config, Tenant},
    domain::webhook::{Pair, WebhookPath},
    engine::setup,
    protime::{TenantClient, normalized},
};

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The tenant
    #[arg(value_name = "TENANT")]
    pub(super) tenant: String,
    /// Protime's id of the webhook, as `remote list` shows it
    #[arg(value_name = "ID")]
    pub(super) id: String,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Configured<'c> {
    pub(crate) tenant: &'c Tenant,
    pub(crate) webhook: &'c config::Webhook,
}

impl Configured<'_> {
    pub(crate) fn path(&self) -> WebhookPath {
        WebhookPath { tenant: self.tenant.name.clone(), name: self.webhook.name.clone() }
    }
}

impl Named for Configured<'_> {
    fn full_name(&self) -> String {
        self.path().to_string()
    }
}

pub(in crate::cli) fn configured(config: &Config) -> Vec<Configured<'_>> {
    let of = |tenant| move |webhook| Configured { tenant, webhook };
    config.tenants.iter().flat_map(|tenant| tenant.webhooks.iter().map(of(tenant))).collect()
}

pub(super) fn tenant<'c>(config: &'c Config, name: &str) -> Result<&'c Tenant, Failure> {
    config.tenants.iter().find(|tenant| tenant.name.as_str() == name).ok_or_else(|| {
        let names = config.tenants.iter().map(|tenant| tenant.name.to_string());
        Failure::Usage(format!(
            "there is no tenant '{}'; {}",
            name.escape_debug(),
            match config.tenants.len() {
                0 => "no tenant is configured".to_owned(),
                _ => format!("there is {}", target::list(names)),
            }
        ))
    })
}

/// A client of a tenant that may do what the daemon may, and read these collections as well. What keeps
/// it from being made is a mistake in the configuration or a missing secret.
pub(crate) fn client(config: &Config, tenant: &Tenant, also: &[&str]) -> Result<TenantClient, Failure> {
    let collections: Vec<&str> = tenant.collections_read().into_iter().chain(also.iter().copied()).collect();
    setup::client(config, tenant, &collections).map_err(|error| Failure::Configuration(error.to_string()))
}

pub(crate) fn of_pair<'c>(tenant: &'c Tenant, pair: &Pair) -> Option<Configured<'c>> {
    let wanted = normalized(pair);
    let webhook = tenant.webhooks.iter().find(|webhook| normalized(&webhook.pair) == wanted)?;
    Some(Configured { tenant, webhook })
}

/// Warns a person, and asks the one who is there; a script is not asked, and everything but a yes is a no.
pub(super) fn agreed(warning: &str, question: &str, unasked: bool) -> anyhow::Result<bool> {
    output::note(&Style::of(&io::stderr()).warning(warning))?;
    if unasked || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(true);
    }
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
