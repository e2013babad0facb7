//! POSTs whose outcome no one learns: answers that are lost, and POSTs that are processed long after.

use serde_json::json;

use super::support::World;

fn world() -> World {
    let mut world = World::new(&["--lifetime", "1h", "--retry-delay", "50ms", "--retries", "60"]);
    let mut config = world.config(&["clockings"]);
    config.api =
        "connect_timeout = \"2s\"\nrequest_timeout = \"1s\"\nmax_requests_per_minute = 60000".to_owned();
    world.start(&config);
    world.settled("clockings");
    world.sandbox.load(&["clockings"], 5.0);
    world
}

#[test]
fn answers_that_are_lost_again_and_again() {
    let world = world();
    world.sandbox.fault(&json!({"endpoint": "create", "times": 3, "action": {"kind": "reset-after"}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.renewed("clockings", "interrupted");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
    let story = world.daemon.story("clockings");
    assert_eq!(story[1], "manual interrupted", "{story:?}");
    let posts = world.sandbox.creates("clockings").len();
    assert_eq!(posts, 1 + 3 + 1, "one POST for each lost answer, and the one that was heard: {story:?}");
}

#[test]
fn an_answer_that_comes_too_late() {
    let world = world();
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 1_500}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.renewed("clockings", "interrupted");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
}

/// The client is reset, asks again and gets a key; then the first POST is processed after all, and
/// that key is dead without anyone having said so.
#[test]
fn a_post_that_is_processed_after_the_next_one() {
    let world = world();
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "process-late", "ms": 1_300}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("both POSTs and the late one took effect, and a third repaired it", || {
        let versions = world.sandbox.webhook("clockings")?["key_version"].as_u64()?;
        (versions >= 4).then_some(())
    });
    world.renewed("clockings", "interrupted");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
}

#[test]
fn a_refusal_is_not_an_unknown_outcome() {
    let world = world();
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 2, "action": {"kind": "status", "status": 429}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.renewed("clockings", "manual");
    let story = world.daemon.story("clockings");
    assert_eq!(story, ["created succeeded", "manual succeeded"]);
}
