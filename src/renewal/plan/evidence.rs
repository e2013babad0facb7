//! What a list is worth: whether it shows what our last rotation made, something older or somebody
//! else's doing, and whether it proves that events arrived.
//!
//! Laws: a difference that may be one of writing alone is none; a list that may be older than our POST
//! is no evidence against it; and only a fresh list of a webhook that delivers, with a key that every
//! sink has, proves anything.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Wanted, is_known_everywhere};
use crate::domain::{
    record::{Issued, Listed, Now, Record, Remote, Stage, fractional_digits},
    webhook::RemoteStatus,
};

/// So long after a POST its list may still be one from before it: Protime does not say that what it
/// has answered shows at once.
pub(crate) const SETTLING: SignedDuration = SignedDuration::from_secs(3);

/// Whether what Protime lists is something else than what our last rotation stored.
pub(crate) fn differs(issued: &Issued, listed: &Listed) -> bool {
    let other_id = issued.id.as_ref().is_some_and(|id| *id != listed.id);
    let other_end = issued
        .valid_until
        .zip(listed.valid_until)
        .is_some_and(|(ours, theirs)| !same_moment((ours, issued.digits), (theirs, listed.digits)));
    other_id || other_end
}

/// Whether Protime ended what our last rotation made before its time: somebody else's POST would have
/// led to a later end.
pub(super) fn is_cut_short(issued: &Issued, listed: &Listed) -> bool {
    let same_id = issued.id.as_ref().is_none_or(|id| *id == listed.id);
    same_id && issued.valid_until.zip(listed.valid_until).is_some_and(|(ours, theirs)| theirs < ours)
}

/// Whether two texts may be of one moment: one of them may have fewer fractional digits. Apart from
/// that every difference counts, because somebody else's POST may come within the same second.
pub(super) fn same_moment(one: (Timestamp, u32), other: (Timestamp, u32)) -> bool {
    one.0.duration_since(other.0).unsigned_abs() < resolution(one).max(resolution(other))
}

/// The place value of the last digit that was written: at least the one that is not zero, and the one
/// that its author, the answer of a POST or the list, is known to write.
fn resolution((moment, known_digits): (Timestamp, u32)) -> Duration {
    Duration::from_secs(1) / 10_u32.pow(fractional_digits(moment).max(known_digits).min(3))
}

/// Whether Protime, when it was last asked, delivered events signed with our key.
pub(crate) fn delivers(record: &Record, now: Now) -> bool {
    let (Remote::Listed(listed), Some(issued)) = (&record.remote, &record.issued) else { return false };
    listed.status == RemoteStatus::Enabled
        && listed.valid_until.is_none_or(|end| now.protime < end)
        && !differs(issued, listed)
}

/// Whether the list that was asked for at `asked_at`, on our clock, proves that the webhook delivered
/// with a key that everybody had.
pub(crate) fn proves(record: &Record, wanted: &Wanted, now: Now, asked_at: Timestamp) -> bool {
    let fresh = matches!(&record.remote, Remote::Listed(listed) if listed.seen_at == asked_at);
    let quiet = record.open.as_ref().is_none_or(|open| matches!(open.stage, Stage::Resync | Stage::Post));
    fresh && quiet && is_known_everywhere(record, wanted) && record.confirm.is_none() && delivers(record, now)
}

/// Until when a list that came right after our POST is not believed, because it shows what was before:
/// no webhook, or one that ends earlier than ours. Somebody else's POST leads to a later end.
pub(super) fn unsettled(record: &Record) -> Option<Timestamp> {
    let issued = record.issued.as_ref()?;
    let (seen_at, is_older) = match &record.remote {
        Remote::NeverAsked => return None,
        Remote::Absent { seen_at } => (*seen_at, true),
        Remote::Listed(listed) => {
            let ends_earlier =
                issued.valid_until.zip(listed.valid_until).is_some_and(|(ours, theirs)| theirs < ours);
            (listed.seen_at, ends_earlier && differs(issued, listed))
        }
    };
    let settled = issued.rotated_at + SETTLING;
    (is_older && (issued.rotated_at..settled).contains(&seen_at)).then_some(settled)
}
