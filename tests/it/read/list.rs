//! `kind = "list"` with its default: every object is sent to the destination as a signed event.

use serde_json::{Value, json};

use super::{config, everything_shown_arrived, in_order, outage};
use crate::support::{World, pause};

const FLAGS: [&str; 8] =
    ["--lifetime", "1h", "--page-size", "7", "--empty-pages", "--retry-delay", "50ms", "--retries=2"];

#[test]
fn an_outage_is_made_good_without_any_code_in_the_receiver() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 40);
    let config = config(&world, "people", "kind = \"list\"");
    world.start(&config);
    world.settled("people");
    everything_shown_arrived(&world);
    assert_eq!(world.receiver.resyncs("people").len(), 0, "no program is involved");
    let steps = world.daemon.history("people")[0]["steps"].as_array().unwrap().clone();
    let told: Vec<(&str, &str)> = steps
        .iter()
        .map(|step| (step["step"].as_str().unwrap(), step["outcome"].as_str().unwrap()))
        .collect();
    let expected =
        [("resync", "skipped"), ("post", "succeeded"), ("rotate", "succeeded"), ("hand_off", "succeeded")];
    assert_eq!(told[..4], expected, "there was no key to sign with before the POST");
    assert_eq!(told[4], ("catch_up", "succeeded"));
    assert_eq!(steps[4]["output"], "40 objects on 11 pages\n", "six pages, an empty one between any two");

    world.sandbox.load(&["people"], 8.0);
    outage(&world, "people");
    world.receiver.down(false);
    world.renewed("people", "disabled");
    world.sandbox.load(&[], 0.0);
    everything_shown_arrived(&world);
    assert!(world.daemon.webhook("people")["owed_resync"].is_null());
    let posts = world.sandbox.creates("people").len();
    assert_eq!(posts, 2);
}

#[test]
fn hold_keeps_a_dead_receiver_from_being_enabled() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 3);
    let config = config(&world, "people", "kind = \"list\"");
    world.start(&config);
    world.settled("people");
    outage_with_a_change(&world);
    let webhook = world.eventually("the resync fails", || {
        let webhook = world.daemon.webhook("people");
        (webhook["last_error"]["step"] == "resync").then_some(webhook)
    });
    let message = webhook["last_error"]["message"].as_str().unwrap();
    let names_one = world.sandbox.changes().iter().any(|it| message.contains(&it["id"].to_string()));
    assert!(names_one && message.contains("503") && message.contains("/events/people"), "{message}");
    assert_eq!(world.sandbox.creates("people").len(), 1);
    world.receiver.down(false);
    world.renewed("people", "disabled");
    everything_shown_arrived(&world);
}

fn outage_with_a_change(world: &World) {
    world.receiver.down(true);
    world.sandbox.change("people", 1);
    outage(world, "people");
}

#[test]
fn years_are_read_one_by_one_and_references_are_passed_on() {
    let mut world = World::new(&FLAGS);
    let days = ["2023-01-05", "2023-12-31", "2024-02-29", "2025-06-01", "2026-01-01"];
    for day in days {
        world.sandbox.change_as(&json!({"collection": "clockings", "date": day, "count": 9}));
    }
    let resync =
        "kind = \"list\"\nfilter = \"date ge {from_date} and date le {to_date}\"\nearliest = \"2022-01-01\"";
    let mut config = config(&world, "clockings", resync);
    config.webhooks[0].extra = "external_references = [\"people,@badge-number\"]".to_owned();
    world.start(&config);
    world.settled("clockings");
    everything_shown_arrived(&world);
    let events = world.receiver.told("clockings");
    in_order(&events);
    assert_eq!(events.len(), 45);
    for event in events {
        assert_eq!(event["changeType"], "InsertOrUpdate");
        assert!(event["data"].to_string().contains("badge-number"), "{event}");
    }
    let refused = |it: &&Value| it["status"].as_u64().is_some_and(|status| status >= 400);
    assert_eq!(world.sandbox.requests("collection").iter().find(refused), None);
}

#[test]
fn a_missing_scope_is_named() {
    let mut world = World::new(&FLAGS);
    let scopes = ["connector-protimeapi-webhooks.read", "connector-protimeapi-webhooks.write"];
    world.sandbox.settings(&json!({"allowed_scopes": scopes}));
    let config = config(&world, "people", "kind = \"list\"");
    world.start(&config);
    let webhook = world.eventually("an operator is asked for", || {
        let webhook = world.daemon.webhook("people");
        (webhook["state"] == "blocked").then_some(webhook)
    });
    let message = webhook["last_error"]["message"].as_str().unwrap();
    let wanted = "scope connector-protimeapi-people.read is missing from the token; ask Protime to grant it to \
                  client 'sandbox-client'";
    assert!(message.contains(wanted), "{message}");
    assert!(!webhook["owed_resync"].is_null());
}

#[test]
fn a_receiver_that_refuses_the_present_key_gets_the_next_one() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 5);
    let config = config(&world, "people", "kind = \"list\"");
    world.start(&config);
    world.settled("people");
    // It checks with a file that no one writes: as if someone had given it another key by hand.
    world.receiver.trust("people", world.path("nothing.key"));
    world.sandbox.change("people", 1);
    world.eventually("Protime gives up", || {
        (world.sandbox.webhook("people")?["status"] == "Disabled").then_some(())
    });
    world.eventually("the renewal goes on without the resync", || {
        let last = world.daemon.history("people").pop()?;
        let steps = last["steps"].as_array()?;
        (last["reason"] == "disabled" && steps.iter().any(|step| step["step"] == "catch_up")).then_some(())
    });
    assert!(!world.daemon.webhook("people")["owed_resync"].is_null(), "and it stays owed");
    world.receiver.trust("people", world.key_file("people"));
    world.settled("people");
    everything_shown_arrived(&world);
}

#[test]
fn a_long_wait_that_protime_asks_for_is_kept() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 5);
    let config = config(&world, "people", "kind = \"list\"");
    world.start(&config);
    world.settled("people");
    // Longer than the longest retry of this configuration, and than a step waits by itself.
    let wait = json!({"kind": "status", "status": 429, "retry_after": 600});
    world.sandbox.fault(&json!({"endpoint": "collection", "times": 1, "action": wait}));
    let asked = world.sandbox.requests("collection").len();
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    let error = world.eventually("the resync waits", || {
        let webhook = world.daemon.webhook("people");
        (webhook["last_error"]["step"] == "resync").then(|| webhook["last_error"].clone())
    });
    let at = |field: &str| -> jiff::Timestamp { error[field].as_str().unwrap().parse().unwrap() };
    assert!(at("retry_at").duration_since(at("at")).as_secs() >= 500, "{error}");
    pause(std::time::Duration::from_secs(2));
    assert_eq!(world.sandbox.requests("collection").len(), asked + 1);
    let steps = world.daemon.history("people").pop().unwrap()["steps"].as_array().unwrap().len();
    assert_eq!(steps, 1, "no hot loop");
}
