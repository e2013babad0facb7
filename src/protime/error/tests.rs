//! The decision for every status, by table.

use super::*;

fn decide(endpoint: Endpoint, status: u16, oauth: Option<&str>) -> ApiError {
    let missing = [super::super::WRITE_SCOPE.to_owned()];
    Refusal {
        status: StatusCode::from_u16(status).unwrap(),
        detail: Some("code: text"),
        oauth,
        location: Some("https://login.example/x"),
        retry_after: Some(Duration::from_secs(7)),
        scope: endpoint.scope(),
        missing_scopes: &missing,
        ..Refusal::new(endpoint, "my-client")
    }
    .decide()
}

#[test]
fn an_operator_is_needed_exactly_where_waiting_does_not_help() {
    for endpoint in [Endpoint::Token, Endpoint::List, Endpoint::Get, Endpoint::Post, Endpoint::Delete] {
        for status in 300..600 {
            let error = decide(endpoint, status, None);
            // The scope to write is missing.
            let writes = matches!(endpoint, Endpoint::Post | Endpoint::Delete);
            let operator =
                [301, 308, 400, 403, 405, 413, 414, 415, 422].contains(&status) || (status == 401 && writes);
            assert_eq!(matches!(error, ApiError::NeedsOperator { .. }), operator, "{endpoint:?} {status}");
            assert_eq!(error.status(), Some(status));
            assert_eq!(error.retry_after(), (!operator).then_some(Duration::from_secs(7)));
            let text = error.to_string();
            assert!(text.contains(&status.to_string()) && text.contains("code: text"), "{text}");
        }
    }
}

#[test]
fn oauth_errors_decide_before_the_status() {
    for (oauth, operator) in [
        ("invalid_client", true),
        ("unauthorized_client", true),
        ("invalid_scope", true),
        ("temporarily_unavailable", false),
        ("server_error", false),
    ] {
        for status in [400, 401, 503] {
            let error = decide(Endpoint::Token, status, Some(oauth));
            assert_eq!(matches!(error, ApiError::NeedsOperator { .. }), operator, "{oauth} {status}");
        }
    }
    assert!(matches!(decide(Endpoint::Token, 400, Some("invalid_request")), ApiError::NeedsOperator { .. }));
    assert!(matches!(decide(Endpoint::Token, 401, Some("unheard_of")), ApiError::Transient { .. }));
}

#[test]
fn the_message_says_what_to_do() {
    let rows = [
        (
            decide(Endpoint::Post, 403, None),
            "scope connector-protimeapi-webhooks.write is missing from the token; ask Protime to grant it to \
             client 'my-client'",
        ),
        (decide(Endpoint::List, 403, None), "although it may have scope connector-protimeapi-webhooks.read"),
        (decide(Endpoint::Post, 400, None), "check the webhook's destination_url, collection"),
        (decide(Endpoint::Post, 301, None), "redirects to https://login.example/x, which is not followed"),
        (decide(Endpoint::Token, 302, None), "check token_url"),
        (decide(Endpoint::Get, 404, None), "no webhook with this id"),
        (decide(Endpoint::List, 404, None), "api_origin"),
        (decide(Endpoint::List, 429, None), "max_requests_per_minute"),
        (decide(Endpoint::Post, 503, None), "maintenance"),
        (decide(Endpoint::Token, 401, Some("invalid_client")), "client_id 'my-client' and its client_secret"),
        (decide(Endpoint::Token, 400, Some("unauthorized_client")), "client credentials"),
        (
            decide(Endpoint::Token, 400, Some("invalid_scope")),
            "grant all of these scopes to client 'my-client': connector-protimeapi-webhooks.write",
        ),
        (decide(Endpoint::Token, 404, None), "token_url"),
        (decide(Endpoint::Token, 401, None), "client_id 'my-client' and its client_secret"),
        (decide(Endpoint::Token, 403, None), "ask Protime to allow it"),
        (decide(Endpoint::Token, 400, None), "check token_url and client_id 'my-client'"),
        (decide(Endpoint::Token, 400, Some("server_error")), "a fault or maintenance at Protime"),
        (decide(Endpoint::Post, 409, None), "passes by itself"),
        (decide(Endpoint::Post, 410, None), "check the tenant's name and api_origin"),
        (decide(Endpoint::List, 418, None), "ask Protime"),
    ];
    for (error, expected) in rows {
        assert!(error.to_string().contains(expected), "{error}");
    }
}

/// A status alone helps no one at night: whatever Protime answers, the sentence says what to do about it.
#[test]
fn every_refusal_comes_with_advice() {
    let asked = [
        Endpoint::Token,
        Endpoint::List,
        Endpoint::Get,
        Endpoint::Post,
        Endpoint::Delete,
        Endpoint::Collection,
        Endpoint::Delta,
    ];
    for endpoint in asked {
        for status in (300..600).filter(|status| endpoint.scope().is_some() || *status != 403) {
            let text = decide(endpoint, status, None).to_string();
            let (said, _) = text.split_once(". Protime says").expect("the detail comes last");
            assert!(said.contains("): "), "{endpoint:?}: {text}");
        }
    }
}

#[test]
fn a_401_is_judged_by_what_was_granted() {
    let (write, people) = (super::super::WRITE_SCOPE, "connector-protimeapi-people.read");
    let rows = [
        // missing, besides, known; whether an operator is needed, and what is said
        (
            &[write][..],
            None,
            true,
            true,
            "scope connector-protimeapi-webhooks.write is missing from the token",
        ),
        (&[write], Some(people), true, true, "scope connector-protimeapi-webhooks.write is missing"),
        (&[write], None, false, true, "scope connector-protimeapi-webhooks.write is missing"),
        (&[], None, true, false, "it refuses a new token too"),
        (&[], Some(people), true, true, "people.read for this as well, which was not asked for"),
        (&[people], Some(people), true, true, "people.read for this as well, which it did not grant"),
        (
            &[],
            None,
            false,
            false,
            "does not say which scopes it granted, so check also that it granted connector",
        ),
        (&[], Some(people), false, false, "people.read for this as well, which was not asked for"),
    ];
    for (missing, besides, scopes_are_known, operator, expected) in rows {
        let missing: Vec<String> = missing.iter().map(|scope| (*scope).to_owned()).collect();
        let error = Refusal {
            status: StatusCode::UNAUTHORIZED,
            scope: Some(write),
            besides,
            missing_scopes: &missing,
            scopes_are_known,
            ..Refusal::new(Endpoint::Post, "my-client")
        }
        .decide();
        assert_eq!(matches!(error, ApiError::NeedsOperator { .. }), operator, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}
