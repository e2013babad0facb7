//! A simulated Protime tenant on loopback, to rehearse against and to test with; a reference receiver of
//! its events; and the audit of what was lost between the two.
//!
//! The tenant follows Protime's guide where that speaks and makes a choice, usually one that can be set,
//! where it does not. It can be made to fail in every way that a network can, and it knows the
//! truth: what changed, what was asked, what was delivered. The receiver trusts nothing but the key that it
//! was given, and the audit compares what it holds with the truth. The commands `sandbox` and `demo`, the
//! tests and the benches all use these.
//!
//! Laws:
//! - Nothing here comes from the client's code, neither its JSON nor its HMAC: a mistake must be made
//!   twice to pass a test. The compiler keeps this law: the daemon's crate depends on this one, for the
//!   commands `sandbox` and `demo`, and Cargo takes no circle.
//! - Nor does the receiver check signatures with what the tenant signs them with.
//! - A request's effect is one moment of the tenant's time, under one lock; a lost answer never takes it
//!   back.
//! - The pair is the identity of a webhook. Every POST that is not refused issues a new key, and the old one
//!   is dead at once. What a webhook had not delivered when it was disabled or deleted is dropped for ever.
//! - A token or a client secret is never recorded; a key only as its version and fingerprint.
//! - Everything listens on loopback only.
//!
//! Reading order: `words`, `facts`, `settings`, `webhooks`, `collections`, `tenant` (the state), `changes`
//! and `load` (what becomes of it by itself), `core` (who shares it), `api` (the answers), `exchange`,
//! `dress` and `wire` (how they go out, or not), `deliveries`, `handle` and `admin`; then `receiver`, and
//! `audit`.

#![allow(missing_docs, reason = "it is not published: what a name says already needs no second line")]

mod admin;
mod answer;
mod api;
pub mod audit;
pub mod changes;
mod clock;
mod collections;
mod core;
mod deliveries;
mod deltas;
mod dress;
mod ends;
mod exchange;
mod facts;
pub mod faults;
mod filter;
pub mod handle;
pub mod journal;
pub mod load;
pub mod receiver;
mod references;
mod secret;
pub mod settings;
mod tenant;
#[cfg(test)]
mod tests;
mod time;
mod tokens;
mod values;
pub mod webhooks;
mod wire;
pub mod words;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use tokio::net::TcpListener;

pub use self::secret::token as new_secret;

use self::{faults::Rule, handle::Handle, journal::LogSender, settings::Settings};

#[derive(Clone)]
pub struct SandboxConfig {
    /// Where it listens; loopback only, port 0 for any.
    pub listen: SocketAddr,
    /// The tenant's name, as in the token endpoint's path.
    pub tenant: String,
    pub client_id: String,
    pub client_secret: String,
    pub settings: Settings,
    pub faults: Vec<Rule>,
    pub log: Option<LogSender>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tenant: "acme".to_owned(),
            client_id: "sandbox-client".to_owned(),
            client_secret: new_secret(),
            settings: Settings::default(),
            faults: Vec::new(),
            log: None,
        }
    }
}

/// A running sandbox; dropping it ends it.
pub struct Sandbox {
    core: Arc<core::Core>,
    addr: SocketAddr,
}

impl Sandbox {
    pub async fn start(config: SandboxConfig) -> anyhow::Result<Self> {
        let listen = config.listen;
        anyhow::ensure!(
            listen.ip().is_loopback(),
            "{listen} is not a loopback address; the sandbox listens on 127.0.0.0/8 or [::1] only"
        );
        config.settings.check().map_err(anyhow::Error::msg)?;
        config.faults.iter().try_for_each(Rule::check).map_err(anyhow::Error::msg)?;
        let client = deliveries::client().context("cannot build the HTTP client for deliveries")?;
        let listener =
            TcpListener::bind(listen).await.with_context(|| format!("cannot listen on {listen}"))?;
        let addr = listener.local_addr()?;
        let tenant = tenant::Tenant {
            name: config.tenant,
            client_id: config.client_id,
            client_secret: config.client_secret,
            origin: origin(addr),
            settings: config.settings,
            faults: config.faults,
            journal: journal::Journal::new(config.log),
            ..tenant::Tenant::default()
        };
        let core = core::Core::new(tenant, client);
        core.spawn(wire::accept(Arc::clone(&core), listener));
        core.spawn(deliveries::dispatch(Arc::clone(&core)));
        core.spawn(load::run(Arc::clone(&core)));
        core.spawn(Arc::clone(&core).expire());
        Ok(Self { core, addr })
    }

    #[cfg(test)]
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    #[must_use]
    pub fn origin(&self) -> String {
        origin(self.addr)
    }

    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(Arc::clone(&self.core))
    }

    /// Waits until someone asks for its end, through a handle or the admin API.
    pub async fn stop_requested(&self) {
        self.core.stop_requested().await;
    }

    /// Ends every connection and delivery and waits until they are gone.
    pub async fn shutdown(self) {
        self.core.end().await;
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.core.abort();
    }
}

fn origin(addr: SocketAddr) -> String {
    format!("http://{addr}")
}
