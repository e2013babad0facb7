//! Clocks that go wrong: ours steps forth and back, Protime's is off, the host was away for a month.

use std::{
    fs,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::json;

use super::support::{World, pause, words};

/// A daemon whose clock can be set.
fn world(flags: &[&str]) -> World {
    let mut world = World::new(flags);
    let file = world.path("offset");
    fs::write(&file, "0").unwrap();
    world.daemon.env("PROTIME_WEBHOOKD_CLOCK_OFFSET", file.to_str().unwrap());
    let config = world.config(&["clockings"]);
    world.start(&config);
    world.settled("clockings");
    world.sandbox.load(&["clockings"], 5.0);
    world
}

fn set_clock(world: &World, seconds: i64) {
    fs::write(world.path("offset"), seconds.to_string()).unwrap();
}

#[test]
fn a_step_of_our_clock_is_no_reason_to_renew() {
    let mut world = world(&["--lifetime", "1h"]);
    let posts = world.sandbox.creates("clockings").len();
    for seconds in [86_500, -86_500, 0] {
        set_clock(&world, seconds);
        let polls = world.sandbox.requests("list").len();
        world.eventually("the step is noticed", || {
            (world.sandbox.requests("list").len() > polls + 2
                && world.daemon.log().contains("the clock was set"))
            .then_some(())
        });
        world.settled("clockings");
    }
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "{:?}", world.daemon.story("clockings"));
    world.daemon.stop();
    world.nothing_lost();
}

#[test]
fn a_webhook_is_renewed_in_time_although_our_clock_is_an_hour_slow() {
    let world = world(&["--lifetime", "1h"]);
    set_clock(&world, -3_600);
    world.sandbox.settings(&json!({"lifetime_ms": 6_000}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let posts = world.sandbox.creates("clockings").len();
    world.eventually("three more renewals", || {
        (world.sandbox.creates("clockings").len() >= posts + 3).then_some(())
    });
    let life = world.sandbox.life("clockings");
    assert!(!life.iter().any(|it| it == "disabled expired"), "{life:?}");
    let health = world.daemon.status.get("/v1/health");
    assert!(health.text.contains("clock"), "a skew of an hour is a problem: {}", health.text);
}

#[test]
fn protimes_clock_an_hour_ahead() {
    let world = world(&["--lifetime", "1h"]);
    world.sandbox.change("clockings", 3);
    world.sandbox.settings(&json!({"clock_offset_ms": 3_600_000, "lifetime_ms": 1_800_000}));
    world.sandbox.change("clockings", 3);
    world.daemon.control.post("/v1/poll");
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("renewed on its clock", || {
        let renewed = world.daemon.story("clockings").iter().filter(|it| it.ends_with("succeeded")).count();
        (renewed >= 2).then_some(())
    });
    let posts = world.sandbox.creates("clockings").len();
    for _ in 0..4 {
        world.daemon.control.post("/v1/poll");
    }
    world.settled("clockings");
    assert!(world.sandbox.creates("clockings").len() <= posts + 1, "{:?}", world.daemon.story("clockings"));
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
}

/// Less than the longest wait for a retry, so that its length betrays nothing.
#[test]
fn what_failed_while_our_clock_was_ahead_is_tried_again_at_once() {
    for restart in [false, true] {
        let mut world = world(&["--lifetime", "1h"]);
        set_clock(&world, 3_000);
        world.receiver.resync_exit(1);
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        let webhook = |world: &World| world.daemon.status.get("/v1/webhooks/acme/clockings").json();
        world.eventually("it fails on that clock", || {
            let now = jiff::Timestamp::now();
            let at: jiff::Timestamp = webhook(&world)["last_error"]["at"].as_str()?.parse().ok()?;
            (at > now + jiff::SignedDuration::from_mins(40)).then_some(())
        });
        if restart {
            world.daemon.stop();
        }
        set_clock(&world, 0);
        world.receiver.resync_exit(0);
        if restart {
            world.daemon.start();
        }
        world.eventually("it goes on", || {
            let webhook = webhook(&world);
            (webhook["state"] == "active" && webhook["last_renewal"]["outcome"] == "succeeded").then_some(())
        });
        world.sandbox.load(&["clockings"], 0.0);
        world.nothing_lost();
    }
}

#[test]
fn a_host_that_was_off_for_a_month() {
    let mut world = world(&["--lifetime", "1h"]);
    world.daemon.stop();
    let month = 30 * 86_400;
    world.sandbox.settings(&json!({"clock_offset_ms": month * 1_000}));
    set_clock(&world, month);
    world.sandbox.change("clockings", 3);
    world.daemon.start();
    world.renewed("clockings", "expired");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
    let posts = world.sandbox.creates("clockings").len();
    world.daemon.control.post("/v1/poll");
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
}

#[test]
fn a_process_that_stood_still_past_the_end_recovers_at_once() {
    let mut world = World::running(&["--lifetime", "6s"], &["clockings"]);
    world.sandbox.load(&["clockings"], 5.0);
    world.daemon.signal(Signal::STOP);
    world.eventually("the webhook expires", || {
        (world.sandbox.webhook("clockings")?["status"] == "Disabled").then_some(())
    });
    pause(Duration::from_secs(3));
    let posts = world.sandbox.creates("clockings").len();
    world.sandbox.settings(&json!({"lifetime_ms": 3_600_000}));
    world.daemon.signal(Signal::CONT);
    world.eventually("it is renewed", || (world.sandbox.creates("clockings").len() > posts).then_some(()));
    world.settled("clockings");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 1, "{:?}", world.daemon.story("clockings"));
    world.daemon.stop();
}

#[test]
fn a_host_that_slept_past_the_end_recovers_at_once() {
    let world = world(&["--lifetime", "1h"]);
    let posts = world.sandbox.creates("clockings").len();
    // A clock that runs on while the process stands still is what a suspend looks like.
    world.daemon.signal(Signal::STOP);
    let slept = 2 * 3_600;
    world.sandbox.settings(&json!({"clock_offset_ms": slept * 1_000}));
    set_clock(&world, slept);
    world.sandbox.change("clockings", 3);
    let woke = Instant::now();
    world.daemon.signal(Signal::CONT);
    world.eventually("it is renewed", || (world.sandbox.creates("clockings").len() > posts).then_some(()));
    assert!(woke.elapsed() < Duration::from_secs(30), "it took {:?}", woke.elapsed());
    let log = world.daemon.log();
    assert!(log.contains("the clock was set, or the machine was suspended"), "{log}");
    world.settled("clockings");
    world.sandbox.load(&["clockings"], 0.0);
    world.nothing_lost();
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 1, "{:?}", world.daemon.story("clockings"));
}

