//! External references: a changed list takes one DELETE and one POST, an unchanged one takes nothing.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use super::support::{Config, World, database, pause, until};

const LONG: &[&str] = &["--lifetime", "1h", "--retry-delay", "50ms", "--retries", "40"];

const BADGE: &str = "people,@badge-number";
const ACTIVITY: &str = "activity-definitions,actDef";

fn with(world: &World, references: &[&str]) -> Config {
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].extra = format!("external_references = {}", json!(references));
    config
}

fn effects(world: &World) -> (usize, usize) {
    (world.sandbox.requests("delete").len(), world.sandbox.creates("clockings").len())
}

fn theirs(world: &World) -> Value {
    world.sandbox.webhook("clockings").expect("it is there")["external_references"].clone()
}

/// Restarts the daemon with other references, and waits until the tenant has them.
fn change(world: &mut World, references: &[&str]) {
    world.daemon.stop();
    let config = with(world, references);
    world.start(&config);
    world.eventually("the references are there", || {
        let webhook = world.sandbox.webhook("clockings")?;
        (webhook["external_references"] == json!(references)).then_some(())
    });
    world.settled("clockings");
}

#[test]
fn a_changed_list_is_one_delete_and_one_post_and_nothing_is_lost() {
    let mut world = World::new(LONG);
    let config = with(&world, &[BADGE]);
    world.sandbox.load(&["clockings"], 20.0);
    world.start(&config);
    world.settled("clockings");
    let query = |world: &World| world.sandbox.requests("create").last().unwrap()["query"].clone();
    assert_eq!(query(&world), "externalReferences=(people,@badge-number)");
    assert_eq!((effects(&world), theirs(&world)), ((0, 1), json!([BADGE])));

    // More, fewer, another order, none: each is a change.
    let lists: [&[&str]; 4] = [&[BADGE, ACTIVITY], &[ACTIVITY, BADGE], &[ACTIVITY], &[]];
    for (number, list) in lists.into_iter().enumerate() {
        change(&mut world, list);
        assert_eq!(effects(&world), (number + 1, number + 2), "{list:?}");
    }
    let mut story = vec!["created succeeded"];
    story.extend(["references_changed succeeded"; 4]);
    assert_eq!(world.daemon.story("clockings"), story);

    // The gap between DELETE and POST belongs to what is caught up with.
    for renewal in &world.daemon.history("clockings")[1..] {
        let steps: Vec<&str> =
            renewal["steps"].as_array().unwrap().iter().filter_map(|step| step["step"].as_str()).collect();
        assert_eq!(steps, ["resync", "post", "rotate", "hand_off", "catch_up"]);
    }
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
}

#[test]
fn an_unchanged_list_never_causes_a_post() {
    let mut world = World::new(LONG);
    let config = with(&world, &[BADGE, ACTIVITY]);
    world.start(&config);
    world.settled("clockings");
    for _ in 0..3 {
        world.daemon.stop();
        world.daemon.start();
        assert_eq!(world.daemon.control.post("/v1/poll").status, 200);
        world.settled("clockings");
    }
    pause(Duration::from_secs(1));
    assert_eq!(effects(&world), (0, 1));
    assert_eq!(world.daemon.webhook("clockings")["external_references"], json!([BADGE, ACTIVITY]));
}

#[test]
fn a_death_between_delete_and_post_heals() {
    for point in ["delete:before", "delete:after", "post:before", "post:after"] {
        let mut world = World::new(LONG);
        world.sandbox.load(&["clockings"], 10.0);
        let config = with(&world, &[BADGE]);
        world.start(&config);
        world.settled("clockings");
        world.daemon.stop();
        world.write(&with(&world, &[ACTIVITY]));
        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", point);
        world.daemon.launch();
        until(Duration::from_mins(1), || world.daemon.process().ended())
            .unwrap_or_else(|| world.fail(&format!("it dies at {point}")));
        world.daemon.kill();
        let (deletes, posts) = effects(&world);
        let expected = match point {
            "delete:before" => (0, 1),
            "post:after" => (1, 2),
            _ => (1, 1),
        };
        assert_eq!((deletes, posts), expected, "{point}");
        assert_eq!(world.sandbox.webhook("clockings").is_none(), expected == (1, 1), "{point}");

        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", "");
        world.daemon.start();
        world.eventually(&format!("it heals after {point}"), || {
            (world.sandbox.webhook("clockings")?["external_references"] == json!([ACTIVITY])).then_some(())
        });
        world.settled("clockings");
        // An answer that died with the daemon takes another POST; what was deleted is not deleted again.
        let expected = if point == "post:after" { (1, 3) } else { (1, 2) };
        assert_eq!(effects(&world), expected, "{point}");
        world.sandbox.load(&["clockings"], 0.0);
        world.nothing_lost();
    }
}

