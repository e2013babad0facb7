//! A tenant that fails in the ways of networks: the daemon stays up, says so, and does not hammer.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{World, pause};

fn status(status: u16) -> Value {
    json!({"kind": "status", "status": status})
}

fn always(endpoint: &str, action: &Value) -> Value {
    json!({"endpoint": endpoint, "times": null, "action": action})
}

fn html(status: u16) -> Value {
    json!({"kind": "status", "status": status, "body": "<html>maintenance</html>", "content_type": "text/html"})
}

/// A world whose daemon soon gives up on a slow answer.
fn world() -> World {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.api = config.api.replace("\"5s\"", "\"3s\"").replace("\"10s\"", "\"3s\"");
    world.start(&config);
    world.settled("clockings");
    world
}

fn poll_error(world: &World) -> Value {
    world.daemon.status.get("/v1/status").json()["tenants"][0]["last_poll_error"].clone()
}

/// What may happen to an answer that has no effect on the tenant.
fn harmless() -> Vec<(&'static str, Value)> {
    vec![
        ("403", status(403)),
        ("429", json!({"kind": "status", "status": 429, "retry_after": 1})),
        ("500", status(500)),
        ("503", html(503)),
        ("reset", json!({"kind": "reset-before"})),
        ("truncated", json!({"kind": "truncate", "bytes": 10})),
        ("not JSON", json!({"kind": "not-json"})),
        ("huge", json!({"kind": "huge", "mib": 64})),
        ("slow", json!({"kind": "dribble", "ms": 400})),
        ("too long a Content-Length", json!({"kind": "content-length", "delta": 5})),
        ("too short a Content-Length", json!({"kind": "content-length", "delta": -5})),
    ]
}

#[test]
fn the_list_fails() {
    let world = world();
    for (name, action) in harmless() {
        world.sandbox.fault(&always("list", &action));
        let error = world.eventually(&format!("'{name}' on the list is told"), || {
            poll_error(&world).as_str().map(str::to_owned)
        });
        let health = world.daemon.status.get("/v1/health");
        assert_eq!(health.status, 503, "{name}: {}", health.text);
        assert!(health.text.contains("the list of webhooks cannot be read"), "{name}: {}", health.text);
        assert_eq!(world.daemon.webhook("clockings")["state"], "active", "{name}: it delivers all the same");
        if name == "403" {
            assert!(error.contains("connector-protimeapi-webhooks.read"), "{error}");
        }
        world.sandbox.clear_faults();
        let what = format!("the daemon recovers from '{name}' on the list");
        world.eventually(&what, || poll_error(&world).is_null().then_some(()));
    }
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
}

#[test]
fn the_token_endpoint_fails() {
    let world = world();
    for (name, action) in harmless() {
        world.sandbox.fault(&always("token", &action));
        world.sandbox.revoke_tokens();
        let what = format!("'{name}' on the token endpoint is told");
        world.eventually(&what, || poll_error(&world).as_str().map(str::to_owned));
        world.sandbox.clear_faults();
        let what = format!("the daemon recovers from '{name}' on the token endpoint");
        world.eventually(&what, || poll_error(&world).is_null().then_some(()));
    }
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
}

#[test]
fn a_refused_token_leads_to_one_new_token_and_one_repeat() {
    let world = world();
    let before = world.sandbox.requests("token").len();
    let lists = world.sandbox.requests("list").len();
    world.sandbox.revoke_tokens();
    world.eventually("some polls pass", || (world.sandbox.requests("list").len() > lists + 3).then_some(()));
    let answers: Vec<_> =
        world.sandbox.requests("list").iter().skip(lists).map(|request| request["status"].clone()).collect();
    assert_eq!(answers.iter().filter(|&answer| *answer == 401).count(), 1, "{answers:?}");
    assert_eq!(world.sandbox.requests("token").len(), before + 1);
    assert_eq!(poll_error(&world), Value::Null);
}

#[test]
fn wrong_credentials_block() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = world.config(&["clockings"]);
    let right = std::fs::read_to_string(&world.sandbox.secret_file).unwrap();
    std::fs::write(&world.sandbox.secret_file, "not-the-secret").unwrap();
    world.start(&config);
    let webhook = world.eventually("it is blocked", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["state"] == "blocked").then_some(webhook)
    });
    assert!(webhook["last_error"]["message"].as_str().unwrap().contains("invalid_client"), "{webhook}");
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(1));
    std::fs::write(&world.sandbox.secret_file, right).unwrap();
    world.daemon.stop();
    world.daemon.start();
    world.settled("clockings");
}

