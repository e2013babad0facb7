//! What the tasks of the sandbox share: the state behind its lock, the wake-ups, the tasks.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinSet,
    time::sleep,
};

use crate::{tenant::Tenant, time::until};

/// How many events are under way at a time over all webhooks.
const DELIVERIES_AT_A_TIME: usize = 64;

pub(crate) struct Core {
    tenant: Mutex<Tenant>,
    tasks: Mutex<JoinSet<()>>,
    /// Something may be there to deliver.
    pub(crate) deliver: Notify,
    /// The nearest `validUntil` may be another.
    pub(crate) deadlines: Notify,
    pub(crate) load: Notify,
    pub(crate) permits: Semaphore,
    pub(crate) client: reqwest::Client,
    stop: watch::Sender<bool>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Core {
    pub(crate) fn new(tenant: Tenant, client: reqwest::Client) -> Arc<Self> {
        Arc::new(Self {
            tenant: Mutex::new(tenant),
            tasks: Mutex::default(),
            deliver: Notify::new(),
            deadlines: Notify::new(),
            load: Notify::new(),
            permits: Semaphore::new(DELIVERIES_AT_A_TIME),
            client,
            stop: watch::Sender::new(false),
        })
    }

    /// Does something at one moment of the tenant's time. This is the only way to the state: what has expired
    /// is disabled before anyone looks, deliveries and expiry are woken afterwards, and no operation can
    /// forget to.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut Tenant, Timestamp) -> R) -> R {
        let mut tenant = locked(&self.tenant);
        let now = tenant.now();
        tenant.expire(now);
        let before = tenant.webhooks.next_expiry();
        let result = act(&mut tenant, now);
        let moved = tenant.webhooks.next_expiry() != before;
        let waiting = !tenant.webhooks.startable(tenant.settings.parallel_deliveries).is_empty();
        drop(tenant);
        if moved {
            self.deadlines.notify_one();
        }
        if waiting {
            self.deliver.notify_one();
        }
        result
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = locked(&self.tasks);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    pub(crate) fn request_stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) async fn stop_requested(&self) {
        // The sender lives in `self`, so the only way out is the value.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    pub(crate) fn abort(&self) {
        locked(&self.tasks).abort_all();
    }

    pub(crate) async fn end(&self) {
        let mut tasks = std::mem::take(&mut *locked(&self.tasks));
        tasks.shutdown().await;
    }

    pub(crate) async fn expire(self: Arc<Self>) {
        loop {
            let wait = self.with(|tenant, now| tenant.webhooks.next_expiry().map(|then| until(now, then)));
            // A wall clock may be set while a timer runs; looking again now and then is cheap.
            let wait = wait.unwrap_or(Duration::MAX).min(Duration::from_mins(1));
            tokio::select! {
                () = sleep(wait) => {}
                () = self.deadlines.notified() => {}
            }
        }
    }
}
