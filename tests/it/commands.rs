//! TERM and kill -9 in the middle of an operator's command: nothing is left behind, and it runs again.

use std::{fs, path::Path};

use super::support::{Config, World, words};

/// A command that starts a child and hangs, both deaf to TERM, until the file `go` is there.
/// It notes the process ids of both.
fn hanging(world: &World) -> String {
    let folder = world.folder().display();
    let script = format!(
        "cat > /dev/null; [ -e '{folder}/go' ] && exit 0; trap '' TERM; sleep 300 & echo $! $$ >> '{folder}/pids'; wait; sleep 300"
    );
    words(&["/bin/sh", "-c", &script])
}

/// The runs of the hanging command so far: each with the processes it consists of.
fn runs(world: &World) -> Vec<Vec<u32>> {
    let noted = fs::read_to_string(world.path("pids")).unwrap_or_default();
    let whole = noted.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| line.split_whitespace().map(|pid| pid.parse().unwrap()).collect()).collect()
}

fn running(world: &World, count: usize) -> Vec<u32> {
    world.eventually(&format!("run {count} of the command"), || runs(world).get(count - 1).cloned())
}

fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// Ends what a killed daemon could not: nothing of a test outlives it.
fn end(pids: &[u32]) {
    for pid in pids {
        let pid = rustix::process::Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
        let _gone = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
    }
}

/// What is tried with both kinds of command.
fn term_and_kill(world: &mut World, config: &Config, step: &str, posts: usize) {
    world.start(config);
    let first = running(world, 1);
    assert!(first.iter().all(|pid| is_alive(*pid)), "{first:?}");
    assert_eq!(world.daemon.webhook("clockings")["renewal"]["step"], step);
    let renewal = world.daemon.webhook("clockings")["renewal"]["id"].clone();
    world.daemon.stop();
    let alive: Vec<_> = first.iter().filter(|pid| is_alive(**pid)).collect();
    assert!(alive.is_empty(), "processes {alive:?} of the command outlive the daemon");

    world.daemon.start();
    let second = running(world, 2);
    world.daemon.kill();
    end(&second);

    world.daemon.start();
    let third = running(world, 3);
    assert_eq!(world.daemon.webhook("clockings")["renewal"]["id"], renewal, "it is the same renewal");
    assert_eq!(world.sandbox.creates("clockings").len(), posts);
    fs::write(world.path("go"), "").unwrap();
    world.daemon.stop();
    assert!(!third.iter().any(|pid| is_alive(*pid)), "{third:?}");

    world.daemon.start();
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
    assert_eq!(world.daemon.story("clockings"), ["created succeeded"]);
}

#[test]
fn a_resync_command() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = format!("kind = \"command\"\ncommand = {}", hanging(&world));
    term_and_kill(&mut world, &config, "resync", 0);
}

#[test]
fn a_key_command() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].sinks.push(format!("kind = \"command\"\ncommand = {}", hanging(&world)));
    world.sandbox.change("clockings", 2);
    term_and_kill(&mut world, &config, "hand_off", 1);
    world.nothing_lost();
}
