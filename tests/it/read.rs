//! Resyncs that read the collection: a receiver that has no code for a resync gets everything.

mod collections;
mod delta;
mod list;
mod overtaken;
mod pipe;
mod resume;

use std::collections::HashMap;

use serde_json::Value;

use super::support::{Config, World, until};

/// A webhook whose resync reads its collection.
fn config(world: &World, collection: &str, resync: &str) -> Config {
    let mut config = world.config(&[collection]);
    config.webhooks[0].resync = resync.to_owned();
    config
}

/// The changes that a list can still show: those of objects that exist.
fn shown(changes: &[Value]) -> Vec<Value> {
    let of = |change: &Value| (change["collection"].to_string(), change["id"].as_u64().unwrap());
    let mut latest: HashMap<(String, u64), &Value> = HashMap::new();
    for change in changes {
        latest.insert(of(change), change);
    }
    let exists = |change: &&Value| latest[&of(change)]["kind"] != "delete";
    changes.iter().filter(exists).cloned().collect()
}

/// Waits until the receiver holds every change that a list can show.
fn everything_shown_arrived(world: &World) {
    let arrived = || world.receiver.lost(&shown(&world.sandbox.changes())).is_empty().then_some(());
    if until(std::time::Duration::from_mins(1), arrived).is_none() {
        let changes = shown(&world.sandbox.changes());
        world.fail(&format!("lost: {:?}", world.receiver.lost(&changes)));
    }
}

/// Lets the receiver fail until Protime disables the webhook, with changes going on.
fn outage(world: &World, collection: &str) {
    world.receiver.down(true);
    world.eventually("Protime gives up", || {
        (world.sandbox.webhook(collection)?["status"] == "Disabled").then_some(())
    });
}

/// Checks that no event tells of an older version than one before it of the same object.
fn in_order(events: &[Value]) {
    let mut latest: HashMap<u64, &str> = HashMap::new();
    for event in events {
        let id = event["data"]["id"].as_u64().unwrap();
        // What has no version cannot be told to be older.
        let Some(version) = event["data"]["changeVersion"].as_str() else { continue };
        let before = latest.insert(id, version);
        assert!(before.is_none_or(|before| before <= version), "{event} comes after {before:?}");
    }
}
