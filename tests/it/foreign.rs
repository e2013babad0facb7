//! Someone else renews the same webhook: answered once, capped, and never a war.

use std::fs;

use super::support::{Daemon, World, pause};

#[test]
fn a_foreign_renewal_is_answered_once() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    world.sandbox.load(&["clockings"], 5.0);
    let posts = world.sandbox.creates("clockings").len();
    world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
    world.renewed("clockings", "foreign_rotation");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 1);
}

#[test]
fn beyond_the_cap_the_webhook_is_contended() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.renewal = config.renewal.replace("= 1000", "= 2");
    world.start(&config);
    world.settled("clockings");
    let posts = world.sandbox.creates("clockings").len();
    let destination = world.receiver.destination("clockings");
    for _ in 0..2 {
        world.sandbox.foreign_renew(&destination, "clockings");
        world.daemon.control.post("/v1/poll");
        world.settled("clockings");
    }
    world.sandbox.foreign_renew(&destination, "clockings");
    world.eventually("it is contended", || {
        (world.daemon.webhook("clockings")["state"] == "contended").then_some(())
    });
    let health = world.daemon.status.get("/v1/health");
    assert_eq!(health.status, 503);
    assert!(health.text.contains("someone else renews"), "{}", health.text);
    for _ in 0..3 {
        world.daemon.control.post("/v1/poll");
    }
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 2, "no POST beyond the cap");

    // Neither a restart nor a death makes it forget what it has done within the hour.
    world.daemon.kill();
    world.daemon.start();
    world.daemon.control.post("/v1/poll");
    assert_eq!(world.daemon.webhook("clockings")["state"], "contended");
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 2);

    // An operator's wish is not held up.
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    world.settled("clockings");
}

#[test]
fn two_daemons_on_one_webhook_end_as_contended() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.renewal = config.renewal.replace("= 1000", "= 3");
    world.start(&config);
    world.settled("clockings");

    let second = world.path("second");
    fs::create_dir(&second).unwrap();
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let folder = world.folder().display().to_string();
    let elsewhere = ["state\"", "status.sock\"", "control.sock\"", "clockings.key\""];
    let text = elsewhere.iter().fold(text, |text, name| {
        text.replace(&format!("{folder}/{name}"), &format!("{folder}/second/{name}"))
    });
    fs::write(second.join("config.toml"), text).unwrap();
    let mut other = Daemon::new(&second);
    other.start();
    world.eventually("one of them is contended", || {
        let contended = |daemon: &Daemon| daemon.webhook("clockings")["state"] == "contended";
        (contended(&world.daemon) || contended(&other)).then_some(())
    });
    // The one who is not contended has won; polls go on, POSTs do not.
    let posts = world.sandbox.creates("clockings").len();
    assert!(posts <= 1 + 1 + 2 * 3, "{posts} POSTs");
    let polls = world.sandbox.requests("list").len();
    world.eventually("more polls", || (world.sandbox.requests("list").len() > polls + 4).then_some(()));
    pause(std::time::Duration::from_millis(500));
    assert!(world.sandbox.creates("clockings").len() <= 1 + 1 + 2 * 3);

    // Once the other is gone, the one that stays holds the webhook alone, if need be at an operator's wish.
    other.stop();
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    world.settled("clockings");
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.control.post("/v1/poll");
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "no one is left to fight with");
}

#[test]
fn a_state_directory_from_last_week_is_healed() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    world.sandbox.load(&["clockings"], 5.0);
    world.daemon.stop();
    let copy = world.path("copy");
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(world.path("state")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    world.daemon.start();
    for _ in 0..2 {
        assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    }
    world.daemon.stop();
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::rename(copy, world.path("state")).unwrap();
    world.daemon.start();
    world.renewed("clockings", "foreign_rotation");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
}
