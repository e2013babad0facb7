//! Pages of collections: what is asked, what is made of the answer, and where a link may lead.

use super::{
    server::{Server, TOKEN, json},
    *,
};
use crate::{
    domain::webhook::ExternalReference,
    protime::{ApiError, Page, Query},
};

const ROOT: &str = "/connector/protimeapi/api/v1";

async fn api(body: &'static str) -> Server {
    answering(200, body).await
}

async fn answering(status: u16, body: &'static str) -> Server {
    Server::answering(move |asked| async move {
        if asked.is_token() { json(200, TOKEN) } else { json(status, body) }
    })
    .await
}

fn first(delta: bool) -> Query<'static> {
    Query::First { delta, filter: None, references: &[] }
}

fn events(page: &Page) -> Vec<String> {
    page.objects.iter().map(|object| String::from_utf8(object.event()).unwrap()).collect()
}

#[tokio::test]
async fn objects_stay_as_they_were_written_and_links_become_addresses() {
    let body =
        r#"{"value":[{ "id" : 1.0, "é":"\u00e9" },{"id":2}],"nextLink":"/connector/p?page=2","more":1}"#;
    let server = api(body).await;
    let references =
        [ExternalReference { collection: "people".to_owned(), reference: "@badge-number".to_owned() }];
    let query = Query::First { delta: false, filter: Some("date ge '2026-01-01'"), references: &references };
    let page = client(&server).collection_page("clockings", query, false).await.unwrap();
    let event = r#"{"changeType":"InsertOrUpdate","data":{ "id" : 1.0, "é":"\u00e9" }}"#;
    assert_eq!(events(&page)[0], event);
    let next = page.next.unwrap();
    assert_eq!(next, server.origin().join("/connector/p?page=2").unwrap().as_str());
    assert_eq!(page.delta, None);
    client(&server).collection_page("clockings", Query::Link(&next), false).await.unwrap();
    let asked: Vec<String> = server.asked().iter().map(|asked| asked.uri.to_string()).collect();
    assert_eq!(
        asked[1],
        format!(
            "{ROOT}/clockings?filter=date%20ge%20%272026-01-01%27&externalReferences=(people,@badge-number)"
        )
    );
    assert!(asked.contains(&"/connector/p?page=2".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn a_delta_has_changes_and_a_link_to_go_on_from() {
    let body = r#"{"value":[{"id":7},{"changeType":"Delete","data":{"id":8}}],"deltaLink":"/connector/protimeapi/api/v1/delta/people?t=1"}"#;
    let server = api(body).await;
    let page = client(&server).collection_page("people", first(true), true).await.unwrap();
    let shown =
        [r#"{"changeType":"InsertOrUpdate","data":{"id":7}}"#, r#"{"changeType":"Delete","data":{"id":8}}"#];
    assert_eq!(events(&page), shown, "a fresh delta shows objects, and a change is understood as well");
    assert!(!page.follows_delta_link);
    let delta_link = page.delta.unwrap();
    assert!(delta_link.ends_with("/connector/protimeapi/api/v1/delta/people?t=1"));
    assert_eq!(server.asked()[1].uri.to_string(), format!("{ROOT}/people?delta"));
    let error = client(&server).collection_page("people", Query::Link(&delta_link), true).await.unwrap_err();
    assert!(error.to_string().contains("entry 0 is not an object with a changeType"), "{error}");
    let server = api(r#"{"value":[{"changeType":"Delete","data":{"id":8}}]}"#).await;
    let delta_link = server.origin().join("/connector/protimeapi/api/v1/delta/people?t=1").unwrap();
    let page =
        client(&server).collection_page("people", Query::Link(delta_link.as_str()), true).await.unwrap();
    assert!(page.follows_delta_link && page.objects.len() == 1);
}

#[tokio::test]
async fn a_link_with_a_filter_as_it_was_written_is_encoded() {
    let body = r#"{"value":[],"nextLink":"/connector/protimeapi/api/v1/clockings?filter=person in circle (1,2) and name eq 'é #1' and date ge '2026-01-01'&continuationToken=a%2Fb="}"#;
    let server = api(body).await;
    let next = client(&server).collection_page("clockings", first(false), false).await.unwrap().next.unwrap();
    client(&server).collection_page("clockings", Query::Link(&next), false).await.unwrap();
    let filter = "person%20in%20circle%20(1,2)%20and%20name%20eq%20%27%C3%A9%20%231%27%20and%20date%20ge%20%272026-01-01%27";
    let expected = format!("{ROOT}/clockings?filter={filter}&continuationToken=a%2Fb=");
    assert_eq!(server.asked()[3].uri.to_string(), expected);
}

#[tokio::test]
async fn what_is_not_documented_is_refused_whole() {
    let rows = [
        ("<html>", "it is not JSON"),
        ("{}", "not an object with an array 'value'"),
        (r#"{"value":[{"id":1},7]}"#, "entry 1 is not an object"),
        (r#"{"value":7}"#, "not an object with an array 'value'"),
        (r#"{"value":[],"nextLink":"ftp://evil.example/p"}"#, "not a link to a page (ftp:)"),
    ];
    for (body, expected) in rows {
        let server = api(body).await;
        let error = client(&server).collection_page("people", first(false), false).await.unwrap_err();
        assert!(
            matches!(error, ApiError::Transient { .. }) && error.to_string().contains(expected),
            "{error}"
        );
    }
    let server = api("{}").await;
    let link = Query::Link("https://evil.example/kept");
    assert!(client(&server).collection_page("people", link, true).await.is_err());
}

#[tokio::test]
async fn an_empty_page_comes_in_many_ways() {
    for (status, body) in
        [(200, r#"{"value":[]}"#), (200, r#"{"value":null}"#), (200, "\u{feff}{\"value\":null}"), (204, "")]
    {
        let server = answering(status, body).await;
        let page = client(&server).collection_page("people", first(false), false).await.unwrap();
        assert!(page.objects.is_empty() && page.next.is_none(), "{status} {body}");
    }
}

#[tokio::test]
async fn a_link_to_another_host_is_asked_for_at_our_own() {
    let body = r#"{"value":[],"nextLink":"http://10.0.0.7:5000/n?f=a b","deltaLink":"//evil.example/d"}"#;
    let server = api(body).await;
    let page = client(&server).collection_page("people", first(true), false).await.unwrap();
    let at = |path| Some(server.origin().join(path).unwrap().to_string());
    assert_eq!((page.next, page.delta), (at("/n?f=a%20b"), at("/d")));
}

#[tokio::test]
async fn paid_presences_are_read_with_the_scope_of_calculated_totals() {
    let server = answering(403, "").await;
    let error = client(&server).collection_page("paid-presences", first(false), false).await.unwrap_err();
    assert!(error.to_string().contains("scope connector-protimeapi-calculated-totals.read"), "{error}");
    assert_eq!(
        wanted_scopes(&["paid-presences", "calculated-totals"], &[])[2..],
        ["connector-protimeapi-calculated-totals.read"]
    );
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    let rows = [
        (403, "scope connector-protimeapi-people.read"),
        (400, "write both {from_date} and {to_date}"),
        (404, "it may not know this collection"),
        (409, "something else changed at the same time"),
    ];
    for (status, expected) in rows {
        let server = answering(status, r#"{"error":{"code":"X","message":"no"}}"#).await;
        let error = client(&server).collection_page("people", first(false), false).await.unwrap_err();
        assert_eq!(error.status(), Some(status));
        assert!(error.to_string().contains(expected), "{error}");
    }
    let long = "x".repeat(4_096);
    let query = Query::First { delta: false, filter: Some(&long), references: &[] };
    let server = api("{}").await;
    let error = client(&server).collection_page("people", query, false).await.unwrap_err();
    assert!(error.to_string().contains("Protime takes 4096"), "{error}");
    assert!(server.asked().is_empty());
}
