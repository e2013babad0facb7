//! `check --online`: what is wrong at the tenant is found, and nothing is changed there.

use std::{fs, process::Output};

use serde_json::{Value, json};

use super::support::{Sandbox, World};

const LONG: &[&str] = &["--lifetime", "1h"];

fn check(world: &World, code: i32) -> String {
    let output: Output = world.daemon.cli(&["check", "--online"]);
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// Everything that was asked of the tenant but reading and tokens.
fn effects(world: &World) -> Vec<Value> {
    ["create", "delete"].iter().flat_map(|endpoint| world.sandbox.requests(endpoint)).collect()
}

#[test]
fn a_tenant_that_agrees() {
    let mut world = World::running(LONG, &["clockings"]);
    let text = check(&world, 0);
    says(&text, &["configuration is fine", "✓ token: granted to client 'sandbox-client'"]);
    says(&text, &["✓ scopes: connector-protimeapi-webhooks.read, connector-protimeapi-webhooks.write"]);
    says(&text, &["✓ list: 1 webhook at Protime", "✓ clockings: Enabled, valid until"]);
    says(&text, &["Protime agrees with the configuration"]);

    world.daemon.stop();
    let url = world.receiver.destination("clockings");
    world.write(&world.config(&["people"]));
    let created = world.daemon.cli(&["remote", "create", "people"]);
    assert_eq!(created.status.code(), Some(0), "{created:?}");
    let before = effects(&world);
    let mut config = world.config(&["clockings", "absences"]);
    config.webhooks[0].extra = "external_references = [\"people,@badge-number\"]".to_owned();
    world.write(&config);
    let text = check(&world, 0);
    says(&text, &["! absences: not at Protime; the daemon creates it"]);
    says(&text, &["! not configured, and goes to the same host", "remote delete acme ID"]);
    let stranger = world.sandbox.webhook("people").unwrap()["id"].as_str().unwrap().to_owned();
    says(&text, &[&stranger]);

    world.sandbox.disable(&url, "clockings");
    let text = check(&world, 1);
    says(&text, &["✗ clockings: Disabled", "1 thing is wrong at Protime"]);
    assert_eq!(effects(&world), before, "something was changed");
}

#[test]
fn scopes_that_are_not_granted() {
    let world = World::new(LONG);
    world.sandbox.settings(&json!({"allowed_scopes": ["connector-protimeapi-webhooks.read"]}));
    world.write(&world.config(&["clockings"]));
    let text = check(&world, 1);
    says(&text, &["✗ scope connector-protimeapi-webhooks.write is missing, so webhooks cannot be created"]);
    says(&text, &["ask Protime to grant it to client 'sandbox-client'", "✓ list: 0 webhooks"]);
    says(&text, &["! clockings: not at Protime"]);
}

#[test]
fn every_tenant_is_asked_and_one_hides_nothing_of_another() {
    let world = World::new(LONG);
    let folder = world.path("other");
    fs::create_dir(&folder).unwrap();
    let other = Sandbox::start(&folder, LONG);
    world.write(&world.config(&["clockings"]));
    let first = fs::read_to_string(world.path("config.toml")).unwrap();
    let second = first[first.find("[[tenant]]").unwrap()..]
        .replace("name = \"acme\"", "name = \"globex\"")
        .replace(&world.sandbox.origin, &other.origin)
        .replace("clockings.key", "other.key");
    let secret = (world.sandbox.secret_file.to_str().unwrap(), other.secret_file.to_str().unwrap());
    let second = second.replace(secret.0, secret.1);
    fs::write(world.path("config.toml"), format!("{first}\n{second}")).unwrap();
    world
        .sandbox
        .fault(&json!({"endpoint": "list", "times": null, "action": {"kind": "status", "status": 503}}));
    let text = check(&world, 1);
    says(
        &text,
        &["tenant acme", "✗ list: ", "503", "tenant globex", "✓ list: 0 webhooks", "1 thing is wrong"],
    );

    // Credentials that Protime refuses are wrong at Protime; those that are not there are wrong here.
    fs::write(&world.sandbox.secret_file, "wrong").unwrap();
    says(&check(&world, 1), &["✗ token: ", "are not accepted", "✓ list: 0 webhooks"]);
    fs::remove_file(&world.sandbox.secret_file).unwrap();
    says(&check(&world, 78), &["client-secret"]);
}
