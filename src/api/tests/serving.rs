//! Clients that misbehave, and the end.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use super::{GENEROUS, Served, bench};

async fn connect(served: &Served) -> UnixStream {
    UnixStream::connect(served.path()).await.expect("it listens")
}

async fn rest(mut stream: UnixStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(GENEROUS, stream.read_to_string(&mut text))
        .await
        .expect("it is closed")
        .expect("text");
    text
}

#[tokio::test]
async fn a_stop_waits_neither_for_idle_connections_nor_for_half_a_request() {
    let mut served = Served::status(bench().await);
    assert_eq!(served.get("/v1/status").await.0, StatusCode::OK);
    let silent = connect(&served).await;
    let mut half = connect(&served).await;
    half.write_all(b"GET /v1/health HT").await.expect("written");
    // Once a later connection is answered, the earlier ones have been accepted.
    let mut idle = connect(&served).await;
    idle.write_all(b"GET /v1/status HTTP/1.1\r\nhost: daemon\r\n\r\n").await.expect("written");
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    let path = served.path();
    served.stop();
    served.ended().await;
    assert!(!path.exists(), "the socket's file is gone");
    for stream in [silent, half, idle] {
        rest(stream).await;
    }
}

#[tokio::test]
async fn too_large_requests_are_refused() {
    let served = Served::control(bench().await);
    let body = vec![b'x'; 64 * 1024 + 1];
    let answer = served.client.post("http://daemon/v1/poll").body(body).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);

    let mut stream = connect(&served).await;
    let head = format!("GET /v1/health HTTP/1.1\r\nhost: daemon\r\nx: {}\r\n\r\n", "x".repeat(32 * 1024));
    // The server may close before it has read everything.
    let _ = stream.write_all(head.as_bytes()).await;
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.expect("an answer");
    assert_eq!(&start, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_user_has_a_bounded_number_of_connections() {
    let served = Served::status(bench().await);
    let mut open = Vec::new();
    for _ in 0..384 {
        open.push(connect(&served).await);
    }
    let refused = rest(connect(&served).await).await;
    assert!(refused.starts_with("HTTP/1.1 503 "), "{refused}");
    assert!(refused.contains("application/problem+json") && refused.contains("384 connections"), "{refused}");

    // Closed connections make room again.
    open.clear();
    let answered = async {
        loop {
            let answer = served.client.get("http://daemon/v1/status").send().await;
            if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(GENEROUS, answered).await.expect("there is room again");
}

#[tokio::test]
async fn rubbish_harms_no_one_else() {
    let served = Served::status(bench().await);
    let mut stream = connect(&served).await;
    stream.write_all(b"\0\0\0 nonsense\r\n\r\n").await.expect("written");
    assert!(rest(stream).await.starts_with("HTTP/1.1 400"));
    assert_eq!(served.get("/v1/status").await.0, StatusCode::OK);
    served.problem(Method::PATCH, "/v1/health", StatusCode::METHOD_NOT_ALLOWED).await;
}
