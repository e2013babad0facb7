//! `POST /tenants/{tenant}/connect/token`: client credentials for a token.

use std::collections::BTreeSet;

use axum::http::header;
use jiff::Timestamp;
use serde_json::json;

use super::{Call, pairs};
use crate::{answer::Answer, settings::UnknownScope, tenant::Tenant, words::every_scope};

/// Grants those of the scopes asked for that the client may have, or none if it may not have all of them.
pub(crate) fn answer(tenant: &mut Tenant, now: Timestamp, name: &str, call: &Call) -> Answer {
    if name != tenant.name {
        return Answer::not_found("tenant");
    }
    let typed = call.header(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    let Ok(form) = str::from_utf8(&call.body) else { return Answer::oauth(400, "invalid_request") };
    if !typed.starts_with("application/x-www-form-urlencoded") {
        return Answer::oauth(400, "invalid_request");
    }
    let form = pairs(form);
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        let error = if field("grant_type").is_some() { "unsupported_grant_type" } else { "invalid_request" };
        return Answer::oauth(400, error);
    }
    let known = field("client_id") == Some(&tenant.client_id)
        && field("client_secret") == Some(&tenant.client_secret);
    if !known {
        return Answer::oauth(tenant.settings.invalid_client_status, "invalid_client");
    }
    let asked: Vec<&str> = field("scope").unwrap_or_default().split_whitespace().collect();
    let allowed = tenant.settings.allowed_scopes.clone().unwrap_or_else(every_scope).into_iter();
    let scopes: BTreeSet<String> =
        allowed.filter(|scope| asked.is_empty() || asked.contains(&scope.as_str())).collect();
    let all = asked.into_iter().all(|scope| scopes.contains(scope));
    if scopes.is_empty() || (!all && tenant.settings.unknown_scope == UnknownScope::Invalid) {
        return Answer::oauth(400, "invalid_scope");
    }
    let seconds = tenant.settings.token_lifetime_seconds;
    let scope = scopes.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
    let token = tenant.tokens.issue(scopes, seconds, now);
    let body = json!({"access_token": token, "expires_in": seconds, "token_type": "Bearer", "scope": scope});
    Answer::json(200, &body).with(header::CACHE_CONTROL, "no-store")
}
