//! What a kept delta told of: stored with the link that follows, and forgotten when it has arrived.

use super::*;
use crate::domain::walk::Kept;

fn kept(link: &str) -> Kept {
    Kept { shape: "delta".to_owned(), link: link.to_owned() }
}

#[tokio::test]
async fn changes_stay_until_they_have_arrived() {
    let bench = Bench::new().await;
    let Bench { store, id, .. } = &bench;
    let link = async || store.kept_delta(*id).await.expect("reads").map(|kept| kept.link);
    let pages = async || {
        let (mut pages, mut behind) = (Vec::new(), 0);
        while let Some(page) = store.stored_changes(*id, behind).await.expect("reads") {
            behind = page.id;
            pages.push(String::from_utf8(page.changes).expect("JSON"));
        }
        pages
    };
    store.keep_delta(*id, kept("one"), at(10)).await.expect("records");
    store.took_changes(*id, Some(b"[1]".to_vec()), Some("two".to_owned())).await.expect("records");
    assert_eq!((link().await.as_deref(), pages().await), (Some("two"), vec!["[1]".to_owned()]));
    store.took_changes(*id, None, Some("three".to_owned())).await.expect("records");
    store.took_changes(*id, Some(b"[2]".to_vec()), None).await.expect("records");
    assert_eq!((link().await.as_deref(), pages().await.len()), (Some("three"), 2));
    let warmth = bench.record().await.delta.expect("kept");
    assert_eq!(warmth.asked_at, at(10), "to ask too early does no harm");

    // They outlive the delta, which may end before they have arrived.
    store.forget_delta(*id).await.expect("records");
    assert_eq!(pages().await, ["[1]", "[2]"]);
    store.delivered_changes(*id).await.expect("records");
    assert!(pages().await.is_empty());

    store.took_changes(*id, Some(b"[3]".to_vec()), None).await.expect("records");
    store.keep_delta(*id, kept("four"), at(20)).await.expect("records");
    assert!(pages().await.is_empty(), "everything before a delta that is kept has arrived");
}
