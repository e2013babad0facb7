//! Lists and deltas as a client sees them: what is demanded, how it is paged, what is refused.

use std::collections::BTreeSet;

use jiff::{Span, civil::Date};
use serde_json::{Value, json};

use super::support::{Bench, body};
use crate::{
    changes::ChangeRequest, facts, journal::ChangeKind, settings::Settings, time::day_of, words::collections,
};

fn today() -> Date {
    day_of(crate::clock::now())
}

fn days(from: i64) -> Date {
    today().checked_add(Span::new().days(from)).unwrap()
}

fn last_year() -> String {
    format!("{}-01-01", today().year() - 1)
}

/// The filter without which a collection does not answer.
fn needed(collection: &str) -> String {
    let facts = facts::of(collection).unwrap();
    if facts.list.required.is_empty() { String::new() } else { format!("?filter=date ge '{}'", days(-90)) }
}

async fn pages(bench: &Bench, first: &str) -> Vec<Value> {
    let mut pages = vec![bench.read(first).await];
    while let Some(link) = pages.last().and_then(|page| page.get("nextLink")).cloned() {
        let text = link.as_str().unwrap();
        assert!(text.starts_with("/connector/protimeapi/api/v1/"), "{text}");
        pages.push(body(bench.follow(&link).await).await);
    }
    pages
}

fn items(pages: &[Value]) -> Vec<Value> {
    pages.iter().flat_map(|page| page["value"].as_array().unwrap().clone()).collect()
}

#[tokio::test]
async fn every_collection_has_a_list_and_a_delta() {
    let bench = Bench::start(Settings { page_size: 2, ..Settings::default() }).await;
    let handle = bench.sandbox.handle();
    for name in collections() {
        let made = handle.change(&ChangeRequest::inserts(name, 5)).unwrap();
        let made: BTreeSet<u64> = made.iter().map(|change| change.id).collect();
        let filter = needed(name);
        let listed = items(&pages(&bench, &format!("/{name}{filter}")).await);
        let ids = |items: &[Value]| -> BTreeSet<u64> {
            items.iter().map(|item| item["id"].as_u64().unwrap()).collect()
        };
        assert_eq!(ids(&listed), made, "{name}");
        for object in &listed {
            let version = object["changeVersion"].as_str().map(str::len);
            assert_eq!(version, (name != "activity-durations").then_some(20), "{name}: {object}");
        }
        let flag = if filter.is_empty() { "?delta" } else { "&delta" };
        let fresh = pages(&bench, &format!("/{name}{filter}{flag}")).await;
        assert_eq!(ids(&items(&fresh)), made, "{name}: plain objects on the pages of a fresh delta");
        assert!(fresh.len() >= 2 && fresh.last().unwrap()["deltaLink"].is_string(), "{name}: {fresh:?}");
        assert!(fresh[..fresh.len() - 1].iter().all(|page| page.get("deltaLink").is_none()), "{name}");
        let kept = body(bench.follow(&fresh.last().unwrap()["deltaLink"]).await).await;
        assert_eq!(kept["value"], json!([]), "{name}");
    }
}

