//! What an operator reads who is needed at once: who is to blame, what it means and what to do.

use std::{
    fs,
    net::TcpListener,
    process::{Command, Output},
};

use serde_json::json;

use super::support::{World, program, words};

const LONG: &[&str] = &["--lifetime", "1h"];

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Waits until `status` ends with this code and says all of this, and returns what it said.
fn says(world: &World, code: i32, parts: &[&str]) -> String {
    world.eventually(&format!("status ends with {code} and says {parts:?}"), || {
        let output = world.daemon.cli(&["status"]);
        let said = text(&output);
        let all = parts.iter().all(|part| said.contains(part));
        (output.status.code() == Some(code) && all).then_some(said)
    })
}

/// The same at a terminal of so many columns.
fn at_terminal(world: &World, columns: u16, arguments: &str) -> String {
    let command = format!(
        "stty cols {columns}; '{}' --config '{}' {arguments}",
        program().get_program().display(),
        world.daemon.config().display()
    );
    let mut script = Command::new("script");
    let output = script.args(["-qec", &command, "/dev/null"]).env("TERM", "dumb").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(!said.contains('\x1b'), "a dumb terminal gets text only: {said:?}");
    said
}

#[test]
fn what_protime_refuses_is_said_with_its_cure() {
    let mut world = World::running(LONG, &["clockings"]);
    says(&world, 0, &["1 webhook, all active"]);
    world.sandbox.settings(&json!({"allowed_scopes": ["connector-protimeapi-webhooks.read"]}));
    world.sandbox.revoke_tokens();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    let scope = "scope connector-protimeapi-webhooks.write is missing from the token; ask Protime to grant it to \
                 client 'sandbox-client'";
    let general = "Protime did not grant connector-protimeapi-webhooks.write; ask Protime to grant it to client \
                   'sandbox-client'";
    let said = says(&world, 1, &["blocked", scope, general, "; events still arrive, until 20"]);
    assert!(said.starts_with("the only webhook needs you: 1 blocked"), "{said}");

    // Those who read the card read every sentence once.
    let card = text(&world.daemon.cli(&["status", "clockings"]));
    assert_eq!(card.matches(scope).count(), 1, "{card}");
    world.daemon.stop();
}

#[test]
fn a_tenant_that_is_not_reached_is_said_once_and_asked_again() {
    let mut world = World::new(LONG);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = world.config(&["clockings", "people"]);
    world.write(&config);
    let file = world.path("config.toml");
    let wrong =
        fs::read_to_string(&file).unwrap().replacen(&world.sandbox.origin, &format!("http://{free}"), 1);
    fs::write(&file, wrong).unwrap();
    world.daemon.start();
    let cure = "no one listens there, or a firewall refuses: check the address and the port";
    says(&world, 1, &["retrying", "not known yet: the list of webhooks cannot be read", cure, "next try "]);
    let screen = at_terminal(&world, 100, "status");
    let flat = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(flat.matches(cure).count(), 1, "{screen}");
    assert_eq!(flat.matches("the list of webhooks cannot be read, see above").count(), 2, "{screen}");
    let refused = at_terminal(&world, 80, "status --watch");
    assert!(refused.contains("TERM says 'dumb'; use 'status', or set TERM"), "{refused}");
    let card = text(&world.daemon.cli(&["status", "people"]));
    assert!(card.contains("next try ") && !card.contains("before someone acts"), "{card}");
    assert!(card.contains("not known yet") && card.matches(cure).count() == 1, "{card}");
}

#[test]
fn what_fails_here_is_said_with_how_urgent_it_is() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings", "people"]);
    config.webhooks[0].resync = format!("kind = \"command\"\ncommand = {}", words(&["/nowhere/resync"]));
    config.webhooks[1].sinks.push(format!(
        "kind = \"command\"\ncommand = {}",
        words(&["/bin/sh", "-c", "cat > /dev/null; exit 7"])
    ));
    world.start(&config);
    let parts = [
        "acme/clockings  retrying",
        "the step 'resync' fails: cannot run '/nowhere/resync': there is no such file; install it, or correct its path",
        "; no events arrive before it succeeds; `history` shows what was written",
        "acme/people     retrying",
        "the step 'hand_off' fails: key sink 'command:/bin/sh': '/bin/sh' ended with exit status 7; a receiver that \
         gets the key there refuses events meanwhile; `history` shows what was written",
    ];
    let said = says(&world, 1, &parts);
    assert_eq!(said.matches("ended with exit status 7").count(), 1, "{said}");
    assert!(!said.contains("next try just now"), "{said}");
    for columns in [40, 60, 80, 200] {
        for arguments in ["status", "status people"] {
            let screen = at_terminal(&world, columns, arguments);
            let width = usize::from(columns);
            // A path that is longer than what is left beside a label cannot be broken.
            let breaks = |line: &str| line.split_whitespace().all(|word| word.chars().count() + 17 <= width);
            let too_long = |line: &&str| line.chars().count() > width && breaks(line);
            // The first line is one sentence, which a terminal breaks by itself.
            let long: Vec<&str> = screen.lines().skip(1).filter(too_long).collect();
            assert!(long.is_empty(), "{columns} columns, {arguments}: {long:?}");
        }
    }
}

