//! Every fault as a plain socket sees it.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::support::{Bench, until};
use crate::{faults::Endpoint, settings::Settings, words::API_ROOT};

/// What came back: the bytes, and whether the connection was reset.
struct Heard {
    text: String,
    reset: bool,
}

impl Heard {
    fn head(&self) -> &str {
        self.text.split("\r\n\r\n").next().unwrap_or_default()
    }

    fn body(&self) -> &str {
        self.text.split_once("\r\n\r\n").map_or("", |(_, body)| body)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head().lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    fn status(&self) -> u16 {
        self.text.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0)
    }
}

async fn connect_and_post(bench: &Bench) -> TcpStream {
    let body = json!({"destinationUrl": "http://127.0.0.1:9/", "collectionName": "people"}).to_string();
    let request = format!(
        "POST {API_ROOT}/webhooks HTTP/1.1\r\nHost: sandbox\r\nUser-Agent: T/1 (T)\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\n\r\n{body}",
        bench.token,
        body.len()
    );
    let mut stream = TcpStream::connect(bench.sandbox.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn hear(mut stream: TcpStream) -> Heard {
    let mut bytes = Vec::new();
    let reset = match stream.read_to_end(&mut bytes).await {
        Ok(_) => false,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => true,
        Err(error) => panic!("{error}"),
    };
    Heard { text: String::from_utf8(bytes).unwrap(), reset }
}

async fn with_fault(action: Value) -> (Bench, Heard) {
    let bench = Bench::start(Settings::default()).await;
    let rule = json!({"endpoint": "create", "collection": "people", "action": action});
    bench.sandbox.handle().add_fault(serde_json::from_value(rule).unwrap()).unwrap();
    let heard = hear(connect_and_post(&bench).await).await;
    (bench, heard)
}

fn posts(bench: &Bench) -> u64 {
    bench.sandbox.handle().webhooks().first().map_or(0, |webhook| webhook.posts)
}

#[tokio::test]
async fn a_reset_before_does_nothing_and_a_reset_after_loses_the_answer() {
    let (bench, heard) = with_fault(json!({"kind": "reset-before"})).await;
    assert!(heard.reset && heard.text.is_empty());
    assert_eq!(posts(&bench), 0);
    let record = bench.sandbox.handle().requests(0).pop().unwrap();
    assert_eq!(
        (record.status, record.processed_at, record.fault.as_deref()),
        (None, None, Some("reset-before"))
    );

    let (bench, heard) = with_fault(json!({"kind": "reset-after"})).await;
    assert!(heard.reset && heard.text.is_empty());
    assert_eq!(posts(&bench), 1);
    let record = bench.sandbox.handle().requests(0).pop().unwrap();
    assert_eq!((record.status, record.processed_status), (None, Some(201)));
    // The rule is used up: the next one goes well.
    assert_eq!(hear(connect_and_post(&bench).await).await.status(), 201);
}

#[tokio::test]
async fn a_late_request_is_done_after_the_client_was_reset() {
    let (bench, heard) = with_fault(json!({"kind": "process-late", "ms": 600_000})).await;
    assert!(heard.reset);
    assert_eq!(posts(&bench), 0);

    let (bench, heard) = with_fault(json!({"kind": "process-late", "ms": 100})).await;
    assert!(heard.reset);
    until("the late POST", || posts(&bench) == 1).await;
}

#[tokio::test]
async fn a_client_that_leaves_does_not_take_its_request_back() {
    let bench = Bench::start(Settings::default()).await;
    let rule = json!({"endpoint": "create", "action": {"kind": "delay-before", "ms": 200}});
    bench.sandbox.handle().add_fault(serde_json::from_value(rule).unwrap()).unwrap();
    let stream = connect_and_post(&bench).await;
    until("its arrival", || {
        bench.sandbox.handle().requests(0).iter().any(|r| r.endpoint == Endpoint::Create)
    })
    .await;
    drop(stream);
    until("the POST", || posts(&bench) == 1).await;
}

#[tokio::test]
async fn an_answer_can_come_late() {
    let begun = Instant::now();
    let (bench, heard) = with_fault(json!({"kind": "delay-after", "ms": 150})).await;
    assert_eq!((heard.status(), posts(&bench)), (201, 1));
    assert!(begun.elapsed() >= Duration::from_millis(150));
    let record = bench.sandbox.handle().requests(0).pop().unwrap();
    assert!(record.processed_at.is_some());
}

#[tokio::test]
async fn another_status_has_a_retry_after_of_either_form() {
    let (bench, heard) =
        with_fault(json!({"kind": "status", "status": 429, "retry_after": 7, "headers": {"x-a": "b"}})).await;
    assert_eq!(
        (heard.status(), heard.header("retry-after"), heard.header("x-a")),
        (429, Some("7"), Some("b"))
    );
    assert!(serde_json::from_str::<Value>(heard.body()).unwrap()["error"]["code"].is_string());
    assert_eq!(posts(&bench), 0);

    let dated = json!({"kind": "status", "status": 503, "retry_after": 7, "retry_after_date": true});
    let (_bench, heard) = with_fault(dated).await;
    assert!(heard.header("retry-after").is_some_and(|date| date.ends_with(" GMT")));
    assert!(heard.header("content-type").is_some_and(|kind| kind.starts_with("text/html")));

    let (bench, heard) = with_fault(json!({"kind": "status", "status": 500, "processed": true})).await;
    assert_eq!((heard.status(), posts(&bench)), (500, 1));
}

#[tokio::test]
async fn a_body_can_be_cut_short_or_have_a_wrong_length() {
    let (_bench, heard) = with_fault(json!({"kind": "truncate", "bytes": 10})).await;
    let promised: usize = heard.header("content-length").unwrap().parse().unwrap();
    assert_eq!((heard.status(), heard.body().len()), (201, 10));
    assert!(promised > 10);

    let (_bench, heard) = with_fault(json!({"kind": "content-length", "delta": 20})).await;
    let promised: usize = heard.header("content-length").unwrap().parse().unwrap();
    assert_eq!(heard.body().len() + 20, promised);
    assert!(serde_json::from_str::<Value>(heard.body()).is_ok());

    let (_bench, heard) = with_fault(json!({"kind": "content-length", "delta": -5})).await;
    let promised: usize = heard.header("content-length").unwrap().parse().unwrap();
    assert_eq!(heard.body().len(), promised);
    assert!(serde_json::from_str::<Value>(heard.body()).is_err());
}

#[tokio::test]
async fn a_body_can_be_huge_or_slow() {
    let (_bench, heard) = with_fault(json!({"kind": "huge", "mib": 3})).await;
    assert!(heard.body().len() > 3 << 20);
    let begun = Instant::now();
    let (_bench, heard) = with_fault(json!({"kind": "dribble", "ms": 5, "bytes": 16})).await;
    let body: Value = serde_json::from_str(heard.body()).unwrap();
    assert!(body["webhookKey"].is_string());
    assert!(begun.elapsed() >= Duration::from_millis(5) * u32::try_from(heard.body().len() / 16).unwrap());
}

#[tokio::test]
async fn an_answer_can_be_no_json_or_hide_the_key() {
    let (bench, heard) = with_fault(json!({"kind": "not-json"})).await;
    assert_eq!((heard.status(), posts(&bench)), (201, 1));
    assert!(heard.body().starts_with("<!DOCTYPE html>"));

    let (_bench, heard) = with_fault(json!({"kind": "no-key"})).await;
    let body: Value = serde_json::from_str(heard.body()).unwrap();
    assert!(body["id"].is_string() && body["webhookKey"].is_null());

    let (bench, heard) = with_fault(json!({"kind": "key-field", "name": "other"})).await;
    let body: Value = serde_json::from_str(heard.body()).unwrap();
    assert!(body["webhookKey"].is_null());
    assert_eq!(body["other"], bench.sandbox.handle().webhooks()[0].key);
}
