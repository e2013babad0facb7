//! How much of the history is kept is a setting, and a reload puts it in force.

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
