//! The only reader of wall-clock time.
//!
//! Everything that decides takes `now` as an argument; everything that needs to know it asks here,
//! so that a search for this module finds every place that depends on the machine's clock. It is
//! also the one place where a test can set the clock, which no test may do to its machine.

use jiff::Timestamp;

/// The machine's wall-clock time, in whole milliseconds as the database keeps them.
#[expect(
    clippy::expect_used,
    reason = "a millisecond count that came from a timestamp is in a timestamp's range"
)]
pub(crate) fn now() -> Timestamp {
    let now = Timestamp::now();
    #[cfg(debug_assertions)]
    let now = set::as_a_test_wants(now);
    Timestamp::from_millisecond(now.as_millisecond()).expect("in range")
}

/// A build for tests goes wrong by as many seconds as the file says that
/// `PROTIME_WEBHOOKD_CLOCK_OFFSET` names. A release build has none of this.
#[cfg(debug_assertions)]
mod set {
    use std::{env, ffi::OsString, fs, sync::OnceLock};

    use jiff::{SignedDuration, Timestamp};

    pub(super) fn as_a_test_wants(now: Timestamp) -> Timestamp {
        static FILE: OnceLock<Option<OsString>> = OnceLock::new();
        let Some(file) = FILE.get_or_init(|| env::var_os("PROTIME_WEBHOOKD_CLOCK_OFFSET")) else {
            return now;
        };
        let offset = fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        now.checked_add(SignedDuration::from_secs(offset)).unwrap_or(now)
    }
}
