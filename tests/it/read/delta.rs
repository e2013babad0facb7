//! `kind = "delta"`: exactly what changed in between, deletions included.

use serde_json::{Value, json};

use super::{config, in_order, outage};
use crate::support::World;

const FLAGS: [&str; 8] =
    ["--lifetime", "1h", "--page-size", "7", "--empty-pages", "--retry-delay", "50ms", "--retries=2"];

fn deletions(events: &[Value]) -> usize {
    events.iter().filter(|event| event["changeType"] == "Delete").count()
}

#[test]
fn every_change_and_deletion_of_an_outage_arrives() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 30);
    let config = config(&world, "people", "kind = \"delta\"");
    world.start(&config);
    world.settled("people");
    world.nothing_lost();

    world.sandbox.load(&["people"], 10.0);
    outage(&world, "people");
    // Objects that go in the gap are what no list shows.
    for _ in 0..5 {
        world.sandbox.change_as(&json!({"collection": "people", "kind": "delete"}));
    }
    let before = world.receiver.told("people").len();
    world.receiver.down(false);
    world.renewed("people", "disabled");
    world.sandbox.load(&[], 0.0);
    world.nothing_lost();
    let told = world.receiver.told("people");
    assert!(deletions(&told[before..]) >= 5, "{:?}", &told[before..]);
    let fresh = world.sandbox.requests("collection").len();

    // The link is asked again: what did not change costs nothing.
    world.eventually("it is renewed by hand", || {
        // One that Protime disabled again before it had the new key is renewed for that, and joined.
        world.daemon.control.post("/v1/webhooks/acme/people/renew");
        world.settled("people");
        world.daemon.story("people").contains(&"manual succeeded".to_owned()).then_some(())
    });
    assert_eq!(world.sandbox.requests("collection").len(), fresh, "nothing is read again");
    assert!(world.sandbox.requests("delta").len() >= 4);
    in_order(&world.receiver.told("people")[..before.min(30)]);
}

#[test]
fn a_delta_that_ended_is_begun_again_and_a_conflict_is_asked_again() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 20);
    let config = config(&world, "people", "kind = \"delta\"");
    world.start(&config);
    world.settled("people");
    outage_after_a_change(&world);
    world
        .sandbox
        .fault(&json!({"endpoint": "delta", "times": 1, "action": {"kind": "status", "status": 410}}));
    let conflict = json!({"endpoint": "collection", "times": 2, "action": {"kind": "status", "status": 409}});
    world.sandbox.fault(&conflict);
    let fresh = world.sandbox.requests("collection").len();
    world.receiver.down(false);
    world.renewed("people", "disabled");
    world.nothing_lost();
    let asked = &world.sandbox.requests("collection")[fresh..];
    let conflicts = asked.iter().filter(|it| it["status"] == 409).count();
    assert_eq!(conflicts, 2);
    assert!(asked.len() >= 5, "three pages at least, and two conflicts: {asked:?}");
    assert!(world.daemon.log().contains("reading it from its beginning"));
}

fn outage_after_a_change(world: &World) {
    world.receiver.down(true);
    world.sandbox.change("people", 2);
    outage(world, "people");
}

/// Waits until the delta was asked for so often between renewals.
fn audited(world: &World, least: u64) -> Value {
    world.eventually("the delta is asked for", || {
        let audit = world.daemon.webhook("people")["audit"].clone();
        (audit["refreshes"].as_u64()? >= least).then_some(audit)
    })
}

#[test]
fn a_delta_is_kept_alive_and_what_it_brings_is_offered_and_counted() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 10);
    world.sandbox.settings(&json!({"delta_lifetime_ms": 3_000}));
    let resync = "kind = \"delta\"\nkeep_warm = \"500ms\"\naudit = true";
    let config = config(&world, "people", resync);
    world.start(&config);
    world.settled("people");
    let first = audited(&world, 1)["objects"].as_u64().unwrap();
    world.sandbox.change("people", 6);
    world.eventually("six objects are offered again", || {
        (world.daemon.webhook("people")["audit"]["objects"].as_u64()? >= first + 6).then_some(())
    });
    let told = world.receiver.told("people");
    let new = world.sandbox.changes().split_off(10);
    for change in new {
        let times = told.iter().filter(|event| event["data"]["id"] == change["id"]).count();
        assert_eq!(times, 2, "once by Protime and once by us: {change}");
    }
    // It lives on through a restart, and much longer than it would by itself.
    world.daemon.kill();
    world.daemon.start();
    let before = audited(&world, 1)["refreshes"].as_u64().unwrap();
    audited(&world, before + 8);
    assert_eq!(world.sandbox.requests("delta").iter().filter(|it| it["status"] == 410).count(), 0);
    let fresh = world.sandbox.requests("collection").len();
    let known = world.daemon.webhook("people")["audit"]["last_at"].as_str().map(str::to_owned);
    assert!(known.is_some());

    // A change that no event told of, and no renewal was needed for, arrives as well.
    world.receiver.down(true);
    world.sandbox.change_as(&json!({"collection": "people", "kind": "delete"}));
    world.receiver.down(false);
    world.nothing_lost();
    assert_eq!(world.sandbox.requests("collection").len(), fresh);
}

#[test]
fn a_refresh_that_does_not_reach_the_receiver_keeps_its_place() {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "7", "--retries", "100"]);
    world.sandbox.change("people", 3);
    let config = config(&world, "people", "kind = \"delta\"\nkeep_warm = \"500ms\"");
    world.start(&config);
    world.settled("people");
    assert!(world.daemon.webhook("people")["audit"].is_null(), "nothing is counted unless asked for");
    world.receiver.down(true);
    world.sandbox.change("people", 4);
    world.eventually("a refresh fails", || {
        world.daemon.log().contains("the delta could not be kept alive").then_some(())
    });
    let webhook = world.daemon.webhook("people");
    assert!(webhook["state"] == "active" && webhook["last_error"].is_null(), "{webhook}");
    world.daemon.kill();
    world.receiver.down(false);
    world.daemon.start();
    world.nothing_lost();
}

#[test]
fn webhooks_that_live_for_seconds_lose_nothing() {
    let flags =
        ["--lifetime", "5s", "--page-size", "7", "--empty-pages", "--retry-delay", "50ms", "--retries=8"];
    let mut world = World::new(&flags);
    world.sandbox.change("people", 20);
    let config = config(&world, "people", "kind = \"delta\"\nkeep_warm = \"1s\"");
    world.start(&config);
    world.settled("people");
    world.sandbox.load(&["people"], 15.0);
    let renewals = |world: &World, count: usize| {
        world.eventually("renewals go on", || {
            let story = world.daemon.story("people");
            (story.iter().filter(|it| it.ends_with("succeeded")).count() >= count).then_some(())
        });
    };
    renewals(&world, 3);
    world.daemon.kill();
    world.daemon.start();
    renewals(&world, 5);
    world.sandbox.load(&[], 0.0);
    world.nothing_lost();
    assert!(world.sandbox.changes().iter().any(|change| change["kind"] == "delete"));
    assert_eq!(world.sandbox.requests("delta").iter().filter(|it| it["status"] == 410).count(), 0);
}
