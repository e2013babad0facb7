//! The answer of a POST: kept whole first, understood afterwards.
//!
//! The old key is dead when this answer arrives, and the answer holds the only copy of the new one.
//! So it is a value that can be stored before anyone looks into it, and looking is a pure function
//! that can be repeated with another `key_field`. The property that holds the key is not documented.

use std::fmt;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::time;
use crate::{domain::key::WebhookKey, redact::sanitize};

/// Under which names the key is looked for, in this order.
const KEY_NAMES: [&str; 5] = ["key", "webhookKey", "privateKey", "privateWebhookKey", "secret"];

/// The raw 2xx answer of a POST. Its body is a secret: it is wiped when dropped and never printed.
pub(crate) struct PostAnswer {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PostAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostAnswer({}, {:?}, [redacted])", self.status, self.location)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) key: WebhookKey,
    pub(crate) id: Option<String>,
    /// Until when it delivers, in whole milliseconds; absent also if it is not readable: the list will tell.
    pub(crate) valid_until: Option<Timestamp>,
    /// Whether that came without an offset, so that UTC is a guess.
    pub(crate) local_end: bool,
}

/// No key was found. The names of the answer's properties are what an operator needs to set `key_field`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoKey {
    /// The names of the properties whose values could be a key; `outer.inner` where nested. Never a value.
    pub(crate) properties: Vec<String>,
    pub(crate) is_object: bool,
}

impl fmt::Display for NoKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.properties.join(", ");
        match (self.is_object, names.is_empty()) {
            (false, _) => {
                f.write_str(
                    "Protime's answer to the POST is not a JSON object; it is kept as it came. Check api_origin, and \
                     whether a proxy answers in Protime's place",
                )
            }
            (true, true) => f.write_str(
                "Protime's answer to the POST has no property that could hold a key; it is kept as it came. Ask \
                 Protime why, and then renew the webhook for another key",
            ),
            (true, false) => write!(
                f,
                "Protime's answer to the POST holds the key under none of the known names; it is kept, and \
                 setting the tenant's key_field to the right one finishes the renewal without another POST. \
                 Its properties are: {names}"
            ),
        }
    }
}

impl std::error::Error for NoKey {}

/// Finds the key, the id and `validUntil` in a stored answer.
///
/// `key_field` is looked for before the known names, each of them at the top level and then one level
/// down. The id is the body's, or else the last segment of `location`.
pub(crate) fn interpret(
    location: Option<&str>,
    body: &[u8],
    key_field: Option<&str>,
) -> Result<Issued, NoKey> {
    let Ok(Value::Object(top)) = serde_json::from_slice(super::body::bare(body)) else {
        return Err(NoKey { properties: Vec::new(), is_object: false });
    };
    let nested = top.values().filter_map(Value::as_object);
    let objects: Vec<&Map<String, Value>> = std::iter::once(&top).chain(nested).collect();
    let key_of = |object: &Map<String, Value>, name| WebhookKey::new(object.get(name)?.as_str()?.to_owned());
    let found = key_field
        .into_iter()
        .chain(KEY_NAMES)
        .find_map(|name| objects.iter().find_map(|object| Some((*object, key_of(object, name)?))));
    let Some((holder, key)) = found else {
        return Err(NoKey { properties: possible_names(&top), is_object: true });
    };
    // Another nested object may be about something else: it comes last.
    let id = text_of(holder, "id")
        .or_else(|| text_of(&top, "id"))
        .or_else(|| location.and_then(id_of_location))
        .or_else(|| objects.iter().find_map(|object| text_of(object, "id")));
    let valid_until = std::iter::once(&holder)
        .chain(&objects)
        .find_map(|object| time::stated(object.get("validUntil")?.as_str()?));
    Ok(Issued {
        key,
        id,
        valid_until: valid_until.map(|stated| stated.at),
        local_end: valid_until.is_some_and(|stated| stated.assumed_utc),
    })
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The id in a `Location`, which is a path or a whole URL, and names the webhook as `…/webhooks/ID` or, as
/// `OData` does, `…/webhooks('ID')`.
fn id_of_location(location: &str) -> Option<String> {
    let path = location.split(['?', '#']).next()?.trim_end_matches('/');
    let last = percent_decode_str(path.rsplit('/').next()?).decode_utf8().ok()?;
    if last.chars().any(char::is_control) {
        return None;
    }
    let (name, id) = match last.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
        None => ("", last.as_ref()),
    };
    // A key may be named, as in `webhooks(id='ID')`.
    let id = id.split_once('=').map_or(id, |(_, id)| id);
    let id = id.trim_matches(|c: char| c.is_whitespace() || "'\"{}()".contains(c));
    let is_list = name.is_empty() && id.eq_ignore_ascii_case("webhooks");
    (!id.is_empty() && !is_list).then(|| id.to_owned())
}

