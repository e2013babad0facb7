//! A Protime that renews a webhook only after its end: no failure, no loss, and no hot loop.

use serde_json::json;

use super::support::World;

const NOTE: &str = "Protime renews it only after its end";

#[test]
fn what_is_refused_before_the_end_is_renewed_at_once_after_it() {
    for refusal in ["409", "400"] {
        let world = World::running(
            &[
                "--lifetime",
                "9s",
                "--post-while-enabled",
                refusal,
                "--retry-delay",
                "100ms",
                "--retries",
                "50",
            ],
            &["clockings"],
        );
        world.sandbox.load(&["clockings"], 10.0);
        world.eventually("it was put off", || {
            world.daemon.story("clockings").contains(&"expiring postponed".to_owned()).then_some(())
        });
        let webhook = world.daemon.webhook("clockings");
        assert_eq!(webhook["note"], NOTE, "{refusal}");
        assert_eq!(webhook["next_renewal_at"], webhook["remote"]["valid_until"], "{refusal}");
        world.eventually("three lives, each renewed after its end", || {
            let story = world.daemon.story("clockings");
            (story.iter().filter(|it| *it == "expired succeeded").count() >= 2).then_some(())
        });
        let story = world.daemon.story("clockings");
        let put_off = story.iter().filter(|it| it.ends_with("postponed")).count();
        assert_eq!(put_off, 1, "{refusal}: it is known from then on: {story:?}");
        assert!(!story.iter().any(|it| it.ends_with("failed")), "{refusal}: {story:?}");
        // Another one is created as ever; this one is not asked for before its end.
        let created = world.sandbox.creates("clockings");
        assert!(created.len() < 20, "{refusal}: {} POSTs", created.len());
        world.sandbox.load(&["clockings"], 0.0);
        world.settled("clockings");
        world.nothing_lost();
    }
}

#[test]
fn an_operator_is_told_why_and_what_changes_is_noticed() {
    let mut world =
        World::running(&["--lifetime", "1h", "--post-while-enabled", "409"], &["clockings", "people"]);
    let output = world.daemon.cli(&["renew", "clockings", "--wait"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("postponed") && said.contains(NOTE), "{said}");
    world.settled("clockings");
    for collection in ["clockings", "people"] {
        let webhook = world.daemon.webhook(collection);
        assert_eq!((&webhook["state"], &webhook["note"]), (&json!("active"), &json!(NOTE)), "{collection}");
        assert_eq!(webhook["next_renewal_at"], webhook["remote"]["valid_until"], "{collection}");
        assert!(webhook["owed_resync"].is_null() && webhook["last_error"].is_null(), "{webhook}");
    }
    assert_eq!(world.daemon.status.get("/v1/health").status, 200);
    world.daemon.stop();
    world.daemon.start();
    world.settled("people");
    assert_eq!(world.daemon.webhook("people")["note"], NOTE, "it is remembered");

    // One POST before an end that succeeds, and all is planned as before.
    world.sandbox.settings(&json!({"post_while_enabled": "rotates"}));
    assert!(world.daemon.cli(&["renew", "clockings", "--wait"]).status.success());
    for collection in ["clockings", "people"] {
        world.eventually("it is planned before its end", || {
            let webhook = world.daemon.webhook(collection);
            let planned = webhook["next_renewal_at"].as_str().is_some_and(|planned| {
                webhook["remote"]["valid_until"].as_str().is_some_and(|end| planned < end)
            });
            (planned && webhook["note"].is_null()).then_some(())
        });
    }
}

#[test]
fn a_key_that_was_lost_is_replaced_by_a_new_webhook() {
    let world = World::new(&["--lifetime", "1h", "--post-while-enabled", "409"]);
    world.sandbox.fault(&json!({"endpoint": "create", "times": 1, "action": {"kind": "reset-after"}}));
    let mut world = world;
    let config = world.config(&["clockings"]);
    world.start(&config);
    world.settled("clockings");
    assert_eq!(world.sandbox.requests("delete").len(), 1);
    world.sandbox.change("clockings", 3);
    world.nothing_lost();
}
