//! Things that happen at once, each held at its dangerous moment by a slow tenant or a locked database.

use std::{
    fs,
    io::Write as _,
    os::unix::net::UnixStream,
    thread::{self, JoinHandle},
    time::Duration,
};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::support::{Config, World, database, pause};

/// So seldom that only the tests of this module ask for lists.
const NEVER: &str = "status_poll = \"0 0 0 1 1 *\"\nlog_level = \"debug\"\nlog_format = \"text\"";

/// Long enough for a request to arrive where it waits, and short enough not to be over.
const BEAT: Duration = Duration::from_millis(400);

fn quiet(world: &World, collections: &[&str]) -> Config {
    Config { daemon: NEVER.to_owned(), ..world.config(collections) }
}

fn names(world: &World) -> Vec<String> {
    let webhooks = world.daemon.control.get("/v1/webhooks").json();
    let webhooks = webhooks["webhooks"].as_array().unwrap().clone();
    webhooks.iter().map(|webhook| webhook["name"].as_str().unwrap().to_owned()).collect()
}

/// Sends an order on the control socket and does not wait for its answer.
fn order(world: &World, path: &str) -> UnixStream {
    let mut stream = UnixStream::connect(world.path("control.sock")).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: daemon\r\ncontent-length: 0\r\n\r\n").unwrap();
    stream
}

fn poll(world: &World) -> JoinHandle<Value> {
    let control = world.daemon.control.clone();
    thread::spawn(move || control.post("/v1/poll").json())
}

fn lists(world: &World) -> Vec<Value> {
    world.sandbox.requests("list")
}

fn slow(world: &World, endpoint: &str, times: u32, ms: u32) {
    let action = json!({"kind": "delay-after", "ms": ms});
    world.sandbox.fault(&json!({"endpoint": endpoint, "times": times, "action": action}));
}

#[test]
fn a_reload_whose_client_hangs_up_is_done_all_the_same() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let points = world.path("points");
    world.daemon.env("PROTIME_WEBHOOKD_CRASH_LOG", points.to_str().unwrap());
    let config = quiet(&world, &["clockings", "people"]);
    world.start(&config);
    world.settled("clockings");
    world.settled("people");
    let adoptions =
        || fs::read_to_string(&points).unwrap().matches("store:sync_configuration:before").count();
    let before = adoptions();

    world.write(&quiet(&world, &["people", "absences"]));
    let database = Connection::open(world.path("state/state.db")).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let client = order(&world, "/v1/reload");
    world.eventually("the reload wants to write", || (adoptions() > before).then_some(()));
    drop(client);
    pause(BEAT);
    database.execute_batch("ROLLBACK").unwrap();
    world.eventually("the new file is in force", || (names(&world) == ["absences", "people"]).then_some(()));
    world.settled("absences");
}

#[test]
fn a_client_that_hangs_up_ends_no_one_elses_poll() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = quiet(&world, &["clockings"]);
    world.start(&config);
    world.settled("clockings");
    let before = lists(&world).len();
    slow(&world, "list", 3, 1_500);
    let first = poll(&world);
    world.eventually("the first list is asked for", || (lists(&world).len() > before).then_some(()));
    let hurried = order(&world, "/v1/poll");
    pause(BEAT);
    let patient = poll(&world);
    world.eventually("the second list is asked for", || (lists(&world).len() > before + 1).then_some(()));
    drop(hurried);
    for polled in [first, patient] {
        assert_eq!(polled.join().unwrap()["tenants"][0]["error"], Value::Null);
    }
    let lists = lists(&world);
    let fresh = lists[before + 1..].iter().any(|list| list["status"] == 200);
    assert!(fresh, "who asked for a list got an older one: {lists:?}");
}

