//! What the daemon's own POST made is recognised in the list, however Protime writes it there.

use std::time::Duration;

use serde_json::json;

use super::support::{World, pause};

/// One webhook of a tenant that writes lists and answers in its own way.
fn running(ways: &[&str]) -> World {
    let mut flags = vec!["--lifetime", "1h"];
    flags.extend(ways);
    let mut world = World::new(&flags);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].destination_url = with_a_query(&config.webhooks[0].destination_url);
    world.start(&config);
    world.settled("clockings");
    world
}

/// The same address as people write one that has more than one normal spelling, and a secret in its query.
fn with_a_query(url: &str) -> String {
    format!("{}?token=%7e1", url.replacen("http://", "HTTP://", 1))
}

/// Waits for so many more lists.
fn lists(world: &World, more: usize) {
    let before = world.sandbox.requests("list").len();
    world.eventually("more lists", || (world.sandbox.requests("list").len() >= before + more).then_some(()));
}

#[test]
fn in_whatever_way_it_is_listed() {
    let ways: [&[&str]; 13] = [
        &["--listed-id", "upper"],
        &["--listed-id", "lower"],
        &["--location-id", "quoted", "--post-body-id", "no"],
        &["--location-id", "braces", "--post-body-id", "no", "--listed-id", "upper"],
        &["--location", "url", "--post-body-id", "no"],
        &["--location", "absent", "--post-body-id", "no"],
        &["--listed-end", "10ms", "--valid-until-fraction", "yes"],
        &["--listed-end", "sql", "--valid-until-fraction", "yes"],
        &["--listed-end", "second", "--valid-until-fraction", "yes"],
        &["--listed-end", "minute", "--valid-until-fraction", "yes"],
        &["--listed-end", "no-offset"],
        &["--posted-end", "no-offset"],
        &["--listed-url", "normalized"],
    ];
    for way in ways {
        let world = running(way);
        lists(&world, 3);
        assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success(), "{way:?}");
        lists(&world, 3);
        world.settled("clockings");
        assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"], "{way:?}");
        assert_eq!(world.sandbox.creates("clockings").len(), 2, "{way:?}");
        let health = world.daemon.status.get("/v1/health");
        assert_eq!(health.status, 200, "{way:?}: {}", health.text);
        let planned = world.daemon.webhook("clockings")["next_renewal_at"].clone();
        assert!(planned.is_string(), "{way:?}");
    }
}

#[test]
fn a_masked_query_is_found_by_the_id() {
    let world = running(&["--listed-url", "masked-query"]);
    lists(&world, 3);
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
    assert_eq!(world.daemon.webhook("clockings")["remote"]["status"], "Enabled");
    // Someone else's has another id: what is ours is gone.
    world.sandbox.foreign_renew(&with_a_query(&world.receiver.destination("clockings")), "clockings");
    world.eventually("it is answered", || (world.sandbox.creates("clockings").len() == 2).then_some(()));
    world.settled("clockings");
}

#[test]
fn someone_elses_is_noticed_in_whatever_way_it_is_listed() {
    for way in [["--listed-end", "sql"], ["--listed-end", "second"], ["--posted-end", "no-offset"]] {
        let world = running(&[way[0], way[1], "--renewed-id", "same"]);
        world.eventually("the end is known to the letter", || {
            world.daemon.webhook("clockings")["next_renewal_at"].is_string().then_some(())
        });
        lists(&world, 2);
        pause(Duration::from_millis(1_100));
        world.sandbox.foreign_renew(&with_a_query(&world.receiver.destination("clockings")), "clockings");
        world.renewed("clockings", "foreign_rotation");
        assert_eq!(world.sandbox.creates("clockings").len(), 2, "{way:?}");
    }
}

#[test]
fn a_list_that_lags_behind_overrules_nothing() {
    let world = running(&["--list-lag", "5s"]);
    let created = world.sandbox.requests("list").len();
    world.eventually("lists have caught up", || {
        (world.daemon.webhook("clockings")["remote"]["status"] == "Enabled"
            && world.sandbox.requests("list").len() > created + 5)
            .then_some(())
    });
    for _ in 0..2 {
        assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
        for _ in 0..3 {
            assert_eq!(world.daemon.control.post("/v1/poll").status, 200);
            let health = world.daemon.status.get("/v1/health");
            assert_eq!(health.status, 200, "{}", health.text);
        }
    }
    lists(&world, 8);
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 3, "{:?}", world.daemon.story("clockings"));
}

#[test]
fn of_two_entries_ours_is_the_one_whose_key_we_hold() {
    for way in [["--old-after-renewal", "listed"], ["--post-while-enabled", "second"]] {
        let world = running(&way);
        lists(&world, 2);
        for _ in 0..2 {
            assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success(), "{way:?}");
            lists(&world, 2);
        }
        let story = world.daemon.story("clockings");
        assert_eq!(story, ["created succeeded", "manual succeeded", "manual succeeded"], "{way:?}");
        assert_eq!(world.daemon.status.get("/v1/health").status, 200, "{way:?}");
    }
}

#[test]
fn a_201_that_no_one_understands_leads_to_no_more_posts_than_the_cap_allows() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.renewal = config.renewal.replace("= 1000", "= 2");
    config.renewal = config.renewal.replace("\"200ms\"", "\"10ms\"").replace("\"2s\"", "\"20ms\"");
    world.sandbox.fault(&json!({"endpoint": "create", "times": 100, "action": {"kind": "not-json"}}));
    world.start(&config);
    world.eventually("it is contended", || {
        (world.daemon.webhook("clockings")["state"] == "contended").then_some(())
    });
    lists(&world, 3);
    assert_eq!(world.sandbox.creates("clockings").len(), 1 + 2, "{:?}", world.daemon.story("clockings"));
    let health = world.daemon.status.get("/v1/health");
    assert!(health.text.contains("not a JSON object"), "{}", health.text);
    // An operator's wish is not held up.
    world.sandbox.clear_faults();
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    world.settled("clockings");
}
