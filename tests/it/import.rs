//! `key import`: a receiver that lives changes hands without a rotation, and no event is refused.

use std::{
    fs,
    io::Write as _,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::support::{World, program, sign};

const LONG: &[&str] = &["--lifetime", "1h"];
const KEY: &str = "/v1/webhooks/acme/clockings/key";

/// A tenant whose webhook someone else has created, and a configuration for it.
fn taken_over() -> World {
    let mut world = World::running(LONG, &["clockings"]);
    world.daemon.stop();
    // The one who created it knows the key; this daemon knows nothing.
    fs::remove_dir_all(world.path("state")).unwrap();
    fs::remove_file(world.key_file("clockings")).unwrap();
    world
}

fn theirs(world: &World) -> String {
    world.sandbox.webhook("clockings").expect("there")["key"].as_str().expect("a key").to_owned()
}

fn import(world: &World, words: &[&str], input: &[u8]) -> Output {
    let mut command = program();
    command.arg("--config").arg(world.daemon.config()).args(["key", "import"]).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may refuse before it has read everything.
    let _refused = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn expect_adopted(world: &World, key: &str) {
    world.settled("clockings");
    assert_eq!(world.daemon.key("clockings").as_deref(), Some(key), "{}", world.daemon.log());
    let body = "{\"name\":\"Zoë\"}".as_bytes().to_vec();
    let verify = "/v1/webhooks/acme/clockings/verify";
    assert_eq!(world.daemon.control.verify(verify, &sign(key, &body), body.clone()).status, 204);
    let planned = world.eventually("the end is learnt", || {
        let webhook = world.daemon.webhook("clockings");
        webhook["next_renewal_at"].as_str().map(str::to_owned)
    });
    let (planned, now): (jiff::Timestamp, _) = (planned.parse().unwrap(), jiff::Timestamp::now());
    let left = now.duration_until(planned).as_secs();
    assert!((1_800..3_000).contains(&left), "planned for {left} s from now, of an hour");
    world.eventually("the sink is known to have it", || {
        (world.daemon.webhook("clockings")["key_sinks"][0]["version"] == 1).then_some(())
    });
    world.eventually("it is healthy", || (world.daemon.status.get("/v1/health").status == 200).then_some(()));
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "no one POSTed since");
    assert_eq!(theirs(world), key);
}

#[test]
fn before_the_daemon_runs() {
    let mut world = taken_over();
    let key = theirs(&world);
    let output = import(&world, &["clockings"], format!("{key}\n").as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(
        said(&output).contains("version 1 of acme/clockings; the daemon does not run"),
        "{}",
        said(&output)
    );
    let again = import(&world, &["acme/clockings"], key.as_bytes());
    assert!(again.status.success() && said(&again).contains("version 1"), "{}", said(&again));
    world.daemon.start();
    expect_adopted(&world, &key);
    assert_eq!(world.daemon.story("clockings"), [] as [&str; 0], "no renewal was needed");
    assert!(world.daemon.webhook("clockings")["owed_resync"].is_null());
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
    assert_eq!(world.receiver.events("clockings", 401), 0);
    assert!(!world.daemon.log().contains(&key));
}

#[test]
fn while_a_renewal_for_want_of_the_key_has_not_posted_yet() {
    let mut world = taken_over();
    let key = theirs(&world);
    world.receiver.resync_exit(3);
    world.daemon.start();
    world.eventually("it is about to be renewed", || {
        (world.daemon.webhook("clockings")["renewal"]["reason"] == "unknown_key").then_some(())
    });
    let output = import(&world, &["clockings"], format!("{key}\r\n").as_bytes());
    assert_eq!(
        (output.status.code(), said(&output)),
        (Some(0), "the key is version 1 of acme/clockings\n".to_owned())
    );
    world.receiver.resync_exit(0);
    expect_adopted(&world, &key);
    world.eventually("what it owed is paid", || {
        world.daemon.webhook("clockings")["owed_resync"].is_null().then_some(())
    });
    assert_eq!(world.daemon.story("clockings"), ["unknown_key succeeded"]);
    world.daemon.stop();
    world.daemon.start();
    expect_adopted(&world, &key);
}

#[test]
fn what_an_editor_puts_around_a_key_is_cut_off_or_told() {
    let mut world = taken_over();
    let key = theirs(&world);
    let (start, end) = key.split_at(5);
    let odd = [
        (format!("{start}\u{feff}{end}"), "U+FEFF"),
        (format!("{key}\u{200b}"), "U+200B"),
        (format!("\u{feff}\u{feff}{key}"), "U+FEFF"),
        (format!("{start}\u{ad}{end}"), "U+00AD"),
        (format!("{start}\u{200d}{end}"), "U+200D"),
        (format!("\u{202a}{key}\u{202c}"), "U+202A"),
        (format!("\"{key}\""), "quotation marks"),
        (format!("'{key}'"), "quotation marks"),
        (format!("“{key}”"), "quotation marks"),
    ];
    world.receiver.resync_exit(3);
    for running in [false, true] {
        for (text, why) in &odd {
            let output = import(&world, &["clockings"], format!("{text}\n").as_bytes());
            assert_eq!(output.status.code(), Some(2), "{text:?}: {}", said(&output));
            assert!(said(&output).contains(why) && !said(&output).contains(start), "{}", said(&output));
        }
        if !running {
            world.daemon.start();
        }
    }
    for (text, why) in
        odd.iter().map(|(text, why)| (text.clone(), *why)).chain([(format!("\u{feff}{key}"), "U+FEFF")])
    {
        let answer = world.daemon.control.send_json("POST", KEY, &json!({"key": text}));
        assert_eq!(answer.status, 400, "{text:?}: {}", answer.text);
        assert!(answer.text.contains(why) && !answer.text.contains(start), "{}", answer.text);
    }
    assert!(world.daemon.webhook("clockings")["key"].is_null());
    // A byte order mark before the text belongs to the file, as the line end behind it does.
    let output = import(&world, &["clockings"], format!("\u{feff}{key}\r\n").as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    world.receiver.resync_exit(0);
    expect_adopted(&world, &key);
}

#[test]
fn a_death_in_the_middle_leaves_the_whole_key_or_none() {
    for (point, kept) in [("store:import_key:before", None), ("store:import_key:after", Some(1))] {
        let mut world = taken_over();
        let key = theirs(&world);
        world.receiver.resync_exit(3);
        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", point);
        world.daemon.start();
        let output = import(&world, &["clockings"], key.as_bytes());
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        world.daemon.kill();
        world.daemon.env("PROTIME_WEBHOOKD_CRASH_AT", "nowhere");
        world.daemon.start();
        assert_eq!(world.daemon.webhook("clockings")["key"]["version"].as_i64(), kept, "{point}");
        assert!(import(&world, &["clockings"], key.as_bytes()).status.success());
        world.receiver.resync_exit(0);
        expect_adopted(&world, &key);
    }
}

#[test]
fn what_protime_says_of_the_webhook_still_counts() {
    let mut world = taken_over();
    let key = theirs(&world);
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    assert!(import(&world, &["clockings"], key.as_bytes()).status.success());
    world.daemon.start();
    world.renewed("clockings", "disabled");
    assert_ne!(theirs(&world), key);
}

#[test]
fn a_wrong_key_shows_by_events_that_do_not_match_and_a_renewal_mends_it() {
    let mut world = taken_over();
    assert!(import(&world, &["clockings"], b"not-the-key").status.success());
    world.daemon.start();
    world.eventually("Protime cannot tell", || {
        (world.daemon.webhook("clockings")["next_renewal_at"].is_string()).then_some(())
    });
    let verify = "/v1/webhooks/acme/clockings/verify";
    let answer = world.daemon.control.verify(verify, &sign(&theirs(&world), b"{}"), b"{}".to_vec());
    assert_eq!((answer.status, &answer.json()["reason"]), (401, &json!("mismatch")));
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    world.settled("clockings");
}

#[test]
fn over_the_socket() {
    let mut world = taken_over();
    let key = theirs(&world);
    world.receiver.resync_exit(3);
    world.daemon.start();
    let send = |body: Value| world.daemon.control.send_json("POST", KEY, &body);
    for body in [
        json!({}),
        json!({"key": ""}),
        json!({"key": 7}),
        json!({"key": "a", "x": 1}),
        json!("k3y-text"),
        json!({"key": "two\nlines"}),
        json!({"key": " k3y-text"}),
        json!({"key": "k".repeat(5_000)}),
    ] {
        let answer = send(body.clone());
        assert_eq!(
            (answer.status, answer.content_type.as_str()),
            (400, "application/problem+json"),
            "{body}"
        );
        assert!(!answer.text.contains("k3y-text") && !answer.text.contains("lines\""), "{}", answer.text);
    }
    assert_eq!(send(json!({"key": "k".repeat(70_000)})).status, 413);
    let unknown = "/v1/webhooks/acme/nobody/key";
    assert_eq!(world.daemon.control.send_json("POST", unknown, &json!({"key": "k"})).status, 404);
    assert_eq!(world.daemon.status.send_json("POST", KEY, &json!({"key": "k"})).status, 403);

    let answer = send(json!({"key": "an-old-one"}));
    assert_eq!((answer.status, answer.json()), (201, json!({"version": 1})));
    let answer = send(json!({"key": key}));
    assert_eq!(
        (answer.status, answer.json()),
        (201, json!({"version": 2})),
        "an operator may correct himself"
    );
    let answer = send(json!({"key": key}));
    assert_eq!((answer.status, answer.json()), (200, json!({"version": 2})), "the same again");
    world.receiver.resync_exit(0);
    world.settled("clockings");

    world
        .sandbox
        .fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "delay-after", "ms": 3_000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("a POST is in flight", || (theirs(&world) != key).then_some(()));
    let answer = send(json!({"key": "late"}));
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (409, "application/problem+json"),
        "{}",
        answer.text
    );
    world.renewed("clockings", "manual");
}

#[test]
fn references_that_protime_lists_otherwise_are_noted_after_an_import() {
    let mut world = World::new(LONG);
    let with = |world: &World, reference: &str| {
        let mut config = world.config(&["clockings"]);
        config.webhooks[0].extra = format!("external_references = [\"people,{reference}\"]");
        config
    };
    world.start(&with(&world, "@employee-number"));
    world.settled("clockings");
    world.daemon.stop();
    fs::remove_dir_all(world.path("state")).unwrap();
    let key = theirs(&world);
    world.write(&with(&world, "@badge-number"));
    assert_eq!(import(&world, &["clockings"], key.as_bytes()).status.code(), Some(0));
    world.daemon.start();
    for shape in ["lists", "texts", "objects", "array"] {
        world.sandbox.settings(&json!({ "listed_references": shape }));
        assert_eq!(world.daemon.control.post("/v1/poll").status, 200);
        let note = world.daemon.webhook("clockings")["note"].clone();
        let said = "Protime lists other external references than are configured: (people,@employee-number)";
        assert_eq!(note, said, "{shape}: {}", world.daemon.log());
    }
    // Where none are shown, nothing is known of them.
    world.sandbox.settings(&json!({"listed_references": "absent"}));
    assert_eq!(world.daemon.control.post("/v1/poll").status, 200);
    assert_eq!(world.daemon.webhook("clockings")["note"], Value::Null);
    assert_eq!(world.sandbox.creates("clockings").len(), 1, "and it causes nothing");
    assert_eq!(world.daemon.key("clockings"), Some(key));
}

#[test]
fn what_is_no_key_is_wrong_usage() {
    let world = taken_over();
    for (words, input) in [
        (&["clockings"][..], &b""[..]),
        (&["clockings"], b"\n"),
        (&["clockings"], b"two\nlines\n"),
        (&["clockings"], b"not\xfftext"),
        (&["people"], b"a-key"),
        (&["acme/people"], b"a-key"),
        (&[], b"a-key"),
    ] {
        let output = import(&world, words, input);
        assert_eq!(output.status.code(), Some(2), "{words:?} {input:?}: {}", said(&output));
    }
    assert!(!world.path("state").exists(), "nothing was touched");
    assert_eq!(import(&world, &["clockings"], &vec![b'k'; 200_000]).status.code(), Some(2));
}
