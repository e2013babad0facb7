//! How keys become current.

use super::*;
use crate::domain::state::ListedWebhook;

#[test]
fn a_rotation_is_whole() {
    let mut bench = Bench::new(&["file:/run/k"]);
    assert_eq!(bench.rotate("one"), 1);
    let registration = bench.state.registration.clone().expect("rotated");
    assert_eq!(
        (registration.id.as_deref(), registration.fingerprint),
        (Some("id-of-one"), key("one").fingerprint())
    );
    assert_eq!(
        (registration.valid_until, registration.at, registration.rotated_at),
        (Some(at(500)), at(100), at(96))
    );
    assert_eq!(bench.state.next_renewal_at, Some(at(400)));
    assert!(matches!(&bench.state.remote, Remote::Listed(listed) if listed.id == "id-of-one"));
    assert_eq!((bench.stage(), bench.state.sinks[0].retry_at), (Stage::HandOff, Some(at(96))));
    let words: Vec<_> = bench.history()[0].steps.iter().map(|step| step.step.clone()).collect();
    assert_eq!(words, ["resync", "post", "rotate"]);
    let rotated = bench.journal.iter().find(|entry| matches!(entry.what, What::Rotated { version: 1, .. }));
    assert!(rotated.is_some_and(|entry| entry.renewal.is_some()));
}

#[test]
fn a_key_in_an_answer_that_nothing_waits_for_changes_nothing_but_that_the_answer_is_spent() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    let after = apply(&bench.state, &Event::Rotated(PostId(77), Box::new(rotation("late"))), now(99));
    assert_eq!((after.spent, after.key.is_none()), (Some(PostId(77)), true));
    assert_eq!(after.state.registration, bench.state.registration);
}

#[test]
fn a_rotation_is_rechecked_if_a_post_of_unknown_outcome_was_sent_within_the_hour() {
    for (begun, refused, expected) in [
        (None, false, false),
        (Some(90), false, true),
        (Some(90), true, false),
        (Some(90 - 3_600), false, false),
    ] {
        let mut bench = Bench::new(&[]);
        bench.begin(Reason::Expiring, None, 80);
        bench.resync(None, 81);
        if let Some(begun) = begun {
            let post = bench.post(false, begun);
            if refused {
                bench.happen(&Event::PostRefused(post, setback(Step::Post)), 94);
            } else {
                bench.happen(&Event::PostUnknown(post, setback(Step::Post)), 94);
                bench.happen(&Event::PostHadNoEffect, 94);
            }
        }
        bench.rotate("one");
        let recheck = expected.then_some(Recheck { at: at(96), until: at(126) });
        assert_eq!(bench.state.recheck, recheck, "begun at {begun:?}, refused: {refused}");
        assert_eq!(bench.state.has_outstanding(), expected, "as long as it may be processed");
    }
}

#[test]
fn what_an_answer_left_out_is_asked_for() {
    for (id, end, local, planned) in [
        (Some("one"), Some(500), false, true),
        (None, Some(500), false, true),
        (Some("one"), None, false, false),
        (Some("one"), Some(500), true, false),
    ] {
        let mut bench = Bench::new(&[]);
        let (id, valid_until) = (id.map(str::to_owned), end.map(at));
        bench.rotate_with(Rotation { id: id.clone(), valid_until, local_end: local, ..rotation("one") });
        assert_eq!(bench.state.recheck.is_some(), id.is_none() || !planned);
        assert_eq!(bench.state.next_renewal_at.is_some(), planned);
        assert_eq!(bench.state.remote == Remote::NeverAsked, id.is_none());
    }
}

#[test]
fn how_finely_times_are_written_is_remembered_for_two_answers() {
    let mut bench = Bench::new(&[]);
    for (millis, grain) in
        [(120, Grain::Hundredth), (0, Grain::Hundredth), (0, Grain::Second), (7, Grain::Tick)]
    {
        let valid_until = Some(at(500) + SignedDuration::from_millis(millis));
        bench.rotate_with(Rotation { valid_until, ..rotation("k") });
        bench.finish();
        assert_eq!(bench.state.registration.as_ref().expect("issued").grain, grain, "{millis}");
    }
    let listed = |bench: &Bench| match &bench.state.remote {
        Remote::Listed(ListedWebhook { grain, .. }) => *grain,
        other => panic!("{other:?}"),
    };
    for (written, grain) in [
        (Grain::Second, Grain::Second),
        (Grain::Hundredth, Grain::Hundredth),
        (Grain::Second, Grain::Hundredth),
    ] {
        bench.list_with(written, Some(lists::entry("id-of-k")), 99);
        assert_eq!(listed(&bench), grain);
    }
    // What lists showed stays known after the next rotation, and is forgotten after the one after it.
    for grain in [Grain::Hundredth, Grain::Minute] {
        bench.rotate("k");
        bench.finish();
        assert_eq!(listed(&bench), grain);
    }
}

