//! Everything that runs in the demo, and how the scenario waits for what is to happen.

use std::{cell::RefCell, fs, path::Path, time::Duration};

use anyhow::Context as _;
use protime_sandbox::{
    Sandbox, SandboxConfig,
    audit::{self, Fate},
    changes::ChangeRequest,
    handle::Handle,
    new_secret,
    receiver::{Receiver, ReceiverConfig, Source},
    webhooks::WebhookView,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    daemon::Daemon,
    screen::Screen,
    setup::{self, CLIENT, COLLECTIONS, STOCK, TENANT},
};
use crate::{
    cli::client::Client,
    config,
    domain::{
        key::WebhookKey,
        report::{self, State},
    },
    durable_file,
};

const LOOK: Duration = Duration::from_millis(40);
const REPAINT: Duration = Duration::from_millis(120);

pub(super) struct Harness {
    pub(super) tenant: Handle,
    pub(super) receiver: Receiver,
    pub(super) daemon: Daemon,
    pub(super) screen: Screen,
    sandbox: Sandbox,
    client: Client,
    /// Why the daemon's socket did not answer what was asked last.
    socket_error: RefCell<Option<String>>,
}

impl Harness {
    /// Starts the tenant and the receiver, and prepares a daemon that does not run yet.
    pub(super) async fn start(path: &Path, screen: Screen) -> anyhow::Result<Self> {
        let secret = new_secret();
        let sandbox = Sandbox::start(SandboxConfig {
            tenant: TENANT.to_owned(),
            client_id: CLIENT.to_owned(),
            client_secret: secret.clone(),
            settings: setup::settings(),
            ..SandboxConfig::default()
        })
        .await?;
        let (tenant, origin) = (sandbox.handle(), sandbox.origin());
        for collection in COLLECTIONS {
            tenant
                .change(&ChangeRequest::inserts(collection, STOCK))
                .map_err(|why| anyhow::anyhow!("the stock of {collection}: {why}"))?;
        }

        let keys = path.join("keys");
        fs::create_dir(&keys)?;
        let source = Source::new(&origin, &setup::token_url(&origin), CLIENT, &secret)?;
        let config = ReceiverConfig { replays_from: Some(setup::AGENT.to_owned()), source: Some(source) };
        let receiver = Receiver::start(config).await.context("the receiver")?;
        for collection in COLLECTIONS {
            receiver.trust(collection, keys.join(collection));
        }

        let program = std::env::current_exe().context("where this program is")?;
        let configuration = setup::configuration(path, &program, &origin, receiver.origin())?;
        let file = path.join("config.toml");
        durable_file::write(&path.join("client-secret"), secret.as_bytes(), false)?;
        durable_file::write(&file, configuration.as_bytes(), false)?;
        let config = config::load(&file).map_err(|error| anyhow::anyhow!("{}", error.render(false)))?;
        let client = Client::control(&config.daemon.control_socket)?;
        let daemon = Daemon::new(program, file, path.join("daemon.log"));
        Ok(Self { tenant, receiver, daemon, screen, sandbox, client, socket_error: RefCell::default() })
    }

    pub(super) async fn stop(mut self) {
        if let Err(error) = self.daemon.kill().await {
            tracing::warn!(%error, "the daemon could not be killed");
        }
        drop(self.receiver);
        self.sandbox.shutdown().await;
    }

    /// Waits until `look` finds something, and fails if that takes longer than `within` or the daemon
    /// ends meanwhile. `what` completes "waiting until".
    pub(super) async fn until<T>(
        &mut self,
        what: &str,
        within: Duration,
        look: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<T> {
        if let Some(found) = self.until_or_never(what, within, look).await? {
            return Ok(found);
        }
        let said = self.socket_error.take().map(|error| format!("; the daemon's socket said: {error}"));
        let said = said.unwrap_or_default();
        anyhow::bail!("timed out after {} s of waiting until {what}{said}", within.as_secs())
    }

    /// Like [`until`](Self::until), with nothing as the answer when the time is up.
    pub(super) async fn until_or_never<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut look: impl AsyncFnMut(&Self) -> Option<T>,
    ) -> anyhow::Result<Option<T>> {
        self.socket_error.take();
        let deadline = Instant::now() + within;
        let mut next_line = Instant::now();
        loop {
            self.daemon.check()?;
            // A daemon that hangs must not stop the clock.
            match timeout_at(deadline, look(self)).await {
                Ok(None) if Instant::now() < deadline => {}
                Ok(found) => return Ok(found),
                Err(_) => return Ok(None),
            }
            if Instant::now() >= next_line {
                next_line = Instant::now() + REPAINT;
                let Fate { changes, missing, .. } = self.fate();
                let delivered = changes - missing;
                self.screen.moving(&format!("until {what} · {changes} changes, {delivered} delivered"))?;
            }
            sleep(LOOK).await;
        }
    }

    pub(super) fn fate(&self) -> Fate {
        let changes = self.tenant.changes(0);
        self.receiver.holding(|held| audit::total(&changes, held))
    }

    /// What the daemon's control socket answers; none if it does not answer with that.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let answer = self.client.get(path).await;
        self.socket_error.replace(answer.as_ref().err().map(|error| format!("{error:#}")));
        answer.ok()
    }

    pub(super) async fn webhook(&self, collection: &str) -> Option<report::Webhook> {
        self.ask(&format!("/v1/webhooks/{TENANT}/{collection}")).await
    }

    pub(super) async fn renewals(&self, collection: &str) -> Option<Vec<report::Renewal>> {
        let history: report::History =
            self.ask(&format!("/v1/webhooks/{TENANT}/{collection}/history")).await?;
        Some(history.renewals)
    }

    pub(super) fn at_tenant(&self, collection: &str) -> Option<WebhookView> {
        let mut webhooks = self.tenant.webhooks().into_iter();
        webhooks.find(|webhook| webhook.collection == collection && !webhook.deleted)
    }

    pub(super) fn key_in_file(&self, collection: &str) -> Option<String> {
        self.receiver.fingerprint(collection)
    }

    pub(super) fn file_agrees(&self, collection: &str) -> bool {
        let file = self.key_in_file(collection);
        file.is_some() && file == self.at_tenant(collection).map(|webhook| webhook.fingerprint)
    }

    pub(super) async fn keys_agree(&self, collection: &str) -> bool {
        let answer: Option<Value> = self.ask(&format!("/v1/webhooks/{TENANT}/{collection}/key")).await;
        let key = answer.and_then(|answer| WebhookKey::new(answer["key"].as_str()?.to_owned()));
        let daemon = key.map(|key| key.fingerprint());
        daemon == self.key_in_file(collection) && self.file_agrees(collection)
    }

    /// Whether every webhook is active, owes nothing, and has one key everywhere.
    pub(super) async fn all_well(&self) -> bool {
        for collection in COLLECTIONS {
            let Some(webhook) = self.webhook(collection).await else { return false };
            let idle = webhook.renewal.is_none() && webhook.owed_resync.is_none();
            let delivers = self.at_tenant(collection).is_some_and(|webhook| webhook.status == "Enabled");
            if webhook.state != State::Active || !idle || !delivers || !self.keys_agree(collection).await {
                return false;
            }
        }
        true
    }
}
