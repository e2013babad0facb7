//! The API as a client sees it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{Bench, body};
use crate::{Sandbox, SandboxConfig, settings::Settings, words::API_ROOT};

const DESTINATION: &str = "http://127.0.0.1:9/events";

#[tokio::test]
async fn the_token_endpoint_grants_what_is_asked_and_allowed() {
    let bench = Bench::start(Settings::default()).await;
    let asked = "connector-protimeapi-webhooks.read connector-protimeapi-horses.read";
    let granted = body(bench.ask_token(&[("client_secret", "s3cret"), ("scope", asked)]).await).await;
    assert_eq!(granted["scope"], "connector-protimeapi-webhooks.read");
    assert_eq!((&granted["expires_in"], &granted["token_type"]), (&json!(1800), &json!("Bearer")));

    let wrong = bench.ask_token(&[("client_secret", "guess")]).await;
    assert_eq!((wrong.status().as_u16(), body(wrong).await), (400, json!({"error": "invalid_client"})));
    let grant = bench.ask_token(&[("client_secret", "s3cret"), ("grant_type", "password")]).await;
    assert_eq!(body(grant).await, json!({"error": "unsupported_grant_type"}));
    let none = bench.ask_token(&[("client_secret", "s3cret"), ("scope", "x")]).await;
    assert_eq!(body(none).await, json!({"error": "invalid_scope"}));
}

#[tokio::test]
async fn who_may_not_is_told_why() {
    let bench = Bench::start(Settings::default()).await;
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(bench.get("/webhooks")).await, 200);
    assert_eq!(status(bench.get("/webhooks").header("user-agent", "curl/8.5")).await, 400);
    assert_eq!(status(bench.get(&format!("/people?filter={}", "x".repeat(4_096)))).await, 414);
    assert_eq!(status(bench.get("/horses")).await, 404);
    assert_eq!(status(bench.client.put(bench.url("/webhooks")).bearer_auth(&bench.token)).await, 405);

    let only = json!({"allowed_scopes": ["connector-protimeapi-webhooks.read"]});
    bench.sandbox.handle().set(only).unwrap();
    let small = body(bench.ask_token(&[("client_secret", "s3cret")]).await).await;
    let small = small["access_token"].as_str().unwrap();
    let refused = bench.client.get(bench.url("/people")).bearer_auth(small).send().await.unwrap();
    assert_eq!(refused.status(), 403);
    let told = body(refused).await;
    assert_eq!(told["error"]["code"], "Forbidden");
    assert!(!told.to_string().contains("people"), "{told}");

    assert!(bench.sandbox.handle().revoke_tokens() >= 2);
    assert_eq!(status(bench.get("/webhooks")).await, 401);
    let seen = serde_json::to_string(&bench.sandbox.handle().truth()).unwrap();
    assert!(!seen.contains("s3cret") && !seen.contains(&bench.token) && !seen.contains(small));
}

#[tokio::test]
async fn every_post_for_a_pair_renews_the_same_webhook_with_a_new_key() {
    let bench = Bench::start(Settings::default()).await;
    let answer = bench.post("", DESTINATION, "clockings").send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let first = body(answer).await;
    assert_eq!(location, format!("{API_ROOT}/webhooks/{}", first["id"].as_str().unwrap()));
    let end = first["validUntil"].as_str().unwrap();
    assert!(end.ends_with("+02:00") && !end.contains('.'), "{end}");
    let valid: Timestamp = first["validUntil"].as_str().unwrap().parse().unwrap();
    assert!(valid > crate::clock::now());

    let second = bench.create(DESTINATION, "clockings").await;
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["webhookKey"], second["webhookKey"]);
    let listed = bench.read("/webhooks").await;
    assert_eq!(listed["value"].as_array().unwrap().len(), 1);
    assert_eq!(listed["value"][0]["webhookKey"], Value::Null);

    bench.sandbox.handle().set(json!({"renewed_id": "same", "key_field": "secret"})).unwrap();
    let third = bench.create(DESTINATION, "clockings").await;
    assert_eq!(second["id"], third["id"]);
    let view = &bench.sandbox.handle().webhooks()[0];
    assert_eq!((json!(view.key), view.key_version, view.posts), (third["secret"].clone(), 3, 3));
}

#[tokio::test]
async fn a_bad_post_is_refused_and_references_are_fixed() {
    let bench = Bench::start(Settings::default()).await;
    for (destination, collection, field) in [
        ("ftp://x/", "clockings", "destinationUrl"),
        ("http://example.com/", "clockings", "destinationUrl"),
        ("/events", "clockings", "destinationUrl"),
        (DESTINATION, "horses", "collectionName"),
        (DESTINATION, "", "collectionName"),
    ] {
        let refused = bench.post("", destination, collection).send().await.unwrap();
        assert_eq!(refused.status(), 400);
        let told = body(refused).await;
        assert_eq!(told["code"], "BadRequest");
        assert!(told["validationErrors"][0].as_str().unwrap().starts_with(field), "{told}");
    }
    let badge = "?externalReferences=(people,@badge-number)";
    assert_eq!(bench.post(badge, DESTINATION, "clockings").send().await.unwrap().status(), 201);
    assert_eq!(bench.post(badge, DESTINATION, "clockings").send().await.unwrap().status(), 201);
    let other = "?externalReferences=(activity-definitions,actDef)";
    assert_eq!(bench.post(other, DESTINATION, "clockings").send().await.unwrap().status(), 400);
    let kept = bench.create(DESTINATION, "clockings").await;
    assert_eq!(kept["externalReferences"], json!({"people": ["@badge-number"]}));
    assert_eq!(bench.sandbox.handle().webhooks()[0].posts, 3);
}

