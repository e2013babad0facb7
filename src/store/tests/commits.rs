//! What is committed is whole, is what comes back, and came of what was there.

use proptest::prelude::*;

use super::*;
use crate::domain::plan::tests::model;

#[tokio::test]
async fn a_webhook_is_recognised_by_its_pair() {
    let bench = Bench::new(&[]).await;
    bench.rotate("one").await;
    let both = vec![configured("other", "people", &[]), configured("renamed", "clockings", &[])];
    let ids = bench.store.sync_configuration(both, at(200)).await.expect("syncs");
    assert_ne!(ids[0], bench.id);
    assert_eq!(ids[1], bench.id);
    let state = bench.state().await;
    assert_eq!(state.path.to_string(), "acme/renamed");
    assert_eq!(state.registration.expect("kept").key_version, 1);

    let one = vec![configured("other", "people", &[])];
    bench.store.sync_configuration(one, at(300)).await.expect("syncs");
    let known = bench.store.states().await.expect("reads");
    assert_eq!(known.len(), 1, "what left the configuration is not shown");
    assert_eq!(
        bench.store.removed_webhooks().await.expect("reads")[0].id,
        bench.id,
        "but among those that left"
    );
    let due = bench.store.due(at(999), 10).await.expect("reads");
    assert!(due.iter().all(|id| *id == ids[0]), "nor worked on");
}

#[tokio::test]
async fn without_a_daemon_a_webhook_is_made_known_and_no_other_is_touched() {
    let bench = Bench::new(&["sink"]).await;
    let before = bench.state().await;
    let id = bench.store.add_configured(configured("people", "people", &[]), at(10)).await.expect("adds");
    assert_ne!(id, bench.id);
    assert_eq!(bench.state().await, before);
    assert_eq!(bench.store.states().await.expect("reads").len(), 2, "both are configured");
    bench.store.add_configured(configured("clockings", "clockings", &[]), at(11)).await.expect("adds");
    assert_eq!(bench.state().await.sinks.len(), 1, "its sinks stay");
}

#[tokio::test]
async fn a_rotation_is_whole_and_survives() {
    let bench = Bench::new(&["file:/run/k"]).await;
    assert_eq!(bench.rotate("one").await, 1);
    let before = bench.state().await;
    assert_eq!(before.active.as_ref().expect("not done").stage, Stage::HandOff);
    let Bench { store, id, dir } = bench;
    drop(store);
    let store = Store::open(dir.path()).expect("opens again");
    assert_eq!(*store.state(id).await.expect("reads"), before);
    let keys = store.keys(id).await.expect("reads");
    assert_eq!(keys.current.expect("current").key.expose(), "one");
    assert!(keys.previous.is_none());
    assert!(store.new_renewal() > before.active.expect("open").id, "numbers go on");
}

#[tokio::test]
async fn only_the_current_and_the_previous_key_are_kept() {
    let bench = Bench::new(&[]).await;
    for (version, key) in (1..).zip(["one", "two", "three"]) {
        assert_eq!(bench.rotate(key).await, version);
        bench.finish().await;
    }
    let keys = bench.store.keys(bench.id).await.expect("reads");
    assert_eq!(keys.current.expect("current").key.expose(), "three");
    let previous = keys.previous.expect("previous");
    assert_eq!((previous.key.expose(), previous.version, previous.retired_at), ("two", 2, Some(at(96))));
    let count: i64 = Connection::open(bench.dir.path().join("state.db"))
        .and_then(|connection| connection.query_row("SELECT count(*) FROM key", [], |row| row.get(0)))
        .expect("counts");
    assert_eq!(count, 2);
}