#[test]
fn a_post_that_is_refused_is_tried_again() {
    let world = world();
    let cases = [
        ("400", status(400), "blocked"),
        ("403", status(403), "blocked"),
        ("429", json!({"kind": "status", "status": 429, "retry_after": 1}), "retrying"),
        ("500", status(500), "retrying"),
        ("503", html(503), "retrying"),
        ("reset", json!({"kind": "reset-before"}), "retrying"),
    ];
    for (name, action, state) in cases {
        let key = world.daemon.key("clockings");
        world.sandbox.fault(&always("create", &action));
        if name == "400" {
            // Of one that still delivers, it could mean that it is renewed after its end: see `after_end`.
            world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
        }
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        let webhook = world.eventually(&format!("'{name}' on the POST leads to '{state}'"), || {
            let webhook = world.daemon.webhook("clockings");
            (webhook["state"] == state && webhook["last_error"]["step"] == "post").then_some(webhook)
        });
        assert!(!webhook["owed_resync"].is_null() || webhook["renewal"]["step"] == "post", "{webhook}");
        let message = webhook["last_error"]["message"].as_str().unwrap();
        if name == "403" {
            assert!(message.contains("connector-protimeapi-webhooks.write"), "{message}");
        } else if name != "reset" {
            assert!(message.contains(name), "{name}: {message}");
        }
        assert_eq!(world.daemon.key("clockings"), key, "the key is still that of the tenant");
        assert!(world.keys_agree("clockings"));
        world.sandbox.clear_faults();
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.settled("clockings");
        assert_ne!(world.daemon.key("clockings"), key, "{name}");
    }
}

#[test]
fn a_post_whose_answer_is_unusable_is_resolved() {
    let world = world();
    let cases = [
        ("reset", json!({"kind": "reset-after"})),
        ("truncated", json!({"kind": "truncate", "bytes": 10})),
        ("huge", json!({"kind": "huge", "mib": 64})),
        ("slow", json!({"kind": "delay-after", "ms": 8000})),
        ("too long a Content-Length", json!({"kind": "content-length", "delta": 5})),
        ("too short a Content-Length", json!({"kind": "content-length", "delta": -5})),
        ("502 after the fact", json!({"kind": "status", "status": 502, "processed": true})),
    ];
    for (name, action) in cases {
        // Otherwise two POSTs might have one `validUntil`.
        pause(Duration::from_millis(1_100));
        let posts = world.sandbox.creates("clockings").len();
        world.sandbox.fault(&json!({"endpoint": "create", "action": action}));
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.eventually(&format!("'{name}' on the POST leads to another"), || {
            (world.sandbox.creates("clockings").len() >= posts + 2).then_some(())
        });
        world.settled("clockings");
        let story = world.daemon.story("clockings");
        assert!(
            story.ends_with(&["manual interrupted".to_owned(), "interrupted succeeded".to_owned()]),
            "{name}: {story:?}"
        );
    }
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
}

#[test]
fn an_answer_without_a_key_waits_for_the_operator() {
    let mut world = World::new(&["--lifetime", "1h", "--key-field", "geheimerSchluessel"]);
    let mut config = world.config(&["clockings"]);
    world.start(&config);
    let webhook = world.eventually("it is blocked", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["state"] == "blocked").then_some(webhook)
    });
    let message = webhook["last_error"]["message"].as_str().unwrap();
    for named in ["geheimerSchluessel", "validUntil", "key_field"] {
        assert!(message.contains(named), "no {named} in {message}");
    }
    let key = world.sandbox.webhook("clockings").unwrap()["key"].as_str().unwrap().to_owned();
    assert!(!message.contains(&key));
    world.daemon.stop();
    config.tenant = "key_field = \"geheimerSchluessel\"".to_owned();
    world.start(&config);
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "no other POST");
    assert_eq!(world.daemon.key("clockings"), Some(key));
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
}

#[test]
fn retry_after_is_honoured() {
    let world = world();
    let refusal = json!({"kind": "status", "status": 429, "retry_after": 3});
    world.sandbox.fault(&json!({"endpoint": "create", "action": refusal}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let creates = world.eventually("the POST is repeated", || {
        let creates = world.sandbox.creates("clockings");
        (creates.len() == 3).then_some(creates)
    });
    let pause = creates[2].duration_since(creates[1]);
    // The answer took no time that could shorten the pause: it was sent after the request came.
    assert!(pause >= jiff::SignedDuration::from_secs(3), "{pause}");
    world.settled("clockings");
}

#[test]
fn there_is_no_hot_loop() {
    let mut world = World::new(&["--lifetime", "1h"]);
    world.sandbox.fault(&always("create", &status(500)));
    let mut config = world.config(&["clockings"]);
    config.renewal = "retry_initial = \"1s\"\nretry_max = \"15m\"".to_owned();
    world.start(&config);
    world.eventually("the first POST", || world.sandbox.creates("clockings").first().copied());
    pause(Duration::from_secs(10));
    let creates = world.sandbox.creates("clockings");
    let window = creates[0] + jiff::SignedDuration::from_secs(10);
    let in_window = creates.iter().filter(|at| **at <= window).count();
    assert!((2..=8).contains(&in_window), "{creates:?}");
    // A restart does not start counting again.
    world.daemon.kill();
    world.daemon.start();
    pause(Duration::from_secs(3));
    let after = world.sandbox.creates("clockings").len() - creates.len();
    assert!(after <= 3, "{after} POSTs within 3 s of a restart");
}
