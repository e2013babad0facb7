//! `check` and the exit codes: what is wrong is said with its place, and secrets are not echoed.

use std::{fs, process::Output};

use super::support::{World, program};

fn everything(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_good_configuration_is_fine() {
    let world = World::new(&[]);
    world.write(&world.config(&["clockings", "people"]));
    let output = world.daemon.cli(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", everything(&output));
    assert!(everything(&output).contains("1 tenant, 2 webhooks"), "{}", everything(&output));
}

#[test]
fn what_the_sandbox_prints_to_paste_is_a_good_configuration() {
    let world = World::new(&[]);
    fs::write(world.path("config.toml"), &world.sandbox.opening).unwrap();
    let output = world.daemon.cli(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", everything(&output));
}

#[test]
fn all_mistakes_are_told_at_once_with_their_place() {
    let world = World::new(&[]);
    let mut config = world.config(&["clockings"]);
    config.daemon.push_str("\nstatus_pool = \"* * * * *\"");
    config.renewal = "renew_before = \"soon\"\nretry_initial = \"5 parsecs\"".to_owned();
    config.webhooks[0].destination_url = "http://receiver.example/hook".to_owned();
    world.write(&config);
    let output = world.daemon.cli(&["check"]);
    let text = everything(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    let source = fs::read_to_string(world.path("config.toml")).unwrap();
    for offending in ["status_pool", "\"soon\"", "\"5 parsecs\"", "\"http://receiver.example/hook\""] {
        let (before, _) = source.split_once(offending).unwrap();
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        let place = format!("config.toml:{line}:{column}");
        assert!(text.contains(&place), "no {place} for {offending} in\n{text}");
        assert!(text.contains(offending.trim_matches('"')), "no {offending} in\n{text}");
    }
    // The daemon refuses it alike.
    let run = world.daemon.cli(&["run"]);
    assert_eq!(run.status.code(), Some(78), "{}", everything(&run));
}

#[test]
fn a_literal_secret_is_refused_and_not_echoed() {
    let world = World::new(&[]);
    world.write(&world.config(&["clockings"]));
    let source = fs::read_to_string(world.path("config.toml")).unwrap();
    let line = source.lines().find(|line| line.starts_with("client_secret")).unwrap();
    for literal in
        ["client_secret = \"hunter2-the-secret\"", "client_secret = { value = \"hunter2-the-secret\" }"]
    {
        fs::write(world.path("config.toml"), source.replace(line, literal)).unwrap();
        for words in [&["check"][..], &["run"], &["status"]] {
            let output = world.daemon.cli(words);
            let text = everything(&output);
            assert_eq!(output.status.code(), Some(78), "{text}");
            assert!(text.contains("client_secret"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}

#[test]
fn a_missing_secret_is_a_mistake_of_the_configuration() {
    let world = World::new(&[]);
    world.write(&world.config(&["clockings"]));
    fs::remove_file(&world.sandbox.secret_file).unwrap();
    let output = world.daemon.cli(&["check"]);
    let text = everything(&output);
    assert_eq!(output.status.code(), Some(78), "{text}");
    assert!(text.contains("acme") && text.contains("client-secret"), "{text}");
}

/// What no HTTP header can hold is found before it is sent, by everyone who reads the file.
#[test]
fn a_secret_that_cannot_be_sent_is_a_mistake_of_the_configuration() {
    let world = World::running(&["--lifetime", "1h"], &["clockings"]);
    let token = world.path("token");
    let mut config = world.config(&["clockings"]);
    let keys = format!("url = \"http://127.0.0.1:9/\"\ntoken = {{ file = \"{}\" }}", token.display());
    config.webhooks[0].resync = format!("kind = \"http\"\n{keys}");
    config.webhooks[0].sinks = vec![format!("kind = \"http\"\n{keys}")];
    world.write(&config);
    for (content, why) in [
        ("hünter2", "not ASCII"),
        ("\u{feff}hunter2", "not ASCII"),
        ("hunter2\nhunter2", "more than one line"),
        ("hunter2\u{7f}", "control character"),
    ] {
        for file in [&token, &world.sandbox.secret_file] {
            let before = fs::read_to_string(file).unwrap_or_else(|_| "t0ken".to_owned());
            fs::write(&token, "t0ken").unwrap();
            fs::write(file, content).unwrap();
            let whose = if *file == token { "acme/clockings" } else { "tenant 'acme'" };
            for words in [&["check"][..], &["run"], &["reload"]] {
                let output = world.daemon.cli(words);
                let text = everything(&output);
                assert_eq!(output.status.code(), Some(78), "{words:?}: {text}");
                for part in [whose, why, &file.display().to_string()] {
                    assert!(text.contains(part), "{words:?}: no {part} in {text}");
                }
                assert!(!text.contains("nter2"), "{text}");
            }
            let answer = world.daemon.control.post("/v1/reload");
            assert_eq!(answer.status, 422, "{}", answer.text);
            assert!(answer.text.contains(why) && !answer.text.contains("nter2"), "{}", answer.text);
            fs::write(file, before).unwrap();
        }
    }
    assert!(!world.daemon.log().contains("nter2"));
    assert_eq!(world.daemon.cli(&["check"]).status.code(), Some(0));
}

#[test]
fn a_group_that_this_machine_lacks_is_a_warning() {
    let world = World::new(&[]);
    let mut config = world.config(&["clockings"]);
    config.daemon.push_str("\nsocket_group = \"no-such-group\"");
    let key = world.path("a.key");
    config.webhooks[0].sinks =
        vec![format!("kind = \"file\"\npath = \"{}\"\ngroup = \"nor-this-one\"", key.display())];
    world.write(&config);
    let output = world.daemon.cli(&["check"]);
    let text = everything(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    for part in [
        "[daemon] socket_group: this machine has no group 'no-such-group'",
        "acme/clockings, key_sink: this machine has no group 'nor-this-one'",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for words in
        [&["--config", "/nowhere/config.toml", "check"][..], &["--config", "/nowhere/config.toml", "run"]]
    {
        let output = program().args(words).output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{}", everything(&output));
        assert!(everything(&output).contains("/nowhere/config.toml"));
    }
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let unknown = program().arg("--config=/nowhere").arg("chek").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2), "{}", everything(&unknown));
    let world = World::running(&["--lifetime", "10m"], &["clockings"]);
    for words in [&["renew"][..], &["renew", "acme/people"], &["history", "acme/clockings", "--limit", "no"]]
    {
        let output = world.daemon.cli(words);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {}", everything(&output));
    }
}

#[test]
fn a_daemon_that_does_not_run_does_not_answer() {
    let world = World::new(&[]);
    world.write(&world.config(&["clockings"]));
    for words in [&["status"][..], &["history", "acme/clockings"], &["renew", "--all"]] {
        let output = world.daemon.cli(words);
        assert_eq!(output.status.code(), Some(3), "{words:?}: {}", everything(&output));
    }
}
