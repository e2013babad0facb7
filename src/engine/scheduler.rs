//! The cron that an operator writes: it wakes the sweep that asks every tenant for its list.
//!
//! Nothing else is left to it. Deadlines live in SQLite, because a cron in memory forgets them, and
//! this one's job only puts a token into a channel of one place: ticks that come while a sweep runs
//! become one, and a panic in a sweep cannot reach the scheduler.

use std::str::FromStr as _;

use chrono::{DateTime, Utc};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};

/// A sweep is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sweep;

pub(crate) struct Cron {
    scheduler: JobScheduler,
    job: uuid::Uuid,
    sweeps: mpsc::Sender<Sweep>,
}

impl Cron {
    /// Starts to put a token into the channel whenever the pattern (six fields, UTC) says so.
    pub(crate) async fn start(pattern: &str, sweeps: mpsc::Sender<Sweep>) -> Result<Self, JobSchedulerError> {
        let scheduler = JobScheduler::new().await?;
        let job = scheduler.add(job(pattern, &sweeps)?).await?;
        scheduler.start().await?;
        Ok(Self { scheduler, job, sweeps })
    }

    /// Computes the next tick again: after a step of the clock the old one may be far away, and the
    /// pattern may be another one.
    pub(crate) async fn rearm(&mut self, pattern: &str) -> Result<(), JobSchedulerError> {
        self.scheduler.remove(&self.job).await?;
        self.job = self.scheduler.add(job(pattern, &self.sweeps)?).await?;
        Ok(())
    }

    /// Ends it. A tick may still be under way; it finds a closed channel.
    pub(crate) async fn stop(mut self) -> Result<(), JobSchedulerError> {
        self.scheduler.shutdown().await
    }
}

/// The ticks of a pattern, so that a cron that went silent is noticed. None, if the cron would not take it either.
pub(crate) struct Ticks(Option<croner::Cron>);

impl Ticks {
    pub(crate) fn of(pattern: &str) -> Self {
        Self(croner::Cron::from_str(pattern).ok())
    }

    /// The first one after a moment.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = DateTime::<Utc>::from_timestamp_millis(after.as_millisecond())?;
        let next = self.0.as_ref()?.find_next_occurrence(&after, false).ok()?;
        Timestamp::from_millisecond(next.timestamp_millis()).ok()
    }
}

fn job(pattern: &str, sweeps: &mpsc::Sender<Sweep>) -> Result<Job, JobSchedulerError> {
    let sweeps = sweeps.clone();
    Job::new_async(pattern, move |_, _| {
        let sweeps = sweeps.clone();
        Box::pin(async move {
            if let Err(mpsc::error::TrySendError::Full(Sweep)) = sweeps.try_send(Sweep) {
                tracing::debug!("the last sweep still runs; this tick is counted to it");
            }
        })
    })
}
