//! The only reader of wall-clock time in this crate. The daemon has another one, which a test may set.

use jiff::Timestamp;

/// The machine's wall-clock time, in whole milliseconds.
#[expect(
    clippy::expect_used,
    reason = "a millisecond count that came from a timestamp is in a timestamp's range"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("in range")
}
