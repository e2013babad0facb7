//! Protime's JSON of webhooks, read tolerantly where that is safe.
//!
//! Law: a list is understood whole or not at all. Leaving out an entry that is not as documented would
//! make a webhook look missing, and what is missing is created anew, which kills its key.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::time;
use crate::domain::webhook::{ExternalReference, Pair, RemoteStatus, RemoteWebhook};

/// The body of a POST.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewWebhook<'a> {
    pub(super) destination_url: &'a str,
    pub(super) collection_name: &'a str,
}

/// One page of the list.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) webhooks: Vec<RemoteWebhook>,
    pub(super) next_link: Option<String>,
    /// Whether a time had no offset and was taken for UTC.
    pub(super) assumed_utc: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    value: Vec<Value>,
    next_link: Option<String>,
}

/// Reads one page; the error says what is not as documented, and no value of it.
pub(super) fn page(body: &[u8]) -> Result<Page, String> {
    let raw: RawPage = serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))?;
    let mut assumed_utc = false;
    let webhooks = raw
        .value
        .iter()
        .enumerate()
        .map(|(at, entry)| {
            let (webhook, assumed) = entry_of(entry).map_err(|wrong| format!("entry {at} {wrong}"))?;
            assumed_utc |= assumed;
            Ok(webhook)
        })
        .collect::<Result<_, String>>()?;
    Ok(Page { webhooks, next_link: raw.next_link.filter(|link| !link.is_empty()), assumed_utc })
}

/// Reads one webhook; also says whether a time had no offset.
pub(super) fn webhook(body: &[u8]) -> Result<(RemoteWebhook, bool), String> {
    let entry: Value = serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))?;
    entry_of(&entry).map_err(|wrong| format!("it {wrong}"))
}

/// A parser's error, without the excerpt of the data that some of them hold.
pub(super) fn what_is_wrong(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "it is no object with an array 'value'".to_owned(),
        serde_json::error::Category::Eof => "its JSON ends too early".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => {
            format!(
                "it is not JSON (line {}, column {}); check api_origin, and whether a proxy answers in \
                 Protime's place",
                error.line(),
                error.column()
            )
        }
    }
}

fn entry_of(entry: &Value) -> Result<(RemoteWebhook, bool), String> {
    let Some(object) = entry.as_object() else { return Err("is not an object".to_owned()) };
    let id = match object.get("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => text(object, "id"),
    };
    let fields = [
        ("id", id),
        ("destinationUrl", text(object, "destinationUrl")),
        ("collectionName", text(object, "collectionName")),
        ("status", text(object, "status")),
    ];
    let missing: Vec<&str> =
        fields.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    let [(_, Some(id)), (_, Some(destination_url)), (_, Some(collection)), (_, Some(status))] = fields else {
        return Err(format!("has no {}", missing.join(", no ")));
    };
    let valid_until = match object.get("validUntil") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_str().and_then(time::stated) {
            Some(stated) => Some(stated),
            None => return Err("has a 'validUntil' that is not an ISO 8601 time".to_owned()),
        },
    };
    let webhook = RemoteWebhook {
        id,
        pair: Pair { destination_url, collection },
        status: RemoteStatus::from(status),
        valid_until: valid_until.map(|stated| stated.at),
        local_end: valid_until.is_some_and(|stated| stated.assumed_utc),
        references: object.get("externalReferences").and_then(references),
    };
    Ok((webhook, valid_until.is_some_and(|stated| stated.assumed_utc)))
}

