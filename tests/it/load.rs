//! A tenant whose webhooks live for six seconds, and whose data never stands still.

use std::time::{Duration, Instant};

use super::support::{World, pause};

const LIFETIME: Duration = Duration::from_secs(6);

#[test]
fn webhooks_are_renewed_in_time_and_nothing_is_lost() {
    let collections = ["clockings", "people"];
    let world =
        World::running(&["--lifetime", "6s", "--retry-delay", "100ms", "--retries", "6"], &collections);
    let began = Instant::now();
    world.sandbox.load(&collections, 8.0);
    pause(Duration::from_secs(20));
    world.sandbox.load(&collections, 0.0);
    let elapsed = began.elapsed() + LIFETIME;

    for collection in collections {
        world.settled(collection);
        let life = world.sandbox.life(collection);
        assert!(life.iter().all(|it| it == "created client" || it == "renewed client"), "{life:?}");
        let creates = world.sandbox.creates(collection);
        assert!(creates.len() >= 3, "no webhook lives for 20 s without renewals: {creates:?}");
        let most = 2 * elapsed.as_millis() / LIFETIME.as_millis() + 2;
        assert!(creates.len() as u128 <= most, "more POSTs than the policy explains: {creates:?}");

        // What the receiver serves lies between the start and the end of the step.
        let resyncs: Vec<_> = world
            .receiver
            .resyncs(collection)
            .into_iter()
            .filter(|it| it.input["step"] == "resync")
            .collect();
        let mut previous = None;
        for create in creates {
            let between = |at| at < create && previous.is_none_or(|previous| at > previous);
            assert!(resyncs.iter().any(|it| between(it.at)), "no resync before the POST of {create}");
            previous = Some(create);
        }
        for story in world.daemon.story(collection).iter().skip(1) {
            assert!(story == "expiring succeeded" || story == "expiring open", "{story}");
        }
    }
    world.nothing_lost();
}
