//! What is new and what is known belong together.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::*;
use crate::{
    domain::journal::What,
    store::{Changed, Look},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_is_never_younger_than_the_entries_that_come_with_it() {
    const ROTATIONS: u64 = 40;
    let bench = Arc::new(Bench::new(&[]).await);
    let mut position = bench.store.feed_end().await.expect("reads");
    let writer = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move {
            for number in 0..ROTATIONS {
                bench.rotate(&format!("key-{number}")).await;
                bench.finish().await;
            }
        }
    });
    let mut told = 0;
    while told < ROTATIONS {
        // Read to the end once the writer is done, so that a rotation that is never told fails the test.
        let last = writer.is_finished();
        let feed = bench.store.feed(position, Changed::All).await.expect("reads");
        position = feed.position;
        let rotations = feed.entries.iter().filter(|(.., entry)| matches!(entry.what, What::Rotated { .. }));
        told += rotations.count() as u64;
        let known = feed.states[0].registration.as_ref().map_or(0, |registration| registration.key_version);
        assert_eq!(known, told, "the state and the entries disagree");
        assert!(!last || told == ROTATIONS, "{told} rotations were told");
    }
    writer.await.expect("writes");
}

#[tokio::test]
async fn everything_is_told_once_and_in_its_order() {
    let bench = Bench::new(&[]).await;
    let position = bench.store.feed_end().await.expect("reads");
    bench.rotate("one").await;
    let feed = bench.store.feed(position, Changed::default()).await.expect("reads");
    let words: Vec<String> = feed
        .entries
        .iter()
        .map(|(id, path, entry)| {
            assert_eq!((*id, path.to_string()), (bench.id, "acme/clockings".to_owned()));
            match &entry.what {
                What::Began => "began".to_owned(),
                What::StepBegan { step, .. } => format!("{step} …"),
                What::StepEnded { step, .. } => step.to_string(),
                What::Rotated { version, .. } => format!("key {version}"),
                What::Ended { .. } => "ended".to_owned(),
            }
        })
        .collect();
    assert_eq!(words, ["began", "resync …", "resync", "post …", "post", "rotate …", "rotate", "key 1"]);
    assert_eq!(feed.states[0].registration.as_ref().expect("issued").key_version, 1);
    let nothing = bench.store.feed(feed.position, Changed::default()).await.expect("reads");
    assert!(nothing.entries.is_empty() && nothing.states.is_empty(), "{nothing:?}");
}

#[tokio::test]
async fn what_has_changed_is_known_once_it_is_on_disk() {
    let bench = Bench::new(&[]).await;
    let took = bench.store.take_changed();
    assert_eq!(took, Changed::All, "the configuration made it known");
    let mut changes = bench.store.changes();
    let (before, revision) = (bench.state().await, bench.state().await.revision);
    bench.rotate("one").await;
    assert!(changes.has_changed().expect("open"));
    changes.borrow_and_update();
    assert_eq!(bench.store.take_changed(), bench.id.into());
    assert_eq!(bench.store.take_changed(), Changed::default(), "taken once");

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
    assert_eq!(bench.store.take_changed(), bench.id.into());
    assert!(bench.state().await.active.is_some(), "what is told to have changed can be read");
}