#[tokio::test]
async fn what_a_collection_demands_is_demanded() {
    let bench = Bench::start(Settings::default()).await;
    let (today, past, next) = (today(), days(-30), days(400));
    let rows = [
        ("/clockings".to_owned(), "`date ge '…'` is required"),
        (format!("/clockings?filter=date le '{today}'"), "`date ge '…'` is required"),
        (format!("/clockings?filter=date ge '{past}' and date le '{next}'"), "more than one year"),
        (format!("/clockings?filter=date ge '{}'", days(-400)), "more than one year"),
        (format!("/clockings?filter=date ge '{today}' and date le '{past}'"), "ends before it begins"),
        (format!("/clockings?filter=date ge {today}"), "a date in single quotes"),
        (format!("/clockings?filter=date ge '{today}'&$top=3"), "`$top` is not a parameter"),
        (format!("/clockings?filter=date ge '{today}'&externalReferences=(counters,x)"), "does not take"),
        ("/people?filter=id in (1)".to_owned(), "no filter is taken here"),
        ("/clockings?delta".to_owned(), "`date ge '…'` is required"),
        (format!("/clockings?filter=date ge '{}'&delta", days(-800)), "cannot begin before"),
        (format!("/clockings?filter=date ge '{past}' and person in (1)&delta"), "`person` is not a field"),
        (format!("/assignments?filter=date ge '{past}' and date le '{next}'&delta"), "more than one year"),
        ("/people?deltaToken=x".to_owned(), "with a `continuationToken` only"),
        ("/delta/people".to_owned(), "`deltaToken` is missing"),
    ];
    for (path, why) in rows {
        let answer = bench.get(&path).send().await.unwrap();
        assert_eq!(answer.status(), 400, "{path}");
        let error = body(answer).await["error"].clone();
        assert_eq!(error["code"], "BadRequest");
        assert!(
            error["message"].is_string() && error["reasons"][0].as_str().unwrap().contains(why),
            "{error}"
        );
    }
    let good = [
        format!("/clockings?filter=date ge '{past}' and date le '{}'", days(300)),
        format!("/clockings?filter=date ge '{past}' and (kind eq 'InOut' or kind eq 'Reason')"),
        format!("/clockings?filter=date ge '{past}' and person in circle(2, 8)"),
        // No maximum is named for assignments.
        format!("/assignments?filter=date ge '2019-01-01' and date le '{next}'"),
        format!("/clockings?filter=date ge '{}'&delta", last_year()),
        format!("/counters?filter=date ge '{past}' and counter-definition in (3)&delta"),
        "/contracts?filter=person in (4711, 4712)".to_owned(),
        "/counter-definitions?filter=enabled eq true".to_owned(),
    ];
    for path in good {
        assert_eq!(bench.status(&path).await, 200, "{path}");
    }
}

