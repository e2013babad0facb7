//! Forgets old history, in small steps beside the work, and looks once whether the file that holds it is whole.
//!
//! Laws: what may go is said by `domain::retention`; a step is a few hundred rows, and the pause after it is longer than the step, so that no renewal waits for the writer.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::Engine;
use crate::{
    clock,
    domain::retention::{Allowance, Past},
    store::{History, StoreError},
};

/// How often it is looked whether something has grown old.
const LOOK: Duration = Duration::from_secs(10);

/// The pause after a step, at least, and in times of what the step has taken: a writer that is busy, or a slow disk,
/// makes the step long and the pause with it.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSES: u32 = 4;

/// Works until `stop` is requested.
pub(crate) async fn run(engine: Engine, stop: CancellationToken) {
    tokio::select! {
        () = check_the_file(&engine) => {}
        () = stop.cancelled() => return,
    }
    let mut pruner = Pruner { engine, allowance: Allowance::default(), grown_at: Instant::now() };
    while !stop.is_cancelled() {
        let sleep = pruner.step().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "old history could not be forgotten; trying again");
            LOOK
        });
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = stop.cancelled() => {}
        }
    }
}

/// A long file is not looked at as a whole before the daemon is ready.
async fn check_the_file(engine: &Engine) {
    engine.shared.first_sweep_done().await;
    if let Some(detail) = engine.shared.store.check().await {
        tracing::error!(
            detail,
            "the database is damaged; nothing of it is forgotten, and renewals go on as long as it takes them: restore a backup, or \
             move the file away to start with a new one"
        );
    }
}

struct Pruner {
    engine: Engine,
    allowance: Allowance,
    grown_at: Instant,
}

impl Pruner {
    /// Forgets a little, if there is something to be forgotten, and returns how long to sleep.
    async fn step(&mut self) -> Result<Duration, StoreError> {
        // Deleting would write into what is broken.
        if self.engine.shared.store.damage().is_some() {
            return Ok(LOOK);
        }
        let began = Instant::now();
        let history = self.engine.shared.store.oldest_history().await?;
        let past = self.choose(history, began);
        if past.is_empty() {
            return Ok(LOOK);
        }
        let renewals = past.len();
        let rows = self.engine.shared.store.forget(past).await?;
        tracing::debug!(rows, renewals, "old history was forgotten");
        Ok(PAUSE.max(began.elapsed() * PAUSES))
    }

    fn choose(&mut self, history: History, now: Instant) -> Vec<Past> {
        let History { rows, oldest: mut past } = history;
        self.allowance.grow(now.duration_since(self.grown_at), rows);
        self.grown_at = now;
        let retention = self.engine.setup().retention;
        let forgotten = retention.forgotten(&past, rows, &mut self.allowance, clock::now());
        past.truncate(forgotten);
        past
    }
}
