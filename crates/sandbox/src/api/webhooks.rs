//! `/webhooks`: create and renew, list, get, delete, and what is left after a deletion.

use axum::http::header;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Call, shown};
use crate::{
    answer::Answer,
    deltas::{ListToken, decode, encode},
    filter::Filter,
    journal,
    references::References,
    settings::{DeleteStatus, PostWhileEnabled, RenewalStatus},
    tenant::Tenant,
    webhooks::{Pair, PostRefused, Poster},
    words::{API_ROOT, known_collection},
};

const ATTEMPTS_SHOWN: usize = 100;

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
    let (serial, new) = match tenant.post(&pair, &references, Poster::Client, now) {
        Ok(posted) => posted,
        Err(PostRefused::ReferencesFixed) => {
            let why = "They cannot be changed on an existing webhook: delete it, then create it.";
            return Answer::invalid("externalReferences", why);
        }
        Err(PostRefused::StillEnabled) => return still_enabled(tenant.settings.post_while_enabled),
    };
    let Some(webhook) = tenant.webhooks.by_serial(serial) else {
        return Answer::error(500, "InternalError", "The webhook vanished.");
    };
    let settings = &tenant.settings;
    let renewed_with_200 = !new && settings.renewal_status == RenewalStatus::Ok;
    let status = if renewed_with_200 { 200 } else { 201 };
    let answer = Answer::json(status, &shown::posted(webhook, settings));
    match shown::location(&webhook.id, &tenant.origin, settings) {
        Some(location) => answer.with(header::LOCATION, &location),
        None => answer,
    }
}

fn still_enabled(switch: PostWhileEnabled) -> Answer {
    let why = "There is an enabled webhook for this destination and collection.";
    if switch == PostWhileEnabled::Conflict {
        Answer::error(409, "Conflict", why)
    } else {
        Answer::broken_rule(why)
    }
}

/// A page of the webhooks that are not deleted.
pub(crate) fn list(tenant: &Tenant, now: Timestamp, call: &Call) -> Answer {
    let token = match call.parameter("continuationToken") {
        None => ListToken { filter: call.parameter("filter").unwrap_or_default(), after: None, blank: false },
        Some(text) => match decode(&text) {
            Some(token) => token,
            None => return Answer::stale_page(),
        },
    };
    let filter = match Filter::parse(&token.filter, &["status", "collection-name"]) {
        Ok(filter) => filter,
        Err(why) => return Answer::invalid("filter", &why),
    };
    let mut found = tenant.webhooks.all().iter().filter_map(|webhook| {
        let value = |field: &str| match field {
            "status" => Some(webhook.status()),
            _ => Some(webhook.pair.collection.as_str()),
        };
        let wanted = token.after.is_none_or(|after| webhook.serial > after) && filter.accepts(value);
        let shown = shown::in_list(webhook, &tenant.settings, now).filter(|_| wanted)?;
        Some((webhook.serial, shown))
    });
    let size = if token.blank { 0 } else { tenant.settings.page_size };
    let page: Vec<(usize, Value)> = found.by_ref().take(size).collect();
    let more = found.next().is_some();
    let after = page.last().map_or(token.after, |(serial, _)| Some(*serial));
    let mut body = json!({"value": page.into_iter().map(|(_, shown)| shown).collect::<Vec<_>>()});
    if more {
        let blank = tenant.settings.empty_pages && !token.blank;
        // The filter stands in it as a person writes it, with its spaces and apostrophes.
        let written =
            if token.filter.is_empty() { String::new() } else { format!("filter={}&", token.filter) };
        let next = encode(&ListToken { after, blank, ..token });
        body["nextLink"] = json!(format!("{API_ROOT}/webhooks?{written}continuationToken={next}"));
    }
    Answer::json(200, &body)
}

fn not_found() -> Answer {
    Answer::not_found("webhook")
}

pub(crate) fn get(tenant: &Tenant, id: &str) -> Answer {
    let id = shown::id_of(id, &tenant.settings);
    let found = tenant.webhooks.by_id(id).filter(|webhook| !webhook.deleted);
    let answer = |webhook| Answer::json(200, &Value::Object(shown::alone(webhook, &tenant.settings)));
    found.map_or_else(not_found, answer)
}

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
    let mut body = shown::alone(webhook, &tenant.settings);
    body.insert("deleted".to_owned(), json!(webhook.deleted));
    body.insert("deliveryAttempts".to_owned(), Value::Array(attempts));
    Answer::json(200, &Value::Object(body))
}

pub(crate) fn delete(tenant: &mut Tenant, id: &str) -> Answer {
    let found = tenant.webhooks.by_id(shown::id_of(id, &tenant.settings)).map(|webhook| webhook.serial);
    let Some(serial) = found.filter(|serial| tenant.delete(*serial, "client")) else { return not_found() };
    match tenant.webhooks.by_serial(serial) {
        Some(webhook) if tenant.settings.delete_status == DeleteStatus::Ok => {
            Answer::json(200, &Value::Object(shown::alone(webhook, &tenant.settings)))
        }
        _ => Answer::empty(204),
    }
}
