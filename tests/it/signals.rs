//! Signals: an orderly end that loses no key, and a poll on demand.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::unix::net::UnixDatagram,
    process::Stdio,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::json;

use super::support::{Process, World, pause, program};

/// Starts a renewal whose answer is on its way for some time, and returns once the POST is processed.
fn post_in_flight(world: &World, ms: u32) {
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": ms}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is processed", || {
        (world.sandbox.webhook("clockings").unwrap()["posts"] == 2).then_some(())
    });
}

#[test]
fn a_post_in_flight_is_finished_and_its_key_committed() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
        post_in_flight(&world, 4_000);
        let requests = world.sandbox.requests("create");
        assert!(requests[1]["status"].is_null(), "the answer is still on its way: {requests:?}");
        world.daemon.signal(signal);
        world.daemon.expect_end();
        world.daemon.start();
        world.settled("clockings");
        assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 2, "no other POST was needed");
        assert_eq!(world.daemon.webhook("clockings")["key"]["version"], 2);
        assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"]);
    }
}

#[test]
fn a_post_is_waited_for_as_long_as_its_request_may_last() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings", "people"]);
    config.api = config.api.replace("request_timeout = \"10s\"", "request_timeout = \"1m\"");
    let heard = UnixDatagram::bind(world.path("notify")).unwrap();
    heard.set_nonblocking(true).unwrap();
    let path = world.path("notify");
    world.daemon.env("NOTIFY_SOCKET", path.to_str().unwrap());
    world.start(&config);
    world.settled("clockings");
    world.settled("people");
    // Longer than all other work in flight may take.
    post_in_flight(&world, 19_000);
    world.daemon.signal(Signal::TERM);
    world.daemon.expect_end_within(Duration::from_mins(1));
    let mut buffer = [0; 4096];
    let mut said = std::iter::from_fn(|| {
        let length = heard.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    });
    assert!(said.any(|it| it.contains("EXTEND_TIMEOUT_USEC=")), "the service manager is asked for time");
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 2, "no other POST was needed");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"]);
}

#[test]
fn no_post_begins_after_a_term() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    world.start(&config);
    world.settled("clockings");
    // Its outcome is unknown, and while it is being found out the daemon is asked to stop.
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "reset-before"}}));
    world.sandbox.fault(&json!({"endpoint": "list", "action": {"kind": "delay-before", "ms": 3_000}}));
    let lists = world.sandbox.requests("list").len();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("Protime is asked", || (world.sandbox.requests("list").len() > lists).then_some(()));
    world.daemon.stop();
    assert_eq!(world.sandbox.creates("clockings").len(), 2);
    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 3);
}

#[test]
fn a_resync_that_is_ended_stays_owed() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    let works = config.webhooks[0].resync.clone();
    config.webhooks[0].resync = "kind = \"command\"\ncommand = [\"sleep\", \"1000\"]".to_owned();
    world.start(&config);
    world.eventually("the resync runs", || {
        (world.daemon.webhook("clockings")["renewal"]["step"] == "resync").then_some(())
    });
    world.daemon.stop();
    config.webhooks[0].resync = works;
    world.sandbox.change("clockings", 2);
    world.start(&config);
    world.settled("clockings");
    assert_eq!(world.receiver.resyncs("clockings")[0].input["from"], json!(null));
    world.nothing_lost();
}

#[test]
fn usr1_polls_now() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.daemon = config.daemon.replace("* * * * * *", "0 0 0 1 1 *");
    world.start(&config);
    world.settled("clockings");
    world.daemon.signal(Signal::USR1);
    world.shown("clockings");
    world.sandbox.delete(&world.receiver.destination("clockings"), "clockings");
    let lists = world.sandbox.requests("list").len();
    pause(Duration::from_secs(2));
    assert_eq!(world.sandbox.requests("list").len(), lists, "no one asks unless told to");
    world.daemon.signal(Signal::USR1);
    world.renewed("clockings", "missing");
}

/// Whether a process catches HUP and USR1, by what the kernel says.
fn catches_both(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    [Signal::HUP, Signal::USR1].iter().all(|signal| caught & (1 << (signal.as_raw() - 1)) != 0)
}

#[test]
fn a_signal_before_the_configuration_is_read_does_not_kill() {
    let world = World::new(&[]);
    for signal in [Signal::HUP, Signal::USR1] {
        // It cannot say what is wrong with its configuration until someone reads, and so stays where it is.
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
        rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
        while writer.write(&[b'.'; 4096]).is_ok() {}
        rustix::fs::fcntl_setfl(&writer, flags).unwrap();
        let mut command = program();
        command.arg("--config").arg(world.path("nothing.toml")).arg("run");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(writer);
        let mut process = Process::spawn(&mut command);
        drop(command);
        let pid = process.id();
        world.eventually("the signals are caught", || catches_both(pid).then_some(()));
        for _ in 0..3 {
            process.signal(signal);
        }
        assert_eq!(process.ended(), None, "{signal:?}");
        let mut said = Vec::new();
        reader.read_to_end(&mut said).unwrap();
        let status = process.wait(Duration::from_mins(1)).expect("it ends when it has said what is wrong");
        assert_eq!(status.code(), Some(78), "{signal:?}: {status}");
        assert!(String::from_utf8_lossy(&said).contains("nothing.toml"));
    }
}
