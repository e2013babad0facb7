//! Every reason why a renewal runs, brought about from outside.

use std::time::Duration;

use serde_json::json;

use super::support::{World, pause};

/// A tenant whose webhooks outlive every test, so that only what the test does leads to a renewal.
const LONG: &[&str] = &["--lifetime", "1h", "--retry-delay", "100ms", "--retries", "6"];

/// Lets the clock go on, so that two POSTs cannot have one `validUntil` by whatever rounding.
fn a_moment_later() {
    pause(Duration::from_millis(1_100));
}

fn story_is(world: &World, collection: &str, story: &[&str]) {
    let told = world.daemon.story(collection);
    if told != story {
        world.fail(&format!("the story of {collection} is {story:?}, not {told:?}"));
    }
}

#[test]
fn expiring() {
    let world = World::running(&["--lifetime", "9s"], &["clockings"]);
    world.renewed("clockings", "expiring");
    let life = world.sandbox.life("clockings");
    assert_eq!(life[..2], ["created client", "renewed client"]);
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
}

#[test]
fn expired_while_the_daemon_was_stopped() {
    let mut world = World::running(&["--lifetime", "6s"], &["clockings"]);
    world.daemon.stop();
    world.eventually("the webhook expires", || {
        world.sandbox.life("clockings").contains(&"disabled expired".to_owned()).then_some(())
    });
    world.sandbox.change("clockings", 4);
    world.sandbox.settings(&json!({"lifetime_ms": 3_600_000}));
    world.daemon.start();
    world.renewed("clockings", "expired");
    world.nothing_lost();
    assert_eq!(world.receiver.events("clockings", 204), 0, "no one replays the events of a gap");
}

#[test]
fn disabled() {
    let world = World::running(LONG, &["clockings"]);
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.sandbox.change("clockings", 2);
    world.renewed("clockings", "disabled");
    story_is(&world, "clockings", &["created succeeded", "disabled succeeded"]);
    world.nothing_lost();
}

#[test]
fn disabled_because_the_receiver_was_down() {
    let world =
        World::running(&["--lifetime", "1h", "--retry-delay", "100ms", "--retries", "2"], &["clockings"]);
    world.receiver.down(true);
    world.sandbox.change("clockings", 1);
    world.eventually("Protime gives up", || {
        world.sandbox.life("clockings").contains(&"disabled exhausted".to_owned()).then_some(())
    });
    world.receiver.down(false);
    world.sandbox.change("clockings", 5);
    world.renewed("clockings", "disabled");
    let history = world.daemon.history("clockings");
    let renewal = history.iter().find(|renewal| renewal["reason"] == "disabled").unwrap();
    let steps: Vec<_> =
        renewal["steps"].as_array().unwrap().iter().map(|step| step["step"].clone()).collect();
    assert_eq!(steps, ["resync", "post", "rotate", "hand_off", "catch_up"]);
    world.nothing_lost();
}

#[test]
fn missing() {
    let world = World::running(LONG, &["clockings"]);
    world.shown("clockings");
    world.sandbox.delete(&world.receiver.destination("clockings"), "clockings");
    world.sandbox.change("clockings", 2);
    world.renewed("clockings", "missing");
    story_is(&world, "clockings", &["created succeeded", "missing succeeded"]);
    world.nothing_lost();
}

#[test]
fn unknown_key() {
    let mut world = World::running(LONG, &["clockings"]);
    world.daemon.stop();
    // A daemon that never ran here finds a webhook that exists.
    std::fs::remove_dir_all(world.path("state")).unwrap();
    std::fs::remove_file(world.key_file("clockings")).unwrap();
    world.sandbox.change("clockings", 2);
    world.daemon.start();
    world.renewed("clockings", "unknown_key");
    story_is(&world, "clockings", &["unknown_key succeeded"]);
    assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 2);
    world.nothing_lost();
}

#[test]
fn someone_else_renewed_it() {
    let world = World::running(LONG, &["clockings"]);
    a_moment_later();
    world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
    world.sandbox.change("clockings", 2);
    world.renewed("clockings", "foreign_rotation");
    world.nothing_lost();
    let theirs = world.sandbox.webhook("clockings").unwrap();
    assert_eq!((&theirs["foreign_posts"], &theirs["key_version"]), (&json!(1), &json!(3)));
    story_is(&world, "clockings", &["created succeeded", "foreign_rotation succeeded"]);
}

