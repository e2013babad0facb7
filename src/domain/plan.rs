//! What to do about a webhook: a pure function of what is stored, what is wanted, and the time.
//!
//! No clock, no network, no database: the hard cases are rows of a table in the tests. Laws:
//! an unknown outcome is resolved before anything else happens; a webhook is left alone until its
//! planned time unless Protime says that it does not deliver with our key; and POSTs that no plan
//! explains are capped, because the other explanation is someone else who renews the same pair.

mod evidence;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    gap::Gap,
    outbox::Outbox,
    reason::{Reason, Step},
    renewal::{RetryKind, Stage},
    report::State,
    state::{ListedWebhook, Now, Remote, WebhookState},
    webhook::RemoteStatus,
};

pub(crate) use evidence::{delivers, differs, end_of, next_end, next_look, proves, repeats_until, unsettled};
use evidence::{is_cut_short, may_hide_another};

/// How long a status that is neither `Enabled` nor `Disabled` is watched before it counts as disabled.
const UNKNOWN_STATUS_PATIENCE: SignedDuration = SignedDuration::from_mins(15);

/// A lifetime below this counts as none: renewing at its end would leave no time for anything else.
const SHORTEST_LIFETIME: SignedDuration = SignedDuration::from_secs(1);

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A look comes in time if it comes so much too early, since another one follows, or so much too late.
const TOO_EARLY: SignedDuration = SignedDuration::from_secs(2);
const TOO_LATE: SignedDuration = SignedDuration::from_millis(20);

/// The part of the configuration that a plan depends on.
#[derive(Debug, Clone, Hash)]
pub(crate) struct Policy {
    /// The external references as they are sent.
    pub(crate) references: String,
    /// How many POSTs that no plan explains are allowed in an hour.
    pub(crate) max_unplanned_per_hour: u32,
    /// The longest time that a retry is ever put off: a later one was computed on another clock.
    pub(crate) longest_retry: Duration,
    /// How often a delta that Protime keeps is asked for between renewals, if it is.
    pub(crate) keep_warm: Option<Duration>,
    /// Whether anything closes gaps.
    pub(crate) resyncs: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing before this moment on our clock, if ever.
    Wait {
        /// When to look again; `None`: when something changes.
        until: Option<Timestamp>,
        /// Whether only the cap on unplanned POSTs keeps a renewal from running.
        contended: bool,
    },
    Begin(Reason),
    /// Close the open renewal, which cannot finish, and open another that takes over what it owes.
    Supersede(Reason),
    Resync,
    Skip(Step),
    Post {
        /// Whether it counts towards the cap.
        unplanned: bool,
    },
    ResolveOutcome,
    /// Make the key in the stored answer current.
    Rotate,
    /// Go on from the hand-off to the catch-up: every sink has the key, or was tried.
    Settle,
    /// Run the resync for what is still owed.
    CatchUp,
    /// Ask Protime whether what we stored is still what it lists.
    Recheck,
    /// Ask for the delta that Protime keeps, so that it does not end.
    KeepDeltaAlive,
}

pub(crate) fn plan(state: &WebhookState, policy: &Policy, now: Now) -> Action {
    // Whatever else it waits for, a delta that no one asks for ends.
    match (first(state, policy, now), keep_alive_at(state, policy, now)) {
        (Action::Wait { .. }, Some(warm)) if warm <= now.local => Action::KeepDeltaAlive,
        (Action::Wait { until, contended }, Some(warm)) => {
            Action::Wait { until: Some(until.map_or(warm, |until| until.min(warm))), contended }
        }
        (plan, _) => plan,
    }
}

/// Why another renewal is to take the place of the open one.
pub(crate) fn superseded(state: &WebhookState, policy: &Policy, now: Now) -> Option<Reason> {
    match first(state, policy, now) {
        Action::Supersede(reason) => Some(reason),
        _ => None,
    }
}

