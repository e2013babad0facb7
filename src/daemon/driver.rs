//! The loop that does the work: it sleeps until the nearest deadline in SQLite, and never longer than
//! five seconds, because the wall clock may move while it sleeps; then it lets every webhook that is
//! due go on until it waits again.
//!
//! Laws: one task per webhook at a time; a limited number of them works at a time; a step of the clock
//! is noticed at the next look, and every tenant is asked before any deadline is believed.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::{Notify, Semaphore, mpsc},
    task::JoinSet,
};

use super::{couriers::Couriers, live::Live};
use crate::{
    clock,
    domain::record::WebhookId,
    renewal::procedure::{Advance, Procedure},
    scheduler::{self, Cron, Sweep},
    stop::Stop,
    store::StoreError,
};

/// The longest time between two looks at the wall clock.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// Clocks that drift apart by more than this have been stepped, or the machine was suspended.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// So late a tick of the cron may be before it counts as lost.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// So many webhooks are taken up at a time.
const BATCH: u32 = 500;

/// How long to wait before a database that refused is asked again.
const DATABASE_RETRY: Duration = Duration::from_secs(1);

/// Owns the work on all webhooks.
pub(super) struct Driver {
    live: Live,
    cron: Cron,
    pattern: String,
    sweep: mpsc::Sender<Sweep>,
    running: Arc<Mutex<HashSet<WebhookId>>>,
    permits: Arc<Semaphore>,
    tasks: JoinSet<()>,
    looked: (Timestamp, Instant),
    started_at: Timestamp,
}

impl Driver {
    /// A driver for what was set up. `pattern` is that of the cron.
    pub(super) fn new(
        live: Live,
        cron: Cron,
        pattern: &str,
        sweep: mpsc::Sender<Sweep>,
        max_concurrent: usize,
    ) -> Self {
        Self {
            live,
            cron,
            pattern: pattern.to_owned(),
            sweep,
            running: Arc::default(),
            permits: Arc::new(Semaphore::new(max_concurrent)),
            tasks: JoinSet::new(),
            looked: (clock::now(), Instant::now()),
            started_at: clock::now(),
        }
    }

    /// Works until `stop` is requested and what was in flight is finished.
    pub(super) async fn run(mut self, stop: Stop) {
        let closing = Stop::new();
        let couriers = tokio::spawn(Couriers::new(self.live.clone()).run(stop.clone(), closing.clone()));
        while !stop.is_requested() {
            self.watch_the_clock().await;
            self.retry_polls();
            let sleep = match self.take_up(&stop).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "the deadlines could not be read");
                    DATABASE_RETRY
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.live.lasting.wake.notified() => {}
                () = stop.requested() => {}
                Some(ended) = self.tasks.join_next() => note(ended),
            }
        }
        if let Err(error) = self.cron.stop().await {
            tracing::debug!(%error, "the cron did not stop");
        }
        while let Some(ended) = self.tasks.join_next().await {
            note(ended);
        }
        // Only now: a POST that was in flight may have brought a key.
        closing.request();
        note(couriers.await);
    }

    /// Starts work on every webhook that is due and tells how long to sleep.
    async fn take_up(&mut self, stop: &Stop) -> Result<Duration, StoreError> {
        let setup = self.live.setup();
        let now = clock::now();
        for id in self.live.lasting.store.due(now, BATCH).await? {
            let Some(procedure) = setup.procedures.get(&id) else { continue };
            if self.running().insert(id) {
                let claim = Claim {
                    id,
                    running: Arc::clone(&self.running),
                    wake: Arc::clone(&self.live.lasting.wake),
                };
                let work = work(Arc::clone(procedure), stop.clone(), Arc::clone(&self.permits), claim);
                self.tasks.spawn(work);
            }
        }
        let next = self.live.lasting.store.next_due(now).await?;
        let until_due = next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(clock::now())).unwrap_or_default()
        });
        let until_poll = setup
            .tenants
            .iter()
            .filter_map(|tenant| tenant.polls().failing)
            .map(|failing| failing.retry_at.saturating_duration_since(Instant::now()))
            // A poll that is due is under way; its end wakes us.
            .filter(|delay| !delay.is_zero())
            .min();
        Ok(until_due.min(until_poll.unwrap_or(LONGEST_SLEEP)).min(LONGEST_SLEEP))
    }

    fn running(&self) -> std::sync::MutexGuard<'_, HashSet<WebhookId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Compares the progress of both clocks. After a step the tenants are asked first, because their
    /// answers also tell the time.
    async fn watch_the_clock(&mut self) {
        let (wall, instant) = self.looked;
        self.looked = (clock::now(), Instant::now());
        let by_wall = self.looked.0.duration_since(wall);
        let by_instant = SignedDuration::try_from(self.looked.1.duration_since(instant)).unwrap_or_default();
        let step = by_wall.saturating_sub(by_instant);
        if step.abs() > STEP {
            tracing::warn!(
                seconds = step.as_secs(),
                "the clock was set, or the machine was suspended; asking every tenant"
            );
            if let Err(error) = self.cron.rearm().await {
                tracing::error!(%error, "the cron could not be set anew; polls go on without it");
            }
            self.live.setup().sweep().await;
        }
    }

    /// Asks tenants again whose list could not be read, and all of them if the cron has gone silent.
    fn retry_polls(&mut self) {
        let setup = self.live.setup();
        for tenant in setup.tenants.iter().filter(|tenant| tenant.wants_retry()) {
            let tenant = Arc::clone(tenant);
            self.tasks.spawn(async move { tenant.retry().await });
        }
        let oldest =
            setup.tenants.iter().map(|tenant| tenant.polls().last_attempt.unwrap_or(self.started_at)).min();
        let silent = oldest
            .and_then(|oldest| scheduler::next_tick(&self.pattern, oldest))
            .is_some_and(|tick| clock::now().duration_since(tick) > GRACE);
        if silent && self.sweep.try_send(Sweep).is_ok() {
            tracing::warn!("the cron has gone silent; polling without it");
        }
    }
}

/// Takes a webhook out of the running ones when its work ends, however it ends.
struct Claim {
    id: WebhookId,
    running: Arc<Mutex<HashSet<WebhookId>>>,
    wake: Arc<Notify>,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        self.wake.notify_one();
    }
}

/// Lets one webhook go on until it waits.
async fn work(procedure: Arc<Procedure>, stop: Stop, permits: Arc<Semaphore>, claim: Claim) {
    // The semaphore is never closed; without a permit there is nothing to do.
    let Ok(_permit) = permits.acquire().await else { return };
    loop {
        match procedure.advance(&stop).await {
            Ok(Advance::Acted) => {}
            Ok(Advance::Waiting) | Err(StoreError::Closed) => break,
            Err(error) => {
                tracing::error!(webhook = %procedure.path, %error, "the database refuses; nothing is done for this webhook until it takes writes again");
                tokio::select! {
                    () = tokio::time::sleep(DATABASE_RETRY) => {}
                    () = stop.requested() => break,
                }
            }
        }
    }
    drop(claim);
}

fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "work on a webhook ended abnormally; it is taken up again");
    }
}
