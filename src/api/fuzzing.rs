//! Doors for the fuzz target of the sockets: what a request names, asks and brings, byte by byte.

use axum::{extract::FromRequestParts as _, http::Request};
use futures_util::FutureExt as _;
use reqwest::Url;

use super::{import, query};
use crate::{
    domain::webhook::{TenantName, WebhookName},
    fuzzing::first_line,
    redact,
};

/// A request: its path and query on the first line, then its body.
pub(crate) fn request(data: &[u8]) {
    let (line, body) = first_line(data);
    let line = line.unwrap_or_default();
    if let Ok((mut parts, ())) = Request::builder().uri(line).body(()).map(Request::into_parts) {
        for text in parts.uri.path().split('/') {
            named(text);
        }
        // It waits for nothing: a request's parts are all there.
        let parameters = query::Parameters::from_request_parts(&mut parts, &()).now_or_never();
        if let Some(Ok(parameters)) = parameters
            && let Ok(values) = parameters.only(["tenant", "state", "limit", "after", "wait"])
        {
            let [tenant, state, limit, after, wait] = values;
            tenant.as_deref().map(named);
            let _ = state.as_deref().map(query::state);
            let _ = after.as_deref().map(query::version);
            if let Ok(limit) = query::limit(limit.as_deref()) {
                assert!((1..=1000).contains(&limit), "{limit}");
            }
            if let Ok(wait) = query::wait(wait.as_deref()) {
                assert!(wait.as_secs() <= 300, "{wait:?}");
            }
        }
    }
    if let Ok(key) = import::read(body) {
        assert!(
            !key.expose().chars().any(|c| c.is_control() || c.is_whitespace()),
            "a key that cannot be one"
        );
    }
    shown(line);
}

/// A name that is taken is one that a path, a metric and a terminal can hold.
fn named(text: &str) {
    let tenant = TenantName::new(text).is_ok();
    assert_eq!(tenant, WebhookName::new(text).is_ok(), "one rule for both: {text:?}");
    assert!(!tenant || text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{text:?}");
}

/// A destination as everyone may see it.
fn shown(destination: &str) {
    let shown = redact::destination(destination);
    if let Ok(url) = Url::parse(shown.trim_end_matches(['?', '#', '…'])) {
        assert!(url.username().is_empty() && url.password().is_none(), "{shown}");
        assert!(url.query().is_none() && url.fragment().is_none(), "{shown}");
    }
}
