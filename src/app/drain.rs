//! The end of the work: what is in flight may finish, and is cut off if it takes too long, except for
//! two things.
//!
//! Laws: a POST in flight is waited for as long as its request may last, because its answer may hold the
//! only copy of a key; and a key that neither the database nor an emergency file took is in this process
//! alone, so the process does not end by itself. It says so, and asks the service manager for time;
//! someone who wants it gone all the same kills it, and the next start replaces the key.

use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::{engine::service_manager, renewal::unpersisted::UnpersistedKeys};

/// How long work in flight may take once the daemon is asked to stop.
const DRAIN: Duration = Duration::from_secs(17);

/// How often it is looked whether the daemon can stop after that, and said why not.
const REMINDER: Duration = Duration::from_secs(5);

/// How much time the service manager is asked for with each reminder, in microseconds.
const MORE_TIME_US: u32 = 20_000_000;

/// How long it is asked: an operator has made room by then, and a machine that must go down may.
const LAST_WISH: Duration = Duration::from_mins(10);

/// Waits for the end of the work. No request takes longer than `longest_request`.
pub(super) async fn drain(mut driving: JoinHandle<()>, keys: &UnpersistedKeys, longest_request: Duration) {
    let began = Instant::now();
    let mut limit = DRAIN;
    loop {
        let expected = keys.are_expected() && began.elapsed() < longest_request;
        if expected {
            ask_for_time();
        }
        match tokio::time::timeout(limit, &mut driving).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => return tracing::error!(%error, "the work ended abnormally"),
            Err(_) => {}
        }
        let alone: Vec<String> = keys.nowhere_else().iter().map(ToString::to_string).collect();
        if !alone.is_empty() {
            tracing::error!(
                webhooks = alone.join(", "),
                "not stopping: a new key is in memory only, and gone with this process; make room on the disk, or repair it"
            );
            if began.elapsed() < LAST_WISH {
                ask_for_time();
            }
        } else if keys.are_expected() && began.elapsed() < longest_request {
            tracing::info!("not stopping yet: a POST is in flight, and its answer may hold a new key");
        } else if !expected {
            // Otherwise the answer has come during the last round, and its key is being handed off.
            driving.abort();
            return tracing::warn!("work in flight was cut off; it goes on after the next start");
        }
        limit = REMINDER;
    }
}

fn ask_for_time() {
    service_manager::notify(&[sd_notify::NotifyState::ExtendTimeoutUsec(MORE_TIME_US)]);
}
