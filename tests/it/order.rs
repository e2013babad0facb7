//! The order of things around a POST: a place for the next key before it, a key on disk before its use.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Duration};

use super::support::{World, pause, until, words};

#[test]
fn no_key_is_killed_while_the_next_one_could_not_be_handed_off() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    // It keeps the key where the test can read it.
    let (program, kept) = (world.path("keep-key"), world.path("kept"));
    let install = || {
        fs::write(&program, format!("#!/bin/sh\ncat >'{}'\n", kept.display())).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    };
    install();
    config.webhooks[0]
        .sinks
        .push(format!("kind = \"command\"\ncommand = {}", words(&[program.to_str().unwrap()])));
    world.start(&config);
    world.settled("clockings");

    fs::remove_file(&program).unwrap();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is put off again and again", || {
        let steps = world.daemon.history("clockings")[1]["steps"].as_array()?.clone();
        (steps.iter().filter(|step| step["step"] == "post").count() >= 3).then_some(())
    });
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "the old key works as long as no one POSTs");
    world.sandbox.change("clockings", 3);
    world.nothing_lost();

    // There is nothing to spare once the old one is dead.
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.eventually("it is renewed all the same", || {
        (world.sandbox.creates("clockings").len() == 2 && world.keys_agree("clockings")).then_some(())
    });
    install();
    world.settled("clockings");
    let kept = fs::read_to_string(&kept).unwrap();
    assert!(kept.contains(&world.daemon.key("clockings").unwrap()), "the program has the new key, too");
    assert_eq!(world.sandbox.creates("clockings").len(), 2);
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
}

#[test]
fn no_one_gets_a_key_before_it_is_current_on_disk() {
    // Before it is, the key is lost, and another POST brings the next; from then on it is safe.
    for (point, posts) in [("store:store_answer:before", 3), ("store:store_answer:after", 2)] {
        let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
        let old = world.daemon.key("clockings").unwrap();
        world.daemon.stop();
        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", point);
        world.daemon.start();
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        until(Duration::from_mins(1), || world.daemon.process().ended())
            .unwrap_or_else(|| world.fail("it dies at the rotation"));
        world.daemon.kill();
        assert_eq!(world.sandbox.creates("clockings").len(), 2, "there is another key");
        assert_eq!(fs::read_to_string(world.key_file("clockings")).unwrap(), old);
        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", "");
        world.daemon.start();
        world.settled("clockings");
        assert_ne!(world.daemon.key("clockings"), Some(old));
        assert_eq!(world.sandbox.creates("clockings").len(), posts, "{point}");
    }
}

#[test]
fn what_changes_while_a_resync_runs_is_the_next_ones_to_bring() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let gates = ["resync", "catch_up"].map(|step| world.path(&format!("gate.{step}")));
    for gate in &gates {
        fs::write(gate, "").unwrap();
    }
    let mut config = world.config(&["clockings"]);
    let gate = world.path("gate");
    let script = format!(
        "\"$@\"; code=$?; while [ ! -e {}.$PROTIME_STEP ]; do sleep 0.05; done; exit $code",
        gate.display()
    );
    let slow = ["/bin/sh", "-c", script.as_str(), "slow"].map(str::to_owned);
    let command = [slow.to_vec(), world.receiver.command()].concat();
    config.webhooks[0].resync = format!("kind = \"command\"\ncommand = {}", words(&command));
    world.start(&config);
    world.settled("clockings");
    let resyncs = || world.receiver.resyncs("clockings");
    let first = resyncs().len();

    for gate in &gates {
        fs::remove_file(gate).unwrap();
    }
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    for (gate, number) in gates.iter().zip(1..) {
        world.eventually("it has read what it brings", || (resyncs().len() == first + number).then_some(()));
        world.sandbox.change("clockings", 3);
        // Longer than what a resync is taken to cover less, as clocks are known to a second only.
        pause(Duration::from_secs(7));
        fs::write(gate, "").unwrap();
    }
    world.renewed("clockings", "disabled");
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.renewed("clockings", "manual");
    for pair in resyncs()[first..].windows(2) {
        let from: jiff::Timestamp = pair[1].input["from"].as_str().unwrap().parse().unwrap();
        assert!(from <= pair[0].at, "{from} is after {}, when the one before had read", pair[0].at);
    }
    world.nothing_lost();
}
