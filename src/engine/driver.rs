//! The loop that does the work: it sleeps until the nearest deadline in SQLite, and never longer than
//! five seconds, because the wall clock may move while it sleeps; then it lets every webhook that is
//! due go on until it waits again.
//!
//! Laws: one task per webhook at a time; a limited number of them works at a time; a step of the clock
//! is noticed at the next look, and every tenant is asked before any deadline is believed.

use std::{
    collections::VecDeque,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    sync::Semaphore,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{
    Engine, LONGEST_SLEEP, delivery_workers,
    parts::{Parts, note},
    scheduler::{Cron, Sweep, Ticks},
    service_manager::ServiceManager,
    setup::Setup,
};
use crate::{
    claims::{Claim, Claims},
    clock,
    domain::state::WebhookId,
    renewal::{
        DATABASE_RETRY,
        poller::Tenant,
        procedure::{Advance, Procedure},
    },
    store::StoreError,
};

/// Clocks that drift apart by more than this have been stepped, or the machine was suspended.
const STEP: SignedDuration = SignedDuration::from_secs(2);

/// So late a tick of the cron may be before it counts as lost.
const GRACE: SignedDuration = SignedDuration::from_secs(10);

/// So many that are due are read at a time.
const AT_A_TIME: usize = 256;

/// The tenants are looked at at most so often.
const TEND: Duration = Duration::from_millis(100);

/// How long a webhook is left alone after a panic: whatever led to it may still be there.
const PANIC_PAUSE: Duration = Duration::from_secs(5);

pub(crate) struct Driver {
    engine: Engine,
    parts: Parts,
    manager: ServiceManager,
    cron: Cron,
    pattern: String,
    ticks: Ticks,
    tended_at: Option<Instant>,
    running: Claims<WebhookId>,
    permits: Arc<Semaphore>,
    max_concurrent: usize,
    /// The next that are due, the longest first.
    due: VecDeque<WebhookId>,
    tasks: JoinSet<()>,
    looked: (Timestamp, Instant),
    /// Asks every tenant after a step of the clock; no deadline is believed before it has ended.
    asking: Option<JoinHandle<()>>,
}

impl Driver {
    pub(crate) fn new(engine: Engine, cron: Cron, parts: Parts) -> Self {
        let setup = engine.setup();
        Self {
            parts,
            manager: ServiceManager::new(),
            cron,
            pattern: setup.daemon.status_poll.clone(),
            ticks: Ticks::of(&setup.daemon.status_poll),
            tended_at: None,
            running: Claims::new(Arc::clone(&engine.shared.wake)),
            permits: Arc::new(Semaphore::new(setup.max_concurrent)),
            max_concurrent: setup.max_concurrent,
            due: VecDeque::new(),
            tasks: JoinSet::new(),
            looked: (clock::now(), Instant::now()),
            asking: None,
            engine,
        }
    }

    /// Works until `stop` is requested and what was in flight is finished.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let closing = CancellationToken::new();
        let workers = delivery_workers::run(self.engine.clone(), stop.clone(), closing.clone());
        let workers = self.parts.spawn("the hand-off of keys", workers);
        while !stop.is_cancelled() {
            self.follow_the_configuration().await;
            self.watch_the_clock().await;
            let sleep = match self.take_up(&stop).await {
                Ok(sleep) => sleep,
                Err(error) => {
                    tracing::error!(%error, "the deadlines could not be read");
                    DATABASE_RETRY
                }
            };
            self.manager.alive();
            tokio::select! {
                () = tokio::time::sleep(self.manager.longest_sleep(sleep)) => {}
                () = self.engine.shared.wake.notified() => {}
                () = stop.cancelled() => {}
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
        closing.cancel();
        note(workers.await);
    }

    /// Starts work on every webhook that is due and returns how long to sleep.
    async fn take_up(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        if self.asking.as_ref().is_some_and(|asking| !asking.is_finished()) {
            return Ok(LONGEST_SLEEP);
        }
        self.manager.describe(&self.engine).await?;
        let until_poll = self.tend_tenants();
        let free = self.permits.available_permits();
        if free == 0 {
            // The end of one of them wakes us.
            return Ok(until_poll);
        }
        let (setup, now) = (self.engine.setup(), clock::now());
        for _ in 0..free {
            let Some((id, procedure)) = self.next_of_the_due(&setup, now).await? else { break };
            if let Some(claim) = self.running.claim(id) {
                let permits = Arc::clone(&self.permits);
                let work = work(self.engine.clone(), id, Arc::clone(&procedure), stop.clone(), permits);
                self.tasks.spawn(contain(work, claim, procedure, stop.clone()));
            }
        }
        if !self.due.is_empty() {
            // The end of one of them wakes us.
            return Ok(until_poll);
        }
        let next = self.engine.shared.store.next_due(now).await?;
        let until_due = next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(clock::now())).unwrap_or_default()
        });
        Ok(until_due.min(until_poll))
    }

    /// The next webhook that is due and not under way.
    async fn next_of_the_due(
        &mut self,
        setup: &Setup,
        now: Timestamp,
    ) -> Result<Option<(WebhookId, Arc<Procedure>)>, StoreError> {
        if self.due.is_empty() {
            // Those that are under way are still due, and the first of all.
            let due = self.engine.shared.store.due(now, self.running.len() + AT_A_TIME).await?;
            self.due.extend(due.into_iter().filter(|id| !self.running.is_claimed(id)));
        }
        // One that is not due any more meanwhile waits at once; one that has left is no one's.
        while let Some(id) = self.due.pop_front() {
            if let Some(procedure) = setup.procedures.get(&id) {
                return Ok(Some((id, Arc::clone(procedure))));
            }
        }
        Ok(None)
    }

    /// Puts in force what a reload has changed of the loop's own settings.
    async fn follow_the_configuration(&mut self) {
        let setup = self.engine.setup();
        if setup.max_concurrent != self.max_concurrent {
            // Work under way keeps the permits of before.
            self.max_concurrent = setup.max_concurrent;
            self.permits = Arc::new(Semaphore::new(setup.max_concurrent));
        }
        if setup.daemon.status_poll != self.pattern {
            self.pattern.clone_from(&setup.daemon.status_poll);
            self.ticks = Ticks::of(&self.pattern);
            self.rearm().await;
        }
    }

    async fn rearm(&mut self) {
        if let Err(error) = self.cron.rearm(&self.pattern).await {
            tracing::error!(%error, "the cron could not be set again; polls go on without it");
        }
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
            self.rearm().await;
            let engine = self.engine.clone();
            self.asking = Some(tokio::spawn(async move {
                engine.sweep().await;
                // A tenant that does not answer has judged nothing, and what was put off is put off on another clock.
                if let Err(error) = engine.shared.store.clock_set(clock::now()).await {
                    tracing::error!(%error, "the deadlines could not be set again");
                }
                engine.shared.wake.notify_one();
            }));
        }
    }

    /// Asks tenants again whose list could not be read, and all of them if the cron has gone silent; returns how
    /// long nothing of that is due.
    fn tend_tenants(&mut self) -> Duration {
        // Every webhook that comes to rest wakes us, and there may be many tenants.
        let rest = self.tended_at.map_or(Duration::ZERO, |at| TEND.saturating_sub(at.elapsed()));
        if !rest.is_zero() {
            return rest;
        }
        self.tended_at = Some(Instant::now());
        let setup = self.engine.setup();
        let mut next = LONGEST_SLEEP;
        for tenant in &setup.tenants {
            let Some(failing) = tenant.polls().failing else { continue };
            let delay = failing.retry_at.saturating_duration_since(Instant::now());
            if !delay.is_zero() {
                next = next.min(delay);
            } else if tenant.wants_retry() {
                // The end of one that is under way wakes us.
                let tenant = Arc::clone(tenant);
                self.tasks.spawn(async move { tenant.retry().await });
            }
        }
        // A tenant that is new is asked by the sweep of its reload.
        let asked_at = |tenant: &Arc<Tenant>| tenant.polls().last_attempt.unwrap_or(setup.loaded_at);
        let oldest = setup.tenants.iter().map(asked_at).min();
        let silent = oldest
            .and_then(|oldest| self.ticks.next(oldest))
            .is_some_and(|tick| clock::now().duration_since(tick) > GRACE);
        if silent && self.engine.sweep.try_send(Sweep).is_ok() {
            tracing::warn!("the cron has gone silent; polling without it");
        }
        next
    }
}

