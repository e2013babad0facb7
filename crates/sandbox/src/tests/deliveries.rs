//! Events: signed, retried, dropped for ever.

use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::support::{Bench, Event, Receiver, until};
use crate::{
    changes::ChangeRequest,
    journal::{ChangeKind, LogLine},
    settings::Settings,
    webhooks::Pair,
};

fn quick() -> Settings {
    Settings { retries: 2, retry_delay_ms: 1, ..Settings::default() }
}

fn signed_with(key: &Value, event: &Event) -> bool {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_str().unwrap().as_bytes()).unwrap();
    mac.update(&event.body);
    event.authorization == format!("HMAC-SHA256 {}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn every_change_is_delivered_once_and_signed_with_the_current_key() {
    let (bench, receiver) = (Bench::start(quick()).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    let old = bench.create(&receiver.url, "people").await;
    let made = handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("the first event", || receiver.events().len() == 1).await;
    assert!(signed_with(&old["webhookKey"], &receiver.events()[0]));

    let new = bench.create(&receiver.url, "people").await;
    let delete = ChangeRequest { kind: ChangeKind::Delete, ..ChangeRequest::inserts("people", 1) };
    let gone = handle.change(&delete).unwrap();
    handle.change(&ChangeRequest::inserts("breaks", 1)).unwrap();
    until("the second event", || handle.webhooks()[0].delivered == 2).await;
    let events = receiver.events();
    assert!(signed_with(&new["webhookKey"], &events[1]) && !signed_with(&old["webhookKey"], &events[1]));
    let told: Value = serde_json::from_slice(&events[1].body).unwrap();
    let data = json!({"changeVersion": gone[0].change_version, "id": made[0].id});
    assert_eq!(told, json!({"changeType": "Delete", "data": data}));
    assert_eq!(gone[0].kind, ChangeKind::Delete);
    assert_eq!(events.len(), 2);
    let versions: Vec<_> = handle.deliveries(0).iter().map(|delivery| delivery.key_version).collect();
    assert_eq!(versions, [1, 2]);
}

#[tokio::test]
async fn exhausted_retries_disable_and_nothing_is_replayed() {
    let (bench, receiver) = (Bench::start(quick()).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    bench.create(&receiver.url, "people").await;
    receiver.status.store(500, Ordering::SeqCst);
    handle.change(&ChangeRequest::inserts("people", 10)).unwrap();
    until("the disablement", || handle.webhooks()[0].disabled_by == Some("exhausted")).await;
    let lost = handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    assert_eq!(handle.webhooks()[0].pending, 0);
    // What is still under way would meet a receiver that is well again.
    until("the end of all attempts", || handle.deliveries(0).iter().all(|d| d.finished_at.is_some())).await;
    let attempts = handle.deliveries(0);
    assert!(attempts.iter().any(|delivery| delivery.attempt == 3));
    assert!(attempts.iter().all(|delivery| delivery.attempt <= 3 && delivery.delivered != Some(true)));

    receiver.status.store(204, Ordering::SeqCst);
    bench.create(&receiver.url, "people").await;
    assert_eq!(handle.webhooks()[0].status, "Enabled");
    let kept = handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("the event after the comeback", || handle.webhooks()[0].delivered == 1).await;
    let delivered: Vec<_> = handle
        .deliveries(lost[0].seq)
        .into_iter()
        .filter(|delivery| delivery.delivered == Some(true))
        .map(|delivery| delivery.change_seq)
        .collect();
    assert_eq!(delivered, [kept[0].seq]);
}

#[tokio::test]
async fn a_retry_is_signed_with_the_key_of_its_own_moment() {
    let settings = Settings { retries: 20, retry_delay_ms: 20, ..Settings::default() };
    let (bench, receiver) = (Bench::start(settings).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    bench.create(&receiver.url, "people").await;
    receiver.status.store(503, Ordering::SeqCst);
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("a failed attempt", || handle.deliveries(0).iter().any(|d| d.delivered == Some(false))).await;
    let new = bench.create(&receiver.url, "people").await;
    receiver.status.store(200, Ordering::SeqCst);
    until("the delivery", || handle.webhooks()[0].delivered == 1).await;
    assert!(receiver.events().last().is_some_and(|event| signed_with(&new["webhookKey"], event)));
}

/// Only the log is looked at: to ask the sandbox would itself make it notice the time.
async fn expiry(lines: &mut UnboundedReceiver<LogLine>) {
    let expired = async {
        while let Some(line) = lines.recv().await {
            if line.topic == "webhook" && line.result.contains("expired") {
                return;
            }
        }
        panic!("the sandbox ended");
    };
    tokio::time::timeout(Duration::from_secs(30), expired).await.expect("expires in time");
}

#[tokio::test]
async fn reaching_valid_until_disables_without_anyone_asking() {
    let receiver = Receiver::start().await;
    let (log, mut lines) = unbounded_channel();
    let bench = Bench::logged(Settings { lifetime_ms: 50, ..quick() }, Some(log)).await;
    let handle = bench.sandbox.handle();
    bench.create(&receiver.url, "people").await;
    expiry(&mut lines).await;
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    assert_eq!((handle.webhooks()[0].pending, handle.deliveries(0).len()), (0, 0));

    handle.set(json!({"lifetime_ms": 600_000})).unwrap();
    bench.create(&receiver.url, "people").await;
    handle.set(json!({"clock_offset_ms": 601_000})).unwrap();
    expiry(&mut lines).await;
    assert_eq!(handle.webhooks()[0].status, "Disabled");
}

#[tokio::test]
async fn hundreds_of_webhooks_and_a_dead_one_do_not_hold_each_other_up() {
    let settings = Settings { lifetime_ms: 600_000, retries: 5, ..Settings::default() };
    let (bench, receiver) = (Bench::start(settings).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    bench.create("http://127.0.0.1:9/dead", "people").await;
    for number in 0..100 {
        bench.create(&format!("{}?{number}", receiver.url), "people").await;
    }
    let made = handle.change(&ChangeRequest::inserts("people", 20)).unwrap();
    until("2,000 deliveries", || receiver.events().len() == 2_000).await;
    until("their records", || handle.webhooks()[1..].iter().all(|webhook| webhook.delivered == 20)).await;
    let seqs: BTreeSet<_> = handle.deliveries(0).iter().map(|delivery| delivery.change_seq).collect();
    assert_eq!(seqs, made.iter().map(|change| change.seq).collect());
}

#[tokio::test]
async fn a_disabled_pair_gets_nothing_and_references_ride_along() {
    let (bench, receiver) = (Bench::start(quick()).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    let query = "?externalReferences=(people,@badge-number)";
    bench.post(query, &receiver.url, "people").send().await.unwrap();
    let pair = Pair { destination_url: receiver.url.clone(), collection: "people".to_owned() };
    assert!(handle.disable(&pair));
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    assert!(handle.foreign_renew(&pair));
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("the event", || handle.webhooks()[0].delivered == 1).await;
    let events = receiver.events();
    let told: Value = serde_json::from_slice(&events[0].body).unwrap();
    assert_eq!(events.len(), 1);
    // Where a person's own reference stands is not documented: at the top, here.
    assert!(told["data"]["externalReferences"]["@badge-number"].is_string(), "{told}");
}
