//! Waiting for conditions instead of sleeping for luck.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take on a machine that does much else.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until there is a value; `None` if there is none in time.
pub(crate) fn until<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() > deadline {
            return None;
        }
        thread::sleep(Duration::from_millis(25));
    }
}

/// Waits until there is a value, or fails with what was waited for.
pub(crate) fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    until(PATIENCE, probe).unwrap_or_else(|| panic!("waited in vain for: {what}"))
}

/// Lets time pass, where a test is about what does (or does not) happen in it.
pub(crate) fn pause(duration: Duration) {
    thread::sleep(duration);
}
