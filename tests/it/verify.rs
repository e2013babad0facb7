//! `verify`: no valid event is refused because it overtook its key, and none is accepted that is not.

use std::{
    io::Write as _,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::json;

use super::support::{World, program, sign};

const VERIFY: &str = "/v1/webhooks/acme/clockings/verify";

fn theirs(world: &World) -> String {
    world.sandbox.webhook("clockings").expect("there")["key"].as_str().expect("a key").to_owned()
}

#[test]
fn genuine_malformed_and_mismatching_events() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let key = theirs(&world);
    let bodies = [
        Vec::new(),
        "{}".as_bytes().to_vec(),
        "{\"name\":\"Zoë\\u00e9\"}".as_bytes().to_vec(),
        vec![b'x'; 10 * 1024 * 1024],
    ];
    for body in bodies {
        let answer = world.daemon.control.verify(VERIFY, &sign(&key, &body), body.clone());
        assert_eq!((answer.status, answer.key_version.as_deref()), (204, Some("1")), "{}", answer.text);
        let answer = world.daemon.control.verify(VERIFY, &sign("another key", &body), body.clone());
        assert_eq!((answer.status, &answer.json()["reason"]), (401, &json!("mismatch")));
        assert_eq!(answer.content_type, "application/problem+json");
    }
    let tampered = world.daemon.control.verify(VERIFY, &sign(&key, b"{\"a\":1}"), b"{\"a\":2}".to_vec());
    assert_eq!((tampered.status, &tampered.json()["reason"]), (401, &json!("mismatch")));
    for malformed in ["", "HMAC-SHA256", "HMAC-SHA256 AAAA", "HMAC-SHA256 %%%", "Bearer abc"] {
        let answer = world.daemon.control.verify(VERIFY, malformed, b"{}".to_vec());
        assert_eq!((answer.status, &answer.json()["reason"]), (401, &json!("malformed")), "{malformed}");
    }
    let unknown =
        world.daemon.control.verify("/v1/webhooks/acme/none/verify", &sign(&key, b"{}"), b"{}".to_vec());
    assert_eq!(unknown.status, 404);
    let long = vec![b'x'; 10 * 1024 * 1024 + 1];
    // It is refused before it is read, which a client may see as a broken pipe.
    let refused = world.daemon.control.try_verify(VERIFY, &sign(&key, &long), long);
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status == 413));
    assert_eq!(world.daemon.status.verify(VERIFY, &sign(&key, b"{}"), b"{}".to_vec()).status, 403);
}

#[test]
fn an_event_that_overtakes_its_key_waits_for_it() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let old = theirs(&world);
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 1_000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("Protime has the new key", || (theirs(&world) != old).then_some(()));
    let body = b"{\"overtook\":true}".to_vec();
    let answer = world.daemon.control.verify(VERIFY, &sign(&theirs(&world), &body), body.clone());
    assert_eq!((answer.status, answer.key_version.as_deref()), (204, Some("2")), "{}", answer.text);

    // What was signed before, and is repeated now.
    let answer = world.daemon.control.verify(VERIFY, &sign(&old, &body), body);
    assert_eq!((answer.status, answer.key_version.as_deref()), (204, Some("1")), "{}", answer.text);
}

#[test]
fn a_mismatch_does_not_wait_longer_than_five_seconds_for_a_key() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    // Far longer than anyone waits, however slow the machine is.
    config.api = config.api.replace("\"10s\"", "\"60s\"");
    world.start(&config);
    world.settled("clockings");
    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-before", "ms": 50_000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    // Its step is called so before anything is sent, too.
    world.eventually("the POST is in flight", || (world.sandbox.requests("create").len() == 2).then_some(()));
    let began = Instant::now();
    let answer = world.daemon.control.verify(VERIFY, &sign("another key", b"{}"), b"{}".to_vec());
    assert_eq!((answer.status, &answer.json()["reason"]), (401, &json!("mismatch")));
    let waited = began.elapsed();
    assert!(waited > Duration::from_secs(4), "it was answered after {waited:?}, before the key was known");
    assert!(world.daemon.webhook("clockings")["key"]["version"] == 1, "and not by the key: {waited:?}");
    // What is signed with the key that is still in force does not wait.
    let right = world.daemon.control.verify(VERIFY, &sign(&theirs(&world), b"{}"), b"{}".to_vec());
    assert_eq!(right.status, 204);
}

#[test]
fn the_previous_key_is_accepted_for_its_grace_only() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.renewal += "\nprevious_key_grace = \"2s\"";
    world.start(&config);
    world.settled("clockings");
    let old = theirs(&world);
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    world.eventually("the grace is over", || {
        let answer = world.daemon.control.verify(VERIFY, &sign(&old, b"{}"), b"{}".to_vec());
        (answer.status == 401).then_some(())
    });
    let answer = world.daemon.control.verify(VERIFY, &sign(&theirs(&world), b"{}"), b"{}".to_vec());
    assert_eq!(answer.status, 204);
}

#[test]
fn a_signature_with_an_unknown_key_leads_to_a_look_for_a_foreign_renewal() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    world.start(&config);
    world.settled("clockings");
    world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
    let answer = world.daemon.control.verify(VERIFY, &sign(&theirs(&world), b"{}"), b"{}".to_vec());
    assert_eq!(answer.status, 401);
    world.renewed("clockings", "foreign_rotation");

    // A forger of events cannot make the daemon ask again and again.
    let (lists, began) = (world.sandbox.requests("list").len(), Instant::now());
    for _ in 0..20 {
        world.daemon.control.verify(VERIFY, &sign("forged", b"{}"), b"{}".to_vec());
    }
    let asked = world.sandbox.requests("list").len() - lists;
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap();
    assert!(asked <= 1 + seconds / 10, "{asked} lists in {seconds} s");
}

#[test]
fn the_command_says_so_with_its_exit_code() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let body = "{\"name\":\"Zoë\"}".as_bytes();
    for (key, code) in [(theirs(&world), 0), ("another".to_owned(), 1)] {
        let mut command = program();
        command.arg("--config").arg(world.daemon.config()).args(["verify", "clockings", "--authorization"]);
        command.arg(sign(&key, body)).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(body).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
    }
}
