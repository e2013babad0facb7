//! Everyone asks at once, and there is one renewal, with one POST.

use std::{collections::BTreeSet, sync::Barrier, thread};

use rustix::process::Signal;
use serde_json::json;

use super::support::World;

const CLIENTS: usize = 20;

#[test]
fn who_asks_while_a_renewal_runs_gets_that_one() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    // It runs for as long as the answer takes, and is asked for all that time.
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 6_000}}));
    let together = Barrier::new(CLIENTS + 2);
    let (ids, polls) = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (socket, together) = (world.daemon.control.clone(), &together);
                scope.spawn(move || {
                    together.wait();
                    let answer = socket.post("/v1/webhooks/acme/clockings/renew");
                    assert_eq!(answer.status, 202, "{}", answer.text);
                    answer.json()["renewal_id"].as_i64().expect("a number")
                })
            })
            .collect();
        let (socket, together) = (world.daemon.control.clone(), &together);
        let poll = scope.spawn(move || {
            together.wait();
            socket.post("/v1/poll").status
        });
        together.wait();
        world.daemon.signal(Signal::USR1);
        let ids: BTreeSet<i64> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        (ids, poll.join().unwrap())
    });
    assert_eq!(polls, 200);
    assert_eq!(ids.len(), 1, "one renewal for all: {ids:?}");
    let created = world.sandbox.requests("create");
    assert!(created.len() < 2 || created[1]["status"].is_null(), "it ran until the last had asked");
    world.renewed("clockings", "manual");
    assert_eq!(world.daemon.history("clockings")[1]["id"].as_i64(), ids.first().copied());
    assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"]);
    assert_eq!(world.sandbox.creates("clockings").len(), 2, "one POST for all");
}

#[test]
fn a_deadline_that_comes_while_everyone_asks_is_no_second_renewal() {
    let world = World::running(&["--lifetime", "9s"], &["clockings"]);
    let first = world.sandbox.creates("clockings").len();
    world.sandbox.settings(&json!({"lifetime_ms": 3_600_000}));
    // The renewal that is due, and whatever is asked for until its answer is there, is one.
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 6_000}}));
    world.eventually("the deadline has come", || {
        (world.sandbox.creates("clockings").len() > first).then_some(())
    });
    let running = world.daemon.webhook("clockings")["renewal"]["id"].as_i64();
    assert!(running.is_some(), "the renewal is open until the answer is there");
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let socket = world.daemon.control.clone();
            scope.spawn(move || {
                let answer = socket.post("/v1/webhooks/acme/clockings/renew");
                assert_eq!(answer.json()["renewal_id"].as_i64(), running, "{}", answer.text);
            });
        }
        world.daemon.signal(Signal::USR1);
        world.daemon.control.post("/v1/poll");
    });
    let answered = world.sandbox.requests("create")[first]["status"].clone();
    assert!(answered.is_null(), "it ran until the last had asked");
    world.renewed("clockings", "expiring");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded", "expiring succeeded"]);
    assert_eq!(world.sandbox.creates("clockings").len(), first + 1);
}
