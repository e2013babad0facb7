//! Protime's JSON of webhooks, read tolerantly where that is safe.
//!
//! Laws: what is not a list is an error and never an empty one, for what is missing from a list is created
//! again, which kills its key; an entry that is not as documented spoils itself alone and is handed on as
//! [`Odd`], with all of it that says whose it is, so that someone who knows their own can tell that none of
//! them is missing.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{error::ApiError, normalized, references, time};
use crate::domain::webhook::{Pair, RemoteStatus, RemoteWebhook};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewWebhook<'a> {
    pub(super) destination_url: &'a str,
    pub(super) collection_name: &'a str,
}

#[derive(Debug, Default)]
pub(crate) struct List {
    pub(crate) webhooks: Vec<RemoteWebhook>,
    pub(crate) odd: Vec<Odd>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Odd {
    /// Which entry it is, from 0, and what is wrong with it; no value of it.
    pub(crate) wrong: String,
    id: Option<String>,
    destination_url: Option<String>,
    collection: Option<String>,
}

impl Odd {
    /// Whether it is the webhook of this pair, which Protime was seen to call by these ids. Where only its
    /// destination can be read it is, unless that webhook is `found` elsewhere in the list.
    pub(crate) fn is(&self, pair: &Pair, ids: &[&str], found: bool) -> bool {
        let plain = |id: &str| id.trim_matches(['\'', '"', '{', '}', '(', ')']).to_ascii_lowercase();
        if self.id.as_deref().is_some_and(|id| ids.iter().any(|known| plain(known) == plain(id))) {
            return true;
        }
        let Some(destination_url) = self.destination_url.clone() else { return false };
        let collection = self.collection.clone().unwrap_or_else(|| pair.collection.clone());
        let is_whole = self.collection.is_some();
        (is_whole || !found) && normalized(&Pair { destination_url, collection }) == normalized(pair)
    }

    /// The error of someone whose webhook it is.
    pub(crate) fn as_error(&self, whose: &str) -> ApiError {
        ApiError::transient(format!(
            "Protime's list of webhooks is not as documented: {}, and it is {whose}; if it stays, ask Protime",
            self.wrong
        ))
    }
}

#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) list: List,
    pub(super) next_link: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPage {
    #[serde(deserialize_with = "null_is_empty")]
    value: Vec<Value>,
    next_link: Option<String>,
}

/// An array that is `null` where it is empty; one that is not there at all is an error.
pub(super) fn null_is_empty<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads one page, before which there were `before` entries; the error says what is not as documented, and
/// no value of it.
pub(super) fn page(body: &[u8], before: usize) -> Result<Page, String> {
    let raw: RawPage = serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))?;
    let mut page = Page { next_link: raw.next_link.filter(|link| !link.is_empty()), ..Page::default() };
    for (at, entry) in raw.value.iter().enumerate() {
        match entry_of(entry) {
            Ok(webhook) => page.list.webhooks.push(webhook),
            Err(odd) => {
                // Counted on from the pages before its own.
                let wrong = format!("entry {} {}", before + at, odd.wrong);
                page.list.odd.push(Odd { wrong, ..odd });
            }
        }
    }
    Ok(page)
}

pub(super) fn webhook(body: &[u8]) -> Result<RemoteWebhook, String> {
    let entry: Value = serde_json::from_slice(body).map_err(|error| what_is_wrong(&error))?;
    entry_of(&entry).map_err(|odd| format!("it {}", odd.wrong))
}

/// A parser's error, without the excerpt of the data that some of them hold.
pub(super) fn what_is_wrong(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => "it is not an object with an array 'value'".to_owned(),
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

fn entry_of(entry: &Value) -> Result<RemoteWebhook, Odd> {
    let Some(object) = entry.as_object() else {
        let wrong = "is not an object".to_owned();
        return Err(Odd { wrong, id: None, destination_url: None, collection: None });
    };
    let id = match object.get("id") {
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => text(object, "id"),
    };
    let [destination_url, collection, status] =
        ["destinationUrl", "collectionName", "status"].map(|name| text(object, name));
    let odd = |wrong: String| Odd {
        wrong,
        id: id.clone(),
        destination_url: destination_url.clone(),
        collection: collection.clone(),
    };
    let fields = [
        ("id", &id),
        ("destinationUrl", &destination_url),
        ("collectionName", &collection),
        ("status", &status),
    ];
    let missing: Vec<&str> =
        fields.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| *name).collect();
    if !missing.is_empty() {
        return Err(odd(format!("has no {}", missing.join(", no "))));
    }
    let valid_until = match object.get("validUntil") {
        None | Some(Value::Null) => None,
        Some(value) => match value.as_str().and_then(time::stated) {
            Some(stated) => Some(stated),
            None => return Err(odd("has a 'validUntil' that is not an ISO 8601 time".to_owned())),
        },
    };
    Ok(RemoteWebhook {
        id: id.unwrap_or_default(),
        pair: Pair {
            destination_url: destination_url.unwrap_or_default(),
            collection: collection.unwrap_or_default(),
        },
        status: RemoteStatus::from(status.unwrap_or_default()),
        valid_until: valid_until.map(|stated| stated.at),
        local_end: valid_until.is_some_and(|stated| stated.assumed_utc),
        references: object.get("externalReferences").and_then(references::listed),
    })
}

/// A property that is a text, and not an empty one.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
    object.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests;
