//! What is known of one webhook: the durable state from which every decision is made.
//!
//! The store reads and writes it, the plan judges it, and neither needs the other for that. Times
//! that Protime sets or that are compared with them (`valid_until`, the planned renewal, gaps) are
//! in Protime's time; times that only we use (retries) are in ours. See [`Now`].

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    gap::Gap,
    grain::Grain,
    outbox::Outbox,
    page_cursor::{Audit, DeltaLife},
    post::{Post, PostOutcome},
    reason::Reason,
    removed::OnRemove,
    renewal::{ActiveRenewal, FinishedRenewal, RetryState},
    webhook::{Pair, RemoteStatus, WebhookPath},
};

/// The present, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// On this machine's clock.
    pub(crate) local: Timestamp,
    /// On Protime's clock, as far as it is known.
    pub(crate) protime: Timestamp,
}

impl Now {
    /// When our clock will show that Protime's shows `protime`.
    pub(crate) fn local_of(self, protime: Timestamp) -> Timestamp {
        self.local.checked_add(protime.duration_since(self.protime)).unwrap_or(protime)
    }
}

/// A webhook's number in the store; it stays with the pair, whatever the webhook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct WebhookId(pub(crate) i64);

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WebhookState {
    pub(crate) id: WebhookId,
    pub(crate) path: WebhookPath,
    pub(crate) pair: Pair,
    pub(crate) on_remove: OnRemove,
    /// When it left the configuration, on our clock; `None` while it is in it, and once Protime is known
    /// not to have it any more.
    pub(crate) left_at: Option<Timestamp>,
    pub(crate) configured: bool,
    pub(crate) remote: Remote,
    pub(crate) registration: Option<Registration>,
    /// When the next renewal is planned, on Protime's clock.
    pub(crate) next_renewal_at: Option<Timestamp>,
    /// When it is looked at next, on our clock.
    pub(crate) next_action_at: Option<Timestamp>,
    pub(crate) active: Option<ActiveRenewal>,
    pub(crate) last: Option<FinishedRenewal>,
    pub(crate) retry: Option<RetryState>,
    /// The gap that no resync has closed yet.
    pub(crate) owed: Option<Gap>,
    /// When it was last seen to deliver with a key that had been handed off, on Protime's clock.
    pub(crate) proven_at: Option<Timestamp>,
    /// Every change before this is covered by a resync that succeeded, on Protime's clock.
    pub(crate) synced_at: Option<Timestamp>,
    /// When to ask what became of a POST that may still be processed late.
    pub(crate) recheck: Option<Recheck>,
    /// The POSTs of the last day that may still matter, in the order in which they began.
    pub(crate) posts: Vec<Post>,
    /// Counts the beginnings and ends of POSTs: a list that was asked for before the last of them may be
    /// older than it.
    pub(crate) post_marks: u64,
    pub(crate) standing: Standing,
    pub(crate) list_grains: ListGrains,
    pub(crate) renewals: u64,
    /// Whether Protime is known to refuse to renew a webhook of this tenant before its end.
    pub(crate) after_end: bool,
    pub(crate) sinks: Vec<Outbox>,
    pub(crate) delta: Option<DeltaLife>,
    pub(crate) audit: Option<Audit>,
    /// Counts the changes that may call for another plan.
    pub(crate) revision: i64,
}

impl WebhookState {
    /// Why the renewal was that is under way, or else the last one, and its number.
    pub(crate) fn newest_renewal(&self) -> (Reason, i64) {
        match (&self.active, &self.last) {
            (Some(active), _) => (active.reason, active.id),
            (None, Some(last)) => (last.reason, last.id),
            (None, None) => (Reason::Manual, 0),
        }
    }

    /// A webhook of which nothing is known, and which is not configured yet.
    pub(crate) fn new(path: WebhookPath, pair: Pair) -> Self {
        Self {
            id: WebhookId(0),
            path,
            pair,
            on_remove: OnRemove::Keep,
            left_at: None,
            configured: false,
            remote: Remote::NeverAsked,
            registration: None,
            next_renewal_at: None,
            next_action_at: None,
            active: None,
            last: None,
            retry: None,
            owed: None,
            proven_at: None,
            synced_at: None,
            recheck: None,
            posts: Vec::new(),
            post_marks: 0,
            standing: Standing::No,
            list_grains: ListGrains::UNKNOWN,
            renewals: 0,
            after_end: false,
            sinks: Vec::new(),
            delta: None,
            audit: None,
            revision: 0,
        }
    }

    /// The state with what its tenant's last list adds to it, which is stored once for all webhooks of the tenant.
    pub(crate) fn seen_in(mut self, list: LastList) -> Self {
        self.see_in(list);
        self
    }

    pub(crate) fn see_in(&mut self, list: LastList) {
        if self.standing != Standing::No {
            self.remote.see(list.asked_at);
        }
        if self.standing == Standing::Proven {
            self.proven_at = self.proven_at.max(list.asked_at_protime);
        }
    }

    /// When the unplanned POSTs of the last day began that may have had an effect, oldest first, on our clock.
    pub(crate) fn unplanned(&self) -> Vec<Timestamp> {
        let mut begun: Vec<_> = self.posts.iter().filter(|it| it.unplanned).map(|it| it.begun_at).collect();
        begun.sort_unstable();
        begun
    }

    /// Whether a POST since the last rotation is known to have issued a key that no one got.
    pub(crate) fn is_fruitless(&self) -> bool {
        self.posts.iter().any(|post| post.outcome == PostOutcome::Fruitless)
    }

