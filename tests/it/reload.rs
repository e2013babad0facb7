//! Another configuration is put in force while the daemon runs, or is refused as a whole.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{Config, World};

fn status(world: &World) -> Value {
    world.daemon.status.get("/v1/status").json()
}

fn names(world: &World) -> Vec<String> {
    let webhooks = world.daemon.control.get("/v1/webhooks").json();
    let webhooks = webhooks["webhooks"].as_array().unwrap().clone();
    webhooks.iter().map(|webhook| webhook["name"].as_str().unwrap().to_owned()).collect()
}

/// A configuration whose webhooks have this `on_remove`.
fn with_on_remove(world: &World, collections: &[&str], on_remove: &str) -> Config {
    let mut config = world.config(collections);
    for webhook in &mut config.webhooks {
        webhook.extra = format!("on_remove = \"{on_remove}\"");
    }
    config
}

#[test]
fn webhooks_come_and_go() {
    let world = World::running(&["--lifetime", "1h"], &["clockings", "people"]);
    let key = world.daemon.key("people");
    let pid = world.daemon.pid();
    world.write(&world.config(&["people", "absences"]));
    let answer = world.daemon.control.post("/v1/reload");
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((&answer.json()["tenants"], &answer.json()["webhooks"]), (&json!(1), &json!(2)));
    world.settled("absences");
    assert_eq!(names(&world), ["absences", "people"]);
    assert_eq!(world.daemon.key("people"), key, "what stays is not renewed");
    assert_eq!(world.sandbox.creates("people").len(), 1);

    // What left is kept at Protime, and shown until it is gone there.
    let removed = world.eventually("the removed webhook is seen", || {
        let removed = status(&world)["orphans"].clone();
        (removed[0]["remote"]["status"] == "Enabled").then_some(removed)
    });
    assert_eq!(removed.as_array().unwrap().len(), 1, "{removed}");
    assert_eq!(
        (&removed[0]["tenant"], &removed[0]["name"], &removed[0]["on_remove"]),
        (&json!("acme"), &json!("clockings"), &json!("keep"))
    );
    world.sandbox.delete(&world.receiver.destination("clockings"), "clockings");
    world.eventually("the removed webhook is forgotten", || {
        (status(&world)["orphans"] == json!([])).then_some(())
    });
    assert!(world.sandbox.requests("delete").is_empty(), "we deleted nothing");

    // It comes back as it was known.
    world.write(&world.config(&["clockings", "people"]));
    world.daemon.signal(Signal::HUP);
    world.eventually("clockings is back", || names(&world).contains(&"clockings".to_owned()).then_some(()));
    world.renewed("clockings", "missing");
    assert_eq!(world.daemon.pid(), pid);
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
}

#[test]
fn what_is_to_be_deleted_is_deleted_once_no_one_wants_it() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = with_on_remove(&world, &["clockings", "people"], "delete");
    world.start(&config);
    world.settled("clockings");
    world.settled("people");

    world.write(&Config { webhooks: config.webhooks[1..].to_vec(), ..config.clone() });
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("clockings is deleted", || world.sandbox.webhook("clockings").is_none().then_some(()));
    world.eventually("and forgotten", || (status(&world)["orphans"] == json!([])).then_some(()));
    assert_eq!(world.sandbox.requests("delete").len(), 1);

    // Another name for the tenant is not a wish to delete what the new name keeps alive.
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    fs::write(world.path("config.toml"), text.replace("name = \"acme\"", "name = \"acme-new\"")).unwrap();
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("the new name has the webhook", || {
        let answer = world.daemon.control.get("/v1/webhooks/acme-new/people");
        (answer.json()["state"] == "active").then_some(())
    });
    world.daemon.control.post("/v1/poll");
    assert_eq!(world.sandbox.requests("delete").len(), 1);
    assert_eq!(world.sandbox.webhook("people").unwrap()["status"], "Enabled");
}

#[test]
fn what_left_while_the_daemon_was_down_is_deleted_at_its_start() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = with_on_remove(&world, &["clockings", "people"], "delete");
    world.start(&config);
    world.settled("clockings");
    world.settled("people");
    world.daemon.stop();
    world
        .sandbox
        .fault(&json!({"endpoint": "delete", "times": 2, "action": {"kind": "status", "status": 503}}));
    world.start(&Config { webhooks: config.webhooks[..1].to_vec(), ..config });
    world.eventually("people is deleted", || world.sandbox.webhook("people").is_none().then_some(()));
    assert_eq!(world.sandbox.requests("delete").len(), 3, "a failure is tried again");
    assert!(world.sandbox.webhook("clockings").is_some());
}

