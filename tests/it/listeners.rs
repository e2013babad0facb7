//! Hundreds wait for a key and get it, and no one who verifies is refused an event that overtook its key.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::support::{World, sign};

const LISTENERS: usize = 500;

#[test]
fn hundreds_of_listeners_of_one_user_get_the_rotation() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let mut listeners: Vec<UnixStream> = (0..LISTENERS)
        .map(|_| {
            let mut stream = UnixStream::connect(world.path("control.sock")).unwrap();
            stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
            let request = "GET /v1/webhooks/acme/clockings/key?after=1&wait=5m HTTP/1.1\r\nhost: daemon\r\n\
                           connection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    // An order is still taken while they all wait.
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    let key = world.daemon.key("clockings").unwrap();
    for (number, stream) in listeners.iter_mut().enumerate() {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "listener {number}: {answer}");
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!((&body["version"], &body["key"]), (&json!(2), &json!(key)), "listener {number}");
    }
    assert_eq!(world.daemon.key("clockings").as_deref(), Some(key.as_str()), "and it goes on answering");
}

#[test]
fn five_rotations_with_twenty_events_each_that_overtake_their_key() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let theirs = || world.sandbox.webhook("clockings").unwrap()["key"].as_str().unwrap().to_owned();
    for rotation in 1..=5 {
        let old = theirs();
        let delay = json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 1_500}});
        world.sandbox.fault(&delay);
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        world.eventually("Protime has the new key", || (theirs() != old).then_some(()));
        let key = theirs();
        let events: Vec<_> = (0..20)
            .map(|number| {
                let (control, key) = (world.daemon.control.clone(), key.clone());
                thread::spawn(move || {
                    let body =
                        format!("{{\"event\":{number},\"of\":{rotation},\"name\":\"Zoë\"}}").into_bytes();
                    control.verify("/v1/webhooks/acme/clockings/verify", &sign(&key, &body), body)
                })
            })
            .collect();
        for event in events {
            let answer = event.join().unwrap();
            let version = (rotation + 1).to_string();
            assert_eq!((answer.status, answer.key_version), (204, Some(version)), "{}", answer.text);
        }
        world.settled("clockings");
    }
    assert_eq!(world.sandbox.creates("clockings").len(), 6);
}
