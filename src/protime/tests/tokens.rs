//! Tokens: how many are asked for, and when.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Barrier;

use super::{
    server::{Asked, CREATED, Server, TOKEN, json},
    *,
};
use crate::protime::{ApiError, PostError};

const EMPTY: &str = r#"{"value":[]}"#;

fn token(number: usize, life: &str) -> axum::response::Response {
    json(200, &format!(r#"{{"access_token":"tok-{number}","expires_in":{life},"token_type":"bearer"}}"#))
}

/// A server whose token endpoint refuses whatever asks for one of these scopes, and names what it grants or does not;
/// its API answers as the function says.
async fn strict(
    refuses: &'static [&'static str],
    tells: bool,
    answer: fn(&Asked) -> (u16, &'static str),
) -> Server {
    let issued = Arc::new(AtomicUsize::new(0));
    Server::answering(move |asked| {
        let issued = Arc::clone(&issued);
        async move {
            if !asked.is_token() {
                let (status, body) = answer(&asked);
                return json(status, body);
            }
            let scopes = scopes_of(&asked);
            if scopes.iter().any(|scope| refuses.contains(&scope.as_str())) {
                return json(400, r#"{"error":"invalid_scope"}"#);
            }
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            let named = if tells { scopes.join(" ") } else { String::new() };
            let body =
                format!(r#"{{"access_token":"tok-{number}","expires_in":1800,"token_type":"bearer","scope":"{named}"}}"#);
            json(200, &body)
        }
    })
    .await
}

fn scopes_of(asked: &Asked) -> Vec<String> {
    let (_, scopes) = asked.body.split_once("scope=").unwrap();
    scopes.split('+').map(str::to_owned).collect()
}

fn wanting(server: &Server, scopes: &[&str]) -> TenantClient {
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let settings = Settings { scopes: super::super::wanted_scopes(&[], &scopes), ..settings(server, server) };
    TenantClient::new(&settings).unwrap()
}

#[tokio::test]
async fn a_scope_that_is_not_to_be_had_stops_no_one_else() {
    let server = strict(&["people", "breaks"], true, |_| (200, EMPTY)).await;
    let client = wanting(&server, &["clockings", "people", "absences", "breaks"]);
    client.list_webhooks().await.unwrap();
    assert_eq!(client.missing_scopes(), ["people", "breaks"]);
    let granted = client.granted_scopes().unwrap();
    assert_eq!(granted[2..], ["clockings", "absences"]);
    // All at once, those of webhooks, and each of the others.
    assert_eq!(server.counts(), (6, 1));
    assert_eq!(server.asked()[6].header("authorization"), "Bearer tok-3");
    client.list_webhooks().await.unwrap();
    assert_eq!(server.counts(), (6, 2));
}

#[tokio::test]
async fn what_is_to_be_had_is_remembered_for_the_next_token() {
    static REFUSED: AtomicUsize = AtomicUsize::new(0);
    // Every second request is told that its token is over.
    let server = strict(&["people"], false, |_| {
        if REFUSED.fetch_add(1, Ordering::SeqCst) == 1 { (401, "") } else { (200, EMPTY) }
    })
    .await;
    let client = wanting(&server, &["people", "clockings"]);
    client.list_webhooks().await.unwrap();
    assert_eq!(server.counts(), (4, 1));
    client.list_webhooks().await.unwrap();
    assert_eq!(server.counts(), (5, 3));
    // What it does not name it may have, and what it refused it has not.
    assert_eq!((client.granted_scopes(), client.missing_scopes()), (None, vec!["people".to_owned()]));
}

#[tokio::test]
async fn even_one_of_the_webhooks_scopes_is_worth_a_token() {
    let write = "connector-protimeapi-webhooks.write";
    let server = strict(&["connector-protimeapi-webhooks.write"], true, |_| (200, EMPTY)).await;
    let client = wanting(&server, &[]);
    client.list_webhooks().await.unwrap();
    assert_eq!(client.missing_scopes(), [write]);

    let nothing = strict(
        &["connector-protimeapi-webhooks.write", "connector-protimeapi-webhooks.read", "people"],
        true,
        |_| (200, EMPTY),
    )
    .await;
    let error = wanting(&nothing, &["people"]).list_webhooks().await.unwrap_err();
    assert!(matches!(error, ApiError::NeedsOperator { .. }), "{error}");
    assert!(error.to_string().contains(&format!("{write} people")), "{error}");
    assert_eq!(nothing.counts(), (5, 0));
}

#[tokio::test]
async fn a_missing_scope_that_is_a_401_costs_no_token_each_time() {
    // A token that is told to lack the scope is not replaced at all.
    let server = strict(&["connector-protimeapi-webhooks.write"], true, |asked| {
        if asked.method == "POST" { (401, "") } else { (200, EMPTY) }
    })
    .await;
    let told = wanting(&server, &[]);
    told.list_webhooks().await.unwrap();
    let tokens = server.counts().0;
    for _ in 0..5 {
        let error = told.post_webhook(&pair(), &[]).await.unwrap_err();
        let PostError::NotProcessed(ApiError::NeedsOperator { message, status: Some(401) }) = &error else {
            panic!("{error:?}")
        };
        assert!(message.contains("scope connector-protimeapi-webhooks.write is missing"), "{message}");
    }
    assert_eq!(server.counts().0, tokens);

    // One of which nothing is told is replaced once.
    let server =
        strict(&[], false, |asked| if asked.method == "POST" { (401, "") } else { (200, EMPTY) }).await;
    let silent = wanting(&server, &[]);
    for _ in 0..5 {
        let error = silent.post_webhook(&pair(), &[]).await.unwrap_err();
        assert!(
            error.to_string().contains("check also that it granted connector-protimeapi-webhooks.write"),
            "{error}"
        );
    }
    assert_eq!(server.counts(), (2, 6));
    // That keeps no one else from a new one.
    silent.list_webhooks().await.unwrap();
}

#[tokio::test]
async fn a_post_may_need_the_collections_own_scope() {
    for status in [401, 403] {
        let answer = if status == 401 { |_: &Asked| (401, "") } else { |_: &Asked| (403, "") };
        let server = strict(&[], true, answer).await;
        let error = wanting(&server, &[]).post_webhook(&pair(), &[]).await.unwrap_err();
        let advice = "demand scope connector-protimeapi-clockings.read for this as well, which was not asked for: ask \
                      Protime to grant it, and add it to the tenant's `scopes`";
        assert!(error.to_string().contains(advice), "{error}");
        let granted = wanting(&server, &["connector-protimeapi-clockings.read"]);
        let error = granted.post_webhook(&pair(), &[]).await.unwrap_err();
        assert!(!error.to_string().contains("clockings.read"), "{error}");
    }
}

async fn many(client: &TenantClient, count: usize) -> Vec<Result<usize, ApiError>> {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.list_webhooks().await.map(|list| list.webhooks.len()) })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn many_askers_share_one_token() {
    let server =
        Server::answering(|asked| async move { json(200, if asked.is_token() { TOKEN } else { EMPTY }) })
            .await;
    let client = client(&server);
    assert!(many(&client, 20).await.iter().all(Result::is_ok));
    client.list_webhooks().await.unwrap();
    assert_eq!(server.counts(), (1, 21));
    assert!(client.token_expires_at().is_some());
    assert_eq!(client.granted_scopes(), Some(wanted_scopes(&[], &[])));
    assert!(client.missing_scopes().is_empty());
}

#[tokio::test]
async fn many_askers_share_one_refusal() {
    // All of this is on one thread, so every asker runs up to its first wait before anything is answered.
    let server = Server::answering(|_| async { json(401, r#"{"error":"invalid_client"}"#) }).await;
    let client = client(&server);
    let outcomes = many(&client, 20).await;
    for outcome in outcomes {
        let error = outcome.unwrap_err();
        assert!(matches!(error, ApiError::NeedsOperator { .. }), "{error}");
        assert!(error.to_string().contains("client_id 'my-client'"), "{error}");
    }
    assert_eq!(server.counts(), (1, 0));
    // A later request asks for everything again.
    client.list_webhooks().await.unwrap_err();
    assert_eq!(server.counts(), (2, 0));
}

#[tokio::test]
async fn one_new_token_however_many_requests_were_refused() {
    let issued = Arc::new(AtomicUsize::new(0));
    // The first token is refused for all at the same time, so that all of them ask for a new one.
    let together = Arc::new(Barrier::new(10));
    let server = Server::answering(move |asked| {
        let (issued, together) = (Arc::clone(&issued), Arc::clone(&together));
        async move {
            if asked.is_token() {
                return token(issued.fetch_add(1, Ordering::SeqCst) + 1, "1800");
            }
            if asked.header("authorization") == "Bearer tok-1" {
                together.wait().await;
                return json(401, "");
            }
            json(200, EMPTY)
        }
    })
    .await;
    assert!(many(&client(&server), 10).await.iter().all(Result::is_ok));
    assert_eq!(server.counts(), (2, 20));
}

#[tokio::test]
async fn a_post_that_got_401_is_repeated_once_and_no_more() {
    let issued = Arc::new(AtomicUsize::new(0));
    let server = Server::answering(move |asked| {
        let issued = Arc::clone(&issued);
        async move {
            match (asked.is_token(), asked.header("authorization")) {
                (true, _) => token(issued.fetch_add(1, Ordering::SeqCst) + 1, "1800"),
                (_, "Bearer tok-2") => json(201, CREATED),
                _ => json(401, r#"{"error":{"code":"Unauthorized","message":"expired"}}"#),
            }
        }
    })
    .await;
    client(&server).post_webhook(&pair(), &[]).await.unwrap();
    assert_eq!(server.counts(), (2, 2));

    let stubborn =
        Server::answering(
            |asked| async move { if asked.is_token() { json(200, TOKEN) } else { json(401, "") } },
        )
        .await;
    let error = client(&stubborn).post_webhook(&pair(), &[]).await.unwrap_err();
    assert!(
        matches!(&error, PostError::NotProcessed(ApiError::NeedsOperator { status: Some(401), .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("connector-protimeapi-clockings.read for this as well"), "{error}");
    assert_eq!(stubborn.counts(), (2, 2));

    // Where no scope can be what it lacks, the token is.
    let granting = Server::answering(|asked| async move {
        let granted = TOKEN.replace(".write", ".write connector-protimeapi-clockings.read");
        if asked.is_token() { json(200, &granted) } else { json(401, "") }
    })
    .await;
    let error = client(&granting).post_webhook(&pair(), &[]).await.unwrap_err();
    assert!(
        matches!(&error, PostError::NotProcessed(ApiError::Transient { status: Some(401), .. })),
        "{error:?}"
    );
    assert!(error.to_string().contains("refuses a new token too"), "{error}");
}

#[tokio::test]
async fn fewer_scopes_than_asked_for_are_named() {
    let server = Server::answering(|asked| async move {
        if asked.is_token() {
            let scope = "connector-protimeapi-webhooks.read other";
            return json(200, &format!(r#"{{"access_token":"t","expires_in":"1800","scope":"{scope}"}}"#));
        }
        json(403, r#"{"error":{"code":"Forbidden","message":"no"}}"#)
    })
    .await;
    let client = client(&server);
    let error = client.post_webhook(&pair(), &[]).await.unwrap_err();
    let PostError::NotProcessed(ApiError::NeedsOperator { message, status: Some(403) }) = &error else {
        panic!("{error:?}")
    };
    assert!(
        message.contains("scope connector-protimeapi-webhooks.write is missing from the token"),
        "{message}"
    );
    assert_eq!(client.missing_scopes(), ["connector-protimeapi-webhooks.write"]);
    assert_eq!(client.granted_scopes().unwrap(), ["connector-protimeapi-webhooks.read", "other"]);
}

#[tokio::test]
async fn an_unusable_token_is_an_error_that_does_not_show_it() {
    let rows = [
        ("", "not a JSON object"),
        ("<html>tok-9</html>", "not a JSON object"),
        (r#"{"access_token":"","expires_in":5}"#, "no access_token"),
        (r#"{"access_token":"tok-9","token_type":"MAC tok-9"}"#, "its token_type is 'MAC [redacted]'"),
        (r#"{"access_token":"tok-9\n","expires_in":5}"#, "does not fit into a header"),
        (r#"{"access_token":"tok-9","expires_in":[]}"#, "expires_in is not a number"),
    ];
    for (body, expected) in rows {
        let server = Server::answering(move |_| async move { json(200, body) }).await;
        let error = client(&server).list_webhooks().await.unwrap_err();
        assert!(
            matches!(error, ApiError::Transient { .. }) && error.to_string().contains(expected),
            "{error}"
        );
        assert!(!error.to_string().contains("tok-9"), "{error}");
    }
}

#[tokio::test]
async fn a_token_that_is_over_at_once_is_used_once_each() {
    for life in ["0", "-5", "\"0\""] {
        let server = Server::answering(move |asked| async move {
            if asked.is_token() { token(1, life) } else { json(200, EMPTY) }
        })
        .await;
        let client = client(&server);
        client.list_webhooks().await.unwrap();
        client.list_webhooks().await.unwrap();
        assert_eq!(server.counts(), (2, 2), "{life}");
    }
}
