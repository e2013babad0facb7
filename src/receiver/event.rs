//! An event as Protime sends it, read from the raw body.
//!
//! Only what every event has is looked at: what happened, to which object, in which version. The rest
//! is the receiver's, in types of its own.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::domain::change::ChangeVersion;

/// What happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// It was made or changed; the event holds it as it is now.
    InsertOrUpdate,
    /// It is gone. The event may hold no more of it than its `id` and `changeVersion`.
    Delete,
}

/// Why a body is no event.
///
/// If its signature was right, this is news about Protime, not about the sender: set the body aside and
/// have somebody look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// It is not JSON, or not an object; the text says why, and holds nothing of the body.
    #[error("the body is no JSON object: {0}")]
    NotJson(String),
    /// A property is missing, or empty, or not of the type that it should have.
    #[error("the event's '{property}' is {found}, where {expected} was expected")]
    Property {
        /// Its path, such as `data.id`.
        property: &'static str,
        /// What is there: `missing`, `null`, `a number`, …; never its text.
        found: &'static str,
        /// What should be there.
        expected: &'static str,
    },
    /// A `changeType` that is neither `InsertOrUpdate` nor `Delete`.
    #[error("the event's 'changeType' is '{0}', where 'InsertOrUpdate' or 'Delete' was expected")]
    UnknownChangeType(String),
}

/// Why an event's data is not what the receiver took it for. The text may quote a value of the data.
#[derive(Debug, thiserror::Error)]
#[error("the event's 'data' does not fit: {0}")]
pub struct DataError(serde_json::Error);

/// A change of one object, as Protime tells it.
///
/// ```
/// use protime_webhookd::receiver::{ChangeType, Event};
///
/// let body = r#"{"changeType": "InsertOrUpdate", "data": {"id": "5b1c", "changeVersion": "00A4", "date": "2026-11-23"}}"#;
/// let event = Event::parse("clockings", body.as_bytes())?;
/// assert_eq!((event.collection(), event.id(), event.version().as_str()), ("clockings", "5b1c", "00A4"));
/// assert_eq!(event.change(), ChangeType::InsertOrUpdate);
///
/// #[derive(serde::Deserialize)]
/// struct Clocking {
///     date: String,
/// }
/// let clocking: Clocking = event.data()?;
/// assert_eq!(clocking.date, "2026-11-23");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Event {
    collection: String,
    id: String,
    version: ChangeVersion,
    change: ChangeType,
    data: Value,
}

impl Event {
    /// Reads the raw body of an event of `collection`, after its signature was found right.
    ///
    /// The body does not name its collection; the webhook does, and so usually the path of its URL.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] names the property that is not as it should be.
    pub fn parse(collection: impl Into<String>, body: &[u8]) -> Result<Self, InvalidEvent> {
        let mut event = match serde_json::from_slice(body) {
            Ok(Value::Object(event)) => event,
            Ok(other) => return Err(InvalidEvent::NotJson(format!("it is {}", kind(Some(&other))))),
            Err(error) => return Err(InvalidEvent::NotJson(error.to_string())),
        };
        let change = match text(event.get("changeType"), "changeType")? {
            "InsertOrUpdate" => ChangeType::InsertOrUpdate,
            "Delete" => ChangeType::Delete,
            other => return Err(InvalidEvent::UnknownChangeType(other.to_owned())),
        };
        let data = event.remove("data");
        let Some(Value::Object(object)) = &data else {
            return Err(property("data", data.as_ref(), "an object"));
        };
        let id = text(object.get("id"), "data.id")?.to_owned();
        let version = text(object.get("changeVersion"), "data.changeVersion")?.into();
        Ok(Self { collection: collection.into(), id, version, change, data: data.unwrap_or_default() })
    }

    /// The collection that was given to [`Event::parse`].
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The object's `id`, unique in its collection.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The object's `changeVersion`: keep it with the object, also with one that is gone.
    #[must_use]
    pub fn version(&self) -> &ChangeVersion {
        &self.version
    }

