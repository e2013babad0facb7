//! The webhooks of the tenant and what becomes of them.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ends::end_of_life,
    references::References,
    secret,
    settings::{OldAfterRenewal, OtherReferences, PostWhileEnabled, RenewedId, Settings},
    time::later,
};

/// How many earlier faces of a webhook a list that lags behind can show.
const MOST_FACES: usize = 64;

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pair {
    /// Where events go, exactly as it was sent.
    pub(crate) destination_url: String,
    pub(crate) collection: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) change_seq: u64,
    pub(crate) body: Bytes,
}

/// What a POST may change of how a webhook is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Face {
    pub(crate) id: String,
    pub(crate) valid_until: Timestamp,
    pub(crate) enabled: bool,
}

/// One webhook; a deleted one stays for the debugging endpoint.
#[derive(Debug, Default)]
pub(crate) struct Webhook {
    /// Its number in the sandbox, which never changes.
    pub(crate) serial: usize,
    pub(crate) id: String,
    pub(crate) pair: Pair,
    pub(crate) references: References,
    /// Why it is disabled: `expired`, `exhausted`, `admin` or `replaced`; none while it is enabled.
    pub(crate) disabled: Option<&'static str>,
    pub(crate) deleted: bool,
    /// Until when it delivers, by the tenant's clock.
    pub(crate) valid_until: Timestamp,
    pub(crate) key: String,
    /// Counts the keys of the pair, from 1.
    pub(crate) key_version: u64,
    /// POSTs for the pair through the API.
    pub(crate) posts: u64,
    /// POSTs for the pair by someone else.
    pub(crate) foreign_posts: u64,
    pub(crate) delivered: u64,
    /// Events that wait for a first attempt.
    pub(crate) queue: VecDeque<Pending>,
    /// Counts the lives: what belongs to an earlier one is not delivered any more.
    pub(crate) life: u64,
    /// Events of this life that are under way.
    pub(crate) running: usize,
    /// Before which POST it looked how; nothing stands for "it was not there".
    before: Vec<(Timestamp, Option<Face>)>,
}

impl Webhook {
    pub(crate) fn delivers(&self) -> bool {
        self.disabled.is_none() && !self.deleted
    }

