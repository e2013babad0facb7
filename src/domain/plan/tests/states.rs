//! What a webhook is said to do.

use super::*;

#[test]
fn states_in_a_word() {
    let state_of = |change: fn(&mut WebhookState), poll| {
        let mut state = healthy();
        change(&mut state);
        let plan = plan(&state, &policy(), now(1_100));
        reported_state(&state, &plan, poll)
    };
    let never = |r: &mut WebhookState| {
        r.remote = Remote::NeverAsked;
        r.registration = None;
        r.next_renewal_at = None;
    };
    assert_eq!(state_of(|_| {}, Some(RetryKind::NeedsOperator)), State::Active);
    assert_eq!(state_of(never, None), State::Pending);
    assert_eq!(state_of(never, Some(RetryKind::NeedsOperator)), State::Blocked);
    assert_eq!(state_of(|r| r.active = open(Stage::Resync, Reason::Expiring), None), State::Renewing);
    assert_eq!(
        state_of(
            |r| {
                r.active = open(Stage::Post, Reason::Expiring);
                r.retry = retry(RetryKind::Transient, 1_150);
            },
            None
        ),
        State::Retrying
    );
    assert_eq!(
        state_of(
            |r| {
                r.active = open(Stage::Rotate, Reason::Expiring);
                r.retry = retry(RetryKind::NeedsOperator, 1_150);
            },
            None
        ),
        State::Blocked
    );
    assert_eq!(
        state_of(
            |r| {
                r.remote = listed("two", "Enabled", 1_300);
                r.posted(&[1_090, 1_095]);
            },
            None
        ),
        State::Contended
    );
}
