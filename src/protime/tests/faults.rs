//! Faults: what is certain to be not processed, what is unknown, and what is cut off.

use std::future::pending;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    server::{Server, TOKEN, json, with, write_all},
    *,
};
use crate::protime::{ApiError, PostError};

/// POSTs to a server that treats its connections as the function says.
async fn post_to(api: &Server, change: impl FnOnce(&mut Settings)) -> PostError {
    let tokens = Server::of_tokens().await;
    let mut settings = settings(api, &tokens);
    change(&mut settings);
    TenantClient::new(&settings).unwrap().post_webhook(&pair(), &[]).await.expect_err("a fault")
}

async fn unknown(answer: &'static str, expected: &str) {
    let api = Server::raw(move |stream| write_all(stream, answer)).await;
    let error = post_to(&api, |_| {}).await;
    assert!(matches!(error, PostError::Unknown(ApiError::Transient { .. })), "{answer:?}: {error:?}");
    assert!(error.to_string().contains(expected), "{answer:?}: {error}");
    assert!(!error.to_string().contains("hush"), "{error}");
    assert_eq!(api.asked().len(), 1, "a POST is not repeated");
}

#[tokio::test]
async fn an_answer_that_is_lost_or_cut_leaves_the_outcome_unknown() {
    unknown("", "the connection broke").await;
    unknown("HTTP/1.1 20", "the connection broke").await;
    unknown("nonsense\r\n\r\n", "the connection broke").await;
    unknown(
        "HTTP/1.1 201 Created\r\ncontent-length: 100\r\n\r\n{\"key\":\"hush\"",
        "201 Created, but the answer could not be read",
    )
    .await;
    unknown("HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhush", "could not be read").await;
    unknown("HTTP/1.1 201 Created\r\ncontent-length: 1048577\r\n\r\nhush", "larger than 1048576 bytes").await;
}

#[tokio::test]
async fn a_reset_connection_leaves_the_outcome_unknown() {
    let api = Server::raw(|stream: TcpStream| async move {
        stream.set_zero_linger().unwrap();
    })
    .await;
    let error = post_to(&api, |_| {}).await;
    assert!(matches!(error, PostError::Unknown(_)), "{error:?}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let api = Server::raw(|mut stream: TcpStream| async move {
        let head = "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
        // The client hangs up, and then a write fails.
        while stream.write_all(chunk.as_bytes()).await.is_ok() {}
    })
    .await;
    let error = post_to(&api, |_| {}).await;
    assert!(matches!(error, PostError::Unknown(_)), "{error:?}");
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
}

