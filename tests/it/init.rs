//! `init`: what it writes passes `check`, what is there stays, and what is wrong is told.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    process::{Command, Output, Stdio},
    thread,
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

use super::support::{World, program};

const FLAGS: [&str; 14] = [
    "--user-agent",
    "Renewal/v1 (Test)",
    "--environment",
    "production",
    "--tenant",
    "acme",
    "--client-id",
    "my-client",
    "--collection",
    "clockings",
    "--destination-url",
    "https://example.com/{collection}",
    "--resync",
    "none",
];

/// `init` into a folder, with a secret that is there.
fn init(folder: &Path) -> Command {
    let secret = folder.join("secret");
    fs::write(&secret, "a secret\n").unwrap();
    let mut command = program();
    command.arg("--config").arg(folder.join("config.toml")).arg("init").args(FLAGS);
    command.arg("--client-secret-file").arg(secret).stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn what_it_writes_passes_check_and_is_not_for_everyone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    let (code, said, errors) = run(init(folder.path())
        .args(["--collection", "people"])
        .args(["--key-file", "/run/receiver/{collection}.key"]));
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("configuration is fine: 1 tenant, 2 webhooks"), "{said}");
    assert!(said.contains(&format!("protime-webhookd --config {} run", file.display())), "{said}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
    let (code, _, errors) = run(program().arg("--config").arg(&file).arg("check"));
    assert_eq!(code, Some(0), "{errors}");
    let text = fs::read_to_string(&file).unwrap();
    for line in ["# renew_before = \"1/3\"", "path = \"/run/receiver/people.key\"", "kind = \"none\""] {
        assert!(text.lines().any(|written| written == line), "no {line} in\n{text}");
    }
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_daemon_runs_with_what_it_wrote() {
    let mut world = World::new(&["--lifetime", "10m"]);
    let secret = world.sandbox.secret_file.clone();
    let mut command = program();
    command.args([
        "init",
        "--user-agent",
        "Renewal/v1 (Test)",
        "--tenant",
        "acme",
        "--client-id",
        "sandbox-client",
    ]);
    command.args([
        "--collection",
        "clockings",
        "--destination-url",
        &world.receiver.destination("clockings"),
    ]);
    command.args(["--api-origin", &world.sandbox.admin.origin, "--resync-command", "true"]);
    command.args(["--token-url", &format!("{}/tenants/acme/connect/token", world.sandbox.admin.origin)]);
    command.arg("--client-secret-file").arg(&secret).arg("--key-file").arg(world.key_file("clockings"));
    let file = world.path("config.toml");
    let (code, _, errors) = run(command.arg("--output").arg(&file).stdin(Stdio::null()));
    assert_eq!(code, Some(0), "{errors}");
    // The folders of a test are not those of a service.
    let text = fs::read_to_string(&file).unwrap();
    let own = |key: &str, name: &str| format!("{key} = \"{}\"", world.path(name).display());
    let own = [
        own("state_dir", "state"),
        own("status_socket", "status.sock"),
        own("control_socket", "control.sock"),
    ];
    fs::write(&file, text.replace("[daemon]\n", &format!("[daemon]\n{}\n", own.join("\n")))).unwrap();
    world.daemon.start();
    world.settled("clockings");
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    fs::write(&file, "mine").unwrap();
    let (code, said, errors) = run(&mut init(folder.path()));
    assert_eq!((code, said.as_str()), (Some(2), ""));
    assert!(errors.contains("is there already; --force replaces it"), "{errors}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    // A link that leads nowhere is there, too.
    let link = folder.path().join("link.toml");
    symlink(folder.path().join("nowhere"), &link).unwrap();
    assert_eq!(run(init(folder.path()).arg("--output").arg(&link)).0, Some(2));

    fs::remove_file(&link).unwrap();
    symlink(&file, &link).unwrap();
    let (code, _, errors) = run(init(folder.path()).arg("--force").arg("--output").arg(&link));
    assert_eq!(code, Some(0), "{errors}");
    assert!(fs::read_link(&link).is_ok(), "the link is still one");
    assert!(fs::read_to_string(&file).unwrap().contains("my-client"));
}

#[test]
fn every_wrong_and_every_missing_flag_is_named_at_once() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    let mut command = program();
    command.arg("--config").arg(&file).args(["init", "--user-agent", "none", "--tenant", "a b"]);
    let (code, said, errors) = run(command.stdin(Stdio::null()));
    assert_eq!((code, said.as_str()), (Some(2), ""));
    for part in ["--user-agent: ", "--tenant: ", "missing: --environment", "--collection", "--resync-command"]
    {
        assert!(errors.contains(part), "no {part} in\n{errors}");
    }
    let (code, _, errors) = run(program().arg("--config").arg(&file).arg("init").stdin(Stdio::null()));
    assert_eq!(code, Some(2));
    assert!(errors.contains("--client-id") && errors.contains("run it at a terminal"), "{errors}");
    assert!(!file.exists());
}

#[test]
fn a_place_that_cannot_be_written_to_is_named() {
    let folder = TempDir::new().unwrap();
    let (code, _, errors) = run(init(folder.path()).args(["--output", "/nowhere/config.toml"]));
    assert_eq!(code, Some(1));
    assert!(errors.contains("there is no folder /nowhere; make it"), "{errors}");
}

#[test]
fn a_missing_secret_is_the_next_step_and_no_mistake() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    let mut command = program();
    command.arg("init").args(FLAGS).args(["--client-secret-credential", "acme-client-secret", "--output"]);
    let (code, said, errors) = run(command.arg(&file).stdin(Stdio::null()));
    assert_eq!(code, Some(0), "{errors}");
    assert!(said.contains("LoadCredential=acme-client-secret"), "{said}");
}

