//! The laws of a renewal: what is owed, what is not known, and what went wrong.

use super::*;

const GAP: Gap = Gap { from: None, to: Timestamp::UNIX_EPOCH };

#[test]
fn what_is_owed_shrinks_only_with_a_resync() {
    let mut bench = Bench::new(&[]);
    let gap = Gap { from: None, to: at(90) };
    bench.begin(Reason::Disabled, Some(gap), 90);
    let attempt = bench.start(Step::Resync, 91);
    let failed = Event::StepFailed(attempt, setback(Step::Resync), Some("out".to_owned()));
    bench.happen(&failed, 95);
    assert_eq!(bench.state.owed, Some(gap));
    let retry = bench.state.retry.clone().expect("noted");
    assert_eq!((retry.step, retry.attempts, retry.retry_at), (Step::Resync, 1, at(104)));

    bench.resync(Some(100), 110);
    let owed = Gap { from: Some(at(100)), to: at(100) };
    assert_eq!(bench.state.owed, Some(owed), "the time since it began");
    assert_eq!((bench.state.synced_at, bench.state.retry.clone()), (Some(at(100)), None));

    bench.state.active.as_mut().expect("open").stage = Stage::CatchUp;
    let attempt = bench.start(Step::CatchUp, 120);
    let covered = Some(Covered { from: Some(at(100)), to: at(120) });
    bench.happen(&Event::CaughtUp(attempt, StepOutcome::Succeeded, covered, None, true), 125);
    assert_eq!((bench.state.owed, bench.state.synced_at), (None, Some(at(120))));
    let last = bench.state.last.clone().expect("ended");
    assert_eq!((last.outcome, last.reason), (RenewalOutcome::Succeeded, Reason::Disabled));
    let steps: Vec<_> = bench.history()[0].steps.iter().map(|step| step.outcome.clone().unwrap()).collect();
    assert_eq!(steps, ["failed", "succeeded", "succeeded"]);
}

#[test]
fn a_resync_pays_no_debt_that_reaches_further_back_than_it_was_begun_for() {
    for (from, owed, pays) in [
        (None, None, true),
        (None, Some(50), true),
        (Some(50), Some(50), true),
        (Some(50), Some(60), true),
        (Some(50), Some(40), false),
        (Some(50), None, false),
    ] {
        for step in [Step::Resync, Step::CatchUp] {
            let mut bench = Bench::new(&[]);
            let gap = Gap { from: owed.map(at), to: at(90) };
            bench.begin(Reason::Disabled, Some(gap), 90);
            if step == Step::CatchUp {
                bench.state.active.as_mut().expect("open").stage = Stage::CatchUp;
            }
            let attempt = bench.start(step, 91);
            let covered = Some(Covered { from: from.map(at), to: at(85) });
            let (outcome, everywhere) = (StepOutcome::Succeeded, true);
            bench.happen(
                &match step {
                    Step::Resync => Event::Resynced(attempt, outcome, covered, None),
                    _ => Event::CaughtUp(attempt, outcome, covered, None, everywhere),
                },
                99,
            );
            let left = match (pays, step) {
                (false, _) => Some(gap),
                (true, Step::Resync) => Some(Gap { from: Some(at(85)), to: at(90) }),
                (true, _) => None,
            };
            assert_eq!(bench.state.owed, left, "{step}: from {from:?}, owed from {owed:?}");
            assert_eq!(bench.state.synced_at.is_some(), pays);
        }
    }
}

#[test]
fn a_rotation_pays_nothing_of_what_is_owed() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Disabled, Some(GAP), 90);
    bench.rotate("one");
    assert_eq!(bench.state.owed, Some(Gap { from: None, to: at(96) }), "it has only grown");
    bench.happen(&Event::HandOffSettled, 97);
    assert_eq!(bench.state.owed, Some(Gap { from: None, to: at(96) }));
    assert_eq!(bench.stage(), Stage::CatchUp);
}

#[test]
fn a_resync_that_was_passed_over_paid_nothing() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Disabled, Some(GAP), 90);
    let attempt = bench.start(Step::Resync, 91);
    bench.happen(&Event::ResyncPassedOver(attempt, "no".to_owned(), None), 92);
    assert_eq!((bench.state.owed, bench.state.synced_at), (Some(GAP), None));
    assert_eq!(bench.stage(), Stage::Post);
}

#[test]
fn a_resync_of_which_no_one_knows_what_it_covers_paid_nothing() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Disabled, Some(GAP), 90);
    bench.resync(None, 92);
    assert_eq!((bench.state.owed, bench.state.synced_at), (Some(GAP), None));
}

