//! When a delta that Protime keeps is asked for, so that it does not end.

use super::*;
use crate::domain::page_cursor::DeltaLife;

const EVERY: Duration = Duration::from_mins(1);

/// What is to be done about a webhook whose delta was last asked for at 1,050.
fn planned(change: fn(&mut WebhookState), second: i64) -> Action {
    let mut state = healthy();
    state.delta = Some(DeltaLife { asked_at: at(1_050), retry_at: None });
    change(&mut state);
    plan(&state, &Policy { keep_warm: Some(EVERY), ..policy() }, now(second))
}

fn wait(until: i64) -> Action {
    Action::Wait { until: Some(at(until)), contended: false }
}

#[test]
fn a_delta_is_asked_for_while_nothing_else_is_to_be_done() {
    assert_eq!(planned(|_| {}, 1_100), wait(1_110));
    assert_eq!(planned(|_| {}, 1_110), Action::KeepDeltaAlive);
    assert_eq!(planned(|_| {}, 1_200), Action::Begin(Reason::Expiring), "a renewal asks for it, too");
    assert_eq!(planned(|r| r.delta = None, 1_110), wait(1_200));
    let state = WebhookState { delta: Some(DeltaLife { asked_at: at(1), retry_at: None }), ..healthy() };
    assert_eq!(plan(&state, &policy(), now(1_100)), wait(1_200), "only where the configuration wants it");
}

#[test]
fn it_is_asked_for_while_a_renewal_waits() {
    let waiting = |r: &mut WebhookState| {
        r.active = open(Stage::Post, Reason::Expiring);
        r.retry = retry(RetryKind::NeedsOperator, 1_150);
    };
    assert_eq!(planned(waiting, 1_105), wait(1_110));
    assert_eq!(planned(waiting, 1_120), Action::KeepDeltaAlive);
    assert_eq!(planned(waiting, 1_150), Action::Post { unplanned: false });
    let contended = |r: &mut WebhookState| {
        r.remote = listed("two", "Enabled", 1_300);
        r.posted(&[1_090, 1_095]);
    };
    let until = Some(at(1_110));
    assert_eq!(planned(contended, 1_100), Action::Wait { until, contended: true });
}

#[test]
fn after_a_failure_it_waits_and_a_clock_that_was_set_does_not_matter() {
    let failed =
        |r: &mut WebhookState| r.delta = Some(DeltaLife { asked_at: at(1_050), retry_at: Some(at(1_130)) });
    assert_eq!(planned(failed, 1_115), wait(1_130));
    assert_eq!(planned(failed, 1_130), Action::KeepDeltaAlive);
    let ahead =
        |r: &mut WebhookState| r.delta = Some(DeltaLife { asked_at: at(9_000), retry_at: Some(at(9_000)) });
    assert_eq!(planned(ahead, 1_100), wait(1_160), "another clock wrote that");
}
