//! What a renewal costs, counted.

use std::fs;

use serde_json::json;

use super::support::{World, database};

/// What the renewal of a disabled webhook commits, from the list that shows it on, without a resync.
fn commits(sinks: &[&str]) -> Vec<String> {
    let mut world = World::new(&["--lifetime", "1h"]);
    let log = world.path("points");
    world.daemon.env("PROTIME_WEBHOOKD_CRASH_LOG", log.to_str().unwrap());
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    config.webhooks[0].resync = "kind = \"none\"".to_owned();
    let sink = |name: &&str| format!("kind = \"file\"\npath = \"{}\"", world.path(name).display());
    config.webhooks[0].sinks = sinks.iter().map(sink).collect();
    world.start(&config);
    let rests = |version: u64| {
        world.eventually("it is renewed and rests", || {
            let webhook = world.daemon.webhook("clockings");
            let rests = webhook["state"] == "active" && webhook["renewal"].is_null();
            (rests && webhook["key"]["version"] == version).then_some(())
        });
    };
    rests(1);
    // The list that shows it for the first time.
    world.daemon.control.post("/v1/poll");
    fs::remove_file(&log).unwrap();
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.daemon.control.post("/v1/poll");
    rests(2);
    world.daemon.stop();
    let points = fs::read_to_string(&log).unwrap();
    let commit = |point: &str| Some(point.strip_prefix("store:")?.strip_suffix(":after")?.to_owned());
    points.lines().filter_map(commit).collect()
}

#[test]
fn a_renewal_is_committed_only_where_something_lies_between() {
    assert_eq!(commits(&[]), ["apply_list", "start_post", "store_answer"]);
    let with_a_sink = ["apply_list", "start_post", "store_answer", "delivery_ended"];
    assert_eq!(commits(&["key"]), with_a_sink);
}

#[test]
fn a_list_that_repeats_the_last_one_has_no_webhook_read() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings", "people"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    for webhook in &mut config.webhooks {
        webhook.resync = "kind = \"none\"".to_owned();
    }
    world.start(&config);
    world.eventually("all are renewed and rest", || {
        let rests = |name| {
            let webhook = world.daemon.webhook(name);
            webhook["state"] == "active" && webhook["renewal"].is_null()
        };
        (rests("clockings") && rests("people")).then_some(())
    });
    // Their rotations are only just over; the lists of some minutes later are worth more.
    world.daemon.stop();
    database::rotated_a_minute_earlier(&world.path("state"));
    world.start(&config);
    let poll = || world.daemon.control.post("/v1/poll").json()["tenants"][0]["error"].clone();
    assert_eq!(poll(), json!(null), "the first list since the start");
    assert_eq!(poll(), json!(null), "one on which the time at Protime is known");
    database::set(&world.path("state"), "$.on_remove", "'nonsense'");
    let asked_at = || world.daemon.status.get("/v1/status").json()["tenants"][0]["last_poll_at"].clone();
    let before = asked_at();
    assert_eq!(poll(), json!(null), "no state is read");
    assert!(!before.is_null() && asked_at() != before, "asked at {before}");
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    let error = poll();
    assert!(
        error.as_str().is_some_and(|error| error.contains("unexpected")),
        "it says something new: {error}"
    );
}
