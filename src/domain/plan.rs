//! What to do about a webhook: a pure function of what is stored, what is wanted, and the time.
//!
//! No clock, no network, no database: the hard cases are rows of a table in the tests. Laws kept here:
//! an unknown outcome is resolved before anything else happens; a webhook is left alone until its
//! planned time unless Protime says that it does not deliver with our key; and POSTs that no plan
//! explains are capped, because the other explanation is somebody else who renews the same pair.

mod evidence;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    gap::Gap,
    outbox::Outbox,
    reason::{Reason, Step},
    renewal::{Stage, TroubleKind},
    report::State,
    state::{Listed, Now, Record, Remote},
    webhook::RemoteStatus,
};

pub(crate) use evidence::{delivers, differs, end_of, next_look, proves, unsettled};
use evidence::{is_cut_short, may_hide_another};

/// How long a status that is neither `Enabled` nor `Disabled` is watched before it counts as disabled.
const UNKNOWN_STATUS_PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// A lifetime below this is none: whoever renewed at its end would do nothing else.
const SHORTEST_LIFETIME: SignedDuration = SignedDuration::from_secs(1);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// The part of the configuration that a plan depends on.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The external references as they are sent.
    pub(crate) references: String,
    /// How many POSTs that no plan explains are allowed in an hour.
    pub(crate) max_unplanned_per_hour: u32,
    /// The longest time that a retry is ever put off: a later one was computed on another clock.
    pub(crate) longest_retry: Duration,
    /// How often a delta that Protime keeps is asked for between renewals, if it is.
    pub(crate) keep_warm: Option<Duration>,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Nothing before this moment on our clock, if ever.
    Wait {
        /// When to look again; `None`: when something changes.
        until: Option<Timestamp>,
        /// Whether only the cap on unplanned POSTs keeps a renewal from running.
        contended: bool,
    },
    /// Open a renewal.
    Begin(Reason),
    /// Close the open renewal, which cannot finish, and open another that takes over what it owes.
    Supersede(Reason),
    /// Run the resync.
    Resync,
    /// Send the POST.
    Post {
        /// Whether it counts towards the cap.
        unplanned: bool,
    },
    /// Ask Protime what became of a POST.
    Resolve,
    /// Make the key in the stored answer current.
    Rotate,
    /// Go on from the hand-off to the catch-up: every sink has the key, or was tried.
    Settle,
    /// Run the resync for what is still owed.
    CatchUp,
    /// Ask Protime whether what we stored is still what it lists.
    Confirm,
    /// Ask for the delta that Protime keeps, so that it does not end.
    Refresh,
}

/// Decides what to do about a webhook.
pub(crate) fn plan(record: &Record, wanted: &Wanted, now: Now) -> Plan {
    // Whatever else it waits for, a delta that nobody asks for ends.
    match (first(record, wanted, now), warm_at(record, wanted, now)) {
        (Plan::Wait { .. }, Some(warm)) if warm <= now.local => Plan::Refresh,
        (Plan::Wait { until, contended }, Some(warm)) => {
            Plan::Wait { until: Some(until.map_or(warm, |until| until.min(warm))), contended }
        }
        (plan, _) => plan,
    }
}

/// Why another renewal is to take the place of the open one.
pub(crate) fn superseded(record: &Record, wanted: &Wanted, now: Now) -> Option<Reason> {
    match first(record, wanted, now) {
        Plan::Supersede(reason) => Some(reason),
        _ => None,
    }
}

