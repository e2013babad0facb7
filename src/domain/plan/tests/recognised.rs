//! Which entry of a list is what our POST made: ids in other letters, ends as databases round them, ends
//! without an offset, and what may hide behind them.

use super::*;
use crate::domain::{
    grain::Grain,
    post::PostOutcome,
    state::{Recheck, Shown},
};

/// A moment so many milliseconds after the second 1,300.
fn end(millis: i64) -> Timestamp {
    at(1_300) + SignedDuration::from_millis(millis)
}

/// A webhook whose answer had this end and whose list, asked for at 1,100, shows that one.
fn state(ours: (Timestamp, Grain), theirs: (Timestamp, Grain)) -> WebhookState {
    let mut state = healthy();
    let registration = state.registration.as_mut().expect("healthy");
    (registration.valid_until, registration.grain) = (Some(ours.0), ours.1);
    let Remote::Listed(listed) = &mut state.remote else { unreachable!("healthy") };
    (listed.valid_until, listed.grain, listed.seen_at) = (Some(theirs.0), theirs.1, at(1_100));
    state
}

fn foreign() -> Action {
    Action::Begin(Reason::ForeignRotation)
}

fn plan_of(state: &WebhookState) -> Action {
    plan(state, &policy(), now(1_100))
}

#[test]
fn an_end_is_ours_as_databases_round() {
    use Grain::*;
    // The answer, how finely answers are written, the list and how finely it is written.
    let rows = [
        ("to a hundredth", (609, Milli), (610, Hundredth), true),
        ("to the next second", (995, Milli), (1_000, Hundredth), true),
        ("to three hundredths, cut", (124, Milli), (123, Tick), true),
        ("to three hundredths, rounded", (125, Milli), (127, Tick), true),
        ("four milliseconds are more", (123, Milli), (127, Tick), false),
        ("to a second, cut", (999, Milli), (0, Second), true),
        ("to a second, rounded", (500, Milli), (1_000, Second), true),
        ("a whole second is more", (0, Second), (1_000, Second), false),
        ("to a minute, cut", (19_999, Milli), (-40_000, Minute), true),
        ("to a minute, rounded", (0, Second), (20_000, Minute), true),
        ("a whole minute is more", (-40_000, Second), (20_000, Minute), false),
        ("a round number where ends are known to be finer", (0, Second), (20_000, Second), false),
        ("the answer is the coarser one", (0, Second), (123, Milli), true),
        ("both are fine", (123, Milli), (845, Milli), false),
        ("a whole second where both are known to be fine", (0, Milli), (456, Milli), false),
        ("what was cut here and rounded there", (123, Milli), (124, Milli), true),
    ];
    for (name, (ours, answers), (theirs, lists), is_ours) in rows {
        let state = state((end(ours), answers), (end(theirs), lists));
        let plan = plan_of(&state);
        assert_eq!(to_backfill(&state).is_some(), is_ours, "{name}: {plan:?}");
        assert_eq!(plan == foreign(), !is_ours, "{name}: {plan:?}");
    }
}

#[test]
fn once_a_list_has_shown_it_an_end_is_known_to_the_letter() {
    let mut state = state((end(609), Grain::Milli), (at(1_320), Grain::Minute));
    state.registration.as_mut().expect("healthy").shown = Some(Shown { valid_until: Some(at(1_320)) });
    assert_eq!(plan_of(&state), wait(1_200));
    let Remote::Listed(listed) = &mut state.remote else { unreachable!("healthy") };
    listed.valid_until = Some(at(1_260));
    assert_eq!(plan_of(&state), foreign(), "a minute that would be ours as well, at first sight");
}