#[tokio::test]
async fn a_deleted_webhook_is_gone_but_for_debugging() {
    let bench = Bench::start(Settings::default()).await;
    let id = bench.create(DESTINATION, "people").await["id"].as_str().unwrap().to_owned();
    let path = format!("/webhooks/{id}");
    let delete = || bench.client.delete(bench.url(&path)).bearer_auth(&bench.token).send();
    assert_eq!(delete().await.unwrap().status(), 204);
    assert_eq!(delete().await.unwrap().status(), 404);
    assert_eq!(bench.status(&path).await, 404);
    assert_eq!(bench.read("/webhooks").await["value"], json!([]));
    let left = bench.read(&format!("{path}/sandbox-debugging")).await;
    assert_eq!((&left["deleted"], &left["status"]), (&json!(true), &json!("Deleted")));
    let again = bench.create(DESTINATION, "people").await;
    assert_ne!(again["id"], id);
    assert_eq!(bench.sandbox.handle().webhooks()[1].key_version, 2);
}

#[tokio::test]
async fn lists_are_filtered_and_an_empty_page_is_not_the_end() {
    let settings = Settings { page_size: 2, empty_pages: true, ..Settings::default() };
    let bench = Bench::start(settings).await;
    for number in 0..5 {
        bench.create(&format!("{DESTINATION}/{number}"), "people").await;
    }
    bench.create(DESTINATION, "breaks").await;
    let mut page = bench.read("/webhooks?filter=collection-name eq 'people'").await;
    let mut sizes = Vec::new();
    loop {
        sizes.push(page["value"].as_array().unwrap().len());
        let next = page["nextLink"].clone();
        if next.is_null() {
            break;
        }
        page = body(bench.follow(&next).await).await;
    }
    assert_eq!(sizes, [2, 0, 2, 0, 1]);
    let none = "/webhooks?filter=collection-name eq 'people' and status eq 'Disabled'";
    assert_eq!(bench.read(none).await["value"], json!([]));
    assert_eq!(bench.status("/webhooks?filter=id gt 1").await, 400);
}

#[tokio::test]
async fn another_clock_shows_in_the_date_and_in_what_is_valid() {
    let bench = Bench::start(Settings { clock_offset_ms: 3_600_000, ..Settings::default() }).await;
    let answer = bench.get("/webhooks").send().await.unwrap();
    let date = answer.headers()["date"].to_str().unwrap();
    let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
    assert!((date - crate::clock::now()).as_secs() > 3_500);
}

#[tokio::test]
async fn it_listens_on_loopback_only() {
    let config = SandboxConfig { listen: ([0, 0, 0, 0], 0).into(), ..SandboxConfig::default() };
    let refused = Sandbox::start(config).await.err().expect("refused").to_string();
    assert!(refused.contains("is not a loopback address"), "{refused}");
}

#[tokio::test]
async fn the_admin_api_says_what_a_handle_says() {
    let bench = Bench::start(Settings::default()).await;
    let admin = |method: reqwest::Method, path: &str| {
        bench.client.request(method, format!("{}/_sandbox/{path}", bench.sandbox.origin()))
    };
    let post = |path: &str| admin(reqwest::Method::POST, path);
    let put = |path: &str| admin(reqwest::Method::PUT, path);
    let get = |path: &str| admin(reqwest::Method::GET, path);
    bench.create(DESTINATION, "people").await;
    let made = post("changes").json(&json!({"collection": "breaks", "count": 2})).send().await.unwrap();
    let made = body(made).await;
    assert_eq!(
        (made["changes"].as_array().unwrap().len(), &made["changes"][0]["kind"]),
        (2, &json!("upsert"))
    );
    let since = made["changes"][0]["seq"].as_u64().unwrap();
    let later = body(get(&format!("changes?since={since}")).send().await.unwrap()).await;
    assert_eq!(later["changes"].as_array().unwrap().len(), 1);

    let pair = json!({"destination_url": DESTINATION, "collection": "people"});
    for path in ["webhooks/foreign-renew", "webhooks/disable"] {
        assert_eq!(post(path).json(&pair).send().await.unwrap().status(), 204, "{path}");
    }
    assert_eq!(post("webhooks/disable").json(&pair).send().await.unwrap().status(), 404);
    let views = body(get("webhooks").send().await.unwrap()).await;
    assert_eq!(
        (&views["webhooks"][0]["disabled_by"], &views["webhooks"][0]["foreign_posts"]),
        (&json!("admin"), &json!(1))
    );
    let gone = admin(reqwest::Method::DELETE, "webhooks").json(&pair).send().await.unwrap();
    assert_eq!(gone.status(), 204);

    assert_eq!(put("settings").json(&json!({"page_size": 7})).send().await.unwrap().status(), 200);
    assert_eq!(put("settings").json(&json!({"pages": 7})).send().await.unwrap().status(), 400);
    assert_eq!(
        put("steady").json(&json!({"collections": [], "per_second": 1})).send().await.unwrap().status(),
        400
    );
    let load = json!({"collections": ["people"], "per_second": 500});
    assert_eq!(put("steady").json(&load).send().await.unwrap().status(), 204);
    super::support::until("changes under load", || bench.sandbox.handle().changes(since).len() > 20).await;
    let truth = body(get("truth").send().await.unwrap()).await;
    assert_eq!(
        (&truth["settings"]["page_size"], &truth["transitions"][3]["what"]),
        (&json!(7), &json!("deleted"))
    );
    assert_eq!(get("nothing").send().await.unwrap().status(), 404);
    assert_eq!(post("shutdown").send().await.unwrap().status(), 202);
    bench.sandbox.stop_requested().await;
    bench.sandbox.shutdown().await;
}
