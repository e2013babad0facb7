//! How a webhook looks in an answer, under every position of the switches.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    ends,
    settings::{ListedId, ListedStatus, ListedUrl, Location, LocationId, Settings},
    webhooks::{Face, Webhook},
    words::API_ROOT,
};

/// As the answer to a POST shows it, with its key.
pub(crate) fn posted(webhook: &Webhook, settings: &Settings) -> Value {
    let end = ends::posted(webhook.valid_until, settings);
    let mut shown = body(webhook, &end, webhook.status(), &webhook.pair.destination_url, settings);
    if settings.post_body_id.yes() {
        shown["id"] = json!(webhook.id);
    }
    shown[&settings.key_field] = json!(webhook.key);
    shown
}

fn body(webhook: &Webhook, end: &str, status: &str, destination: &str, settings: &Settings) -> Value {
    let mut body = json!({
        "validUntil": end,
        "status": status,
        "destinationUrl": destination,
        "collectionName": webhook.pair.collection,
    });
    if let Some(references) = webhook.references.listed(settings.listed_references) {
        body["externalReferences"] = references;
    }
    body
}

/// As a list that may lag behind shows it; none if it does not.
pub(crate) fn in_list(webhook: &Webhook, settings: &Settings, now: Timestamp) -> Option<Value> {
    if webhook.deleted && !settings.list_deleted.yes() {
        return None;
    }
    let face = webhook.face_in_list(settings.list_lag_ms, now)?;
    Some(listed(webhook, &face, settings))
}

/// As it is now.
pub(crate) fn alone(webhook: &Webhook, settings: &Settings) -> Value {
    listed(webhook, &webhook.face(), settings)
}

fn listed(webhook: &Webhook, face: &Face, settings: &Settings) -> Value {
    let id = match settings.listed_id {
        ListedId::AsIssued => face.id.clone(),
        ListedId::Upper => face.id.to_ascii_uppercase(),
        ListedId::Lower => face.id.to_ascii_lowercase(),
    };
    let status = match (webhook.deleted, face.enabled) {
        (true, _) => "Deleted",
        (false, true) => "Enabled",
        (false, false) => "Disabled",
    };
    let status = match settings.listed_status {
        ListedStatus::AsDocumented => status.to_owned(),
        ListedStatus::Lower => status.to_ascii_lowercase(),
        ListedStatus::Upper => status.to_ascii_uppercase(),
    };
    let destination = &webhook.pair.destination_url;
    let destination = match settings.listed_url {
        ListedUrl::AsPosted => destination.clone(),
        ListedUrl::Normalized => normal_form(destination),
        ListedUrl::MaskedQuery => masked(destination),
    };
    let mut shown = body(webhook, &ends::listed(face.valid_until, settings), &status, &destination, settings);
    shown["id"] = json!(id);
    shown
}

/// What `Location` says; none if it is left out.
pub(crate) fn location(id: &str, origin: &str, settings: &Settings) -> Option<String> {
    let written = match settings.location_id {
        LocationId::Plain => format!("{API_ROOT}/webhooks/{id}"),
        LocationId::Quoted => format!("{API_ROOT}/webhooks('{id}')"),
        LocationId::Braces => format!("{API_ROOT}/webhooks/%7B{id}%7D"),
    };
    match settings.location {
        Location::Path => Some(written),
        Location::Url => Some(format!("{origin}{written}")),
        Location::Absent => None,
    }
}

/// The id that a path names, in the spelling that `Location` has; others are not understood.
pub(crate) fn id_of<'a>(written: &'a str, settings: &Settings) -> &'a str {
    let inner = |before: &str, after: &str| written.strip_prefix(before)?.strip_suffix(after);
    match settings.location_id {
        LocationId::Plain => None,
        LocationId::Quoted => inner("('", "')"),
        LocationId::Braces => inner("%7B", "%7D"),
    }
    .unwrap_or(written)
}

/// The normal form of RFC 3986: of what may be written in two ways, the one that it recommends.
fn normal_form(url: &str) -> String {
    // Scheme and host in small letters, no default port, no dot segments, a slash for an empty path.
    let Ok(url) = reqwest::Url::parse(url) else { return url.to_owned() };
    let text = url.to_string();
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        let code = rest.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match code.map(char::from) {
            Some(c) if c.is_ascii_alphanumeric() || "-._~".contains(c) => normal.push(c),
            Some(_) => normal.push_str(&rest[at..at + 3].to_ascii_uppercase()),
            None => {
                normal.push('%');
                rest = &rest[at + 1..];
                continue;
            }
        }
        rest = &rest[at + 3..];
    }
    normal.push_str(rest);
    normal
}

/// The values of the query are hidden, because secrets stand there.
fn masked(url: &str) -> String {
    let Some((before, query)) = url.split_once('?') else { return url.to_owned() };
    let hidden: Vec<String> = query
        .split('&')
        .map(|part| part.split_once('=').map_or_else(|| "***".to_owned(), |(name, _)| format!("{name}=***")))
        .collect();
    format!("{before}?{}", hidden.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_normal_form() {
        for (written, normal) in [
            ("https://www.your-company.com/%7euser", "https://www.your-company.com/~user"),
            ("https://www.your-company.com/a%c3%a9", "https://www.your-company.com/a%C3%A9"),
            ("HTTPS://Www.Your-Company.com:443", "https://www.your-company.com/"),
            ("https://your-company.com/a/./b/../c%2f?q=%41", "https://your-company.com/a/c%2F?q=A"),
            ("https://your-company.com/100%", "https://your-company.com/100%"),
        ] {
            assert_eq!(normal_form(written), normal);
        }
    }

    #[test]
    fn a_masked_query_keeps_its_names() {
        assert_eq!(masked("https://a/b?token=x&c"), "https://a/b?token=***&***");
        assert_eq!(masked("https://a/b"), "https://a/b");
    }

    #[test]
    fn a_location_is_written_in_every_way() {
        let with =
            |location, location_id| location_of(&Settings { location, location_id, ..Settings::default() });
        let root = "/connector/protimeapi/api/v1/webhooks";
        assert_eq!(with(Location::Path, LocationId::Plain), Some(format!("{root}/a7")));
        assert_eq!(with(Location::Url, LocationId::Quoted), Some(format!("http://h{root}('a7')")));
        assert_eq!(with(Location::Path, LocationId::Braces), Some(format!("{root}/%7Ba7%7D")));
        assert_eq!(with(Location::Absent, LocationId::Plain), None);
        let quoted = Settings { location_id: LocationId::Quoted, ..Settings::default() };
        assert_eq!((id_of("('a7')", &quoted), id_of("a7", &quoted)), ("a7", "a7"));
        assert_eq!(id_of("('a7')", &Settings::default()), "('a7')");
    }

    fn location_of(settings: &Settings) -> Option<String> {
        location("a7", "http://h", settings)
    }
}
