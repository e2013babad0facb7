//! What anybody on the machine sees.

use reqwest::{Method, StatusCode, header::ALLOW};
use serde_json::json;

use super::{Served, at, handle, report};

#[tokio::test]
async fn health_is_200_or_503_with_its_problems() {
    let served = Served::status(handle());
    assert_eq!(served.get("/v1/health").await, (StatusCode::OK, json!({ "healthy": true })));

    served.handle.change(|fake| {
        fake.health = report::Health {
            healthy: false,
            problems: vec![report::Problem {
                webhook: Some("acme/people".to_owned()),
                tenant: None,
                problem: "the scope is missing".to_owned(),
                since: at(0),
            }],
        };
    });
    let (status, body) = served.get("/v1/health").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let problem = json!({ "webhook": "acme/people", "problem": "the scope is missing",
        "since": "1970-01-01T00:00:00Z" });
    assert_eq!(body, json!({ "healthy": false, "problems": [problem] }));
}

#[tokio::test]
async fn webhooks_are_filtered_by_tenant_and_state() {
    let served = Served::status(handle());
    for (query, expected) in [
        ("", vec!["acme/clockings", "acme/people", "globex/clockings"]),
        ("?tenant=acme", vec!["acme/clockings", "acme/people"]),
        ("?state=active", vec!["acme/clockings", "globex/clockings"]),
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
    let served = Served::status(handle());
    for path in ["/v1/webhooks", "/v1/webhooks/acme/clockings"] {
        let body = served.get(path).await.1.to_string();
        assert!(body.contains("\"https://example.com/hook?…\""), "{body}");
        assert!(!body.contains("pa55") && !body.contains("t0ken"), "{body}");
    }
}

#[tokio::test]
async fn history_is_limited() {
    let served = Served::status(handle());
    served.handle.change(|fake| {
        fake.history = (0..30)
            .map(|id| report::Renewal {
                id,
                reason: "manual".to_owned(),
                outcome: None,
                started_at: at(id),
                finished_at: None,
                steps: Vec::new(),
            })
            .collect();
    });
    for (query, expected) in [("", 20), ("?limit=2", 2), ("?limit=1000", 30)] {
        let (_, body) = served.get(&format!("/v1/webhooks/acme/people/history{query}")).await;
        assert_eq!(body["renewals"].as_array().map(Vec::len), Some(expected), "{query}");
    }
}

#[tokio::test]
async fn every_mistake_is_a_problem_that_names_it() {
    let served = Served::status(handle());
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
    let served = Served::status(handle());
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
    served.handle.change(|fake| {
        assert_eq!((fake.key_reads, fake.renewed.len()), (0, 0), "nothing was asked of the daemon");
    });
}

#[tokio::test]
async fn a_store_in_trouble_is_said_in_its_own_words() {
    let served = Served::status(handle());
    served.handle.change(|fake| fake.broken = Some("the disk is full".to_owned()));
    for path in ["/v1/health", "/v1/status", "/v1/webhooks", "/v1/webhooks/acme/people/history"] {
        let detail = served.problem(Method::GET, path, StatusCode::INTERNAL_SERVER_ERROR).await;
        assert_eq!(detail, "the database refused: the disk is full");
    }
}
