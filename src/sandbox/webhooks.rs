//! The webhooks of the tenant and what becomes of them.
//!
//! Laws: the pair is the identity; every POST issues a new key and the old one is dead at once;
//! a webhook that is disabled or deleted drops what it had not delivered, for ever.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::sandbox::{
    references::References,
    secret,
    settings::{OtherReferences, Settings},
    time::later,
};

/// What identifies a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    /// Where events go, exactly as it was sent.
    pub(crate) destination_url: String,
    /// The collection's name.
    pub(crate) collection: String,
}

/// An event that waits for delivery.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// The change that it tells of.
    pub(crate) change_seq: u64,
    /// Its raw bytes.
    pub(crate) body: Bytes,
}

/// One webhook; a deleted one stays for the debugging endpoint.
#[derive(Debug)]
pub(crate) struct Webhook {
    /// Its number in the sandbox, which never changes.
    pub(crate) serial: usize,
    /// Its id at Protime.
    pub(crate) id: String,
    /// Its identity.
    pub(crate) pair: Pair,
    /// What its events carry besides.
    pub(crate) references: References,
    /// Why it is disabled: `expired`, `exhausted` or `admin`; none while it is enabled.
    pub(crate) disabled: Option<&'static str>,
    /// Whether it was deleted.
    pub(crate) deleted: bool,
    /// Until when it delivers, by the tenant's clock.
    pub(crate) valid_until: Timestamp,
    /// The key that counts.
    pub(crate) key: String,
    /// Counts the keys of the pair, from 1.
    pub(crate) key_version: u64,
    /// POSTs for the pair through the API.
    pub(crate) posts: u64,
    /// POSTs for the pair by somebody else.
    pub(crate) foreign_posts: u64,
    /// Events that arrived.
    pub(crate) delivered: u64,
    /// Events that wait for a first attempt.
    pub(crate) queue: VecDeque<Pending>,
    /// Counts the lives: what belongs to an earlier one is not delivered any more.
    pub(crate) life: u64,
    /// Events of this life that are under way.
    pub(crate) running: usize,
}

impl Webhook {
    /// Whether it takes and delivers events.
    pub(crate) fn delivers(&self) -> bool {
        self.disabled.is_none() && !self.deleted
    }

    /// Its status in Protime's words.
    pub(crate) fn status(&self) -> &'static str {
        if self.delivers() { "Enabled" } else { "Disabled" }
    }

    /// Ends its life and says how many events are lost with it.
    fn end_life(&mut self) -> usize {
        let dropped = self.queue.len() + self.running;
        self.queue.clear();
        self.running = 0;
        self.life += 1;
        dropped
    }
}

/// A webhook as the admin API shows it, with its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WebhookView {
    /// Its id at Protime.
    pub(crate) id: String,
    /// Where events go.
    pub(crate) destination_url: String,
    /// The collection's name.
    pub(crate) collection: String,
    /// `collection,reference` each.
    pub(crate) external_references: Vec<String>,
    /// `Enabled` or `Disabled`.
    pub(crate) status: &'static str,
    /// Why it is disabled.
    pub(crate) disabled_by: Option<&'static str>,
    /// Whether it was deleted.
    pub(crate) deleted: bool,
    /// By the tenant's clock.
    pub(crate) valid_until: Timestamp,
    /// The key that counts.
    pub(crate) key: String,
    /// Counts the keys of the pair, from 1.
    pub(crate) key_version: u64,
    /// The key's fingerprint.
    pub(crate) fingerprint: String,
    /// POSTs for the pair through the API.
    pub(crate) posts: u64,
    /// POSTs for the pair by somebody else.
    pub(crate) foreign_posts: u64,
    /// Events that arrived.
    pub(crate) delivered: u64,
    /// Events that wait or are under way.
    pub(crate) pending: usize,
}

/// What a POST was refused for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReferencesFixed;

/// All webhooks, in the order in which they were created.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    all: Vec<Webhook>,
    live: HashMap<Pair, usize>,
}

impl Webhooks {
    /// Every webhook, deleted ones included.
    pub(crate) fn all(&self) -> &[Webhook] {
        &self.all
    }

    /// The webhook with this number.
    pub(crate) fn by_serial(&mut self, serial: usize) -> Option<&mut Webhook> {
        self.all.get_mut(serial)
    }

    /// The webhook of a pair, unless it was deleted.
    pub(crate) fn by_pair(&self, pair: &Pair) -> Option<&Webhook> {
        self.live.get(pair).and_then(|serial| self.all.get(*serial))
    }

