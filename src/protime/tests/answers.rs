//! What is sent for each call, and what is made of its answer.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use jiff::SignedDuration;

use super::{
    server::{CREATED, Server, TOKEN, json, with},
    *,
};
use crate::{
    clock,
    domain::webhook::{ExternalReference, RemoteStatus},
    protime::{ApiError, PostError, interpret},
};

const ROOT: &str = "/connector/protimeapi/api/v1/webhooks";

fn entry(id: &str) -> String {
    format!(
        r#"{{"id":"{id}","status":"Enabled","destinationUrl":"https://x.example/{id}","collectionName":"c"}}"#
    )
}

async fn api(answer: fn(&str) -> axum::response::Response) -> Server {
    Server::answering(move |asked| async move {
        if asked.is_token() { json(200, TOKEN) } else { answer(&asked.uri.to_string()) }
    })
    .await
}

#[tokio::test]
async fn every_request_carries_what_it_must() {
    let server = api(|_| json(200, r#"{"value":[]}"#)).await;
    let client = client(&server);
    client.list_webhooks_filtered(Some("status eq 'Disabled'")).await.unwrap();
    client.delete_webhook("a/b").await.unwrap();
    let asked = server.asked();
    for one in &asked {
        assert_eq!(one.header("user-agent"), "WebhookRenewal/v1 (Your Company)", "{one:?}");
        assert_eq!(one.header("accept"), "application/json", "{one:?}");
        assert_eq!(one.header("accept-encoding"), "", "{one:?}");
    }
    assert_eq!(asked[0].header("content-type"), "application/x-www-form-urlencoded");
    assert_eq!(
        asked[0].body,
        "grant_type=client_credentials&client_id=my-client&client_secret=client-s3cret&\
         scope=connector-protimeapi-webhooks.read+connector-protimeapi-webhooks.write"
    );
    assert_eq!(asked[1].header("authorization"), "Bearer tok-1");
    assert_eq!(asked[1].uri.to_string(), format!("{ROOT}?filter=status%20eq%20%27Disabled%27"));
    assert_eq!((asked[2].method.as_str(), asked[2].uri.path()), ("DELETE", &*format!("{ROOT}/a%2Fb")));
}

#[tokio::test]
async fn a_post_is_sent_as_in_the_guide_and_its_answer_kept_whole() {
    let server = api(|_| with(201, &[("location", "/x/webhooks/a-1")], CREATED)).await;
    let references =
        [ExternalReference { collection: "people".to_owned(), reference: "@badge-number".to_owned() }];
    let answer = client(&server).post_webhook(&pair(), &references).await.unwrap();
    assert_eq!((answer.status, answer.location.as_deref()), (201, Some("/x/webhooks/a-1")));
    assert_eq!(answer.body.as_slice(), CREATED.as_bytes());
    let issued = interpret(answer.location.as_deref(), &answer.body, None).unwrap();
    assert_eq!((issued.key.expose(), issued.id.as_deref()), ("hook-key", Some("a-1")));

    let post = &server.asked()[1];
    assert_eq!(post.method, "POST");
    assert_eq!(post.uri.to_string(), format!("{ROOT}?externalReferences=(people,@badge-number)"));
    assert_eq!(post.header("content-type"), "application/json");
    assert_eq!(
        post.body,
        r#"{"destinationUrl":"https://x.example/c?code=hush","collectionName":"clockings"}"#
    );
}

#[tokio::test]
async fn a_list_is_read_to_its_end_over_empty_pages() {
    let server = api(|uri| {
        let page = match uri.split_once("page=").map_or("1", |(_, page)| page) {
            "1" => format!(r#"{{"value":[{}],"nextLink":"{ROOT}?page=2"}}"#, entry("a")),
            "2" => format!(r#"{{"value":[],"nextLink":"{ROOT}?page=3"}}"#),
            _ => format!(r#"{{"value":[{}]}}"#, entry("b")),
        };
        json(200, &page)
    })
    .await;
    let list = client(&server).list_webhooks().await.unwrap();
    let ids: Vec<_> = list.webhooks.iter().map(|webhook| webhook.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(server.counts(), (1, 3));
}

#[tokio::test]
async fn a_link_back_fails_the_list() {
    let looping = api(|uri| {
        let next = if uri.contains("page=2") { ROOT.to_owned() } else { format!("{ROOT}?page=2") };
        json(200, &format!(r#"{{"value":[],"nextLink":"{next}"}}"#))
    })
    .await;
    let error = client(&looping).list_webhooks().await.unwrap_err();
    assert!(
        matches!(error, ApiError::Transient { .. }) && error.to_string().contains("leads back"),
        "{error}"
    );
    assert_eq!(looping.counts(), (1, 2));
}

#[tokio::test]
async fn one_webhook_is_shown_or_missing() {
    let server =
        api(|uri| if uri.ends_with("/a") { json(200, &entry("a")) } else { with(404, &[], "") }).await;
    let client = client(&server);
    let webhook = client.get_webhook("a").await.unwrap();
    assert_eq!((webhook.id.as_str(), webhook.status), ("a", RemoteStatus::Enabled));
    let error = client.get_webhook("b").await.unwrap_err();
    assert_eq!(error.status(), Some(404));
    assert!(error.to_string().contains("no webhook with this id"), "{error}");
}

/// A server whose answers have a `Date` that is ahead by so many seconds: those of tokens, and all others in turn.
async fn dated(of_tokens: i64, of_lists: &'static [i64]) -> Server {
    let lists = Arc::new(AtomicUsize::new(0));
    Server::answering(move |asked| {
        let lists = Arc::clone(&lists);
        async move {
            let ahead = if asked.is_token() {
                of_tokens
            } else {
                let at = lists.fetch_add(1, Ordering::SeqCst).min(of_lists.len() - 1);
                of_lists[at]
            };
            let date = (clock::now() + SignedDuration::from_secs(ahead))
                .strftime("%a, %d %b %Y %H:%M:%S GMT")
                .to_string();
            let body = if asked.is_token() { TOKEN } else { r#"{"value":[]}"# };
            with(200, &[("date", &date)], body)
        }
    })
    .await
}

#[tokio::test]
async fn the_skew_is_what_two_answers_agree_on() {
    let server = dated(100, &[100]).await;
    let client = client(&server);
    assert_eq!(client.clock_skew(), None);
    let began = clock::now();
    client.list_webhooks().await.unwrap();
    // Exact to half a second and half of the time that it all took.
    let slack = SignedDuration::from_millis(600) + clock::now().duration_since(began);
    let off = client.clock_skew().unwrap() - SignedDuration::from_secs(100);
    assert!(off.abs() <= slack, "{off:?}");
    assert_eq!(server.counts(), (1, 1));
}

#[tokio::test]
async fn one_answer_of_a_server_that_is_a_day_ahead_is_not_believed() {
    let server = dated(0, &[86_400, 0]).await;
    let client = client(&server);
    client.list_webhooks().await.unwrap();
    assert!(client.clock_skew().unwrap().abs() < SignedDuration::from_secs(60));
    assert!(
        client.protime_time().unwrap().duration_since(clock::now()).abs() < SignedDuration::from_secs(60)
    );
}

#[tokio::test]
async fn a_first_date_that_our_clock_contradicts_is_asked_for_again() {
    // The token's server and the list's do not agree with each other nor with us.
    let server = dated(86_400, &[3_600]).await;
    let client = client(&server);
    client.list_webhooks().await.unwrap();
    assert_eq!(server.counts(), (1, 2));
    let off = client.clock_skew().unwrap() - SignedDuration::from_secs(3_600);
    assert!(off.abs() < SignedDuration::from_secs(60), "{off:?}");
}

#[tokio::test]
async fn errors_show_neither_token_nor_secret_nor_the_destinations_query() {
    let server = api(|_| {
        let echo = r#"{"error":{"code":"Bad","message":"Bearer tok-1 client-s3cret https://x.example/c?code=hush"}}"#;
        json(400, echo)
    })
    .await;
    let client = client(&server);
    let Err(PostError::NotProcessed(error)) = client.post_webhook(&pair(), &[]).await else {
        panic!("a 400 was not processed")
    };
    let shown = format!("{error} {error:?} {client:?}");
    assert!(shown.contains("Bad: Bearer [redacted]"), "{shown}");
    for secret in ["tok-1", SECRET, "hush"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_at_the_start() {
    let server = Server::absent().await;
    let good = settings(&server, &server);

    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let secure = Settings {
        api_origin: "https://127.0.0.1:1".parse().unwrap(),
        outbound: Arc::new(outbound_with("S/1 (C)", |api| api.ca_file = Some(ca_file.clone()))),
        ..good.clone()
    };
    let error = TenantClient::new(&secure).unwrap_err();
    let error = error.to_string();
    assert!(error.starts_with("api.ca_file") && error.contains("ca.pem"), "{error}");
    std::fs::write(&ca_file, "no certificate").unwrap();
    let error = TenantClient::new(&secure).unwrap_err();
    assert!(error.to_string().contains("it holds no certificate"), "{error}");

    let outbound = Arc::new(outbound_with("a\nb", |_| {}));
    let error = TenantClient::new(&Settings { outbound, ..good.clone() }).unwrap_err();
    assert!(error.to_string().starts_with("user_agent"), "{error}");
    let error =
        TenantClient::new(&Settings { api_origin: "ftp://x.example".parse().unwrap(), ..good }).unwrap_err();
    assert!(error.to_string().starts_with("api_origin"), "{error}");
}
