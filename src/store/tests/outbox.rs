//! The outboxes of key sinks: what is due, what an attempt changes, and what of it the history shows.

use super::*;
use crate::domain::outbox::{Outbox, SinkFailure};

const FILE: &str = "file:/run/k";
const COMMAND: &str = "command:new-key --secret s3cret";

async fn with_sinks(sinks: &[&str]) -> Bench {
    let bench = Bench::new().await;
    bench.expect_sinks(sinks, 2).await;
    bench
}

impl Bench {
    async fn due(&self, second: i64) -> Vec<String> {
        let due = self.store.due_deliveries(at(second), at(second + 900), 10).await.expect("reads");
        due.into_iter().map(|(_, sink)| sink).collect()
    }

    /// Begins an attempt and returns the version of the key that it carries.
    async fn carry(&self, sink: &str, second: i64) -> Option<u64> {
        let begun = self.store.start_delivery(self.id, sink.to_owned(), at(second)).await.expect("records");
        begun.map(|delivery| delivery.key.version)
    }

    async fn succeed(&self, sink: &str, version: u64, second: i64) {
        let output = Some(format!("out of {sink}"));
        let done = self.store.delivered(self.id, sink.to_owned(), version, output, at(second));
        done.await.expect("records");
    }

    async fn fail(&self, sink: &str, version: u64, second: i64, retry_at: i64) {
        let failure = Undelivered { message: "no luck".to_owned(), output: None, retry_at: at(retry_at) };
        let done = self.store.undelivered(self.id, sink.to_owned(), version, failure, at(second));
        done.await.expect("records");
    }

    /// Records that the file was seen not to hold this version.
    async fn lacks(&self, version: u64, second: i64) -> bool {
        self.store.hand_off_again(self.id, FILE.to_owned(), version, at(second)).await.expect("records")
    }

    async fn outbox(&self, sink: &str) -> Outbox {
        self.record().await.sinks.into_iter().find(|outbox| outbox.sink == sink).expect("known")
    }

    async fn hand_offs(&self) -> Vec<(Option<String>, Option<String>)> {
        let history = self.store.history(self.id, 1).await.expect("reads");
        let steps = history[0].steps.iter().filter(|step| step.step == "hand_off");
        steps.map(|step| (step.outcome.clone(), step.error.clone())).collect()
    }
}

#[tokio::test]
async fn a_rotation_owes_every_sink_the_key_and_one_step_tells_of_both() {
    let bench = with_sinks(&[FILE, COMMAND]).await;
    assert!(bench.due(90).await.is_empty(), "there is no key to hand off");
    bench.rotate("one").await;
    assert_eq!(bench.due(96).await.len(), 2);
    assert_eq!(bench.carry(FILE, 96).await, Some(1));
    assert_eq!(bench.carry(FILE, 96).await, None, "one attempt at a time");
    assert_eq!(bench.due(96).await, [COMMAND]);
    bench.succeed(FILE, 1, 97).await;
    assert_eq!(bench.hand_offs().await, [(None, None)], "the other one has not begun");
    assert_eq!(bench.carry(COMMAND, 97).await, Some(1));
    bench.succeed(COMMAND, 1, 98).await;
    assert_eq!(bench.hand_offs().await, [(Some("succeeded".to_owned()), None)]);
    assert!(bench.record().await.has_key(FILE) && bench.record().await.has_key(COMMAND));
    assert!(bench.due(1_000).await.is_empty());
    assert_eq!(bench.store.next_delivery(at(0)).await.expect("reads"), None);
}

#[tokio::test]
async fn a_failure_waits_and_touches_no_other_sink() {
    let bench = with_sinks(&[FILE, COMMAND]).await;
    bench.rotate("one").await;
    for sink in [FILE, COMMAND] {
        bench.carry(sink, 96).await.expect("due");
    }
    bench.fail(COMMAND, 1, 97, 200).await;
    assert_eq!(bench.due(97).await, [] as [&str; 0]);
    assert_eq!(bench.store.next_delivery(at(97)).await.expect("reads"), Some(at(200)));
    bench.succeed(FILE, 1, 98).await;
    let failure = SinkFailure { at: at(97), since: at(97), message: "no luck".to_owned() };
    let expected = Outbox {
        sink: COMMAND.to_owned(),
        version: 0,
        attempts: 1,
        retry_at: Some(at(200)),
        failure: Some(failure),
    };
    assert_eq!(bench.outbox(COMMAND).await, expected);
    assert_eq!(bench.outbox(FILE).await.version, 1);

    assert_eq!(bench.carry(COMMAND, 200).await, Some(1));
    bench.fail(COMMAND, 1, 201, 300).await;
    let outbox = bench.outbox(COMMAND).await;
    assert_eq!((outbox.attempts, outbox.failure.expect("failed").since), (2, at(97)));
    bench.carry(COMMAND, 300).await.expect("due");
    bench.succeed(COMMAND, 1, 301).await;
    let outbox = bench.outbox(COMMAND).await;
    assert_eq!((outbox.attempts, outbox.retry_at, outbox.failure), (0, None, None));
    let (failed, luck) = (Some("failed".to_owned()), Some("no luck".to_owned()));
    let story = bench.hand_offs().await;
    let expected = [(failed.clone(), luck.clone()), (failed, luck), (Some("succeeded".to_owned()), None)];
    assert_eq!(story, expected);
}

#[tokio::test]
async fn a_time_that_was_computed_on_another_clock_is_not_waited_for() {
    let bench = with_sinks(&[FILE]).await;
    bench.rotate("one").await;
    bench.carry(FILE, 96).await.expect("due");
    bench.fail(FILE, 1, 97, 100_000).await;
    assert_eq!(bench.due(98).await, [FILE], "no pause is that long");
    assert!(bench.due(99_500).await.is_empty());
}

