//! Taking over what a list says: of every webhook of the tenant at once, in one commit.
//!
//! Laws: what a list does not change is not written, but for the time of the list, once for the whole tenant; what
//! happens to a webhook meanwhile is not overwritten, for then all of it is judged again.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{Tenant, repeated::Compared};
use crate::{
    domain::{
        onward::onward,
        plan::{Action, is_in_time, plan, repeats_until},
        state::{LastList, Remote, WebhookId, WebhookState},
        transition::{Event, Seen, apply},
        webhook::{ExternalReference, RemoteWebhook},
    },
    renewal::{listing::Listing, webhook::Webhook},
    store::{Commit, Look, OfTenant, StoreError},
};

impl Tenant {
    /// Commits what a list says of every webhook of the tenant that was there when it was asked for, and when to
    /// look at each again; false if something happened to one of them meanwhile.
    pub(super) async fn take(
        &self,
        listing: &Listing,
        before: &HashMap<WebhookId, u64>,
        list: LastList,
    ) -> Result<bool, StoreError> {
        let (now, pairs) = (self.now(), self.pairs());
        // Before they are read.
        let writes = self.store.writes_of(&self.name);
        let mut until = Some(Timestamp::MAX);
        let (mut commits, mut looks): (Vec<Commit>, Vec<_>) = (Vec::new(), Vec::new());
        for state in self.store.states_of(&self.name).await? {
            let Some(post_marks) = before.get(&state.id) else { continue };
            let webhook = self.webhooks.get(&state.id).filter(|_| state.configured);
            let event = match webhook {
                Some(webhook) => {
                    let entry = self.entry(listing, &state, webhook, &pairs, list.asked_at);
                    Event::Listed(Box::new(self.seen(entry, *post_marks, listing, list)))
                }
                None => self.of_removed(listing, &state, &pairs, list),
            };
            let transition = apply(&state, &event, now);
            let changes = transition.changes(&state);
            let Some(webhook) = webhook else {
                until = None;
                commits.extend(changes.then(|| transition.into()));
                continue;
            };
            if changes {
                until = None;
                commits.push(onward(transition, &state, &webhook.policy, now).into());
                continue;
            }
            let (id, revision, at) = (state.id, state.revision, state.next_action_at);
            let state = state.seen_in(list);
            until = until.min(repeats_until(&state, now));
            let next = match plan(&state, &webhook.policy, now) {
                Action::Wait { until, .. } => until,
                _ => Some(now.local),
            };
            if !is_in_time(at, next, now) {
                looks.push(Look { id, at: next, revision });
            }
        }
        let of_tenant = OfTenant::Listed(self.name.clone(), list, looks);
        let taken = self.store.commit("apply_list", commits, Some(of_tenant)).await?;
        *self.lock_compared() =
            until.filter(|_| taken).map(|until| Compared::new(listing.webhooks(), writes, until));
        Ok(taken)
    }

    fn seen(&self, entry: Option<RemoteWebhook>, post_marks: u64, listing: &Listing, list: LastList) -> Seen {
        let LastList { asked_at, asked_at_protime } = list;
        let (grain, schedule) = (listing.grain(), self.timing.schedule());
        Seen { post_marks, entry, grain, asked_at, asked_at_protime, schedule }
    }

    /// Which entry of the list is that of one of our webhooks.
    fn entry(
        &self,
        listing: &Listing,
        state: &WebhookState,
        webhook: &Webhook,
        pairs: &HashSet<(String, String)>,
        asked_at: Timestamp,
    ) -> Option<RemoteWebhook> {
        let id = state.registration.as_ref().and_then(|registration| registration.id.as_deref());
        let mut found = listing.find(&webhook.pair, id, pairs)?.clone();
        self.other_references.compare(state, found.references.as_deref(), &webhook.policy.references);
        // A list can spare a renewal for other references and not cause one: how Protime writes
        // them in it is not documented, and a spelling that never fits would renew for ever.
        // One that may be older than our POST does not know of those that were sent with it.
        let settled =
            state.registration.as_ref().is_none_or(|registration| !registration.is_settling(asked_at));
        let is_wanted = |listed: &Vec<_>| {
            settled
                && ExternalReference::are_the_same(
                    &ExternalReference::all(listed),
                    &webhook.policy.references,
                )
        };
        found.references = found.references.filter(is_wanted);
        if let Some(references) = &mut found.references {
            // An object has no order; in the one that is sent they compare equal when they are stored.
            references.sort_by_key(|one| webhook.policy.references.find(&format!("({one})")));
        }
        Some(found)
    }

    /// What a list says of a webhook that left the configuration. Its delivery proves nothing to anyone here.
    fn of_removed(
        &self,
        listing: &Listing,
        state: &WebhookState,
        pairs: &HashSet<(String, String)>,
        list: LastList,
    ) -> Event {
        let id = match &state.remote {
            Remote::Listed(listed) => Some(listed.id.as_str()),
            Remote::Absent { .. } | Remote::NeverAsked => None,
        };
        match listing.find(&state.pair, id, pairs).cloned() {
            Some(entry) => {
                let list = LastList { asked_at_protime: None, ..list };
                Event::Listed(Box::new(self.seen(Some(entry), state.post_marks, listing, list)))
            }
            None => Event::Gone(list.asked_at),
        }
    }
}
