//! Every position of every switch of the webhook side, as a client sees it.

use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::support::{Bench, Receiver, body, until};
use crate::{changes::ChangeRequest, settings::Settings, webhooks::Pair, words::API_ROOT};

const DESTINATION: &str = "http://127.0.0.1:9/events";

async fn bench(settings: Value) -> Bench {
    Bench::start(Settings::default().patched(settings).unwrap()).await
}

async fn listed(bench: &Bench) -> Vec<Value> {
    let answer = bench.read("/webhooks").await;
    serde_json::from_value(answer["value"].clone()).unwrap()
}

fn statuses(listed: &[Value]) -> Vec<&str> {
    listed.iter().map(|webhook| webhook["status"].as_str().unwrap()).collect()
}

fn pair() -> Pair {
    Pair { destination_url: DESTINATION.to_owned(), collection: "people".to_owned() }
}

#[tokio::test]
async fn a_post_while_enabled_may_be_refused_and_then_changes_nothing() {
    for (switch, status, code) in [(json!(409), 409, "Conflict"), (json!("400"), 400, "BadRequest")] {
        let bench = bench(json!({"post_while_enabled": switch})).await;
        bench.create(DESTINATION, "people").await;
        let before = bench.sandbox.handle().webhooks();
        let refused = bench.post("", DESTINATION, "people").send().await.unwrap();
        assert_eq!(refused.status(), status);
        assert_eq!(body(refused).await["error"]["code"], code);
        assert!(!bench.sandbox.handle().foreign_renew(&pair()));
        assert_eq!(bench.sandbox.handle().webhooks(), before);
        assert!(bench.sandbox.handle().disable(&pair()));
        bench.create(DESTINATION, "people").await;
        assert_eq!(statuses(&listed(&bench).await), ["Enabled"]);
    }
}

#[tokio::test]
async fn a_second_webhook_delivers_beside_the_first() {
    let bench = bench(json!({"post_while_enabled": "second"})).await;
    let receiver = Receiver::start().await;
    let first = bench.create(&receiver.url, "people").await;
    let second = bench.create(&receiver.url, "people").await;
    assert_ne!(first["id"], second["id"]);
    let handle = bench.sandbox.handle();
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("both events", || handle.webhooks().iter().all(|webhook| webhook.delivered == 1)).await;
    let mut versions: Vec<u64> = handle.deliveries(0).iter().map(|delivery| delivery.key_version).collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2]);
    assert_eq!(statuses(&listed(&bench).await), ["Enabled", "Enabled"]);

    // Once both have ended, the pair has one that is renewed.
    assert!(handle.disable(&Pair { destination_url: receiver.url.clone(), ..pair() }));
    bench.create(&receiver.url, "people").await;
    assert_eq!(statuses(&listed(&bench).await), ["Disabled", "Enabled"]);
}

#[tokio::test]
async fn the_old_one_is_reused_or_stays_or_goes() {
    for (switch, expected) in
        [("reused", &["Enabled"][..]), ("listed", &["Enabled", "Disabled"]), ("gone", &["Enabled"])]
    {
        let bench = bench(json!({"old_after_renewal": switch, "renewed_id": "same"})).await;
        let old = bench.create(DESTINATION, "people").await;
        let new = bench.create(DESTINATION, "people").await;
        let listed = listed(&bench).await;
        assert_eq!(statuses(&listed), expected, "{switch}");
        assert_eq!(listed[0]["id"], new["id"]);
        assert_eq!(old["id"] == new["id"], switch == "reused");
        let id = old["id"].as_str().unwrap();
        let asked = bench.get(&format!("/webhooks/{id}")).send().await.unwrap();
        assert_eq!(asked.status() == 404, switch == "gone");
        bench.sandbox.handle().disable(&pair());
        bench.create(DESTINATION, "people").await;
        assert_eq!(bench.sandbox.handle().webhooks()[0].key_version, 3);
    }
}

#[tokio::test]
async fn what_waited_is_delivered_by_the_renewed_one() {
    for old_after_renewal in ["reused", "listed", "gone"] {
        let bench =
            bench(json!({"old_after_renewal": old_after_renewal, "retry_delay_ms": 20, "retries": 50}));
        let (bench, receiver) = (bench.await, Receiver::start().await);
        receiver.status.store(503, Ordering::SeqCst);
        bench.create(&receiver.url, "people").await;
        let handle = bench.sandbox.handle();
        handle.change(&ChangeRequest::inserts("people", 10)).unwrap();
        until("failed attempts", || handle.deliveries(0).iter().any(|d| d.delivered == Some(false))).await;
        bench.create(&receiver.url, "people").await;
        receiver.status.store(204, Ordering::SeqCst);
        until("all events", || handle.webhooks()[0].delivered == 10).await;
    }
}

