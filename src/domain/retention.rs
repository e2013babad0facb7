//! How much of the history is kept: what may be forgotten now, and how fast.
//!
//! Laws: what is under way and the newest finished renewal of each webhook are never asked about here, so they
//! stay whatever the settings say; the oldest goes first; by age the history goes at most [`HASTE`] times as
//! fast as it came, whatever the clock says.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::state::WebhookId;

/// So many finished renewals of one webhook are kept at most: one that fails in a hurry must not push out the
/// history of all others.
pub(crate) const RENEWALS_OF_A_WEBHOOK: i64 = 500;

/// So many rows are deleted at a time, some milliseconds of work: a renewal that wants to commit waits for one such
/// step at most.
pub(crate) const AT_A_TIME: u64 = 500;

/// How many times faster than it came history goes by age.
///
/// A clock that jumps forwards makes everything old at once, and nothing in the database tells such a jump from a
/// machine that was off for as long: the rows that are written afterwards have the new time as well. So age alone
/// does not decide: each hour that this process works (by the monotonic clock) may take four hours' share in `keep`
/// of what there is. What has come evenly goes evenly; with 90 days, a clock that is wrong for a day costs a
/// twentieth of the history and not all of it, and half of it is gone after two weeks. The limit on rows knows no
/// clock and needs no such care.
const HASTE: i128 = 4;

/// What was not needed is saved up for so long and no longer, so that a wrong clock finds little to spend.
const SAVED: Duration = Duration::from_hours(24);

/// What the operator wants to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    pub(crate) keep: Duration,
    /// Rows of the journal, a dozen or so for each renewal.
    pub(crate) keep_rows: u64,
}

/// A finished renewal that is not the newest one of its webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Past {
    pub(crate) webhook: WebhookId,
    /// Which of the webhook's renewals, from 1.
    pub(crate) nth: i64,
    /// On our clock; `None`: its webhook has [`RENEWALS_OF_A_WEBHOOK`] newer ones.
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) rows: u64,
}

/// How much may go by age until more time has passed, in rows times milliseconds: a row costs as many as `keep` has.
/// It may be overdrawn by one renewal, so that a small history goes, too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Allowance(i128);

impl Allowance {
    /// So much time has passed with so many rows.
    pub(crate) fn grow(&mut self, passed: Duration, rows: u64) {
        let worth = |time: Duration| HASTE * i128::from(rows) * milliseconds(time);
        self.0 = self.0.saturating_add(worth(passed)).min(worth(SAVED));
    }
}

fn milliseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_millis()).unwrap_or(i128::MAX)
}

impl Retention {
    /// How many of these go now, of `rows` that there are. They come the oldest first, and those first that have
    /// too many newer ones.
    pub(crate) fn forgotten(
        &self,
        past: &[Past],
        rows: u64,
        allowance: &mut Allowance,
        now: Timestamp,
    ) -> usize {
        let keep = SignedDuration::try_from(self.keep).unwrap_or(SignedDuration::MAX);
        let (mut left, mut taken) = (rows, 0);
        for (count, renewal) in past.iter().enumerate() {
            if taken >= AT_A_TIME {
                return count;
            }
            let is_old = |ended_at| now.duration_since(ended_at) >= keep;
            if renewal.ended_at.is_some() && left <= self.keep_rows {
                if !renewal.ended_at.is_some_and(is_old) || allowance.0 <= 0 {
                    return count;
                }
                allowance.0 -= i128::from(renewal.rows) * milliseconds(self.keep);
            }
            left = left.saturating_sub(renewal.rows);
            taken += renewal.rows;
        }
        past.len()
    }
}

#[cfg(test)]
mod tests;
