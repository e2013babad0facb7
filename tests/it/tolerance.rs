//! Lists that are not as documented: what is somebody else's concerns nobody here.

use serde_json::{Value, json};

use super::support::World;

/// The list as the tenant shows it now.
fn listed(world: &World) -> Value {
    let output = world.daemon.cli(&["remote", "api", "acme", "webhooks"]);
    serde_json::from_slice(&output.stdout).unwrap()
}

/// From now on the list is this one.
fn shows(world: &World, list: &Value) {
    let action = json!({"kind": "status", "status": 200, "body": list.to_string(),
        "content_type": "application/json"});
    world.sandbox.fault(&json!({"endpoint": "list", "times": null, "action": action}));
}

fn polls(world: &World, count: usize) {
    let before = world.sandbox.requests("list").len();
    world.eventually("polls", || (world.sandbox.requests("list").len() >= before + count).then_some(()));
}

#[test]
fn an_odd_entry_of_somebody_else_and_other_letters_change_nothing() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let posts = world.sandbox.creates("clockings").len();
    let mut list = listed(&world);
    list["value"][0]["status"] = json!("ENABLED");
    for odd in [
        json!({"id": "1", "status": "Enabled", "destinationUrl": "https://other.example/x",
            "collectionName": "people", "validUntil": ""}),
        json!({"id": null, "status": null, "destinationUrl": "https://other.example/y", "collectionName": "people"}),
        json!(null),
        json!(17),
    ] {
        list["value"].as_array_mut().unwrap().insert(0, odd);
    }
    shows(&world, &list);
    polls(&world, 3);
    assert_eq!(world.poll_error(), None);
    let webhook = world.settled("clockings");
    assert_eq!(webhook["remote"]["status"], "Enabled");
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
    let told = world.daemon.log().matches("has entries that are not as documented").count();
    assert_eq!(told, 1, "once, however often it is listed");
    let metrics = world.daemon.status.get("/metrics").text;
    assert!(metrics.contains("protime_webhookd_odd_list_entries_total{tenant=\"acme\"}"), "{metrics}");
}

#[test]
fn an_odd_entry_of_ours_is_an_error_that_names_it() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let posts = world.sandbox.creates("clockings").len();
    let mut list = listed(&world);
    list["value"][0]["validUntil"] = json!(17);
    shows(&world, &list);
    let error = world.eventually("the error", || world.poll_error());
    let expected = "entry 0 has a 'validUntil' that is not an ISO 8601 time, and it is acme/clockings";
    assert!(error.contains(expected), "{error}");
    polls(&world, 3);
    world.sandbox.clear_faults();
    world.eventually("it is well again", || world.poll_error().is_none().then_some(()));
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
}

#[test]
fn external_references_are_shown_in_whatever_shape_they_are_listed() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let mut list = listed(&world);
    for shape in [
        json!({"people": ["@badge-number"]}),
        json!({"people": "@badge-number"}),
        json!({"people": {"@badge-number": true}}),
        json!(["people,@badge-number"]),
    ] {
        list["value"][0]["externalReferences"] = shape.clone();
        world.sandbox.clear_faults();
        shows(&world, &list);
        let output = world.daemon.cli(&["remote", "list", "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(shown["webhooks"][0]["external_references"], json!(["people,@badge-number"]), "{shape}");
    }
}