#[tokio::test]
async fn the_newest_key_wins() {
    let bench = with_sinks(&[FILE]).await;
    bench.rotate("one").await;
    assert_eq!(bench.carry(FILE, 96).await, Some(1));
    let renewal = bench.record().await.open.expect("open").id;
    let step = bench.store.start_step(bench.id, renewal, Step::CatchUp, at(97)).await.expect("starts");
    bench.store.caught_up(step, StepOutcome::Succeeded, None, None, at(98)).await.expect("records");
    bench.rotate("two").await;
    bench.fail(FILE, 1, 99, 900).await;
    let outbox = bench.outbox(FILE).await;
    assert_eq!((outbox.attempts, outbox.retry_at), (0, Some(at(99))), "the failure was the old key's");
    assert_eq!(bench.carry(FILE, 99).await, Some(2));
    bench.succeed(FILE, 2, 100).await;
    bench.succeed(FILE, 1, 101).await;
    assert!(bench.record().await.has_key(FILE), "an older one that comes in later changes nothing");
}

#[tokio::test]
async fn what_ran_when_the_process_died_is_due_again() {
    let bench = with_sinks(&[FILE]).await;
    bench.rotate("one").await;
    bench.carry(FILE, 96).await.expect("due");
    assert!(bench.due(500).await.is_empty());
    let Bench { store, id, dir } = bench;
    drop(store);
    let store = Store::open(dir.path()).expect("opens again");
    let bench = Bench { store, id, dir };
    assert_eq!(bench.due(500).await, [FILE]);
}

#[tokio::test]
async fn sinks_come_and_go_with_the_configuration() {
    let bench = with_sinks(&[FILE]).await;
    bench.rotate("one").await;
    bench.carry(FILE, 96).await.expect("due");
    bench.succeed(FILE, 1, 97).await;
    bench.expect_sinks(&[FILE, COMMAND], 100).await;
    assert_eq!(bench.due(100).await, [COMMAND], "the new one lacks the key, the old one has it");
    bench.expect_sinks(&[FILE], 101).await;
    assert!(bench.due(200).await.is_empty());
    assert!(bench.lacks(1, 202).await);
    assert_eq!(bench.due(202).await, [FILE], "it was found to lack it");
    let record = bench.record().await;
    assert!(record.had_key(FILE) && !record.has_key(FILE), "a receiver may hold it still");
}

#[tokio::test]
async fn what_a_sink_was_seen_to_lack_before_a_rotation_is_no_news_after_it() {
    let bench = with_sinks(&[FILE]).await;
    bench.rotate("one").await;
    assert!(!bench.lacks(1, 96).await, "it gets it just now");
    bench.carry(FILE, 96).await.expect("due");
    bench.succeed(FILE, 1, 97).await;
    bench.finish().await;
    bench.rotate("two").await;
    assert!(!bench.lacks(1, 98).await, "it gets another just now");
    bench.carry(FILE, 99).await.expect("due");
    bench.succeed(FILE, 2, 100).await;
    assert!(!bench.lacks(1, 101).await, "it holds the newer one");
    assert!(bench.record().await.has_key(FILE) && bench.due(200).await.is_empty());
}

#[tokio::test]
async fn a_catch_up_before_the_last_sink_has_the_key_pays_no_more_than_it_covers() {
    let bench = with_sinks(&[FILE]).await;
    let gap = Gap { from: None, to: at(80) };
    bench.store.begin(bench.id, Reason::Created, Some(gap), at(80)).await.expect("begins");
    bench.rotate("one").await;
    let renewal = bench.record().await.open.expect("open").id;
    bench.store.hand_off_settled(bench.id, renewal, false, at(110)).await.expect("records");
    let step = bench.store.start_step(bench.id, renewal, Step::CatchUp, at(111)).await.expect("starts");
    let done = bench.store.caught_up_in_part(step, StepOutcome::Succeeded, Some(at(111)), None, at(120));
    done.await.expect("records");
    let record = bench.record().await;
    assert_eq!(record.owed, Some(Gap { from: Some(at(111)), to: at(111) }));
    assert_eq!(record.open.expect("open").stage, Stage::Late);
}

#[tokio::test]
async fn a_database_from_before_the_outboxes_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let connection = Connection::open(dir.path().join("state.db")).expect("opens");
    connection.execute_batch(include_str!("../schema/001.sql")).expect("the first schema");
    let rows = format!(
        "INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, issued_at, \
         trouble_step, trouble_at, trouble_since, trouble_message, trouble_needs_operator, trouble_attempts, \
         trouble_retry_at) VALUES (7, 'acme', 'https://receiver.example/', 'clockings', 'clockings', 1, 5, \
         'hand_off', 6, 6, 'no luck', 0, 2, 9); \
         INSERT INTO key VALUES (7, 1, 'one', 3, 5), (7, 2, 'two', 5, NULL); \
         INSERT INTO sink VALUES (7, '{FILE}', 2), (7, '{COMMAND}', 1); PRAGMA user_version = 1"
    );
    connection.execute_batch(&rows).expect("rows");
    drop(connection);

    let store = Store::open(dir.path()).expect("opens");
    let bench = Bench { store, id: WebhookId(7), dir };
    bench.expect_sinks(&[FILE, COMMAND], 20).await;
    assert_eq!(bench.due(20).await, [COMMAND]);
    let record = bench.record().await;
    assert!(record.has_key(FILE) && !record.has_key(COMMAND));
    assert_eq!(record.trouble, None, "what was in the sink's way is no trouble of the webhook's");
}
