//! An event as Protime sends it, read from the raw body.
//!
//! Only what every event has is looked at: what happened, to which object, in which version. The rest
//! is the receiver's, in types of its own.
//!
//! Law: nothing is damaged. Ids are whole numbers or texts and stay what they were; the data is kept as
//! the bytes that came, so no number is rounded, and properties that are new stay in it.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::change::ChangeVersion;

/// What happened to an object, in the word of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeType {
    /// It was made or changed; the event holds it as it is now. A clocking may come so that is deleted:
    /// see [`Event::is_deletion`].
    InsertOrUpdate,
    /// It is gone. The event may hold no more of it than its `id` and `changeVersion`.
    Delete,
}

/// Why a body is not a valid event.
///
/// If its signature was right, this is news about Protime, not about the sender: set the body aside and
/// have someone look.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEvent {
    /// It is not JSON, or not an object; the text says why, and holds nothing of the body.
    #[error("the body is not a JSON object: {0}")]
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
/// use protime_webhook_receiver::{ChangeType, Event};
///
/// let body = r#"{"changeType": "InsertOrUpdate", "data": {"changeVersion": "00000B1400007AE0001F", "id": 40112233,
///     "person": {"id": 4711, "externalReferences": {"@badge-number": "00912"}}, "date": "2031-02-03"}}"#;
/// let event = Event::parse("clockings", body.as_bytes())?;
/// assert_eq!((event.collection(), event.id()), ("clockings", "40112233"));
/// assert_eq!(event.version().map(|version| version.as_str()), Some("00000B1400007AE0001F"));
/// assert_eq!(event.change(), ChangeType::InsertOrUpdate);
/// assert!(!event.is_deletion());
///
/// #[derive(serde::Deserialize)]
/// struct Clocking {
///     date: String,
///     person: Person,
/// }
/// #[derive(serde::Deserialize)]
/// #[serde(rename_all = "camelCase")]
/// struct Person {
///     id: u64,
///     #[serde(default)]
///     external_references: std::collections::HashMap<String, String>,
/// }
/// let clocking: Clocking = event.data()?;
/// assert_eq!((clocking.date.as_str(), clocking.person.id), ("2031-02-03", 4711));
/// assert_eq!(clocking.person.external_references["@badge-number"], "00912");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Event {
    collection: String,
    id: String,
    version: Option<ChangeVersion>,
    change: ChangeType,
    deletion: bool,
    data: Box<RawValue>,
}

/// A JSON object, its values as they were written; of a name that stands twice, the last one.
type Properties<'a> = HashMap<Cow<'a, str>, &'a RawValue>;

impl Event {
    /// Reads the raw body of an event of `collection`, after its signature was found right.
    ///
    /// The body does not name its collection; the webhook does, and so usually the path of its URL.
    ///
    /// # Errors
    ///
    /// [`InvalidEvent`] names the property that is not as it should be.
    pub fn parse(collection: impl Into<String>, body: &[u8]) -> Result<Self, InvalidEvent> {
        let collection = collection.into();
        // A byte order mark is not JSON, and says nothing; some servers write one.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let event: &RawValue =
            serde_json::from_slice(body).map_err(|error| InvalidEvent::NotJson(error.to_string()))?;
        let event =
            properties(event).ok_or_else(|| InvalidEvent::NotJson(format!("it is {}", kind(Some(event)))))?;
        let change = match text(event.get("changeType").copied(), "changeType")?.as_str() {
            "InsertOrUpdate" => ChangeType::InsertOrUpdate,
            "Delete" => ChangeType::Delete,
            other => return Err(InvalidEvent::UnknownChangeType(other.to_owned())),
        };
        let data = event.get("data").copied();
        let (data, object) = data
            .and_then(|data| Some((data, properties(data)?)))
            .ok_or_else(|| property("data", data, "an object"))?;
        let id = id(object.get("id").copied())?;
        let version = version(object.get("changeVersion").copied())?;
        let status =
            object.get("status").and_then(|status| serde_json::from_str::<String>(status.get()).ok());
        // Only of clockings is `Deleted` a status that Protime documents.
        let status_deleted = collection == "clockings" && status.as_deref() == Some("Deleted");
        let deletion = change == ChangeType::Delete || status_deleted;
        Ok(Self { collection, id, version, change, deletion, data: data.to_owned() })
    }

    /// The collection that was given to [`Event::parse`].
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The object's `id`, unique in its collection: the digits of a number as they were written, or a
    /// text's content. Protime's are numbers; nothing is rounded, however long they become.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The object's `changeVersion`: keep it with the object, also with one that is gone.
    ///
    /// `None` where Protime gave none, as it may be with activity-durations: take the event as newer than
    /// what you have, and keep the version that you have.
    #[must_use]
    pub fn version(&self) -> Option<&ChangeVersion> {
        self.version.as_ref()
    }

    /// What happened to the object, in the word of the event.
    #[must_use]
    pub fn change(&self) -> ChangeType {
        self.change
    }

    /// Whether the object is gone: a `Delete`, or a clocking whose `status` is `Deleted`.
    #[must_use]
    pub fn is_deletion(&self) -> bool {
        self.deletion
    }

    /// The object itself, in a type of yours, or in a [`serde_json::Value`].
    ///
    /// # Errors
    ///
    /// [`DataError`] if it does not fit that type. Do not expect of a deletion what an object has.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DataError> {
        serde_json::from_str(self.data.get()).map_err(DataError)
    }

    /// The object as Protime wrote it, byte for byte.
    #[must_use]
    pub fn raw_data(&self) -> &str {
        self.data.get()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        let Self { collection, id, version, change, deletion, data } = self;
        *collection == other.collection
            && *id == other.id
            && *version == other.version
            && *change == other.change
            && *deletion == other.deletion
            && data.get() == other.data.get()
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
            .field("deletion", &self.deletion)
            .finish_non_exhaustive()
    }
}

fn properties(value: &RawValue) -> Option<Properties<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn text(value: Option<&RawValue>, name: &'static str) -> Result<String, InvalidEvent> {
    match value.and_then(|value| serde_json::from_str::<String>(value.get()).ok()) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(property(name, value, "a text")),
    }
}

fn id(value: Option<&RawValue>) -> Result<String, InvalidEvent> {
    let written = value.map_or("", RawValue::get);
    let digits = written.strip_prefix('-').unwrap_or(written);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(written.to_owned());
    }
    text(value, "data.id").map_err(|_| property("data.id", value, "a whole number or a text"))
}

/// `null` and an empty text say as little as no version.
fn version(value: Option<&RawValue>) -> Result<Option<ChangeVersion>, InvalidEvent> {
    match kind(value) {
        "missing" | "null" | "empty" => Ok(None),
        _ => Ok(Some(text(value, "data.changeVersion")?.into())),
    }
}

fn property(property: &'static str, value: Option<&RawValue>, expected: &'static str) -> InvalidEvent {
    InvalidEvent::Property { property, found: kind(value), expected }
}

fn kind(value: Option<&RawValue>) -> &'static str {
    let Some(value) = value.map(RawValue::get) else { return "missing" };
    match value.as_bytes().first() {
        Some(b'n') => "null",
        Some(b't' | b'f') => "a boolean",
        Some(b'"') if value == "\"\"" => "empty",
        Some(b'"') => "a text",
        Some(b'[') => "an array",
        Some(b'{') => "an object",
        _ => "a number",
    }
}

#[cfg(test)]
mod tests;
