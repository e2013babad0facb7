//! `remote`: straight to the tenant, with the configuration and without the daemon.

use std::{
    fs,
    io::Read as _,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::support::{World, program};

const LONG: &[&str] = &["--lifetime", "1h"];

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Runs a command that must succeed, and reads what it printed.
fn fine(world: &World, words: &[&str]) -> String {
    let output = world.daemon.cli(words);
    assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
    stdout(&output)
}

/// Runs a command that must end with this code and say this on standard error.
fn refused(world: &World, words: &[&str], code: i32, parts: &[&str]) {
    let output = world.daemon.cli(words);
    assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
    for part in parts {
        assert!(stderr(&output).contains(part), "no {part:?} in {}", stderr(&output));
    }
}

/// A tenant with two configured webhooks and no daemon.
fn configured() -> World {
    let world = World::new(LONG);
    world.write(&world.config(&["clockings", "people"]));
    world
}

/// Makes a webhook at the tenant that the configuration does not know.
fn stranger(world: &World) {
    let mut config = world.config(&["absences"]);
    config.webhooks[0].destination_url = "https://elsewhere.example/hook".to_owned();
    let ours = fs::read_to_string(world.path("config.toml")).unwrap();
    world.write(&config);
    fine(world, &["remote", "create", "absences"]);
    fs::write(world.path("config.toml"), ours).unwrap();
}

#[test]
fn a_key_that_is_created_is_printed_alone_and_is_the_one_in_force() {
    let world = configured();
    let output = world.daemon.cli(&["remote", "create", "clockings"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let key = world.sandbox.webhook("clockings").unwrap()["key"].as_str().unwrap().to_owned();
    assert_eq!(stdout(&output), format!("{key}\n"));
    assert!(stderr(&output).contains("key import acme/clockings"), "{output:?}");
    assert!(!stderr(&output).contains(&key), "a key is on standard error");

    let again = world.daemon.cli(&["remote", "create", "acme/clockings", "--json"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
    let theirs = world.sandbox.webhook("clockings").unwrap();
    let told: Value = serde_json::from_str(&stdout(&again)).unwrap();
    assert_eq!((&told["key"], &told["id"]), (&theirs["key"], &theirs["id"]));
    assert_ne!(told["key"], key.as_str());
    assert!(stderr(&again).contains("has acme/clockings already (Enabled)"), "{again:?}");
    assert_eq!(world.sandbox.creates("clockings").len(), 2);
}

#[test]
fn an_answer_without_a_known_key_is_printed_whole() {
    let world = configured();
    world.sandbox.settings(&json!({"key_field": "hush"}));
    let output = world.daemon.cli(&["remote", "create", "clockings"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(answer["hush"], world.sandbox.webhook("clockings").unwrap()["key"]);
    assert!(stderr(&output).contains("key_field") && stderr(&output).contains("hush"), "{output:?}");
    assert!(!stderr(&output).contains(answer["hush"].as_str().unwrap()), "a key is on standard error");
}

#[test]
fn a_key_that_cannot_be_printed_is_not_lost_in_silence() {
    let world = configured();
    let mut command = program();
    command.arg("--config").arg(world.daemon.config()).args(["remote", "create", "clockings"]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command.stdin(Stdio::null()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("could not be printed and is lost"), "{output:?}");
    // A reader that has gone is not a quiet end either.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = command.stdout(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("is lost"), "{output:?}");
}

#[test]
fn creating_while_the_daemon_holds_the_key_is_warned_of_and_healed() {
    let world = World::running(LONG, &["clockings"]);
    let output = world.daemon.cli(&["remote", "create", "clockings"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for part in ["the daemon runs", "renew acme/clockings"] {
        assert!(stderr(&output).contains(part), "{output:?}");
    }
    world.renewed("clockings", "foreign_rotation");
}

#[test]
fn the_list_says_what_is_configured_and_under_which_name() {
    let world = configured();
    fine(&world, &["remote", "create", "clockings"]);
    stranger(&world);
    let listed: Value = serde_json::from_str(&fine(&world, &["remote", "list", "--json"])).unwrap();
    let names: Vec<(&str, &Value)> = listed["webhooks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|webhook| (webhook["collection"].as_str().unwrap(), &webhook["configured_as"]))
        .collect();
    assert_eq!(names, [("clockings", &json!("acme/clockings")), ("absences", &Value::Null)]);
    assert_eq!(listed["errors"], json!([]));
    let first = &listed["webhooks"][0];
    assert_eq!((&first["tenant"], &first["status"]), (&json!("acme"), &json!("Enabled")));
    let id = first["id"].as_str().unwrap();

    let table = fine(&world, &["remote", "list", "--tenant", "acme"]);
    let row = table.lines().find(|line| line.contains(id)).unwrap();
    assert!(row.contains("acme/clockings") && row.contains("Enabled"), "{table}");
    let shown: Value = serde_json::from_str(&fine(&world, &["remote", "get", "acme", id, "--json"])).unwrap();
    assert_eq!(&shown, first);
    assert!(fine(&world, &["remote", "get", "acme", id]).contains("acme/clockings"));

    world.sandbox.disable("https://elsewhere.example/hook", "absences");
    let filter = ["remote", "list", "--filter", "status eq 'Disabled'"];
    let disabled = fine(&world, &filter);
    assert!(disabled.contains("absences") && !disabled.contains(id), "{disabled}");
    assert!(
        fine(&world, &["remote", "list", "--filter", "collection-name eq 'breaks'"])
            .contains("no such webhook")
    );
    refused(
        &world,
        &["remote", "list", "--filter", "statis eq 1"],
        1,
        &["tenant 'acme'", "check the filter"],
    );
}

#[test]
fn deleting_a_configured_webhook_is_warned_of() {
    let world = configured();
    fine(&world, &["remote", "create", "clockings"]);
    let id = world.sandbox.webhook("clockings").unwrap()["id"].as_str().unwrap().to_owned();
    let output = world.daemon.cli(&["remote", "delete", "acme", &id]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let warning = "configured as acme/clockings: the daemon will create it again";
    assert!(stderr(&output).contains(warning), "{output:?}");
    assert!(world.sandbox.webhook("clockings").is_none());
    refused(&world, &["remote", "delete", "acme", &id, "--yes"], 1, &["404", "no webhook with this id"]);
    refused(&world, &["remote", "get", "acme", &id], 1, &["404", "no webhook with this id"]);

    // What no one configured needs no warning; what is left of it can be read.
    stranger(&world);
    let id = world.sandbox.webhook("absences").unwrap()["id"].as_str().unwrap().to_owned();
    assert!(fine(&world, &["remote", "delete", "acme", &id]).contains("absences"));
    let debug = fine(&world, &["remote", "api", "acme", &format!("webhooks/{id}/sandbox-debugging")]);
    assert_eq!(serde_json::from_str::<Value>(&debug).unwrap()["deleted"], true);
}

#[test]
fn a_path_is_read_as_it_comes_and_stays_below_the_root() {
    let world = configured();
    world.sandbox.change("people", 3);
    let people: Value = serde_json::from_str(&fine(&world, &["remote", "api", "acme", "people"])).unwrap();
    assert_eq!(people["value"].as_array().unwrap().len(), 3);
    let rooted =
        ["remote", "api", "acme", "/connector/protimeapi/api/v1/webhooks?filter=status eq 'Enabled'"];
    assert_eq!(serde_json::from_str::<Value>(&fine(&world, &rooted)).unwrap()["value"], json!([]));

    let output = world.daemon.cli(&["remote", "api", "acme", "nothing/here"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("NotFound"), "{output:?}");
    assert!(stderr(&output).contains("there is nothing at this path"), "{output:?}");

    let asked = world.sandbox.requests("token").len();
    let long = format!("people?filter={}", "x".repeat(4096));
    for path in ["https://evil.example/x", "//evil.example/x", "../tokens", "a/%2e%2e/%2E./b", "", &long] {
        let output = world.daemon.cli(&["remote", "api", "acme", path]);
        assert_eq!(output.status.code(), Some(2), "{path}: {output:?}");
    }
    assert_eq!(world.sandbox.requests("token").len(), asked, "something was sent");
}

#[test]
fn what_protime_refuses_is_said_in_a_sentence() {
    let world = configured();
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "reset-after"}}));
    refused(
        &world,
        &["remote", "create", "clockings"],
        1,
        &["the outcome of the POST is unknown", "run this command again"],
    );
    world.sandbox.fault(&json!({"endpoint": "list", "action": {"kind": "status", "status": 503}}));
    refused(&world, &["remote", "list"], 1, &["503", "a fault or maintenance at Protime"]);
    fs::write(&world.sandbox.secret_file, "wrong").unwrap();
    refused(
        &world,
        &["remote", "list"],
        1,
        &["client_id 'sandbox-client' and its client_secret are not accepted"],
    );
    fs::remove_file(&world.sandbox.secret_file).unwrap();
    for words in
        [&["remote", "list"][..], &["remote", "create", "clockings"], &["remote", "api", "acme", "x"]]
    {
        refused(&world, words, 78, &["client-secret"]);
    }
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let world = configured();
    refused(&world, &["remote", "list", "--tenant", "acne"], 2, &["there is no tenant 'acne'", "acme"]);
    refused(&world, &["remote", "get", "acne", "x"], 2, &["there is no tenant 'acne'"]);
    refused(&world, &["remote", "create", "clokings"], 2, &["did you mean acme/clockings"]);
    for words in [&["remote"][..], &["remote", "get", "acme"], &["remote", "api", "acme"], &["remote", "put"]]
    {
        refused(&world, words, 2, &[]);
    }
}

#[test]
fn a_reader_that_has_read_enough_is_no_failure() {
    let world = configured();
    let mut command = program();
    command.arg("--config").arg(world.daemon.config()).args(["remote", "list", "--json"]);
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut child = command.stdin(Stdio::null()).stdout(writer).spawn().unwrap();
    drop(command);
    let mut begin = [0_u8; 1];
    reader.read_exact(&mut begin).unwrap();
    drop(reader);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
