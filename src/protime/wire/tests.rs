//! Pages and entries by table.

use super::*;

#[test]
fn a_page_of_the_guide() {
    let body = br#"{"value":[{"id":"a7d8","validUntil":"2025-03-31T12:30:00+02:00","status":"Enabled",
        "destinationUrl":"https://x.example/c","collectionName":"clockings","new":{"field":1}},
        {"id":8,"validUntil":null,"status":"Uninitialized","destinationUrl":"https://x.example/d",
        "collectionName":"people"}],"nextLink":"/n","more":true}"#;
    let page = page(body, 0).unwrap();
    assert_eq!(page.next_link.as_deref(), Some("/n"));
    assert!(!page.list.webhooks.iter().any(|webhook| webhook.local_end));
    assert_eq!(page.list.webhooks[0].valid_until, Some("2025-03-31T10:30:00Z".parse().unwrap()));
    assert_eq!(page.list.webhooks[0].pair.collection, "clockings");
    assert_eq!((page.list.webhooks[1].id.as_str(), page.list.webhooks[1].valid_until), ("8", None));
    assert_eq!(page.list.webhooks[1].status, RemoteStatus::Other("Uninitialized".to_owned()));
}

#[test]
fn an_empty_page_may_have_a_successor() {
    assert_eq!(page(br#"{"value":[],"nextLink":"/n"}"#, 0).unwrap().next_link.as_deref(), Some("/n"));
    for end in [
        r#"{"value":[]}"#,
        r#"{"value":null}"#,
        r#"{"value":[],"nextLink":null}"#,
        r#"{"value":[],"nextLink":""}"#,
    ] {
        assert_eq!(page(end.as_bytes(), 0).unwrap().next_link, None, "{end}");
    }
}

#[test]
fn what_is_no_list_fails_whole() {
    for (body, expected) in [
        ("", "ends too early"),
        ("<html>", "not JSON"),
        ("[]", "not an object with an array 'value'"),
        ("{}", "not an object with an array 'value'"),
        ("null", "not an object with an array 'value'"),
        (r#"{"value":{}}"#, "not an object with an array 'value'"),
        (r#"{"value":"none"}"#, "not an object with an array 'value'"),
    ] {
        let wrong = page(body.as_bytes(), 0).unwrap_err();
        assert!(wrong.contains(expected), "{body}: {wrong}");
    }
}

const GOOD: &str =
    r#"{"id":"a","status":"Enabled","destinationUrl":"https://x.example/c","collectionName":"c"}"#;

#[test]
fn an_odd_entry_spoils_itself_alone() {
    let with_end = |end: &str| GOOD.replace("\"id\"", &format!("\"validUntil\":{end},\"id\""));
    let rows = [
        ("null".to_owned(), "entry 7 is not an object"),
        ("\"x\"".to_owned(), "entry 7 is not an object"),
        ("[]".to_owned(), "entry 7 is not an object"),
        (GOOD.replace("\"id\":\"a\",", ""), "entry 7 has no id"),
        (GOOD.replace("\"a\"", "null"), "entry 7 has no id"),
        (GOOD.replace("\"https://x.example/c\"", "null"), "entry 7 has no destinationUrl"),
        (GOOD.replace("\"c\"", "\"\""), "entry 7 has no collectionName"),
        (GOOD.replace("\"Enabled\"", "null"), "entry 7 has no status"),
        (GOOD.replace("Enabled", "").replace("\"c\"", "7"), "entry 7 has no collectionName, no status"),
        (with_end("\"soon\""), "not an ISO 8601 time"),
        (with_end("\"\""), "not an ISO 8601 time"),
        (with_end("17"), "not an ISO 8601 time"),
    ];
    for (entry, expected) in rows {
        let body = format!(r#"{{"value":[{GOOD},{entry},{GOOD}]}}"#);
        let list = page(body.as_bytes(), 6).unwrap().list;
        assert_eq!((list.webhooks.len(), list.odd.len()), (2, 1), "{entry}");
        assert!(list.odd[0].wrong.contains(expected), "{entry}: {:?}", list.odd);
    }
}

#[test]
fn whose_an_odd_entry_is() {
    let ours = Pair { destination_url: "https://X.example/c".to_owned(), collection: "C".to_owned() };
    let rows = [
        // entry, whether ours is found elsewhere, whether it is ours
        (
            r#"{"id":"b","status":null,"destinationUrl":"https://x.example/c","collectionName":"c"}"#,
            false,
            true,
        ),
        (
            r#"{"id":"b","status":null,"destinationUrl":"https://x.example/c","collectionName":"c"}"#,
            true,
            true,
        ),
        (
            r#"{"id":"b","status":null,"destinationUrl":"https://x.example/d","collectionName":"c"}"#,
            false,
            false,
        ),
        (
            r#"{"id":"b","status":null,"destinationUrl":"https://x.example/c","collectionName":"d"}"#,
            false,
            false,
        ),
        (r#"{"id":"{A7-D8}","destinationUrl":null}"#, true, true),
        (r#"{"id":"'a7-d8'"}"#, false, true),
        (r#"{"id":"b","destinationUrl":"https://x.example/c"}"#, false, true),
        (r#"{"id":"b","destinationUrl":"https://x.example/c"}"#, true, false),
        (r#"{"id":"b","collectionName":"c"}"#, false, false),
        ("{}", false, false),
        ("null", false, false),
    ];
    for (entry, found, expected) in rows {
        let list = page(format!(r#"{{"value":[{entry}]}}"#).as_bytes(), 0).unwrap().list;
        assert_eq!(list.odd[0].is(&ours, &["a7-d8"], found), expected, "{entry} {found}");
    }
    let error = page(br#"{"value":[null]}"#, 0).unwrap().list.odd[0].as_error("acme/c");
    assert!(error.to_string().contains("entry 0 is not an object, and it is acme/c"), "{error}");
}

#[test]
fn a_time_without_offset_is_reported() {
    let body = br#"{"id":"a","status":"Enabled","destinationUrl":"u","collectionName":"c",
        "validUntil":"2025-03-31T12:30:00"}"#;
    let webhook = webhook(body).unwrap();
    assert!(webhook.local_end);
    assert_eq!(webhook.valid_until, Some("2025-03-31T12:30:00Z".parse().unwrap()));
}
