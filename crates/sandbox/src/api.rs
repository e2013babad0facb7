//! The simulated API: who asks, what for, and whether they may.
//!
//! Answering a request is one moment of the tenant's time: no answer waits for anything.

mod collections;
mod shown;
mod token;
mod webhooks;

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, header},
};
use jiff::Timestamp;

use crate::{
    answer::Answer,
    faults::Endpoint,
    settings::{MissingScope, Settings},
    tenant::Tenant,
    tokens::Denied,
    words::{self, API_ROOT},
};

const LONGEST_URI: usize = 4_096;

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    /// Its query, as it was sent.
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        pairs(&self.query)
    }

    /// A decoded parameter of the query; empty if it has no value, none if it is not there.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// Decodes `application/x-www-form-urlencoded`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let Ok(mut url) = reqwest::Url::parse("http://localhost/") else { return Vec::new() };
    url.set_query(Some(text));
    url.query_pairs().into_owned().collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    Token(String),
    List,
    Create,
    Get(String),
    /// What is known of a webhook, also after its deletion.
    Debug(String),
    Delete(String),
    /// A list or a fresh delta.
    Collection(&'static str),
    /// A kept delta.
    Delta(&'static str),
    /// A known path with a method that it does not have.
    WrongMethod,
    /// Nothing the API knows.
    Unknown,
}

impl Route {
    pub(crate) fn of(call: &Call) -> Self {
        let (get, post, delete) =
            (call.method == Method::GET, call.method == Method::POST, call.method == Method::DELETE);
        let only = |allowed: bool, route: Self| if allowed { route } else { Self::WrongMethod };
        if let Some(tenant) =
            call.path.strip_prefix("/tenants/").and_then(|rest| rest.strip_suffix("/connect/token"))
        {
            return only(post, Self::Token(tenant.to_owned()));
        }
        let Some(below) = call.path.strip_prefix(API_ROOT).and_then(|rest| rest.strip_prefix('/')) else {
            return Self::Unknown;
        };
        let parts: Vec<&str> = below.split('/').collect();
        match parts.as_slice() {
            ["webhooks"] if post => Self::Create,
            ["webhooks"] => only(get, Self::List),
            // Some servers write the key of a resource in parentheses; whether it is taken depends.
            [one] if one.starts_with("webhooks(") => {
                let id = one.trim_start_matches("webhooks").to_owned();
                if delete { Self::Delete(id) } else { only(get, Self::Get(id)) }
            }
            ["webhooks", id] if delete => Self::Delete((*id).to_owned()),
            ["webhooks", id] => only(get, Self::Get((*id).to_owned())),
            // Protime's documentation shows no path for what can be asked after a deletion: this one is
            // the sandbox's own, and its name says so.
            ["webhooks", id, "sandbox-debugging"] => only(get, Self::Debug((*id).to_owned())),
            ["delta", name] => words::known_collection(name)
                .map_or(Self::Unknown, |collection| only(get, Self::Delta(collection))),
            [name] => words::known_collection(name)
                .map_or(Self::Unknown, |collection| only(get, Self::Collection(collection))),
            _ => Self::Unknown,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Token(_) => Endpoint::Token,
            Self::List => Endpoint::List,
            Self::Create => Endpoint::Create,
            Self::Get(_) | Self::Debug(_) => Endpoint::Get,
            Self::Delete(_) => Endpoint::Delete,
            Self::Collection(_) => Endpoint::Collection,
            Self::Delta(_) => Endpoint::Delta,
            Self::WrongMethod | Self::Unknown => Endpoint::Any,
        }
    }

    pub(crate) fn collection(&self, call: &Call) -> Option<String> {
        match self {
            Self::Collection(name) | Self::Delta(name) => Some((*name).to_owned()),
            Self::Create => webhooks::collection_of(&call.body),
            _ => None,
        }
    }

    /// What a token must allow; the pages of two collections let a POST need the collection's own scope.
    fn scopes(&self, call: &Call, settings: &Settings) -> Vec<String> {
        let write = || vec![words::WEBHOOKS_WRITE.to_owned()];
        match self {
            Self::Create if settings.post_needs_read.yes() => {
                let collection = webhooks::collection_of(&call.body);
                let known = collection.as_deref().and_then(words::known_collection);
                write().into_iter().chain(known.map(words::collection_scope)).collect()
            }
            Self::Create | Self::Delete(_) => write(),
            Self::Collection(name) | Self::Delta(name) => vec![words::collection_scope(name)],
            // What is not a resource is not told to those who may not even read.
            _ => vec![words::WEBHOOKS_READ.to_owned()],
        }
    }
}

pub(crate) fn answer(tenant: &mut Tenant, now: Timestamp, route: &Route, call: &Call) -> Answer {
    if let Route::Token(name) = route {
        return token::answer(tenant, now, name, call);
    }
    answered(tenant, now, route, call).unwrap_or_else(|refusal| refusal)
}

fn answered(tenant: &mut Tenant, now: Timestamp, route: &Route, call: &Call) -> Result<Answer, Answer> {
    check(tenant, now, route, call)?;
    match route {
        Route::List => webhooks::list(tenant, now, call),
        Route::Create => webhooks::create(tenant, now, call),
        Route::Get(id) => webhooks::get(tenant, id),
        Route::Debug(id) => webhooks::debug(tenant, id),
        Route::Delete(id) => webhooks::delete(tenant, id),
        Route::Collection(name) => collections::list(tenant, now, name, call),
        Route::Delta(name) => collections::delta(tenant, now, name, call),
        Route::WrongMethod => {
            Err(Answer::error(405, "MethodNotAllowed", "This resource has no such method."))
        }
        Route::Token(_) | Route::Unknown => Err(Answer::not_found("resource")),
    }
}

fn check(tenant: &Tenant, now: Timestamp, route: &Route, call: &Call) -> Result<(), Answer> {
    let length = tenant.origin.len() + call.path.len() + 1 + call.query.len();
    if length > LONGEST_URI {
        return Err(Answer::error(414, "UriTooLong", "A URI has 4096 characters at most."));
    }
    if !call.header(header::USER_AGENT).is_some_and(is_service) {
        let message = "The User-Agent header must be of the form Service/Version (Company).";
        return Err(Answer::broken_rule(message));
    }
    let authorization = call.header(header::AUTHORIZATION);
    let mut scopes = route.scopes(call, &tenant.settings).into_iter();
    scopes.try_for_each(|scope| tenant.tokens.check(authorization, &scope, now)).map_err(|denied| {
        match (denied, tenant.settings.missing_scope) {
            // Neither answer says which scope it was, as Protime's do not.
            (Denied::Forbidden, MissingScope::Forbidden) => {
                Answer::error(403, "Forbidden", "The request is not allowed.")
            }
            (Denied::Unauthorized, _) | (Denied::Forbidden, MissingScope::Unauthorized) => {
                Answer::error(401, "Unauthorized", "The request is not authorized.")
                    .with(header::WWW_AUTHENTICATE, "Bearer")
            }
        }
    })
}

fn is_service(text: &str) -> bool {
    let Some((product, company)) = text.strip_suffix(')').and_then(|text| text.split_once(" (")) else {
        return false;
    };
    let word = |text: &str| !text.is_empty() && !text.contains([' ', '/', '(', ')']);
    product.split_once('/').is_some_and(|(service, version)| word(service) && word(version))
        && !company.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_names_service_version_and_company() {
        for good in ["WebhookRenewal/v1 (Your Company)", "a/1 (b)", "A-b/1.2.3 (C & D (BE))"] {
            assert!(is_service(good), "{good}");
        }
        for bad in ["", "curl/8.5", "a (b)", "a/ (b)", "/1 (b)", "a/1 ()", "a/1 (b", "a b/1 (c)", "a/1(b)"] {
            assert!(!is_service(bad), "{bad}");
        }
    }

    #[test]
    fn parameters_are_decoded() {
        assert_eq!(pairs("filter=status%20eq%20'x'&delta")[0].1, "status eq 'x'");
        assert_eq!(pairs("a+b=%2B")[0], ("a b".to_owned(), "+".to_owned()));
    }
}
