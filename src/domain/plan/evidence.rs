//! What a list is worth: whether it shows what our last rotation made, something older or somebody
//! else's doing, and whether it proves that events arrived.
//!
//! An entry of the list is what our last rotation made if
//! - its id is ours, in whatever letters, quotes and braces (an answer may have had none: then any id);
//! - and its end is ours *as databases round*: rounded or cut to the unit in which the list, or the answer,
//!   is known to write times. That is learnt of all ends that a tenant lists, and no other difference is
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
    state::{Issued, Listed, Now, Record, Remote, SETTLING},
    webhook::{RemoteStatus, same_id},
};

/// How long a list may be older than our POST where it concerns a webhook that a list has shown since: lists have caught up with the POST, and one without
/// it is another's doing.
const CAUGHT_UP: SignedDuration = SignedDuration::from_secs(3);

/// How long after a POST a list is looked at again that may be older.
const LOOKS: [SignedDuration; 4] =
    [CAUGHT_UP, SignedDuration::from_secs(10), SignedDuration::from_secs(30), SETTLING];

/// Offsets from UTC are whole quarters of an hour, from the first to the last of these.
const QUARTER: SignedDuration = SignedDuration::from_mins(15);
const OFFSETS: std::ops::RangeInclusive<i64> = -12 * 4..=14 * 4;

/// Whether what Protime lists is something else than what our last rotation stored.
pub(crate) fn differs(issued: &Issued, listed: &Listed) -> bool {
    let other_id = issued.id.as_ref().is_some_and(|id| !same_id(id, &listed.id));
    other_id || !has_our_end(issued, listed)
}

fn has_our_end(issued: &Issued, listed: &Listed) -> bool {
    let Some((ours, theirs)) = issued.valid_until.zip(listed.valid_until) else { return true };
    if let Some(shown) = issued.shown.and_then(|shown| shown.valid_until) {
        return shown == theirs;
    }
    let both = match (issued.local_end, listed.local_end) {
        (true, false) => moved_by_an_offset(ours, theirs).map(|ours| (ours, theirs)),
        (false, true) => moved_by_an_offset(theirs, ours).map(|theirs| (ours, theirs)),
        _ => Some((ours, theirs)),
    };
    both.is_some_and(|(ours, theirs)| Grain::same((ours, issued.grain), (theirs, listed.grain)))
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

/// Whether Protime ended what our last rotation made before its time: somebody else's POST would have
/// led to a later end.
pub(super) fn is_cut_short(issued: &Issued, listed: &Listed) -> bool {
    issued.id.as_ref().is_none_or(|id| same_id(id, &listed.id)) && ends_earlier(issued, listed)
}

/// Whether what is listed ends before what our rotation made; of an end without an offset no one knows.
fn ends_earlier(issued: &Issued, listed: &Listed) -> bool {
    let comparable = issued.local_end == listed.local_end;
    comparable && issued.valid_until.zip(listed.valid_until).is_some_and(|(ours, theirs)| theirs < ours)
}

/// Until when the webhook delivers, on Protime's clock, as far as it is known: of two writings of one end
/// the finer one, else the first of both.
pub(crate) fn end_of(issued: &Issued, listed: &Listed) -> Option<Timestamp> {
    let ours = issued.valid_until.filter(|_| !issued.local_end || issued.shown.is_some());
    // What a rotation takes over as listed is not better known than its answer.
    let theirs = listed.valid_until.filter(|_| !listed.local_end || issued.shown.is_some());
    match ours.zip(theirs) {
        None => ours.or(theirs),
        Some((ours, _)) if listed.local_end && !issued.local_end => Some(ours),
        Some((ours, theirs)) if differs(issued, listed) => Some(ours.min(theirs)),
        Some((ours, theirs)) if Grain::of(ours) >= Grain::of(theirs) => Some(ours),
        Some((_, theirs)) => Some(theirs),
    }
}

/// Whether Protime, when it was last asked, delivered events signed with our key.
pub(crate) fn delivers(record: &Record, now: Now) -> bool {
    let (Remote::Listed(listed), Some(issued)) = (&record.remote, &record.issued) else { return false };
    listed.status == RemoteStatus::Enabled
        && end_of(issued, listed).is_none_or(|end| now.protime < end)
        && !differs(issued, listed)
}

/// Whether the list that was asked for at `asked_at`, on our clock, proves that the webhook delivered
/// with a key that everybody had.
pub(crate) fn proves(record: &Record, now: Now, asked_at: Timestamp) -> bool {
    let fresh = matches!(&record.remote, Remote::Listed(listed) if listed.seen_at == asked_at);
    let quiet = record.open.as_ref().is_none_or(|open| matches!(open.stage, Stage::Resync | Stage::Post));
    let certain = record.confirm.is_none() && !record.has_outstanding();
    fresh && quiet && certain && record.is_known_everywhere() && delivers(record, now)
}

/// When to look again at a list that came soon after our POST and is not believed, because it shows what
/// was before: no webhook, or one that ends earlier than ours. Someone else's POST leads to a later end.
pub(crate) fn unsettled(record: &Record) -> Option<Timestamp> {
    let issued = record.issued.as_ref()?;
    let (seen_at, patience) = match &record.remote {
        Remote::NeverAsked => return None,
        Remote::Absent { seen_at } if issued.shown.is_some() => (*seen_at, CAUGHT_UP),
        Remote::Absent { seen_at } => (*seen_at, SETTLING),
        Remote::Listed(listed) => {
            let may_be_older = ends_earlier(issued, listed) || issued.local_end != listed.local_end;
            (may_be_older && differs(issued, listed)).then_some((listed.seen_at, SETTLING))?
        }
    };
    if !issued.may_be_older(seen_at, patience) {
        return None;
    }
    LOOKS.into_iter().map(|look| issued.rotated_at + look).find(|look| *look > seen_at)
}

/// When Protime is to be asked again whether the key is still the one that it signs with, after it was asked just
/// now; `None`: enough. The last look ends the time in which a difference is our own doing.
pub(crate) fn next_look(record: &Record, request_timeout: SignedDuration, now: Now) -> Option<Timestamp> {
    let confirm = record.confirm?;
    let rotated_at = record.issued.as_ref().map_or(now.local, |issued| issued.rotated_at);
    let looks = LOOKS.into_iter().chain([request_timeout]).map(|after| rotated_at + after);
    let looks = looks.filter(|look| *look < confirm.until).chain([confirm.until]);
    looks.filter(|look| now.local < *look).min()
}

/// Whether a POST of ours of which no one knows whether it was processed after the last one could hide in
/// what is listed, because Protime writes ends too coarsely to tell two POSTs apart. As long as it may
/// still come, lists are looked at instead.
pub(super) fn may_hide_another(record: &Record, now: Now) -> bool {
    let (Remote::Listed(listed), Some(issued)) = (&record.remote, &record.issued) else { return false };
    let waiting = record.confirm.is_some_and(|confirm| now.local < confirm.until);
    if !record.has_outstanding() || waiting {
        return false;
    }
    let known = |end: Option<Timestamp>, grain: Grain| end.map(|end| grain.max(Grain::of(end)));
    let finest = known(issued.valid_until, issued.grain).zip(known(listed.valid_until, listed.grain));
    finest.is_none_or(|(ours, theirs)| ours.min(theirs) < Grain::Milli)
}