#[test]
fn a_webhook_that_someone_else_made_is_not_said_to_be_dead() {
    let mut world = World::running(LONG, &["clockings"]);
    world.daemon.stop();
    fs::remove_dir_all(world.path("state")).unwrap();
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = format!("kind = \"command\"\ncommand = {}", words(&["/nowhere/resync"]));
    world.start(&config);
    says(&world, 1, &["unknown_key", "; events arrive, signed with a key that is not known here"]);
}

#[test]
fn status_is_a_check_in_every_state() {
    let mut world = World::new(LONG);
    let mut config = world.config(&["clockings", "people"]);
    config.renewal = config.renewal.replace("per_hour = 1000", "per_hour = 1");
    let (go, sink) = (world.path("go"), world.key_file("people"));
    let script = format!("[ \"$PROTIME_REASON\" = created ] || [ -e '{}' ] || sleep 1000", go.display());
    config.webhooks[1].resync =
        format!("kind = \"command\"\ncommand = {}", words(&["/bin/sh", "-c", &script]));
    world.start(&config);
    says(&world, 0, &["2 webhooks, all active"]);
    assert_eq!(world.daemon.cli(&["status", "people"]).status.code(), Some(0));
    let unknown = world.daemon.cli(&["status", "peple"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown).contains("did you mean acme/people?"), "{}", text(&unknown));

    // Renewing, and dead meanwhile.
    world.sandbox.disable(&world.receiver.destination("people"), "people");
    says(&world, 1, &["◐ acme/people     renewing", "delivers no events: renewal ", "is at 'resync'"]);
    assert_eq!(world.daemon.cli(&["status", "people"]).status.code(), Some(1));
    assert_eq!(world.daemon.cli(&["status", "clockings"]).status.code(), Some(0));
    fs::write(&go, "").unwrap();
    world.daemon.stop();
    world.daemon.start();
    says(&world, 0, &["2 webhooks, all active"]);
    assert!(sink.exists());

    // Contended.
    world.eventually("clockings is contended", || {
        world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
        world.daemon.control.post("/v1/poll");
        (world.daemon.webhook("clockings")["state"] == "contended").then_some(())
    });
    says(
        &world,
        1,
        &["◆ acme/clockings  contended", "stop the other program, or fix the receiver, then `renew` it"],
    );

    // What left the configuration is no one's problem.
    let mut fewer = config.clone();
    fewer.webhooks.remove(0);
    world.write(&fewer);
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    says(&world, 0, &["1 webhook, all active", "! acme/clockings (clockings to ", "configure it again"]);
    world.daemon.stop();
    says(&world, 3, &["the daemon does not run"]);
}

#[test]
fn a_file_that_was_spoilt_does_not_hide_the_daemon_that_works_on() {
    let mut world = World::running(LONG, &["clockings"]);
    let file = world.path("config.toml");
    let good = fs::read_to_string(&file).unwrap();
    fs::write(&file, good.replace("retry_max = ", "retry_maximum = ")).unwrap();
    let note =
        "is wrong, as 'protime-webhookd check' explains; asking the daemon that works with an earlier one";
    says(&world, 78, &[note, "1 webhook, all active"]);
    let history = world.daemon.cli(&["history", "clockings"]);
    assert_eq!(history.status.code(), Some(78));
    assert!(text(&history).contains("✓ hand_off"), "{}", text(&history));
    assert_eq!(world.daemon.control.post("/v1/reload").status, 422);
    says(&world, 1, &[note, "the configuration file is wrong", "unknown key `retry_maximum`"]);

    // No one works on any more: what is wrong with the file is all there is to say.
    world.daemon.stop();
    says(&world, 78, &["unknown key `retry_maximum`", "did you mean `retry_max`?"]);
    fs::write(&file, good).unwrap();
    says(&world, 3, &["the daemon does not run", "systemctl start protime-webhookd", "journalctl -u"]);
}

#[test]
fn a_second_daemon_is_told_what_to_do_instead() {
    let world = World::running(LONG, &["clockings"]);
    let second = world.daemon.cli(&["run"]);
    let said = text(&second);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("in use by process {}", world.daemon.pid())), "{said}");
    assert!(said.contains("ask that one with `protime-webhookd status`, or stop it first"), "{said}");
}