#[test]
fn to_standard_output_goes_the_file_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let (code, said, errors) = run(init(folder.path()).args(["--output", "-"]));
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let file = folder.path().join("piped.toml");
    fs::write(&file, said).unwrap();
    assert_eq!(run(program().arg("--config").arg(&file).arg("check")).0, Some(0));
}

/// A terminal, and the end of it that a program sees.
fn terminal() -> (File, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    (File::from(ours), File::options().read(true).write(true).open(name).unwrap())
}

#[test]
fn at_a_terminal_it_asks_and_asks_again() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("config.toml");
    let (mut ours, theirs) = terminal();
    let mut child = program()
        .arg("--config")
        .arg(&file)
        .args(["init", "--client-id", "my-client"])
        .stdin(theirs.try_clone().unwrap())
        .stdout(Stdio::piped())
        .stderr(theirs)
        .spawn()
        .unwrap();
    let answers = "Renewal\nRenewal/v1 (Test)\n\nacme\n\n\nhttps://example.com/hook\nnone\n\n";
    ours.write_all(answers.as_bytes()).unwrap();
    let mut reader = ours.try_clone().unwrap();
    let shown = thread::spawn(move || {
        let mut shown = Vec::new();
        // A terminal whose other end was closed answers with an error instead of an end.
        let _ended = reader.read_to_end(&mut shown);
        String::from_utf8_lossy(&shown).into_owned()
    });
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let shown = shown.join().unwrap();
    assert!(shown.contains("\"Renewal\" is not a user agent as Protime demands it; write"), "{shown}");
    assert!(!shown.contains("OAuth client id"), "{shown}");
    assert!(said.contains("is written"), "{said}");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("client_secret = { credential = \"acme-client-secret\" }"), "{text}");
}

#[test]
fn at_a_terminal_nothing_is_asked_when_the_flags_say_enough() {
    let folder = TempDir::new().unwrap();
    let (ours, theirs) = terminal();
    let (code, said, errors) = run(init(folder.path()).stdin(theirs));
    drop(ours);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.contains("is written"), "{said}");
}
