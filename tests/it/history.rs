//! How much of the history is kept is a setting, and a reload puts it in force; a long one that is damaged is told of
//! and keeps no one from renewing.

use std::{fs, os::unix::fs::FileExt as _};

use rusqlite::Connection;

use super::support::World;

#[test]
fn a_reload_that_keeps_less_lets_the_rest_go_and_the_newest_stays() {
    let mut world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = "kind = \"none\"".to_owned();
    world.start(&config);
    world.eventually("there are four renewals, and none is under way", || {
        let history = world.daemon.history("clockings");
        let rests = history.last().is_some_and(|newest| newest["outcome"] == "succeeded");
        if rests && history.len() < 4 {
            world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        }
        (rests && history.len() == 4).then_some(())
    });
    let newest = world.daemon.history("clockings")[3]["id"].clone();

    config.api += "\n[history]\nkeep_rows = 1";
    world.write(&config);
    assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
    world
        .eventually("the rest is forgotten", || (world.daemon.history("clockings").len() == 1).then_some(()));
    let left = &world.daemon.history("clockings")[0];
    assert_eq!((&left["id"], &left["outcome"]), (&newest, &"succeeded".into()));
    assert_eq!(left["steps"].as_array().unwrap().last().unwrap()["step"], "catch_up", "whole");
    assert_eq!(world.daemon.webhook("clockings")["last_renewal"]["id"], newest);
}

#[test]
fn damage_in_a_long_history_is_told_once_the_daemon_works_and_holds_up_no_renewal() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings"]);
    world.daemon.stop();
    let path = world.path("state/state.db");
    let database = Connection::open(&path).unwrap();
    let long = "PRAGMA synchronous = OFF; \
                WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 9000) INSERT INTO journal \
                (webhook_id, nth, entry) SELECT 1, 1, json_object('at', '2026-01-01T00:00:00Z', 'what', 'began', \
                'filler', hex(zeroblob(1900))) FROM n; PRAGMA wal_checkpoint(TRUNCATE)";
    database.execute_batch(long).unwrap();
    drop(database);
    let middle = fs::metadata(&path).unwrap().len() / 2 / 4096 * 4096;
    fs::File::options().write(true).open(&path).unwrap().write_all_at(&[0xAB; 64], middle).unwrap();

    world.daemon.start();
    let health = world.eventually("it is told", || {
        let health = world.daemon.status.get("/v1/health");
        (health.status == 503).then(|| health.json())
    });
    let problem = health["problems"][0]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("the database is damaged (") && problem.contains("restore a backup"),
        "{problem}"
    );
    world.eventually("the log has it", || {
        world.daemon.log().contains("the database is damaged;").then_some(())
    });
    let version = world.daemon.webhook("clockings")["key"]["version"].as_u64().unwrap();
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("it is renewed", || {
        (world.daemon.webhook("clockings")["key"]["version"] == version + 1).then_some(())
    });
}
