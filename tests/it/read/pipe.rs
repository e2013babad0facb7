//! `pipe_to`: a program gets the context, every object on a line, and at last how many there were.

use std::fs;

use serde_json::{Value, json};

use super::config;
use crate::support::{World, words};

const FLAGS: [&str; 5] = ["--lifetime", "1h", "--page-size", "7", "--empty-pages"];

#[test]
fn a_program_gets_everything_line_by_line() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 25);
    world.sandbox.change_as(&json!({"collection": "people", "kind": "delete"}));
    let folder = world.path("piped");
    fs::create_dir(&folder).unwrap();
    let script = "cat > \"$1/$PROTIME_STEP\"; echo loaded";
    let program = words(&["/bin/sh", "-c", script, "load", folder.to_str().unwrap()]);
    let config = config(&world, "people", &format!("kind = \"delta\"\npipe_to = {program}"));
    world.start(&config);
    world.settled("people");

    let lines = |step: &str| -> Vec<Value> {
        let text = fs::read_to_string(folder.join(step)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let resync = lines("resync");
    assert_eq!(resync.len(), 26, "no key is needed, so the first resync comes before the POST");
    assert_eq!((&resync[0]["step"], &resync[0]["collection"]), (&json!("resync"), &json!("people")));
    assert!(resync[0].get("key").is_none() && resync[0]["from"].is_null());
    assert!(resync[1..25].iter().all(|line| line["changeType"] == "InsertOrUpdate"), "{resync:?}");
    assert_eq!(resync[25], json!({"end": true, "objects": 24, "pages": 7}));
    assert_eq!(lines("catch_up")[1..], [json!({"end": true, "objects": 0, "pages": 1})]);
    let steps = world.daemon.history("people")[0]["steps"].as_array().unwrap().clone();
    assert_eq!(steps[0]["output"], "loaded\n");
    assert_eq!(world.receiver.told("people").len(), 0, "nothing is sent to the receiver");
}

#[test]
fn a_program_that_fails_gets_everything_again() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 25);
    let (tried, got) = (world.path("tried"), world.path("got"));
    let script = "if [ ! -e \"$1\" ]; then : > \"$1\"; head -n 9; echo half; exit 5; fi; cat > \"$2\"";
    let program = words(&["/bin/sh", "-c", script, "load", tried.to_str().unwrap(), got.to_str().unwrap()]);
    let config = config(&world, "people", &format!("kind = \"list\"\npipe_to = {program}"));
    world.start(&config);
    world.settled("people");
    let steps = world.daemon.history("people")[0]["steps"].as_array().unwrap().clone();
    assert_eq!(
        (&steps[0]["outcome"], &steps[1]["outcome"]),
        (&json!("failed"), &json!("succeeded")),
        "{steps:?}"
    );
    assert!(steps[0]["error"].as_str().unwrap().contains("exit status 5"), "{steps:?}");
    assert!(steps[0]["output"].as_str().unwrap().ends_with("half\n"));
    // What it wrote last is of the catch-up.
    let text = fs::read_to_string(got).unwrap();
    assert_eq!(text.lines().count(), 27);
    assert!(text.ends_with("{\"end\":true,\"objects\":25,\"pages\":7}\n"), "{text}");
}

#[test]
fn a_program_that_hangs_is_killed() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("people", 2);
    let program = words(&["/bin/sh", "-c", "echo hanging; sleep 1000"]);
    let config = config(&world, "people", &format!("kind = \"list\"\npipe_to = {program}\ntimeout = \"1s\""));
    world.start(&config);
    let step = world.eventually("it is given up", || {
        let steps = world.daemon.history("people").first()?["steps"].as_array()?.clone();
        steps.into_iter().find(|step| step["outcome"] == "failed")
    });
    assert!(step["error"].as_str().unwrap().contains("not done after 1s"), "{step}");
    assert_eq!(step["output"], "hanging\n");
    assert_eq!(world.sandbox.creates("people").len(), 0);
}
