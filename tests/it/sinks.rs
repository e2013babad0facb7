//! Key sinks are independent, and each gets the newest key in the end, across restarts.

use std::fs;

use serde_json::{Value, json};

use super::support::{Reply, Server, World, words};

const LONG: &[&str] = &["--lifetime", "1h"];

/// A sink that hangs until the file `go` is there.
fn hanging(world: &World) -> String {
    let go = world.path("go");
    let script = format!("cat > /dev/null; while [ ! -e '{}' ]; do sleep 0.05; done", go.display());
    format!("kind = \"command\"\ncommand = {}", words(&["/bin/sh", "-c", &script, "sh", "--secret=s3cret"]))
}

/// A sink that fails until the file `go` is there.
fn failing(world: &World) -> String {
    let script = format!("cat > /dev/null; echo not yet; [ -e '{}' ]", world.path("go").display());
    format!("kind = \"command\"\ncommand = {}", words(&["/bin/sh", "-c", &script]))
}

fn go(world: &World) {
    fs::write(world.path("go"), "").unwrap();
}

fn sink(world: &World, collection: &str, index: usize) -> Value {
    world.daemon.webhook(collection)["key_sinks"][index].clone()
}

fn http(server: &Server, path: &str) -> String {
    format!("kind = \"http\"\nurl = \"{}{path}\"", server.origin)
}

#[test]
fn a_server_gets_the_key_with_a_token_and_everything_that_a_command_gets() {
    let mut world = World::new(LONG);
    let server = Server::start();
    let token = world.path("token");
    fs::write(&token, "t0ken-of-the-receiver\n").unwrap();
    let mut config = world.config(&["clockings"]);
    let sink = http(&server, "/keys?from=protime");
    config.webhooks[0].sinks.push(format!("{sink}\ntoken = {{ file = \"{}\" }}", token.display()));
    world.start(&config);
    let webhook = world.settled("clockings");
    let put = server.asked("PUT").pop().expect("a key");
    assert_eq!(put.path, "/keys?from=protime");
    assert_eq!(put.authorization.as_deref(), Some("Bearer t0ken-of-the-receiver"));
    let key = world.daemon.key("clockings").unwrap();
    let body = put.json();
    for (field, value) in [
        ("tenant", json!("acme")),
        ("webhook", json!("clockings")),
        ("step", json!("hand_off")),
        ("reason", json!("created")),
        ("key", json!(key)),
        ("key_version", json!(1)),
    ] {
        assert_eq!(body[field], value, "{field} in {body}");
    }
    let host = server.origin.trim_start_matches("http://");
    let file = format!("file:{}", world.key_file("clockings").display());
    let shown = json!([
        {"sink": file, "version": 1, "attempts": 0, "last_error": null, "retry_at": null},
        {"sink": format!("http:{host}"), "version": 1, "attempts": 0, "last_error": null, "retry_at": null},
    ]);
    assert_eq!(webhook["key_sinks"], shown);
    let steps = world.daemon.history("clockings")[0]["steps"].as_array().unwrap().clone();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["resync", "post", "rotate", "hand_off", "catch_up"], "{steps:?}");

    // Before a POST that would kill a good key, it is asked whether the server is there: without the key.
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    let heads = server.asked("HEAD");
    assert!(!heads.is_empty() && heads.iter().all(|head| head.authorization.is_none()), "{heads:?}");
    assert_eq!(server.asked("PUT").pop().unwrap().json()["key_version"], 2);
}

