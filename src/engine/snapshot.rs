//! The views of all webhooks as JSON, for those who show each of them.
//!
//! Laws: a view is made when something of its webhook has changed, and not again for those who ask before anything
//! has; those who ask in the meantime share the bytes; no one keeps them when no one asks.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::MutexGuard;

use super::{Engine, setup::Setup};
use crate::{
    domain::{
        report::{self, State},
        state::WebhookId,
        webhook::{TenantName, WebhookPath},
    },
    store::StoreError,
    views::webhook::{self as webhook_view, Shown},
};

/// So long they are kept after someone has asked for them.
pub(super) const KEPT: Duration = Duration::from_mins(1);

/// The views that were asked for last.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    views: BTreeMap<WebhookPath, View>,
    /// Whether every webhook is in it.
    is_whole: bool,
    /// All of them in one answer, without and with what may be secret in URLs, once someone has asked for that.
    redacted: Option<Bytes>,
    with_secrets: Option<Bytes>,
    asked_at: Option<Instant>,
    /// How many views were made so far.
    pub(crate) made: usize,
}

#[derive(Debug)]
pub(super) struct View {
    path: WebhookPath,
    state: State,
    shown: Shown,
}

impl View {
    fn of(path: &WebhookPath, view: &report::Webhook) -> Self {
        Self { path: path.clone(), state: view.state, shown: webhook_view::shown(view) }
    }
}

/// What has become of the views since the last look at them; kept by who judges the webhooks.
#[derive(Debug, Default)]
pub(super) struct NewViews {
    views: HashMap<WebhookId, View>,
    /// Whether those are all that there are.
    are_all: bool,
    /// Whether they are followed since all began to be looked at.
    follows_all: bool,
    /// What else than its state is shown of a webhook is another after each poll of its tenant.
    polls: Option<u64>,
    polls_of: HashMap<TenantName, u64>,
}

impl NewViews {
    pub(super) fn add(&mut self, id: WebhookId, path: &WebhookPath, view: &report::Webhook) {
        self.views.insert(id, View::of(path, view));
    }

    /// All are about to be looked at.
    pub(super) fn begin_all(&mut self) {
        self.follows_all = true;
    }

    /// All were looked at; whether they are all here.
    pub(super) fn end_all(&mut self, is_present: impl Fn(WebhookId) -> bool) -> bool {
        self.views.retain(|id, _| is_present(*id));
        self.are_all = std::mem::take(&mut self.follows_all);
        self.are_all
    }

    /// The webhooks of tenants that were polled since this was last asked; `polls` is how many polls have ended.
    pub(super) fn polled(&mut self, setup: &Setup, polls: u64) -> Vec<WebhookId> {
        let mut changed = Vec::new();
        if self.polls.replace(polls) == Some(polls) {
            return changed;
        }
        for tenant in &setup.tenants {
            let ended = tenant.ended_polls();
            if self.polls_of.insert(tenant.name.clone(), ended) != Some(ended) {
                changed.extend(tenant.webhooks());
            }
        }
        changed
    }

    /// Begins again where someone has taken the views.
    pub(super) fn take(&mut self) -> Self {
        let (views, are_all) = (std::mem::take(&mut self.views), std::mem::take(&mut self.are_all));
        Self { views, are_all, ..Self::default() }
    }
}