#[test]
fn a_webhook_that_someone_else_made_with_other_references_is_replaced() {
    for other in ["refuse", "ignore"] {
        let mut world = World::new(LONG);
        world.sandbox.settings(&json!({"other_references": other}));
        world.write(&with(&world, &[ACTIVITY]));
        let created = world.daemon.cli(&["remote", "create", "clockings"]);
        assert_eq!(created.status.code(), Some(0), "{created:?}");
        let config = with(&world, &[BADGE]);
        world.start(&config);
        world.settled("clockings");
        assert_eq!((effects(&world), theirs(&world)), ((1, 2), json!([BADGE])), "{other}");
        assert_eq!(world.daemon.story("clockings"), ["unknown_key succeeded"]);
    }
}

#[test]
fn a_webhook_that_someone_else_made_with_the_same_references_is_not_deleted() {
    let mut world = World::new(LONG);
    world.write(&with(&world, &[BADGE, ACTIVITY]));
    let created = world.daemon.cli(&["remote", "create", "clockings"]);
    assert_eq!(created.status.code(), Some(0), "{created:?}");
    world.daemon.start();
    world.settled("clockings");
    assert_eq!((effects(&world), theirs(&world)), ((0, 2), json!([BADGE, ACTIVITY])));
}

#[test]
fn references_that_protime_lists_as_wanted_cause_nothing() {
    let mut world = World::new(LONG);
    let config = with(&world, &[BADGE, ACTIVITY]);
    world.start(&config);
    world.settled("clockings");
    world.daemon.stop();
    // As after a takeover, when no one knew with which references the webhook was made.
    let state = world.path("state");
    database::set(&state, "$.registration.references", "''");
    // A list within a minute of our POST could be older than it.
    database::rotated_a_minute_earlier(&state);
    world.daemon.start();
    world.eventually("it has seen the list", || {
        let polls = world.daemon.control.post("/v1/poll");
        (polls.status == 200).then_some(())
    });
    world.settled("clockings");
    pause(Duration::from_secs(1));
    assert_eq!(effects(&world), (0, 1));
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
}

#[test]
fn a_refused_delete_changes_nothing_and_is_tried_again() {
    let mut world = World::new(LONG);
    let config = with(&world, &[BADGE]);
    world.start(&config);
    world.settled("clockings");
    world.daemon.stop();
    world
        .sandbox
        .fault(&json!({"endpoint": "delete", "times": 2, "action": {"kind": "status", "status": 500}}));
    let config = with(&world, &[ACTIVITY]);
    world.start(&config);
    world.renewed("clockings", "references_changed");
    assert_eq!((effects(&world), theirs(&world)), ((3, 2), json!([ACTIVITY])));
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn a_reference_that_is_not_known_is_warned_of_with_the_nearest() {
    let world = World::new(&[]);
    world.write(&with(&world, &["people,@bagde-number", "people,@nothing-like-it", "people,own"]));
    let output = world.daemon.cli(&["check"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let source = fs::read_to_string(world.path("config.toml")).unwrap();
    let line = source.lines().position(|line| line.starts_with("external_references")).unwrap() + 1;
    let place = format!("config.toml:{line}:24: ");
    assert!(text.contains(&place) && text.contains("did you mean @badge-number?"), "{text}");
    assert!(
        text.contains("\"people,@nothing-like-it\" names no predefined reference that is known"),
        "{text}"
    );
    assert!(!text.contains("people,own"), "{text}");
}
