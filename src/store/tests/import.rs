//! A key from elsewhere: when it is taken, what it changes, and what it leaves alone.

use super::*;
use crate::domain::record::Now;

fn import(key: &str) -> KeyImport {
    KeyImport {
        key: WebhookKey::new(key.to_owned()).expect("a key"),
        references: "(people,@badge-number)".to_owned(),
    }
}

fn now(second: i64) -> Now {
    Now { local: at(second), protime: at(second) }
}

impl Bench {
    async fn import(&self, key: &str, second: i64) -> Imported {
        self.store.import_key(self.id, import(key), now(second)).await.expect("answers")
    }
}

#[tokio::test]
async fn a_key_is_current_at_once_and_the_same_one_changes_nothing() {
    let bench = Bench::new().await;
    bench.expect_sinks(&["file:/run/k"], 2).await;
    assert_eq!(bench.import("theirs", 10).await, Imported::New { version: 1 });
    assert_eq!(bench.import("theirs", 11).await, Imported::Same { version: 1 });
    let record = bench.record().await;
    let issued = record.issued.expect("issued");
    assert_eq!((issued.id, issued.valid_until, issued.at), (None, None, at(10)));
    assert_eq!(issued.references, "(people,@badge-number)");
    assert_eq!((record.open, record.owed, record.remote), (None, None, Remote::NeverAsked));
    assert_eq!(record.confirm, Some(Confirm { at: at(10), until: at(10) }), "Protime is asked");
    assert_eq!(bench.store.due_deliveries(at(10), at(20), 9).await.expect("reads").len(), 1);

    assert_eq!(bench.import("another", 20).await, Imported::New { version: 2 });
    let keys = bench.store.keys(bench.id).await.expect("reads");
    assert_eq!(keys.previous.expect("kept").key.expose(), "theirs");
}

#[tokio::test]
async fn what_is_to_be_confirmed_of_a_new_key_is_not_called_off_by_an_answer_about_the_one_before() {
    let bench = Bench::new().await;
    bench.import("mistyped", 10).await;
    let before = bench.record().await.confirm;
    bench.import("theirs", 11).await;
    bench.store.confirm_next(bench.id, before, None).await.expect("records");
    let confirm = bench.record().await.confirm;
    assert_eq!(confirm, Some(Confirm { at: at(11), until: at(11) }), "it is still to be asked for");
    bench.store.confirm_next(bench.id, confirm, Some(at(20))).await.expect("records");
    bench.store.confirm_next(bench.id, bench.record().await.confirm, None).await.expect("records");
    assert_eq!(bench.record().await.confirm, None);
}

#[tokio::test]
async fn a_list_that_was_asked_for_before_is_not_believed() {
    let bench = Bench::new().await;
    let tenant = TenantName::new("acme").expect("a name");
    let before = bench.store.post_counts(&tenant).await.expect("reads");
    bench.import("theirs", 10).await;
    bench.store.apply_list(before, HashMap::new(), Grain::Minute, at(9)).await.expect("applies");
    assert_eq!(bench.record().await.remote, Remote::NeverAsked);
}

#[tokio::test]
async fn a_renewal_that_was_decided_on_before_a_key_came_is_not_begun_after_it() {
    let bench = Bench::new().await;
    let revision = bench.record().await.revision;
    bench.import("theirs", 10).await;
    let begun = bench.store.begin_as_of(bench.id, revision, Reason::UnknownKey, None, at(11)).await;
    assert_eq!(begun.expect("answers"), None);
    assert!(bench.record().await.open.is_none());
    let revision = bench.record().await.revision;
    let begun = bench.store.begin_as_of(bench.id, revision, Reason::Expired, None, at(12)).await;
    assert!(begun.expect("answers").is_some());
}

#[tokio::test]
async fn a_renewal_that_only_lacked_the_key_goes_on_without_a_post() {
    for stage in [Stage::Resync, Stage::Post] {
        let bench = Bench::new().await;
        let gap = Gap { from: None, to: at(5) };
        let renewal =
            bench.store.begin(bench.id, Reason::UnknownKey, Some(gap), at(5)).await.expect("begins");
        let resync = bench.store.start_step(bench.id, renewal, Step::Resync, at(6)).await.expect("starts");
        let resynced = || bench.store.resynced(resync, StepOutcome::Succeeded, Some(at(6)), None, at(20));
        if stage == Stage::Post {
            resynced().await.expect("records");
        }
        assert_eq!(bench.import("theirs", 10).await, Imported::New { version: 1 });
        if stage == Stage::Resync {
            resynced().await.expect("records");
        }
        assert_eq!(bench.record().await.open.expect("open").stage, Stage::HandOff, "after {stage:?}");
        assert_eq!(bench.record().await.owed.expect("still owed").from, Some(at(6)));
        let post = bench.store.start_post(bench.id, renewal, false, at(30)).await.expect("answers");
        assert!(post.is_none(), "nothing is sent by who had read the old stage");
    }
}

#[tokio::test]
async fn no_key_is_taken_while_a_post_may_give_out_another() {
    let bench = Bench::new().await;
    let renewal = bench.store.begin(bench.id, Reason::UnknownKey, None, at(5)).await.expect("begins");
    let resync = bench.store.start_step(bench.id, renewal, Step::Resync, at(6)).await.expect("starts");
    bench.store.resynced(resync, StepOutcome::Succeeded, None, None, at(7)).await.expect("records");
    bench.store.start_post(bench.id, renewal, false, at(8)).await.expect("answers").expect("begun");
    assert_eq!(bench.import("theirs", 10).await, Imported::PostInFlight);
    assert!(bench.store.keys(bench.id).await.expect("reads").current.is_none());
}

#[tokio::test]
async fn another_renewal_goes_on_as_it_was() {
    let bench = Bench::new().await;
    bench.store.begin(bench.id, Reason::Manual, None, at(5)).await.expect("begins");
    assert_eq!(bench.import("theirs", 10).await, Imported::New { version: 1 });
    assert_eq!(bench.record().await.open.expect("open").stage, Stage::Resync);
}

#[tokio::test]
async fn without_a_daemon_the_webhook_is_made_known_and_no_other_is_touched() {
    let bench = Bench::new().await;
    let imported = bench.store.import_key_of(configured("people", "people"), import("theirs"), now(10)).await;
    assert_eq!(imported.expect("answers"), Imported::New { version: 1 });
    let known = bench.store.records().await.expect("reads");
    assert_eq!(known.len(), 2, "both are configured still");
    let ids = bench
        .store
        .adopt(sinkless([configured("clockings", "clockings"), configured("people", "people")]), at(20))
        .await
        .expect("adopts");
    let keys = bench.store.keys(ids[1]).await.expect("reads");
    assert_eq!(keys.current.expect("kept").key.expose(), "theirs");
}
