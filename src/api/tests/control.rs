//! Keys and orders.

use std::time::Duration;

use jiff::Timestamp;
use protime_sandbox::{Sandbox, SandboxConfig};
use reqwest::{Method, StatusCode, header::CACHE_CONTROL};
use serde_json::json;

use super::{GENEROUS, Served, bench};
use crate::{domain::report, service::tests::Bench};

const KEY: &str = "/v1/webhooks/acme/clockings/key";

#[tokio::test]
async fn the_key_comes_with_its_predecessor_and_is_not_to_be_stored() {
    let served = Served::control(bench().await);
    let answer = served.send(Method::GET, KEY).await;
    assert_eq!(answer.headers().get(CACHE_CONTROL).expect("a header"), "no-store");
    let (status, found) = super::read(answer).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!((&found["version"], &found["key"]), (&json!(3), &json!("secret-3")));
    let rotated: Timestamp = found["rotated_at"].as_str().expect("a time").parse().expect("RFC 3339");
    assert!(rotated <= Timestamp::now());
    let before = json!({ "version": 2, "key": "secret-2", "retired_at": found["rotated_at"] });
    assert_eq!(found["previous"], before);

    served.bench.key("acme/people", "first").await;
    assert_eq!(served.get("/v1/webhooks/acme/people/key").await.1["previous"], json!(null));
}

#[tokio::test]
async fn a_version_behind_is_answered_at_once_and_a_current_one_after_the_wait() {
    let served = Served::control(bench().await);
    let (status, body) = served.get(&format!("{KEY}?after=2&wait=5m")).await;
    assert_eq!((status, &body["version"]), (StatusCode::OK, &json!(3)));
    for after in [3, 99] {
        let answer = served.get(&format!("{KEY}?after={after}&wait=20ms")).await;
        assert_eq!(answer, (StatusCode::NOT_MODIFIED, json!(null)));
    }
}

