//! What a key sink that lacks the key means for its webhook: as little as the laws allow.

use super::*;
use crate::domain::outbox::{Outbox, SinkFailure};

/// A sink with this version of the key, after so many failed attempts with the current one.
fn sink(name: &str, version: u64, attempts: u32) -> Outbox {
    let failure = SinkFailure { at: at(1_090), since: at(1_080), message: "no".to_owned() };
    Outbox {
        sink: name.to_owned(),
        version,
        attempts,
        started_at: None,
        retry_at: (version == 0).then(|| at(1_150)),
        failure: (attempts > 0).then_some(failure),
    }
}

fn wait(until: i64) -> Action {
    Action::Wait { until: Some(at(until)), contended: false }
}

/// One situation: what it is called, where the renewal stands, what the sinks have, when, and what to do.
type Row = (&'static str, Option<Stage>, [Outbox; 2], i64, Action);

#[test]
fn a_renewal_waits_for_no_sink_longer_than_the_laws_ask() {
    let rows: [Row; 10] = [
        ("no renewal is opened for a sink", None, [sink("a", 1, 0), sink("b", 0, 3)], 1_100, wait(1_200)),
        (
            "nor put off for it",
            None,
            [sink("a", 1, 0), sink("b", 0, 3)],
            1_200,
            Action::Begin(Reason::Expiring),
        ),
        ("first attempts run", Some(Stage::HandOff), [sink("a", 1, 0), sink("b", 0, 0)], 1_100, wait(1_200)),
        (
            "one that hangs does not outlast the lifetime",
            Some(Stage::HandOff),
            [sink("a", 1, 0), sink("b", 0, 0)],
            1_200,
            Action::Supersede(Reason::Expiring),
        ),
        ("all have it", Some(Stage::HandOff), [sink("a", 1, 0), sink("b", 1, 0)], 1_100, Action::Settle),
        ("one failed", Some(Stage::HandOff), [sink("a", 1, 0), sink("b", 0, 1)], 1_100, Action::Settle),
        (
            "the catch-up does not wait for it",
            Some(Stage::CatchUp),
            [sink("a", 1, 0), sink("b", 0, 1)],
            1_100,
            Action::CatchUp,
        ),
        (
            "another one does",
            Some(Stage::AwaitingSinks),
            [sink("a", 1, 0), sink("b", 0, 9)],
            1_100,
            wait(1_200),
        ),
        (
            "until it has the key",
            Some(Stage::AwaitingSinks),
            [sink("a", 1, 0), sink("b", 1, 0)],
            1_100,
            Action::Settle,
        ),
        (
            "or the next renewal takes over what is owed",
            Some(Stage::AwaitingSinks),
            [sink("a", 1, 0), sink("b", 0, 9)],
            1_200,
            Action::Supersede(Reason::Expiring),
        ),
    ];
    for (name, stage, sinks, second, expected) in rows {
        let mut state = healthy();
        state.active = stage.and_then(|stage| open(stage, Reason::Created));
        state.sinks = sinks.into();
        assert_eq!(plan(&state, &policy(), now(second)), expected, "{name}");
    }
}

#[test]
fn a_dead_key_is_replaced_whatever_the_sinks_do() {
    for stage in [Stage::HandOff, Stage::AwaitingSinks] {
        let mut state = healthy();
        state.active = open(stage, Reason::Created);
        state.sinks = vec![sink("a", 1, 0), sink("b", 0, 0)];
        state.remote = listed("one", "Disabled", 1_300);
        assert_eq!(plan(&state, &policy(), now(1_100)), Action::Supersede(Reason::Disabled));
        state.posted(&[1_050, 1_060]);
        let capped = Action::Wait { until: Some(at(1_200)), contended: true };
        assert_eq!(plan(&state, &policy(), now(1_100)), capped, "unless the cap forbids it");
        assert_eq!(
            plan(&state, &policy(), now(1_200)),
            Action::Supersede(Reason::Disabled),
            "which it does until then"
        );
    }
}

#[test]
fn a_sink_that_fails_is_seen() {
    let mut state = healthy();
    state.sinks = vec![sink("a", 1, 0), sink("b", 0, 2)];
    let plan = plan(&state, &policy(), now(1_100));
    assert_eq!(reported_state(&state, &plan, None), State::Retrying);
    assert!(!state.is_known_everywhere());
    state.sinks = vec![sink("a", 1, 0), sink("b", 1, 0)];
    assert_eq!(reported_state(&state, &plan, None), State::Active);
    assert!(state.is_known_everywhere());
}
