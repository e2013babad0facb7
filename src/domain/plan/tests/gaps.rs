//! Where a gap begins, and what proves that there is none, as tables.

use super::*;
use crate::domain::{outbox::Outbox, state::Recheck};

const MARGIN: Duration = Duration::from_secs(100);

#[test]
fn a_gap_begins_where_everything_before_is_known_to_have_arrived() {
    let owed = |from: Option<i64>| Some(Gap { from: from.map(at), to: at(900) });
    let rows = [
        ("nothing is known: everything", None, None, None, None),
        ("a resync", Some(500), None, None, Some(500)),
        ("a proof, less what Protime may have been retrying", None, Some(700), None, Some(600)),
        ("a resync after the proof", Some(650), Some(700), None, Some(650)),
        ("a resync long before the proof", Some(500), Some(700), None, Some(600)),
        ("what is owed stays owed", Some(500), Some(700), owed(Some(300)), Some(300)),
        ("also what is owed since a resync", Some(500), Some(700), owed(Some(500)), Some(500)),
        ("a resync that covered less than is owed", Some(800), None, owed(Some(300)), Some(300)),
        ("everything is owed", Some(500), Some(700), owed(None), None),
        ("what is owed begins later than what is proven", Some(200), Some(400), owed(Some(600)), Some(300)),
    ];
    for (name, synced, proven, owed, expected) in rows {
        let mut state = healthy();
        state.synced_at = synced.map(at);
        state.proven_at = proven.map(at);
        state.owed = owed;
        let expected = Gap { from: expected.map(at), to: at(1_000) };
        assert_eq!(gap(&state, MARGIN, now(1_000)), expected, "{name}");
    }
}

/// What it is called, how it differs from a healthy webhook, and whether it is a proof.
type Row = (&'static str, fn(&mut WebhookState), bool);

#[test]
fn only_a_fresh_list_of_a_webhook_whose_key_everyone_has_proves_that_it_delivers() {
    let rows: [Row; 11] = [
        ("healthy", |_| {}, true),
        ("a list of before", |r| r.remote = older("one"), false),
        ("never asked", |r| r.remote = Remote::NeverAsked, false),
        ("a sink lacks the key", |r| r.sinks = vec![sink("a", 1), sink("b", 0)], false),
        ("disabled", |r| r.remote = listed("one", "Disabled", 1_300), false),
        ("over", |r| r.remote = listed("one", "Enabled", 1_100), false),
        ("another key", |r| r.remote = listed("two", "Enabled", 1_300), false),
        (
            "a POST of ours may still be processed",
            |r| r.recheck = Some(Recheck { at: at(1_200), until: at(1_300) }),
            false,
        ),
        ("a renewal before its POST", |r| r.active = open(Stage::Post, Reason::Expiring), true),
        ("during it", |r| r.active = open(Stage::Posting, Reason::Expiring), false),
        ("after it", |r| r.active = open(Stage::CatchUp, Reason::Expiring), false),
    ];
    for (name, change, expected) in rows {
        let mut state = healthy();
        state.sinks = vec![sink("a", 1), sink("b", 1)];
        change(&mut state);
        assert_eq!(proves(&state, now(1_100), at(1_000)), expected, "{name}");
    }
}

/// A sink that has this version of the key.
fn sink(name: &str, version: u64) -> Outbox {
    Outbox { version, ..Outbox::new(name.to_owned()) }
}

/// What a list showed that was asked for a second earlier.
fn older(id: &str) -> Remote {
    match listed(id, "Enabled", 1_300) {
        Remote::Listed(listed) => Remote::Listed(ListedWebhook { seen_at: at(999), ..listed }),
        other => other,
    }
}