#[tokio::test]
async fn scopes_are_refused_and_granted_as_they_are_set() {
    let bench = bench(json!({"missing_scope": 401, "unknown_scope": "invalid_scope"})).await;
    let handle = bench.sandbox.handle();
    let ask = async |scope: &str| {
        let answer = bench.ask_token(&[("client_secret", "s3cret"), ("scope", scope)]).await;
        (answer.status().as_u16(), body(answer).await)
    };
    let write = "connector-protimeapi-webhooks.write";
    let (status, refused) = ask(&format!("{write} connector-protimeapi-horses.read")).await;
    assert_eq!((status, refused), (400, json!({"error": "invalid_scope"})));
    let (_, granted) = ask(write).await;
    let token = granted["access_token"].as_str().unwrap();
    let get = bench.client.get(bench.url("/webhooks")).bearer_auth(token).send().await.unwrap();
    assert_eq!(get.status(), 401);

    let post = async |collection: &str| {
        let json = json!({"destinationUrl": DESTINATION, "collectionName": collection});
        let request = bench.client.post(bench.url("/webhooks")).bearer_auth(token).json(&json);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(post("people").await, 201);
    handle.set(json!({"post_needs_read": "yes", "missing_scope": 403})).unwrap();
    assert_eq!(post("people").await, 403);
    assert_eq!(post("horses").await, 400);
}

#[tokio::test]
async fn paid_presences_are_read_with_the_scope_of_calculated_totals() {
    let bench = bench(json!({})).await;
    let count = async |scope: &str, collection: &str| {
        let granted = bench.ask_token(&[("client_secret", "s3cret"), ("scope", scope)]).await;
        let granted = body(granted).await;
        let token = granted["access_token"].as_str().unwrap_or_default();
        let url = bench.url(&format!("/{collection}?filter=date ge '2026-11-01' and date le '2026-11-02'"));
        bench.client.get(url).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    let totals = "connector-protimeapi-calculated-totals.read";
    assert_eq!(count(totals, "paid-presences").await, 200);
    assert_eq!(count(totals, "counters").await, 403);
    assert_eq!(count("connector-protimeapi-paid-presences.read", "paid-presences").await, 401);
}

#[tokio::test]
async fn a_post_is_answered_as_it_is_set() {
    let bench =
        bench(json!({"location_id": "quoted", "post_body_id": false, "posted_end": "no-offset"})).await;
    let handle = bench.sandbox.handle();
    let post = async || {
        let answer = bench.post("", DESTINATION, "people").send().await.unwrap();
        let location = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
        (answer.status().as_u16(), location, body(answer).await)
    };
    let (status, location, told) = post().await;
    assert_eq!((status, told.get("id")), (201, None));
    assert!(!told["validUntil"].as_str().unwrap().contains('+'), "{told}");
    let id = handle.webhooks()[0].id.clone();
    assert_eq!(location, Some(format!("{API_ROOT}/webhooks('{id}')")));
    for (path, status) in [(format!("('{id}')"), 200), (format!("/{id}"), 200), ("('x')".to_owned(), 404)] {
        let answer = bench.get(&format!("/webhooks{path}")).send().await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
    handle.set(json!({"renewal_status": 200, "location": "absent"})).unwrap();
    let (status, location, _) = post().await;
    assert_eq!((status, location), (200, None));
}

#[tokio::test]
async fn a_delete_is_answered_and_listed_as_it_is_set() {
    let bench = bench(json!({"delete_status": 200, "list_deleted": "yes"})).await;
    let id = bench.create(DESTINATION, "people").await["id"].as_str().unwrap().to_owned();
    let url = bench.url(&format!("/webhooks/{id}"));
    let answer = bench.client.delete(&url).bearer_auth(&bench.token).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), &body(answer).await["status"]), (200, &json!("Deleted")));
    assert_eq!(statuses(&listed(&bench).await), ["Deleted"]);
    assert_eq!(bench.client.delete(&url).bearer_auth(&bench.token).send().await.unwrap().status(), 404);
    bench.create(DESTINATION, "people").await;
    assert_eq!(statuses(&listed(&bench).await), ["Deleted", "Enabled"]);
}

