//! What a service manager hears: ready, how things are, and that the loop which does the work is alive.

use std::{
    collections::HashMap,
    os::unix::net::UnixDatagram,
    sync::{Arc, Mutex},
    thread,
};

use serde_json::json;

use super::support::{World, eventually};

/// Everything that was said, by its name: how often, and what last.
type Heard = Arc<Mutex<HashMap<String, (usize, String)>>>;

fn listen(world: &mut World, watchdog_ms: u64) -> Heard {
    let path = world.path("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    world.daemon.env("NOTIFY_SOCKET", path.to_str().unwrap());
    world.daemon.env("WATCHDOG_USEC", &(watchdog_ms * 1000).to_string());
    let heard = Heard::default();
    let notes = Arc::clone(&heard);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            for line in String::from_utf8_lossy(&buffer[..length]).lines() {
                let (name, value) = line.split_once('=').unwrap();
                let mut notes = notes.lock().unwrap();
                let note = notes.entry(name.to_owned()).or_default();
                *note = (note.0 + 1, value.to_owned());
            }
        }
    });
    heard
}

fn said(heard: &Heard, name: &str) -> Option<(usize, String)> {
    heard.lock().unwrap().get(name).cloned()
}

#[test]
fn ready_alive_and_how_things_are() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let heard = listen(&mut world, 600);
    let config = world.config(&["clockings", "people"]);
    world.start(&config);
    eventually("it is ready", || said(&heard, "READY"));
    world.settled("clockings");
    world.settled("people");
    eventually("it says how things are", || {
        said(&heard, "STATUS").filter(|(_, line)| line.starts_with("2 webhooks, all active, next renewal in"))
    });
    let (before, _) = eventually("the watchdog is fed", || said(&heard, "WATCHDOG"));
    eventually("again and again", || said(&heard, "WATCHDOG").filter(|(times, _)| *times > before + 5));
    world.daemon.stop();
    assert!(said(&heard, "STOPPING").is_some());
}

#[test]
fn a_protime_that_does_not_answer_starves_no_watchdog() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let heard = listen(&mut world, 600);
    let config = world.config(&["clockings"]);
    world.sandbox.fault(&json!({"endpoint": "list", "action": {"kind": "delay-before", "ms": 60_000}}));
    world.start(&config);
    let (before, _) = eventually("the watchdog is fed", || said(&heard, "WATCHDOG"));
    eventually("although no one answers", || {
        said(&heard, "WATCHDOG").filter(|(times, _)| *times > before + 10)
    });
    assert!(said(&heard, "READY").is_none(), "it is not ready before a tenant has answered");
}