    /// The webhook with an id, deleted ones included.
    pub(crate) fn by_id(&self, id: &str) -> Option<&Webhook> {
        self.all.iter().rev().find(|webhook| webhook.id == id)
    }

    /// Creates or renews; answers with its number and whether it is new.
    pub(crate) fn post(
        &mut self,
        pair: &Pair,
        references: &References,
        foreign: bool,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(usize, bool), ReferencesFixed> {
        let existing = self.live.get(pair).copied();
        let serial = existing.unwrap_or_else(|| self.insert(pair, references.clone(), now));
        let Some(webhook) = self.all.get_mut(serial) else { return Ok((serial, false)) };
        let other = !references.is_empty() && *references != webhook.references;
        if other && settings.other_references == OtherReferences::Refuse {
            return Err(ReferencesFixed);
        }
        if settings.new_id && existing.is_some() {
            webhook.id = secret::id();
        }
        webhook.key = secret::webhook_key();
        webhook.key_version += 1;
        webhook.valid_until = later(now, settings.lifetime_ms);
        webhook.disabled = None;
        if foreign {
            webhook.foreign_posts += 1;
        } else {
            webhook.posts += 1;
        }
        Ok((serial, existing.is_none()))
    }

    fn insert(&mut self, pair: &Pair, references: References, now: Timestamp) -> usize {
        let serial = self.all.len();
        let earlier = self.all.iter().rev().find(|webhook| webhook.pair == *pair);
        let counts =
            earlier.map_or((0, 0, 0), |webhook| (webhook.key_version, webhook.posts, webhook.foreign_posts));
        self.all.push(Webhook {
            serial,
            id: secret::id(),
            pair: pair.clone(),
            references,
            disabled: None,
            deleted: false,
            valid_until: now,
            key: String::new(),
            key_version: counts.0,
            posts: counts.1,
            foreign_posts: counts.2,
            delivered: 0,
            queue: VecDeque::new(),
            life: 0,
            running: 0,
        });
        self.live.insert(pair.clone(), serial);
        serial
    }

    /// Disables a webhook that delivers; answers with how many events are lost with it.
    pub(crate) fn disable(&mut self, serial: usize, cause: &'static str) -> Option<usize> {
        let webhook = self.all.get_mut(serial).filter(|webhook| webhook.delivers())?;
        webhook.disabled = Some(cause);
        Some(webhook.end_life())
    }

    /// Deletes a webhook softly; answers with how many events are lost with it.
    pub(crate) fn delete(&mut self, serial: usize) -> Option<usize> {
        let webhook = self.all.get_mut(serial).filter(|webhook| !webhook.deleted)?;
        webhook.deleted = true;
        self.live.remove(&webhook.pair);
        Some(webhook.end_life())
    }

    /// The numbers of those whose time has come.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<usize> {
        self.delivering().filter(|webhook| webhook.valid_until <= now).map(|webhook| webhook.serial).collect()
    }

    /// When the next one expires.
    pub(crate) fn next_expiry(&self) -> Option<Timestamp> {
        self.delivering().map(|webhook| webhook.valid_until).min()
    }

    /// The numbers of those that could begin to deliver something.
    pub(crate) fn startable(&self, parallel: usize) -> Vec<usize> {
        self.delivering()
            .filter(|webhook| !webhook.queue.is_empty() && webhook.running < parallel)
            .map(|webhook| webhook.serial)
            .collect()
    }

    /// Everything about every webhook.
    pub(crate) fn views(&self) -> Vec<WebhookView> {
        self.all
            .iter()
            .map(|webhook| WebhookView {
                id: webhook.id.clone(),
                destination_url: webhook.pair.destination_url.clone(),
                collection: webhook.pair.collection.clone(),
                external_references: webhook.references.texts(),
                status: webhook.status(),
                disabled_by: webhook.disabled,
                deleted: webhook.deleted,
                valid_until: webhook.valid_until,
                key: webhook.key.clone(),
                key_version: webhook.key_version,
                fingerprint: secret::fingerprint(&webhook.key),
                posts: webhook.posts,
                foreign_posts: webhook.foreign_posts,
                delivered: webhook.delivered,
                pending: webhook.queue.len() + webhook.running,
            })
            .collect()
    }

    fn delivering(&self) -> impl Iterator<Item = &Webhook> {
        self.all.iter().filter(|webhook| webhook.delivers())
    }
}
