//! Resyncs by a server: what it is asked, how long it is waited for, and where no one is sent.

use std::fs;

use serde_json::json;

use super::support::{Config, Reply, Server, World};

fn world(server: &Server, more: &str) -> (World, Config) {
    let world = World::new(&["--lifetime", "1h"]);
    let token = world.path("token");
    fs::write(&token, "t0ken-of-the-resync").unwrap();
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = format!(
        "kind = \"http\"\nurl = \"{}/resync?key=s3cret\"\ntoken = {{ file = \"{}\" }}\n{more}",
        server.origin,
        token.display()
    );
    (world, config)
}

fn accepted(location: &str) -> Reply {
    Reply::With(202, vec![("location", location.to_owned()), ("retry-after", "0".to_owned())], String::new())
}

/// Waits until the resync has failed, and returns the step.
fn failed(world: &World) -> serde_json::Value {
    world.eventually("the resync fails", || {
        let history = world.daemon.history("clockings");
        let steps = history.first()?["steps"].as_array()?.clone();
        steps.into_iter().find(|step| step["outcome"] == "failed")
    })
}

#[test]
fn a_server_is_told_the_gap_and_its_2xx_is_believed() {
    let server = Server::start();
    let (mut world, config) = world(&server, "");
    server.usually(Reply::With(200, Vec::new(), "42 objects".to_owned()));
    world.start(&config);
    world.settled("clockings");
    let posts = server.asked("POST");
    let steps: Vec<_> = posts.iter().map(|post| post.json()["step"].clone()).collect();
    assert_eq!(steps, ["resync", "catch_up"]);
    let first = posts[0].json();
    assert_eq!((&first["from"], &first["reason"]), (&json!(null), &json!("created")));
    assert_eq!((&first["tenant"], &first["collection"]), (&json!("acme"), &json!("clockings")));
    assert!(first["to"].is_string() && posts[1].json()["from"].is_string(), "{posts:?}");
    assert!(first.get("key").is_none(), "a resync has no use for the key");
    for post in &posts {
        assert_eq!(post.path, "/resync?key=s3cret");
        assert_eq!(post.authorization.as_deref(), Some("Bearer t0ken-of-the-resync"));
    }
    let steps = world.daemon.history("clockings")[0]["steps"].clone();
    assert_eq!(steps[0]["output"], "42 objects");
    let log = world.daemon.log();
    assert!(!log.contains("t0ken") && !log.contains("s3cret"), "{log}");
}

#[test]
fn a_server_that_is_at_work_is_asked_until_it_is_done() {
    let server = Server::start();
    let (mut world, config) = world(&server, "");
    let pending = || Reply::With(202, vec![("retry-after", "1".to_owned())], String::new());
    server.next([accepted("/jobs/7"), pending(), accepted("8"), Reply::status(200)]);
    world.start(&config);
    world.settled("clockings");
    let gets = server.asked("GET");
    let paths: Vec<_> = gets.iter().map(|get| get.path.as_str()).collect();
    assert_eq!(paths, ["/jobs/7", "/jobs/7", "/jobs/8"]);
    assert!(gets.iter().all(|get| get.authorization.as_deref() == Some("Bearer t0ken-of-the-resync")));
    let posted = server.asked("POST")[0].at;
    let unasked = posted.duration_until(gets[0].at);
    assert!(unasked.as_millis() >= 1_000, "a server that wants no pause gets one all the same: {unasked}");
    let waited = gets[0].at.duration_until(gets[1].at);
    assert!(waited.as_millis() >= 1_000, "Retry-After is respected: {waited}");
    assert_eq!(server.asked("POST").len(), 2, "the resync and the catch-up");
}

#[test]
fn a_job_that_fails_is_a_resync_that_failed() {
    let server = Server::start();
    let (mut world, config) = world(&server, "");
    server.usually(Reply::Echo(500));
    server.next([accepted("/jobs/7")]);
    world.start(&config);
    let step = failed(&world);
    let host = server.origin.trim_start_matches("http://");
    assert_eq!(step["error"], format!("GET {host} is answered with 500 Internal Server Error"));
    assert_eq!(step["output"], "Bearer [redacted]\n");
    assert_eq!(world.sandbox.creates("clockings").len(), 0, "no POST without a resync");
    server.usually(Reply::status(204));
    world.settled("clockings");
}

#[test]
fn a_token_never_leaves_the_origin() {
    let (server, elsewhere) = (Server::start(), Server::start());
    let (mut world, config) = world(&server, "");
    server.usually(accepted(&format!("{}/jobs/7", elsewhere.origin)));
    world.start(&config);
    let error = failed(&world)["error"].as_str().unwrap().to_owned();
    assert!(error.contains("a Location on another origin, which is not asked"), "{error}");
    assert!(elsewhere.asked("GET").is_empty());

    server.usually(Reply::With(302, vec![("location", format!("{}/x", elsewhere.origin))], String::new()));
    world.eventually("a redirect is not followed", || {
        let error = world.daemon.webhook("clockings")["last_error"]["message"].clone();
        error.as_str()?.contains("302 Found, which is not followed").then_some(())
    });
    assert!(elsewhere.asked("GET").is_empty() && elsewhere.asked("POST").is_empty());

    server.usually(Reply::status(202));
    world.eventually("202 without a Location says so", || {
        let error = world.daemon.webhook("clockings")["last_error"]["message"].clone();
        error.as_str()?.contains("202 Accepted without a Location").then_some(())
    });
    server.usually(Reply::status(200));
    world.settled("clockings");
}

#[test]
fn a_server_that_never_ends_is_not_waited_for_longer_than_the_timeout() {
    let server = Server::start();
    let (mut world, config) = world(&server, "timeout = \"3s\"");
    server.usually(accepted("/jobs/7"));
    server.next([Reply::Hang]);
    world.start(&config);
    let step = failed(&world);
    assert!(step["error"].as_str().unwrap().contains("3s"), "{step}");
    world.eventually("also where it says that it is at work", || {
        let asked = server.asked("GET").len() > 1;
        let attempts = world.daemon.webhook("clockings")["renewal"]["attempt"].as_i64()?;
        (asked && attempts >= 3).then_some(())
    });
    server.usually(Reply::status(200));
    world.settled("clockings");
}

#[test]
fn a_stop_ends_the_waiting_and_what_is_owed_stays_owed() {
    let server = Server::start();
    let (mut world, config) = world(&server, "");
    server.usually(Reply::Hang);
    world.start(&config);
    world.eventually("it is asked", || server.asked("POST").pop());
    world.daemon.stop();
    server.usually(Reply::status(200));
    world.daemon.start();
    let webhook = world.settled("clockings");
    assert!(webhook["owed_resync"].is_null());
    let steps = world.daemon.history("clockings")[0]["steps"].clone();
    assert_eq!(steps[0]["error"], "ended because the daemon stopped");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
}