/// What comes before keeping a delta.
fn first(record: &Record, wanted: &Wanted, now: Now) -> Plan {
    let waiting = retry_after(record, wanted, now);
    let Some(open) = &record.open else {
        return match due(record, wanted, now) {
            Some(reason) => capped(record, wanted, now, reason).unwrap_or(Plan::Begin(reason)),
            None if confirm_due(record, now) => Plan::Confirm,
            None => idle(record, now),
        };
    };
    match open.stage {
        Stage::Resync => wait_or(waiting, Plan::Resync),
        Stage::Post => wait_or(waiting, Plan::Post { unplanned: is_unplanned(record, open.reason, now) })
            .unless(capped(record, wanted, now, open.reason)),
        Stage::Posting => wait_or(waiting, Plan::Resolve),
        // An answer waits for nothing that went wrong before it came.
        Stage::Rotate => wait_or(waiting.filter(|_| failed_at(record, Step::Rotate)), Plan::Rotate),
        Stage::HandOff | Stage::Late if !settled(record, open.stage) => {
            match due(record, wanted, now) {
                // A sink that does not take the key is no reason to miss the next renewal.
                Some(reason) if capped(record, wanted, now, reason).is_none() => Plan::Supersede(reason),
                _ if confirm_due(record, now) => Plan::Confirm,
                Some(reason) => capped(record, wanted, now, reason).unwrap_or(Plan::Supersede(reason)),
                None => idle(record, now),
            }
        }
        Stage::HandOff | Stage::Late | Stage::CatchUp => {
            let usual = if open.stage == Stage::CatchUp { Plan::CatchUp } else { Plan::Settle };
            match due(record, wanted, now) {
                Some(reason)
                    if (waiting.is_some() || key_is_dead(reason))
                        && capped(record, wanted, now, reason).is_none() =>
                {
                    Plan::Supersede(reason)
                }
                _ if confirm_due(record, now) => Plan::Confirm,
                _ => wait_or(waiting, usual),
            }
        }
    }
}

impl Plan {
    /// A wait takes the place of an effect, not of another wait.
    fn unless(self, wait: Option<Self>) -> Self {
        match (&self, wait) {
            (Self::Wait { .. }, _) | (_, None) => self,
            (_, Some(wait)) => wait,
        }
    }
}

/// What a webhook is doing, in a word. `poll` is what keeps its tenant's list from being read.
pub(crate) fn state(record: &Record, plan: &Plan, poll: Option<TroubleKind>) -> State {
    let of = |kind| match kind {
        TroubleKind::NeedsOperator => State::Blocked,
        TroubleKind::Transient => State::Retrying,
    };
    if matches!(plan, Plan::Wait { contended: true, .. }) {
        return State::Contended;
    }
    match (&record.trouble, &record.open, &record.issued) {
        (Some(trouble), _, _) => of(trouble.kind),
        _ if record.sinks.iter().any(|sink| sink.failure.is_some()) => State::Retrying,
        (None, Some(_), _) => State::Renewing,
        (None, None, _) if matches!(plan, Plan::Begin(_)) => State::Renewing,
        (None, None, None) => poll.map_or(State::Pending, of),
        (None, None, Some(_)) => State::Active,
    }
}

/// Whether a POST for this reason is one that no plan explains: it comes before its planned time, or
/// there is no plan, because Protime told no end. An operator's wish and the end of a lifetime are
/// explanations, unless it ended as it began; somebody else's POST never is.
///
/// After a POST that issued a key which no one got, every other one is unplanned as well, whatever it is for:
/// where no answer is understood, nothing else keeps POSTs from following one another.
pub(crate) fn is_unplanned(record: &Record, reason: Reason, now: Now) -> bool {
    if record.is_fruitless() && reason != Reason::Manual {
        return true;
    }
    let issued = record.issued.as_ref();
    match reason {
        Reason::ForeignRotation => true,
        Reason::Disabled | Reason::Missing | Reason::UnknownKey | Reason::Interrupted => {
            issued.is_some() && record.next_renewal_at.is_none_or(|planned| now.protime < planned)
        }
        Reason::Expiring | Reason::Expired => issued.is_some_and(|issued| {
            let too_early =
                reason == Reason::Expired && record.next_renewal_at.is_some_and(|at| now.protime < at);
            let too_short = |end: Timestamp| end.duration_since(issued.at) < SHORTEST_LIFETIME;
            too_early || issued.valid_until.is_some_and(too_short)
        }),
        Reason::Created | Reason::ReferencesChanged | Reason::Manual => false,
    }
}

