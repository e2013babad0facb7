//! The outboxes of key sinks: what an attempt changes, and what of it the history shows.

use super::*;
use crate::domain::outbox::{Outbox, SinkFailure};

const FILE: &str = "file:/run/k";
const COMMAND: &str = "command:new-key --secret s3cret";

impl Bench {
    /// Begins an attempt, if one is due.
    fn carry(&mut self, sink: &str, second: i64) -> bool {
        self.happen(&Event::DeliveryBegan(sink.to_owned()), second)
    }

    fn succeed(&mut self, sink: &str, version: u64, second: i64) {
        let output = Some(format!("out of {sink}"));
        self.happen(&Event::Delivered(sink.to_owned(), version, output), second);
    }

    fn fail(&mut self, sink: &str, version: u64, second: i64) {
        let retry = setback(Step::HandOff).retry;
        let event = Event::Undelivered(sink.to_owned(), version, "no luck".to_owned(), None, retry);
        self.happen(&event, second);
    }

    /// The file was seen not to contain this version.
    fn lacks(&mut self, version: u64, second: i64) -> bool {
        self.happen(&Event::KeyGone(FILE.to_owned(), version), second)
    }

    fn outbox(&self, sink: &str) -> Outbox {
        self.state.sinks.iter().find(|outbox| outbox.sink == sink).expect("known").clone()
    }

    fn hand_offs(&self) -> Vec<(Option<String>, Option<String>)> {
        let steps = self.history()[0].steps.clone();
        let steps = steps.into_iter().filter(|step| step.step == "hand_off");
        steps.map(|step| (step.outcome, step.error)).collect()
    }
}

#[test]
fn a_rotation_owes_every_sink_the_key_and_one_step_tells_of_both() {
    let mut bench = Bench::new(&[FILE, COMMAND]);
    assert!(!bench.carry(FILE, 90), "there is no key to hand off");
    bench.rotate("one");
    assert!(bench.carry(FILE, 96));
    assert!(!bench.carry(FILE, 96), "one attempt at a time");
    bench.succeed(FILE, 1, 97);
    assert_eq!(bench.hand_offs(), [(None, None)], "the other one has not begun");
    assert!(bench.carry(COMMAND, 97));
    bench.succeed(COMMAND, 1, 98);
    assert_eq!(bench.hand_offs(), [(Some("succeeded".to_owned()), None)]);
    let output = bench.history()[0].steps.last().expect("a step").output.clone();
    assert_eq!(output, Some(format!("out of {COMMAND}")));
    assert!(bench.state.is_known_everywhere() && !bench.carry(FILE, 99));
}

#[test]
fn a_failure_waits_and_touches_no_other_sink() {
    let mut bench = Bench::new(&[FILE, COMMAND]);
    bench.rotate("one");
    assert!(bench.carry(FILE, 96) && bench.carry(COMMAND, 96));
    bench.fail(COMMAND, 1, 97);
    bench.succeed(FILE, 1, 98);
    let failure = SinkFailure { at: at(97), since: at(97), message: "no luck".to_owned() };
    let expected = Outbox {
        sink: COMMAND.to_owned(),
        version: 0,
        attempts: 1,
        started_at: None,
        retry_at: Some(at(106)),
        failure: Some(failure),
    };
    assert_eq!(bench.outbox(COMMAND), expected);
    assert_eq!(bench.outbox(FILE).version, 1);

    assert!(bench.carry(COMMAND, 200));
    bench.fail(COMMAND, 1, 201);
    let outbox = bench.outbox(COMMAND);
    assert_eq!((outbox.attempts, outbox.failure.expect("failed").since), (2, at(97)));
    assert!(bench.carry(COMMAND, 300));
    bench.succeed(COMMAND, 1, 301);
    let outbox = bench.outbox(COMMAND);
    assert_eq!((outbox.attempts, outbox.retry_at, outbox.failure), (0, None, None));
    let (failed, luck) = (Some("failed".to_owned()), Some("no luck".to_owned()));
    let expected = [(failed.clone(), luck.clone()), (failed, luck), (Some("succeeded".to_owned()), None)];
    assert_eq!(bench.hand_offs(), expected);
}

