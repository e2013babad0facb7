//! The tenant's whole state, and the few operations that touch more than one part of it.
//!
//! Everything here happens at one moment under one lock; nothing waits and nothing does I/O.
//! `now` is the tenant's own time, which a test may set off from the machine's.

use std::collections::BTreeSet;

use axum::body::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    clock,
    sandbox::{
        collections::{Collections, Object, change_version},
        deltas::Deltas,
        faults::Faults,
        journal::{Change, ChangeKind, Journal, Transition},
        references::References,
        settings::Settings,
        time::shifted,
        tokens::Tokens,
        webhooks::{Pair, Pending, PostRefused, Webhooks},
        words,
    },
};

/// Changes to make.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeRequest {
    /// The collection.
    pub(crate) collection: String,
    /// The object; a new one, or for a deletion the oldest one, where this is absent.
    #[serde(default)]
    pub(crate) id: Option<String>,
    /// `upsert` or `delete`.
    #[serde(default)]
    pub(crate) kind: WantedKind,
    /// How many changes.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// The object's `date`; today for a new one, unchanged for another, where this is absent.
    #[serde(default)]
    pub(crate) date: Option<String>,
}

fn one() -> usize {
    1
}

/// What to do with an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum WantedKind {
    /// Insert or update.
    #[default]
    Upsert,
    /// Delete.
    Delete,
}

impl ChangeRequest {
    /// So many new objects.
    pub(crate) fn inserts(collection: &str, count: usize) -> Self {
        let collection = collection.to_owned();
        Self { collection, id: None, kind: WantedKind::Upsert, count, date: None }
    }
}

/// Continuous changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Steady {
    /// Where, in turn.
    pub(crate) collections: Vec<String>,
    /// How many, over all of them; 0 stops.
    pub(crate) per_second: f64,
    /// Every how many changes one is a deletion; 0 for none.
    #[serde(default)]
    pub(crate) delete_every: u64,
    /// Collections in which nothing is deleted.
    #[serde(default)]
    pub(crate) keep: Vec<String>,
}

/// Who asks for a POST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Poster {
    /// The client, through the API.
    Client,
    /// Somebody else.
    Foreign,
}

/// The whole state.
pub(crate) struct Tenant {
    /// Its name, as in the token endpoint's path.
    pub(crate) name: String,
    /// The client's id.
    pub(crate) client_id: String,
    /// The client's secret.
    pub(crate) client_secret: String,
    /// Scheme, host and port.
    pub(crate) origin: String,
    /// How it behaves.
    pub(crate) settings: Settings,
    /// Who may ask.
    pub(crate) tokens: Tokens,
    /// Whom to tell.
    pub(crate) webhooks: Webhooks,
    /// What there is.
    pub(crate) collections: Collections,
    /// Which deltas live.
    pub(crate) deltas: Deltas,
    /// What goes wrong.
    pub(crate) faults: Faults,
    /// What happened.
    pub(crate) journal: Journal,
    /// What keeps changing.
    pub(crate) steady: Steady,
}

impl Tenant {
    /// The tenant's time.
    pub(crate) fn now(&self) -> Timestamp {
        shifted(clock::now(), self.settings.clock_offset_ms)
    }

    /// Disables what has reached its `validUntil`.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        for serial in self.webhooks.expired(now) {
            self.disable(serial, "expired");
        }
    }

    /// Disables a webhook; false if it does not deliver anyway.
    pub(crate) fn disable(&mut self, serial: usize, cause: &'static str) -> bool {
        let dropped = self.webhooks.disable(serial, cause);
        dropped.is_some_and(|dropped| self.note(serial, "disabled", cause, dropped))
    }

    /// Deletes a webhook softly; false if it was deleted before.
    pub(crate) fn delete(&mut self, serial: usize, cause: &'static str) -> bool {
        let dropped = self.webhooks.delete(serial);
        dropped.is_some_and(|dropped| self.note(serial, "deleted", cause, dropped))
    }

    /// Creates or renews a webhook; answers with its number and whether it is new.
    pub(crate) fn post(
        &mut self,
        pair: &Pair,
        references: &References,
        poster: Poster,
        now: Timestamp,
    ) -> Result<(usize, bool), PostRefused> {
        let foreign = poster == Poster::Foreign;
        let (serial, new) = self.webhooks.post(pair, references, foreign, &self.settings, now)?;
        let what = if new { "created" } else { "renewed" };
        self.note(serial, what, if foreign { "foreign" } else { "client" }, 0);
        Ok((serial, new))
    }

    fn note(&mut self, serial: usize, what: &'static str, cause: &'static str, dropped: usize) -> bool {
        let Some(webhook) = self.webhooks.by_serial(serial) else { return false };
        let (seq, at) = self.journal.stamp();
        self.journal.transition(Transition {
            seq,
            at,
            destination_url: webhook.pair.destination_url.clone(),
            collection: webhook.pair.collection.clone(),
            id: webhook.id.clone(),
            what,
            cause,
            key_version: webhook.key_version,
            dropped,
        });
        true
    }

    /// Makes changes and queues an event for every webhook that delivers; the error names what is
    /// wrong, and then nothing has changed unless fewer objects could be deleted than were asked for.
    pub(crate) fn change(&mut self, wanted: &ChangeRequest, now: Timestamp) -> Result<Vec<Change>, String> {
        let collection = words::known_collection(&wanted.collection)
            .ok_or_else(|| format!("`{}` is no collection", wanted.collection))?;
        let mut changes = Vec::new();
        for _ in 0..wanted.count {
            let id = match wanted.kind {
                WantedKind::Upsert => {
                    self.collections.upsert(collection, wanted.id.as_deref(), wanted.date.as_deref(), now)
                }
                WantedKind::Delete => match self.collections.delete(collection, wanted.id.as_deref()) {
                    Some(id) => id,
                    None if changes.is_empty() => {
                        return Err(format!("there is nothing to delete in {collection}"));
                    }
                    None => break,
                },
            };
            changes.push(self.tell(collection, id, now));
        }
        Ok(changes)
    }

    fn tell(&mut self, collection: &'static str, id: String, at: Timestamp) -> Change {
        let (seq, _) = self.journal.stamp();
        let object = self.collections.get(collection, &id);
        let kind = object.map_or(ChangeKind::Upsert, Object::kind);
        let version = object.map_or(0, |object| object.version);
        let listeners: Vec<usize> = self
            .webhooks
            .all()
            .iter()
            .filter(|webhook| webhook.delivers() && webhook.pair.collection == collection)
            .map(|webhook| webhook.serial)
            .collect();
        for serial in &listeners {
            if let (Some(webhook), Some(object)) = (self.webhooks.by_serial(*serial), object) {
                let body = Bytes::from(object.told(&webhook.references).to_string());
                webhook.queue.push_back(Pending { change_seq: seq, body });
            }
        }
        let change_version = change_version(version);
        let change = Change { seq, at, collection: collection.to_owned(), id, change_version, kind };
        self.journal.change(change.clone(), listeners.len());
        change
    }

    /// The scopes of those asked for that the client may have; all of them if none was asked for.
    pub(crate) fn granted(&self, asked: &str) -> BTreeSet<String> {
        let asked: BTreeSet<&str> = asked.split_whitespace().collect();
        let allowed = self.settings.scopes().into_iter();
        allowed.filter(|scope| asked.is_empty() || asked.contains(scope.as_str())).collect()
    }
}
