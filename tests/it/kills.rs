//! `kill -9` at any moment: nothing is lost, and in the end there is one key.

use std::{fs, time::Duration};

use serde_json::json;

use super::support::{World, pause};

const KILLS: u32 = 25;

#[test]
fn nothing_is_lost_however_often_the_daemon_is_killed() {
    let seed = std::env::var("PROTIME_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    let mut random = fastrand::Rng::with_seed(seed);
    let flags = ["--lifetime", "3s", "--retry-delay", "100ms", "--retries", "6"];
    let mut world = World::running(&flags, &["clockings"]);
    // Many a kill is to hit a POST whose answer is on its way.
    let slow = json!({"kind": "delay-after", "ms": 400});
    world.sandbox.fault(&json!({"endpoint": "create", "times": null, "probability": 0.7, "action": slow}));
    world.sandbox.load(&["clockings"], 10.0);
    for _ in 0..KILLS {
        pause(Duration::from_millis(random.u64(0..1_800)));
        world.daemon.kill();
        world.daemon.launch();
    }
    world.sandbox.clear_faults();
    world.sandbox.settings(&json!({"lifetime_ms": 60_000}));
    world.eventually("the daemon answers after the last kill", || {
        world.daemon.control.try_get("/v1/webhooks/acme/clockings").ok().filter(|answer| answer.status == 200)
    });
    // The last renewal with the short life has passed once the long one is on record.
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("a renewal after the last kill", || {
        (world.sandbox.creates("clockings").len() > posts).then_some(())
    });
    world.sandbox.load(&["clockings"], 0.0);
    let what = format!("settled and nothing lost, with PROTIME_TEST_SEED={seed}");
    world.eventually(&what, || {
        let webhook = world.daemon.webhook("clockings");
        let settled = webhook["state"] == "active" && webhook["owed_resync"].is_null();
        let changes = world.sandbox.changes();
        assert!(changes.len() > 50, "the data stood still: {changes:?}");
        (settled && world.keys_agree("clockings") && world.receiver.lost(&changes).is_empty()).then_some(())
    });
}

#[test]
fn a_key_that_was_written_aside_stays_nowhere_when_the_daemon_dies_before_it_is_in_its_place() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let left = |world: &World| {
        let paths = fs::read_dir(world.folder()).unwrap().map(|it| it.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|it| it == "new")).count()
    };
    let old = fs::read(world.key_file("clockings")).unwrap();
    world.daemon.stop();
    // Dead at Protime, so that nothing is rehearsed.
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", "key_file:aside");
    world.daemon.launch();
    assert!(world.daemon.process().wait(Duration::from_mins(1)).is_some(), "it does not die");
    world.daemon.kill();
    assert_eq!((left(&world), fs::read(world.key_file("clockings")).unwrap()), (1, old));
    world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", "");
    world.daemon.launch();
    world.eventually("the new key is in its place", || {
        let webhook = world.daemon.control.try_get("/v1/webhooks/acme/clockings").ok()?.json();
        (webhook["state"] == "active" && world.keys_agree("clockings")).then_some(())
    });
    assert_eq!(left(&world), 0);
}
