//! A webhook that leaves the configuration in mid-renewal and comes back still owes what it owed.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::support::{Config, World};

/// Two webhooks, of which that of `clockings` is held up in a renewal by its resync.
fn in_mid_renewal() -> (World, Config, Value) {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings", "people"]);
    world.receiver.resync_exit(3);
    world.sandbox.disable(&world.receiver.destination("clockings"), "clockings");
    world.sandbox.change("clockings", 3);
    let open = world.eventually("the resync fails", || {
        let webhook = world.daemon.webhook("clockings");
        (webhook["state"] == "retrying" && webhook["last_error"]["step"] == "resync").then_some(webhook)
    });
    world.daemon.stop();
    world.receiver.resync_exit(0);
    let config = world.config(&["clockings", "people"]);
    (world, config, open)
}

#[test]
fn a_renewal_goes_on_where_it_was_when_its_webhook_comes_back() {
    let (mut world, config, open) = in_mid_renewal();
    assert_eq!(open["renewal"]["reason"], "disabled", "{open}");
    let without = Config { webhooks: config.webhooks[1..].to_vec(), ..config.clone() };
    let (posts, resyncs) =
        (world.sandbox.creates("clockings").len(), world.receiver.resyncs("clockings").len());

    world.start(&without);
    world.settled("people");
    assert_eq!(world.daemon.control.get("/v1/webhooks/acme/clockings").status, 404);
    world.sandbox.change("clockings", 2);
    world.sandbox.change("people", 2);
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    world.renewed("people", "manual");
    let health = world.daemon.status.get("/v1/health");
    assert_eq!(health.status, 200, "what is not configured is not a problem: {}", health.text);
    assert_eq!(world.sandbox.creates("clockings").len(), posts, "no one asked for it");
    assert_eq!(world.receiver.resyncs("clockings").len(), resyncs);
    world.daemon.stop();

    world.start(&config);
    world.renewed("clockings", "disabled");
    assert_eq!(world.daemon.story("clockings"), ["created succeeded", "disabled succeeded"]);
    let renewal = world.daemon.history("clockings")[1].clone();
    assert_eq!((&renewal["id"], &renewal["started_at"]), {
        let open = &open["renewal"];
        (&open["id"], &open["started_at"])
    });
    assert_eq!(world.sandbox.creates("clockings").len(), posts + 1);
    // What is owed begins no later than it did before.
    let from: Timestamp = open["owed_resync"]["from"].as_str().unwrap().parse().unwrap();
    let paid = world.receiver.resyncs("clockings")[resyncs].input["from"].clone();
    let began = paid.as_str().map(|from| from.parse::<Timestamp>().unwrap());
    assert!(began.is_none_or(|began| began <= from), "{paid} is later than {from}");
    world.nothing_lost();
}

#[test]
fn a_webhook_that_left_while_its_key_was_unknown_is_healed_when_it_comes_back() {
    let mut world = World::running(&["--lifetime", "1h"], &["clockings", "people"]);
    let config = world.config(&["clockings", "people"]);
    world.sandbox.fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 5_000}}));
    world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
    world.eventually("the POST is processed", || {
        (world.sandbox.webhook("clockings")?["posts"] == 2).then_some(())
    });
    world.daemon.kill();
    assert!(world.sandbox.requests("create")[2]["status"].is_null(), "the answer was on its way");
    world.sandbox.change("clockings", 3);

    let without = Config { webhooks: config.webhooks[1..].to_vec(), ..config.clone() };
    world.start(&without);
    world.daemon.control.post("/v1/webhooks/acme/people/renew");
    world.renewed("people", "manual");
    assert_eq!(world.sandbox.creates("clockings").len(), 2, "no one asked for it");
    world.daemon.stop();

    world.start(&config);
    world.renewed("clockings", "interrupted");
    let story = ["created succeeded", "manual interrupted", "interrupted succeeded"];
    assert_eq!(world.daemon.story("clockings"), story);
    world.nothing_lost();
}
