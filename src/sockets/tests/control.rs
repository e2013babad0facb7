//! Keys and orders.

use std::time::Duration;

use reqwest::{Method, StatusCode, header::CACHE_CONTROL};
use serde_json::json;

use super::{GENEROUS, Served, handle, keys, report};
use crate::{
    daemon::{Imported, PolledTenant},
    domain::key::WebhookKey,
};

const KEY: &str = "/v1/webhooks/acme/clockings/key";

#[tokio::test]
async fn the_key_comes_with_its_predecessor_and_is_not_to_be_stored() {
    let served = Served::control(handle());
    let answer = served.send(Method::GET, KEY).await;
    assert_eq!(answer.headers().get(CACHE_CONTROL).expect("a header"), "no-store");
    let rotated = "1970-01-01T00:16:40Z";
    let expected = json!({ "version": 3, "key": "secret-3", "rotated_at": rotated,
        "previous": { "version": 2, "key": "secret-2", "retired_at": rotated } });
    assert_eq!(super::read(answer).await, (StatusCode::OK, expected));

    served.handle.change(|fake| fake.keys = keys(1));
    assert_eq!(served.get(KEY).await.1["previous"], json!(null));
}

#[tokio::test]
async fn a_version_behind_is_answered_at_once_and_a_current_one_after_the_wait() {
    let served = Served::control(handle());
    let (status, body) = served.get(&format!("{KEY}?after=2&wait=5m")).await;
    assert_eq!((status, &body["version"]), (StatusCode::OK, &json!(3)));
    for after in [3, 99] {
        let answer = served.get(&format!("{KEY}?after={after}&wait=20ms")).await;
        assert_eq!(answer, (StatusCode::NOT_MODIFIED, json!(null)));
    }
}

/// Waits until the request has read the key for the first time, so that it is known to wait.
async fn first_read(served: &Served) {
    let read = async {
        while served.handle.change(|fake| fake.key_reads) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(GENEROUS, read).await.expect("the key is read");
}

#[tokio::test]
async fn a_rotation_ends_the_wait_also_for_the_first_key() {
    for version in [0, 3] {
        let served = Served::control(handle());
        served.handle.change(|fake| fake.keys = keys(version));
        let path = format!("{KEY}?after={version}&wait=5m");
        let (answer, ()) = tokio::join!(served.get(&path), async {
            first_read(&served).await;
            // Another webhook's rotation wakes it up, and changes nothing.
            served.handle.rotated();
            served.handle.change(|fake| fake.keys = keys(version + 1));
            served.handle.rotated();
        });
        assert_eq!((answer.0, &answer.1["version"]), (StatusCode::OK, &json!(version + 1)));
    }
}

#[tokio::test]
async fn without_a_key_there_is_a_problem_that_says_how_to_wait() {
    let served = Served::control(handle());
    served.handle.change(|fake| fake.keys = keys(0));
    let detail = served.problem(Method::GET, KEY, StatusCode::SERVICE_UNAVAILABLE).await;
    assert!(detail.contains("?after=0"), "{detail}");
}

#[tokio::test]
async fn a_stop_answers_who_waits() {
    let mut served = Served::control(handle());
    let client = served.client.clone();
    let waiting = tokio::spawn(client.get(format!("http://daemon{KEY}?after=3&wait=5m")).send());
    first_read(&served).await;
    served.stop();
    let answer = waiting.await.expect("no panic").expect("an answer");
    let (status, body) = super::read(answer).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["title"], "The daemon is stopping");
    served.ended().await;
}

#[tokio::test]
async fn mistakes_are_named() {
    let served = Served::control(handle());
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
    let served = Served::control(handle());
    let answer = served.post("/v1/webhooks/acme/people/renew").await;
    assert_eq!(answer, (StatusCode::ACCEPTED, json!({ "renewal_id": 17 })));
    served.handle.change(|fake| assert_eq!(fake.renewed, ["acme/people"]));
}

#[tokio::test]
async fn poll_answers_for_every_tenant() {
    let served = Served::control(handle());
    served.handle.change(|fake| {
        fake.polled = vec![
            PolledTenant { tenant: "acme".to_owned(), error: None },
            PolledTenant { tenant: "globex".to_owned(), error: Some("no route".to_owned()) },
        ];
    });
    let expected = json!({ "tenants": [{ "tenant": "acme", "error": null },
        { "tenant": "globex", "error": "no route" }] });
    assert_eq!(served.post("/v1/poll").await, (StatusCode::OK, expected));
}

#[tokio::test]
async fn it_shows_everything_that_the_status_socket_shows_and_urls_whole() {
    let served = Served::control(handle());
    assert_eq!(served.get("/v1/health").await.0, StatusCode::OK);
    let (_, body) = served.get("/v1/webhooks").await;
    let found: report::Webhooks = serde_json::from_value(body).expect("webhooks");
    assert_eq!(found.webhooks, served.handle.change(|fake| fake.webhooks.clone()));
}

#[tokio::test]
async fn a_key_is_imported_or_refused_with_a_word_on_why() {
    let served = Served::control(handle());
    let send = async |path: &str, body: &'static str| {
        let request = served.client.post(format!("http://daemon{path}")).body(body);
        super::read(request.send().await.expect("an answer")).await
    };
    for (outcome, status) in
        [(Imported::New { version: 4 }, StatusCode::CREATED), (Imported::Same { version: 4 }, StatusCode::OK)]
    {
        served.handle.change(|fake| fake.import = Some(outcome));
        assert_eq!(send(KEY, r#"{"key": "theirs"}"#).await, (status, json!({ "version": 4 })));
    }
    let given = served.handle.change(|fake| std::mem::take(&mut fake.imported));
    assert_eq!(given.iter().map(WebhookKey::expose).collect::<Vec<_>>(), ["theirs", "theirs"]);

    served.handle.change(|fake| fake.import = Some(Imported::PostInFlight));
    let (status, problem) = send(KEY, r#"{"key": "theirs"}"#).await;
    assert_eq!((status, &problem["status"]), (StatusCode::CONFLICT, &json!(409)));
    let (status, _) = send("/v1/webhooks/acme/nothing/key", r#"{"key": "theirs"}"#).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    served.handle.change(|fake| fake.imported.clear());
    for body in
        ["", "theirs", r#"{"kye": "theirs"}"#, r#"{"key": "the irs"}"#, r#"{"key": "theirs", "x": 1}"#]
    {
        let (status, problem) = send(KEY, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}: {problem}");
        assert!(!problem.to_string().contains("irs"), "{problem}");
    }
    assert!(served.handle.change(|fake| fake.imported.is_empty()), "nothing reached the daemon");
}
