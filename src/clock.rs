//! The only reader of wall-clock time.
//!
//! Everything that decides takes `now` as an argument; everything that needs to know it asks here,
//! so that a search for this module finds every place that depends on the machine's clock.

use jiff::Timestamp;

/// The machine's wall-clock time, in whole milliseconds as the database keeps them.
#[expect(
    clippy::expect_used,
    reason = "a millisecond count that came from a timestamp is in a timestamp's range"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("in range")
}
