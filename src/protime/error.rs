//! Errors as decisions: what the caller does next, and a sentence that a person can act on.
//!
//! Laws: a status that only an operator's action can change needs an operator, everything else is
//! worth another try; a POST is only called "not processed" where that is certain; no message holds
//! a token or a secret.

use std::time::Duration;

use reqwest::StatusCode;

use crate::domain::words::words;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    /// Another try may succeed without anyone doing anything.
    #[error("{message}")]
    Transient { message: String, status: Option<u16>, retry_after: Option<Duration> },
    /// Nothing changes before an operator here or at Protime does something.
    #[error("{message}")]
    NeedsOperator { message: String, status: Option<u16> },
}

impl ApiError {
    pub(super) fn transient(message: String) -> Self {
        Self::Transient { message, status: None, retry_after: None }
    }

    pub(super) fn needs_operator(message: String) -> Self {
        Self::NeedsOperator { message, status: None }
    }

    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Transient { status, .. } | Self::NeedsOperator { status, .. } => *status,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Transient { retry_after, .. } => *retry_after,
            Self::NeedsOperator { .. } => None,
        }
    }
}

/// Why there is no answer, or none that a POST was to bring: whether Protime may have processed the request decides what
/// happens next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostError {
    /// Protime did certainly not process it: the old key is as good as before.
    #[error("{0}")]
    NotProcessed(ApiError),
    /// Protime may have processed it: the old key may be dead, and the list will tell.
    #[error("the outcome of the POST is unknown: {0}")]
    Unknown(ApiError),
}

impl From<PostError> for ApiError {
    /// Where it does not matter whether it was processed.
    fn from(error: PostError) -> Self {
        match error {
            PostError::NotProcessed(error) | PostError::Unknown(error) => error,
        }
    }
}

words! {
    /// What a request is for. Every request has one of these, in the log and in the metrics.
    #[derive(Default)]
    Endpoint("endpoint") {
        Token = "token",
        /// `GET /webhooks`
        List = "list",
        /// `GET /webhooks/{id}`
        Get = "get",
        /// `POST /webhooks`
        Post = "post",
        /// `DELETE /webhooks/{id}`
        Delete = "delete",
        /// `GET /{collection}`: a page of a list or of a fresh delta
        Collection = "collection",
        /// `GET /delta/{collection}`: a page of a delta kept alive
        Delta = "delta",
        /// Any other path, at an operator's wish.
        #[default]
        Path = "path",
    }
}

impl Endpoint {
    fn purpose(self) -> &'static str {
        match self {
            Self::Token => "give a token",
            Self::List => "list the webhooks",
            Self::Get => "show the webhook",
            Self::Post => "create or renew the webhook",
            Self::Delete => "delete the webhook",
            Self::Collection | Self::Delta => "show the collection",
            Self::Path => "give what was asked for",
        }
    }

    /// The scope without which Protime answers 403, where it is the same for every address.
    pub(super) fn scope(self) -> Option<&'static str> {
        match self {
            Self::Token | Self::Path | Self::Collection | Self::Delta => None,
            Self::List | Self::Get => Some(super::READ_SCOPE),
            Self::Post | Self::Delete => Some(super::WRITE_SCOPE),
        }
    }
}

/// What is to be said of a 5xx: no one here can end it, and proxies answer with it as well.
const FAULT: &str = "a fault or maintenance at Protime, or of a proxy on the way; if it stays, ask Protime";

#[derive(Debug, Default)]
pub(super) struct Refusal<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) status: StatusCode,
    /// What the body said, sanitized.
    pub(super) detail: Option<&'a str>,
    pub(super) oauth: Option<&'a str>,
    /// Where a redirect pointed to, without its query.
    pub(super) location: Option<&'a str>,
    pub(super) retry_after: Option<Duration>,
    pub(super) client_id: &'a str,
    pub(super) scope: Option<&'a str>,
    /// One that it may need besides, if the token in use was not granted it.
    pub(super) besides: Option<&'a str>,
    /// Scopes that the token in use lacks; where there is none, those that were asked for.
    pub(super) missing_scopes: &'a [String],
    /// Whether Protime named the scopes of the token in use.
    pub(super) scopes_are_known: bool,
}

impl<'a> Refusal<'a> {
    pub(super) fn new(endpoint: Endpoint, client_id: &'a str) -> Self {
        Self { endpoint, client_id, scopes_are_known: true, ..Self::default() }
    }

    pub(super) fn decide(&self) -> ApiError {
        let status = Some(self.status.as_u16());
        let message = self.message();
        if self.needs_operator() {
            ApiError::NeedsOperator { message, status }
        } else {
            ApiError::Transient { message, status, retry_after: self.retry_after }
        }
    }

    fn needs_operator(&self) -> bool {
        match (self.endpoint, self.oauth) {
            (Endpoint::Token, Some("invalid_client" | "unauthorized_client" | "invalid_scope")) => true,
            (Endpoint::Token, Some("temporarily_unavailable" | "server_error")) => false,
            // Pages of Protime's differ in whether a scope that is missing is a 401 or a 403.
            (_, _) if self.status == StatusCode::UNAUTHORIZED => self.is_of_scopes(),
            _ => matches!(self.status.as_u16(), 301 | 308 | 400 | 403 | 405 | 413 | 414 | 415 | 422),
        }
    }

    /// Whether a 401 comes of a scope: of one that the token is known to lack, or of the other one that the
    /// request may need, whether it was asked for or not.
    fn is_of_scopes(&self) -> bool {
        self.lacks_scope() || self.lacks_another() || (self.besides.is_some() && self.scopes_are_known)
    }