/// What comes before keeping a delta.
fn first(state: &WebhookState, policy: &Policy, now: Now) -> Action {
    let waiting = retry_after(state, policy, now);
    let Some(active) = &state.active else {
        return match due(state, policy, now) {
            Some(reason) => capped(state, policy, now, reason).unwrap_or(Action::Begin(reason)),
            None if recheck_due(state, now) => Action::Recheck,
            None => idle(state, now),
        };
    };
    match active.stage {
        Stage::Resync if !policy.resyncs => Action::Skip(Step::Resync),
        Stage::Resync => wait_or(waiting, Action::Resync),
        Stage::Post => {
            capped(state, policy, now, active.reason).filter(|_| waiting.is_none()).unwrap_or_else(|| {
                wait_or(waiting, Action::Post { unplanned: is_unplanned(state, active.reason, now) })
            })
        }
        Stage::Posting => wait_or(waiting, Action::ResolveOutcome),
        // An answer waits for nothing that went wrong before it came.
        Stage::Rotate => {
            let failed = state.retry.as_ref().is_some_and(|retry| retry.step == Step::Rotate);
            wait_or(waiting.filter(|_| failed), Action::Rotate)
        }
        Stage::HandOff | Stage::AwaitingSinks if !settled(state, active.stage) => {
            match due(state, policy, now) {
                // A sink that does not take the key is no reason to miss the next renewal.
                Some(reason) if capped(state, policy, now, reason).is_none() => Action::Supersede(reason),
                _ if recheck_due(state, now) => Action::Recheck,
                Some(reason) => capped(state, policy, now, reason).unwrap_or(Action::Supersede(reason)),
                None => idle(state, now),
            }
        }
        Stage::HandOff | Stage::AwaitingSinks | Stage::CatchUp => {
            let usual = match active.stage {
                Stage::CatchUp if policy.resyncs => Action::CatchUp,
                Stage::CatchUp => Action::Skip(Step::CatchUp),
                _ => Action::Settle,
            };
            match due(state, policy, now) {
                Some(reason)
                    if (waiting.is_some() || key_is_dead(reason))
                        && capped(state, policy, now, reason).is_none() =>
                {
                    Action::Supersede(reason)
                }
                _ if recheck_due(state, now) => Action::Recheck,
                _ => wait_or(waiting, usual),
            }
        }
    }
}

/// What a webhook is doing, in a word. `poll` is what keeps its tenant's list from being read.
pub(crate) fn reported_state(state: &WebhookState, plan: &Action, poll: Option<RetryKind>) -> State {
    let of = |kind| match kind {
        RetryKind::NeedsOperator => State::Blocked,
        RetryKind::Transient => State::Retrying,
    };
    if matches!(plan, Action::Wait { contended: true, .. }) {
        return State::Contended;
    }
    match (&state.retry, &state.active, &state.registration) {
        (Some(retry), _, _) => of(retry.kind),
        _ if state.sinks.iter().any(|sink| sink.failure.is_some()) => State::Retrying,
        (None, Some(_), _) => State::Renewing,
        (None, None, _) if matches!(plan, Action::Begin(_)) => State::Renewing,
        (None, None, None) => poll.map_or(State::Pending, of),
        (None, None, Some(_)) => State::Active,
    }
}

/// Whether a POST for this reason is one that no plan explains: it comes before its planned time, or
/// there is no plan, because Protime told no end. An operator's wish and the end of a lifetime are
/// explanations, unless it ended as it began; someone else's POST never is.
///
/// After a POST that issued a key which no one got, every other one is unplanned as well, whatever it is for:
/// where no answer is understood, nothing else keeps POSTs from following one another.
pub(crate) fn is_unplanned(state: &WebhookState, reason: Reason, now: Now) -> bool {
    if state.is_fruitless() && reason != Reason::Manual {
        return true;
    }
    let registration = state.registration.as_ref();
    match reason {
        Reason::ForeignRotation => true,
        Reason::Disabled | Reason::Missing | Reason::UnknownKey | Reason::Interrupted => {
            registration.is_some() && state.next_renewal_at.is_none_or(|planned| now.protime < planned)
        }
        Reason::Expiring | Reason::Expired => registration.is_some_and(|registration| {
            let too_early =
                reason == Reason::Expired && state.next_renewal_at.is_some_and(|at| now.protime < at);
            let too_short = |end: Timestamp| end.duration_since(registration.at) < SHORTEST_LIFETIME;
            too_early || registration.valid_until.is_some_and(too_short)
        }),
        Reason::Created | Reason::ReferencesChanged | Reason::Manual => false,
    }
}

