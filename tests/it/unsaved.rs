//! A key that the database refuses: kept, shouted about, saved elsewhere, and never `POSTed` over.

use std::fs;

use rusqlite::Connection;
use serde_json::json;

use super::support::World;

/// Locks the database as another program could, from the moment in which a POST is under way.
fn with_a_locked_database(world: &World) -> Connection {
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 1_500}}));
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is under way", || {
        (world.sandbox.creates("clockings").len() > posts).then_some(())
    });
    let connection = Connection::open(world.path("state/state.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").expect("locked");
    connection
}

fn emergency_files(world: &World) -> usize {
    let entries = fs::read_dir(world.path("state")).unwrap();
    entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("rescued")).count()
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
    world.eventually("an emergency file", || (emergency_files(&world) == 1).then_some(()));
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
    world.eventually("an emergency file", || (emergency_files(&world) == 1).then_some(()));
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
    world.eventually("an emergency file", || (emergency_files(&world) == 1).then_some(()));
    world.daemon.kill();
    drop(lock);
    let state = world.path("state");
    let written = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
    let written = written.into_iter().find(|path| path.extension().is_some_and(|it| it == "json")).unwrap();
    fs::rename(&written, written.with_extension("new")).unwrap();
    fs::write(state.join("rescued-answer-999.new"), "{\"webhook\":1,\"ren").unwrap();
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "the key was found, no other was needed");
    assert_eq!(emergency_files(&world), 0);
}
