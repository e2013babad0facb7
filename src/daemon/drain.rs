//! The end of the work: what is in flight may finish, and is cut off if it takes too long, except for
//! one thing.
//!
//! Law: a key that neither the database nor an emergency file took is in this process alone, so the
//! process does not end by itself. It says so, and asks the service manager for time; whoever wants
//! it gone all the same kills it, and the next start replaces the key.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::manager;
use crate::renewal::unsaved::KeysInMemory;

/// How long work in flight may take once the daemon is asked to stop.
const DRAIN: Duration = Duration::from_secs(17);

/// How often it is said that the daemon cannot stop.
const REMINDER: Duration = Duration::from_secs(5);

/// How much time the service manager is asked for with each reminder, in microseconds.
const MORE_TIME_US: u32 = 20_000_000;

/// How long it is asked: an operator has made room by then, and a machine that must go down may.
const LAST_WISH: Duration = Duration::from_mins(10);

/// Waits for the end of the work.
pub(super) async fn drain(mut driving: JoinHandle<()>, keys: &KeysInMemory) {
    let began = Instant::now();
    let mut limit = DRAIN;
    loop {
        match tokio::time::timeout(limit, &mut driving).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => return tracing::error!(%error, "the work ended abnormally"),
            Err(_) => {}
        }
        let alone: Vec<String> = keys.nowhere_else().iter().map(ToString::to_string).collect();
        if alone.is_empty() {
            driving.abort();
            return tracing::warn!("work in flight was cut off; it goes on after the next start");
        }
        tracing::error!(
            webhooks = alone.join(", "),
            "not stopping: a new key is in memory only, and gone with this process; make room on the disk, or repair it"
        );
        if began.elapsed() < LAST_WISH {
            manager::tell(&[sd_notify::NotifyState::ExtendTimeoutUsec(MORE_TIME_US)]);
        }
        limit = REMINDER;
    }
}