#[tokio::test]
async fn an_object_is_of_its_own_day() {
    let bench = Bench::start(Settings::default()).await;
    let handle = bench.sandbox.handle();
    let old = ChangeRequest { date: Some(days(-40).to_string()), ..ChangeRequest::inserts("clockings", 1) };
    let old = handle.change(&old).unwrap().remove(0);
    let new = handle.change(&ChangeRequest::inserts("clockings", 1)).unwrap().remove(0);
    // It changes now, and is of the same day as before.
    let again = ChangeRequest { id: Some(old.id), ..ChangeRequest::inserts("clockings", 1) };
    assert_eq!(handle.change(&again).unwrap()[0].date, old.date);
    let ids = async |from: i64| {
        let list =
            body(bench.get(&format!("/clockings?filter=date ge '{}'", days(from))).send().await.unwrap());
        list.await["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["id"].as_u64().unwrap())
            .collect::<BTreeSet<u64>>()
    };
    assert_eq!(ids(-1).await, BTreeSet::from([new.id]));
    assert_eq!(ids(-41).await, BTreeSet::from([old.id, new.id]));
}

#[tokio::test]
async fn a_next_link_is_a_path_as_a_person_writes_it_and_is_asked_for_as_it_is() {
    let bench = Bench::start(Settings { page_size: 2, ..Settings::default() }).await;
    bench.sandbox.handle().change(&ChangeRequest::inserts("clockings", 3)).unwrap();
    let filter = format!("date ge '{}' and date le '{}'", days(-1), days(1));
    let references = "(people,@badge-number)";
    let first = format!("/clockings?filter={filter}&externalReferences={references}&delta");
    let page = bench.read(&first).await;
    let link = page["nextLink"].as_str().unwrap();
    let begin = format!(
        "/connector/protimeapi/api/v1/clockings?filter={filter}&externalReferences={references}&continuationToken="
    );
    assert!(link.starts_with(&begin) && link.contains("&deltaToken="), "{link}");
    assert!(page["value"][0]["person"]["externalReferences"]["@badge-number"].is_string(), "{page}");

    let status = async |link: String| bench.follow(&json!(link)).await.status().as_u16();
    assert_eq!(status(link.replace(&filter, "")).await, 400);
    assert_eq!(status(format!("{link}&delta")).await, 400);
    assert_eq!(status(link.replace("continuationToken=", "continuationToken=x")).await, 409);
    assert_eq!(status(link.replace("/clockings?", "/breaks?")).await, 409);
    assert_eq!(status(link.to_owned()).await, 200);
}

#[tokio::test]
async fn a_page_token_expires() {
    let settings = Settings { page_size: 2, paging_token_lifetime_ms: 5_000, ..Settings::default() };
    let bench = Bench::start(settings).await;
    let handle = bench.sandbox.handle();
    handle.change(&ChangeRequest::inserts("people", 3)).unwrap();
    for first in ["/people", "/people?delta"] {
        let link = bench.read(first).await["nextLink"].clone();
        let offset = handle.settings().clock_offset_ms;
        handle.set(json!({"clock_offset_ms": offset + 5_000})).unwrap();
        let dead = bench.follow(&link).await;
        assert_eq!(dead.status(), 409);
        assert_eq!(body(dead).await["error"]["code"], "Conflict");
    }
}

#[tokio::test]
async fn a_kept_delta_shows_what_a_list_cannot() {
    let bench = Bench::start(Settings { page_size: 2, ..Settings::default() }).await;
    let handle = bench.sandbox.handle();
    let made = handle.change(&ChangeRequest::inserts("people", 3)).unwrap();
    let page = bench.read("/people?delta").await;
    assert!(page["value"][0]["id"].is_u64() && page["value"][0].get("changeType").is_none(), "{page}");
    // Changed while it was read: the kept delta tells of it again.
    let change = |id: u64, kind| ChangeRequest { id: Some(id), kind, ..ChangeRequest::inserts("people", 1) };
    handle.change(&change(made[0].id, ChangeKind::Upsert)).unwrap();
    let page = body(bench.follow(&page["nextLink"]).await).await;
    let kept = body(bench.follow(&page["deltaLink"]).await).await;
    assert_eq!(kept["value"][0]["changeType"], "InsertOrUpdate");
    assert_eq!(kept["value"][0]["data"]["id"], made[0].id);
    let gone = handle.change(&change(made[1].id, ChangeKind::Delete)).unwrap().remove(0);
    let next = body(bench.follow(&kept["deltaLink"]).await).await;
    let data = json!({"changeVersion": gone.change_version, "id": made[1].id});
    assert_eq!(next["value"], json!([{"changeType": "Delete", "data": data}]), "these two only");
    assert_eq!(items(&pages(&bench, "/people").await).len(), 2);

    // An older link of it answers, or is gone: nothing says which.
    assert_eq!(body(bench.follow(&kept["deltaLink"]).await).await["value"], next["value"]);
    handle.set(json!({"older_delta_link": "410"})).unwrap();
    assert_eq!(bench.follow(&kept["deltaLink"]).await.status(), 410);

    assert_eq!(bench.status("/people?delta").await, 200);
    assert_eq!(bench.follow(&next["deltaLink"]).await.status(), 410, "another was started");
}

#[tokio::test]
async fn someone_else_ends_our_delta_only_if_a_tenant_has_one() {
    let bench = Bench::start(Settings::default()).await;
    let handle = bench.sandbox.handle();
    let link = pages(&bench, "/people?delta").await.pop().unwrap()["deltaLink"].clone();
    assert!(!handle.foreign_delta("people"));
    let link = body(bench.follow(&link).await).await["deltaLink"].clone();
    handle.set(json!({"delta_per": "tenant"})).unwrap();
    assert!(handle.foreign_delta("people"));
    assert_eq!(bench.follow(&link).await.status(), 410);
}

#[tokio::test]
async fn empty_pages_are_no_end() {
    let bench = Bench::start(Settings { page_size: 2, empty_pages: true, ..Settings::default() }).await;
    bench.sandbox.handle().change(&ChangeRequest::inserts("people", 4)).unwrap();
    let sizes = |pages: &[Value]| -> Vec<usize> {
        pages.iter().map(|page| page["value"].as_array().unwrap().len()).collect()
    };
    assert_eq!(sizes(&pages(&bench, "/people").await), [2, 0, 2]);
    let delta = pages(&bench, "/people?delta").await;
    assert_eq!(sizes(&delta), [2, 0, 2, 0], "the last page of a delta is often empty");
    assert_eq!(sizes(&pages(&bench, "/absence-groups?delta").await), [0, 0]);
}
