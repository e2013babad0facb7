//! How fast a collection is read and given on, to a program and to a receiver, and in how much memory: no
//! more for a thousand pages than for one, or it fails.
//!
//! The daemon, the simulated tenant and the receiver of the tests, over real sockets; it takes a minute or
//! more. `cargo bench --bench replay`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::assigning_clones,
    reason = "a bench fails by panicking and speaks to a terminal"
)]

#[path = "../tests/it"]
#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "it is there for the tests, which use all of it"
)]
mod it {
    pub(crate) mod support;
}

use std::{fs, time::Duration};

use serde_json::Value;

use it::support::{World, until, words};

/// A page, and a thousand of them.
const PAGE: u32 = 100;
const MANY: u32 = 1_000 * PAGE;

/// What more than a page may take, in KiB: allocators do not give back everything.
const SLACK: u64 = 8 * 1024;

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
    let mut world = World::new(&["--lifetime", "1h", "--page-size", &PAGE.to_string()]);
    world.sandbox.change("people", objects);
    let mut config = world.config(&["people"]);
    config.webhooks[0].resync = resync.to_owned();
    config.daemon = config.daemon.replace("debug", "info");
    world.start(&config);
    let settled = || {
        let webhook = world.daemon.webhook("people");
        (webhook["state"] == "active" && webhook["renewal"].is_null()).then_some(())
    };
    until(Duration::from_mins(10), settled).unwrap_or_else(|| world.fail("it is settled"));
    (peak(&world), seconds(&world, step))
}

fn measure(what: &str, resync: &str, step: &str) {
    let (few, _) = read(PAGE, resync, step);
    let (many, took) = read(MANY, resync, step);
    let speed = f64::from(MANY) / took;
    println!(
        "{what:<10} {MANY} objects in {took:.1} s ({speed:.0}/s); {many} KiB at most, {few} KiB for one page"
    );
    assert!(many < few + SLACK, "{what}: {few} KiB for one page, {many} KiB for a thousand");
}

fn main() {
    let program = words(&["/bin/sh", "-c", "cat >/dev/null"]);
    measure("pipe_to", &format!("kind = \"list\"\npipe_to = {program}"), "resync");
    measure("replay_to", "kind = \"list\"", "catch_up");
}