#[tokio::test]
async fn silence_and_dribble_end_with_the_deadline() {
    let silent = Server::raw(|stream: TcpStream| async move {
        let _open = stream;
        pending::<()>().await;
    })
    .await;
    let dribbling = Server::raw(|mut stream: TcpStream| async move {
        stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 100000\r\n\r\n").await.unwrap();
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let short = |settings: &mut Settings| {
        let outbound = outbound_with("S/1 (C)", |api| api.request_timeout = Duration::from_secs(2));
        settings.outbound = Arc::new(outbound);
    };
    let (silence, dribble) = tokio::join!(post_to(&silent, short), post_to(&dribbling, short));
    for error in [silence, dribble] {
        assert!(matches!(error, PostError::Unknown(ApiError::Transient { .. })), "{error:?}");
        assert!(error.to_string().contains("longer than 2s"), "{error}");
    }
}

#[tokio::test]
async fn without_a_connection_nothing_was_processed() {
    let absent = Server::absent().await;
    let error = post_to(&absent, |_| {}).await;
    assert!(matches!(error, PostError::NotProcessed(ApiError::Transient { .. })), "{error:?}");
    let place = absent.origin().to_string();
    assert!(
        error.to_string().contains(&format!("cannot connect to {}", place.trim_end_matches('/'))),
        "{error}"
    );

    // No token, no POST; the token's own lost answer leaves nothing in doubt.
    let api = Server::of_tokens().await;
    let closing = Server::raw(|stream| write_all(stream, "")).await;
    for tokens in [absent, closing] {
        let client = TenantClient::new(&settings(&api, &tokens)).unwrap();
        let error = client.post_webhook(&pair(), &[]).await.unwrap_err();
        assert!(matches!(error, PostError::NotProcessed(ApiError::Transient { .. })), "{error:?}");
        assert!(error.to_string().contains("no token: "), "{error}");
    }
    assert!(api.asked().is_empty());
}

#[tokio::test]
async fn a_status_decides_whether_it_may_have_been_processed() {
    for status in [301, 302, 307, 400, 403, 404, 408, 409, 410, 413, 422, 429, 500, 502, 503, 504, 599] {
        let api = Server::answering(move |_| async move {
            with(status, &[("location", "https://login.example/p?token=hush")], "<title>Oh no</title>hush")
        })
        .await;
        let error = post_to(&api, |_| {}).await;
        let unknown = matches!(error, PostError::Unknown(_));
        assert_eq!(unknown, status >= 500, "{status}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(&status.to_string()) && text.contains("Oh no"), "{text}");
        assert!(!text.contains("hush"), "{text}");
        assert_eq!(api.asked().len(), 1, "neither followed nor repeated: {status}");
        if status < 400 {
            assert!(text.contains("redirects to https://login.example/p, which is not followed"), "{text}");
        }
    }
}

#[tokio::test]
async fn an_unreadable_body_of_a_refusal_changes_nothing_about_it() {
    for answer in [
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 100\r\n\r\n{\"error\"",
        "HTTP/1.1 403 Forbidden\r\ncontent-length: 99999999\r\n\r\n",
        "HTTP/1.1 403 Forbidden\r\n\r\n",
    ] {
        let api = Server::raw(move |stream| write_all(stream, answer)).await;
        let error = post_to(&api, |_| {}).await;
        assert!(
            matches!(error, PostError::NotProcessed(ApiError::NeedsOperator { status: Some(403), .. })),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_page_of_a_list_may_be_large_but_not_endless() {
    let tokens = Server::of_tokens().await;
    for (length, fits) in [(2_000_000, true), (20_000_000, false)] {
        let api = Server::answering(move |_| async move {
            json(200, &format!(r#"{{"value":[]{}}}"#, " ".repeat(length)))
        })
        .await;
        let listed = TenantClient::new(&settings(&api, &tokens)).unwrap().list_webhooks().await;
        assert_eq!(listed.is_ok(), fits, "{length}: {listed:?}");
    }
}

#[tokio::test]
async fn a_wish_to_wait_holds_off_the_whole_tenant() {
    for status in [429, 503] {
        let server = Server::answering(move |asked| async move {
            if asked.is_token() { json(200, TOKEN) } else { with(status, &[("retry-after", "600")], "") }
        })
        .await;
        let client = client(&server);
        let error = client.list_webhooks().await.unwrap_err();
        assert_eq!((error.status(), error.retry_after()), (Some(status), Some(Duration::from_mins(10))));

        let Err(PostError::NotProcessed(held)) = client.post_webhook(&pair(), &[]).await else {
            panic!("nothing may be sent")
        };
        assert_eq!(held.status(), None);
        let rest = held.retry_after().unwrap();
        assert!(rest > Duration::from_mins(5) && rest <= Duration::from_mins(10), "{rest:?}");
        assert!(held.to_string().contains("Protime asked not to be asked for another"), "{held}");
        assert_eq!(server.counts(), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn without_such_a_wish_no_request_waits() {
    let server = Server::answering(|asked| async move {
        if asked.is_token() { json(200, TOKEN) } else { with(429, &[("retry-after", "later")], "") }
    })
    .await;
    let client = client(&server);
    for _ in 0..2 {
        assert_eq!(client.list_webhooks().await.unwrap_err().retry_after(), None);
    }
    assert_eq!(server.counts(), (1, 2));
}

#[tokio::test]
async fn the_token_endpoints_wish_counts_too() {
    let server = Server::answering(|_| async { with(429, &[("retry-after", "600")], "") }).await;
    let client = client(&server);
    assert_eq!(client.list_webhooks().await.unwrap_err().status(), Some(429));
    assert!(client.list_webhooks().await.unwrap_err().to_string().contains("no token: Protime asked"));
    assert_eq!(server.counts(), (1, 0));
}
