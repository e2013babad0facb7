//! Reading that is interrupted goes on where it was, as long as Protime knows the place.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{config, everything_shown_arrived, in_order};
use crate::support::{World, pause};

/// A hundred pages, which take a while.
fn slow(world: &mut World, resync: &str) {
    slow_in(world, "people", resync);
}

fn slow_in(world: &mut World, collection: &str, resync: &str) {
    world.sandbox.change(collection, 700);
    let config = config(world, collection, resync);
    world.start(&config);
    world.settled(collection);
    world.sandbox.fault(&json!({
        "endpoint": "collection", "times": null, "action": {"kind": "delay-before", "ms": 50},
    }));
}

/// Waits until this many pages of what is under way are read.
fn pages_read(world: &World, pages: u64) -> Value {
    pages_read_in(world, "people", pages)
}

fn pages_read_in(world: &World, collection: &str, pages: u64) -> Value {
    world.eventually("pages are being read", || {
        let renewal = world.daemon.webhook(collection)["renewal"].clone();
        (renewal["progress"]["pages"].as_u64()? >= pages).then_some(renewal)
    })
}

fn first_pages(world: &World) -> usize {
    // The sandbox tells apart what was asked by its query.
    let first = |it: &&Value| !it["query"].as_str().unwrap_or_default().contains("continuationToken");
    world.sandbox.requests("collection").iter().filter(first).count()
}

#[test]
fn after_kill_9_and_after_a_stop_reading_goes_on() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "7"]);
    slow(&mut world, "kind = \"list\"");
    let begun = first_pages(&world);
    let told = world.receiver.told("people").len();
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    let renewal = pages_read(&world, 10);
    assert_eq!(renewal["step"], "resync");
    assert_eq!(renewal["progress"]["objects"], renewal["progress"]["pages"].as_u64().unwrap() * 7);
    world.daemon.kill();
    world.sandbox.change("people", 3);
    world.daemon.start();
    pages_read(&world, 30);
    world.daemon.signal(Signal::TERM);
    world.daemon.expect_end();
    world.daemon.start();
    pages_read(&world, 40);
    world.sandbox.clear_faults();
    world.renewed("people", "manual");
    everything_shown_arrived(&world);
    assert_eq!(first_pages(&world) - begun, 2, "once before the POST and once after it");
    let again = world.receiver.told("people").len() - told;
    // Twice 703 objects, three events, and a page or two that were on their way.
    assert!((1_400..1_450).contains(&again), "{again}");
    let log = world.daemon.log();
    assert_eq!(log.matches("goes on where it was interrupted").count(), 2, "{log}");
}

#[test]
fn a_place_that_protime_forgot_is_no_place() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "7"]);
    slow_in(&mut world, "clockings", "kind = \"delta\"\nfilter = \"date ge {from_date}\"");
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    pages_read_in(&world, "clockings", 10);
    world.daemon.kill();
    world.sandbox.clear_faults();
    world.sandbox.fault(&json!({
        "endpoint": "collection", "times": 1, "action": {"kind": "status", "status": 410},
    }));
    world.daemon.start();
    world.renewed("clockings", "manual");
    assert!(world.daemon.log().contains("reading it from its beginning"));
    world.nothing_lost();
}

#[test]
fn of_two_versions_the_later_arrives_later() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "7"]);
    slow(&mut world, "kind = \"list\"");
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    pages_read(&world, 3);
    // The same objects change all the time while they are read; the webhook itself does not deliver.
    let destination = world.receiver.destination("people");
    world.sandbox.disable(&destination, "people");
    let ids: Vec<Value> = world.sandbox.changes()[..20].iter().map(|change| change["id"].clone()).collect();
    for _ in 0..5 {
        for id in &ids {
            world.sandbox.change_as(&json!({"collection": "people", "id": id}));
        }
        pause(std::time::Duration::from_millis(50));
    }
    world.sandbox.clear_faults();
    world.renewed("people", "manual");
    everything_shown_arrived(&world);
    in_order(&world.receiver.told("people"));
}

#[test]
fn a_dead_key_ends_a_long_catch_up() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "7"]);
    slow(&mut world, "kind = \"list\"");
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    world.eventually("the catch-up is under way", || {
        let renewal = world.daemon.webhook("people")["renewal"].clone();
        (renewal["step"] == "catch_up" && renewal["progress"]["pages"].as_u64()? >= 3).then_some(())
    });
    world.sandbox.disable(&world.receiver.destination("people"), "people");
    world.renewed("people", "disabled");
    let story = world.daemon.story("people");
    assert!(story.contains(&"manual failed".to_owned()), "{story:?}");
    assert!(world.daemon.webhook("people")["owed_resync"].is_null());
    everything_shown_arrived(&world);
}
