//! A key that lives is not killed while the next one could not be handed off: also where it is not ours.

use std::{fs, os::unix::fs::symlink, path::Path};

use rustix::fs::{CWD, FileType, mknodat};

use super::support::{Config, World};

const LONG: &[&str] = &["--lifetime", "1h"];
const COLLECTIONS: [&str; 4] = ["clockings", "people", "absences", "breaks"];

/// A configuration whose key files are these, in the order of its webhooks.
fn with_paths(world: &World, paths: &[&str]) -> Config {
    let mut config = world.config(&COLLECTIONS[..paths.len()]);
    for (webhook, path) in config.webhooks.iter_mut().zip(paths) {
        let path = world.path(path);
        world.receiver.trust(&webhook.collection, path.clone());
        webhook.sinks = vec![format!("kind = \"file\"\npath = \"{}\"", path.display())];
    }
    config
}

/// Waits until a webhook is as it should be, with the key in the file of this path.
fn settled(world: &World, collection: &str, path: &str) {
    world.eventually("it is settled", || {
        let webhook = world.daemon.webhook(collection);
        let key = fs::read_to_string(world.path(path)).ok()?;
        let theirs = world.sandbox.webhook(collection)?["key"].as_str().map(str::to_owned);
        let is_same = theirs.as_deref() == Some(&*key) && world.daemon.key(collection) == theirs;
        (is_same && webhook["state"] == "active" && webhook["renewal"].is_null()).then_some(())
    });
}

fn posts(world: &World) -> usize {
    world.sandbox.requests("create").len()
}

/// What is in the way of a key file.
// What needs root (mount points, marks of a file system, sticky folders) is in `tests/systemd/key-files`.
struct Obstacle {
    path: &'static str,
    reason: &'static str,
    /// Clears the way, in this folder.
    clear: fn(&Path),
}

const OBSTACLES: [Obstacle; 4] = [
    Obstacle {
        path: "missing/clockings.key",
        reason: "does not exist; create it",
        clear: |folder| fs::create_dir(folder.join("missing")).unwrap(),
    },
    Obstacle {
        path: "folder",
        reason: "there is a folder of this name; remove it",
        clear: |folder| fs::remove_dir(folder.join("folder")).unwrap(),
    },
    Obstacle {
        path: "pipe",
        reason: "there is a pipe, a socket or a device of this name",
        clear: |folder| fs::remove_file(folder.join("pipe")).unwrap(),
    },
    Obstacle {
        path: "link",
        reason: "gone' does not exist; create it",
        clear: |folder| fs::create_dir(folder.join("gone")).unwrap(),
    },
];