#[test]
fn an_end_without_an_offset_may_be_any_offset_away() {
    let rows = [
        ("two hours", 7_200, true),
        ("the westernmost", -43_200, true),
        ("the easternmost", 50_400, true),
        ("beyond it", 51_300, false),
        ("none at all", 0, true),
        ("a quarter of an hour", 900, true),
        ("no whole quarter", 7_320, false),
    ];
    for (name, seconds, is_ours) in rows {
        let local = (at(1_300 + seconds), Grain::Second);
        let real = (at(1_300), Grain::Second);
        let mut answer = state(local, real);
        answer.registration.as_mut().expect("healthy").local_end = true;
        answer.next_renewal_at = None;
        assert_eq!(to_backfill(&answer).is_some(), is_ours, "{name}, in the answer");
        let mut list = state(real, local);
        let Remote::Listed(theirs) = &mut list.remote else { unreachable!("healthy") };
        theirs.local_end = true;
        assert_eq!(to_backfill(&list).is_some(), is_ours, "{name}, in the list");
    }
}

#[test]
fn an_end_without_an_offset_is_no_deadline_before_a_list_was_seen() {
    let mut state = healthy();
    let registration = state.registration.as_mut().expect("healthy");
    (registration.valid_until, registration.local_end) = (Some(at(1_050)), true);
    state.next_renewal_at = None;
    state.recheck = Some(Recheck { at: at(1_000), until: at(1_300) });
    let Remote::Listed(theirs) = &mut state.remote else { unreachable!("healthy") };
    // As the rotation takes it over.
    (theirs.valid_until, theirs.local_end) = (Some(at(1_050)), true);
    assert_eq!(plan(&state, &policy(), now(1_100)), Action::Recheck);
}

#[test]
fn an_id_is_ours_in_other_letters() {
    check(&[
        ("capitals", |r| r.remote = listed("ONE", "Enabled", 1_300), 1_100, wait(1_200)),
        ("braces", |r| r.remote = listed("{One}", "Enabled", 1_300), 1_100, wait(1_200)),
        ("another", |r| r.remote = listed("on", "Enabled", 1_300), 1_100, foreign()),
    ]);
}

#[test]
fn what_could_hide_another_post_of_ours_is_no_proof() {
    use Grain::*;
    let rows = [
        ("milliseconds tell two apart", Milli, Milli, false),
        ("seconds do not", Second, Second, true),
        ("nor a list of minutes", Milli, Minute, true),
        ("nor hundredths", Hundredth, Milli, true),
    ];
    for (name, answers, lists, expected) in rows {
        let fine = |grain| if grain == Milli { end(124) } else { end(0) };
        let mut state = state((fine(answers), answers), (fine(lists), lists));
        state.registration.as_mut().expect("healthy").shown = Some(Shown { valid_until: Some(fine(lists)) });
        state.posted_with(PostOutcome::Outstanding);
        let expected = if expected { Action::Begin(Reason::Interrupted) } else { wait(1_200) };
        assert_eq!(plan_of(&state), expected, "{name}");
        state.posts.clear();
        assert_eq!(plan_of(&state), wait(1_200), "{name}, where nothing is outstanding");
        state.posted_with(PostOutcome::Outstanding);
        state.recheck = Some(Recheck { at: at(1_150), until: at(1_150) });
        assert_eq!(plan_of(&state), wait(1_150), "{name}, as long as it may come");
    }
}

#[test]
fn a_planned_time_that_is_not_known_is_backfilled() {
    let mut state = state((end(0), Grain::Second), (end(0), Grain::Second));
    state.registration.as_mut().expect("healthy").shown = Some(Shown { valid_until: Some(end(0)) });
    state.next_renewal_at = None;
    assert!(to_backfill(&state).is_some());
}

#[test]
fn a_dead_key_is_seen_in_a_list_that_nothing_was_taken_over_from_yet() {
    let mut state = state((end(0), Grain::Second), (end(0), Grain::Second));
    state.active = open(Stage::CatchUp, Reason::Manual);
    assert_eq!(superseded(&state, &policy(), now(1_100)), None);
    let Remote::Listed(theirs) = &mut state.remote else { unreachable!("healthy") };
    theirs.status = RemoteStatus::Disabled;
    assert!(to_backfill(&state).is_some());
    assert_eq!(superseded(&state, &policy(), now(1_100)), Some(Reason::Disabled));
}
