//! The first renewal: a webhook that Protime does not know appears, and its key is everywhere.

use serde_json::{Value, json};

use super::support::{World, words};

#[test]
fn a_webhook_appears_and_its_key_is_everywhere() {
    let world = World::running(&["--lifetime", "10m"], &["clockings"]);
    let theirs = world.sandbox.webhook("clockings").unwrap();
    assert_eq!((&theirs["status"], &theirs["posts"]), (&json!("Enabled"), &json!(1)));
    assert_eq!(theirs["destination_url"], world.receiver.destination("clockings"));
    let shown = world.daemon.cli(&["key", "show", "acme/clockings"]);
    assert_eq!(String::from_utf8_lossy(&shown.stdout).trim_end(), theirs["key"].as_str().unwrap());

    let webhook = world.daemon.webhook("clockings");
    assert_eq!(webhook["remote"]["id"], theirs["id"]);
    assert_eq!(webhook["key"]["version"], 1);
    assert_eq!(webhook["key"]["fingerprint"], theirs["fingerprint"]);
    assert_eq!(webhook["owed_resync"], Value::Null);
    assert_eq!(webhook["last_error"], Value::Null);
    assert_eq!(webhook["last_renewal"]["outcome"], "succeeded");

    world.sandbox.change("clockings", 5);
    world.nothing_lost();
    assert_eq!(world.receiver.events("clockings", 204), 5);
}

#[test]
fn the_history_shows_the_five_steps() {
    let world = World::running(&["--lifetime", "10m"], &["people"]);
    let history = world.daemon.history("people");
    assert_eq!(world.daemon.story("people"), ["created succeeded"]);
    let steps = history[0]["steps"].as_array().unwrap();
    let names: Vec<&str> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["resync", "post", "rotate", "hand_off", "catch_up"], "{steps:?}");
    for step in steps {
        assert_eq!(step["outcome"], "succeeded", "{step}");
        let at = |field: &str| step[field].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(at("started_at") <= at("finished_at"), "{step}");
        assert_eq!(step["error"], Value::Null);
    }
    assert_eq!(steps[0]["output"], "resynchronised with 0\n");
}

#[test]
fn the_first_resync_is_for_everything_and_knows_no_key() {
    let world = World::running(&["--lifetime", "10m"], &["clockings"]);
    let resyncs = world.receiver.resyncs("clockings");
    let steps: Vec<&Value> = resyncs.iter().map(|resync| &resync.input["step"]).collect();
    assert_eq!(steps, ["resync", "catch_up"]);
    let destination = world.receiver.destination("clockings");
    for resync in &resyncs {
        let input = &resync.input;
        assert_eq!(input["tenant"], "acme");
        assert_eq!(input["collection"], "clockings");
        assert_eq!(input["destination_url"], destination.as_str());
        assert_eq!(input["reason"], "created");
        assert_eq!(input.get("key"), None);
        let renewal = input["renewal_id"].as_i64().unwrap();
        for line in [
            "PROTIME_TENANT=acme".to_owned(),
            "PROTIME_WEBHOOK=clockings".to_owned(),
            "PROTIME_COLLECTION=clockings".to_owned(),
            format!("PROTIME_DESTINATION_URL={destination}"),
            "PROTIME_REASON=created".to_owned(),
            format!("PROTIME_STEP={}", input["step"].as_str().unwrap()),
            format!("PROTIME_RENEWAL_ID={renewal}"),
            format!("PROTIME_FROM={}", input["from"].as_str().unwrap_or_default()),
            format!("PROTIME_TO={}", input["to"].as_str().unwrap()),
        ] {
            assert!(resync.seen.lines().any(|seen| seen == line), "no {line} in {}", resync.seen);
        }
        assert!(!resync.seen.contains(&world.daemon.key("clockings").unwrap()));
    }
    assert_eq!(resyncs[0].input["from"], Value::Null);
    assert!(resyncs[1].input["from"].is_string(), "the catch-up has a beginning: {:?}", resyncs[1]);
}

#[test]
fn a_command_gets_the_key_on_its_standard_input_only() {
    let mut world = World::new(&["--lifetime", "10m"]);
    let (input, seen) = (world.path("input"), world.path("seen"));
    let script = format!(
        "cat > '{}'; tr '\\0' '\\n' < /proc/$$/environ > '{1}'; tr '\\0' '\\n' < /proc/$$/cmdline >> '{1}'",
        input.display(),
        seen.display()
    );
    let mut config = world.config(&["clockings"]);
    let command = words(&["/bin/sh", "-c", &script]);
    config.webhooks[0].sinks.push(format!("kind = \"command\"\ncommand = {command}"));
    world.start(&config);
    world.settled("clockings");
    let key = world.daemon.key("clockings").unwrap();
    let input: Value = serde_json::from_str(&std::fs::read_to_string(input).unwrap()).unwrap();
    assert_eq!(input["key"], key.as_str());
    assert_eq!((&input["key_version"], &input["step"]), (&json!(1), &json!("hand_off")));
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PROTIME_STEP=hand_off") && !seen.contains(&key), "{seen}");
}
