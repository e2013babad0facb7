//! What anyone on the machine sees.

use reqwest::{Method, StatusCode, header::ALLOW};
use serde_json::json;

use super::{Served, bench};
use crate::domain::report;

#[tokio::test]
async fn health_is_200_or_503_with_its_problems() {
    let served = Served::status(bench().await);
    for webhook in ["acme/clockings", "acme/people", "globex/clockings"] {
        served.bench.delivers(webhook).await;
    }
    assert_eq!(served.get("/v1/health").await, (StatusCode::OK, json!({ "healthy": true })));

    served.bench.service.poll().await;
    let (status, body) = served.get("/v1/health").await;
    assert_eq!((status, &body["healthy"]), (StatusCode::SERVICE_UNAVAILABLE, &json!(false)));
    let problems: report::Health = serde_json::from_value(body.clone()).expect("problems");
    assert_eq!(problems, served.bench.service.health().await.expect("answers").report);
    let first = &body["problems"][0];
    assert_eq!((&first["tenant"], &first["webhook"]), (&json!("acme"), &json!(null)));
    assert!(first["problem"].as_str().expect("a sentence").contains("127.0.0.1"), "{body}");
}

#[tokio::test]
async fn webhooks_are_filtered_by_tenant_and_state() {
    let served = Served::status(bench().await);
    for (query, expected) in [
        ("", vec!["acme/clockings", "acme/people", "globex/clockings"]),
        ("?tenant=acme", vec!["acme/clockings", "acme/people"]),
        ("?state=pending", vec!["acme/people", "globex/clockings"]),
        ("?tenant=acme&state=active", vec!["acme/clockings"]),
        ("?tenant=initech", vec![]),
    ] {
        let (status, body) = served.get(&format!("/v1/webhooks{query}")).await;
        assert_eq!(status, StatusCode::OK);
        let found: report::Webhooks = serde_json::from_value(body).expect("webhooks");
        let names: Vec<_> =
            found.webhooks.iter().map(|found| format!("{}/{}", found.tenant, found.name)).collect();
        assert_eq!(names, expected, "{query}");
    }
}

#[tokio::test]
async fn no_secret_of_a_destination_url_is_shown() {
    let served = Served::status(bench().await);
    for path in ["/v1/webhooks", "/v1/webhooks/acme/clockings"] {
        let body = served.get(path).await.1.to_string();
        assert!(body.contains("\"https://example.com/acme?…\""), "{body}");
        assert!(!body.contains("pa55") && !body.contains("t0ken"), "{body}");
    }
}

#[tokio::test]
async fn history_is_limited() {
    let served = Served::status(bench().await);
    served.bench.renewals("acme/people", 30).await;
    for (query, expected) in [("", 20), ("?limit=2", 2), ("?limit=1000", 30)] {
        let (_, body) = served.get(&format!("/v1/webhooks/acme/people/history{query}")).await;
        assert_eq!(body["renewals"].as_array().map(Vec::len), Some(expected), "{query}");
    }
}

#[tokio::test]
async fn every_mistake_is_a_problem_that_names_it() {
    let served = Served::status(bench().await);
    let (bad, unknown) = (StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND);
    for (path, status, part) in [
        (
            "/v1/webhooks?state=sleeping",
            bad,
            "'sleeping' is not a state; the states are pending, active, renewing",
        ),
        ("/v1/webhooks?stat=active", bad, "'stat' is not a parameter here; known here: tenant, state"),
        ("/v1/webhooks?state=active&state=active", bad, "twice"),
        ("/v1/webhooks/acme/people/history?limit=0", bad, "from 1 to 1000"),
        ("/v1/health?verbose=1", bad, "verbose"),
        ("/v1/webhooks/acme/nothing", unknown, "acme/nothing"),
        ("/v1/webhooks/acme/nothing/history", unknown, "acme/nothing"),
        ("/v1/webhooks/acme/%20", unknown, "names no webhook"),
        ("/v1/webhooks/acme/%ff", unknown, "UTF-8"),
        ("/v2/status", unknown, "'/v2/status'"),
        ("/", unknown, "'/'"),
    ] {
        let detail = served.problem(Method::GET, path, status).await;
        assert!(detail.contains(part), "{path}: {detail}");
    }
    let method = StatusCode::METHOD_NOT_ALLOWED;
    for path in ["/v1/health", "/v1/status", "/v1/webhooks", "/v1/webhooks/acme/people"] {
        let detail = served.problem(Method::DELETE, path, method).await;
        assert!(detail.contains("DELETE"), "{detail}");
        let answer = served.send(Method::PUT, path).await;
        assert_eq!(answer.headers().get(ALLOW).expect("what it takes"), "GET,HEAD", "{path}");
    }
}

#[tokio::test]
async fn control_operations_are_sent_to_the_control_socket() {
    let served = Served::status(bench().await);
    for (method, path) in [
        (Method::GET, "/v1/webhooks/acme/people/key"),
        (Method::GET, "/v1/webhooks/acme/people/key?after=1"),
        (Method::POST, "/v1/webhooks/acme/people/key"),
        (Method::POST, "/v1/webhooks/acme/people/renew"),
        (Method::POST, "/v1/webhooks/acme/people/verify"),
        (Method::POST, "/v1/poll"),
        (Method::POST, "/v1/reload"),
    ] {
        let detail = served.problem(method, path, StatusCode::FORBIDDEN).await;
        assert!(detail.contains("control socket"), "{path}: {detail}");
    }
    let state = served.bench.state("acme/people").await;
    assert!(state.registration.is_none() && state.active.is_none(), "nothing was asked of the daemon");
}

#[tokio::test]
async fn a_store_that_fails_is_said_in_its_own_words() {
    let served = Served::status(bench().await);
    served.bench.renewals("acme/people", 1).await;
    served.bench.damage();
    assert_eq!(served.get("/v1/webhooks/acme/people").await.0, StatusCode::OK, "it is known in memory");
    for path in ["/v1/health", "/v1/status", "/v1/webhooks", "/v1/webhooks/globex/clockings"] {
        let detail = served.problem(Method::GET, path, StatusCode::INTERNAL_SERVER_ERROR).await;
        assert!(detail.starts_with("the database holds something unexpected"), "{detail}");
    }
}