#[test]
fn a_server_that_refuses_and_repeats_what_it_got_publishes_nothing() {
    let mut world = World::new(LONG);
    let server = Server::start();
    server.usually(Reply::Echo(500));
    let token = world.path("token");
    fs::write(&token, "t0ken-of-the-receiver").unwrap();
    let mut config = world.config(&["clockings"]);
    let sink_of_server = http(&server, "/keys?q=s3cret");
    config.webhooks[0].sinks.push(format!("{sink_of_server}\ntoken = {{ file = \"{}\" }}", token.display()));
    world.start(&config);
    let failed = world.eventually("it failed", || {
        let webhook = world.daemon.webhook("clockings");
        let sink = webhook["key_sinks"][1].clone();
        (sink["attempts"].as_i64() > Some(1) && sink["last_error"].is_string()).then_some(webhook)
    });
    let host = server.origin.trim_start_matches("http://");
    let message = format!("PUT {host} is answered with 500 Internal Server Error");
    assert_eq!(failed["key_sinks"][1]["last_error"], message.as_str());
    assert!(failed["key_sinks"][1]["version"].is_null() && failed["key_sinks"][1]["retry_at"].is_string());
    assert_eq!((&failed["state"], &failed["last_error"]["step"]), (&json!("retrying"), &json!("hand_off")));
    let health = world.daemon.status.get("/v1/health");
    assert_eq!(health.status, 503);
    assert!(health.text.contains(&format!("key sink 'http:{host}': {message}")), "{}", health.text);
    let history = world.daemon.control.get("/v1/webhooks/acme/clockings/history").text;
    assert!(history.contains("Bearer [redacted]") && history.contains("[redacted]"), "{history}");

    server.usually(Reply::status(200));
    let webhook = world.settled("clockings");
    assert!(webhook["key_sinks"][1]["last_error"].is_null(), "{webhook}");
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    let key = world.daemon.key("clockings").unwrap();
    let everything = [world.daemon.log(), history, world.daemon.status.get("/v1/webhooks").text].join("\n");
    for secret in [key.as_str(), "t0ken-of-the-receiver", "s3cret"] {
        assert!(!everything.contains(secret), "{secret} in {everything}");
    }
}

#[test]
fn redirects_of_a_key_are_not_followed() {
    let mut world = World::new(LONG);
    let (server, elsewhere) = (Server::start(), Server::start());
    server.usually(Reply::With(307, vec![("location", format!("{}/keys", elsewhere.origin))], String::new()));
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].sinks.push(http(&server, "/keys"));
    world.start(&config);
    let error = world
        .eventually("it fails", || sink(&world, "clockings", 1)["last_error"].as_str().map(str::to_owned));
    assert!(error.contains("307 Temporary Redirect, which is not followed"), "{error}");
    assert!(elsewhere.asked("PUT").is_empty());
}

#[test]
fn a_sink_that_hangs_holds_up_neither_its_neighbour_nor_another_webhook() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings", "people"]);
    config.renewal += "\nmax_concurrent = 1";
    config.webhooks[0].sinks.push(hanging(&world));
    world.sandbox.change("clockings", 2);
    world.start(&config);
    world.settled("people");
    let webhook = world.eventually("the file has the key", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["key_sinks"][0]["version"] == 1 && world.keys_agree("clockings")).then_some(webhook)
    });
    assert!(webhook["key_sinks"][1]["version"].is_null(), "{webhook}");
    assert_eq!(webhook["key_sinks"][1]["sink"], "command:/bin/sh", "arguments may hold secrets");
    assert_eq!(webhook["renewal"]["step"], "hand_off");
    assert!(!webhook["owed_resync"].is_null(), "nothing is paid yet");
    // The one place that there is, is free for all of this.
    assert!(world.daemon.cli(&["renew", "people", "--wait"]).status.success());
    assert!(world.daemon.webhook("clockings")["key_sinks"][1]["version"].is_null());
    go(&world);
    let webhook = world.settled("clockings");
    assert!(webhook["owed_resync"].is_null(), "{webhook}");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
    world.nothing_lost();
}

#[test]
fn the_receiver_is_brought_up_to_date_before_and_after_the_last_sink_has_the_key() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].sinks.push(failing(&world));
    world.start(&config);
    let webhook = world.eventually("a catch-up ran all the same", || {
        let webhook = world.daemon.webhook("clockings");
        let runs = world.receiver.resyncs("clockings").len();
        (runs == 2 && webhook["renewal"]["step"] == "hand_off").then_some(webhook)
    });
    assert!(webhook["owed_resync"]["from"].is_string(), "the rest is still owed: {webhook}");
    assert_eq!(webhook["state"], "retrying");
    world.sandbox.change("clockings", 3);

    // What is owed and what failed survive the process.
    let attempts = sink(&world, "clockings", 1)["attempts"].as_i64().unwrap();
    world.daemon.kill();
    world.daemon.start();
    assert!(sink(&world, "clockings", 1)["attempts"].as_i64().unwrap() >= attempts);
    go(&world);
    let webhook = world.settled("clockings");
    assert!(webhook["owed_resync"].is_null(), "{webhook}");
    assert_eq!(world.receiver.resyncs("clockings").len(), 3, "another catch-up followed");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
    let steps = world.daemon.history("clockings")[0]["steps"].as_array().unwrap().clone();
    let failed = steps.iter().find(|step| step["step"] == "hand_off" && step["outcome"] == "failed").unwrap();
    assert_eq!(failed["output"], "not yet\n");
    assert_eq!(steps.last().unwrap()["step"], "catch_up");
    world.nothing_lost();
}