/// Names of string properties, at most 40 of at most 64 characters: an answer is not ours to trust.
fn possible_names(top: &Map<String, Value>) -> Vec<String> {
    let mut names = Vec::new();
    for (name, value) in top {
        match value {
            Value::String(_) => names.push(name.clone()),
            Value::Object(inner) => {
                let strings = inner.iter().filter(|(_, value)| value.is_string());
                names.extend(strings.map(|(inner, _)| format!("{name}.{inner}")));
            }
            _ => {}
        }
    }
    names.iter().take(40).map(|name| sanitize(name, &[]).chars().take(64).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issued(
        location: Option<&str>,
        body: &str,
        key_field: Option<&str>,
    ) -> (String, Option<String>, Option<String>) {
        let issued = interpret(location, body.as_bytes(), key_field).expect(body);
        (issued.key.expose().to_owned(), issued.id, issued.valid_until.map(|at| at.to_string()))
    }

    #[test]
    fn the_key_is_found_under_every_known_name() {
        for name in KEY_NAMES {
            let body =
                format!(r#"{{"id":"a-1","validUntil":"2026-03-31T12:30:00.1234567+02:00","{name}":"k"}}"#);
            let expected =
                ("k".to_owned(), Some("a-1".to_owned()), Some("2026-03-31T10:30:00.123Z".to_owned()));
            assert_eq!(issued(None, &body, None), expected);
        }
    }

    #[test]
    fn key_and_id_by_table() {
        let rows = [
            // key_field has precedence, and the known names remain.
            (None, r#"{"key":"a","hmac":"b"}"#, Some("hmac"), "b", None),
            (None, r#"{"key":"a"}"#, Some("hmac"), "a", None),
            (None, r#"{"key":"a","w":{"hmac":"b"}}"#, Some("hmac"), "b", None),
            // What is not text, or empty, is not a key.
            (None, r#"{"key":7,"webhookKey":"","secret":"s"}"#, None, "s", None),
            // Wrapped in an object.
            (None, r#"{"webhook":{"id":"i","key":"a"}}"#, None, "a", Some("i")),
            (None, r#"{"key":"a","webhook":{"id":"i"}}"#, None, "a", Some("i")),
            (Some("/x/webhooks/l"), r#"{"key":"a","owner":{"id":"i"}}"#, None, "a", Some("l")),
            // The body's id, or else the last segment of Location.
            (Some("/x/webhooks/l"), r#"{"key":"a","id":"i"}"#, None, "a", Some("i")),
            (Some("https://h/x/webhooks/l/?v=1#f"), r#"{"key":"a"}"#, None, "a", Some("l")),
            (Some("https://h/x/webhooks/"), r#"{"key":"a"}"#, None, "a", None),
            (Some("https://h/x/webhooks"), r#"{"key":"a"}"#, None, "a", None),
            (Some("https://h/x/Webhooks/"), r#"{"key":"a"}"#, None, "a", None),
            (Some("https://h/x/webhooks('a7d8-1')"), r#"{"key":"a"}"#, None, "a", Some("a7d8-1")),
            (Some("/x/webhooks(a7d8-1)/?x=('y')"), r#"{"key":"a"}"#, None, "a", Some("a7d8-1")),
            (Some("/x/webhooks(id='a7d8-1')"), r#"{"key":"a"}"#, None, "a", Some("a7d8-1")),
            (Some("/x/webhooks%28%27A7D8-1%27%29"), r#"{"key":"a"}"#, None, "a", Some("A7D8-1")),
            (Some("/x/WEBHOOKS/%7BA7D8-1%7D/"), r#"{"key":"a"}"#, None, "a", Some("A7D8-1")),
            (Some("/x/webhooks/{a7d8-1}"), r#"{"key":"a"}"#, None, "a", Some("a7d8-1")),
            (Some("/x/webhooks/\"a7d8-1\""), r#"{"key":"a"}"#, None, "a", Some("a7d8-1")),
            (Some("/x/webhooks/50%"), r#"{"key":"a"}"#, None, "a", Some("50%")),
            (Some("/x/webhooks/%4"), r#"{"key":"a"}"#, None, "a", Some("%4")),
            (Some("/x/webhooks/%zz"), r#"{"key":"a"}"#, None, "a", Some("%zz")),
            (Some("/x/webhooks/%ff"), r#"{"key":"a"}"#, None, "a", None),
            (Some("/x/webhooks/%00"), r#"{"key":"a"}"#, None, "a", None),
            (Some("/x/webhooks('')"), r#"{"key":"a"}"#, None, "a", None),
            (Some(""), r#"{"key":"a","id":null}"#, None, "a", None),
            (None, r#"{"key":"a","id":12}"#, None, "a", Some("12")),
        ];
        for (location, body, key_field, key, id) in rows {
            let found = issued(location, body, key_field);
            assert_eq!(
                (found.0.as_str(), found.1.as_deref()),
                (key, id),
                "{body} {location:?} {key_field:?}"
            );
        }
    }

    #[test]
    fn an_end_without_an_offset_is_said_to_have_none() {
        for (end, local_end) in [("2026-12-01T12:30:00", true), ("2026-12-01T12:30:00+02:00", false)] {
            let body = format!(r#"{{"key":"a","validUntil":"{end}"}}"#);
            assert_eq!(interpret(None, body.as_bytes(), None).expect("a key").local_end, local_end, "{end}");
        }
    }

    #[test]
    fn an_unreadable_valid_until_does_not_cost_the_key() {
        assert_eq!(issued(None, r#"{"key":"a","validUntil":"soon"}"#, None).2, None);
        assert_eq!(issued(None, r#"{"key":"a","validUntil":5}"#, None).2, None);
    }

    #[test]
    fn without_a_key_only_names_are_told() {
        let body = r#"{"id":"i","signingKey":"hush","n":1,"w":{"inner":"hush","deep":{"x":"hush"}}}"#;
        let no_key = interpret(None, body.as_bytes(), None).unwrap_err();
        assert_eq!(no_key.properties, ["id", "signingKey", "w.inner"]);
        assert!(no_key.to_string().contains("id, signingKey, w.inner"), "{no_key}");
        assert!(!format!("{no_key} {no_key:?}").contains("hush"));
        for body in ["", "[]", "\"hush\"", "<html>hush</html>", "{\"key\":\"hush"] {
            let no_key = interpret(None, body.as_bytes(), None).unwrap_err();
            assert!(!no_key.is_object && !format!("{no_key} {no_key:?}").contains("hush"), "{body}");
        }
        assert!(interpret(None, b"{}", None).unwrap_err().to_string().contains("no property"));
    }

    #[test]
    fn an_answer_prints_without_its_body() {
        let answer = PostAnswer { status: 201, location: None, body: Zeroizing::new(b"hush".to_vec()) };
        let printed = format!("{answer:?}");
        assert!(printed.contains("[redacted]") && printed.contains("201"), "{printed}");
        assert!(!printed.contains("hush") && !printed.contains("104"), "{printed}");
    }
}