#[test]
fn the_first_run_leaves_a_living_key_alone_that_it_could_not_replace() {
    let mut world = World::running(LONG, &COLLECTIONS);
    world.daemon.stop();
    // Someone else made these webhooks and has their keys; this daemon knows nothing of them.
    fs::remove_dir_all(world.path("state")).unwrap();
    let posted = posts(&world);
    fs::create_dir(world.path("folder")).unwrap();
    mknodat(CWD, world.path("pipe"), FileType::Fifo, 0o600.into(), 0).unwrap();
    symlink("gone/too", world.path("link")).unwrap();
    let config = with_paths(&world, &OBSTACLES.map(|obstacle| obstacle.path));
    world.write(&config);

    let check = world.daemon.cli(&["check"]);
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    world.daemon.start();
    for (collection, Obstacle { path, reason, .. }) in COLLECTIONS.iter().zip(&OBSTACLES) {
        let webhook = world.eventually("it is held up", || {
            let webhook = world.daemon.webhook(collection);
            webhook["last_error"]["message"].is_string().then_some(webhook)
        });
        assert_eq!((&webhook["state"], &webhook["last_error"]["step"]), (&"retrying".into(), &"post".into()));
        assert_eq!(webhook["renewal"]["reason"], "unknown_key", "{webhook}");
        let told = webhook["last_error"]["message"].as_str().unwrap();
        assert!(told.contains(reason) && told.contains(path), "{told}");
        let warning = said.lines().find(|line| line.contains(&format!("acme/{collection}, key_sink")));
        assert!(warning.is_some_and(|warning| warning.contains(reason)), "{collection}: {said}");
    }
    let health = world.daemon.status.get("/v1/health");
    assert!(health.status == 503 && health.text.contains("does not exist"), "{health:?}");
    assert_eq!(posts(&world), posted, "no one's key was killed");

    for obstacle in &OBSTACLES {
        (obstacle.clear)(world.folder());
    }
    for (collection, Obstacle { path, .. }) in COLLECTIONS.iter().zip(&OBSTACLES) {
        settled(&world, collection, path);
        assert_eq!(world.daemon.story(collection), ["unknown_key succeeded"]);
    }
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn where_only_some_are_ready_a_key_that_was_never_ours_is_left_alone_and_a_foreign_one_is_replaced() {
    let mut world = World::running(LONG, &["clockings"]);
    let mut config = world.config(&["clockings"]);
    let other = world.path("other");
    fs::create_dir(&other).unwrap();
    config.webhooks[0].sinks.push(format!("kind = \"file\"\npath = \"{}/b.key\"", other.display()));
    world.write(&config);
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world.eventually("both have it", || other.join("b.key").exists().then_some(()));
    world.settled("clockings");
    fs::remove_dir_all(&other).unwrap();

    // The key of our sinks is dead already: the one that is ready is not kept waiting for the other.
    world.sandbox.foreign_renew(&world.receiver.destination("clockings"), "clockings");
    world.eventually("the sink that is ready has the new key", || {
        (world.daemon.webhook("clockings")["key"]["version"] == 2 && world.keys_agree("clockings"))
            .then_some(())
    });
    world.daemon.stop();

    fs::remove_dir_all(world.path("state")).unwrap();
    let posted = posts(&world);
    world.daemon.start();
    world.eventually("it is held up", || {
        let error = world.daemon.webhook("clockings")["last_error"]["message"].clone();
        error.as_str().is_some_and(|error| error.contains("does not exist")).then_some(())
    });
    assert_eq!(posts(&world), posted, "either file may be the one that someone reads");
    fs::create_dir(&other).unwrap();
    world.settled("clockings");
}

#[test]
fn a_key_file_that_is_a_link_is_followed_from_creation_to_renewal() {
    let mut world = World::new(LONG);
    for folder in ["run", "etc"] {
        fs::create_dir(world.path(folder)).unwrap();
    }
    symlink("../run/clockings.key", world.path("etc/clockings.key")).unwrap();
    let config = with_paths(&world, &["etc/clockings.key"]);
    world.start(&config);
    settled(&world, "clockings", "etc/clockings.key");
    let real = world.path("run/clockings.key");
    assert_eq!(fs::read_to_string(&real).ok(), world.daemon.key("clockings"));
    assert!(fs::symlink_metadata(world.path("etc/clockings.key")).unwrap().is_symlink(), "the link stays");

    // What it leads to is not there, as after a boot: nothing is sent, and what is wrong is said of both
    // ends.
    fs::rename(world.path("run"), world.path("gone")).unwrap();
    // Also once that is known: a receiver that has read the key holds it still.
    world.eventually("it is missed", || {
        world.daemon.webhook("clockings")["key_sinks"][0]["version"].is_null().then_some(())
    });
    assert_eq!(world.daemon.control.post("/v1/webhooks/acme/clockings/renew").status, 202);
    let told = world.eventually("it is held up", || {
        let history = world.daemon.history("clockings");
        let manual = history.iter().find(|renewal| renewal["reason"] == "manual")?;
        let post = manual["steps"].as_array()?.iter().find(|step| step["step"] == "post")?;
        (!post["finished_at"].is_null()).then(|| post["error"].as_str().unwrap_or("sent").to_owned())
    });
    assert!(told.contains("etc/clockings.key' (a link to '") && told.contains("does not exist"), "{told}");
    assert_eq!(posts(&world), 1);
    fs::rename(world.path("gone"), world.path("run")).unwrap();
    world.eventually("it is renewed", || {
        (world.daemon.webhook("clockings")["key"]["version"] == 2).then_some(())
    });
    settled(&world, "clockings", "etc/clockings.key");
    assert_eq!(fs::read_to_string(&real).ok(), world.daemon.key("clockings"));
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}
