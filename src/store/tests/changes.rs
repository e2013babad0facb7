//! What is told of a change, and what is known of it in memory, is what is on disk.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::FutureExt as _;

use super::*;
use crate::{
    domain::{journal::What, state::LastList},
    store::{Changed, Look, OfTenant},
};

const ROTATIONS: u64 = 40;

async fn rotate_again_and_again(bench: Arc<Bench>) {
    for number in 0..ROTATIONS {
        bench.rotate(&format!("key-{number}")).await;
        bench.finish().await;
        // Everything that was kept in memory is read again.
        bench.store.clock_set(at(99)).await.expect("writes");
    }
}

fn rotations(changed: &Changed) -> u64 {
    let entries = changed.written.iter().flat_map(|written| &written.journal);
    entries.filter(|entry| matches!(entry.what, What::Rotated { .. })).count() as u64
}

fn version(state: &WebhookState) -> u64 {
    state.registration.as_ref().map_or(0, |registration| registration.key_version)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_read_is_never_younger_than_what_was_told() {
    let bench = Arc::new(Bench::new(&[]).await);
    let writer = tokio::spawn(rotate_again_and_again(Arc::clone(&bench)));
    let mut told = 0;
    while told < ROTATIONS {
        // Read to the end once the writer is done, so that a rotation that is never told fails the test.
        let last = writer.is_finished();
        let read = bench.store.states_by_id(&BTreeSet::from([bench.id])).await.expect("reads");
        bench.store.caught_up().await;
        let changed = bench.store.take_changed();
        told += rotations(&changed);
        assert!(version(&read[0]) <= told, "read {}, told {told}", version(&read[0]));
        if let Some(written) = changed.written.last() {
            assert_eq!(version(&written.state), told, "the state and the entries disagree");
        }
        assert!(!last || told == ROTATIONS, "{told} rotations were told");
    }
    writer.await.expect("writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_in_memory_while_commits_go_on_is_given_what_was_committed() {
    let bench = Arc::new(Bench::new(&[]).await);
    let writer = tokio::spawn(rotate_again_and_again(Arc::clone(&bench)));
    let (mut revision, mut newest) = (0, 0);
    while !writer.is_finished() {
        let known = bench.store.known(bench.id).await.expect("reads");
        assert!(known.state.revision >= revision, "{} after {revision}", known.state.revision);
        revision = known.state.revision;
        let key = known.keys.current.as_ref().map_or(0, |key| key.version);
        assert!(key >= newest && key >= version(&known.state), "key {key} after {newest}");
        newest = key;
        tokio::task::yield_now().await;
    }
    writer.await.expect("writes");
    let known = bench.store.known(bench.id).await.expect("reads");
    assert_eq!(*known.state, bench.state().await);
    assert_eq!(known.keys.current.as_ref().expect("rotated").version, ROTATIONS);
    assert_eq!(known.keys.previous.as_ref().expect("rotated twice").version, ROTATIONS - 1);
}

#[tokio::test]
async fn everything_is_told_once_and_in_its_order() {
    let bench = Bench::new(&[]).await;
    bench.store.take_changed();
    bench.rotate("one").await;
    let changed = bench.store.take_changed();
    let mut words = Vec::new();
    for written in &changed.written {
        assert_eq!(
            (written.state.id, written.state.path.to_string()),
            (bench.id, "acme/clockings".to_owned())
        );
        words.extend(written.journal.iter().map(|entry| match &entry.what {
            What::Began => "began".to_owned(),
            What::StepBegan { step, .. } => format!("{step} …"),
            What::StepEnded { step, .. } => step.to_string(),
            What::Rotated { version, .. } => format!("key {version}"),
            What::Ended { .. } => "ended".to_owned(),
        }));
    }
    assert_eq!(words, ["began", "resync …", "resync", "post …", "post", "rotate …", "rotate", "key 1"]);
    assert_eq!(version(&changed.written.last().expect("written").state), 1);
    assert!(bench.store.take_changed().is_empty(), "told once");
}

#[tokio::test]
async fn what_has_changed_is_known_once_it_is_on_disk() {
    let bench = Bench::new(&[]).await;
    assert!(bench.store.take_changed().all, "the configuration made it known");
    let mut changes = bench.store.changes();
    let (before, revision) = (bench.state().await, bench.state().await.revision);
    bench.rotate("one").await;
    assert!(changes.has_changed().expect("open"));
    changes.borrow_and_update();
    assert!(!bench.store.take_changed().is_empty());

    let late = apply(&before, &Event::Hurry, now(1));
    assert!(!bench.store.commit("test", vec![late.into()], None).await.expect("reads"), "it came too late");
    bench.store.schedule(Look { id: bench.id, at: None, revision }).await.expect("writes");
    assert!(!changes.has_changed().expect("open"), "neither has changed a state");

    // No one waits for it: it is on disk all the same.
    let state = bench.state().await;
    let begun = Event::Begin { renewal: bench.store.new_renewal(), reason: Reason::Manual, gap: None };
    let commit = apply(&state, &begun, now(2));
    assert!(bench.store.commit("test", vec![commit.into()], None).now_or_never().is_none());
    changes.changed().await.expect("open");
    let told = &bench.store.take_changed().written[0].state;
    assert!(told.active.is_some() && **told == bench.state().await, "what is told can be read");
}

#[tokio::test]
async fn what_is_known_in_memory_follows_the_list_and_the_schedule_of_its_tenant() {
    let bench = Bench::new(&[]).await;
    bench.rotate("one").await;
    bench.finish().await;
    let tenant = bench.state().await.path.tenant;
    let writes = bench.store.writes_of(&tenant);
    let look = Look { id: bench.id, at: Some(at(300)), revision: bench.state().await.revision };
    assert!(bench.store.schedule(look).await.expect("writes"));
    assert_eq!(bench.state().await.next_action_at, look.at);
    let list = LastList { asked_at: at(200), asked_at_protime: Some(at(200)) };
    let looks = vec![Look { at: Some(at(400)), ..look }];
    let listed = OfTenant::Listed(tenant.clone(), list, looks);
    assert!(bench.store.commit("test", Vec::new(), Some(listed)).await.expect("writes"));
    assert_eq!(bench.state().await.next_action_at, Some(at(400)));
    assert_eq!(bench.store.writes_of(&tenant), writes, "nothing has become of a webhook");
    // A commit that was computed before the list was stored.
    bench.begin(Reason::Manual, None, 201).await;
    assert!(bench.store.writes_of(&tenant) > writes);
    let after_end = OfTenant::AfterEnd(tenant.clone(), true);
    let before = bench.state().await;
    assert!(bench.store.commit("test", Vec::new(), Some(after_end)).await.expect("writes"));
    assert!(bench.state().await.after_end && !before.after_end);
    let stale = apply(&before, &Event::Hurry, now(202));
    assert!(bench.store.commit("test", vec![stale.into()], None).await.expect("writes"));
    assert!(bench.state().await.after_end, "it was not known when the commit was computed");
    bench.store.forget_idle();
    assert!(bench.state().await.after_end);
}