#[tokio::test]
async fn a_commit_that_came_of_an_older_state_changes_nothing_of_any() {
    let bench = Bench::new(&[]).await;
    let other = bench.store.add_configured(configured("people", "people", &[]), at(10)).await.expect("adds");
    let (old, untouched) = (bench.state().await, bench.store.state(other).await.expect("reads"));
    bench.happen(&Event::Imported(WebhookKey::new("k".to_owned()).expect("a key"), String::new()), 20).await;
    let begin = |renewal| Event::Begin { renewal, reason: Reason::UnknownKey, gap: None };
    let commits = vec![apply(&untouched, &begin(1), now(21)).into(), apply(&old, &begin(2), now(21)).into()];
    assert!(!bench.store.commit("test", commits, None).await.expect("answers"));
    assert_eq!(bench.store.state(other).await.expect("reads"), untouched);
    assert_eq!(bench.state().await.active, None);
    assert!(bench.store.history(other, 5).await.expect("reads").is_empty());
}

#[tokio::test]
async fn an_answer_is_stored_whatever_has_become_of_its_webhook() {
    let bench = Bench::new(&[]).await;
    bench.begin(Reason::Created, None, 90).await;
    let attempt = bench.start(Step::Resync, 91).await;
    bench.happen(&Event::Resynced(attempt, StepOutcome::Succeeded, None, None), 92).await;
    let post = PostId(7);
    let sent = bench.happen(&Event::PostBegan { post, unplanned: false }, 93).await;
    let answer = || Answer {
        post,
        webhook: bench.id,
        location: Some("/webhooks/1".to_owned()),
        body: zeroize::Zeroizing::new(b"{}".to_vec()),
        issued_at: at(93),
        references: String::new(),
    };
    let rotated = Event::Rotated(post, rotation("one"));
    let stale = apply(&sent, &rotated, now(94));
    bench.happen(&Event::Hurry, 94).await;
    assert!(!bench.store.store_answer(answer(), stale.into(), at(94)).await.expect("stores"));
    assert_eq!(bench.state().await.active.expect("open").stage, Stage::Posting);
    assert!(bench.store.answer(post).await.expect("reads").is_some(), "the only copy of a key");
    bench.happen(&rotated, 95).await;
    assert!(bench.store.answer(post).await.expect("reads").is_none(), "its copy of the key is gone");

    // Where nothing came between, the key is current with it, and no copy is ever written.
    bench.finish().await;
    bench.begin(Reason::Manual, None, 190).await;
    let attempt = bench.start(Step::Resync, 191).await;
    bench.happen(&Event::Resynced(attempt, StepOutcome::Succeeded, None, None), 192).await;
    let post = PostId(8);
    let sent = bench.happen(&Event::PostBegan { post, unplanned: false }, 193).await;
    let fresh = apply(&sent, &Event::Rotated(post, rotation("two")), now(194));
    let answer = Answer { post, ..answer() };
    assert!(bench.store.store_answer(answer, fresh.into(), at(194)).await.expect("stores"));
    assert!(bench.store.answer(post).await.expect("reads").is_none());
    assert_eq!(bench.store.keys(bench.id).await.expect("reads").current.expect("current").version, 2);
}

#[tokio::test]
async fn a_decision_on_an_old_state_does_not_put_a_webhook_to_sleep() {
    let bench = Bench::new(&[]).await;
    let old = bench.state().await.revision;
    bench.begin(Reason::Manual, None, 50).await;
    let look = |revision| Look { id: bench.id, at: Some(at(9_000)), revision };
    assert!(!bench.store.schedule(look(old)).await.expect("answers"));
    assert_eq!(bench.store.due(at(50), 10).await.expect("reads"), [bench.id]);
    let new = bench.state().await.revision;
    assert!(bench.store.schedule(look(new)).await.expect("answers"));
    assert_eq!(bench.store.next_due(at(50)).await.expect("reads"), Some(at(9_000)));
    bench.store.clock_set(at(60)).await.expect("writes");
    assert_eq!(bench.store.due(at(60), 10).await.expect("reads"), [bench.id]);
}