#[test]
fn the_newest_key_wins() {
    let mut bench = Bench::new(&[FILE]);
    bench.rotate("one");
    assert!(bench.carry(FILE, 96));
    bench.finish();
    bench.rotate("two");
    bench.fail(FILE, 1, 99);
    let outbox = bench.outbox(FILE);
    assert_eq!((outbox.attempts, outbox.retry_at), (0, Some(at(99))), "the failure was the old key's");
    assert!(bench.carry(FILE, 99));
    bench.succeed(FILE, 2, 100);
    bench.succeed(FILE, 1, 101);
    assert!(bench.state.has_key(FILE), "an older one that comes in later changes nothing");
}

#[test]
fn an_attempt_that_is_given_up_stays_due() {
    for restart in [false, true] {
        let mut bench = Bench::new(&[FILE]);
        bench.rotate("one");
        bench.carry(FILE, 96);
        if restart {
            bench.happen(&Event::Restarted, 97);
        } else {
            bench.happen(&Event::DeliveryGivenUp(FILE.to_owned(), "stopped", None), 97);
        }
        assert_eq!(bench.hand_offs()[0].0.as_deref(), Some("failed"));
        assert!(bench.carry(FILE, 98));
    }
}

#[test]
fn what_failed_on_another_clock_is_due() {
    for event in [Event::Restarted, Event::ClockSet] {
        let mut bench = Bench::new(&[FILE, COMMAND]);
        bench.rotate("one");
        bench.carry(FILE, 96);
        bench.fail(FILE, 1, 97);
        assert!(bench.carry(COMMAND, 900));
        bench.fail(COMMAND, 1, 901);
        let file = bench.outbox(FILE);
        bench.happen(&event, 100);
        assert_eq!(bench.outbox(FILE), file, "it failed before now, so its retry is believed");
        let expected = (Some(at(100)), 1);
        let outbox = bench.outbox(COMMAND);
        assert_eq!((outbox.retry_at, outbox.attempts), expected);
    }
}

#[test]
fn sinks_come_and_go_with_the_configuration() {
    let mut bench = Bench::new(&[FILE]);
    bench.rotate("one");
    bench.carry(FILE, 96);
    bench.succeed(FILE, 1, 97);
    bench.configure(&[FILE, COMMAND], 100);
    assert_eq!((bench.outbox(FILE).retry_at, bench.outbox(COMMAND).retry_at), (None, Some(at(100))));
    bench.configure(&[FILE], 101);
    assert_eq!(bench.state.sinks.len(), 1);
    assert!(bench.lacks(1, 202));
    assert!(bench.state.had_key(FILE) && !bench.state.has_key(FILE), "a receiver may have it still");
    assert!(bench.carry(FILE, 202), "it was found to lack it");
}

#[test]
fn what_a_sink_was_seen_to_lack_before_a_rotation_does_not_count_after_it() {
    let mut bench = Bench::new(&[FILE]);
    bench.rotate("one");
    assert!(!bench.lacks(1, 96), "it gets it just now");
    bench.carry(FILE, 96);
    bench.succeed(FILE, 1, 97);
    bench.finish();
    bench.rotate("two");
    assert!(!bench.lacks(1, 98), "it gets another just now");
    bench.carry(FILE, 99);
    bench.succeed(FILE, 2, 100);
    assert!(!bench.lacks(1, 101), "it has the newer one");
    assert!(bench.state.has_key(FILE));
}

#[test]
fn a_catch_up_before_the_last_sink_has_the_key_pays_no_more_than_it_covers() {
    let mut bench = Bench::new(&[FILE]);
    bench.begin(Reason::Created, Some(Gap { from: None, to: at(80) }), 80);
    bench.rotate("one");
    bench.happen(&Event::HandOffSettled, 110);
    let attempt = bench.start(Step::CatchUp, 111);
    let covered = Some(Covered { from: None, to: at(111) });
    bench.happen(&Event::CaughtUp(attempt, StepOutcome::Succeeded, covered, None, false), 120);
    assert_eq!(bench.state.owed, Some(Gap { from: Some(at(111)), to: at(111) }));
    assert_eq!(bench.stage(), Stage::AwaitingSinks);
}

#[test]
fn without_sinks_the_hand_off_is_a_step_that_was_skipped() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    bench.happen(&Event::HandOffSettled, 97);
    assert_eq!(bench.hand_offs(), [(Some("skipped".to_owned()), None)]);
    assert!(!bench.happen(&Event::HandOffSettled, 98));
}