/// Whether a look that is planned for `at` is in time for what is to be done at `until`, both on our clock. Protime's
/// clock is known to a second or so, and where it is computed again a deadline need not be written again.
pub(crate) fn is_in_time(at: Option<Timestamp>, until: Option<Timestamp>, now: Now) -> bool {
    let Some((at, until)) = at.zip(until) else { return at == until };
    if at <= now.local { until <= now.local } else { (until - TOO_EARLY..=until + TOO_LATE).contains(&at) }
}

/// The gap that a renewal beginning now has to close.
///
/// It begins where the last complete resync began, or, if that is later, `margin` before the last proof
/// of delivery: so long Protime may have been retrying what it then gave up. What is owed already is
/// part of it. With neither resync nor proof it is everything.
pub(crate) fn gap(state: &WebhookState, margin: Duration, now: Now) -> Gap {
    let proven = state.proven_at.and_then(|at| at.checked_sub(margin).ok());
    let gap = Gap { from: state.synced_at.max(proven), to: now.protime };
    state.owed.map_or(gap, |owed| owed.merge(gap))
}

/// Why a renewal must run, if it must.
fn due(state: &WebhookState, policy: &Policy, now: Now) -> Option<Reason> {
    if unsettled(state).is_some() {
        return None;
    }
    let listed = match (&state.remote, &state.registration) {
        (Remote::NeverAsked, _) => return None,
        (Remote::Absent { .. }, None) => return Some(Reason::Created),
        (Remote::Absent { .. }, Some(_)) => return Some(Reason::Missing),
        (Remote::Listed(listed), _) => listed,
    };
    let Some(registration) = &state.registration else { return Some(Reason::UnknownKey) };
    let passed = |moment: Option<Timestamp>| moment.is_some_and(|moment| moment <= now.protime);
    let expired = passed(end_of(registration, listed));
    let over = expired || listed.status == RemoteStatus::Disabled;
    if differs(registration, listed) && !(over && is_cut_short(registration, listed)) {
        let ours = state.recheck.is_some_and(|recheck| now.local <= recheck.until);
        return Some(if ours { Reason::Interrupted } else { Reason::ForeignRotation });
    }
    if registration.references != policy.references {
        return Some(Reason::ReferencesChanged);
    }
    match &listed.status {
        _ if expired => Some(Reason::Expired),
        RemoteStatus::Disabled => Some(Reason::Disabled),
        RemoteStatus::Other(_) if listed.status_since + UNKNOWN_STATUS_PATIENCE <= now.local => {
            Some(Reason::Disabled)
        }
        _ if passed(state.next_renewal_at) => Some(Reason::Expiring),
        _ => may_hide_another(state, now).then_some(Reason::Interrupted),
    }
}

/// Whether the webhook does not deliver with our key, so that nothing that we still owe can keep up.
fn key_is_dead(reason: Reason) -> bool {
    matches!(reason, Reason::Interrupted | Reason::ForeignRotation | Reason::Disabled | Reason::Missing)
}

/// The wait until another unplanned POST is allowed, if this one is not.
fn capped(state: &WebhookState, policy: &Policy, now: Now, reason: Reason) -> Option<Action> {
    if !is_unplanned(state, reason, now) {
        return None;
    }
    let mut recent: Vec<Timestamp> =
        state.unplanned().into_iter().filter(|&at| at > now.local - HOUR && at <= now.local + HOUR).collect();
    // A clock that was set back makes the later one the earlier.
    recent.sort_unstable();
    let allowed = usize::try_from(policy.max_unplanned_per_hour).unwrap_or(usize::MAX);
    let oldest_that_counts = recent.len().checked_sub(allowed)?;
    // By then there may be a reason that is planned.
    let sooner = turning_points(state, now).filter(|point| now.local < *point);
    let until = recent.get(oldest_that_counts).map(|&at| at + HOUR).into_iter().chain(sooner).min();
    Some(Action::Wait { until, contended: true })
}

