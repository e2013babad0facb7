//! How fast a collection is replayed, and in how much memory. Takes a minute or more, so only on demand:
//! `cargo test --release --test it read::measure -- --ignored --nocapture`.

#![expect(clippy::print_stdout, reason = "a measurement is for whoever asked for it")]

use std::fs;

use serde_json::Value;

use super::config;
use crate::support::{World, words};

/// The most memory that the daemon ever had, in KiB.
fn peak(world: &World) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", world.daemon.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// How long the step took in the only renewal.
fn seconds(world: &World, name: &str) -> f64 {
    let history = world.daemon.history("people");
    let steps: Vec<&Value> = history[0]["steps"].as_array().unwrap().iter().collect();
    let step = steps.iter().find(|step| step["step"] == name && step["outcome"] == "succeeded").unwrap();
    let at = |field: &str| -> jiff::Timestamp { step[field].as_str().unwrap().parse().unwrap() };
    at("finished_at").duration_since(at("started_at")).as_secs_f64()
}

/// Lets the daemon read so many objects and tells the peak of its memory and the seconds of the step.
fn read(objects: u32, resync: &str, step: &str) -> (u64, f64) {
    let mut world = World::new(&["--lifetime", "1h", "--page-size", "100"]);
    world.sandbox.change("people", objects);
    let mut config = config(&world, "people", resync);
    config.daemon = config.daemon.replace("debug", "info");
    world.start(&config);
    world.eventually_in(600, "it is settled", || {
        let webhook = world.daemon.webhook("people");
        (webhook["state"] == "active" && webhook["renewal"].is_null()).then_some(())
    });
    (peak(&world), seconds(&world, step))
}

#[test]
#[ignore = "a measurement"]
fn memory_is_bounded_by_a_page() {
    let pipe = format!("kind = \"list\"\npipe_to = {}", words(&["/bin/sh", "-c", "cat >/dev/null"]));
    let (few, _) = read(100, &pipe, "resync");
    let (many, took) = read(100_000, &pipe, "resync");
    println!("pipe_to: 100 objects {few} KiB, 100,000 objects {many} KiB, {:.0} objects/s", 1e5 / took);
    assert!(many < few + 8 * 1024, "{few} KiB for one page, {many} KiB for a thousand");
}

#[test]
#[ignore = "a measurement"]
fn a_collection_is_replayed() {
    let (few, _) = read(100, "kind = \"list\"", "catch_up");
    let (many, took) = read(100_000, "kind = \"list\"", "catch_up");
    println!("replay_to: 100 objects {few} KiB, 100,000 objects {many} KiB, {:.0} objects/s", 1e5 / took);
    assert!(many < few + 8 * 1024, "{few} KiB for one page, {many} KiB for a thousand");
}