/// External references in any of the shapes that come to mind, because none is documented; nothing, if
/// one of them is not understood.
fn references(value: &Value) -> Option<Vec<ExternalReference>> {
    match value {
        Value::String(list) => list.split_terminator(')').map(reference).collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| match item {
                Value::String(one) => reference(one.strip_suffix(')').unwrap_or(one)),
                Value::Object(one) => {
                    let named = |names: [&str; 2]| names.into_iter().find_map(|name| text(one, name));
                    Some(ExternalReference {
                        collection: named(["collectionName", "collection"])?,
                        reference: named(["externalReference", "reference"])?,
                    })
                }
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// `collection,reference`, perhaps behind a parenthesis.
fn reference(text: &str) -> Option<ExternalReference> {
    let (collection, reference) = text.trim_start().trim_start_matches('(').split_once(',')?;
    let (collection, reference) = (collection.trim().to_owned(), reference.trim().to_owned());
    let is_one = !collection.is_empty() && !reference.is_empty() && !reference.contains([',', '(', ')']);
    is_one.then_some(ExternalReference { collection, reference })
}

fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_the_guide() {
        let body = br#"{"value":[{"id":"a7d8","validUntil":"2025-03-31T12:30:00+02:00","status":"Enabled",
            "destinationUrl":"https://x.example/c","collectionName":"clockings","new":{"field":1}},
            {"id":8,"validUntil":null,"status":"Uninitialized","destinationUrl":"https://x.example/d",
            "collectionName":"people"}],"nextLink":"/n","more":true}"#;
        let page = page(body).unwrap();
        assert_eq!(page.next_link.as_deref(), Some("/n"));
        assert!(!page.assumed_utc);
        assert_eq!(page.webhooks[0].valid_until, Some("2025-03-31T10:30:00Z".parse().unwrap()));
        assert_eq!(page.webhooks[0].pair.collection, "clockings");
        assert_eq!((page.webhooks[1].id.as_str(), page.webhooks[1].valid_until), ("8", None));
        assert_eq!(page.webhooks[1].status, RemoteStatus::Other("Uninitialized".to_owned()));
    }

    #[test]
    fn an_empty_page_may_have_a_successor() {
        assert_eq!(page(br#"{"value":[],"nextLink":"/n"}"#).unwrap().next_link.as_deref(), Some("/n"));
        for end in [r#"{"value":[]}"#, r#"{"value":[],"nextLink":null}"#, r#"{"value":[],"nextLink":""}"#] {
            assert_eq!(page(end.as_bytes()).unwrap().next_link, None, "{end}");
        }
    }

    #[test]
    fn what_is_not_as_documented_fails_the_whole_list() {
        let good = r#"{"id":"a","status":"Enabled","destinationUrl":"u","collectionName":"c"}"#;
        let rows = [
            ("", "ends too early"),
            ("<html>", "not JSON"),
            ("[]", "no object with an array 'value'"),
            ("{}", "no object with an array 'value'"),
            (r#"{"value":{}}"#, "no object with an array 'value'"),
            (&format!(r#"{{"value":[{good},null]}}"#), "entry 1 is not an object"),
            (&good.replace("\"id\":\"a\",", "").alone(), "entry 0 has no id"),
            (&good.replace("\"u\"", "null").alone(), "entry 0 has no destinationUrl"),
            (&good.replace("\"c\"", "\"\"").alone(), "entry 0 has no collectionName"),
            (&good.replace("Enabled", "").replace("\"u\"", "7").alone(), "no destinationUrl, no status"),
            (&good.replace("\"id\"", "\"validUntil\":\"soon\",\"id\"").alone(), "not an ISO 8601 time"),
            (&good.replace("\"id\"", "\"validUntil\":17,\"id\"").alone(), "not an ISO 8601 time"),
        ];
        for (body, expected) in rows {
            let wrong = page(body.as_bytes()).unwrap_err();
            assert!(wrong.contains(expected), "{body}: {wrong}");
        }
    }

    #[test]
    fn a_time_without_offset_is_reported() {
        let body = br#"{"id":"a","status":"Enabled","destinationUrl":"u","collectionName":"c",
            "validUntil":"2025-03-31T12:30:00"}"#;
        let (webhook, assumed_utc) = webhook(body).unwrap();
        assert!(assumed_utc);
        assert_eq!(webhook.valid_until, Some("2025-03-31T12:30:00Z".parse().unwrap()));
    }

    #[test]
    fn external_references_are_read_as_far_as_they_are_understood() {
        let both = "(people,@badge-number)(activity-definitions,actDef)";
        for (written, expected) in [
            (r#""(people,@badge-number)(activity-definitions,actDef)""#, Some(both)),
            (r#"["people,@badge-number","(activity-definitions,actDef)"]"#, Some(both)),
            (
                r#"[{"collectionName":"people","externalReference":"@badge-number"},
                 {"collection":"activity-definitions","reference":"actDef"}]"#,
                Some(both),
            ),
            (r#""people,@badge-number""#, Some("(people,@badge-number)")),
            ("[]", Some("")),
            ("null", None),
            (r#"["people"]"#, None),
            (r#"["people,@badge-number",7]"#, None),
            (r#""(people)""#, None),
            (r#"{"people":"@badge-number"}"#, None),
        ] {
            let body = format!(
                r#"{{"id":"a","status":"Enabled","destinationUrl":"u","collectionName":"c",
                "externalReferences":{written}}}"#
            );
            let (webhook, _) = webhook(body.as_bytes()).unwrap();
            let read = webhook.references.map(|references| ExternalReference::all(&references));
            assert_eq!(read.as_deref(), expected, "{written}");
        }
    }

    trait Alone {
        /// The list that holds this entry alone.
        fn alone(self) -> String;
    }

    impl Alone for String {
        fn alone(self) -> String {
            format!(r#"{{"value":[{self}]}}"#)
        }
    }
}
