//! Against a receiver on loopback that remembers what it got and answers as each test says.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, value::RawValue};

use super::*;
use crate::http::tests::outbound;

/// What arrived, in the order of its answers.
type Got = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// A receiver whose answer to the n-th request is what the function says.
async fn receiver(answer: impl Fn(usize) -> Response + Clone + Send + Sync + 'static) -> (Replay, Got) {
    let got = Got::default();
    let (record, count) = (Arc::clone(&got), Arc::new(AtomicUsize::new(0)));
    let app = Router::new().fallback(move |headers: HeaderMap, body: Bytes| async move {
        let number = count.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(fastrand::u64(..3))).await;
        record.lock().expect("no panic").push((headers, body));
        answer(number)
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let url = Url::parse(&format!("http://me:secret@{address}/hook?token=hush")).expect("a URL");
    (Replay::new(url, &outbound()).expect("a client"), got)
}

fn ok(_: usize) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

fn key() -> WebhookKey {
    WebhookKey::new("s3cret".to_owned()).expect("not empty")
}

fn object(id: usize, version: usize) -> Object {
    let text = format!("{{\"id\":\"o{id}\",\"changeVersion\":{version},\"name\":\"Zo\u{eb}\"}}");
    Object::listed(RawValue::from_string(text).expect("JSON")).expect("an object")
}

#[tokio::test]
async fn an_event_is_as_protime_would_send_it() {
    let (replay, got) = receiver(ok).await;
    replay.page(&key(), &[object(7, 1)]).await.expect("it arrives");
    let got = got.lock().expect("no panic");
    let (headers, body) = &got[0];
    let text = "{\"changeType\":\"InsertOrUpdate\",\"data\":{\"id\":\"o7\",\"changeVersion\":1,\"name\":\"Zo\u{eb}\"}}";
    assert_eq!(body, text);
    let header = |name: &str| headers.get_all(name).iter().collect::<Vec<_>>();
    assert_eq!(header("authorization").len(), 1, "user info adds no other one");
    assert!(key().verify(header("authorization")[0].as_bytes(), body).is_ok());
    assert_eq!(header("content-type"), ["application/json"]);
    assert_eq!(header("user-agent"), ["WebhookRenewal/v1 (Tests)"]);
}

#[tokio::test]
async fn versions_of_an_object_stay_in_order_and_objects_go_side_by_side() {
    let (replay, got) = receiver(ok).await;
    let page: Vec<Object> = (0..10).flat_map(|version| (0..20).map(move |id| object(id, version))).collect();
    replay.page(&key(), &page).await.expect("it arrives");
    let mut latest: HashMap<String, i64> = HashMap::new();
    let got = got.lock().expect("no panic");
    let events: Vec<Value> =
        got.iter().map(|(_, body)| serde_json::from_slice(body).expect("JSON")).collect();
    assert_eq!(events.len(), 200);
    for event in &events {
        let version = event["data"]["changeVersion"].as_i64().expect("a number");
        let before = latest.insert(event["data"]["id"].to_string(), version);
        assert_eq!(before, version.checked_sub(1).filter(|before| *before >= 0), "{event}");
    }
    let as_sent = (0..10).flat_map(|_| 0..20).map(|id| format!("\"o{id}\""));
    assert!(!events.iter().map(|event| event["data"]["id"].to_string()).eq(as_sent), "not one by one");
}

#[tokio::test]
async fn what_fails_is_sent_again() {
    let shaky = |number: usize| if number < 3 { StatusCode::BAD_GATEWAY.into_response() } else { ok(number) };
    let (replay, got) = receiver(shaky).await;
    replay.page(&key(), &[object(1, 1), object(1, 2)]).await.expect("it arrives at last");
    assert_eq!(got.lock().expect("no panic").len(), 5);
}

#[tokio::test]
async fn what_fails_too_often_names_object_and_status_and_no_secret() {
    let redirect = |_| (StatusCode::FOUND, [("location", "http://127.0.0.1:9/elsewhere")]).into_response();
    let (replay, got) = receiver(redirect).await;
    let failure = replay.page(&key(), &[object(1, 1), object(1, 2)]).await.expect_err("redirected");
    let place = replay.place();
    let expected = format!(
        "object o1 does not reach {place}: it answers 302 Found (4 tries); see that the receiver runs and answers with 2xx"
    );
    assert_eq!((failure.message.as_str(), failure.kind), (expected.as_str(), TaskErrorKind::Failed));
    assert!(place.ends_with("/hook") && !place.contains("secret") && !place.contains("hush"));
    assert!(!format!("{replay:?}").contains("secret"));
    assert_eq!(got.lock().expect("no panic").len(), 4, "the second version waits for the first");
}

#[tokio::test]
async fn a_refused_signature_is_told_apart() {
    let (replay, _) = receiver(|_| StatusCode::UNAUTHORIZED.into_response()).await;
    let failure = replay.page(&key(), &[object(1, 1)]).await.expect_err("401");
    assert_eq!(failure.kind, TaskErrorKind::KeyRefused);
}
