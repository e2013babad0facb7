//! What stands between the daemon and Protime: proxies that answer in its stead, TLS that is none.

use std::{net::TcpListener, time::Duration};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::support::{World, eventually, pause};

const HTML: &str = "<html><body>Please sign in to the network</body></html>";

/// A page of HTML with a status that promises success; what was asked for is done, or is not.
fn page(processed: bool) -> Value {
    json!({"kind": "status", "status": 200, "processed": processed, "body": HTML, "content_type": "text/html"})
}

fn at(request: &Value) -> Timestamp {
    request["at"].as_str().expect("every request has a time").parse().expect("RFC 3339")
}

#[test]
fn a_page_of_a_proxy_is_an_unknown_outcome_and_no_hot_loop() {
    for processed in [true, false] {
        let mut world = World::new(&["--lifetime", "1h", "--retry-delay", "100ms", "--retries", "60"]);
        let mut config = world.config(&["clockings"]);
        config.renewal = "retry_initial = \"1s\"\nmax_unplanned_rotations_per_hour = 1000".to_owned();
        world.start(&config);
        world.settled("clockings");
        let before = world.sandbox.creates("clockings").len();
        world.sandbox.fault(&json!({"endpoint": "create", "times": null, "action": page(processed)}));
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        let first =
            world.eventually("the first POST", || world.sandbox.creates("clockings").get(before).copied());
        world.sandbox.change("clockings", 3);
        pause(Duration::from_secs(10));
        let end = first + SignedDuration::from_secs(10);
        let posts = world.sandbox.creates("clockings");
        let posts = posts.iter().skip(before).filter(|at| **at <= end).count();
        assert!((2..=8).contains(&posts), "{posts} POSTs within 10 s, processed: {processed}");
        let health = world.daemon.status.get("/v1/health");
        assert_eq!(health.status, 503, "{}", health.text);
        assert!(!world.daemon.log().contains(HTML), "what a proxy says is not for the log");

        world.sandbox.clear_faults();
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.settled("clockings");
        world.nothing_lost();
    }
}

#[test]
fn a_tenant_that_wants_to_be_left_alone_is() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    // No one asks but this test.
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    config.api = config.api.replace("request_timeout = \"10s\"", "request_timeout = \"30s\"");
    world.start(&config);
    world.settled("clockings");
    for endpoint in ["list", "token", "create"] {
        for date in [false, true] {
            let asked = world.sandbox.try_get("requests").unwrap()["requests"].as_array().unwrap().len();
            let refusal =
                json!({"kind": "status", "status": 429, "retry_after": 4, "retry_after_date": date});
            world.sandbox.fault(&json!({"endpoint": endpoint, "action": refusal}));
            if endpoint == "token" {
                world.sandbox.revoke_tokens();
            }
            let ask = if endpoint == "create" { "/v1/webhooks/acme/clockings/renew" } else { "/v1/poll" };
            world.daemon.control.post(ask);
            let later = || {
                let all = world.sandbox.try_get("requests").unwrap()["requests"].as_array().unwrap().clone();
                let later = all.into_iter().skip(asked);
                later.skip_while(|it| it["endpoint"] != endpoint || it["fault"].is_null()).collect::<Vec<_>>()
            };
            let what = format!("{endpoint} is refused, as a date: {date}");
            world.eventually(&what, || later().first().is_some_and(|it| it["status"] == 429).then_some(()));
            for _ in 0..3 {
                world.daemon.control.post("/v1/poll");
                world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
            }
            let requests = world.eventually("the tenant is asked again", || {
                let later = later();
                (later.len() > 1).then_some(later)
            });
            // A date is told to the second.
            let rest = at(&requests[1]).duration_since(at(&requests[0]));
            assert!(
                rest >= SignedDuration::from_secs(if date { 3 } else { 4 }),
                "{what}: {rest} {requests:?}"
            );
            world.settled("clockings");
        }
    }
}

#[test]
fn a_token_endpoint_that_is_not_there() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = world.config(&["clockings"]);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let (here, nowhere) =
        (format!("token_url = \"{}", world.sandbox.origin), format!("token_url = \"http://{address}"));
    world.write_with(&config, &here, &nowhere);
    world.daemon.start();
    let error = world.eventually("it is told", || world.poll_error());
    assert!(error.contains("no token") && error.contains("refused"), "{error}");
    assert_eq!(world.daemon.status.get("/v1/health").status, 503);
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(1));
    world.eventually("it is tried again", || {
        (world.daemon.log().matches("could not be read").count() >= 3).then_some(())
    });
    assert!(world.sandbox.try_get("requests").unwrap()["requests"].as_array().unwrap().is_empty());

    world.daemon.stop();
    world.start(&config);
    world.settled("clockings");
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
}

#[test]
fn tls_that_is_none() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = world.config(&["clockings"]);
    let plain = format!("api_origin = \"{}", world.sandbox.origin);
    world.write_with(&config, &plain, &plain.replace("http://", "https://"));
    world.daemon.launch();
    let daemon = &mut world.daemon;
    let ended = eventually("the daemon answers, or has ended", || {
        let ended = daemon.process().ended();
        (ended.is_some() || daemon.control.try_get("/v1/health").is_ok()).then_some(ended)
    });
    if let Some(status) = ended {
        assert!(!status.success());
        let log = world.daemon.log();
        assert!(log.contains("No CA certificates were found"), "{log}");
        return;
    }
    let error = world.eventually("it is told", || world.poll_error());
    assert!(error.contains("connect") || error.to_lowercase().contains("tls"), "{error}");
    world.eventually("it is tried again", || {
        (world.daemon.log().matches("could not be read").count() >= 3).then_some(())
    });
    assert_ne!(world.daemon.webhook("clockings")["state"], "blocked", "it may pass by itself");
    assert_eq!(world.daemon.status.get("/v1/health").status, 503);
    assert!(world.sandbox.creates("clockings").is_empty());

    world.daemon.stop();
    world.start(&config);
    world.settled("clockings");
}
