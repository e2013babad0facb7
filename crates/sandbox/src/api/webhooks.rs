//! `/webhooks`: create and renew, list, get, delete, and what is left after a deletion.

use axum::http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, collections::next_link, shown};
use crate::{
    answer::Answer,
    deltas::{Continuation, decode},
    filter::Filter,
    journal,
    references::References,
    settings::{DeleteStatus, PostWhileEnabled, RenewalStatus},
    tenant::Tenant,
    webhooks::{Pair, PostRefused, Poster},
    words::known_collection,
};

const ATTEMPTS_SHOWN: usize = 100;

const STILL_ENABLED: &str = "There is an enabled webhook for this destination and collection.";

/// The list of webhooks, among the collections.
const WEBHOOKS: &str = "webhooks";

pub(crate) fn collection_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("collectionName")?.as_str().map(str::to_owned)
}

fn pair_of(body: &[u8]) -> Result<Pair, Answer> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err(Answer::bad_body("body", "A JSON object is required."));
    };
    let text = |name: &str| {
        let value = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        value.map(str::to_owned).ok_or_else(|| Answer::bad_body(name, "A text is required."))
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
        return Err(Answer::bad_body("destinationUrl", "An absolute HTTPS URL is required."));
    }
    if known_collection(&pair.collection).is_none() {
        return Err(Answer::bad_body("collectionName", "There is no such collection."));
    }
    Ok(pair)
}

fn is_loopback(url: &reqwest::Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

pub(crate) fn create(tenant: &mut Tenant, now: Timestamp, call: &Call) -> Result<Answer, Answer> {
    let wrong_references = |why: String| Answer::broken_rule(&format!("externalReferences: {why}"));
    let pair = pair_of(&call.body)?;
    let references = References::parse(&call.parameter("externalReferences").unwrap_or_default());
    let references = references.map_err(wrong_references)?;
    references.check(&pair.collection).map_err(wrong_references)?;
    let switch = tenant.settings.post_while_enabled;
    let posted = tenant.post(&pair, &references, Poster::Client, now);
    let (serial, new) = posted.map_err(|refused| match refused {
        PostRefused::ReferencesFixed => {
            let why = "They cannot be changed on an existing webhook: delete it, then create it.";
            wrong_references(why.to_owned())
        }
        PostRefused::StillEnabled if switch == PostWhileEnabled::Conflict => {
            Answer::error(409, "Conflict", STILL_ENABLED)
        }
        PostRefused::StillEnabled => Answer::broken_rule(STILL_ENABLED),
    })?;
    let vanished = || Answer::error(500, "InternalError", "The webhook vanished.");
    let webhook = tenant.webhooks.by_serial(serial).ok_or_else(vanished)?;
    let settings = &tenant.settings;
    let renewed_with_200 = !new && settings.renewal_status == RenewalStatus::Ok;
    let status = if renewed_with_200 { 200 } else { 201 };
    let answer = Answer::json(status, &shown::posted(webhook, settings));
    Ok(match shown::location(&webhook.id, &tenant.origin, settings) {
        Some(location) => answer.with(header::LOCATION, &location),
        None => answer,
    })
}

/// A page of the webhooks that are not deleted.
pub(crate) fn list(tenant: &Tenant, now: Timestamp, call: &Call) -> Result<Answer, Answer> {
    let place = match call.parameter("continuationToken") {
        None => {
            let filter = call.parameter("filter").unwrap_or_default();
            Continuation::first(WEBHOOKS, filter, String::new())
        }
        Some(text) => decode::<Continuation>(&text)
            .filter(|place| place.collection == WEBHOOKS)
            .ok_or_else(Answer::stale_page)?,
    };
    let filter = Filter::parse(&place.filter, &["status", "collection-name"])
        .map_err(|why| Answer::broken_rule(&format!("filter: {why}")))?;
    let mut found = tenant.webhooks.all().iter().filter_map(|webhook| {
        let value = |field: &str| match field {
            "status" => Some(webhook.status()),
            _ => Some(webhook.pair.collection.as_str()),
        };
        let serial = webhook.serial as u64;
        let wanted = place.after.is_none_or(|after| serial > after) && filter.accepts(value);
        let shown = shown::in_list(webhook, &tenant.settings, now).filter(|_| wanted)?;
        Some((serial, shown))
    });
    let size = if place.blank { 0 } else { tenant.settings.page_size };
    let page: Vec<(u64, Value)> = found.by_ref().take(size).collect();
    let more = found.next().is_some();
    let after = page.last().map_or(place.after, |(serial, _)| Some(*serial));
    let mut body = json!({"value": page.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()});
    if more {
        let blank = tenant.settings.empty_pages && !place.blank;
        body["nextLink"] = json!(next_link(&Continuation { after, blank, ..place }, None));
    }
    Ok(Answer::json(200, &body))
}

fn not_found() -> Answer {
    Answer::not_found("webhook")
}

pub(crate) fn get(tenant: &Tenant, id: &str) -> Result<Answer, Answer> {
    let found = tenant.webhooks.by_id(shown::id_of(id, &tenant.settings));
    let webhook = found.filter(|webhook| !webhook.deleted).ok_or_else(not_found)?;
    Ok(Answer::json(200, &shown::alone(webhook, &tenant.settings)))
}

pub(crate) fn debug(tenant: &Tenant, id: &str) -> Result<Answer, Answer> {
    let webhook = tenant.webhooks.by_id(id).ok_or_else(not_found)?;
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
    let mut body = shown::alone(webhook, &tenant.settings);
    body["deleted"] = json!(webhook.deleted);
    body["deliveryAttempts"] = Value::Array(attempts);
    Ok(Answer::json(200, &body))
}

pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Result<Answer, Answer> {
    let found = tenant.webhooks.by_id(shown::id_of(id, &tenant.settings)).map(|webhook| webhook.serial);
    let serial = found.filter(|serial| tenant.delete(*serial, "client")).ok_or_else(not_found)?;
    Ok(match tenant.webhooks.by_serial(serial) {
        Some(webhook) if tenant.settings.delete_status == DeleteStatus::Ok => {
            Answer::json(200, &shown::alone(webhook, &tenant.settings))
        }
        _ => Answer::empty(204),
    })
}