#[tokio::test]
async fn deliveries_are_due_once_and_not_by_another_clock() {
    const SINK: &str = "file:/run/k";
    let bench = Bench::new(&[SINK]).await;
    let due = |second| {
        let store = &bench.store;
        async move { store.due_deliveries(at(second), at(second + 900), 10).await.expect("reads").len() }
    };
    assert_eq!(due(90).await, 0, "there is no key to hand off");
    bench.rotate("one").await;
    assert_eq!(due(96).await, 1);
    bench.happen(&Event::DeliveryBegan(SINK.to_owned()), 96).await;
    assert_eq!(due(500).await, 0, "an attempt runs");
    let retry = Retry { backoff: Backoff::fixed(std::time::Duration::from_secs(100_000)), draw: 1.0 };
    bench.happen(&Event::Undelivered(SINK.to_owned(), 1, "no".to_owned(), None, retry), 97).await;
    assert_eq!(due(98).await, 1, "no pause is that long");
    assert_eq!(due(99_500).await, 0);
    assert_eq!(bench.store.next_delivery(at(98)).await.expect("reads"), Some(at(100_097)));
    bench.store.restarted(at(100)).await.expect("notes");
    bench.happen(&Event::Delivered(SINK.to_owned(), 1, None), 101).await;
    assert_eq!(bench.store.next_delivery(at(0)).await.expect("reads"), None);
}

#[tokio::test]
async fn what_ran_when_the_process_died_is_recorded_at_the_next_start() {
    let bench = Bench::new(&["sink"]).await;
    bench.rotate("one").await;
    bench.happen(&Event::DeliveryBegan("sink".to_owned()), 97).await;
    bench.start(Step::CatchUp, 98).await;
    bench.store.restarted(at(120)).await.expect("notes");
    let history = bench.store.history(bench.id, 5).await.expect("reads");
    let ends: Vec<_> = history[0].steps.iter().map(|step| (step.step.as_str(), step.finished_at)).collect();
    assert_eq!(ends[3..], [("hand_off", Some(at(120))), ("catch_up", Some(at(120)))]);
    assert_eq!(bench.store.due_deliveries(at(120), at(900), 9).await.expect("reads").len(), 1);
    let revision = bench.state().await.revision;
    bench.store.restarted(at(121)).await.expect("notes");
    assert_eq!(bench.state().await.revision, revision, "once is enough");
}

#[tokio::test]
async fn a_failed_change_takes_no_other_with_it() {
    let bench = Bench::new(&[]).await;
    let changes = (0..50).map(|number| {
        let store = bench.store.clone();
        async move {
            if number % 2 == 0 {
                store
                    .write("test", |connection: &Connection| {
                        connection.execute("INSERT INTO nowhere VALUES (1)", [])?;
                        Ok(((), None))
                    })
                    .await
                    .is_err()
            } else {
                let known = configured("clockings", "clockings", &["sink"]);
                store.sync_configuration(vec![known], at(number)).await.is_ok()
            }
        }
    });
    assert!(futures_util::future::join_all(changes).await.into_iter().all(|as_expected| as_expected));
    let count: i64 = bench
        .store
        .read(|connection| Ok(connection.query_row("SELECT count(*) FROM sink", [], |row| row.get(0))?))
        .await
        .expect("counts");
    assert_eq!(count, 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// What comes back is what was committed, for every state that the model of the laws reaches.
    #[test]
    fn what_was_committed_comes_back(history in model::histories()) {
        let states = model::states(history);
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let bench = Bench::new(&[]).await;
            let connection = Connection::open(bench.dir.path().join("state.db")).expect("opens");
            connection.pragma_update(None, "synchronous", false).expect("sets");
            for state in states {
                let expected = WebhookState {
                    id: bench.id,
                    revision: bench.state().await.revision + 1,
                    pair: configured("clockings", "clockings", &[]).pair,
                    ..state
                };
                let transition = crate::domain::transition::Transition {
                    state: expected.clone(),
                    journal: Vec::new(),
                    key: None,
                    spent: None,
                };
                assert!(bench.store.commit("test", vec![transition.into()], None).await.expect("commits"));
                assert_eq!(bench.state().await, expected);
            }
        });
    }
}
