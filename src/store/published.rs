//! What is known of the webhooks that were asked for of late, in memory: a state and its keys are given without
//! a look into the database.
//!
//! Laws: what is given is what is on disk; a commit is in it before its maker hears of it. What was read while
//! it was written is not kept, for it may be the older of the two. Nothing is kept that no one asks for.

use std::{
    collections::{BTreeSet, HashMap},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::{
    Keys, Look, OfTenant, Store, StoreError,
    changes::{Changes, Effect, Written},
    keys, state,
};
use crate::domain::{
    state::{LastList, WebhookId, WebhookState},
    webhook::TenantName,
};

/// So many webhooks are kept at most: some tens of megabytes.
const MOST: usize = 16_384;

/// So long a webhook is kept of which no one asks.
const IDLE: Duration = Duration::from_secs(10);

/// What is known of a webhook, and after it its keys: they may be of a later commit.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) state: Arc<WebhookState>,
    pub(crate) keys: Arc<Keys>,
}

#[derive(Debug)]
struct Kept {
    state: Arc<WebhookState>,
    /// `None`: not asked for yet.
    keys: Option<Arc<Keys>>,
    asked_at: Instant,
}

/// What was written since the start that is stored once for all webhooks of a tenant.
#[derive(Debug, Default)]
struct TenantFacts {
    list: Option<LastList>,
    after_end: Option<bool>,
    /// How often something became of one of its webhooks.
    writes: u64,
}

#[derive(Debug)]
struct Inner {
    webhooks: HashMap<WebhookId, Kept>,
    tenants: HashMap<TenantName, TenantFacts>,
    /// How often a webhook of these numbers was written.
    versions: [u64; PARTS],
    /// How often what concerns several webhooks was.
    version_of_several: u64,
    /// How often all webhooks were.
    writes_of_all: u64,
    swept_at: Instant,
}

/// One for each last byte of a number: a read of a webhook is of use although most others are written meanwhile.
const PARTS: usize = 256;

fn part(id: WebhookId) -> usize {
    usize::from(id.0.to_le_bytes()[0])
}

#[derive(Debug, Clone)]
pub(super) struct Published(Arc<Mutex<Inner>>);

impl Published {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Inner {
            webhooks: HashMap::new(),
            tenants: HashMap::new(),
            versions: [0; PARTS],
            version_of_several: 0,
            writes_of_all: 0,
            swept_at: Instant::now(),
        })))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what was committed, adds to its states what is stored once for their tenant, and tells of it: who
    /// sees it here finds it among the changes.
    pub(super) fn publish(&self, effect: &mut Effect, changes: &Changes) {
        let mut inner = self.lock();
        inner.version_of_several += u64::from(effect.changed.all || effect.of_tenant.is_some());
        if effect.changed.all {
            inner.webhooks.clear();
            inner.writes_of_all += 1;
        }
        match &effect.of_tenant {
            None => {}
            Some(OfTenant::Listed(tenant, list, looks)) => {
                inner.facts(tenant).list = Some(*list);
                // Those among them that someone asks for are read again.
                inner.webhooks.retain(|_, kept| kept.state.path.tenant != *tenant);
                effect.scheduled.extend(looks);
            }
            Some(OfTenant::AfterEnd(tenant, after_end)) => {
                let facts = inner.facts(tenant);
                facts.after_end = Some(*after_end);
                facts.writes += 1;
                inner.webhooks.retain(|_, kept| kept.state.path.tenant != *tenant);
            }
        }
        for look in &effect.scheduled {
            inner.touch(look.id);
            if let Some(kept) = inner.webhooks.get_mut(&look.id)
                && kept.state.revision == look.revision
            {
                Arc::make_mut(&mut kept.state).next_action_at = look.at;
            }
        }
        for written in &mut effect.changed.written {
            inner.write(written);
        }
        changes.add(mem::take(&mut effect.changed));
    }

    /// What is known of a webhook, or else by which version of it a read begins.
    fn get(&self, id: WebhookId) -> Result<Known, u64> {
        let mut inner = self.lock();
        let version = inner.version(id);
        let kept = inner.webhooks.get_mut(&id).ok_or(version)?;
        kept.asked_at = Instant::now();
        let keys = kept.keys.as_ref().ok_or(version)?;
        Ok(Known { state: Arc::clone(&kept.state), keys: Arc::clone(keys) })
    }

    fn state(&self, id: WebhookId) -> Option<Arc<WebhookState>> {
        let mut inner = self.lock();
        let kept = inner.webhooks.get_mut(&id)?;
        kept.asked_at = Instant::now();
        Some(Arc::clone(&kept.state))
    }

    /// Keeps what was read, unless it may have been written since it had this version.
    fn keep(&self, known: &Known, version: u64) {
        let mut inner = self.lock();
        let id = known.state.id;
        if inner.version(id) == version {
            inner.insert(
                id,
                Kept {
                    state: Arc::clone(&known.state),
                    keys: Some(Arc::clone(&known.keys)),
                    asked_at: Instant::now(),
                },
            );
        }
    }
}

