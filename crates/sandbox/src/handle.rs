//! What a test or the demo may ask of a running sandbox and do to it; the admin API is this over HTTP.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{
    changes::ChangeRequest,
    core::Core,
    faults::Rule,
    journal::{Change, Delivery, Journal, Request, Transition, since},
    load::Load,
    references::References,
    settings::{DeltaPer, Settings},
    webhooks::{Pair, Poster, WebhookView},
    words,
};

#[derive(Debug, Clone, Serialize)]
pub struct Truth {
    pub(crate) tenant_time: Timestamp,
    pub(crate) settings: Settings,
    // The admin API's own word, which tests know.
    #[serde(rename = "steady")]
    pub(crate) load: Load,
    #[serde(flatten)]
    pub(crate) journal: Journal,
    pub(crate) webhooks: Vec<WebhookView>,
}

#[derive(Clone)]
pub struct Handle {
    core: Arc<Core>,
}

impl Handle {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The place of the newest record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.core.with(|tenant, _| tenant.journal.last_seq)
    }

    #[must_use]
    pub fn truth(&self) -> Truth {
        self.core.with(|tenant, now| Truth {
            tenant_time: now,
            settings: tenant.settings.clone(),
            load: tenant.load.clone(),
            journal: tenant.journal.clone(),
            webhooks: tenant.webhooks.views(),
        })
    }

    /// Every webhook with its current key, deleted ones included.
    #[must_use]
    pub fn webhooks(&self) -> Vec<WebhookView> {
        self.core.with(|tenant, _| tenant.webhooks.views())
    }

    #[must_use]
    pub fn changes(&self, seq: u64) -> Vec<Change> {
        self.core.with(|tenant, _| since(&tenant.journal.changes, seq, |it| it.seq))
    }

    #[must_use]
    pub fn requests(&self, seq: u64) -> Vec<Request> {
        self.core.with(|tenant, _| since(&tenant.journal.requests, seq, |it| it.seq))
    }

    #[must_use]
    pub fn deliveries(&self, seq: u64) -> Vec<Delivery> {
        self.core.with(|tenant, _| since(&tenant.journal.deliveries, seq, |it| it.seq))
    }

    #[must_use]
    pub fn transitions(&self, seq: u64) -> Vec<Transition> {
        self.core.with(|tenant, _| since(&tenant.journal.transitions, seq, |it| it.seq))
    }

    pub fn change(&self, wanted: &ChangeRequest) -> Result<Vec<Change>, String> {
        self.core.with(|tenant, now| tenant.change(wanted, now))
    }

    /// Lets changes go on; the error says what is wrong with the wish.
    pub fn set_load(&self, load: Load) -> Result<(), String> {
        if load.per_second != 0.0 && !(0.001..=10_000.0).contains(&load.per_second) {
            return Err(format!("per_second is {}, neither 0 nor from 0.001 to 10000", load.per_second));
        }
        if load.collections.is_empty() && load.per_second > 0.0 {
            return Err("collections is empty".to_owned());
        }
        if let Some(unknown) = load.collections.iter().find(|name| words::known_collection(name).is_none()) {
            return Err(format!("`{unknown}` is not a collection"));
        }
        self.core.with(|tenant, _| tenant.load = load);
        self.core.load.notify_one();
        Ok(())
    }

    pub(crate) fn faults(&self) -> Vec<Rule> {
        self.core.with(|tenant, _| tenant.faults.clone())
    }

    pub fn add_fault(&self, rule: Rule) -> Result<(), String> {
        rule.check()?;
        self.core.with(|tenant, _| tenant.faults.push(rule));
        Ok(())
    }

    pub(crate) fn clear_faults(&self) {
        self.core.with(|tenant, _| tenant.faults.clear());
    }

    pub(crate) fn settings(&self) -> Settings {
        self.core.with(|tenant, _| tenant.settings.clone())
    }

    /// Replaces some settings; the error says which is wrong, and then none is replaced.
    pub(crate) fn set(&self, patch: Value) -> Result<Settings, String> {
        let settings = self.core.with(|tenant, _| {
            tenant.settings = tenant.settings.patched(patch)?;
            Ok::<_, String>(tenant.settings.clone())
        })?;
        // Another clock means other waiting times, and more parallelism more to begin.
        self.core.deadlines.notify_one();
        Ok(settings)
    }

    /// Disables the webhooks of a pair; false if there is none that delivers.
    pub(crate) fn disable(&self, pair: &Pair) -> bool {
        self.core.with(|tenant, _| {
            let of_pair = tenant.webhooks.of_pair(pair).into_iter();
            of_pair.filter(|serial| tenant.disable(*serial, "admin")).count() > 0
        })
    }

    /// Renews a webhook as someone else would; false if there is none, or the POST is refused.
    pub(crate) fn foreign_renew(&self, pair: &Pair) -> bool {
        self.core.with(|tenant, now| {
            tenant.webhooks.by_pair(pair).is_some()
                && tenant.post(pair, &References::default(), Poster::Foreign, now).is_ok()
        })
    }

    /// Deletes the webhooks of a pair softly; false if there is none.
    pub(crate) fn delete_webhook(&self, pair: &Pair) -> bool {
        self.core.with(|tenant, _| {
            let of_pair = tenant.webhooks.of_pair(pair).into_iter();
            of_pair.filter(|serial| tenant.delete(*serial, "admin")).count() > 0
        })
    }

    /// Starts a delta as someone else would; false if there is no such collection, or if that ends none
    /// of ours.
    pub(crate) fn foreign_delta(&self, collection: &str) -> bool {
        self.core
            .with(|tenant, _| tenant.settings.delta_per == DeltaPer::Tenant && tenant.deltas.end(collection))
    }

    pub(crate) fn revoke_tokens(&self) -> usize {
        self.core.with(|tenant, _| tenant.tokens.revoke_all())
    }

    pub(crate) fn request_stop(&self) {
        self.core.request_stop();
    }
}
