//! What is new and what is known belong together.

use std::sync::Arc;

use super::*;
use crate::store::Of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_never_younger_than_the_news_that_come_with_it() {
    const ROTATIONS: u64 = 40;
    let bench = Arc::new(Bench::new().await);
    let mut position = bench.store.newest().await.expect("reads");
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
        let news = bench.store.news(position, Of::All).await.expect("reads");
        position = news.position;
        let rotations = news.renewals.iter().flat_map(|renewal| &renewal.steps);
        told += rotations.filter(|step| step.step == "rotate" && step.ended.is_some()).count() as u64;
        let known = news.records[0].issued.as_ref().map_or(0, |issued| issued.key_version);
        assert_eq!(known, told, "the record and the news disagree");
        assert!(!last || told == ROTATIONS, "{told} rotations were told");
    }
    writer.await.expect("writes");
}

#[tokio::test]
async fn a_rotation_is_told_with_its_key() {
    let bench = Bench::new().await;
    let position = bench.store.newest().await.expect("reads");
    bench.rotate("one").await;
    let news = bench.store.news(position, Of::TheNews).await.expect("reads");
    let keys: Vec<(&str, Option<&str>)> = news.renewals[0]
        .steps
        .iter()
        .map(|step| (step.step.as_str(), step.key.as_ref().map(|key| key.key.expose())))
        .collect();
    assert_eq!(keys, [("resync", None), ("post", None), ("rotate", Some("one"))]);
    assert_eq!(news.records[0].issued.as_ref().expect("issued").key_version, 1);
    let nothing = bench.store.news(news.position, Of::TheNews).await.expect("reads");
    assert!(nothing.renewals.is_empty() && nothing.records.is_empty(), "{nothing:?}");
}