    fn lacks_scope(&self) -> bool {
        self.endpoint != Endpoint::Token
            && self.scope.is_some_and(|scope| self.missing_scopes.iter().any(|missing| missing == scope))
    }

    /// Whether it lacks the other one, which was asked for.
    fn lacks_another(&self) -> bool {
        self.besides.is_some_and(|besides| self.missing_scopes.iter().any(|missing| missing == besides))
    }

    fn message(&self) -> String {
        let advice = self.advice().map(|advice| format!(": {advice}")).unwrap_or_default();
        let detail = self.detail.map(|detail| format!(". Protime says: {detail}")).unwrap_or_default();
        format!("Protime does not {} ({}){advice}{detail}", self.endpoint.purpose(), self.status)
    }

    fn advice(&self) -> Option<String> {
        if self.endpoint == Endpoint::Token {
            return Some(self.token_advice());
        }
        let advice = match self.status.as_u16() {
            300..=399 => return Some(self.redirect_advice()),
            400 if self.endpoint == Endpoint::Post => {
                "check the webhook's destination_url, collection and external_references"
            }
            400 if self.endpoint == Endpoint::List => {
                "check the filter, or without one api_origin and user_agent"
            }
            400 if self.endpoint == Endpoint::Collection => {
                "check the resync's filter and the webhook's external_references; where a collection takes no \
                 span of more than a year, write both {from_date} and {to_date}"
            }
            404 if self.endpoint == Endpoint::Collection => {
                "it may not know this collection; compare it with the names that Protime documents"
            }
            404 | 410 if self.endpoint == Endpoint::Delta => "this delta has ended",
            401 if self.is_of_scopes() => return self.scope_advice(),
            401 => return Some(self.token_refused_advice()),
            403 => return self.scope_advice(),
            404 | 410 if matches!(self.endpoint, Endpoint::Get | Endpoint::Delete) => {
                "it has no webhook with this id"
            }
            404 | 410 if self.endpoint == Endpoint::Path => "there is nothing at this path",
            404 | 405 | 410 => "there is no such API; check the tenant's name and api_origin",
            409 => "something else changed at the same time, which passes by itself",
            413 | 414 | 415 | 422 => "it does not accept what was sent; check the webhook's configuration",
            429 => "it received too many requests; lower api.max_requests_per_minute if this goes on",
            500..=599 => FAULT,
            _ => "no such answer is documented; if it stays, ask Protime",
        };
        Some(advice.to_owned())
    }

    fn token_advice(&self) -> String {
        let client = self.client_id;
        match (self.oauth, self.status.as_u16()) {
            (Some("unauthorized_client"), _) => {
                format!("client '{client}' may not use client credentials; ask Protime to allow it")
            }
            (Some("invalid_scope"), _) => {
                let scopes = self.missing_scopes.join(" ");
                format!("ask Protime to grant all of these scopes to client '{client}': {scopes}")
            }
            (Some("invalid_client"), _) | (_, 401) => format!(
                "client_id '{client}' and its client_secret are not accepted; check both, and that they \
                 belong to this tenant and environment"
            ),
            (_, 300..=399) => self.redirect_advice(),
            (_, 403) => format!("client '{client}' may not have a token here; ask Protime to allow it"),
            (_, 404 | 405 | 410) => "check the tenant's name and token_url".to_owned(),
            (_, 429) => "it received too many requests; it is asked again later".to_owned(),
            (Some("temporarily_unavailable" | "server_error"), _) | (_, 500..=599) => FAULT.to_owned(),
            _ => format!("it does not understand the request; check token_url and client_id '{client}'"),
        }
    }

    fn redirect_advice(&self) -> String {
        let target = self.location.map(|to| format!(" to {to}")).unwrap_or_default();
        let setting = if self.endpoint == Endpoint::Token { "token_url" } else { "api_origin" };
        format!(
            "it redirects{target}, which is not followed, because a redirected request may lose its body \
             and show the credentials to someone else; check {setting}"
        )
    }

    fn token_refused_advice(&self) -> String {
        let of_scope = |scope| {
            format!("; Protime does not say which scopes it granted, so check also that it granted {scope}")
        };
        let scope = self.scope.filter(|_| !self.scopes_are_known).map(of_scope).unwrap_or_default();
        let besides = self.besides.map(|_| format!("; {}", self.advice_on_another())).unwrap_or_default();
        format!(
            "it refuses a new token too; check that api_origin and token_url belong to the same tenant and \
             environment{scope}{besides}"
        )
    }

    fn scope_advice(&self) -> Option<String> {
        let scope = self.scope?;
        let client = self.client_id;
        Some(if self.lacks_scope() {
            format!("scope {scope} is missing from the token; ask Protime to grant it to client '{client}'")
        } else {
            let why = self.advice_on_another();
            format!("client '{client}' may not do this, although it may have scope {scope}; {why}")
        })
    }

    fn advice_on_another(&self) -> String {
        match self.besides {
            Some(besides) if self.lacks_another() => format!(
                "some pages of Protime's documentation demand scope {besides} for this as well, which it did not grant: \
                 ask Protime to grant it"
            ),
            Some(besides) => format!(
                "some pages of Protime's documentation demand scope {besides} for this as well, which was not asked for: \
                 ask Protime to grant it, and add it to the tenant's `scopes`"
            ),
            None => "ask Protime why".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
