//! What is known of one webhook: the durable picture from which every decision is made.
//!
//! The store reads and writes it, the plan judges it, and neither needs the other for that. Times
//! that Protime sets or that are compared with them (`valid_until`, the planned renewal, gaps) are
//! in Protime's time; times that only we use (retries) are in ours. See [`Now`].

use jiff::{SignedDuration, Timestamp};

use super::{
    gap::Gap,
    grain::Grain,
    outbox::Outbox,
    reason::{Reason, RenewalOutcome, Step},
    walk::{Audit, Progress, Warmth},
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

/// Everything that is stored of one webhook.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Its number.
    pub(crate) id: WebhookId,
    /// What it is called.
    pub(crate) path: WebhookPath,
    /// What identifies it at Protime.
    pub(crate) pair: Pair,
    /// What Protime last said of it.
    pub(crate) remote: Remote,
    /// What the last rotation stored.
    pub(crate) issued: Option<Issued>,
    /// When the next renewal is planned, on Protime's clock.
    pub(crate) next_renewal_at: Option<Timestamp>,
    /// When it is looked at next, on our clock.
    pub(crate) next_action_at: Option<Timestamp>,
    /// The renewal under way.
    pub(crate) open: Option<Open>,
    /// The last renewal that ended.
    pub(crate) last: Option<Ended>,
    /// What keeps it from going on.
    pub(crate) trouble: Option<Trouble>,
    /// The gap that no resync has closed yet.
    pub(crate) owed: Option<Gap>,
    /// When it was last seen to deliver with a key that had been handed off, on Protime's clock.
    pub(crate) proven_at: Option<Timestamp>,
    /// Every change before this is covered by a resync that succeeded, on Protime's clock.
    pub(crate) synced_at: Option<Timestamp>,
    /// Whether a POST whose outcome we never learnt may still be processed late.
    pub(crate) confirm: Option<Confirm>,
    /// When the unplanned POSTs of the last day began, oldest first, on our clock.
    pub(crate) unplanned: Vec<Timestamp>,
    /// Whether a POST since the last rotation is known to have issued a key that no one got.
    pub(crate) fruitless: bool,
    /// Whether a POST of unknown outcome came shortly before the last rotation, and no one has learnt
    /// since what became of it.
    pub(crate) outstanding: bool,
    /// Whether Protime is known to refuse to renew a webhook of this tenant before its end.
    pub(crate) after_end: bool,
    /// The outboxes of the key sinks.
    pub(crate) sinks: Vec<Outbox>,
    /// The delta that Protime keeps for it, if there is one.
    pub(crate) delta: Option<Warmth>,
    /// What asking for that delta between renewals has brought.
    pub(crate) audit: Option<Audit>,
    /// Counts the changes that may call for another plan.
    pub(crate) revision: i64,
}

impl Record {
    /// Whether a sink has the current key.
    pub(crate) fn has_key(&self, sink: &str) -> bool {
        self.took_key(sink).is_some_and(|outbox| outbox.retry_at.is_none())
    }

    /// Whether a sink has, or had, the current key: a receiver that has read it there holds it still when it is gone
    /// from the sink.
    pub(crate) fn had_key(&self, sink: &str) -> bool {
        self.took_key(sink).is_some()
    }

    fn took_key(&self, sink: &str) -> Option<&Outbox> {
        let current = self.issued.as_ref()?.key_version;
        self.sinks.iter().find(|outbox| outbox.sink == sink && outbox.version == current)
    }
}

/// What Protime last said of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remote {
    /// It was never asked.
    NeverAsked,
    /// It has none.
    Absent {
        /// When it said so, on our clock.
        seen_at: Timestamp,
    },
    /// It has one.
    Listed(Listed),
}

/// A webhook as Protime listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Protime's id.
    pub(crate) id: String,
    /// Its status.
    pub(crate) status: RemoteStatus,
    /// Since when we see this status, on our clock.
    pub(crate) status_since: Timestamp,
    /// Until when it delivers.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    /// Protime's id; `None` where the answer had none and no list has shown it yet.
    pub(crate) id: Option<String>,
    /// Until when it delivers; `None` likewise.
    pub(crate) valid_until: Option<Timestamp>,
    /// When it was issued, on Protime's clock.
    pub(crate) at: Timestamp,
    /// The external references that were sent, as text.
    pub(crate) references: String,
    /// The key's version.
    pub(crate) key_version: u64,
    /// The key's fingerprint.
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