/// The gap that a renewal beginning now has to close.
///
/// It begins where the last complete resync began, or, if that is later, `margin` before the last proof
/// of delivery: so long Protime may have been retrying what it then gave up. What is owed already is
/// part of it. With neither resync nor proof it is everything.
pub(crate) fn gap(record: &Record, margin: Duration, now: Now) -> Gap {
    let margin = SignedDuration::try_from(margin).unwrap_or(SignedDuration::MAX);
    let proven = record.proven_at.and_then(|at| at.checked_sub(margin).ok());
    let gap = Gap { from: record.synced_at.max(proven), to: now.protime };
    record.owed.map_or(gap, |owed| owed.merge(gap))
}

/// Why a renewal ought to run, if it ought.
fn due(record: &Record, wanted: &Wanted, now: Now) -> Option<Reason> {
    if unsettled(record).is_some() {
        return None;
    }
    let listed = match (&record.remote, &record.issued) {
        (Remote::NeverAsked, _) => return None,
        (Remote::Absent { .. }, None) => return Some(Reason::Created),
        (Remote::Absent { .. }, Some(_)) => return Some(Reason::Missing),
        (Remote::Listed(listed), _) => listed,
    };
    let Some(issued) = &record.issued else { return Some(Reason::UnknownKey) };
    let passed = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now.protime);
    let expired = passed(end_of(issued, listed));
    let over = expired || listed.status == RemoteStatus::Disabled;
    if differs(issued, listed) && !(over && is_cut_short(issued, listed)) {
        let ours = record.confirm.is_some_and(|confirm| now.local <= confirm.until);
        return Some(if ours { Reason::Interrupted } else { Reason::ForeignRotation });
    }
    if issued.references != wanted.references {
        return Some(Reason::ReferencesChanged);
    }
    match &listed.status {
        _ if expired => Some(Reason::Expired),
        RemoteStatus::Disabled => Some(Reason::Disabled),
        RemoteStatus::Other(_) if listed.status_since + UNKNOWN_STATUS_PATIENCE <= now.local => {
            Some(Reason::Disabled)
        }
        _ if passed(record.next_renewal_at) => Some(Reason::Expiring),
        _ => may_hide_another(record, now).then_some(Reason::Interrupted),
    }
}

/// Whether the webhook does not deliver with our key, so that nothing that we still owe can keep up.
fn key_is_dead(reason: Reason) -> bool {
    matches!(reason, Reason::Interrupted | Reason::ForeignRotation | Reason::Disabled | Reason::Missing)
}

/// The wait until another unplanned POST is allowed, if this one is not.
fn capped(record: &Record, wanted: &Wanted, now: Now, reason: Reason) -> Option<Plan> {
    if !is_unplanned(record, reason, now) {
        return None;
    }
    let recent: Vec<Timestamp> = record
        .unplanned()
        .into_iter()
        .filter(|&at| at > now.local - HOUR && at <= now.local + HOUR)
        .collect();
    let allowed = usize::try_from(wanted.max_unplanned_per_hour).unwrap_or(usize::MAX);
    let oldest_that_counts = recent.len().checked_sub(allowed)?;
    Some(Plan::Wait { until: recent.get(oldest_that_counts).map(|&at| at + HOUR), contended: true })
}

/// Whether the last thing that went wrong was this step.
fn failed_at(record: &Record, step: Step) -> bool {
    record.trouble.as_ref().is_some_and(|trouble| trouble.step == step)
}