#[test]
fn a_tug_of_war_is_not_joined() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    config.renewal = config.renewal.replace("_per_hour = 1000", "_per_hour = 2");
    world.start(&config);
    world.settled("clockings");
    for posts in [1, 2, 3] {
        assert_eq!(world.sandbox.creates("clockings").len(), posts);
        a_moment_later();
        world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
        if posts < 3 {
            world.eventually("it is answered", || {
                (world.sandbox.creates("clockings").len() > posts).then_some(())
            });
            world.settled("clockings");
        }
    }
    world.eventually("it is contended", || {
        (world.daemon.webhook("clockings")["state"] == "contended").then_some(())
    });
    assert_eq!(world.daemon.status.get("/v1/health").status, 503);
    assert_eq!(world.sandbox.creates("clockings").len(), 3);
    // An operator's wish is an explanation.
    assert_eq!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.code(), Some(0));
    world.settled("clockings");
}

#[test]
fn references_changed() {
    let mut world = World::running(LONG, &["clockings"]);
    world.daemon.stop();
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].extra = "external_references = [\"people,@badge-number\"]".to_owned();
    world.start(&config);
    world.renewed("clockings", "references_changed");
    story_is(&world, "clockings", &["created succeeded", "references_changed succeeded"]);
    assert_eq!(world.sandbox.requests("delete").len(), 1);
    assert_eq!(world.sandbox.creates("clockings").len(), 2);
    let theirs = world.sandbox.webhook("clockings").unwrap();
    assert_eq!(theirs["external_references"], json!(["people,@badge-number"]));
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn manual() {
    let world = World::running(LONG, &["clockings", "people"]);
    let before = world.daemon.key("clockings");
    let output = world.daemon.cli(&["renew", "acme/clockings", "--wait"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_ne!(world.daemon.key("clockings"), before);
    assert!(world.keys_agree("clockings"));
    story_is(&world, "clockings", &["created succeeded", "manual succeeded"]);
    story_is(&world, "people", &["created succeeded"]);
    let all = world.daemon.cli(&["renew", "--all", "--wait"]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    story_is(&world, "people", &["created succeeded", "manual succeeded"]);
    assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 3);
}

#[test]
fn a_manual_renewal_that_fails_says_so() {
    let world = World::running(LONG, &["clockings"]);
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": null, "action": {"kind": "status", "status": 500}}));
    let output = world.daemon.cli(&["renew", "acme/clockings", "--wait"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("500"), "{output:?}");
    world.sandbox.clear_faults();
    world.renewed("clockings", "manual");
}

#[test]
fn interrupted_by_a_lost_answer() {
    let mut world = World::new(LONG);
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "reset-after"}}));
    let config = world.config(&["clockings"]);
    world.start(&config);
    world.renewed("clockings", "interrupted");
    story_is(&world, "clockings", &["created interrupted", "interrupted succeeded"]);
    assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 2);

    // The same where a key is lost that others already use.
    a_moment_later();
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "reset-after"}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the lost key is replaced", || {
        (world.sandbox.creates("clockings").len() == 4).then_some(())
    });
    world.settled("clockings");
    let story =
        ["created interrupted", "interrupted succeeded", "manual interrupted", "interrupted succeeded"];
    story_is(&world, "clockings", &story);
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn interrupted_by_a_kill_between_request_and_answer() {
    let mut world = World::running(LONG, &["clockings"]);
    a_moment_later();
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 5000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is processed", || {
        (world.sandbox.webhook("clockings").unwrap()["posts"] == 2).then_some(())
    });
    world.daemon.kill();
    assert!(world.sandbox.requests("create")[1]["status"].is_null(), "the answer was on its way");
    world.sandbox.change("clockings", 2);
    world.daemon.start();
    world.renewed("clockings", "interrupted");
    story_is(&world, "clockings", &["created succeeded", "manual interrupted", "interrupted succeeded"]);
    world.nothing_lost();
}

#[test]
fn a_late_request_is_noticed() {
    let world = World::running(LONG, &["clockings"]);
    // Reset now, done later: the list shows nothing of it at first.
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "process-late", "ms": 3000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the late POST is processed", || {
        let posts = world.sandbox.requests("create");
        (posts.len() > 1 && posts[1]["processed_at"].is_string()).then_some(())
    });
    world.settled("clockings");
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
    assert!(world.keys_agree("clockings"));
}
