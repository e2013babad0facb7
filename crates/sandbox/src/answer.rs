//! Answers of the API before they are put on the wire, errors of the documented shapes among them.

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, header},
};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json; charset=utf-8", body.to_string())
    }

    pub(crate) fn text(status: u16, content_type: &'static str, body: String) -> Self {
        let headers = vec![(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
        Self { status, headers, body: Bytes::from(body) }
    }

    /// A page of HTML, as a proxy answers.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let body = format!(
            "<!DOCTYPE html>\n<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n"
        );
        Self::text(status, "text/html; charset=utf-8", body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// `{"error": {"code", "message"}}`
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"error": {"code": code, "message": message}}))
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::error(404, "NotFound", &format!("There is no such {what}."))
    }

    /// Of a token in a link to a next page: what has expired and what never was are one answer.
    pub(crate) fn stale_page() -> Self {
        let message = "The continuation token is invalid or has expired; start the list over.";
        Self::error(409, "Conflict", message)
    }

    pub(crate) fn broken_rule(reason: &str) -> Self {
        let message = "The request is not valid.";
        Self::json(400, &json!({"error": {"code": "BadRequest", "message": message, "reasons": [reason]}}))
    }

    /// A body that is not valid, which is answered without the wrapper. What its errors look like is not
    /// documented; here they are texts.
    pub(crate) fn bad_body(field: &str, message: &str) -> Self {
        let body = json!({
            "code": "BadRequest",
            "message": "The body is not valid.",
            "validationErrors": [format!("{field}: {message}")],
        });
        Self::json(400, &body)
    }

    pub(crate) fn oauth(status: u16, error: &str) -> Self {
        Self::json(status, &json!({"error": error}))
    }

    /// The same with a header more; one that cannot be written is left out.
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }
}

/// What is wrong with a request, in words.
impl From<String> for Answer {
    fn from(reason: String) -> Self {
        Self::broken_rule(&reason)
    }
}
