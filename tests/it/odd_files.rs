//! What stands where a file should be is told and never waited for, and never written over.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Output,
};

use rustix::fs::{CWD, FileType, mknodat};

use super::support::World;

const LONG: &[&str] = &["--lifetime", "1h"];
/// What is put in a file's place, and what is said of it.
const KINDS: [(&str, &str); 4] = [
    ("pipe", "it is a named pipe and not a regular file"),
    ("device", "it is a device and not a regular file"),
    ("socket", "it is a socket and not a regular file"),
    ("folder", "Is a directory"),
];

/// What was printed, on one line: long ones are broken where it fits.
fn everything(output: &Output) -> String {
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn put(kind: &str, path: &Path) {
    match kind {
        "pipe" => mknodat(CWD, path, FileType::Fifo, 0o666.into(), 0).unwrap(),
        "device" => symlink("/dev/zero", path).unwrap(),
        "socket" => drop(UnixListener::bind(path).unwrap()),
        _ => fs::create_dir(path).unwrap(),
    }
}

fn take_away(path: &Path) {
    if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) }.unwrap();
}

/// A configuration in a main file and an included one, with a `ca_file`, and the files that it names.
fn world() -> (World, [std::path::PathBuf; 4]) {
    let world = World::new(LONG);
    let mut config = world.config(&["clockings"]);
    let authority = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&authority).unwrap();
    fs::write(world.path("ca.pem"), authority.pem()).unwrap();
    config.api = format!("{}\nca_file = \"{}\"", config.api, world.path("ca.pem").display());
    world.write(&config);
    let whole = fs::read_to_string(world.path("config.toml")).unwrap();
    let (main, tenant) = whole.split_at(whole.find("[[tenant]]").unwrap());
    fs::write(world.path("config.toml"), format!("include = [\"acme.toml\"]\n{main}")).unwrap();
    fs::write(world.path("acme.toml"), tenant).unwrap();
    let files = [
        world.path("config.toml"),
        world.path("acme.toml"),
        world.path("ca.pem"),
        world.sandbox.secret_file.clone(),
    ];
    (world, files)
}

#[test]
fn what_is_not_a_file_is_neither_read_nor_waited_for() {
    let (mut world, files) = world();
    let aside = world.path("aside");
    for (kind, said) in KINDS {
        for file in &files {
            fs::rename(file, &aside).unwrap();
            put(kind, file);
            for words in [&["check"][..], &["run"]] {
                let output = world.daemon.cli(words);
                let text = everything(&output);
                assert_eq!(output.status.code(), Some(78), "{kind} as {}: {text}", file.display());
                assert!(text.contains(said), "{kind} as {}: {text}", file.display());
                assert!(text.contains(file.file_name().unwrap().to_str().unwrap()), "{kind}: {text}");
            }
            take_away(file);
            fs::rename(&aside, file).unwrap();
        }
    }

    world.daemon.start();
    world.settled("clockings");
    for (kind, said) in KINDS {
        for file in &files {
            fs::rename(file, &aside).unwrap();
            put(kind, file);
            let answer = world.daemon.control.post("/v1/reload");
            assert_eq!(answer.status, 422, "{kind} as {}: {}", file.display(), answer.text);
            assert!(answer.text.contains(said), "{kind} as {}: {}", file.display(), answer.text);
            // Nor do the commands that only look for the sockets wait.
            let status = world.daemon.cli(&["status"]);
            assert!(status.status.code().is_some(), "{status:?}");
            take_away(file);
            fs::rename(&aside, file).unwrap();
            let answer = world.daemon.control.post("/v1/reload");
            assert_eq!(answer.status, 200, "a reload afterwards works: {}", answer.text);
        }
    }
    world.settled("clockings");
}

#[test]
fn no_key_is_written_over_a_file_that_is_read() {
    let (world, files) = world();
    let [main, tenant, ..] = &files;
    let text = fs::read_to_string(tenant).unwrap();
    let sink = format!("path = \"{}\"", world.key_file("clockings").display());
    let whats = ["is this configuration", "is an included file", "is `ca_file`", "is the file of a secret"];
    fs::create_dir(world.path("links")).unwrap();
    symlink(world.folder(), world.path("links/folder")).unwrap();
    for (file, what) in files.iter().zip(whats) {
        let name = file.strip_prefix(world.folder()).unwrap();
        let link = world.path("links").join(name.file_name().unwrap());
        symlink(file, &link).unwrap();
        for path in [file.clone(), link, world.path("links/folder").join(name)] {
            let right = format!("path = \"{}\"", path.display());
            fs::write(tenant, text.replace(&sink, &right)).unwrap();
            for words in [&["check"][..], &["run"]] {
                let output = world.daemon.cli(words);
                let said = everything(&output);
                assert_eq!(output.status.code(), Some(78), "{}: {said}", path.display());
                assert!(said.contains(what) && said.contains("the key would take its place"), "{said}");
                assert!(said.contains("acme.toml:"), "{said}");
            }
        }
    }
    fs::write(tenant, text.replace("client_secret", "key_field = \"k\"\nclient_secret")).unwrap();
    assert_eq!(world.daemon.cli(&["check"]).status.code(), Some(0));

    // A secret that is named behind the sink is found as well.
    let other = text.replace("\"acme\"", "\"other\"").replace("/clockings\"", "/elsewhere\"");
    let other = other.replace(&sink, &format!("path = \"{}\"", world.path("other.key").display()));
    let secret = format!("file = \"{}\"", world.sandbox.secret_file.display());
    let at_the_sink = format!("file = \"{}\"", world.key_file("clockings").display());
    fs::write(tenant, format!("{text}\n{}", other.replace(&secret, &at_the_sink))).unwrap();
    let said = everything(&world.daemon.cli(&["check"]));
    assert!(said.contains("`client_secret` names a file that a key sink writes to"), "{said}");
    assert!(main.is_file());
}

#[test]
fn two_sinks_are_one_file_by_whatever_path() {
    let world = World::new(LONG);
    symlink(world.folder(), world.path("folder")).unwrap();
    symlink("clockings.key", world.path("link.key")).unwrap();
    for path in ["clockings.key", "folder/clockings.key", "link.key"] {
        let mut config = world.config(&["clockings", "people"]);
        config.webhooks[1].sinks =
            vec![format!("kind = \"file\"\npath = \"{}\"", world.path(path).display())];
        world.write(&config);
        let output = world.daemon.cli(&["check"]);
        let text = everything(&output);
        assert_eq!(output.status.code(), Some(78), "{path}: {text}");
        assert!(text.contains("two key sinks write to the same file"), "{path}: {text}");
    }
    // The daemon's own files, too.
    fs::create_dir(world.path("state")).unwrap();
    symlink("state/state.db", world.path("harmless.key")).unwrap();
    let mut config = world.config(&["clockings"]);
    for path in ["state/state.db", "folder/state/lock", "harmless.key", "status.sock", "folder/control.sock"]
    {
        config.webhooks[0].sinks =
            vec![format!("kind = \"file\"\npath = \"{}\"", world.path(path).display())];
        world.write(&config);
        let output = world.daemon.cli(&["check"]);
        let text = everything(&output);
        assert_eq!(output.status.code(), Some(78), "{path}: {text}");
        assert!(text.contains("of the daemon's"), "{path}: {text}");
    }
}