#[test]
fn who_begins_with_a_smaller_gap_shortens_no_debt() {
    let gap = |from: Option<i64>, to| Gap { from: from.map(at), to: at(to) };
    for (owed, begun, expected) in [
        (gap(Some(50), 90), Some(gap(Some(70), 80)), gap(Some(50), 90)),
        (gap(Some(50), 90), Some(gap(Some(40), 100)), gap(Some(40), 100)),
        (gap(None, 90), Some(gap(Some(70), 100)), gap(None, 100)),
        (gap(Some(50), 90), Some(gap(None, 100)), gap(None, 100)),
        (gap(Some(50), 90), None, gap(Some(50), 90)),
    ] {
        let mut bench = Bench::new(&[]);
        bench.begin(Reason::Disabled, Some(owed), 90);
        let (reason, error) = (Reason::Manual, "no".to_owned());
        let outcome = RenewalOutcome::Failed;
        bench.happen(&Event::Supersede { renewal: 2, reason, gap: begun, outcome, error }, 95);
        assert_eq!(bench.state.owed, Some(expected), "{owed:?} and {begun:?}");
        let last = bench.state.last.expect("ended");
        assert_eq!((last.reason, last.outcome), (Reason::Disabled, RenewalOutcome::Failed));
    }
}

#[test]
fn an_open_renewal_is_not_opened_twice() {
    let mut bench = Bench::new(&[]);
    let first = bench.begin(Reason::Expiring, None, 50);
    let attempt = bench.start(Step::Resync, 51);
    bench.happen(&Event::StepFailed(attempt, setback(Step::Resync), None), 52);
    bench.begin(Reason::Manual, None, 53);
    assert_eq!(bench.state.active.as_ref().expect("open").id, first);
    assert_eq!(bench.state.retry.expect("kept").retry_at, at(53), "tried at once");
}

#[test]
fn an_outcome_whose_attempt_is_not_the_open_one_changes_nothing_but_what_is_true_anyway() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Expiring, Some(Gap { from: None, to: at(50) }), 50);
    let old = bench.start(Step::Resync, 51);
    let (reason, error) = (Reason::Manual, "no".to_owned());
    bench.happen(
        &Event::Supersede { renewal: 2, reason, gap: None, outcome: RenewalOutcome::Failed, error },
        52,
    );
    let steps = bench.history()[1].steps.clone();
    assert_eq!(steps[0].outcome.as_deref(), Some("failed"), "what ran ended with its renewal");
    for event in [
        Event::StepFailed(old, setback(Step::Resync), None),
        Event::StepStopped(old, None),
        Event::ResyncPassedOver(old, "no".to_owned(), None),
        Event::NoAnswer(old, setback(Step::Post), true),
        Event::PageDelivered {
            renewal: 1,
            step: Step::Resync,
            progress: crate::domain::page_cursor::Progress::default(),
        },
    ] {
        assert!(!bench.happen(&event, 53), "{event:?}");
    }
    let covered = Some(Covered { from: None, to: at(45) });
    assert!(bench.happen(&Event::Resynced(old, StepOutcome::Succeeded, covered, None), 54));
    assert_eq!(bench.state.owed, Some(Gap { from: Some(at(45)), to: at(50) }), "it has reached the receiver");
    assert_eq!((bench.stage(), bench.state.active.as_ref().expect("open").id), (Stage::Resync, 2));
}

#[test]
fn success_in_one_step_does_not_make_the_failures_of_another_forgotten() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Expiring, None, 90);
    let attempt = bench.start(Step::Post, 91);
    bench.happen(&Event::StepFailed(attempt, setback(Step::Post), None), 92);
    let retry = bench.state.retry.clone();
    assert!(retry.is_some());
    bench.resync(None, 93);
    assert_eq!(bench.state.retry, retry);
}

#[test]
fn from_before_a_post_until_its_outcome_is_known_it_is_unknown() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Expiring, None, 90);
    bench.resync(None, 92);
    let post = bench.post(false, 93);
    assert_eq!(bench.stage(), Stage::Posting, "from before it is sent");
    bench.happen(&Event::PostRefused(post, setback(Step::Post)), 94);
    assert_eq!(bench.stage(), Stage::Post, "a refusal is an outcome");

    let post = bench.post(false, 95);
    bench.happen(&Event::PostUnknown(post, setback(Step::Post)), 96);
    assert_eq!(bench.stage(), Stage::Posting, "a lost answer is none");
    bench.happen(&Event::PostHadNoEffect, 97);
    assert_eq!(bench.stage(), Stage::Post, "what Protime lists is one");
    assert!(bench.happen(&Event::PostUnknown(PostId(77), setback(Step::Post)), 98));
    assert_eq!(bench.stage(), Stage::Post, "another's outcome is none of this one");
}

