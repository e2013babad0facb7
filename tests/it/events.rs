//! `GET /v1/events`: what a subscriber is told, in which order, and what becomes of one that was away.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::support::{Event, Subscriber, World};

const LONG: &[&str] = &["--lifetime", "1h"];

fn renew(world: &World) -> Value {
    let answer = world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    assert_eq!(answer.status, 202);
    answer.json()["renewal_id"].clone()
}

#[test]
fn a_renewal_is_told_step_by_step() {
    let world = World::running(LONG, &["clockings"]);
    let subscribers =
        [&world.daemon.status, &world.daemon.control].map(|socket| Subscriber::start(socket, None));
    let id = renew(&world);
    for subscriber in subscribers {
        // What was told of the creation may still be on its way when the subscriber comes.
        let events = subscriber.up_to("the renewal's end", |event| {
            event.kind == "renewal_finished" && event.data["renewal_id"] == id
        });
        let of_renewal: Vec<String> = events
            .iter()
            .filter(|event| event.kind != "webhook_state" && event.data["renewal_id"] == id)
            .map(|event| {
                let data = &event.data;
                assert_eq!(
                    [&data["reason"], &data["webhook"], &data["tenant"]],
                    [&json!("manual"), &json!("acme/clockings"), &json!("acme")],
                    "{event:?}"
                );
                assert!(data["at"].as_str().unwrap().ends_with('Z'), "{event:?}");
                let words = [&data["step"], &data["outcome"]];
                words
                    .iter()
                    .filter_map(|word| word.as_str())
                    .fold(event.kind.clone(), |told, word| format!("{told} {word}"))
            })
            .collect();
        let mut expected = vec!["renewal_started".to_owned()];
        for step in ["resync", "post", "rotate", "hand_off", "catch_up"] {
            expected.push(format!("renewal_step {step} started"));
            expected.push(format!("renewal_step {step} succeeded"));
            if step == "rotate" {
                expected.push("key_rotated".to_owned());
            }
        }
        expected.push("renewal_finished succeeded".to_owned());
        assert_eq!(of_renewal, expected);

        let key = world.daemon.webhook("clockings")["key"].clone();
        let told = &events
            .iter()
            .rfind(|event| event.kind == "key_rotated" && event.data["renewal_id"] == id)
            .unwrap()
            .data;
        assert_eq!((&told["key_version"], &told["fingerprint"]), (&key["version"], &key["fingerprint"]));
        let text = format!("{events:?}");
        assert!(!text.contains(&world.daemon.key("clockings").unwrap()), "a key is told");
        let ids: Vec<u64> =
            events.iter().map(|event| event.id.rsplit('-').next().unwrap().parse().unwrap()).collect();
        assert!(ids.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{ids:?}");
    }
}

#[test]
fn another_state_is_told_with_the_one_before() {
    let world = World::running(LONG, &["clockings"]);
    let subscriber = Subscriber::start(&world.daemon.status, None);
    // A state that passes at once may never be told, so this one stays until it was.
    world.receiver.resync_exit(3);
    renew(&world);
    let is = |word: &'static str| {
        move |event: &Event| event.kind == "webhook_state" && event.data["state"] == word
    };
    let told = subscriber.up_to("that it fails", is("retrying"));
    world.receiver.resync_exit(0);
    let failed = told.last().unwrap().id.clone();
    let after = Subscriber::start(&world.daemon.status, Some(&failed));
    let healed = after.up_to("that it is well again", is("active"));
    let states: Vec<(&Value, &Value)> = told
        .iter()
        .chain(&healed)
        .filter(|event| event.kind == "webhook_state")
        .map(|event| (&event.data["previous_state"], &event.data["state"]))
        .collect();
    assert!(states.windows(2).all(|pair| pair[0].1 == pair[1].0), "{states:?}");
}

#[test]
fn polls_and_failures_are_told() {
    let world = World::running(LONG, &["clockings"]);
    let subscriber = Subscriber::start(&world.daemon.status, None);
    let polled = subscriber.up_to("a poll", |event| event.kind == "poll_finished");
    let data = &polled.last().unwrap().data;
    assert_eq!((&data["tenant"], &data["outcome"]), (&json!("acme"), &json!("succeeded")));
    world
        .sandbox
        .fault(&json!({"endpoint": "list", "times": 1000, "action": {"kind": "status", "status": 503}}));
    let failed = subscriber.up_to("a poll that failed", |event| {
        event.kind == "poll_finished" && event.data["outcome"] == "failed"
    });
    assert!(failed.last().unwrap().data["error"].is_string(), "{failed:?}");
}

#[test]
fn a_subscriber_goes_on_where_it_stopped() {
    let mut world = World::running(LONG, &["clockings"]);
    let first = Subscriber::start(&world.daemon.status, None);
    renew(&world);
    let told = first.up_to("the renewal", |event| event.kind == "renewal_finished");
    let middle = &told[told.len() / 2].id;
    let remaining: Vec<_> = told.iter().skip(told.len() / 2 + 1).cloned().collect();

    let second = Subscriber::start(&world.daemon.control, Some(middle));
    let again = second.up_to("the rest", |event| event.kind == "renewal_finished");
    assert_eq!(again, remaining);

    for unknown in ["nonsense", "0000000000000000-1", ""] {
        let reset = Subscriber::start(&world.daemon.status, Some(unknown));
        let events = reset.up_to("a reset", |_| true);
        assert_eq!(events[0].kind, "reset", "{unknown}: {events:?}");
        // With its id, a subscriber goes on.
        let after = Subscriber::start(&world.daemon.status, Some(&events[0].id));
        assert_ne!(after.up_to("a poll", |_| true)[0].kind, "reset");
    }
    let last = told.last().unwrap().id.clone();
    world.daemon.stop();
    world.daemon.start();
    let restarted = Subscriber::start(&world.daemon.status, Some(&last));
    assert_eq!(restarted.up_to("a reset", |_| true)[0].kind, "reset");
}

#[test]
fn two_hundred_subscribers_hear_a_rotation_and_a_stop_ends_them() {
    let mut world = World::running(LONG, &["clockings"]);
    let subscribers: Vec<Subscriber> =
        (0..200).map(|_| Subscriber::begin(&world.daemon.status, None)).collect();
    world.eventually("all listen", || subscribers.iter().all(Subscriber::is_listening).then_some(()));
    renew(&world);
    for subscriber in &subscribers {
        subscriber.up_to("the rotation", |event| event.kind == "key_rotated");
    }
    assert_eq!(world.daemon.status.get("/v1/health").status, 200, "others are answered, too");
    let began = Instant::now();
    world.daemon.stop();
    world.eventually("all streams end", || subscribers.iter().all(Subscriber::has_ended).then_some(()));
    assert!(began.elapsed() < Duration::from_secs(17), "{:?}", began.elapsed());
}