    /// What happened to the object.
    #[must_use]
    pub fn change(&self) -> ChangeType {
        self.change
    }

    /// The object itself, in a type of yours, or in a [`serde_json::Value`].
    ///
    /// # Errors
    ///
    /// [`DataError`] if it does not fit that type. Do not expect of a deletion what an object has.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        T::deserialize(&self.data).map_err(DataError)
    }
}

/// Without the data, which is about people.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("collection", &self.collection)
            .field("id", &self.id)
            .field("version", &self.version)
            .field("change", &self.change)
            .finish_non_exhaustive()
    }
}

fn text<'a>(value: Option<&'a Value>, name: &'static str) -> Result<&'a str, InvalidEvent> {
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(property(name, value, "a text")),
    }
}

fn property(property: &'static str, value: Option<&Value>, expected: &'static str) -> InvalidEvent {
    InvalidEvent::Property { property, found: kind(value), expected }
}

fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "missing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(text)) if text.is_empty() => "empty",
        Some(Value::String(_)) => "a text",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Event, String> {
        Event::parse("clockings", body.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_deletion_needs_no_more_than_id_and_version() {
        let event =
            parse(r#"{"changeType":"Delete","data":{"id":"7","changeVersion":"02"}}"#).expect("an event");
        assert_eq!(event.change(), ChangeType::Delete);
        assert_eq!((event.id(), event.version().as_str()), ("7", "02"));
    }

    #[test]
    fn what_is_unknown_is_left_to_the_receiver() {
        let event = parse(
            r#"{"new":1,"changeType":"InsertOrUpdate","data":{"id":"é","changeVersion":"1","deep":{"a":[1]}}}"#,
        )
        .expect("an event");
        assert_eq!(event.data::<Value>().expect("JSON")["deep"]["a"][0], 1);
        let error = event.data::<Vec<u8>>().expect_err("an object is no list").to_string();
        assert!(error.starts_with("the event's 'data' does not fit: "), "{error}");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, expected) in [
            (r#"{"data":{}}"#, "the event's 'changeType' is missing, where a text was expected"),
            (
                r#"{"changeType":"Update","data":{}}"#,
                "the event's 'changeType' is 'Update', where 'InsertOrUpdate' or 'Delete' was expected",
            ),
            (r#"{"changeType":"Delete"}"#, "the event's 'data' is missing, where an object was expected"),
            (
                r#"{"changeType":"Delete","data":[]}"#,
                "the event's 'data' is an array, where an object was expected",
            ),
            (
                r#"{"changeType":"Delete","data":{"id":7,"changeVersion":"1"}}"#,
                "the event's 'data.id' is a number, where a text was expected",
            ),
            (
                r#"{"changeType":"Delete","data":{"id":"","changeVersion":"1"}}"#,
                "the event's 'data.id' is empty, where a text was expected",
            ),
            (
                r#"{"changeType":"Delete","data":{"id":"7","changeVersion":null}}"#,
                "the event's 'data.changeVersion' is null, where a text was expected",
            ),
        ] {
            assert_eq!(parse(body).expect_err(body), expected);
        }
        assert_eq!(parse("[\"Zoe\"]").expect_err("a list"), "the body is no JSON object: it is an array");
        for body in ["", "\"Zoe\"", "7", "{\"Zoe\"", "{\"changeType\":\"Delete\"} trailing"] {
            let error = parse(body).expect_err(body);
            assert!(error.starts_with("the body is no JSON object: ") && !error.contains("Zoe"), "{error}");
        }
        assert!(Event::parse("clockings", b"{\"changeType\":\"\xff\"}").is_err(), "not UTF-8");
    }

    #[test]
    fn the_data_is_not_printed() {
        let event = parse(r#"{"changeType":"Delete","data":{"id":"7","changeVersion":"1","name":"Zoe"}}"#);
        let printed = format!("{event:?}");
        assert!(printed.contains("\"7\"") && !printed.contains("Zoe"), "{printed}");
    }
}
