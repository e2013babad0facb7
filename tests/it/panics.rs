//! A panic in the work on one webhook: a mistake of ours, which costs time and nothing else.

use std::time::{Duration, Instant};

use super::support::World;

/// How long a webhook is left alone after a panic.
const PAUSE: Duration = Duration::from_secs(5);

#[test]
fn a_hand_off_that_panics_is_tried_again() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = world.config(&["clockings", "people"]);
    world.daemon.env("PROTIME_WEBHOOKD_PANIC_AT", "sink:before@2");
    world.start(&config);
    for collection in ["clockings", "people"] {
        world.settled(collection);
        assert_eq!(world.sandbox.creates(collection).len(), 1);
    }
    assert_eq!(
        world.daemon.log().matches("a delivery ended abnormally").count(),
        2,
        "{}",
        world.daemon.log()
    );
    world.daemon.stop();
}

#[test]
fn a_panic_is_tried_again_after_a_pause_and_stops_no_one_else() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = world.config(&["clockings"]);
    world.sandbox.change("clockings", 2);
    world.daemon.env("PROTIME_WEBHOOKD_PANIC_AT", "post:before@2");
    let began = Instant::now();
    world.start(&config);
    let panics = |world: &World| world.daemon.log().matches("work on a webhook ended abnormally").count();
    world.eventually("it panics", || (panics(&world) > 0).then_some(()));
    assert_eq!(world.daemon.status.get("/v1/status").status, 200);
    world.settled("clockings");
    assert_eq!(panics(&world), 2, "{}", world.daemon.log());
    assert!(began.elapsed() >= 2 * PAUSE, "a hot loop: {:?}", began.elapsed());
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
    world.daemon.stop();
}
