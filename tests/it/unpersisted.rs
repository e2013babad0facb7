//! A key that the database refuses: kept, shouted about, saved elsewhere, and never `POSTed` over.

use std::{fs, path::PathBuf, time::Duration};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::json;

use super::support::{World, pause};

/// Leaves a POST under way, whose answer comes late.
fn post(world: &World) {
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 1_500}}));
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is under way", || {
        (world.sandbox.creates("clockings").len() > posts).then_some(())
    });
}

/// Locks the database as another program could, from the moment in which a POST is under way.
fn with_a_locked_database(world: &World) -> Connection {
    post(world);
    let connection = Connection::open(world.path("state/state.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").expect("locked");
    connection
}

fn emergency_files(world: &World) -> usize {
    let entries = fs::read_dir(world.path("state")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("rescued")).count()
}

/// The emergency file, once it is whole and has its name.
fn written(world: &World) -> PathBuf {
    world.eventually("an emergency file", || {
        let paths = fs::read_dir(world.path("state")).unwrap().map(|entry| entry.unwrap().path());
        paths.into_iter().find(|path| path.extension().is_some_and(|it| it == "json"))
    })
}

#[test]
fn a_key_waits_for_the_database() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let lock = with_a_locked_database(&world);
    let health = world.eventually("health says so", || {
        let health = world.daemon.status.try_get("/v1/health").ok()?;
        health.text.contains("the database refuses the new key").then_some(health)
    });
    assert_eq!(health.status, 503);
    written(&world);
    let posts = world.sandbox.creates("clockings").len();
    lock.execute_batch("ROLLBACK").unwrap();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "a key that is held needs no other POST");
    world.eventually("the emergency file is gone", || (emergency_files(&world) == 0).then_some(()));
}

#[test]
fn a_key_in_an_emergency_file_survives_kill_9() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let lock = with_a_locked_database(&world);
    written(&world);
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.kill();
    lock.execute_batch("ROLLBACK").unwrap();
    drop(lock);
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "the key was found, no other was needed");
    assert_eq!(emergency_files(&world), 0);
}

#[test]
fn a_stop_waits_for_the_emergency_file_only() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let lock = with_a_locked_database(&world);
    world.daemon.stop();
    assert_eq!(emergency_files(&world), 1);
    drop(lock);
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
}

#[test]
fn an_emergency_file_that_was_never_renamed_is_used_or_removed() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let lock = with_a_locked_database(&world);
    let written = written(&world);
    world.daemon.kill();
    drop(lock);
    fs::rename(&written, written.with_extension("new")).unwrap();
    fs::write(world.path("state").join("rescued-answer-999.new"), "{\"webhook\":1,\"ren").unwrap();
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "the key was found, no other was needed");
    assert_eq!(emergency_files(&world), 0);
}

/// Lets the daemon write no file beyond so many bytes: every disk of its refuses, and it alone is hit.
fn limit_files(world: &World, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(world.daemon.pid()).unwrap()).unwrap();
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: bytes, maximum: None }).expect("our own child");
}

/// A daemon with a key that neither the database nor an emergency file takes.
fn with_a_key_in_memory_only() -> World {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    post(&world);
    limit_files(&world, Some(1));
    world.eventually("health says so", || {
        let health = world.daemon.status.try_get("/v1/health").ok()?;
        health.text.contains("the database refuses the new key").then_some(())
    });
    // It is tried again and again, and what no one can write lies aside for a moment each time.
    world.eventually("no emergency file is left", || (emergency_files(&world) == 0).then_some(()));
    world
}

#[test]
fn a_limit_of_file_sizes_is_a_disk_that_refuses_and_no_death() {
    let mut world = with_a_key_in_memory_only();
    let old = fs::read_to_string(world.key_file("clockings")).unwrap();
    let posts = world.sandbox.creates("clockings").len();
    let polls = world.sandbox.requests("list").len();
    world.eventually("more polls", || (world.sandbox.requests("list").len() > polls + 2).then_some(()));
    assert_eq!(
        world.daemon.key("clockings").as_ref(),
        Some(&old),
        "no one is told of a key that is not on disk"
    );
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "no POST while a key is held");
    assert!(world.daemon.process().ended().is_none(), "{}", world.daemon.log());
    limit_files(&world, None);
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
    assert_ne!(world.daemon.key("clockings"), Some(old));
}

#[test]
fn the_daemon_does_not_stop_with_a_key_in_memory_only() {
    let mut world = with_a_key_in_memory_only();
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.signal(Signal::TERM);
    // Longer than work in flight may take after a TERM.
    pause(Duration::from_secs(19));
    assert!(
        world.daemon.process().ended().is_none(),
        "the only copy of a key went with it: {}",
        world.daemon.log()
    );
    limit_files(&world, None);
    world.eventually("it says that it could not stop", || {
        (world.daemon.log().contains("not stopping: a new key is in memory only")
            || world.daemon.log().contains("the database took the new key after all"))
        .then_some(())
    });
    world.daemon.expect_end();
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "the key was kept, no other was needed");
}
