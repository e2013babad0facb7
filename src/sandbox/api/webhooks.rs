//! `/webhooks`: create and renew, list, get, delete, and what is left after a deletion.

use axum::http::header;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Call;
use crate::sandbox::{
    answer::Answer,
    deltas::{PageToken, decode, encode},
    filter::Filter,
    journal,
    references::References,
    tenant::{Poster, Tenant},
    time::with_offset,
    webhooks::{Pair, Webhook},
    words::{API_ROOT, known_collection},
};

/// How many attempts the debugging endpoint shows.
const ATTEMPTS_SHOWN: usize = 100;

fn shown(webhook: &Webhook) -> Map<String, Value> {
    let mut fields = Map::from_iter([
        ("id".to_owned(), json!(webhook.id)),
        ("validUntil".to_owned(), json!(with_offset(webhook.valid_until))),
        ("status".to_owned(), json!(webhook.status())),
        ("destinationUrl".to_owned(), json!(webhook.pair.destination_url)),
        ("collectionName".to_owned(), json!(webhook.pair.collection)),
    ]);
    if !webhook.references.is_empty() {
        fields.insert("externalReferences".to_owned(), json!(webhook.references.texts()));
    }
    fields
}

/// The collection that a POST names.
pub(crate) fn collection_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("collectionName")?.as_str().map(str::to_owned)
}

fn pair_of(body: &[u8]) -> Result<Pair, Answer> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err(Answer::error(400, "InvalidJson", "The body is no JSON object."));
    };
    let text = |name: &str| {
        let value = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        value.map(str::to_owned).ok_or_else(|| Answer::invalid(name, "A text is required."))
    };
    let pair = Pair { destination_url: text("destinationUrl")?, collection: text("collectionName")? };
    let url = reqwest::Url::parse(&pair.destination_url).ok();
    // Plain HTTP is for receivers on this machine; the real API takes HTTPS only.
    let fits = url.is_some_and(|url| match url.scheme() {
        "https" => true,
        "http" => is_loopback(&url),
        _ => false,
    });
    if !fits {
        return Err(Answer::invalid("destinationUrl", "An absolute HTTPS URL is required."));
    }
    if known_collection(&pair.collection).is_none() {
        return Err(Answer::invalid("collectionName", "There is no such collection."));
    }
    Ok(pair)
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Creates a webhook, or renews the one of the same pair.
pub(crate) fn create(tenant: &mut Tenant, now: Timestamp, call: &Call) -> Answer {
    let pair = match pair_of(&call.body) {
        Ok(pair) => pair,
        Err(refusal) => return refusal,
    };
    let references = match References::parse(&call.parameter("externalReferences").unwrap_or_default()) {
        Ok(references) => references,
        Err(why) => return Answer::invalid("externalReferences", &why),
    };
    if let Err(why) = references.check(&pair.collection) {
        return Answer::invalid("externalReferences", &why);
    }
    let Ok(serial) = tenant.post(&pair, &references, Poster::Client, now) else {
        let why = "They cannot be changed on an existing webhook: delete it, then create it.";
        return Answer::invalid("externalReferences", why);
    };
    let Some(webhook) = tenant.webhooks.by_serial(serial) else {
        return Answer::error(500, "InternalError", "The webhook vanished.");
    };
    let location = format!("{}{API_ROOT}/webhooks/{}", tenant.origin, webhook.id);
    let mut body = shown(webhook);
    body.insert(tenant.settings.key_field.clone(), json!(webhook.key));
    Answer::json(201, &Value::Object(body)).with(header::LOCATION, &location)
}

/// A page of the webhooks that are not deleted.
pub(crate) fn list(tenant: &Tenant, call: &Call) -> Answer {
    let token = match call.parameter("pageToken") {
        None => PageToken {
            collection: "webhooks".to_owned(),
            filter: call.parameter("filter").unwrap_or_default(),
            references: String::new(),
            after: String::new(),
            blank: false,
            delta: None,
        },
        Some(text) => match decode::<PageToken>(&text).filter(|token| token.collection == "webhooks") {
            Some(token) => token,
            None => return Answer::invalid("pageToken", "It is none of this list."),
        },
    };
    let fields = ["status", "collectionName", "collection-name"];
    let filter = match Filter::parse(&token.filter, &fields) {
        Ok(filter) => filter,
        Err(why) => return Answer::invalid("filter", &why),
    };
    let after: Option<usize> = token.after.parse().ok();
    let mut found = tenant.webhooks.all().iter().filter(|webhook| {
        let value = |field: &str| match field {
            "status" => Some(webhook.status()),
            _ => Some(webhook.pair.collection.as_str()),
        };
        !webhook.deleted && after.is_none_or(|after| webhook.serial > after) && filter.accepts(value)
    });
    let size = if token.blank { 0 } else { tenant.settings.page_size };
    let page: Vec<&Webhook> = found.by_ref().take(size).collect();
    let more = found.next().is_some();
    let mut body = json!({"value": page.iter().map(|webhook| shown(webhook)).collect::<Vec<_>>()});
    if more {
        let after = page.last().map_or(token.after.clone(), |webhook| webhook.serial.to_string());
        let blank = tenant.settings.empty_pages && !token.blank;
        let next = encode(&PageToken { after, blank, ..token });
        body["nextLink"] = json!(format!("{API_ROOT}/webhooks?pageToken={next}"));
    }
    Answer::json(200, &body)
}

fn not_found() -> Answer {
    Answer::error(404, "NotFound", "There is no such webhook.")
}

/// A webhook that is not deleted.
pub(crate) fn get(tenant: &Tenant, id: &str) -> Answer {
    let found = tenant.webhooks.by_id(id).filter(|webhook| !webhook.deleted);
    found.map_or_else(not_found, |webhook| Answer::json(200, &Value::Object(shown(webhook))))
}

/// A webhook with its latest attempts to deliver, also after its deletion.
pub(crate) fn debug(tenant: &Tenant, id: &str) -> Answer {
    let Some(webhook) = tenant.webhooks.by_id(id) else { return not_found() };
    let own = |delivery: &&journal::Delivery| {
        delivery.destination_url == webhook.pair.destination_url
            && delivery.collection == webhook.pair.collection
    };
    let attempts: Vec<Value> = tenant
        .journal
        .deliveries
        .iter()
        .rev()
        .filter(own)
        .take(ATTEMPTS_SHOWN)
        .map(|delivery| json!({"at": delivery.at, "attempt": delivery.attempt, "status": delivery.status}))
        .collect();
    let mut body = shown(webhook);
    body.insert("deleted".to_owned(), json!(webhook.deleted));
    body.insert("deliveryAttempts".to_owned(), Value::Array(attempts));
    Answer::json(200, &Value::Object(body))
}

/// Deletes a webhook softly.
pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Answer {
    let serial = tenant.webhooks.by_id(id).map(|webhook| webhook.serial);
    match serial {
        Some(serial) if tenant.delete(serial, "client") => Answer::empty(204),
        _ => not_found(),
    }
}