#[test]
fn a_sink_that_fails_does_not_hold_up_the_next_renewal_and_gets_the_newest_key() {
    let mut world = World::new(&["--lifetime", "4s"]);
    let mut config = world.config(&["clockings"]);
    config.renewal = config.renewal.replace("retry_max = \"2s\"", "retry_max = \"300ms\"");
    config.webhooks[0].sinks.push(failing(&world));
    world.start(&config);
    world.eventually("it is renewed again and again", || {
        (world.sandbox.creates("clockings").len() >= 3).then_some(())
    });
    assert!(!world.sandbox.life("clockings").contains(&"disabled expired".to_owned()), "in time");
    go(&world);
    world.eventually("the sink has the newest key", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["key_sinks"][1]["version"] == webhook["key"]["version"]).then_some(())
    });
}

#[test]
fn no_post_kills_a_key_while_a_sink_that_has_it_is_not_ready() {
    let mut world = World::new(LONG);
    let server = Server::start();
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].sinks.push(http(&server, "/keys"));
    world.start(&config);
    world.settled("clockings");
    drop(server);
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let error = world.eventually("the POST is held back", || {
        let error = world.daemon.webhook("clockings")["last_error"].clone();
        (error["step"] == "post").then_some(error)
    });
    assert!(error["message"].as_str().unwrap().contains("cannot connect: "), "{error}");
    assert_eq!(world.sandbox.creates("clockings").len(), 1);

    // A key that is dead has no one to lose it.
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.eventually("it is renewed", || (world.sandbox.creates("clockings").len() == 2).then_some(()));
    world.eventually("the file has the new key", || world.keys_agree("clockings").then_some(()));
}

#[test]
fn a_hanging_attempt_ends_when_a_newer_key_is_there() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    let keys = world.path("keys");
    // The first attempt hangs for ever; later ones note what they got.
    let script =
        format!("if mkdir '{0}.first' 2>/dev/null; then sleep 1000; else cat >> '{0}'; fi", keys.display());
    let command = words(&["/bin/sh", "-c", &script]);
    config.webhooks[0].sinks.push(format!("kind = \"command\"\ncommand = {command}\ntimeout = \"10m\""));
    world.start(&config);
    world.eventually("the first attempt hangs", || world.path("keys.first").exists().then_some(()));
    world.eventually("the key is known", || world.daemon.key("clockings"));
    // An operator need not wait for it: a disabled webhook is renewed at once.
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.eventually("the second key", || (world.sandbox.creates("clockings").len() == 2).then_some(()));
    world.settled("clockings");
    let got: Vec<Value> =
        fs::read_to_string(&keys).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(got.len(), 1, "{got:?}");
    assert_eq!(got[0]["key_version"], 2);
}

#[test]
fn a_token_that_is_missing_is_a_mistake_of_the_configuration() {
    let world = World::new(LONG);
    let server = Server::start();
    let mut config = world.config(&["clockings"]);
    let missing = world.path("no-token");
    let token = format!("token = {{ file = \"{}\" }}", missing.display());
    config.webhooks[0].sinks.push(format!("{}\n{token}", http(&server, "/keys")));
    config.webhooks[0].resync = format!("{}\n{token}", http(&server, "/resync"));
    world.write(&config);
    for words in [&["check"][..], &["run"]] {
        let output = world.daemon.cli(words);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains("webhook 'acme/clockings', token: secret file"), "{text}");
        assert!(text.contains("2 things that it names are not usable"), "{text}");
    }
}