/// What failed later than now failed on another clock, and so did what is to be retried later than it can be.
fn retry_after(record: &Record, wanted: &Wanted, now: Now) -> Option<Timestamp> {
    let trouble = record.trouble.as_ref().filter(|trouble| trouble.at <= now.local)?;
    let longest = SignedDuration::try_from(wanted.longest_retry).unwrap_or(HOUR);
    let (retry_at, ahead) = (trouble.retry_at, trouble.retry_at.duration_since(now.local));
    (ahead > SignedDuration::ZERO && ahead <= longest).then_some(retry_at)
}

/// When the kept delta is to be asked for. Times that lie further ahead than they can were written on
/// another clock.
fn warm_at(record: &Record, wanted: &Wanted, now: Now) -> Option<Timestamp> {
    let (warmth, every) = record.delta.zip(wanted.keep_warm)?;
    let every = SignedDuration::try_from(every).unwrap_or(HOUR);
    let longest = SignedDuration::try_from(wanted.longest_retry).unwrap_or(HOUR);
    let asked_at = warmth.asked_at.min(now.local);
    let retry_at = warmth.retry_at.filter(|retry_at| retry_at.duration_since(now.local) <= longest);
    let due = asked_at.checked_add(every).unwrap_or(now.local);
    Some(retry_at.map_or(due, |retry_at| due.max(retry_at)))
}

fn wait_or(waiting: Option<Timestamp>, effect: Plan) -> Plan {
    waiting.map_or(effect, |until| Plan::Wait { until: Some(until), contended: false })
}

/// Whether the renewal need not wait for a sink: each has the key, or, so that one that fails keeps the
/// receiver from nothing, was at least tried. After a catch-up only the former counts.
fn settled(record: &Record, stage: Stage) -> bool {
    let tried = |outbox: &Outbox| stage == Stage::HandOff && outbox.attempts > 0;
    record.sinks.iter().all(|outbox| record.has_key(&outbox.sink) || tried(outbox))
}

fn confirm_due(record: &Record, now: Now) -> bool {
    confirm_at(record).is_some_and(|at| at <= now.local)
}

/// When Protime is to be asked besides the regular polls.
fn confirm_at(record: &Record) -> Option<Timestamp> {
    [record.confirm.map(|confirm| confirm.at), unsettled(record)].into_iter().flatten().min()
}

/// What a list shows of our last rotation that is not known of it yet.
pub(crate) fn unlearnt(record: &Record) -> Option<&Listed> {
    let (Some(issued), Remote::Listed(listed)) = (&record.issued, &record.remote) else { return None };
    let lacks = issued.id.is_none() || (issued.valid_until.is_none() && listed.valid_until.is_some());
    // What a rotation takes over as listed has been seen in the moment of the rotation, and in no list.
    let unplanned = record.next_renewal_at.is_none() && issued.valid_until.is_some();
    let is_news = (issued.shown.is_none() || unplanned) && listed.seen_at > issued.rotated_at;
    let is_late = lacks && listed.seen_at >= issued.rotated_at;
    ((is_news || is_late) && !differs(issued, listed)).then_some(listed)
}

fn idle(record: &Record, now: Now) -> Plan {
    if unsettled(record).is_some() {
        return Plan::Wait { until: confirm_at(record), contended: false };
    }
    let patience = match &record.remote {
        Remote::Listed(Listed { status: RemoteStatus::Other(_), status_since, .. }) => {
            Some(*status_since + UNKNOWN_STATUS_PATIENCE)
        }
        _ => None,
    };
    let end = match (&record.issued, &record.remote) {
        (Some(issued), Remote::Listed(listed)) => end_of(issued, listed),
        (Some(issued), _) => issued.valid_until,
        (None, _) => None,
    };
    let planned = [record.next_renewal_at, end]
        .into_iter()
        .flatten()
        .map(|moment| now.local_of(moment))
        .chain(record.confirm.map(|confirm| confirm.at))
        .chain(patience)
        .min();
    Plan::Wait { until: planned, contended: false }
}

#[cfg(test)]
pub(crate) mod tests;
