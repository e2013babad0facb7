//! Renewals as the daemon shows them, and what is made of them.

use super::*;
use crate::cli::tests::{NOW, after, step, webhook};

fn renewal(outcome: Option<&str>, steps: Vec<StepRecord>) -> Renewal {
    Renewal {
        id: 17,
        reason: "manual".to_owned(),
        outcome: outcome.map(str::to_owned),
        started_at: after(-10),
        finished_at: outcome.map(|_| NOW),
        steps,
    }
}

fn in_state(state: State, error: Option<(&str, Option<Timestamp>)>) -> Webhook {
    let error = error.map(|(message, retry_at)| LastError {
        at: NOW,
        step: "post".to_owned(),
        message: message.to_owned(),
        retry_at,
    });
    Webhook { state, last_error: error, ..webhook("acme", "people") }
}

fn failed(name: &str, error: &str) -> StepRecord {
    StepRecord { error: Some(error.to_owned()), ..step(name, -9, Some(-8), Some("failed")) }
}

#[test]
fn every_beginning_and_end_is_told_once() {
    let active = in_state(State::Active, None);
    let renewing = in_state(State::Renewing, None);
    let mut watch = Watch::new(&active, 17, None);
    assert_eq!(watch.look(None, &active, NOW), (vec![], Verdict::Open));

    let begun = renewal(None, vec![step("resync", -9, None, None)]);
    assert_eq!(watch.look(Some(&begun), &renewing, NOW), (vec!["resync …".to_owned()], Verdict::Open));
    assert_eq!(watch.look(Some(&begun), &renewing, NOW), (vec![], Verdict::Open));

    let resync = step("resync", -9, Some(-7), Some("succeeded"));
    let done = renewal(Some("succeeded"), vec![resync, step("post", -7, Some(-6), Some("succeeded"))]);
    let lines = ["resync succeeded after 2.0 s", "post …", "post succeeded after 1.0 s"];
    assert_eq!(
        watch.look(Some(&done), &active, NOW),
        (lines.map(str::to_owned).to_vec(), Verdict::Succeeded)
    );
}

#[test]
fn the_first_failure_decides_and_says_when_it_is_tried_again() {
    let mut watch = Watch::new(&in_state(State::Active, None), 17, None);
    let failed = renewal(None, vec![failed("post", "503")]);
    let retrying = in_state(State::Retrying, Some(("503", Some(after(5)))));
    let (lines, verdict) = watch.look(Some(&failed), &retrying, NOW);
    assert_eq!(lines, ["post …", "post failed after 1.0 s: 503"]);
    assert_eq!(verdict, Verdict::Failed("post: 503; next try in 5 s".to_owned()));
}

#[test]
fn a_failure_decides_also_if_the_next_attempt_has_begun() {
    let mut watch = Watch::new(&in_state(State::Active, None), 17, None);
    let again = renewal(None, vec![failed("post", "503"), step("post", -1, None, None)]);
    let (_, verdict) = watch.look(Some(&again), &in_state(State::Renewing, None), NOW);
    assert_eq!(verdict, Verdict::Failed("post: 503".to_owned()));
}

#[test]
fn a_resync_that_is_owed_instead_does_not_decide() {
    let mut watch = Watch::new(&in_state(State::Active, None), 17, None);
    let proceeds = renewal(None, vec![failed("resync", "exit code 1"), step("post", -1, None, None)]);
    let (_, verdict) = watch.look(Some(&proceeds), &in_state(State::Renewing, None), NOW);
    assert_eq!(verdict, Verdict::Open);
}

#[test]
fn what_failed_before_decides_nothing() {
    let before = in_state(State::Retrying, Some(("503", Some(after(60)))));
    let old = renewal(None, vec![failed("post", "503")]);
    let mut watch = Watch::new(&before, 17, Some(&old));
    assert_eq!(watch.look(Some(&old), &before, NOW), (vec![], Verdict::Open));
    let now_failed = renewal(None, vec![failed("post", "503"), failed("post", "500")]);
    let (_, verdict) = watch.look(Some(&now_failed), &in_state(State::Retrying, Some(("500", None))), NOW);
    assert_eq!(verdict, Verdict::Failed("post: 500; not tried again before someone acts".to_owned()));
}

#[test]
fn an_error_without_a_step_decides_too() {
    let mut watch = Watch::new(&in_state(State::Active, None), 17, None);
    let blocked = in_state(State::Blocked, Some(("invalid_client", Some(after(900)))));
    let (_, verdict) = watch.look(None, &blocked, NOW);
    assert_eq!(verdict, Verdict::Failed("post: invalid_client; next try in 15 m".to_owned()));
}

#[test]
fn a_webhook_that_stays_contended_is_given_up() {
    let contended = in_state(State::Contended, Some(("someone else renews it", None)));
    let mut watch = Watch::new(&contended, 17, None);
    for _ in 0..PATIENCE {
        assert_eq!(watch.look(None, &contended, NOW).1, Verdict::Open);
    }
    assert!(
        matches!(watch.look(None, &contended, NOW).1, Verdict::Failed(why) if why.contains("someone else"))
    );
}

#[test]
fn another_end_than_success_is_a_failure() {
    let mut watch = Watch::new(&in_state(State::Active, None), 17, None);
    let ended = renewal(Some("interrupted"), Vec::new());
    let (_, verdict) = watch.look(Some(&ended), &in_state(State::Active, None), NOW);
    assert_eq!(verdict, Verdict::Failed("interrupted".to_owned()));
}