#[test]
fn an_imported_key_is_current_at_once() {
    let mut bench = Bench::new(&["file:/run/k"]);
    let import = |text: &str| Event::Imported(key(text), "(people,@badge-number)".to_owned());
    assert!(bench.happen(&import("theirs"), 10));
    let registration = bench.state.registration.clone().expect("issued");
    assert_eq!(
        (registration.id, registration.valid_until, registration.at, registration.key_version),
        (None, None, at(10), 1)
    );
    assert_eq!(registration.references, "(people,@badge-number)");
    assert_eq!((&bench.state.active, bench.state.owed), (&None, None));
    assert_eq!(bench.state.remote, Remote::NeverAsked);
    assert_eq!(bench.state.recheck, Some(Recheck { at: at(10), until: at(10) }), "Protime is asked");
    assert_eq!(bench.state.sinks[0].retry_at, Some(at(10)));
    assert!(bench.happen(&import("another"), 20));
    assert_eq!(bench.state.registration.expect("issued").key_version, 2);
}

#[test]
fn a_recheck_of_a_new_key_is_not_called_off_by_an_answer_about_the_one_before() {
    let mut bench = Bench::new(&[]);
    bench.happen(&Event::Imported(key("mistyped"), String::new()), 10);
    let before = bench.state.recheck;
    bench.happen(&Event::Imported(key("theirs"), String::new()), 11);
    bench.happen(&Event::Rechecked { before, next: None }, 12);
    let recheck = bench.state.recheck;
    assert_eq!(recheck, Some(Recheck { at: at(11), until: at(11) }), "it is still to be asked for");
    bench.happen(&Event::Rechecked { before: recheck, next: Some(at(20)) }, 13);
    assert_eq!(bench.state.recheck, Some(Recheck { at: at(20), until: at(11) }));
    bench.happen(&Event::Rechecked { before: bench.state.recheck, next: None }, 14);
    assert_eq!(bench.state.recheck, None);
}

#[test]
fn a_renewal_that_only_lacked_the_key_goes_on_without_a_post() {
    for stage in [Stage::Resync, Stage::Post] {
        let mut bench = Bench::new(&[]);
        bench.begin(Reason::UnknownKey, Some(Gap { from: None, to: at(5) }), 5);
        let attempt = bench.start(Step::Resync, 6);
        let covered = Some(Covered { from: None, to: at(6) });
        let resynced = Event::Resynced(attempt, StepOutcome::Succeeded, covered, None);
        if stage == Stage::Post {
            bench.happen(&resynced, 7);
        }
        bench.happen(&Event::Imported(key("theirs"), String::new()), 10);
        if stage == Stage::Resync {
            bench.happen(&resynced, 20);
        }
        assert_eq!(bench.stage(), Stage::HandOff, "after {stage:?}");
        assert_eq!(bench.state.owed.expect("still owed").from, Some(at(6)));
        let began = bench.happen(&Event::PostBegan { post: PostId(9), unplanned: false }, 30);
        assert!(!began, "nothing is sent by who had read the old stage");
    }
}

#[test]
fn no_key_is_taken_while_a_post_may_give_out_another() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::UnknownKey, None, 5);
    bench.resync(None, 6);
    let post = bench.post(false, 8);
    assert!(!bench.happen(&Event::Imported(key("theirs"), String::new()), 10));
    bench.happen(&Event::Answered(post), 11);
    assert!(!bench.happen(&Event::Imported(key("theirs"), String::new()), 12));
    assert_eq!(bench.state.registration, None);
}

#[test]
fn another_renewal_goes_on_as_it_was() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Manual, None, 5);
    bench.happen(&Event::Imported(key("theirs"), String::new()), 10);
    assert_eq!(bench.stage(), Stage::Resync);
}

#[test]
fn posts_that_may_still_matter_are_remembered() {
    let mut bench = Bench::new(&[]);
    let post = |id, begun_at, unplanned, outcome| Post {
        id: PostId(id),
        begun_at: at(begun_at),
        unplanned,
        outcome,
        before_rotation: true,
    };
    bench.state.posts = vec![
        post(101, -90_000, true, PostOutcome::Answered),
        post(102, 90, true, PostOutcome::Answered),
        post(103, 90, false, PostOutcome::Answered),
        post(104, 90, false, PostOutcome::Settled),
        post(105, 100_000, true, PostOutcome::Settled),
    ];
    bench.rotate("one");
    let remembered: Vec<u64> = bench.state.posts.iter().map(|post| post.id.0).collect();
    assert_eq!(remembered, [102, 104]);
}
