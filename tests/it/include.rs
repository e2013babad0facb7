//! `include`: a file for each tenant, seen from outside.

use std::fs;

use super::support::World;

/// The configuration with its tenants in files of their own, as text of (main file, tenant).
fn split(world: &World) -> (String, String) {
    world.write(&world.config(&["clockings"]));
    let whole = fs::read_to_string(world.path("config.toml")).unwrap();
    let (main, tenant) = whole.split_at(whole.find("[[tenant]]").unwrap());
    (format!("include = [\"conf.d/*.toml\"]\n{main}"), tenant.to_owned())
}

#[test]
fn the_daemon_keeps_the_webhooks_of_an_included_file() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let (main, tenant) = split(&world);
    fs::write(world.path("config.toml"), &main).unwrap();
    fs::create_dir(world.path("conf.d")).unwrap();
    let check = world.daemon.cli(&["check"]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");
    assert!(String::from_utf8_lossy(&check.stdout).contains("matches no file"), "{check:?}");

    fs::write(world.path("conf.d/acme.toml"), tenant).unwrap();
    world.daemon.start();
    world.settled("clockings");
    world.sandbox.change("clockings", 2);
    world.nothing_lost();
}

#[test]
fn mistakes_in_an_included_file_are_told_with_its_name() {
    let world = World::new(&[]);
    let (main, tenant) = split(&world);
    fs::write(world.path("config.toml"), main.replace("\"200ms\"", "\"200 parsecs\"")).unwrap();
    fs::create_dir(world.path("conf.d")).unwrap();
    fs::write(world.path("conf.d/a.toml"), &tenant).unwrap();
    fs::write(world.path("conf.d/b.toml"), tenant.replace("collection =", "colection =")).unwrap();
    for words in [&["check"][..], &["run"]] {
        let output = world.daemon.cli(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{text}");
        for part in [
            "200 parsecs",
            "did you mean `collection`?",
            "conf.d/b.toml:10:1",
            "two tenants are named \"acme\" (first in ",
            "conf.d/a.toml:2:8",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
    }
}
