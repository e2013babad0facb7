//! A daemon that answers what it is told to: the unit tests of the sockets are about HTTP, not about it.

#![expect(clippy::unused_async, reason = "it answers in the place of the real handle")]

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::{
    answers::{Keys, PolledTenant, Unavailable, Verdict},
    live::Live,
    reload::Reloaded,
};
use crate::{
    bulletin::{Bulletin, Listener},
    domain::{report, webhook::WebhookPath},
    store::StoreError,
};

/// What the fake answers with.
#[derive(Debug, Default)]
pub(crate) struct Fake {
    pub(crate) broken: Option<String>,
    pub(crate) health: report::Health,
    pub(crate) status: Option<report::Status>,
    pub(crate) webhooks: Vec<report::Webhook>,
    pub(crate) history: Vec<report::Renewal>,
    pub(crate) keys: Keys,
    pub(crate) polled: Vec<PolledTenant>,
    pub(crate) verdict: Option<Verdict>,
    pub(crate) verified: Vec<(String, Vec<u8>)>,
    pub(crate) renewed: Vec<String>,
    pub(crate) key_reads: usize,
    pub(crate) rejected: Option<report::ConfigError>,
}

/// What sockets ask.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    fake: Arc<Mutex<Fake>>,
    rotations: watch::Sender<u64>,
    bulletin: Bulletin,
}

impl Handle {
    pub(super) fn new(_live: Live) -> Self {
        Self::fake(Fake::default())
    }

    pub(crate) fn fake(fake: Fake) -> Self {
        Self {
            fake: Arc::new(Mutex::new(fake)),
            rotations: watch::Sender::new(0),
            bulletin: Bulletin::default(),
        }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Fake) -> T) -> T {
        change(&mut self.fake.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    pub(crate) fn rotated(&self) {
        self.rotations.send_modify(|count| *count += 1);
    }

    fn ask<T>(&self, read: impl FnOnce(&mut Fake) -> T) -> Result<T, Unavailable> {
        self.change(|fake| match &fake.broken {
            Some(why) => Err(StoreError::Refused(why.clone()).into()),
            None => Ok(read(fake)),
        })
    }

    pub(crate) async fn health(&self) -> Result<report::Health, Unavailable> {
        self.ask(|fake| fake.health.clone())
    }

    pub(crate) async fn status(&self) -> Result<report::Status, Unavailable> {
        self.ask(|fake| fake.status.clone())?
            .ok_or_else(|| StoreError::Refused("no status was set".to_owned()).into())
    }

    pub(crate) async fn webhooks(&self) -> Result<Vec<report::Webhook>, Unavailable> {
        self.ask(|fake| fake.webhooks.clone())
    }

    fn find<T>(
        &self,
        path: &WebhookPath,
        read: impl FnOnce(&mut Fake, report::Webhook) -> T,
    ) -> Result<Option<T>, Unavailable> {
        self.ask(|fake| {
            let of = |webhook: &&report::Webhook| {
                webhook.tenant == path.tenant.as_str() && webhook.name == path.name.as_str()
            };
            let found = fake.webhooks.iter().find(of).cloned();
            found.map(|webhook| read(fake, webhook))
        })
    }

    pub(crate) async fn webhook(&self, path: &WebhookPath) -> Result<Option<report::Webhook>, Unavailable> {
        self.find(path, |_, webhook| webhook)
    }

    pub(crate) async fn history(
        &self,
        path: &WebhookPath,
        limit: u32,
    ) -> Result<Option<report::History>, Unavailable> {
        self.find(path, |fake, _| report::History {
            renewals: fake.history.iter().take(limit as usize).cloned().collect(),
        })
    }

    pub(crate) async fn key(&self, path: &WebhookPath) -> Result<Option<Keys>, Unavailable> {
        self.find(path, |fake, _| {
            fake.key_reads += 1;
            fake.keys.clone()
        })
    }

    pub(crate) fn rotations(&self) -> watch::Receiver<u64> {
        self.rotations.subscribe()
    }

    pub(crate) async fn renew(&self, path: &WebhookPath) -> Result<Option<i64>, Unavailable> {
        self.find(path, |fake, webhook| {
            fake.renewed.push(format!("{}/{}", webhook.tenant, webhook.name));
            16 + i64::try_from(fake.renewed.len()).unwrap_or(0)
        })
    }

    pub(crate) async fn verify(
        &self,
        path: &WebhookPath,
        authorization: &str,
        body: &[u8],
    ) -> Result<Option<Verdict>, Unavailable> {
        let verdict = self.find(path, |fake, _| {
            fake.verified.push((authorization.to_owned(), body.to_vec()));
            fake.verdict
        });
        Ok(verdict?.flatten())
    }

    pub(crate) async fn reload(&self) -> Result<Reloaded, report::ConfigError> {
        self.change(|fake| fake.rejected.clone()).map_or_else(|| Ok(Reloaded::default()), Err)
    }

    pub(crate) fn listen(&self, after: Option<&str>) -> Listener {
        self.bulletin.listen(after)
    }

    pub(crate) async fn metrics(&self) -> Result<String, Unavailable> {
        self.ask(|fake| format!("webhooks {}\n", fake.webhooks.len()))
    }

    pub(crate) async fn poll(&self) -> Vec<PolledTenant> {
        self.change(|fake| fake.polled.clone())
    }
}