/// Waits until a request waits for a rotation. It subscribes before it reads the key.
async fn waits(served: &Served) {
    let waits = async {
        while served.bench.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(GENEROUS, waits).await.expect("it waits");
}

#[tokio::test]
async fn a_rotation_ends_the_wait_also_for_the_first_key() {
    let served = Served::control(bench().await);
    for (webhook, version) in [("acme/people", 0), ("acme/clockings", 3)] {
        let path = format!("/v1/webhooks/{webhook}/key?after={version}&wait=5m");
        let (answer, ()) = tokio::join!(served.get(&path), async {
            waits(&served).await;
            // Another webhook's rotation wakes it up, and changes nothing.
            served.bench.rotated();
            served.bench.key(webhook, "another").await;
        });
        assert_eq!((answer.0, &answer.1["version"]), (StatusCode::OK, &json!(version + 1)));
    }
}

#[tokio::test]
async fn without_a_key_there_is_a_problem_that_says_how_to_wait() {
    let served = Served::control(bench().await);
    let path = "/v1/webhooks/acme/people/key";
    let detail = served.problem(Method::GET, path, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(detail.contains("?after=0"), "{detail}");
}

#[tokio::test]
async fn a_stop_answers_who_waits() {
    let mut served = Served::control(bench().await);
    let client = served.client.clone();
    let waiting = tokio::spawn(client.get(format!("http://daemon{KEY}?after=3&wait=5m")).send());
    waits(&served).await;
    served.stop();
    let answer = waiting.await.expect("no panic").expect("an answer");
    let (status, body) = super::read(answer).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["title"], "The daemon is stopping");
    served.ended().await;
}

#[tokio::test]
async fn mistakes_are_named() {
    let served = Served::control(bench().await);
    for (path, status, part) in [
        ("/v1/webhooks/acme/nothing/key", StatusCode::NOT_FOUND, "acme/nothing"),
        ("/v1/webhooks/acme/nothing/key?after=1&wait=5m", StatusCode::NOT_FOUND, "acme/nothing"),
        ("/v1/webhooks/acme/clockings/key?after=old", StatusCode::BAD_REQUEST, "'old'"),
        ("/v1/webhooks/acme/clockings/key?after=1&wait=soon", StatusCode::BAD_REQUEST, "'soon'"),
        ("/v1/webhooks/acme/clockings/key?after=1&wait=6m", StatusCode::BAD_REQUEST, "at most 5m"),
        ("/v1/webhooks/acme/clockings/key?version=1", StatusCode::BAD_REQUEST, "'version'"),
    ] {
        let detail = served.problem(Method::GET, path, status).await;
        assert!(detail.contains(part), "{path}: {detail}");
    }
    let renew = "/v1/webhooks/acme/nothing/renew";
    served.problem(Method::POST, renew, StatusCode::NOT_FOUND).await;
    served.problem(Method::GET, "/v1/poll", StatusCode::METHOD_NOT_ALLOWED).await;
}

#[tokio::test]
async fn renew_answers_with_the_renewals_number() {
    let served = Served::control(bench().await);
    let (status, answer) = served.post("/v1/webhooks/acme/people/renew").await;
    let open = served.bench.state("acme/people").await.active.expect("a renewal");
    assert_eq!((status, answer), (StatusCode::ACCEPTED, json!({ "renewal_id": open.id })));
}

#[tokio::test]
async fn poll_answers_for_every_tenant() {
    let config = SandboxConfig::default();
    let secret = config.client_secret.clone();
    let sandbox = Sandbox::start(config).await.expect("starts");
    let served = Served::control(Bench::with_acme_at(&sandbox.origin(), &secret).await);
    let (status, answer) = served.post("/v1/poll").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["tenants"][0], json!({ "tenant": "acme", "error": null }));
    assert_eq!(answer["tenants"][1]["tenant"], json!("globex"));
    assert!(
        answer["tenants"][1]["error"].as_str().is_some_and(|error| error.contains("127.0.0.1")),
        "{answer}"
    );
    sandbox.shutdown().await;
}

#[tokio::test]
async fn it_shows_everything_that_the_status_socket_shows_and_urls_whole() {
    let served = Served::control(bench().await);
    assert_eq!(served.get("/v1/status").await.0, StatusCode::OK);
    let (_, body) = served.get("/v1/webhooks").await;
    let found: report::Webhooks = serde_json::from_value(body).expect("webhooks");
    assert!(found.webhooks[0].destination_url.contains("pa55"));
}

#[tokio::test]
async fn a_key_is_imported_or_refused_with_a_word_on_why() {
    let served = Served::control(bench().await);
    let send = async |path: &str, body: &'static str| {
        let request = served.client.post(format!("http://daemon{path}")).body(body);
        super::read(request.send().await.expect("an answer")).await
    };
    for status in [StatusCode::CREATED, StatusCode::OK] {
        assert_eq!(send(KEY, r#"{"key": "theirs"}"#).await, (status, json!({ "version": 4 })));
    }
    assert_eq!(served.get(KEY).await.1["key"], json!("theirs"));

    let other = "/v1/webhooks/acme/people/key";
    served.bench.post_in_flight("acme/people").await;
    let (status, problem) = send(other, r#"{"key": "theirs"}"#).await;
    assert_eq!((status, &problem["status"]), (StatusCode::CONFLICT, &json!(409)));
    let (status, _) = send("/v1/webhooks/acme/nothing/key", r#"{"key": "theirs"}"#).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    for body in
        ["", "theirs", r#"{"kye": "theirs"}"#, r#"{"key": "the irs"}"#, r#"{"key": "theirs", "x": 1}"#]
    {
        let (status, problem) = send(KEY, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert!(!problem.to_string().contains("irs"), "{problem}");
    }
    assert_eq!(served.get(KEY).await.1["version"], json!(4), "nothing reached the daemon");
}
