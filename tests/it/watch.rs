//! What a person without rights, or without a terminal, gets from `status`.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
};

use crate::support::{World, program};

const LONG: &[&str] = &["--lifetime", "1h"];

#[test]
fn a_live_screen_needs_a_terminal() {
    let world = World::running(LONG, &["clockings"]);
    let output = world.daemon.cli(&["status", "--watch"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--watch needs a terminal") && output.stdout.is_empty(), "{said}");
}

#[test]
fn the_first_line_answers_and_a_pipe_gets_a_line_for_each_webhook() {
    let world = World::running(LONG, &["clockings", "people"]);
    let output = world.daemon.cli(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("2 webhooks, all active; next renewal in "), "{text}");
    for name in ["● acme/clockings  active", "● acme/people     active"] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(name)).count(), 1, "{text}");
    }
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn who_may_not_read_the_file_is_sent_to_the_usual_socket() {
    let world = World::running(LONG, &["clockings"]);
    let config = world.daemon.config();
    let folder = world.folder();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = program();
    command.env("RUNTIME_DIRECTORY", folder).arg("--config").arg(&config).arg("status");
    if rustix::process::geteuid().is_root() {
        // No permission stops root; anybody else is meant.
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("this user may not read") && said.contains("status.sock"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("1 webhook, all active"), "{output:?}");
}
