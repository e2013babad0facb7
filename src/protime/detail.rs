//! What the body of an error says, in one line.
//!
//! Protime documents two shapes, the token endpoint speaks OAuth, proxies answer HTML or nothing.
//! Laws: never assume JSON; no control characters, so that a body cannot forge log lines or move a
//! terminal's cursor; at most [`LONGEST`](crate::redact::LONGEST) characters; none of the given secrets, even if echoed.

use serde_json::{Map, Value};

use crate::redact::sanitize;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Detail {
    pub(super) text: Option<String>,
    /// OAuth's error code, such as `invalid_client`.
    pub(super) oauth: Option<String>,
}

/// Reads an error's body; `secrets` are blotted out wherever they occur.
pub(super) fn read(body: &[u8], secrets: &[&str]) -> Detail {
    let raw = String::from_utf8_lossy(body);
    let raw = raw.trim_start_matches('\u{feff}').trim();
    let (text, oauth) = match serde_json::from_str::<Value>(raw) {
        Ok(Value::Object(object)) => of_object(&object),
        Ok(Value::String(text)) => (text, None),
        Ok(other) => (said(&other, 0), None),
        Err(_) if raw.starts_with('<') => (title(raw).unwrap_or_default(), None),
        Err(_) => (raw.to_owned(), None),
    };
    let text = sanitize(&text, secrets);
    Detail { text: (!text.is_empty()).then_some(text), oauth }
}

fn of_object(object: &Map<String, Value>) -> (String, Option<String>) {
    match object.get("error") {
        Some(Value::String(code)) => {
            let description = object.get("error_description").map(|text| said(text, 0));
            (joined(": ", [Some(code.clone()), description]), Some(code.clone()))
        }
        Some(Value::Object(error)) => (of_error(error), None),
        _ => (of_error(object), None),
    }
}

/// `code: message (reasons)`, with the names that `application/problem+json` has for the same.
fn of_error(error: &Map<String, Value>) -> String {
    let named = |names: &[&str]| {
        names.iter().find_map(|name| error.get(*name)).map(|value| said(value, 0)).filter(|s| !s.is_empty())
    };
    let head = joined(": ", [named(&["code", "title"]), named(&["message", "detail"])]);
    let reasons = joined("; ", [named(&["reasons"]), named(&["validationErrors", "errors"])]);
    if reasons.is_empty() { head } else { joined(" ", [Some(head), Some(format!("({reasons})"))]) }
}

fn joined(separator: &str, parts: impl IntoIterator<Item = Option<String>>) -> String {
    let parts: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    parts.join(separator)
}

/// Any JSON as a person would say it; deeper than four levels nothing is said.
fn said(value: &Value, depth: u8) -> String {
    if depth > 4 {
        return String::new();
    }
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => joined("; ", items.iter().map(|item| Some(said(item, depth + 1)))),
        Value::Object(object) => {
            let one = |(name, value)| {
                let said = said(value, depth + 1);
                (!said.is_empty()).then(|| format!("{name}: {said}"))
            };
            joined("; ", object.iter().map(one))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// The text of an HTML page's `<title>`, which is all that is worth showing of it.
fn title(html: &str) -> Option<String> {
    let lower = html.to_ascii_lowercase();
    let open = lower.find("<title")?;
    let start = open + lower.get(open..)?.find('>')? + 1;
    let end = start + lower.get(start..)?.find("</title")?;
    html.get(start..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::LONGEST;

    #[test]
    fn every_documented_shape_and_others_by_table() {
        let rows = [
            (r#"{"error":{"code":"Forbidden","message":"No access."}}"#, Some("Forbidden: No access.")),
            (
                r#"{"error":{"code":"Invalid","message":"No.","reasons":["a",{"code":"X","message":"b"}]}}"#,
                Some("Invalid: No. (a; code: X; message: b)"),
            ),
            (
                r#"{"code":"V1","message":"Bad input","validationErrors":[{"property":"destinationUrl","message":"not https"}]}"#,
                Some("V1: Bad input (message: not https; property: destinationUrl)"),
            ),
            (
                r#"{"code":"V1","message":"Bad","validationErrors":{"collectionName":["unknown","empty"]}}"#,
                Some("V1: Bad (collectionName: unknown; empty)"),
            ),
            (r#"{"message":"only this"}"#, Some("only this")),
            (r#"{"title":"Gone","detail":"It left.","status":410}"#, Some("Gone: It left.")),
            (r#"{"code":400,"message":null,"reasons":[]}"#, Some("400")),
            (r#"{"error":"invalid_client","error_description":"who?"}"#, Some("invalid_client: who?")),
            (r#""just text""#, Some("just text")),
            ("[1,2]", Some("1; 2")),
            ("{}", None),
            ("", None),
            ("  \r\n", None),
            ("null", None),
            (
                "<html><head><TITLE lang=en>502 Bad\nGateway</title></head><body>no</body>",
                Some("502 Bad Gateway"),
            ),
            ("<html><body>long page</body></html>", None),
            ("<title>never ended", None),
            ("upstream connect error", Some("upstream connect error")),
            (r#"{"error":{"message":"cut"#, Some(r#"{"error":{"message":"cut"#)),
        ];
        for (body, expected) in rows {
            assert_eq!(read(body.as_bytes(), &[]).text.as_deref(), expected, "{body}");
        }
        assert_eq!(read(br#"{"error":"invalid_scope"}"#, &[]).oauth.as_deref(), Some("invalid_scope"));
        assert_eq!(read(&[0xff, 0xfe, b'a'], &[]).text.as_deref(), Some("\u{fffd}\u{fffd}a"));
    }

    #[test]
    fn long_wild_and_secret_texts_are_tamed() {
        let long = "é".repeat(LONGEST + 1);
        let text = read(long.as_bytes(), &[]).text.unwrap();
        assert_eq!(text.chars().count(), LONGEST + 1);
        assert!(text.ends_with('…'));

        let wild = r#"{"message":"a\u001b[2Jb\r\n2026 ERROR forged\u202ec"}"#;
        assert_eq!(read(wild.as_bytes(), &[]).text.unwrap(), "a [2Jb 2026 ERROR forged c");

        let echo = r#"{"message":"token tok\u002den is bad, secret s3cret too"}"#;
        let text = read(echo.as_bytes(), &["tok-en", "s3cret", ""]).text.unwrap();
        assert_eq!(text, "token [redacted] is bad, secret [redacted] too");
    }

    #[test]
    fn deep_nesting_ends() {
        let deep = format!("{}1{}", r#"{"message":["#.repeat(40), "]}".repeat(40));
        assert_eq!(read(deep.as_bytes(), &[]).text, None);
        let deeper = "[".repeat(100_000);
        assert!(read(deeper.as_bytes(), &[]).text.is_some());
    }
}
