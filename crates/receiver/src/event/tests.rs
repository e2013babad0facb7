//! Tests of what is read out of an event's body.

use serde_json::Value;

use super::*;

fn parse(body: &str) -> Result<Event, String> {
    Event::parse("clockings", body.as_bytes()).map_err(|error| error.to_string())
}

fn version(event: &Event) -> Option<&str> {
    event.version().map(ChangeVersion::as_str)
}

#[test]
fn a_deletion_needs_no_more_than_id_and_version() {
    let event = parse(
        r#"{"changeType": "Delete", "data": {"changeVersion": "00000B1400007AE00020", "id": 40112233}}"#,
    )
    .expect("an event");
    assert_eq!(event.change(), ChangeType::Delete);
    assert!(event.is_deletion());
    assert_eq!((event.id(), version(&event)), ("40112233", Some("00000B1400007AE00020")));
}

#[test]
fn an_id_is_a_number_or_a_text_and_is_not_damaged() {
    for (written, id) in [
        ("4711", "4711"),
        ("\"4711\"", "4711"),
        ("0", "0"),
        ("-7", "-7"),
        ("9007199254740993", "9007199254740993"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("\"\\u00e9\"", "é"),
        ("\"acme-4711-12\"", "acme-4711-12"),
    ] {
        let body =
            format!(r#"{{"changeType": "Delete", "data": {{"id": {written}, "changeVersion": "1"}}}}"#);
        assert_eq!(parse(&body).expect(written).id(), id);
    }
}

#[test]
fn an_object_may_have_no_version() {
    for written in ["", r#", "changeVersion": null"#, r#", "changeVersion": """#] {
        let body = format!(r#"{{"changeType": "InsertOrUpdate", "data": {{"id": 7{written}}}}}"#);
        assert_eq!(version(&parse(&body).expect(written)), None);
    }
}

#[test]
fn a_clocking_with_the_status_deleted_is_gone_and_nothing_else_is() {
    for (collection, change, status, deletion) in [
        ("clockings", "InsertOrUpdate", r#""Deleted""#, true),
        ("clockings", "InsertOrUpdate", r#""Active""#, false),
        ("clockings", "InsertOrUpdate", "7", false),
        ("clockings", "Delete", r#""Active""#, true),
        ("counters", "InsertOrUpdate", r#""Deleted""#, false),
    ] {
        let body = format!(
            r#"{{"changeType": "{change}", "data": {{"id": 7, "changeVersion": "1", "status": {status}}}}}"#
        );
        let event = Event::parse(collection, body.as_bytes()).expect("an event");
        assert_eq!(event.is_deletion(), deletion, "{collection} {change} {status}");
        assert_eq!(event.change() == ChangeType::Delete, change == "Delete");
    }
}

#[test]
fn what_is_unknown_is_left_to_the_receiver_as_it_was_written() {
    let data = r#"{ "id":40112233, "changeVersion":"1","person":{"id":4711,"externalReferences":{"@badge-number":"00912"}},
        "new":{"a":[1.10, 18446744073709551617]}}"#;
    let event =
        parse(&format!(r#"{{"new": 1, "changeType": "InsertOrUpdate", "data": {data}}}"#)).expect("an event");
    assert_eq!(event.raw_data(), data);
    let value = event.data::<Value>().expect("JSON");
    assert_eq!(value["person"]["externalReferences"]["@badge-number"], "00912");
    let error = event.data::<Vec<u8>>().expect_err("an object is not a list").to_string();
    assert!(error.starts_with("the event's 'data' does not fit: "), "{error}");
}

#[test]
fn a_byte_order_mark_is_passed_over() {
    let body = "\u{feff}{\"changeType\": \"Delete\", \"data\": {\"id\": 7, \"changeVersion\": \"1\"}}";
    assert_eq!(parse(body).expect("an event").id(), "7");
    assert!(parse(&format!("\u{feff}{body}")).is_err(), "one of them");
}

#[test]
fn of_a_name_that_stands_twice_the_last_one_counts() {
    let body =
        r#"{"changeType": "Delete", "data": [], "data": {"id": 1, "id": 2, "ID": 3, "changeVersion": "1"}}"#;
    assert_eq!(parse(body).expect("an event").id(), "2");
}

#[test]
fn what_is_wrong_is_named() {
    let id = |found: &str| {
        format!("the event's 'data.id' is {found}, where a whole number or a text was expected")
    };
    for (body, expected) in [
        (r#"{"data":{}}"#, "the event's 'changeType' is missing, where a text was expected".to_owned()),
        (
            r#"{"changeType":"Update","data":{}}"#,
            "the event's 'changeType' is 'Update', where 'InsertOrUpdate' or 'Delete' was expected"
                .to_owned(),
        ),
        (
            r#"{"changeType":"Delete"}"#,
            "the event's 'data' is missing, where an object was expected".to_owned(),
        ),
        (
            r#"{"changeType":"Delete","data":[]}"#,
            "the event's 'data' is an array, where an object was expected".to_owned(),
        ),
        (r#"{"changeType":"Delete","data":{"changeVersion":"1"}}"#, id("missing")),
        (r#"{"changeType":"Delete","data":{"id":"","changeVersion":"1"}}"#, id("empty")),
        (r#"{"changeType":"Delete","data":{"id":1.5,"changeVersion":"1"}}"#, id("a number")),
        (r#"{"changeType":"Delete","data":{"id":1e3,"changeVersion":"1"}}"#, id("a number")),
        (r#"{"changeType":"Delete","data":{"id":null,"changeVersion":"1"}}"#, id("null")),
        (r#"{"changeType":"Delete","data":{"id":true,"changeVersion":"1"}}"#, id("a boolean")),
        (r#"{"changeType":"Delete","data":{"id":{"id":7},"changeVersion":"1"}}"#, id("an object")),
        (
            r#"{"changeType":"Delete","data":{"id":"7","changeVersion":7}}"#,
            "the event's 'data.changeVersion' is a number, where a text was expected".to_owned(),
        ),
    ] {
        assert_eq!(parse(body).expect_err(body), expected);
    }
    assert_eq!(parse("[\"Zoe\"]").expect_err("a list"), "the body is not a JSON object: it is an array");
    for body in ["", "\"Zoe\"", "7", "{\"Zoe\"", "{\"changeType\":\"Delete\"} trailing"] {
        let error = parse(body).expect_err(body);
        assert!(error.starts_with("the body is not a JSON object: ") && !error.contains("Zoe"), "{error}");
    }
    assert!(Event::parse("clockings", b"{\"changeType\":\"\xff\"}").is_err(), "not UTF-8");
}

#[test]
fn the_data_is_not_printed() {
    let event = parse(r#"{"changeType":"Delete","data":{"id":7,"changeVersion":"1","name":"Zoe"}}"#);
    let printed = format!("{event:?}");
    assert!(printed.contains("\"7\"") && !printed.contains("Zoe"), "{printed}");
}
