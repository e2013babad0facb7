//! Every collection that has webhooks, read without a filter, as far as other days.

use std::collections::HashSet;

use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use super::{everything_shown_arrived, outage};
use crate::support::World;

const FLAGS: [&str; 8] =
    ["--lifetime", "1h", "--page-size", "7", "--empty-pages", "--retry-delay", "50ms", "--retries=1"];

/// Each with whether its objects are of days.
const ALL: [(&str, bool); 18] = [
    ("absences", true),
    ("absence-definitions", false),
    ("absence-groups", false),
    ("access-clockings", true),
    ("activity-durations", true),
    ("assignments", true),
    ("break-definitions", false),
    ("breaks", true),
    ("calculated-totals", true),
    ("clockings", true),
    ("contracts", false),
    ("counters", true),
    ("counter-definitions", false),
    ("counter-groups", false),
    ("paid-presences", true),
    ("people", false),
    ("shift-definitions", false),
    ("work-interruptions", true),
];

fn day(from_today: i64) -> String {
    let moment = Timestamp::now() + (24 * from_today).hours();
    moment.strftime("%Y-%m-%d").to_string()
}

fn id_of(changes: &[Value]) -> &Value {
    &changes.last().expect("a change")["id"]
}

/// The collections that go through an outage with changes of other days, and come back.
fn come_back(resync: &str, deletions: bool) -> World {
    let mut world = World::new(&FLAGS);
    // A link of a delta is not answered twice.
    world.sandbox.settings(&json!({"older_delta_link": "410"}));
    let mut last_month = Vec::new();
    for (collection, dated) in ALL {
        let new = json!({"collection": collection, "count": 9});
        let old =
            if dated { json!({"collection": collection, "date": day(-31), "count": 2}) } else { new.clone() };
        last_month.push((collection, world.sandbox.change_as(&old)));
        world.sandbox.change_as(&new);
    }
    let mut config = world.config(&ALL.map(|(collection, _)| collection));
    for webhook in &mut config.webhooks {
        webhook.resync = resync.to_owned();
    }
    world.start(&config);
    for (collection, _) in ALL {
        world.settled(collection);
    }
    everything_shown_arrived(&world);

    world.receiver.down(true);
    for (collection, objects) in &last_month {
        world.sandbox.change_as(&json!({"collection": collection, "id": id_of(objects)}));
    }
    for (collection, dated) in ALL {
        outage(&world, collection);
        for ahead in [31, 500].into_iter().filter(|_| dated) {
            world.sandbox.change_as(&json!({"collection": collection, "date": day(ahead)}));
        }
        if deletions {
            world.sandbox.change_as(&json!({"collection": collection, "kind": "delete"}));
        }
    }
    // What a delta told of by then has been told of once and for all.
    for (collection, _) in ALL {
        world.eventually("the resync does not get through", || {
            (world.daemon.webhook(collection)["last_error"]["step"] == "resync").then_some(())
        });
    }
    world.receiver.down(false);
    for (collection, _) in ALL {
        world.renewed(collection, "disabled");
        assert!(world.daemon.webhook(collection)["owed_resync"].is_null(), "{collection}");
    }
    for endpoint in ["collection", "delta"] {
        let requests = world.sandbox.requests(endpoint);
        let refused = requests.iter().find(|it| it["status"].as_u64().is_some_and(|status| status >= 400));
        assert_eq!(refused, None);
    }
    world
}

#[test]
fn a_list_of_each_brings_what_was_changed_of_other_days() {
    let world = come_back("kind = \"list\"", false);
    everything_shown_arrived(&world);
    world.nothing_lost();
}

#[test]
fn a_delta_of_each_brings_every_change_and_deletion() {
    let world = come_back("kind = \"delta\"", true);
    world.nothing_lost();
}

/// The tokens that pages were asked with, in order.
fn tokens(world: &World) -> Vec<String> {
    let query = |it: Value| it["query"].as_str().unwrap_or_default().to_owned();
    let token = |query: String| Some(query.split_once("continuationToken=")?.1.to_owned());
    world.sandbox.requests("collection").into_iter().map(query).filter_map(token).collect()
}

#[test]
fn a_page_token_that_died_begins_the_reading_again_and_is_not_asked_for_again() {
    for kind in ["list", "delta"] {
        let mut world = World::new(&FLAGS);
        world.sandbox.change("clockings", 40);
        world.sandbox.settings(&json!({"paging_token_lifetime_ms": 1}));
        let mut config = world.config(&["clockings"]);
        config.webhooks[0].resync = format!("kind = \"{kind}\"");
        world.start(&config);
        let error = world.eventually("reading is given up for now", || {
            let error = world.daemon.webhook("clockings")["last_error"].clone();
            (error["step"] == "catch_up").then_some(error)
        });
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("begun again 3 times"), "{message}");
        assert!(!world.daemon.webhook("clockings")["owed_resync"].is_null(), "{kind}");
        world.sandbox.settings(&json!({"paging_token_lifetime_ms": 3_600_000}));
        world.eventually("everything was read", || {
            world.daemon.webhook("clockings")["owed_resync"].is_null().then_some(())
        });
        world.nothing_lost();
        let asked = tokens(&world);
        let different: HashSet<&String> = asked.iter().collect();
        assert_eq!(asked.len(), different.len(), "{kind}: {asked:#?}");
    }
}

#[test]
fn a_conflict_on_a_kept_delta_is_asked_again_and_nothing_is_begun_again() {
    let mut world = World::new(&FLAGS);
    world.sandbox.change("clockings", 20);
    let mut config = world.config(&["clockings"]);
    config.webhooks[0].resync = "kind = \"delta\"".to_owned();
    world.start(&config);
    world.settled("clockings");
    world.nothing_lost();
    let conflict = json!({"kind": "status", "status": 409});
    world.sandbox.fault(&json!({"endpoint": "delta", "times": 7, "action": conflict}));
    let fresh = world.sandbox.requests("collection").len();
    world.receiver.down(true);
    world.sandbox.change("clockings", 3);
    world.sandbox.change_as(&json!({"collection": "clockings", "kind": "delete"}));
    outage(&world, "clockings");
    world.receiver.down(false);
    world.renewed("clockings", "disabled");
    world.nothing_lost();
    assert_eq!(world.sandbox.requests("collection").len(), fresh);
    assert!(!world.daemon.log().contains("reading it from its beginning"));
}

#[test]
fn a_change_that_was_told_survives_death_before_it_is_delivered() {
    let mut world = World::new(&FLAGS);
    world.sandbox.settings(&json!({"older_delta_link": "410"}));
    world.sandbox.change("people", 20);
    let mut config = world.config(&["people"]);
    config.webhooks[0].resync = "kind = \"delta\"".to_owned();
    world.start(&config);
    world.settled("people");
    world.nothing_lost();
    world.receiver.down(true);
    world.sandbox.change_as(&json!({"collection": "people", "kind": "delete", "count": 3}));
    outage(&world, "people");
    world.eventually("the resync does not get through", || {
        (world.daemon.webhook("people")["last_error"]["step"] == "resync").then_some(())
    });
    world.daemon.kill();
    world.sandbox.change_as(&json!({"collection": "people", "kind": "delete"}));
    world.daemon.start();
    world.receiver.down(false);
    world.renewed("people", "disabled");
    world.nothing_lost();
    let deleted = |event: &&Value| event["changeType"] == "Delete";
    assert_eq!(world.receiver.told("people").iter().filter(deleted).count(), 4);
}
