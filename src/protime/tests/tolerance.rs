//! What Protime's servers, and those in front of them, do to an answer without meaning anything by it.

use axum::{body::Body, response::Response};

use super::{
    server::{Asked, CREATED, Server, TOKEN, json, with},
    *,
};
use crate::protime::{ApiError, PostError, body::tests::gzipped, interpret};

const ENTRY: &str =
    r#"{"id":"a","status":"ENABLED","destinationUrl":"https://x.example/a","collectionName":"c"}"#;

fn bytes(status: u16, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Body::from(body)).unwrap()
}

fn usual(asked: &Asked) -> (u16, String) {
    match (asked.is_token(), asked.method.as_str()) {
        (true, _) => (200, TOKEN.to_owned()),
        (false, "POST") => (201, CREATED.to_owned()),
        (false, _) => (200, format!(r#"{{"value":[{ENTRY}]}}"#)),
    }
}

async fn is_understood(server: &Server) {
    let client = client(server);
    let list = client.list_webhooks().await.unwrap();
    assert_eq!((list.webhooks[0].id.as_str(), list.odd.len()), ("a", 0));
    let answer = client.post_webhook(&pair(), &[]).await.unwrap();
    let issued = interpret(answer.location.as_deref(), &answer.body, None).unwrap();
    assert_eq!(issued.key.expose(), "hook-key");
}

#[tokio::test]
async fn a_byte_order_mark_before_any_answer() {
    let server = Server::answering(|asked| async move {
        let (status, body) = usual(&asked);
        json(status, &format!("\u{feff}{body}"))
    })
    .await;
    is_understood(&server).await;
}

#[tokio::test]
async fn compression_that_was_not_asked_for() {
    let server = Server::answering(|asked| async move {
        let (status, body) = usual(&asked);
        bytes(status, &[("content-encoding", "gzip")], gzipped(body.as_bytes()))
    })
    .await;
    is_understood(&server).await;
    // Both at once, and a proxy has dropped the header.
    let server = Server::answering(|asked| async move {
        let (status, body) = usual(&asked);
        bytes(status, &[], gzipped(format!("\u{feff}{body}").as_bytes()))
    })
    .await;
    is_understood(&server).await;
}

#[tokio::test]
async fn a_compressed_refusal_still_says_why() {
    let server = Server::answering(|asked| async move {
        if asked.is_token() {
            return json(200, TOKEN);
        }
        let body = gzipped(br#"{"error":{"code":"BadRequest","message":"no such collection"}}"#);
        bytes(400, &[("content-encoding", "gzip")], body)
    })
    .await;
    let error = client(&server).post_webhook(&pair(), &[]).await.unwrap_err();
    assert!(matches!(error, PostError::NotProcessed(_)), "{error:?}");
    assert!(error.to_string().contains("BadRequest: no such collection"), "{error}");
}

#[tokio::test]
async fn a_coding_that_is_not_read_is_named() {
    let bomb = gzipped(&vec![b' '; 20 * 1024 * 1024]);
    for (coding, body, expected) in [
        ("br", b"xx".to_vec(), "Content-Encoding 'br'"),
        ("deflate", b"xx".to_vec(), "Content-Encoding 'deflate'"),
        ("gzip", b"{}".to_vec(), "said to be compressed with gzip, and is not"),
        ("gzip", bomb, "larger than 16777216 bytes when its compression is undone"),
    ] {
        let server = Server::answering(move |asked| {
            let body = body.clone();
            async move {
                if asked.is_token() {
                    json(200, TOKEN)
                } else {
                    bytes(200, &[("content-encoding", coding)], body)
                }
            }
        })
        .await;
        let error = client(&server).list_webhooks().await.unwrap_err();
        assert!(
            matches!(error, ApiError::Transient { .. }) && error.to_string().contains(expected),
            "{error}"
        );
        let error = client(&server).post_webhook(&pair(), &[]).await.unwrap_err();
        assert!(matches!(error, PostError::Unknown(_)), "the POST was processed: {error:?}");
    }
}

#[tokio::test]
async fn an_odd_entry_is_left_out_and_told() {
    let server = Server::answering(|asked| async move {
        if asked.is_token() {
            return json(200, TOKEN);
        }
        let odd = ENTRY.replace("\"id\"", "\"validUntil\":\"\",\"id\"");
        match asked.uri.query() {
            None => json(200, &format!(r#"{{"value":[{ENTRY},{odd}],"nextLink":"?page=2"}}"#)),
            Some(_) => json(200, &format!(r#"{{"value":[null,{ENTRY}]}}"#)),
        }
    })
    .await;
    let settings = settings(&server, &server);
    let list = TenantClient::new(&settings).unwrap().list_webhooks().await.unwrap();
    let wrong: Vec<&str> = list.odd.iter().map(|odd| odd.wrong.as_str()).collect();
    assert_eq!(list.webhooks.len(), 2);
    assert_eq!(
        wrong,
        ["entry 1 has a 'validUntil' that is not an ISO 8601 time", "entry 2 is not an object"]
    );
    assert_eq!(settings.counters.snapshot().odd_entries["acme"], 2);
}

#[tokio::test]
async fn an_empty_list_comes_in_many_ways() {
    for (status, body) in [(200, r#"{"value":null}"#), (200, r#"{"value":[]}"#), (204, "")] {
        let server = Server::answering(move |asked| async move {
            if asked.is_token() { json(200, TOKEN) } else { json(status, body) }
        })
        .await;
        let list = client(&server).list_webhooks().await.unwrap();
        assert!(list.webhooks.is_empty() && list.odd.is_empty(), "{status} {body}");
    }
    // What says nothing of webhooks is not a list without any.
    for body in ["{}", "null", "", r#"{"value":{}}"#] {
        let server = Server::answering(move |asked| async move {
            if asked.is_token() { json(200, TOKEN) } else { json(200, body) }
        })
        .await;
        client(&server).list_webhooks().await.unwrap_err();
    }
}

#[tokio::test]
async fn a_next_page_at_another_host_is_asked_for_at_ours_and_no_token_leaves() {
    let elsewhere = Server::answering(|_| async { json(200, r#"{"value":[]}"#) }).await;
    let lure = elsewhere.origin().to_string();
    let server = Server::answering(move |asked| {
        let lure = lure.clone();
        async move {
            match (asked.is_token(), asked.uri.query()) {
                (true, _) => json(200, TOKEN),
                (_, None) => json(
                    200,
                    &format!(r#"{{"value":[],"nextLink":"{lure}webhooks?filter=status eq 'x'&page=2"}}"#),
                ),
                (_, Some(_)) => json(200, &format!(r#"{{"value":[{ENTRY}]}}"#)),
            }
        }
    })
    .await;
    let list = client(&server).list_webhooks().await.unwrap();
    assert_eq!(list.webhooks.len(), 1);
    assert_eq!(server.asked()[2].uri.to_string(), "/webhooks?filter=status%20eq%20%27x%27&page=2");
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn every_documented_way_to_say_that_it_is_done() {
    for (method, status, body) in [
        ("DELETE", 204, ""),
        ("DELETE", 200, ""),
        ("DELETE", 200, "{\"id\":\"a\"}"),
        ("DELETE", 200, "<p>deleted"),
        ("POST", 201, CREATED),
        ("POST", 200, CREATED),
    ] {
        for location in
            [None, Some("/connector/protimeapi/api/v1/webhooks/a-1"), Some("https://h/webhooks/a-1")]
        {
            let server = Server::answering(move |asked| async move {
                let headers: Vec<_> = location.iter().map(|it| ("location", *it)).collect();
                if asked.is_token() { json(200, TOKEN) } else { with(status, &headers, body) }
            })
            .await;
            let client = client(&server);
            if method == "DELETE" {
                client.delete_webhook("a").await.unwrap();
            } else {
                let answer = client.post_webhook(&pair(), &[]).await.unwrap();
                let issued = interpret(answer.location.as_deref(), &answer.body, None).unwrap();
                assert_eq!((answer.status, issued.id.as_deref()), (status, Some("a-1")));
            }
        }
    }
}