#[test]
fn what_was_put_off_on_another_clock_is_done_although_protime_is_silent() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let (offset, open) = (world.path("offset"), world.path("open"));
    fs::write(&offset, "0").unwrap();
    fs::write(&open, "").unwrap();
    world.daemon.env("PROTIME_WEBHOOKD_CLOCK_OFFSET", offset.to_str().unwrap());
    let mut config = world.config(&["clockings"]);
    let sink = ["test".to_owned(), "-e".to_owned(), open.display().to_string()];
    config.webhooks[0].sinks.push(format!("kind = \"command\"\ncommand = {}", words(&sink)));
    world.start(&config);
    world.settled("clockings");
    let steps = |world: &World| world.daemon.log().matches("the clock was set").count();
    set_clock(&world, 86_500);
    world.eventually("the step forth is noticed", || (steps(&world) == 1).then_some(()));
    fs::remove_file(&open).unwrap();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the hand-off fails", || {
        (world.daemon.webhook("clockings")["last_error"]["step"] == "hand_off").then_some(())
    });
    world.sandbox.fault(&json!({"endpoint": "list", "times": null, "action": {"kind": "reset-before"}}));
    set_clock(&world, 0);
    world.eventually("the step back is noticed", || (steps(&world) == 2).then_some(()));
    fs::write(&open, "").unwrap();
    world.eventually("the sink gets the key", || {
        world.daemon.webhook("clockings")["renewal"].is_null().then_some(())
    });
}

#[test]
fn one_list_with_a_wrong_date_makes_no_one_expired() {
    let world = World::running(&["--lifetime", "1h"], &["clockings", "people"]);
    let posts = world.sandbox.requests("create").len();
    let listed = world.daemon.cli(&["remote", "api", "acme", "webhooks"]);
    let body = String::from_utf8(listed.stdout).unwrap();
    assert!(body.contains("clockings") && body.contains("people"), "{body}");
    for date in ["Fri, 01 Jan 2100 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:00 GMT"] {
        let wrong = json!({"kind": "status", "status": 200, "body": body, "content_type": "application/json",
            "headers": {"date": date}});
        let doubts = world.daemon.log().matches("is not believed before another answer").count();
        world.sandbox.fault(&json!({"endpoint": "list", "times": 1, "action": wrong}));
        world.eventually("the wrong Date was heard", || {
            let now = world.daemon.log().matches("is not believed before another answer").count();
            (now > doubts).then_some(())
        });
        let polls = world.sandbox.requests("list").len();
        world.eventually("two more polls", || {
            (world.sandbox.requests("list").len() >= polls + 2).then_some(())
        });
        let health = world.daemon.status.get("/v1/health");
        assert_eq!(health.status, 200, "{}", health.text);
    }
    assert_eq!(world.sandbox.requests("create").len(), posts, "{:?}", world.daemon.story("clockings"));
}

#[test]
fn a_step_of_protimes_clock_is_followed() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    world.sandbox.settings(&json!({"clock_offset_ms": 1_200_000}));
    world.eventually("its clock is followed", || {
        let status = world.daemon.status.get("/v1/status").json();
        let skew = status["tenants"][0]["clock_skew_seconds"].as_f64()?;
        ((skew - 1_200.0).abs() < 30.0).then_some(())
    });
    world.settled("clockings");
}