    /// Whether a POST of unknown outcome came shortly before the last rotation, and no one has found out
    /// since what became of it.
    pub(crate) fn has_outstanding(&self) -> bool {
        self.posts.iter().any(|post| post.outcome == PostOutcome::Outstanding)
    }

    /// Whether every key sink has the current key. Only a catch-up that begins after that pays what is owed:
    /// until then the receiver may have refused events for want of the key.
    pub(crate) fn is_known_everywhere(&self) -> bool {
        self.sinks.iter().all(|outbox| self.has_key(&outbox.sink))
    }

    pub(crate) fn has_key(&self, sink: &str) -> bool {
        self.took_key(sink).is_some_and(|outbox| outbox.retry_at.is_none())
    }

    /// Whether a sink has, or had, the current key: a receiver that has read it there has it still when it is
    /// gone from the sink.
    pub(crate) fn had_key(&self, sink: &str) -> bool {
        self.took_key(sink).is_some()
    }

    fn took_key(&self, sink: &str) -> Option<&Outbox> {
        let current = self.registration.as_ref()?.key_version;
        self.sinks.iter().find(|outbox| outbox.sink == sink && outbox.version == current)
    }
}

/// What another list means that shows the same as the last one. It is not written; that the tenant was asked is
/// known of the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// Something has happened since the last list.
    No,
    /// It was seen so again.
    Seen,
    /// It was seen so again, which proves another delivery.
    Proven,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastList {
    /// When it was asked for, on our clock.
    pub(crate) asked_at: Timestamp,
    /// The same on Protime's clock, if that was known.
    pub(crate) asked_at_protime: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Remote {
    NeverAsked,
    Absent {
        /// When Protime said so, on our clock.
        seen_at: Timestamp,
    },
    Listed(ListedWebhook),
}

impl Remote {
    /// It was seen as it is at another time.
    fn see(&mut self, at: Timestamp) {
        match self {
            Self::NeverAsked => {}
            Self::Absent { seen_at } | Self::Listed(ListedWebhook { seen_at, .. }) => *seen_at = at,
        }
    }

    /// The same, seen when another was.
    pub(crate) fn seen_as(&self, other: &Self) -> Self {
        let mut same = self.clone();
        if let Self::Absent { seen_at } | Self::Listed(ListedWebhook { seen_at, .. }) = other {
            same.see(*seen_at);
        }
        same
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListedWebhook {
    pub(crate) id: String,
    pub(crate) status: RemoteStatus,
    /// Since when we see this status, on our clock.
    pub(crate) status_since: Timestamp,
    pub(crate) valid_until: Option<Timestamp>,
    /// When Protime said so, on our clock.
    pub(crate) seen_at: Timestamp,
    /// Whether the end came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
    /// How finely Protime's list is known to write times.
    pub(crate) grain: Grain,
}

/// So long after a POST its list may still be one from before it.
pub(crate) const SETTLING: SignedDuration = SignedDuration::from_mins(1);

/// What a rotation stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Registration {
    /// Protime's id; `None` where the answer had none and no list has shown it yet.
    pub(crate) id: Option<String>,
    /// Until when it delivers; `None` likewise.
    pub(crate) valid_until: Option<Timestamp>,
    /// When it was issued, on Protime's clock.
    pub(crate) at: Timestamp,
    /// The external references that were sent, as text.
    pub(crate) references: String,
    pub(crate) key_version: u64,
    pub(crate) fingerprint: String,
    /// When the key became current, on our clock.
    pub(crate) rotated_at: Timestamp,
    /// Whether the end came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
    /// How finely Protime's answers to a POST are known to write times.
    pub(crate) grain: Grain,
    /// How a list has shown what the rotation made; `None` before the first that did.
    pub(crate) shown: Option<Shown>,
}

impl Registration {
    /// Whether a list that was asked for at this time, on our clock, may be older than the rotation: Protime
    /// does not say that what it has answered shows at once.
    pub(crate) fn is_settling(&self, seen_at: Timestamp) -> bool {
        self.may_be_older(seen_at, SETTLING)
    }

    /// The same for so long after the rotation. A list from before it counts as well, for it was asked for
    /// after the POST (`post_marks` sees to that), while the answer was on its way; one of long before is of
    /// another clock.
    pub(crate) fn may_be_older(&self, seen_at: Timestamp, patience: SignedDuration) -> bool {
        (self.rotated_at - SETTLING..self.rotated_at + patience).contains(&seen_at)
    }
}

/// How finely a tenant's lists were seen to write times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListGrains {
    /// Before the last rotation.
    pub(crate) before: Grain,
    pub(crate) since: Grain,
}

impl ListGrains {
    pub(crate) const UNKNOWN: Self = Self { before: Grain::Minute, since: Grain::Minute };

    pub(crate) fn finest(self) -> Grain {
        self.before.max(self.since)
    }
}

/// How the list writes what a rotation made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shown {
    /// Its end, to the letter; `None` where the list tells none.
    pub(crate) valid_until: Option<Timestamp>,
}

/// A POST of unknown outcome came before the last rotation: Protime may process it late, and then the key
/// that we stored is dead without anyone having told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Recheck {
    /// When to ask Protime, on our clock.
    pub(crate) at: Timestamp,
    /// The last time that is worth asking.
    pub(crate) until: Timestamp,
}