impl Engine {
    /// The views of all webhooks as they are now.
    pub(crate) async fn snapshot(&self) -> Result<MutexGuard<'_, Snapshot>, StoreError> {
        // Those who ask while it is made wait for it and share it.
        let mut snapshot = self.shared.snapshot.lock().await;
        if !snapshot.is_whole {
            *snapshot =
                Snapshot { made: snapshot.made, asked_at: Some(Instant::now()), ..Snapshot::default() };
            self.shared.publisher.lock().await.follow_views(self);
            let setup = self.setup();
            // Without the lock of the publisher: all of them take a while. What changes meanwhile is followed.
            for state in self.shared.store.states().await? {
                let Some(procedure) = setup.procedures.get(&state.id) else { continue };
                snapshot.put(View::of(&state.path, &webhook_view::webhook(&state, procedure)));
            }
            snapshot.is_whole = true;
        }
        let new = self.shared.publisher.lock().await.new_views(self).await?;
        snapshot.take_over(new);
        snapshot.asked_at = Some(Instant::now());
        Ok(snapshot)
    }

    /// The answer with the views of one tenant where those of all are not there already: they are not made for it.
    pub(crate) async fn list_of_tenant(
        &self,
        name: &str,
        with_secrets: bool,
        wanted: Option<State>,
    ) -> Result<Option<Bytes>, StoreError> {
        if self.shared.snapshot.lock().await.is_whole {
            return Ok(None);
        }
        let setup = self.setup();
        let mut views = Vec::new();
        if let Some(tenant) = setup.tenants.iter().find(|tenant| tenant.name.as_str() == name) {
            for state in self.shared.store.states_of(&tenant.name).await? {
                let Some(procedure) = setup.procedures.get(&state.id) else { continue };
                let view = webhook_view::webhook(&state, procedure);
                if wanted.is_none_or(|wanted| wanted == view.state) {
                    views.push(webhook_view::shown(&view));
                }
            }
        }
        Ok(Some(list(views.iter().map(|view| view.json(with_secrets)))))
    }

    /// Forgets the views if no one has asked for them for so long.
    pub(crate) async fn forget_snapshot(&self, unasked: Duration) {
        if let Ok(mut snapshot) = self.shared.snapshot.try_lock()
            && snapshot.asked_at.is_some_and(|at| at.elapsed() >= unasked)
        {
            *snapshot = Snapshot { made: snapshot.made, ..Snapshot::default() };
            self.shared.publisher.lock().await.unfollow_views();
        }
    }
}

impl Snapshot {
    fn put(&mut self, view: View) {
        self.made += 1;
        // Most of those that are only looked at again show what they have shown.
        if self.views.get(&view.path).is_none_or(|before| before.shown != view.shown) {
            self.views.insert(view.path.clone(), view);
            (self.redacted, self.with_secrets) = (None, None);
        }
    }

    fn take_over(&mut self, new: NewViews) {
        if new.are_all {
            self.views.clear();
            (self.redacted, self.with_secrets) = (None, None);
        }
        for view in new.views.into_values() {
            self.put(view);
        }
    }

    /// The answer with all views; what may be secret in URLs is in it if `with_secrets`.
    pub(crate) fn all(&mut self, with_secrets: bool) -> Bytes {
        let known = if with_secrets { &mut self.with_secrets } else { &mut self.redacted };
        if let Some(known) = known {
            return known.clone();
        }
        let list = list(self.views.values().map(|view| view.shown.json(with_secrets)));
        *known = Some(list.clone());
        if !with_secrets {
            // There once: the views become parts of the list.
            let mut at = BEFORE.len();
            for view in self.views.values_mut() {
                let end = at + view.shown.redacted.len();
                view.shown.redacted = list.slice(at..end);
                at = end + BETWEEN.len();
            }
        }
        list
    }

    /// The answer with the views of one tenant or in one state.
    pub(crate) fn some(&self, with_secrets: bool, tenant: Option<&str>, state: Option<State>) -> Bytes {
        let wanted = self.views.values().filter(|view| {
            tenant.is_none_or(|tenant| tenant == view.path.tenant.as_str())
                && state.is_none_or(|state| state == view.state)
        });
        list(wanted.map(|view| view.shown.json(with_secrets)))
    }
}

// The JSON of `report::Webhooks`.
const BEFORE: &[u8] = b"{\"webhooks\":[";
const BETWEEN: &[u8] = b",";
const AFTER: &[u8] = b"]}";

fn list<'a>(views: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    let length = views.clone().map(|view| view.len() + BETWEEN.len()).sum::<usize>();
    let mut list = BytesMut::with_capacity(BEFORE.len() + length + AFTER.len());
    list.put_slice(BEFORE);
    for (number, view) in views.enumerate() {
        if number > 0 {
            list.put_slice(BETWEEN);
        }
        list.put_slice(view);
    }
    list.put_slice(AFTER);
    list.freeze()
}
