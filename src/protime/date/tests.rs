//! Whom is believed about the time, by table: each row is a series of answers.

use super::*;

const START: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

/// An answer: when it comes by the steady clock, by how much our clock is off then, and by how much its `Date` is.
struct Answered(u64, i64, i64);

/// The clock after these answers, and what it shows minus what the steady clock would.
fn after(answers: &[Answered]) -> (ProtimeClock, Vec<Heard>, Option<i64>) {
    let origin = Instant::now();
    let mut clock = ProtimeClock::default();
    let mut heard = Vec::new();
    let mut last = origin;
    for Answered(at, local_off, date_off) in answers {
        let seconds = START + i64::try_from(*at).unwrap();
        let local = Timestamp::from_second(seconds + local_off).unwrap();
        let date = Timestamp::from_second(seconds + date_off).unwrap();
        last = origin + Duration::from_secs(*at);
        let sighting =
            Sighting::new(date, Duration::ZERO, local, Duration::from_millis(20), last).expect("in range");
        heard.push(clock.hear(sighting));
    }
    let passed = i64::try_from((last - origin).as_secs()).unwrap();
    let shown = clock.time(last).map(|time| time.as_second() - START - passed);
    (clock, heard, shown)
}

fn shown(answers: &[Answered]) -> Option<i64> {
    after(answers).2
}

#[test]
fn one_wrong_date_changes_nothing() {
    for wrong in [DAY, -DAY, 3_600, 10, -10] {
        let right_and_wrong = [Answered(0, 0, 0), Answered(300, 0, wrong)];
        let (clock, heard, shown) = after(&right_and_wrong);
        assert_eq!(shown, Some(0), "{wrong}");
        assert!(
            matches!(heard[1], Heard::Doubted { off, .. } if off.as_secs().abs_diff(wrong) <= 1),
            "{heard:?}"
        );
        assert!(clock.skew().is_some_and(|skew| skew.abs() < SMALLEST_SKEW));
        // Nor does the same again after an answer that was right.
        let again =
            [Answered(0, 0, 0), Answered(300, 0, wrong), Answered(600, 0, 0), Answered(900, 0, wrong)];
        assert_eq!(self::shown(&again), Some(0), "{wrong}");
    }
}

#[test]
fn a_step_of_protimes_clock_is_followed_after_the_second_witness() {
    for step in [DAY, -DAY, 60] {
        let (clock, heard, shown) =
            after(&[Answered(0, 0, 0), Answered(300, 0, step), Answered(600, 0, step)]);
        assert!(shown.is_some_and(|shown| shown.abs_diff(step) <= 1), "{shown:?}");
        assert!(matches!(heard[2], Heard::Jumped(_)), "{heard:?}");
        assert!(clock.skew().is_some_and(|skew| skew.as_secs().abs_diff(step) <= 1));
    }
}

#[test]
fn answers_of_one_breath_are_one_witness() {
    let breath = [Answered(0, 0, 0), Answered(300, 0, DAY), Answered(301, 0, DAY), Answered(304, 0, DAY)];
    assert_eq!(shown(&breath), Some(0));
    let later = [Answered(0, 0, 0), Answered(300, 0, DAY), Answered(301, 0, DAY), Answered(305, 0, DAY)];
    assert!(shown(&later).is_some_and(|shown| shown > DAY - 2));
    // Two that differ from each other are no witnesses for one another.
    assert_eq!(shown(&[Answered(0, 0, 0), Answered(300, 0, DAY), Answered(600, 0, -DAY)]), Some(0));
}

#[test]
fn a_pool_that_disagrees_needs_more_witnesses() {
    let split = [Answered(0, 0, 0), Answered(10, 0, DAY), Answered(20, 0, 0)];
    let twice = split.into_iter().chain([Answered(30, 0, DAY), Answered(40, 0, DAY)]);
    assert_eq!(shown(&twice.collect::<Vec<_>>()), Some(0));
    let split = [Answered(0, 0, 0), Answered(10, 0, DAY), Answered(20, 0, 0)];
    let thrice = [Answered(30, 0, DAY), Answered(40, 0, DAY), Answered(50, 0, DAY)];
    let thrice: Vec<_> = split.into_iter().chain(thrice).collect();
    assert!(shown(&thrice).is_some_and(|shown| shown > DAY - 2));
}

#[test]
fn a_step_of_our_own_clock_is_none_of_protimes() {
    let (clock, heard, shown) = after(&[Answered(0, 0, 0), Answered(300, 7_200, 0)]);
    assert_eq!((heard[1], shown), (Heard::Agrees, Some(0)));
    assert!(clock.skew().is_some_and(|skew| skew.as_secs().abs_diff(-7_200) <= 1), "{clock:?}");
}

#[test]
fn after_a_suspend_our_own_clock_is_the_witness() {
    // The steady clock stood still for eight hours, so that both of the others seem to have jumped.
    let (_, heard, shown) = after(&[Answered(0, 0, 0), Answered(5, 28_800, 28_800)]);
    assert_eq!((heard[1], shown), (Heard::Agrees, Some(28_800)));
    // The same where ours has always been a minute slow.
    let slow = [Answered(0, -60, 0), Answered(1, -60, 0), Answered(5, 28_740, 28_800)];
    assert!(self::shown(&slow).is_some_and(|shown| shown.abs_diff(28_800) <= 1));
}

#[test]
fn the_first_answer_needs_our_clock_or_another_answer() {
    assert_eq!(shown(&[Answered(0, 0, 0)]), Some(0));
    let (clock, heard, shown) = after(&[Answered(0, -3_600, 0)]);
    assert!(
        clock.wants_a_witness() && matches!(heard[0], Heard::Doubted { .. }) && shown.is_none(),
        "{clock:?}"
    );
    let (clock, _, shown) = after(&[Answered(0, -3_600, 0), Answered(0, -3_600, 0)]);
    assert!(!clock.wants_a_witness() && shown.is_some_and(|shown| shown.abs() <= 1), "{shown:?}");
    // A token's server that is a day ahead is refuted by the list's, if that agrees with our clock.
    assert_eq!(self::shown(&[Answered(0, 0, DAY), Answered(0, 0, 0)]), Some(0));
}

#[test]
fn an_answer_out_of_a_cache_is_as_old_as_it_says() {
    let now = Instant::now();
    let at = |second| Timestamp::from_second(second).unwrap();
    let age = Duration::from_hours(1);
    let aged = Sighting::new(at(START - 3_600), age, at(START), Duration::ZERO, now).expect("in range");
    let mut clock = ProtimeClock::default();
    assert_eq!(clock.hear(aged), Heard::Agrees);
    assert_eq!(clock.time(now), Some(at(START)));
    assert!(Sighting::new(Timestamp::MAX, age, at(START), Duration::ZERO, now).is_none());
}

#[test]
fn a_slow_answer_is_given_its_time() {
    let now = Instant::now();
    let at = |second| Timestamp::from_second(second).unwrap();
    let slow = |off| Sighting::new(at(START + off), Duration::ZERO, at(START), Duration::from_secs(30), now);
    let mut clock = ProtimeClock::default();
    assert_eq!(clock.hear(slow(0).expect("in range")), Heard::Agrees);
    assert_eq!(clock.hear(slow(30).expect("in range")), Heard::Agrees);
}
