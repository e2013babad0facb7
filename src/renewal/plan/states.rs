//! What a webhook is said to do, and when two moments are one.

use super::{
    evidence::same_moment,
    tests::{at, healthy, listed, now, open, trouble, wanted},
    *,
};
use crate::domain::record::fractional_digits;

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
    let same = |one, other| same_moment((ms(one), 0), (ms(other), 0));
    assert!(same(1_300_123, 1_300_000) && same(1_300_120, 1_300_123));
    assert!(!same(1_300_123, 1_300_845) && !same(1_300_000, 1_301_000));
}

#[test]
fn a_whole_second_is_exact_where_its_author_is_known_to_write_fractions() {
    let mut record = healthy();
    let Remote::Listed(theirs) = &mut record.remote else { unreachable!("healthy") };
    theirs.valid_until = Some(at(1_300) + SignedDuration::from_millis(456));
    theirs.digits = 3;
    assert_eq!(plan(&record, &wanted(), now(1_100)), Plan::Wait { until: Some(at(1_200)), contended: false });
    // Answers are known to write thousandths: so ours is .000, and what is listed is another's.
    record.issued.as_mut().expect("healthy").digits = 3;
    assert_eq!(plan(&record, &wanted(), now(1_100)), Plan::Begin(Reason::ForeignRotation));
    // A list that writes whole seconds only says nothing of the rest.
    let Remote::Listed(theirs) = &mut record.remote else { unreachable!("healthy") };
    (theirs.valid_until, theirs.digits) = (Some(at(1_300)), 0);
    assert_eq!(plan(&record, &wanted(), now(1_100)), Plan::Wait { until: Some(at(1_200)), contended: false });
}

#[test]
fn digits_of_a_moment() {
    let digits = |ms| fractional_digits(Timestamp::from_millisecond(ms).expect("in range"));
    assert_eq!([0, 7_000, 7_100, 7_120, 7_123, 7_003].map(digits), [0, 0, 1, 2, 3, 3]);
}
