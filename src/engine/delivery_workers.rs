//! Delivers keys to sinks, beside the renewals and never in their way.
//!
//! Laws: one attempt per sink at a time, each in a task of its own; what is due is in the database, so a
//! restart forgets nothing; a key that was just rotated is delivered at once. While the daemon stops, only
//! what takes no time is still delivered, until the last renewal has come to rest.

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use tokio::{
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use super::{Engine, LONGEST_SLEEP, parts::note, setup::Setup};
use crate::{
    claims::{Claim, Claims},
    clock,
    domain::state::WebhookId,
    handoff::KeySink,
    renewal::{DATABASE_RETRY, deliveries::Begun, procedure::Procedure},
    store::StoreError,
};

/// So many sinks are served at a time; one that hangs is one of them until its timeout.
const AT_A_TIME: usize = 128;

/// To which sink of a webhook, by its stable name.
type Delivery = (WebhookId, String);

/// Two loops: one looks for what is due, the other makes the attempts that begin with a rotation, and waits for no query.
pub(crate) async fn run(engine: Engine, stop: CancellationToken, closing: CancellationToken) {
    let due = DueDeliveries::new(engine.clone()).run(&stop, &closing);
    tokio::join!(due, make_begun(&engine, &stop, &closing));
}

struct DueDeliveries {
    engine: Engine,
    tasks: JoinSet<()>,
    under_way: Claims<Delivery>,
}

impl DueDeliveries {
    fn new(engine: Engine) -> Self {
        // The end of a delivery lets its webhook be judged.
        let under_way = Claims::new(Arc::clone(&engine.shared.wake));
        Self { engine, tasks: JoinSet::new(), under_way }
    }

    /// Works until `closing` is requested, which comes after `stop`, and what was under way has ended.
    async fn run(mut self, stop: &CancellationToken, closing: &CancellationToken) {
        loop {
            let last = closing.is_cancelled();
            let sleep = self.take_up(stop).await.unwrap_or_else(|error| {
                tracing::error!(%error, "the keys to be handed off could not be read");
                DATABASE_RETRY
            });
            if last {
                break;
            }
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.engine.shared.deliveries.wanted() => {}
                () = closing.cancelled() => {}
                Some(ended) = self.tasks.join_next() => note(ended),
            }
            while let Some(ended) = self.tasks.try_join_next() {
                note(ended);
            }
        }
        while let Some(ended) = self.tasks.join_next().await {
            note(ended);
        }
    }

    /// Starts every delivery that is due and returns how long to sleep.
    async fn take_up(&mut self, stop: &CancellationToken) -> Result<Duration, StoreError> {
        if self.tasks.len() >= AT_A_TIME {
            // The end of one of them wakes us.
            return Ok(LONGEST_SLEEP);
        }
        let setup = self.engine.setup();
        let now = clock::now();
        let store = &self.engine.shared.store;
        let longest = SignedDuration::try_from(setup.longest_retry).unwrap_or(SignedDuration::MAX);
        let latest = now.checked_add(longest).unwrap_or(now);
        for (id, name) in store.due_deliveries(now, latest, AT_A_TIME).await? {
            let Some((procedure, sink)) = find(&setup, id, &name) else { continue };
            if self.tasks.len() >= AT_A_TIME {
                return Ok(LONGEST_SLEEP);
            }
            if stop.is_cancelled() && !sink.takes_no_time() {
                continue;
            }
            if let Some(claim) = self.under_way.claim((id, name)) {
                self.tasks.spawn(deliver(procedure, sink, stop.clone(), claim));
            }
        }
        let next = store.next_delivery(now).await?;
        Ok(next.map_or(LONGEST_SLEEP, |next| {
            Duration::try_from(next.duration_since(clock::now())).unwrap_or_default().min(LONGEST_SLEEP)
        }))
    }
}

fn find(setup: &Setup, id: WebhookId, name: &str) -> Option<(Arc<Procedure>, KeySink)> {
    let procedure = setup.procedures.get(&id)?;
    let sink = procedure.webhook.sinks.iter().find(|sink| sink.id() == name)?;
    Some((Arc::clone(procedure), sink.clone()))
}

/// Makes the attempts that begin with a rotation, until `closing` is requested: no renewal is under way then.
async fn make_begun(engine: &Engine, stop: &CancellationToken, closing: &CancellationToken) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            begun = engine.shared.deliveries.next() => {
                tasks.spawn(make(begun, Arc::clone(&engine.shared.wake), stop.clone()));
            }
            Some(ended) = tasks.join_next() => note(ended),
            () = closing.cancelled() => break,
        }
    }
    while let Some(begun) = engine.shared.deliveries.take() {
        tasks.spawn(make(begun, Arc::clone(&engine.shared.wake), stop.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        note(ended);
    }
}

async fn make(begun: Begun, wake: Arc<Notify>, stop: CancellationToken) {
    let (procedure, sink) = (begun.procedure.clone(), begun.sink.clone());
    let attempt = {
        let stop = stop.clone();
        tokio::spawn(async move { begun.make(&stop).await })
    };
    contain(attempt, &procedure, &sink, &stop).await;
    // Its end lets its webhook be judged.
    wake.notify_one();
}

async fn deliver(procedure: Arc<Procedure>, sink: KeySink, stop: CancellationToken, claim: Claim<Delivery>) {
    let attempt = {
        let (procedure, sink, stop) = (Arc::clone(&procedure), sink.clone(), stop.clone());
        tokio::spawn(async move { procedure.deliver(&sink, &stop).await })
    };
    contain(attempt, &procedure, &sink, &stop).await;
    drop(claim);
}

/// Waits for an attempt, which is a task of its own: a panic must leave someone who records the end.
async fn contain(
    attempt: JoinHandle<Result<(), StoreError>>,
    procedure: &Procedure,
    sink: &KeySink,
    stop: &CancellationToken,
) {
    let outcome = match attempt.await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(webhook = %procedure.webhook.path, sink = %sink.label(), %error, "a delivery ended abnormally");
            procedure.delivery_broke(sink, stop).await
        }
    };
    if let Err(error) = outcome
        && !stop.is_cancelled()
    {
        tracing::error!(webhook = %procedure.webhook.path, sink = %sink.label(), %error, "the database refuses; the key is handed off once it takes writes again");
        tokio::time::sleep(DATABASE_RETRY).await;
    }
}