#[tokio::test]
async fn a_list_spells_as_it_is_set() {
    let destination = "http://127.0.0.1:80/%7euser?token=x";
    let bench = bench(json!({"listed_id": "upper", "listed_status": "lower", "listed_url": "normalized",
        "listed_end": "minute", "listed_references": "objects"}));
    let bench = bench.await;
    let query = "?externalReferences=(people,@badge-number)";
    let posted = body(bench.post(query, destination, "people").send().await.unwrap()).await;
    let shown = listed(&bench).await.remove(0);
    let id = posted["id"].as_str().unwrap();
    assert_eq!(shown["id"], id.to_uppercase());
    assert_eq!((&shown["status"], &posted["status"]), (&json!("enabled"), &json!("Enabled")));
    assert_eq!(shown["destinationUrl"], "http://127.0.0.1/~user?token=x");
    assert!(shown["validUntil"].as_str().unwrap().ends_with(":00+02:00"), "{shown}");
    assert!(posted["validUntil"].as_str().unwrap().contains('.'), "{posted}");
    assert_eq!(shown["externalReferences"], json!({"people": {"@badge-number": true}}));
    let again = bench.get(&format!("/webhooks/{}", id.to_uppercase())).send().await.unwrap();
    assert_eq!(again.status(), 200);
    bench.sandbox.handle().set(json!({"listed_url": "masked-query"})).unwrap();
    assert_eq!(listed(&bench).await[0]["destinationUrl"], "http://127.0.0.1:80/%7euser?token=***");
}

#[tokio::test]
async fn a_list_that_lags_shows_what_was_before_the_post() {
    let bench = bench(json!({"list_lag_ms": 3_600_000, "token_lifetime_seconds": 86_400})).await;
    let handle = bench.sandbox.handle();
    let first = bench.create(DESTINATION, "people").await;
    assert_eq!(listed(&bench).await, Vec::<Value>::new());
    let by_id = format!("/webhooks/{}", first["id"].as_str().unwrap());
    assert_eq!(bench.status(&by_id).await, 200);
    handle.set(json!({"list_lag_ms": 0})).unwrap();
    assert_eq!(listed(&bench).await[0]["id"], first["id"]);

    handle.set(json!({"list_lag_ms": 3_600_000, "old_after_renewal": "listed"})).unwrap();
    // The time of the tenant goes on by more than the lag, and by less than the lifetime.
    handle.set(json!({"clock_offset_ms": 3_600_001})).unwrap();
    handle.set(json!({"lifetime_ms": 86_400_000})).unwrap();
    let second = bench.create(DESTINATION, "people").await;
    let lagging = listed(&bench).await;
    assert_eq!((lagging.len(), &lagging[0]["id"]), (1, &first["id"]));
    bench.create(DESTINATION, "people").await;
    assert_eq!(listed(&bench).await[0]["id"], first["id"]);
    handle.set(json!({"clock_offset_ms": 7_300_000})).unwrap();
    let now = listed(&bench).await;
    assert_eq!((now.len(), &now[2]["id"]), (3, &second["id"]));
}

#[tokio::test]
async fn every_list_is_dressed_and_the_token_is_not() {
    let dressed = json!({"bom": "yes", "next_link_host": "other-host", "page_size": 1, "empty_list": 204});
    let bench = bench(dressed).await;
    assert_eq!(bench.status("/webhooks").await, 204);
    bench.post("", DESTINATION, "people").send().await.unwrap();
    bench.post("", DESTINATION, "breaks").send().await.unwrap();
    let page = bench.get("/webhooks").send().await.unwrap().bytes().await.unwrap();
    let page: Value = serde_json::from_slice(page.strip_prefix(b"\xef\xbb\xbf").unwrap()).unwrap();
    assert!(page["nextLink"].as_str().unwrap().starts_with("https://protimeapi-7.internal.invalid:8443/"));
    bench.sandbox.handle().set(json!({"gzip": true})).unwrap();
    let packed = bench.get("/webhooks").send().await.unwrap();
    assert_eq!(packed.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn a_retry_may_be_signed_with_the_key_of_its_first_attempt() {
    let settings = json!({"retry_key": "old", "retries": 50, "retry_delay_ms": 20,
        "event_content_type": "application/vnd.protime+json"});
    let (bench, receiver) = (bench(settings).await, Receiver::start().await);
    let handle = bench.sandbox.handle();
    bench.create(&receiver.url, "people").await;
    receiver.status.store(503, Ordering::SeqCst);
    handle.change(&ChangeRequest::inserts("people", 1)).unwrap();
    until("a failed attempt", || handle.deliveries(0).iter().any(|d| d.delivered == Some(false))).await;
    bench.create(&receiver.url, "people").await;
    receiver.status.store(200, Ordering::SeqCst);
    until("the delivery", || handle.webhooks()[0].delivered == 1).await;
    assert!(handle.deliveries(0).iter().all(|delivery| delivery.key_version == 1));
    assert!(receiver.events().iter().all(|event| event.content_type == "application/vnd.protime+json"));
}
