//! Scopes that Protime does not grant: who needs them is told, and no one else is stopped.

use serde_json::{Value, json};

use super::support::{Config, World};

const WEBHOOKS: [&str; 2] = ["connector-protimeapi-webhooks.read", "connector-protimeapi-webhooks.write"];
const PEOPLE: &str = "connector-protimeapi-people.read";

/// Clockings with a command, and people that are read by the daemon itself.
fn config(world: &World) -> Config {
    let mut config = world.config(&["clockings", "people"]);
    config.webhooks[1].resync = "kind = \"list\"".to_owned();
    config
}

fn refuse_people(world: &World) {
    world.sandbox.settings(&json!({"allowed_scopes": WEBHOOKS}));
}

fn tokens(world: &World) -> usize {
    world.sandbox.requests("token").len()
}

fn problems(world: &World) -> Vec<Value> {
    world.daemon.status.get("/v1/health").json()["problems"].as_array().cloned().unwrap_or_default()
}

/// What is said of people once it is blocked.
fn why_blocked(world: &World) -> String {
    world.eventually("people is blocked", || {
        let webhook = world.daemon.webhook("people");
        (webhook["state"] == "blocked").then(|| webhook["last_error"]["message"].as_str().unwrap().to_owned())
    })
}

#[test]
fn a_resync_without_its_scope_is_blocked_and_others_are_renewed_on() {
    let mut world = World::new(&["--lifetime", "6s"]);
    refuse_people(&world);
    // What asks for a scope that it does not know gets no token at all.
    let refusal = json!({"kind": "status", "status": 400, "body": "{\"error\":\"invalid_scope\"}",
        "content_type": "application/json"});
    world.sandbox.fault(&json!({"endpoint": "token", "times": 1, "action": refusal}));
    world.start(&config(&world));
    let error = why_blocked(&world);
    let expected = format!(
        "scope {PEOPLE} is missing from the token; ask Protime to grant it to client 'sandbox-client'"
    );
    assert!(error.contains(&expected), "{error}");
    let (posts, before) = (world.sandbox.creates("clockings").len(), tokens(&world));
    world.eventually("clockings is renewed three times", || {
        (world.sandbox.creates("clockings").len() >= posts + 3).then_some(())
    });
    assert!(tokens(&world) <= before + 1, "{} tokens", tokens(&world) - before);
    let life = world.sandbox.life("clockings");
    assert!(!life.iter().any(|it| it == "disabled expired"), "{life:?}");
    let told = problems(&world);
    assert!(told.iter().all(|it| it["webhook"] == "acme/people"), "{told:?}");
}

#[test]
fn a_scope_that_is_lost_is_named_before_it_is_needed() {
    let mut world = World::new(&["--lifetime", "1h"]);
    world.start(&config(&world));
    world.settled("people");
    world.settled("clockings");
    assert!(problems(&world).is_empty());
    refuse_people(&world);
    world.sandbox.revoke_tokens();
    let told = world.eventually("health names the scope", || problems(&world).first().cloned());
    assert_eq!(told["webhook"], "acme/people", "{told}");
    let problem = told["problem"].as_str().unwrap();
    assert!(problem.contains(PEOPLE) && problem.contains("events arrive meanwhile"), "{problem}");
    assert_eq!(problems(&world).len(), 1);
    assert_eq!(world.daemon.webhook("people")["state"], "active");
}

#[test]
fn a_post_that_needs_the_scope_of_its_collection_names_it_and_asks_for_no_token_per_attempt() {
    for missing in [401, 403] {
        let mut world = World::new(&["--lifetime", "1h"]);
        world.sandbox.settings(&json!({"post_needs_read": "yes", "missing_scope": missing}));
        // A resync command reads nothing of Protime's, so its scope is not asked for.
        let mut config = world.config(&["people"]);
        world.start(&config);
        let error = why_blocked(&world);
        let advice = format!(
            "{PEOPLE} for this as well, which was not asked for: ask Protime to grant it, and add it to the tenant's `scopes`"
        );
        assert!(error.contains(&advice), "{missing}: {error}");
        let (posts, before) = (world.sandbox.creates("people").len(), tokens(&world));
        world.eventually("two more attempts", || {
            (world.sandbox.creates("people").len() >= posts + 2).then_some(())
        });
        assert!(tokens(&world) <= before + 1, "{} tokens", tokens(&world) - before);
        config.tenant = format!("scopes = [\"{PEOPLE}\"]");
        world.daemon.kill();
        world.start(&config);
        world.settled("people");
    }
}

#[test]
fn a_tenant_asks_for_the_scopes_that_it_names() {
    let world = World::new(&["--lifetime", "1h"]);
    let mut config = world.config(&["clockings"]);
    config.tenant = "scopes = [\"connector-protimeapi-breaks.read\"]".to_owned();
    world.write(&config);
    let output = world.daemon.cli(&["check", "--online"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("✓ scopes: ") && text.contains("connector-protimeapi-breaks.read"), "{text}");
    refuse_people(&world);
    let output = world.daemon.cli(&["check", "--online"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    let expected =
        "scope connector-protimeapi-breaks.read is missing, so what the tenant's `scopes` asks for";
    assert!(text.contains(expected), "{text}");
}
