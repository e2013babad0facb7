//! Places in a collection, and what a delta link told of.

use super::*;
use crate::domain::page_cursor::{Began, DeltaLink, PageCursor, Progress};

#[tokio::test]
async fn places_move_alone_or_with_the_state() {
    let bench = Bench::new(&[]).await;
    assert_eq!(bench.store.cursor(bench.id).await.expect("reads"), (None, None));
    let cursor = PageCursor {
        renewal: 1,
        step: Step::Resync,
        shape: "list".to_owned(),
        began: Began { at: at(5), known: true },
        link: Some("/next?a='b c'".to_owned()),
        days: None,
        progress: Progress { pages: 2, objects: 77 },
    };
    let link = |to: &str| DeltaLink { shape: "delta".to_owned(), link: to.to_owned() };
    bench.store.move_cursor(bench.id, Move::PageCursor(cursor.clone())).await.expect("moves");
    let event = Event::Delta(true);
    let transition = apply(&bench.state().await, &event, now(9));
    let commit = Commit { transition, moves: vec![Move::Delta(link("one"))] };
    assert!(bench.store.commit("test", vec![commit], None).await.expect("commits"));
    assert_eq!(bench.state().await.delta.expect("kept").asked_at, at(9));
    assert_eq!(bench.store.cursor(bench.id).await.expect("reads"), (Some(cursor.clone()), Some(link("one"))));
    bench.store.move_cursor(bench.id, Move::NoDelta).await.expect("moves");
    assert_eq!(bench.store.cursor(bench.id).await.expect("reads"), (Some(cursor), None));
}

#[tokio::test]
async fn changes_stay_until_they_have_arrived() {
    let bench = Bench::new(&[]).await;
    let link = |to: &str| DeltaLink { shape: "delta".to_owned(), link: to.to_owned() };
    let page = |behind| {
        let store = &bench.store;
        async move { store.stored_changes(bench.id, behind).await.expect("reads") }
    };
    bench.store.move_cursor(bench.id, Move::Delta(link("one"))).await.expect("moves");
    for (changes, next) in [("[1]", Some("two")), ("[2]", None), ("", Some("three"))] {
        let changes = (!changes.is_empty()).then(|| changes.as_bytes().to_vec());
        let told = Move::Told(changes, next.map(str::to_owned));
        bench.store.move_cursor(bench.id, told).await.expect("moves");
    }
    let (_, delta) = bench.store.cursor(bench.id).await.expect("reads");
    assert_eq!(delta, Some(link("three")));
    let first = page(0).await.expect("stored");
    let second = page(first.id).await.expect("stored");
    assert_eq!((first.changes.as_slice(), second.changes.as_slice()), (&b"[1]"[..], &b"[2]"[..]));
    assert_eq!(page(second.id).await, None);
    bench.store.move_cursor(bench.id, Move::Arrived).await.expect("moves");
    assert_eq!(page(0).await, None);

    bench.store.move_cursor(bench.id, Move::Told(Some(b"[3]".to_vec()), None)).await.expect("moves");
    bench.store.move_cursor(bench.id, Move::Delta(link("four"))).await.expect("moves");
    assert_eq!(page(0).await, None, "a new delta link has told of everything");
}
