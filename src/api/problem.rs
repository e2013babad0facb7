//! Errors as RFC 9457 problems: what went wrong, and what would be right.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::{domain::webhook::WebhookPath, service::Unavailable};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    status: StatusCode,
    /// The last part of `type`: a word for programs.
    kind: &'static str,
    title: &'static str,
    detail: String,
}

/// Each problem: its status, its word for programs, its title and its detail.
macro_rules! problems {
    ($($name:ident($($given:ident: $type:ty),*) = $status:ident $kind:expr, $title:literal, $detail:expr;)+) => {
        impl Problem {$(
            pub(super) fn $name($($given: $type),*) -> Self {
                Self { status: StatusCode::$status, kind: $kind, title: $title, detail: $detail }
            }
        )+}
    };
}

problems! {
    unknown_path(path: &str) = NOT_FOUND "unknown-path", "There is nothing at this path", format!(
        "'{path}' is not a path of this socket; GET /v1/status and GET /v1/webhooks are good places to start"
    );
    method(method: &str, path: &str) = METHOD_NOT_ALLOWED
        "method-not-allowed", "This path does not take this method",
        format!("'{path}' does not take {method}; the Allow header says what it takes");
    control_only(method: &str, path: &str) = FORBIDDEN
        "control-socket-only", "The status socket is read only and gives out no secret",
        format!("send {method} {path} to the control socket (control_socket in [daemon])");
    invalid_name(detail: String) = NOT_FOUND "unknown-webhook", "There is no such webhook", detail;
    query(detail: String) = BAD_REQUEST "invalid-query", "The query is not understood", detail;
    body_not_understood(detail: String) = BAD_REQUEST
        "invalid-body", "The request's body is not understood", detail;
    // A key cannot be imported while Protime may be giving out another one.
    post_in_flight(path: &WebhookPath) = CONFLICT "post-in-flight", "A POST to Protime is in flight", format!(
        "'{path}' is about to get another key from Protime, so the given one is dead or soon will be; look at the \
             key in force, and import only if it is wrong"
    );
    too_large(limit: u64) = PAYLOAD_TOO_LARGE
        "too-large", "The request's body is too large", format!("a body may have {limit} bytes");
    no_key(path: &WebhookPath) = SERVICE_UNAVAILABLE "no-key", "There is no key yet", format!(
        "'{path}' has no key before its first renewal; ask with ?after=0&wait=30s to wait for it"
    );
    stopping() = SERVICE_UNAVAILABLE
        "stopping", "The daemon is stopping", "connect and ask again once it has started".to_owned();
    too_many_connections(limit: usize) = SERVICE_UNAVAILABLE
        "too-many-connections", "Too many connections",
        format!("a user may have {limit} connections to this socket; close some or reuse them");
    // An event that is not to be believed, for the reason `malformed` or `mismatch`.
    not_genuine(reason: &'static str, detail: String) = UNAUTHORIZED
        reason, "The event is not genuine", detail;
    configuration(detail: String) = UNPROCESSABLE_ENTITY
        "configuration", "The configuration is wrong; the one before stays in force", detail;
    store(error: &Unavailable) = INTERNAL_SERVER_ERROR
        "store", "The daemon cannot read its state", error.to_string();
}

impl Problem {
    pub(super) fn unknown_webhook(path: &WebhookPath) -> Self {
        Self::invalid_name(format!("no webhook is configured as '{path}'; GET /v1/webhooks lists them all"))
    }

    pub(super) fn body(&self) -> serde_json::Value {
        let mut body = json!({
            "type": format!("urn:protime-webhookd:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        if self.status == StatusCode::UNAUTHORIZED {
            body["reason"] = json!(self.kind);
        }
        body
    }

    /// The answer with a body that says more than the problem itself.
    pub(super) fn response(&self, body: serde_json::Value) -> Response {
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    }
}

impl From<Unavailable> for Problem {
    fn from(error: Unavailable) -> Self {
        Self::store(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.response(self.body())
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::webhook::{TenantName, WebhookName};

    use super::*;

    #[test]
    fn every_problem_is_said_in_clean_sentences() {
        let path = WebhookPath {
            tenant: TenantName::new("acme").expect("a name"),
            name: WebhookName::new("people").expect("a name"),
        };
        let given = || "given".to_owned();
        let problems = [
            Problem::unknown_path("/v2"),
            Problem::method("PUT", "/v1/status"),
            Problem::control_only("POST", "/v1/poll"),
            Problem::unknown_webhook(&path),
            Problem::invalid_name(given()),
            Problem::query(given()),
            Problem::body_not_understood(given()),
            Problem::post_in_flight(&path),
            Problem::too_large(1),
            Problem::no_key(&path),
            Problem::stopping(),
            Problem::too_many_connections(1),
            Problem::not_genuine("mismatch", given()),
            Problem::configuration(given()),
            Problem::from(Unavailable::from(crate::store::StoreError::Closed)),
        ];
        for problem in problems {
            for text in [problem.kind, problem.title, &problem.detail] {
                let clean = !text.contains("  ") && !text.contains('\n') && text == text.trim();
                assert!(clean && !text.is_empty(), "{text:?}");
            }
        }
    }
}
