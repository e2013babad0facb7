//! What a list is worth: whether it shows what our last rotation made, something older or what someone
//! else did, and whether it proves that events arrived.
//!
//! An entry of the list is what our last rotation made if
//! - its id is ours, in whatever letters, quotes and braces (an answer may have had none: then any id);
//! - and its end is ours *as databases round*: rounded or cut to the unit in which the list, or the answer,
//!   is known to write times. All ends that a tenant lists tell that, and no other difference is
//!   forgiven. Where one of the two came without an offset, they may differ by a possible one. From the first
//!   list on that shows it, its end is known to the letter, and every difference counts.
//!
//! Laws: a difference that may be one of writing alone is none; where that could hide a POST of ours of
//! unknown outcome, another POST is better than a guess; a list that may be older than our POST is no
//! evidence against it; and only a fresh list of a webhook that delivers, with a key that every sink has,
//! proves anything.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    grain::Grain,
    renewal::Stage,
    state::{ListedWebhook, Now, Registration, Remote, SETTLING, Standing, WebhookState},
    webhook::{RemoteStatus, same_id},
};

/// How long a list may be older than our POST where it concerns a webhook that a list has shown since: lists have
/// caught up with the POST, and one without it shows what someone else did.
const CAUGHT_UP: SignedDuration = SignedDuration::from_secs(3);

/// How long after a POST a list is looked at again that may be older.
const LOOKS: [SignedDuration; 4] =
    [CAUGHT_UP, SignedDuration::from_secs(10), SignedDuration::from_secs(30), SETTLING];

/// Offsets from UTC are whole quarters of an hour, from the first to the last of these.
const QUARTER: SignedDuration = SignedDuration::from_mins(15);
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 4..=14 * 4;

/// Whether what Protime lists is something else than what our last rotation stored.
pub(crate) fn differs(registration: &Registration, listed: &ListedWebhook) -> bool {
    let other_id = registration.id.as_ref().is_some_and(|id| !same_id(id, &listed.id));
    other_id || !has_our_end(registration, listed)
}

fn has_our_end(registration: &Registration, listed: &ListedWebhook) -> bool {
    let Some((ours, theirs)) = registration.valid_until.zip(listed.valid_until) else { return true };
    if let Some(shown) = registration.shown.and_then(|shown| shown.valid_until) {
        return shown == theirs;
    }
    let both = match (registration.local_end, listed.local_end) {
        (true, false) => moved_by_an_offset(ours, theirs).map(|ours| (ours, theirs)),
        (false, true) => moved_by_an_offset(theirs, ours).map(|theirs| (ours, theirs)),
        _ => Some((ours, theirs)),
    };
    both.is_some_and(|(ours, theirs)| Grain::same((ours, registration.grain), (theirs, listed.grain)))
}

/// A time without an offset, moved to where it is nearest to another by an offset that there is.
fn moved_by_an_offset(local: Timestamp, other: Timestamp) -> Option<Timestamp> {
    let apart = local.duration_since(other).as_millis();
    let quarter = QUARTER.as_millis();
    let quarters = i64::try_from((apart + quarter / 2).div_euclid(quarter)).ok()?;
    let offset = QUARTER.checked_mul(i32::try_from(quarters).ok()?)?;
    OFFSETS.contains(&quarters).then_some(())?;
    local.checked_sub(offset).ok()
}

/// Whether Protime ended what our last rotation made before its time: someone else's POST would have led to a
/// later end.
pub(super) fn is_cut_short(registration: &Registration, listed: &ListedWebhook) -> bool {
    registration.id.as_ref().is_none_or(|id| same_id(id, &listed.id)) && ends_earlier(registration, listed)
}

/// Whether what is listed ends before what our rotation made; of an end without an offset no one knows.
fn ends_earlier(registration: &Registration, listed: &ListedWebhook) -> bool {
    let comparable = registration.local_end == listed.local_end;
    comparable && registration.valid_until.zip(listed.valid_until).is_some_and(|(ours, theirs)| theirs < ours)
}

/// Until when the webhook delivers, on Protime's clock, as far as it is known: of two writings of one end
/// the finer one, else the first of both.
pub(crate) fn end_of(registration: &Registration, listed: &ListedWebhook) -> Option<Timestamp> {
    let ours = registration.valid_until.filter(|_| !registration.local_end || registration.shown.is_some());
    // What a rotation takes over as listed is not better known than its answer.
    let theirs = listed.valid_until.filter(|_| !listed.local_end || registration.shown.is_some());
    match ours.zip(theirs) {
        None => ours.or(theirs),
        Some((ours, _)) if listed.local_end && !registration.local_end => Some(ours),
        Some((ours, theirs)) if differs(registration, listed) => Some(ours.min(theirs)),
        Some((ours, theirs)) if Grain::of(ours) >= Grain::of(theirs) => Some(ours),
        Some((_, theirs)) => Some(theirs),
    }
}

