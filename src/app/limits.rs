//! What the daemon asks of the system for itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Every receiver that waits and every subscriber is an open file, and so is every connection that we make.
const OPEN_FILES: u64 = 16_384;

/// Lets the daemon have as many open files as its many connections need, as far as the system allows.
pub(super) fn allow_many_connections() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
        tracing::warn!(%error, wanted, "the number of open files could not be raised");
    }
}