#[test]
fn unplanned_posts_count_unless_refused_whatever_the_clock_was() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Disabled, None, 50);
    bench.resync(None, 51);
    for (begun, refused) in [(1_000, false), (2_000, true), (5_000, false), (900_000, false)] {
        let post = bench.post(true, begun);
        if refused {
            bench.happen(&Event::PostRefused(post, setback(Step::Post)), begun);
        } else {
            bench.happen(&Event::PostUnknown(post, setback(Step::Post)), begun);
            bench.happen(&Event::PostHadNoEffect, begun);
        }
    }
    assert_eq!(bench.state.unplanned(), [at(1_000), at(5_000), at(900_000)]);
}

#[test]
fn an_answer_ends_no_failure_before_its_key_is_current() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Expiring, None, 90);
    bench.resync(None, 92);
    let post = bench.post(false, 93);
    bench.happen(&Event::PostUnknown(post, setback(Step::Post)), 94);
    bench.happen(&Event::PostHadNoEffect, 94);
    let failure = bench.state.retry.clone();
    let post = bench.post(false, 95);
    bench.happen(&Event::Answered(post), 96);
    assert_eq!(
        (bench.stage(), &bench.state.retry),
        (Stage::Rotate, &failure),
        "it may be a page of a proxy's"
    );
    bench.happen(&Event::Rotated(post, Box::new(rotation("one"))), 97);
    assert_eq!((bench.stage(), &bench.state.retry), (Stage::HandOff, &None));
}

#[test]
fn an_answer_without_a_key_is_counted_by_the_posts_since_the_last_rotation() {
    for (made, outcome) in [(false, PostOutcome::Unknown), (true, PostOutcome::Fruitless)] {
        let mut bench = Bench::new(&[]);
        bench.begin(Reason::Expiring, None, 90);
        bench.resync(None, 92);
        for (attempts, second) in [(1, 100), (2, 200)] {
            let post = bench.post(false, second);
            bench.happen(&Event::Answered(post), second);
            let attempt = bench.start(Step::Rotate, second);
            bench.happen(&Event::NoAnswer(attempt, setback(Step::Post), made), second);
            let retry = bench.state.retry.clone().expect("noted");
            assert_eq!((retry.attempts, retry.since), (attempts, at(100)), "it goes on");
            assert_eq!(
                (bench.stage(), bench.state.posts.last().expect("kept").outcome),
                (Stage::Posting, outcome)
            );
            assert_eq!(bench.state.is_fruitless(), made);
            bench.happen(&Event::PostHadNoEffect, second);
        }
    }
}

#[test]
fn what_ran_when_the_process_died_is_recorded_at_the_next_start() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Created, None, 50);
    bench.resync(None, 50);
    bench.post(false, 51);
    assert!(bench.happen(&Event::Restarted, 60));
    let step = bench.history()[0].steps[1].clone();
    assert_eq!((step.outcome.as_deref(), step.finished_at), (Some("unknown"), Some(at(60))));
    assert_eq!(bench.stage(), Stage::Posting);
    assert!(!bench.happen(&Event::Restarted, 61), "once is enough");
}

#[test]
fn a_renewal_that_is_put_off_ends_when_what_is_owed_is_paid() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    bench.finish();
    bench.begin(Reason::Expiring, None, 400);
    bench.resync(None, 401);
    let post = bench.post(false, 402);
    bench.happen(&Event::RenewedAfterEnd(true, schedule()), 403);
    bench.happen(&Event::PostPostponed(post, "only after its end".to_owned()), 403);
    assert_eq!((bench.stage(), bench.state.next_renewal_at), (Stage::CatchUp, Some(at(500))));
    bench.finish();
    let last = bench.state.last.clone().expect("ended");
    assert_eq!(
        (last.outcome, last.error.as_deref()),
        (RenewalOutcome::Postponed, Some("only after its end"))
    );
    assert!(bench.happen(&Event::RenewedAfterEnd(false, schedule()), 404));
    assert_eq!(bench.state.next_renewal_at, Some(at(400)), "and is planned again if Protime does otherwise");
}

#[test]
fn what_happens_in_one_moment_is_one_commit() {
    let mut bench = Bench::new(&[]);
    let nothing = Event::PostHadNoEffect;
    let begin = Event::Begin { renewal: 1, reason: Reason::Manual, gap: None };
    let before = bench.state.clone();
    for (events, changes) in [
        ([&nothing, &nothing], false),
        ([&nothing, &begin], true),
        ([&begin, &nothing], true),
        ([&begin, &Event::Hurry], true),
        ([&begin, &Event::StepBegan(Step::Resync)], true),
    ] {
        let both = apply(&before, events[0], now(9)).then(&before, events[1], now(9));
        assert_eq!(both.changes(&before), changes, "{events:?}");
        assert_eq!(both.state.revision, before.revision + i64::from(changes));
    }
    bench.happen(&begin, 9);
    let both = apply(&before, &begin, now(9)).then(&before, &Event::StepBegan(Step::Resync), now(9));
    assert_eq!(both.journal.len(), 2);
}
