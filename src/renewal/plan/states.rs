//! What a webhook is said to do, and when two moments are one.

use super::{
    tests::{at, healthy, listed, now, open, trouble, wanted},
    *,
};

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
                r.unplanned = vec![at(1_090), at(1_095)];
            },
            None
        ),
        State::Contended
    );
}

#[test]
fn two_moments_differ_if_their_digits_cannot_be_cut_to_one_text() {
    let ms = |ms| Timestamp::from_millisecond(ms).expect("in range");
    assert!(same_moment(ms(1_300_123), ms(1_300_000)) && same_moment(ms(1_300_120), ms(1_300_123)));
    assert!(!same_moment(ms(1_300_123), ms(1_300_845)) && !same_moment(ms(1_300_000), ms(1_301_000)));
}