#[test]
fn a_bad_file_changes_nothing_and_is_shown_until_a_good_one_came() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let good = fs::read_to_string(world.path("config.toml")).unwrap();
    let bad = good.replace("retry_max = ", "retry_maximum = ").replace("client_id = ", "client_idd = ");
    fs::write(world.path("config.toml"), bad).unwrap();

    let answer = world.daemon.control.post("/v1/reload");
    assert_eq!(answer.status, 422, "{}", answer.text);
    let problems = answer.json()["problems"].as_array().unwrap().clone();
    let told: Vec<&str> = problems.iter().map(|problem| problem["message"].as_str().unwrap()).collect();
    assert!(told.iter().any(|message| message.contains("retry_maximum")), "{told:?}");
    assert!(told.iter().any(|message| message.contains("client_idd")), "{told:?}");
    assert!(problems.iter().all(|problem| problem["line"].is_u64() && problem["help"].is_string()));

    let shown = status(&world)["daemon"]["config_error"].clone();
    assert!(shown["message"].as_str().unwrap().contains("config.toml:"), "{shown}");
    let health = world.daemon.status.get("/v1/health");
    assert_eq!(health.status, 503);
    assert!(health.text.contains("the configuration file is wrong"), "{}", health.text);
    assert_eq!(world.daemon.webhook("clockings")["state"], "active");

    let output = world.daemon.cli(&["reload"]);
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("retry_maximum"), "{output:?}");

    fs::write(world.path("config.toml"), good).unwrap();
    let output = world.daemon.cli(&["reload"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 tenant, 1 webhook"), "{output:?}");
    assert_eq!(status(&world)["daemon"]["config_error"], Value::Null);
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
}

#[test]
fn a_bad_file_that_the_command_explains_is_shown_by_the_daemon_as_well() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let file = world.path("config.toml");
    let good = fs::read_to_string(&file).unwrap();
    for bad in [good.replace("client_id = ", "client_idd = "), format!("{good}\nnonsense")] {
        fs::write(&file, bad).unwrap();
        assert_eq!(world.daemon.cli(&["reload"]).status.code(), Some(78));
        // The sockets are not in their usual places: the file says where, as far as it can be read.
        assert!(status(&world)["daemon"]["config_error"]["message"].is_string());
        assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(1));
        fs::write(&file, &good).unwrap();
        assert_eq!(world.daemon.cli(&["reload"]).status.code(), Some(0));
        assert_eq!(status(&world)["daemon"]["config_error"], Value::Null);
    }
}

#[test]
fn a_secret_is_read_anew_and_a_missing_one_is_a_bad_file() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let secret = fs::read_to_string(&world.sandbox.secret_file).unwrap();
    fs::remove_file(&world.sandbox.secret_file).unwrap();
    let answer = world.daemon.control.post("/v1/reload");
    assert_eq!(answer.status, 422, "{}", answer.text);
    assert!(answer.json()["detail"].as_str().unwrap().contains("secret file"), "{}", answer.text);

    fs::write(&world.sandbox.secret_file, "wrong").unwrap();
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("the wrong secret is used", || {
        status(&world)["tenants"][0]["last_poll_error"].as_str()?.contains("not accepted").then_some(())
    });
    assert!(!world.daemon.log().contains(&secret), "the secret is not told");
    fs::write(&world.sandbox.secret_file, &secret).unwrap();
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("the right one is used", || {
        status(&world)["tenants"][0]["last_poll_error"].is_null().then_some(())
    });
}

#[test]
fn key_field_finishes_a_renewal_without_another_post() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "key-field", "name": "geheim"}}));
    world.start(&config);
    world.eventually("no key is found", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["state"] == "blocked").then(|| {
            let message = webhook["last_error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("geheim"), "{message}");
        })
    });
    config.tenant = "key_field = \"geheim\"".to_owned();
    world.write(&config);
    world.daemon.signal(Signal::HUP);
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
}

#[test]
fn a_webhook_that_leaves_during_its_post_hands_its_key_off() {
    let world = World::running(&["--lifetime", "1h"], &["clockings", "people"]);
    let old = world.daemon.key("clockings").unwrap();
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 3000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is processed", || {
        (world.sandbox.webhook("clockings")?["posts"] == 2).then_some(())
    });
    world.write(&world.config(&["people"]));
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    let new = world.sandbox.webhook("clockings").unwrap()["key"].as_str().unwrap().to_owned();
    assert_ne!(old, new);
    world.eventually("the receiver has the new key", || {
        (fs::read_to_string(world.key_file("clockings")).ok()? == new).then_some(())
    });
    // What is owed is paid when it comes back.
    world.write(&world.config(&["clockings", "people"]));
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.settled("clockings");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"]);
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn settings_of_the_loop_follow_and_others_say_that_they_need_a_restart() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    world.start(&config);
    world.settled("clockings");
    config.daemon =
        format!("{}\nsocket_group = \"nobody\"", config.daemon.replace("0 0 0 1 1 *", "* * * * * *"));
    world.write(&config);
    let answer = world.daemon.control.post("/v1/reload").json();
    assert_eq!(answer["needs_restart"], json!(["daemon.socket_group"]));
    let lists = world.sandbox.requests("list").len();
    world.eventually("it polls every second", || {
        (world.sandbox.requests("list").len() > lists + 3).then_some(())
    });
}
