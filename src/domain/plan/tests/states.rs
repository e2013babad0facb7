//! What a webhook is said to do.

use super::*;

#[test]
fn states_in_a_word() {
    let state_of = |change: fn(&mut Record), poll| {
        let mut record = healthy();
        change(&mut record);
        let plan = plan(&record, &wanted(), now(1_100));
        state(&record, &plan, poll)
    };
    let never = |r: &mut Record| {
        r.remote = Remote::NeverAsked;
        r.issued = None;
        r.next_renewal_at = None;
    };
    assert_eq!(state_of(|_| {}, Some(TroubleKind::NeedsOperator)), State::Active);
    assert_eq!(state_of(never, None), State::Pending);
    assert_eq!(state_of(never, Some(TroubleKind::NeedsOperator)), State::Blocked);
    assert_eq!(state_of(|r| r.open = open(Stage::Resync, Reason::Expiring), None), State::Renewing);
    assert_eq!(
        state_of(
            |r| {
                r.open = open(Stage::Post, Reason::Expiring);
                r.trouble = trouble(TroubleKind::Transient, 1_150);
            },
            None
        ),
        State::Retrying
    );
    assert_eq!(
        state_of(
            |r| {
                r.open = open(Stage::Rotate, Reason::Expiring);
                r.trouble = trouble(TroubleKind::NeedsOperator, 1_150);
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
