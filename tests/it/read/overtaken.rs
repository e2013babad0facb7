//! Objects without a `changeVersion`: an event that overtakes a resync is not undone by it.

use serde_json::{Value, json};

use super::config;
use crate::support::World;

const COLLECTION: &str = "activity-durations";

/// A webhook whose objects show no version, and one of them; answers to `endpoint` come late from now on.
fn late(kind: &str, endpoint: &str) -> (World, Value) {
    let mut world = World::new(&["--lifetime", "1h", "--activity-change-version", "absent"]);
    let made = world.sandbox.change(COLLECTION, 3);
    let config = config(&world, COLLECTION, &format!("kind = \"{kind}\""));
    world.start(&config);
    world.settled(COLLECTION);
    world.nothing_lost();
    let late = json!({"kind": "delay-after", "ms": 700});
    world.sandbox.fault(&json!({"endpoint": endpoint, "times": null, "action": late}));
    (world, made[0]["id"].clone())
}

/// The object changes, and the event of that has arrived.
fn overtake(world: &World, id: &Value) {
    let told = world.receiver.told(COLLECTION).len();
    world.sandbox.change_as(&json!({"collection": COLLECTION, "kind": "upsert", "id": id}));
    world.eventually("the event arrives", || (world.receiver.told(COLLECTION).len() > told).then_some(()));
}

#[test]
fn an_event_that_overtakes_a_list_is_not_undone_by_it() {
    let (world, id) = late("list", "collection");
    let mut asked = world.sandbox.requests("collection").len();
    world.daemon.control.post("/v1/webhooks/acme/activity-durations/renew");
    world.eventually("the catch-up has asked for its first page", || {
        let now = world.sandbox.requests("collection").len();
        if world.daemon.webhook(COLLECTION)["renewal"]["step"] == "catch_up" {
            return (now > asked).then_some(());
        }
        asked = now;
        None
    });
    overtake(&world, &id);
    world.renewed(COLLECTION, "manual");
    world.nothing_lost();
}

#[test]
fn an_event_that_overtakes_a_kept_delta_is_not_undone_by_it() {
    let (world, id) = late("delta", "delta");
    let mut asked = world.sandbox.requests("delta").len();
    world.daemon.control.post("/v1/webhooks/acme/activity-durations/renew");
    // The first change comes too late for the resync's answer, and so into the catch-up's; the second one
    // overtakes it there.
    for _ in 0..2 {
        world.eventually("it is asked", || (world.sandbox.requests("delta").len() > asked).then_some(()));
        asked = world.sandbox.requests("delta").len();
        overtake(&world, &id);
    }
    world.renewed(COLLECTION, "manual");
    world.nothing_lost();
}
