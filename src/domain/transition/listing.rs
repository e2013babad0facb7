//! What a tenant's list says of a webhook.
//!
//! Laws: a list that was asked for before the last POST began or ended is not believed; how the first list shows
//! what our rotation made is taken over from it; a list that changes nothing is not written: that the tenant was asked
//! is known of the tenant ([`WebhookState::seen_in`] adds it).

use jiff::Timestamp;

use super::{Change, Schedule};
use crate::domain::{
    grain::Grain,
    plan::{proves, to_backfill},
    post::PostOutcome,
    state::{ListedWebhook, Recheck, Remote, Shown, Standing, WebhookState},
    webhook::{ExternalReference, RemoteWebhook},
};

/// A list, as far as it concerns one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The webhook's count of POSTs when the list was asked for.
    pub(crate) post_marks: u64,
    /// Its entry, if there is one; with external references only where they are to be believed.
    pub(crate) entry: Option<RemoteWebhook>,
    /// How finely the whole list writes times.
    pub(crate) grain: Grain,
    /// When it was asked for, on our clock.
    pub(crate) asked_at: Timestamp,
    /// The same on Protime's clock, if that is known.
    pub(crate) asked_at_protime: Option<Timestamp>,
    /// How a renewal is planned of which nothing else is known.
    pub(crate) schedule: Schedule,
}

impl Change {
    pub(super) fn listed(&mut self, seen: &Seen) {
        if self.state.post_marks != seen.post_marks {
            return;
        }
        let before = self.state.clone();
        self.see(seen);
        self.backfill(seen.schedule);
        let proven = proves(&self.state, self.now, seen.asked_at).then_some(seen.asked_at_protime).flatten();
        self.state.standing = if proven.is_some() { Standing::Proven } else { Standing::Seen };
        self.state.proven_at = self.state.proven_at.max(proven);
        let same = WebhookState {
            remote: before.remote.seen_as(&self.state.remote),
            proven_at: self.state.proven_at,
            ..before.clone()
        };
        if same == self.state {
            self.state = before;
        }
    }

    fn see(&mut self, seen: &Seen) {
        let asked_at = seen.asked_at;
        self.state.list_grains.since = self.state.list_grains.since.max(seen.grain);
        let Some(entry) = &seen.entry else {
            self.state.remote = Remote::Absent { seen_at: asked_at };
            return;
        };
        let status_since = match &self.state.remote {
            Remote::Listed(before) if before.status == entry.status => before.status_since.min(asked_at),
            _ => asked_at,
        };
        self.state.remote = Remote::Listed(ListedWebhook {
            id: entry.id.clone(),
            status: entry.status.clone(),
            status_since,
            valid_until: entry.valid_until,
            seen_at: asked_at,
            local_end: entry.local_end,
            grain: self.state.list_grains.finest(),
        });
        if let (Some(references), Some(registration)) = (&entry.references, &mut self.state.registration) {
            registration.references = ExternalReference::all(references);
        }
    }

    /// Takes over how a list shows what the last rotation made, and what the answer of the POST lacked; with that,
    /// nothing is left to be asked but what became of another POST, if there is one.
    fn backfill(&mut self, schedule: Schedule) {
        let Some(listed) = to_backfill(&self.state).cloned() else { return };
        let Some(registration) = &mut self.state.registration else { return };
        let keeps = registration.valid_until.is_some() && (!registration.local_end || listed.local_end);
        registration.id.get_or_insert(listed.id);
        if !keeps {
            (registration.valid_until, registration.local_end) = (listed.valid_until, listed.local_end);
        }
        registration.shown = Some(Shown { valid_until: listed.valid_until });
        if self.state.next_renewal_at.is_none() {
            let planned = |end| schedule.renewal(registration.at, end, self.state.after_end);
            self.state.next_renewal_at = registration.valid_until.map(planned);
        }
        let was_unknown = |outcome| {
            matches!(outcome, PostOutcome::Unknown | PostOutcome::Outstanding | PostOutcome::Settled)
        };
        if !self.state.posts.iter().any(|post| was_unknown(post.outcome)) {
            self.state.recheck = None;
        }
    }

    pub(super) fn rechecked(&mut self, before: Option<Recheck>, next: Option<Timestamp>) {
        // A wish that came since Protime was asked, because of a key that was imported, stays.
        if self.state.recheck.map(|recheck| recheck.at) == before.map(|recheck| recheck.at) {
            let until = self.state.recheck.map(|recheck| recheck.until);
            self.state.recheck = next.map(|at| Recheck { at, until: until.unwrap_or(at) });
        }
    }
}