/// The next moment at which events may cease to come because a lifetime ends, on our clock.
pub(crate) fn next_end(state: &WebhookState, now: Now) -> Option<Timestamp> {
    let Remote::Listed(listed) = &state.remote else { return None };
    let known = state.registration.as_ref().and_then(|registration| end_of(registration, listed));
    let ends = [known, listed.valid_until].into_iter().flatten().filter(|end| now.protime < *end);
    ends.min().map(|end| now.local_of(end))
}

/// Whether Protime, when it was last asked, delivered events signed with our key.
pub(crate) fn delivers(state: &WebhookState, now: Now) -> bool {
    let (Remote::Listed(listed), Some(registration)) = (&state.remote, &state.registration) else {
        return false;
    };
    listed.status == RemoteStatus::Enabled
        && end_of(registration, listed).is_none_or(|end| now.protime < end)
        && !differs(registration, listed)
}

/// Whether the list that was asked for at `asked_at`, on our clock, proves that the webhook delivered with a
/// key that every sink had.
pub(crate) fn proves(state: &WebhookState, now: Now, asked_at: Timestamp) -> bool {
    let fresh = matches!(&state.remote, Remote::Listed(listed) if listed.seen_at == asked_at);
    let quiet =
        state.active.as_ref().is_none_or(|active| matches!(active.stage, Stage::Resync | Stage::Post));
    let certain = state.recheck.is_none() && !state.has_outstanding();
    fresh && quiet && certain && state.is_known_everywhere() && delivers(state, now)
}

/// Until when, on our clock, a list that shows of a webhook what this one has shown says nothing new of it, should
/// nothing happen to it; `None`: the next one may. With its end a webhook stops to prove anything, and a list that is
/// compared sooner after a rotation does not see all of it.
pub(crate) fn repeats_until(state: &WebhookState, now: Now) -> Option<Timestamp> {
    let (Remote::Listed(listed), Some(registration)) = (&state.remote, &state.registration) else {
        return None;
    };
    let rests = state.active.is_none() && state.standing == Standing::Proven;
    let is_clear = proves(state, now, listed.seen_at) && !registration.is_settling(listed.seen_at);
    let end = end_of(registration, listed).map_or(Timestamp::MAX, |end| now.local_of(end));
    (rests && is_clear).then_some(end)
}

/// When to look again at a list that came soon after our POST and is not believed, because it shows what
/// was before: no webhook, or one that ends earlier than ours. Someone else's POST leads to a later end.
pub(crate) fn unsettled(state: &WebhookState) -> Option<Timestamp> {
    let registration = state.registration.as_ref()?;
    let (seen_at, patience) = match &state.remote {
        Remote::NeverAsked => return None,
        Remote::Absent { seen_at } if registration.shown.is_some() => (*seen_at, CAUGHT_UP),
        Remote::Absent { seen_at } => (*seen_at, SETTLING),
        Remote::Listed(listed) => {
            let may_be_older =
                ends_earlier(registration, listed) || registration.local_end != listed.local_end;
            (may_be_older && differs(registration, listed)).then_some((listed.seen_at, SETTLING))?
        }
    };
    if !registration.may_be_older(seen_at, patience) {
        return None;
    }
    LOOKS.into_iter().map(|look| registration.rotated_at + look).find(|look| *look > seen_at)
}

/// When Protime is to be asked again whether the key is still the one that it signs with, after it was asked just
/// now; `None`: enough. The last look ends the time in which a difference is our own doing.
pub(crate) fn next_look(
    state: &WebhookState,
    request_timeout: SignedDuration,
    now: Now,
) -> Option<Timestamp> {
    let recheck = state.recheck?;
    let rotated_at = state.registration.as_ref().map_or(now.local, |registration| registration.rotated_at);
    let looks = LOOKS.into_iter().chain([request_timeout]).map(|after| rotated_at + after);
    let looks = looks.filter(|look| *look < recheck.until).chain([recheck.until]);
    looks.filter(|look| now.local < *look).min()
}

/// Whether a POST of ours of which no one knows whether it was processed after the last one could hide in
/// what is listed, because Protime writes ends too coarsely to tell two POSTs apart. As long as it may
/// still come, lists are looked at instead.
pub(super) fn may_hide_another(state: &WebhookState, now: Now) -> bool {
    let (Remote::Listed(listed), Some(registration)) = (&state.remote, &state.registration) else {
        return false;
    };
    let waiting = state.recheck.is_some_and(|recheck| now.local < recheck.until);
    if !state.has_outstanding() || waiting {
        return false;
    }
    let known = |end: Option<Timestamp>, grain: Grain| end.map(|end| grain.max(Grain::of(end)));
    let finest =
        known(registration.valid_until, registration.grain).zip(known(listed.valid_until, listed.grain));
    finest.is_none_or(|(ours, theirs)| ours.min(theirs) < Grain::Milli)
}