impl Inner {
    fn facts(&mut self, tenant: &TenantName) -> &mut TenantFacts {
        self.tenants.entry(tenant.clone()).or_default()
    }

    fn write(&mut self, written: &mut Written) {
        let facts = self.facts(&written.state.path.tenant);
        facts.writes += 1;
        let (list, after_end) = (facts.list, facts.after_end);
        let state = Arc::make_mut(&mut written.state);
        state.after_end = after_end.unwrap_or(state.after_end);
        if let Some(list) = list {
            state.see_in(list);
        }
        let id = written.state.id;
        self.touch(id);
        let before = self.webhooks.remove(&id);
        let keys = written.keys.clone().or_else(|| before.as_ref().and_then(|kept| kept.keys.clone()));
        let asked_at = before.map_or_else(Instant::now, |kept| kept.asked_at);
        self.insert(id, Kept { state: Arc::clone(&written.state), keys, asked_at });
    }

    /// Counts what was written that may concern a webhook.
    fn version(&self, id: WebhookId) -> u64 {
        self.versions[part(id)] + self.version_of_several
    }

    fn touch(&mut self, id: WebhookId) {
        self.versions[part(id)] += 1;
    }

    fn insert(&mut self, id: WebhookId, kept: Kept) {
        if self.webhooks.len() < MOST || self.webhooks.contains_key(&id) {
            self.webhooks.insert(id, kept);
        }
    }
}

impl Store {
    pub(crate) async fn state(&self, id: WebhookId) -> Result<Arc<WebhookState>, StoreError> {
        match self.published.state(id) {
            Some(state) => Ok(state),
            None => Ok(self.known(id).await?.state),
        }
    }

    pub(crate) async fn keys(&self, id: WebhookId) -> Result<Keys, StoreError> {
        Ok(Keys::clone(&self.known(id).await?.keys))
    }

    /// What is known of a webhook, and after it its keys.
    pub(crate) async fn known(&self, id: WebhookId) -> Result<Known, StoreError> {
        let version = match self.published.get(id) {
            Ok(known) => return Ok(known),
            Err(version) => version,
        };
        let (state, keys) = self
            .key_reader
            .run(move |connection| Ok((state::of(connection, id)?, keys::stored(connection, id)?)), |_| {})
            .await?;
        let known = Known { state: Arc::new(state), keys: Arc::new(keys) };
        self.published.keep(&known, version);
        Ok(known)
    }

    /// What is known in memory of some of these webhooks; it is among the changes as well, or was. The others are left.
    pub(crate) fn states_at_hand(&self, ids: &mut BTreeSet<WebhookId>) -> Vec<Arc<WebhookState>> {
        let inner = self.published.lock();
        let at_hand: Vec<_> =
            ids.iter().filter_map(|id| inner.webhooks.get(id)).map(|kept| Arc::clone(&kept.state)).collect();
        for state in &at_hand {
            ids.remove(&state.id);
        }
        at_hand
    }

    /// Counts the commits that a tenant's webhooks were written in, besides those that only say when to look at them.
    pub(crate) fn writes_of(&self, tenant: &TenantName) -> u64 {
        let inner = self.published.lock();
        inner.writes_of_all + inner.tenants.get(tenant).map_or(0, |facts| facts.writes)
    }

    /// Forgets the webhooks that no one has asked for of late; they are read again when someone does.
    pub(crate) fn forget_idle(&self) {
        let mut inner = self.published.lock();
        if inner.swept_at.elapsed() >= IDLE / 2 {
            inner.swept_at = Instant::now();
            inner.webhooks.retain(|_, kept| kept.asked_at.elapsed() < IDLE);
            if inner.webhooks.is_empty() {
                inner.webhooks = HashMap::new();
            }
        }
    }
}

impl Look {
    /// What it changes of what is kept.
    pub(super) fn into_effect(self) -> Effect {
        Effect { scheduled: vec![self], ..Effect::default() }
    }
}
