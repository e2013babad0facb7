//! What time it is at Protime, by the `Date` of its answers.
//!
//! Everything that is planned and everything that is called expired depends on this time, and an answer comes
//! from one server of many, of which one may be a day ahead. Laws: an answer is believed at once where a clock
//! that no one sets has run on to it since an earlier answer, or where our own clock confirms it; what nothing
//! confirms is believed after a second answer that says the same, and not from the same breath; a pool whose
//! servers were seen to disagree needs one witness more each time.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// The `Date` header has whole seconds: a smaller difference is no difference.
const SMALLEST_SKEW: SignedDuration = SignedDuration::from_millis(1_500);

/// Two readings of one clock never differ by more, apart from the time that the requests took.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(3);

/// Answers closer together than this count as one witness: they may have come over one connection, and so
/// from one server.
const APART: Duration = Duration::from_secs(5);

/// So many more witnesses are needed at most.
const MOST_REFUTED: u32 = 4;

/// What one answer told of Protime's clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sighting {
    /// Protime's clock minus ours.
    skew: SignedDuration,
    /// What Protime's clock showed when the answer was there.
    protime: Timestamp,
    /// The same moment on a clock that no one can set.
    taken: Instant,
    /// By how much it may be off because the request took its time.
    slack: SignedDuration,
}

impl Sighting {
    /// Reads what an answer says that took `elapsed`, was asked for at `sent_at` on our clock, and is there at
    /// `taken`. An answer out of a cache was made `age` before it was sent. The middle of the request is
    /// taken for the moment of `Date`, and half a second for its whole seconds.
    pub(super) fn new(
        date: Timestamp,
        age: Duration,
        sent_at: Timestamp,
        elapsed: Duration,
        taken: Instant,
    ) -> Option<Self> {
        let date = date.checked_add(age).ok()?;
        let slack = SignedDuration::try_from(elapsed / 2).ok()?;
        let measured = date.duration_since(sent_at) + SignedDuration::from_millis(500) - slack;
        let believed = if measured.abs() < SMALLEST_SKEW { SignedDuration::ZERO } else { measured };
        let local = sent_at.checked_add(elapsed).ok()?;
        let protime = local.checked_add(believed).ok()?;
        Some(Self { skew: measured, protime, taken, slack })
    }

    /// By how much it is off what an earlier one has become since, by the clock that no one sets.
    fn off(&self, earlier: &Self) -> SignedDuration {
        let passed = SignedDuration::try_from(self.taken.saturating_duration_since(earlier.taken));
        self.protime.duration_since(earlier.protime).saturating_sub(passed.unwrap_or(SignedDuration::MAX))
    }

    fn follows(&self, earlier: &Self) -> bool {
        self.off(earlier).abs() <= TOLERANCE + self.slack + earlier.slack
    }

    /// Whether our own clock, by what it was off before, shows the same. It goes on during a suspend, in which the
    /// monotonic one stands still.
    fn is_confirmed_by_our_clock(&self, skew_before: SignedDuration) -> bool {
        (self.skew - skew_before).abs() <= TOLERANCE + self.slack
    }
}

#[derive(Debug, Clone, Copy)]
struct Doubted {
    newest: Sighting,
    witnesses: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Agrees,
    /// It is so far off what is known, and is not believed yet.
    Doubted {
        off: SignedDuration,
        first: bool,
    },
    /// It is so far off, and enough others said the same: Protime's clock was set.
    Jumped(SignedDuration),
}

#[derive(Debug, Clone, Default)]
pub(super) struct ProtimeClock {
    believed: Option<Sighting>,
    doubted: Option<Doubted>,
    /// How often a doubt turned out to be right since the clock was last set.
    refuted: u32,
}

impl ProtimeClock {
    /// Protime's clock minus ours; `None` before it is known.
    pub(super) fn skew(&self) -> Option<SignedDuration> {
        self.believed.map(|sighting| sighting.skew)
    }

    pub(super) fn time(&self, now: Instant) -> Option<Timestamp> {
        let believed = self.believed?;
        let time = believed.protime.checked_add(now.saturating_duration_since(believed.taken)).ok()?;
        Timestamp::from_millisecond(time.as_millisecond()).ok()
    }

    /// Whether the only answer so far contradicts our own clock: one more tells which of the two is right.
    pub(super) fn wants_a_witness(&self) -> bool {
        self.believed.is_none() && self.doubted.is_some()
    }

    pub(super) fn hear(&mut self, new: Sighting) -> Heard {
        let agrees = match &self.believed {
            Some(believed) => new.follows(believed) || new.is_confirmed_by_our_clock(believed.skew),
            None => new.is_confirmed_by_our_clock(SignedDuration::ZERO),
        };
        if agrees {
            self.refuted += u32::from(self.doubted.take().is_some() && self.believed.is_some());
            self.believed = Some(new);
            return Heard::Agrees;
        }
        let off = self.believed.map_or(new.skew, |believed| new.off(&believed));
        let apart = if self.believed.is_some() { APART } else { Duration::ZERO };
        let mut first = false;
        let witnesses = match &mut self.doubted {
            Some(doubted) if new.follows(&doubted.newest) => {
                if new.taken.saturating_duration_since(doubted.newest.taken) >= apart {
                    *doubted = Doubted { newest: new, witnesses: doubted.witnesses + 1 };
                }
                doubted.witnesses
            }
            other => {
                first = true;
                other.insert(Doubted { newest: new, witnesses: 1 }).witnesses
            }
        };
        if witnesses < 2 + self.refuted.min(MOST_REFUTED) {
            return Heard::Doubted { off, first };
        }
        *self = Self { believed: Some(new), doubted: None, refuted: 0 };
        Heard::Jumped(off)
    }
}

#[cfg(test)]
mod tests;