/// What failed later than now failed on another clock, and so did what is to be retried later than it can be.
fn retry_after(state: &WebhookState, policy: &Policy, now: Now) -> Option<Timestamp> {
    let retry = state.retry.as_ref().filter(|retry| retry.at <= now.local)?;
    let longest = SignedDuration::try_from(policy.longest_retry).unwrap_or(HOUR);
    let (retry_at, ahead) = (retry.retry_at, retry.retry_at.duration_since(now.local));
    (ahead > SignedDuration::ZERO && ahead <= longest).then_some(retry_at)
}

/// When the delta link is to be used so that the delta does not end. Times that lie further ahead than they
/// can were written on another clock.
fn keep_alive_at(state: &WebhookState, policy: &Policy, now: Now) -> Option<Timestamp> {
    let (delta, every) = state.delta.zip(policy.keep_warm)?;
    let longest = SignedDuration::try_from(policy.longest_retry).unwrap_or(HOUR);
    let asked_at = delta.asked_at.min(now.local);
    let retry_at = delta.retry_at.filter(|retry_at| retry_at.duration_since(now.local) <= longest);
    let due = asked_at.checked_add(every).unwrap_or(now.local);
    Some(retry_at.map_or(due, |retry_at| due.max(retry_at)))
}

fn wait_or(waiting: Option<Timestamp>, effect: Action) -> Action {
    waiting.map_or(effect, |until| Action::Wait { until: Some(until), contended: false })
}

/// Whether the renewal need not wait for a sink: each has the key, or, so that one that fails keeps the
/// receiver from nothing, was at least tried. After a catch-up only the former counts.
fn settled(state: &WebhookState, at: Stage) -> bool {
    let tried = |outbox: &Outbox| at == Stage::HandOff && outbox.attempts > 0;
    state.sinks.iter().all(|outbox| state.has_key(&outbox.sink) || tried(outbox))
}

fn recheck_due(state: &WebhookState, now: Now) -> bool {
    recheck_at(state).is_some_and(|at| at <= now.local)
}

/// When Protime is to be asked besides the regular polls.
fn recheck_at(state: &WebhookState) -> Option<Timestamp> {
    [state.recheck.map(|recheck| recheck.at), unsettled(state)].into_iter().flatten().min()
}

/// What a list shows of our last rotation that is not known of it yet.
pub(crate) fn to_backfill(state: &WebhookState) -> Option<&ListedWebhook> {
    let (Some(registration), Remote::Listed(listed)) = (&state.registration, &state.remote) else {
        return None;
    };
    let lacks =
        registration.id.is_none() || (registration.valid_until.is_none() && listed.valid_until.is_some());
    // What a rotation takes over as listed has been seen in the moment of the rotation, and in no list.
    let unplanned = state.next_renewal_at.is_none() && registration.valid_until.is_some();
    let is_new = (registration.shown.is_none() || unplanned) && listed.seen_at > registration.rotated_at;
    let is_late = lacks && listed.seen_at >= registration.rotated_at;
    ((is_new || is_late) && !differs(registration, listed)).then_some(listed)
}

fn idle(state: &WebhookState, now: Now) -> Action {
    let until = if unsettled(state).is_some() { recheck_at(state) } else { turning_points(state, now).min() };
    Action::Wait { until, contended: false }
}

/// When there may be another reason for a renewal although nothing happens, on our clock.
fn turning_points(state: &WebhookState, now: Now) -> impl Iterator<Item = Timestamp> {
    let patience = match &state.remote {
        Remote::Listed(ListedWebhook { status: RemoteStatus::Other(_), status_since, .. }) => {
            Some(*status_since + UNKNOWN_STATUS_PATIENCE)
        }
        _ => None,
    };
    let end = match (&state.registration, &state.remote) {
        (Some(registration), Remote::Listed(listed)) => end_of(registration, listed),
        (Some(registration), _) => registration.valid_until,
        (None, _) => None,
    };
    [state.next_renewal_at, end]
        .into_iter()
        .flatten()
        .map(move |moment| now.local_of(moment))
        .chain(state.recheck.map(|recheck| recheck.at))
        .chain(patience)
}

#[cfg(test)]
pub(crate) mod tests;