impl Issued {
    /// Whether a list that was asked for at this time, on our clock, may be older than the rotation: Protime
    /// does not say that what it has answered shows at once.
    pub(crate) fn is_settling(&self, seen_at: Timestamp) -> bool {
        self.may_be_older(seen_at, SETTLING)
    }

    /// The same for so long after the rotation. A list from before it counts as well, for it was asked for after
    /// the POST (the store sees to that), while the answer was on its way; one of long before is of another clock.
    pub(crate) fn may_be_older(&self, seen_at: Timestamp, patience: SignedDuration) -> bool {
        (self.rotated_at - SETTLING..self.rotated_at + patience).contains(&seen_at)
    }
}

/// How the list writes what a rotation made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its end, to the letter; `None` where the list tells none.
    pub(crate) valid_until: Option<Timestamp>,
}

/// A renewal under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Open {
    /// Its number.
    pub(crate) id: i64,
    /// Why it runs.
    pub(crate) reason: Reason,
    /// Where it stands.
    pub(crate) stage: Stage,
    /// How often the step of this stage was begun.
    pub(crate) attempts: u32,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// How far the walk of this stage is, where there is one.
    pub(crate) progress: Option<Progress>,
}

/// A renewal that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Its number.
    pub(crate) id: i64,
    /// Why it ran.
    pub(crate) reason: Reason,
    /// How it ended.
    pub(crate) outcome: RenewalOutcome,
    /// When it began.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// What went wrong, if it failed.
    pub(crate) error: Option<String>,
}

/// Where an open renewal stands. It is stored before the effect that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The resync has not succeeded yet.
    Resync,
    /// The resync is done; nothing was sent.
    Post,
    /// A POST was begun and nobody knows what became of it.
    Posting,
    /// Protime's answer is stored; its key is not current yet.
    Rotate,
    /// The key is current; not every sink has it.
    HandOff,
    /// Every sink has the key, or was tried; the time since the resync began is still owed.
    CatchUp,
    /// The catch-up ran while a sink still lacked the key: another one follows once it has it.
    Late,
}

impl Stage {
    /// The stage as it is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Post => "post",
            Self::Posting => "posting",
            Self::Rotate => "rotate",
            Self::HandOff => "hand_off",
            Self::CatchUp => "catch_up",
            Self::Late => "late",
        }
    }

    /// Reads a stored stage.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Resync, Self::Post, Self::Posting, Self::Rotate, Self::HandOff, Self::CatchUp, Self::Late]
            .into_iter()
            .find(|stage| stage.as_str() == text)
    }

    /// The step of the procedure that this stage belongs to.
    pub(crate) fn step(self) -> Step {
        match self {
            Self::Resync => Step::Resync,
            Self::Post | Self::Posting => Step::Post,
            Self::Rotate => Step::Rotate,
            Self::HandOff | Self::Late => Step::HandOff,
            Self::CatchUp => Step::CatchUp,
        }
    }
}

/// A failure that has not been overcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// When it last happened.
    pub(crate) at: Timestamp,
    /// When it first happened.
    pub(crate) since: Timestamp,
    /// In which step.
    pub(crate) step: Step,
    /// What happened, and what would help.
    pub(crate) message: String,
    /// Whether it passes by itself.
    pub(crate) kind: TroubleKind,
    /// How often running.
    pub(crate) attempts: u32,
    /// When to try again, on our clock.
    pub(crate) retry_at: Timestamp,
}

/// Whether a failure passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TroubleKind {
    /// It may.
    Transient,
    /// It takes an operator.
    NeedsOperator,
}

/// A POST of unknown outcome came before the last rotation: Protime may process it late, and then
/// the key that we stored is dead without anybody having told us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Confirm {
    /// When to ask Protime, on our clock.
    pub(crate) at: Timestamp,
    /// The last time that is worth asking.
    pub(crate) until: Timestamp,
}
