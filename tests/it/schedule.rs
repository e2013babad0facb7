//! When things happen: cron patterns, short lifetimes, and deadlines that no poll is needed for.

use super::support::World;

#[test]
fn deadlines_are_honoured_without_polls() {
    let mut world = World::new(&["--lifetime", "6s"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    world.start(&config);
    world.eventually("two renewals before the end", || {
        let story = world.daemon.story("clockings");
        (story.iter().filter(|it| *it == "expiring succeeded").count() >= 2).then_some(())
    });
}

#[test]
fn five_fields_poll_every_minute() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "* * * * *");
    world.start(&config);
    world.settled("clockings");
    let missing = world.receiver.destination("clockings");
    world.sandbox.delete(&missing, "clockings");
    // Twice the patience: the next full minute may be a whole one away.
    let seen = super::support::until(std::time::Duration::from_mins(2), || {
        world.daemon.story("clockings").contains(&"missing succeeded".to_owned()).then_some(())
    });
    if seen.is_none() {
        world.fail("a poll at the full minute");
    }
    let at = world.sandbox.requests("list");
    assert!(at.len() < 10, "five fields mean once a minute, at second 0: {at:?}");
}

#[test]
fn lifetimes_of_two_seconds_work() {
    let world =
        World::running(&["--lifetime", "2s", "--retry-delay", "100ms", "--retries", "6"], &["clockings"]);
    world.sandbox.load(&["clockings"], 5.0);
    world.eventually("five renewals", || (world.sandbox.creates("clockings").len() >= 6).then_some(()));
    world.sandbox.settings(&serde_json::json!({"lifetime_ms": 3_600_000}));
    let posts = world.sandbox.creates("clockings").len();
    world.eventually("a longer life", || (world.sandbox.creates("clockings").len() > posts).then_some(()));
    world.sandbox.load(&["clockings"], 0.0);
    world.settled("clockings");
    world.nothing_lost();
}
