//! A resync that fails or hangs: what is owed stays owed, and is paid.

use std::{fs, path::Path};

use super::support::{World, words};

#[test]
fn hold_means_no_post_before_the_resync_succeeded() {
    let mut world = World::new(&["--lifetime", "1h"]);
    world.receiver.resync_exit(3);
    let config = world.config(&["clockings"]);
    world.start(&config);
    let webhook = world.eventually("the resync fails more than once", || {
        let webhook = world.daemon.webhook("clockings");
        (world.receiver.resyncs("clockings").len() >= 2 && webhook["state"] == "retrying").then_some(webhook)
    });
    assert_eq!(webhook["last_error"]["step"], "resync");
    assert!(webhook["last_error"]["message"].as_str().unwrap().contains('3'), "{webhook}");
    assert!(webhook["last_error"]["retry_at"].is_string());
    assert!(
        webhook["owed_resync"]["to"].is_string() && webhook["owed_resync"]["from"].is_null(),
        "{webhook}"
    );
    assert_eq!(world.daemon.cli(&["status"]).status.code(), Some(1));
    let steps = world.daemon.history("clockings")[0]["steps"].as_array().unwrap().clone();
    assert!(steps.iter().all(|step| step["step"] == "resync"), "{steps:?}");
    assert!(steps.iter().any(|step| step["output"] == "resynchronised with 3\n"), "{steps:?}");
    assert_eq!(world.sandbox.creates("clockings").len(), 0);

    world.receiver.resync_exit(0);
    let webhook = world.settled("clockings");
    assert!(webhook["owed_resync"].is_null() && webhook["last_error"].is_null(), "{webhook}");
}

#[test]
fn proceed_means_a_post_all_the_same_and_a_debt() {
    let mut world = World::new(&["--lifetime", "1h"]);
    world.receiver.resync_exit(4);
    world.sandbox.change("clockings", 3);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync.push_str("\non_failure = \"proceed\"");
    world.start(&config);
    let webhook = world.eventually("it delivers and owes", || {
        let webhook = world.daemon.webhook("clockings");
        (world.keys_agree("clockings") && !webhook["owed_resync"].is_null()).then_some(webhook)
    });
    assert!(webhook["owed_resync"]["from"].is_null(), "everything is owed: {webhook}");
    assert!(!world.receiver.lost(&world.sandbox.changes()).is_empty(), "the resync failed");
    // The debt survives whatever happens to the process.
    world.daemon.kill();
    world.daemon.start();
    assert!(!world.daemon.webhook("clockings")["owed_resync"].is_null());
    world.receiver.resync_exit(0);
    world.nothing_lost();
    world.eventually("the debt is paid", || {
        world.daemon.webhook("clockings")["owed_resync"].is_null().then_some(())
    });
    world.settled("clockings");
    assert_eq!(world.sandbox.creates("clockings").len(), 1);
}

#[test]
fn a_hanging_resync_is_killed_with_all_its_children() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let pids = world.path("pids");
    let script = format!(
        "echo about to hang; sleep 1000 & echo $! >> '{0}'; (trap '' TERM; sleep 1000) & echo $$ >> '{0}'; wait",
        pids.display()
    );
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync =
        format!("kind = \"command\"\ncommand = {}\ntimeout = \"1s\"", words(&["/bin/sh", "-c", &script]));
    world.start(&config);
    let step = world.eventually("the resync is given up", || {
        let history = world.daemon.history("clockings");
        let steps = history.first()?["steps"].as_array()?.clone();
        steps.into_iter().find(|step| step["outcome"] == "failed")
    });
    assert!(step["error"].as_str().unwrap().contains("1s"), "{step}");
    assert_eq!(step["output"], "about to hang\n");
    assert_eq!(world.sandbox.creates("clockings").len(), 0);
    let first: Vec<String> = fs::read_to_string(&pids).unwrap().lines().take(2).map(str::to_owned).collect();
    world.daemon.stop();
    for pid in first {
        world.eventually(&format!("process {pid} is gone"), || {
            let stat = fs::read_to_string(Path::new("/proc").join(&pid).join("stat")).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        });
    }
    assert!(fs::read_to_string(&pids).unwrap().lines().count() >= 2);
}