    /// Its status in Protime's words.
    pub(crate) fn status(&self) -> &'static str {
        if self.delivers() { "Enabled" } else { "Disabled" }
    }

    pub(crate) fn face(&self) -> Face {
        Face { id: self.id.clone(), valid_until: self.valid_until, enabled: self.delivers() }
    }

    /// How a list shows it that lags so far behind; none if it was not there yet.
    pub(crate) fn face_in_list(&self, lag_ms: u64, now: Timestamp) -> Option<Face> {
        let hidden = self.before.iter().find(|(posted, _)| later(*posted, lag_ms) > now);
        hidden.map_or_else(|| Some(self.face()), |(_, before)| before.clone())
    }

    fn issue(&mut self, poster: Poster, settings: &Settings, now: Timestamp) {
        self.key = secret::webhook_key();
        self.key_version += 1;
        self.valid_until = end_of_life(now, settings);
        self.disabled = None;
        match poster {
            Poster::Client => self.posts += 1,
            Poster::Foreign => self.foreign_posts += 1,
        }
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
pub struct WebhookView {
    pub(crate) id: String,
    pub(crate) destination_url: String,
    pub collection: String,
    /// `collection,reference` each.
    pub(crate) external_references: Vec<String>,
    pub status: &'static str,
    pub(crate) disabled_by: Option<&'static str>,
    pub deleted: bool,
    pub(crate) valid_until: Timestamp,
    pub(crate) key: String,
    pub(crate) key_version: u64,
    pub fingerprint: String,
    pub(crate) posts: u64,
    pub(crate) foreign_posts: u64,
    pub delivered: u64,
    /// Events that wait or are under way.
    pub pending: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poster {
    /// Through the API.
    Client,
    Foreign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PostRefused {
    ReferencesFixed,
    StillEnabled,
}

#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    all: Vec<Webhook>,
    live: HashMap<Pair, Vec<usize>>,
}

impl Webhooks {
    /// Every webhook, deleted ones included.
    pub(crate) fn all(&self) -> &[Webhook] {
        &self.all
    }

    pub(crate) fn by_serial(&mut self, serial: usize) -> Option<&mut Webhook> {
        self.all.get_mut(serial)
    }

    /// The webhook of a pair that a POST concerns: the latest that delivers, or the latest.
    pub(crate) fn by_pair(&self, pair: &Pair) -> Option<&Webhook> {
        let mut of_pair = self.of_pair(pair).into_iter().rev().filter_map(|serial| self.all.get(serial));
        let latest = of_pair.next();
        latest.filter(|webhook| webhook.delivers()).or_else(|| of_pair.find(|it| it.delivers())).or(latest)
    }

    /// The numbers of the webhooks of a pair that were not deleted.
    pub(crate) fn of_pair(&self, pair: &Pair) -> Vec<usize> {
        self.live.get(pair).cloned().unwrap_or_default()
    }

    pub(crate) fn by_id(&self, id: &str) -> Option<&Webhook> {
        self.all.iter().rev().find(|webhook| webhook.id.eq_ignore_ascii_case(id))
    }

    /// Creates or renews, as the settings read what Protime leaves open; answers with its number and whether
    /// it is new.
    pub(crate) fn post(
        &mut self,
        pair: &Pair,
        references: &References,
        poster: Poster,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<(usize, bool), PostRefused> {
        let Some((serial, enabled)) = self.by_pair(pair).map(|it| (it.serial, it.delivers())) else {
            return Ok((self.create(pair, references.clone(), poster, settings, now), true));
        };
        let fixed = self.all.get(serial).map(|webhook| webhook.references.clone()).unwrap_or_default();
        let other = !references.is_empty() && *references != fixed;
        match settings.post_while_enabled {
            // Where the pair may have several, one with other references is one more.
            PostWhileEnabled::Second if other || enabled => {
                let references = if other { references.clone() } else { fixed };
                Ok((self.create(pair, references, poster, settings, now), true))
            }
            _ if other && settings.other_references == OtherReferences::Refuse => {
                Err(PostRefused::ReferencesFixed)
            }
            PostWhileEnabled::Conflict | PostWhileEnabled::BadRequest if enabled => {
                Err(PostRefused::StillEnabled)
            }
            _ => {
                self.renew(serial, poster, settings, now);
                Ok((serial, false))
            }
        }
    }

    fn create(
        &mut self,
        pair: &Pair,
        references: References,
        poster: Poster,
        settings: &Settings,
        now: Timestamp,
    ) -> usize {
        let serial = self.all.len();
        let earlier = self.all.iter().filter(|webhook| webhook.pair == *pair);
        let (key_version, posts, foreign_posts) = earlier
            .max_by_key(|webhook| webhook.key_version)
            .map_or((0, 0, 0), |webhook| (webhook.key_version, webhook.posts, webhook.foreign_posts));
        let mut webhook = Webhook {
            serial,
            id: secret::id(),
            pair: pair.clone(),
            references,
            key_version,
            posts,
            foreign_posts,
            before: vec![(now, None)],
            ..Webhook::default()
        };
        webhook.issue(poster, settings, now);
        self.all.push(webhook);
        self.live.entry(pair.clone()).or_default().push(serial);
        serial
    }

    /// The renewed one is the old one, whatever a list shows: what waits is delivered with the new key.
    /// Where the old one is not reused, what is left of it is an entry of its own.
    fn renew(&mut self, serial: usize, poster: Poster, settings: &Settings, now: Timestamp) {
        let Some(webhook) = self.all.get_mut(serial) else { return };
        let face = webhook.face();
        let old = Webhook {
            id: webhook.id.clone(),
            pair: webhook.pair.clone(),
            references: webhook.references.clone(),
            key: webhook.key.clone(),
            queue: VecDeque::new(),
            before: vec![(now, None)],
            disabled: Some(webhook.disabled.unwrap_or("replaced")),
            deleted: settings.old_after_renewal == OldAfterRenewal::Gone,
            running: 0,
            delivered: 0,
            ..*webhook
        };
        if webhook.before.len() == MOST_FACES {
            webhook.before.remove(0);
        }
        webhook.before.push((now, Some(face)));
        if settings.renewed_id == RenewedId::New || settings.old_after_renewal != OldAfterRenewal::Reused {
            webhook.id = secret::id();
        }
        webhook.issue(poster, settings, now);
        if settings.old_after_renewal != OldAfterRenewal::Reused {
            let serial = self.all.len();
            self.all.push(Webhook { serial, ..old });
        }
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
        if let Some(live) = self.live.get_mut(&webhook.pair) {
            live.retain(|other| *other != serial);
        }
        Some(webhook.end_life())
    }

    /// The numbers of those whose time has come.
    pub(crate) fn expired(&self, now: Timestamp) -> Vec<usize> {
        self.delivering().filter(|webhook| webhook.valid_until <= now).map(|webhook| webhook.serial).collect()
    }

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

    /// Those that get an event of what changes in a collection now.
    pub(crate) fn watching(&self, collection: &str) -> impl Iterator<Item = &Webhook> {
        self.delivering().filter(move |webhook| webhook.pair.collection == collection)
    }

    fn delivering(&self) -> impl Iterator<Item = &Webhook> {
        self.all.iter().filter(|webhook| webhook.delivers())
    }
}
