//! Delivers events: signed, retried, and given up for good.

use std::{error::Error as _, sync::Arc, time::Duration};

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};

use crate::{core::Core, journal::Delivery, secret, settings::RetryKey, tenant::Tenant, webhooks::Pending};

const AGENT: &str = concat!("protime-webhookd-sandbox/", env!("CARGO_PKG_VERSION"));

const LONGEST_DELAY: Duration = Duration::from_mins(1);

/// A worker's place: a webhook in one of its lives.
#[derive(Debug, Clone, Copy)]
struct Worker {
    serial: usize,
    life: u64,
}

#[derive(Clone)]
struct Signer {
    key: String,
    version: u64,
}

struct Attempt {
    seq: u64,
    signer: Signer,
    request: reqwest::RequestBuilder,
}

/// The client that delivers; one for all webhooks, so that connections are reused.
pub(crate) fn client() -> reqwest::Result<reqwest::Client> {
    let builder = || {
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).user_agent(AGENT)
    };
    // A machine without a certificate store can still rehearse with receivers on plain HTTP.
    builder().build().or_else(|_| builder().tls_certs_only([]).build())
}

/// Starts workers wherever there is something to deliver, for ever.
pub(crate) async fn dispatch(core: Arc<Core>) {
    loop {
        // Each webhook has workers of its own, so a receiver that does not answer holds up no other.
        for worker in core.with(|tenant, _| start_workers(tenant)) {
            let shared = Arc::clone(&core);
            core.spawn(async move { work(&shared, worker.0, worker.1).await });
        }
        core.deliver.notified().await;
    }
}

fn start_workers(tenant: &mut Tenant) -> Vec<(Worker, Pending)> {
    let parallel = tenant.settings.parallel_deliveries;
    let mut started = Vec::new();
    for serial in tenant.webhooks.startable(parallel) {
        let Some(webhook) = tenant.webhooks.by_serial(serial) else { continue };
        while webhook.running < parallel {
            let Some(event) = webhook.queue.pop_front() else { break };
            webhook.running += 1;
            started.push((Worker { serial, life: webhook.life }, event));
        }
    }
    started
}

async fn work(core: &Core, worker: Worker, first: Pending) {
    let mut next = Some(first);
    while let Some(event) = next {
        deliver(core, worker, &event).await;
        next = core.with(|tenant, _| {
            let webhook = tenant.webhooks.by_serial(worker.serial).filter(|it| it.life == worker.life)?;
            let event = webhook.queue.pop_front();
            if event.is_none() {
                webhook.running = webhook.running.saturating_sub(1);
            }
            event
        });
    }
}

async fn deliver(core: &Core, worker: Worker, event: &Pending) {
    let mut first = None;
    for number in 1.. {
        // The semaphore is never closed; without a permit the event would still be delivered.
        let permit = core.permits.acquire().await;
        let begun = core.with(|tenant, _| begin(tenant, &core.client, worker, event, number, first.as_ref()));
        let Some(Attempt { seq, signer, request }) = begun else { return };
        first.get_or_insert(signer);
        let answer = request.send().await.map(|answer| answer.status().as_u16());
        let outcome = answer.map_err(|error| root_cause(&error.without_url()));
        let retry_after = core.with(|tenant, _| end(tenant, worker, number, seq, outcome));
        drop(permit);
        let Some(delay) = retry_after else { return };
        tokio::time::sleep(delay).await;
    }
}

fn begin(
    tenant: &mut Tenant,
    client: &reqwest::Client,
    worker: Worker,
    event: &Pending,
    number: u32,
    first: Option<&Signer>,
) -> Option<Attempt> {
    let webhook = tenant
        .webhooks
        .by_serial(worker.serial)
        .filter(|webhook| webhook.life == worker.life && webhook.delivers())?;
    // Signed again at each attempt: with the key that counts then or, if so set, with that of the first one.
    let first = first.filter(|_| tenant.settings.retry_key == RetryKey::Old);
    let signer =
        first.cloned().unwrap_or_else(|| Signer { key: webhook.key.clone(), version: webhook.key_version });
    let (seq, at) = tenant.journal.stamp();
    tenant.journal.deliveries.push(Delivery {
        seq,
        at,
        finished_at: None,
        change_seq: event.change_seq,
        destination_url: webhook.pair.destination_url.clone(),
        collection: webhook.pair.collection.clone(),
        webhook_id: webhook.id.clone(),
        key_version: signer.version,
        fingerprint: secret::fingerprint(&signer.key),
        attempt: number,
        status: None,
        error: None,
        delivered: None,
    });
    let request = client
        .post(&webhook.pair.destination_url)
        .timeout(Duration::from_millis(tenant.settings.delivery_timeout_ms))
        .header(AUTHORIZATION, secret::authorization(&signer.key, &event.body))
        .header(CONTENT_TYPE, &tenant.settings.event_content_type)
        .body(event.body.clone());
    Some(Attempt { seq, signer, request })
}

/// The innermost cause, which names what happened without the URL.
fn root_cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}

/// How long to wait before the next attempt, if there is one.
fn end(
    tenant: &mut Tenant,
    worker: Worker,
    number: u32,
    seq: u64,
    outcome: Result<u16, String>,
) -> Option<Duration> {
    let delivered = tenant.journal.delivered(seq, outcome);
    let webhook = tenant.webhooks.by_serial(worker.serial)?;
    if delivered {
        webhook.delivered += 1;
    }
    if delivered || webhook.life != worker.life {
        return None;
    }
    if number > tenant.settings.retries {
        // With it, everything that waits is dropped.
        tenant.disable(worker.serial, "exhausted");
        return None;
    }
    let doubled = 1_u64.checked_shl(number - 1).unwrap_or(u64::MAX);
    let delay = Duration::from_millis(tenant.settings.retry_delay_ms.saturating_mul(doubled));
    Some(delay.min(LONGEST_DELAY))
}