/// Does the work on a webhook. After a panic the webhook stays claimed for a while, so that a mistake
/// that comes again at once is no hot loop, and takes no other webhook's permit.
async fn contain(
    work: impl Future<Output = ()>,
    claim: Claim<WebhookId>,
    procedure: Arc<Procedure>,
    stop: CancellationToken,
) {
    let mut work = pin!(work);
    // What it leaves half done is in the database, where the next one begins.
    let panicked = poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context))) {
        Ok(poll) => poll.map(|()| false),
        Err(_) => Poll::Ready(true),
    });
    if panicked.await {
        tracing::error!(webhook = %procedure.webhook.path, "work on a webhook ended abnormally; it is taken up again");
        tokio::select! {
            () = tokio::time::sleep(PANIC_PAUSE) => {}
            () = stop.cancelled() => {}
        }
    }
    drop(claim);
}

/// Lets one webhook go on until it waits. A webhook that leaves the configuration is only brought to
/// where no key that Protime has issued is at stake.
async fn work(
    engine: Engine,
    id: WebhookId,
    mut procedure: Arc<Procedure>,
    stop: CancellationToken,
    permits: Arc<Semaphore>,
) {
    // The semaphore is never closed; without a permit there is nothing to do.
    let Ok(_permit) = permits.acquire().await else { return };
    let halt = CancellationToken::new();
    loop {
        // Each step is done with what is in force when it begins.
        match engine.setup().procedures.get(&id) {
            Some(in_force) => procedure = Arc::clone(in_force),
            None => halt.cancel(),
        }
        let mut advancing = pin!(procedure.advance(&halt));
        let outcome = tokio::select! {
            outcome = &mut advancing => outcome,
            () = stop.cancelled(), if !halt.is_cancelled() => {
                halt.cancel();
                advancing.await
            }
            () = engine.left(id), if !halt.is_cancelled() => {
                halt.cancel();
                advancing.await
            }
        };
        match outcome {
            Ok(Advance::Acted) => {}
            Ok(Advance::Waiting) | Err(StoreError::Closed) => break,
            Err(error) => {
                tracing::error!(webhook = %procedure.webhook.path, %error, "the database refuses; nothing is done for this webhook until it takes writes again");
                tokio::select! {
                    () = tokio::time::sleep(DATABASE_RETRY) => {}
                    () = stop.cancelled() => break,
                }
            }
        }
    }
    if !engine.setup().procedures.contains_key(&id) {
        procedure.part(&halt).await;
    }
}