#[test]
fn a_list_that_was_asked_for_with_the_old_file_says_nothing_of_a_webhook_that_is_new() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let both = quiet(&world, &["clockings", "people"]);
    world.start(&both);
    world.settled("clockings");
    world.settled("people");
    let without = Config { webhooks: both.webhooks[1..].to_vec(), ..both.clone() };
    world.write(&without);
    let before = lists(&world).len();
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("the sweep of the reload is over", || {
        lists(&world).get(before).filter(|list| list["status"] == 200).map(|_| ())
    });

    let before = lists(&world).len();
    slow(&world, "list", 3, 1_500);
    let first = poll(&world);
    world.eventually("a list is asked for", || (lists(&world).len() > before).then_some(()));
    // It waits for the first, and asks with the tenant of the file of now.
    let second = poll(&world);
    pause(BEAT);
    world.write(&both);
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    for polled in [first, second] {
        assert_eq!(polled.join().unwrap()["tenants"][0]["error"], Value::Null);
    }
    let webhook = world.daemon.webhook("clockings");
    assert_eq!(webhook["remote"]["status"], "Enabled", "{webhook}");
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "{:?}", world.daemon.story("clockings"));
}

#[test]
fn a_webhook_that_comes_back_while_others_are_deleted_is_not_deleted() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut all = quiet(&world, &["absences", "clockings", "people"]);
    for webhook in &mut all.webhooks {
        webhook.extra = "on_remove = \"delete\"".to_owned();
    }
    world.start(&all);
    for collection in ["absences", "clockings", "people"] {
        world.settled(collection);
    }
    slow(&world, "delete", 1, 2_000);
    world.write(&Config { webhooks: all.webhooks[..1].to_vec(), ..all.clone() });
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("clockings is being deleted", || {
        (!world.sandbox.requests("delete").is_empty()).then_some(())
    });
    let people = [all.webhooks[0].clone(), all.webhooks[2].clone()];
    world.write(&Config { webhooks: people.to_vec(), ..all.clone() });
    let before = lists(&world).len();
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    // Sweeps come one after the other: the list of the second is asked for when the first has ended.
    world.eventually("the next sweep", || (lists(&world).len() > before).then_some(()));
    world.settled("people");
    assert_eq!(world.sandbox.requests("delete").len(), 1, "only what left for good is deleted");
    assert_eq!(world.sandbox.creates("people").len(), 1, "{:?}", world.daemon.story("people"));
    assert!(world.sandbox.webhook("clockings").is_none());
}

#[test]
fn a_new_tenant_is_no_sign_of_a_silent_cron() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    // So long a tick may be late before the cron counts as silent.
    pause(Duration::from_secs(12));
    let text = fs::read_to_string(world.path("config.toml")).unwrap();
    let tenant = &text[text.find("[[tenant]]").unwrap()..];
    for number in 1..=20 {
        let name = format!("new-{number}");
        let another = tenant
            .replace("\"acme\"", &format!("\"{name}\""))
            .replace("/events/", &format!("/events/{name}-"));
        let another = another.replace("clockings.key", &format!("{name}.key"));
        fs::write(world.path("config.toml"), format!("{text}\n{another}")).unwrap();
        let answer = world.daemon.control.post("/v1/reload");
        assert_eq!(answer.status, 200, "{}", answer.text);
        world.eventually("the new tenant was asked", || {
            let status = world.daemon.status.get("/v1/status").json();
            status["tenants"][1]["last_poll_at"].as_str().map(|_| ())
        });
    }
    let log = world.daemon.log();
    assert!(!log.contains("the cron has gone silent"), "{log}");
}

#[test]
fn a_state_that_cannot_be_read_is_asked_for_seldom() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let config = quiet(&world, &["clockings"]);
    world.start(&config);
    world.settled("clockings");
    database::set(&world.path("state"), "$.retry", "'dance'");
    // Every webhook is looked at when a setup comes into force.
    world.daemon.control.post("/v1/reload");
    let refusals = || world.daemon.log().matches("what has changed could not be read").count();
    world.eventually("it cannot be read", || (refusals() > 0).then_some(()));
    let seconds = 8;
    pause(Duration::from_secs(seconds));
    let count = refusals();
    assert!(count < 5 * usize::try_from(seconds).unwrap(), "a hot loop: {count} times in {seconds} s");
    world.daemon.stop();
}
