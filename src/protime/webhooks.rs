//! Webhooks: list, show, create or renew, delete.
//!
//! Laws: a 401 leads to one new token and one repeat, which is safe for a POST as well, because what
//! was refused was not processed; a POST is repeated for no other reason; a list is whole or an error.

use std::{collections::HashSet, sync::atomic::Ordering};

use reqwest::{Method, Url, header};

use super::{
    TenantClient,
    address::Addresses,
    answer::PostAnswer,
    auth::Token,
    error::{ApiError, Endpoint, PostError, Refusal},
    http::{self, Answer, Content, LARGE_ANSWER, NoAnswer, Outgoing, SMALL_ANSWER},
    wire,
};
use crate::domain::{
    collection,
    webhook::{ExternalReference, Pair, RemoteWebhook},
};

/// What the answers are called in errors.
const LIST: &str = "Protime's list of webhooks";
const ONE: &str = "Protime's answer for the webhook";

/// More pages than any tenant has webhooks: beyond this the links lead nowhere.
const MOST_PAGES: usize = 10_000;

impl TenantClient {
    /// Every webhook of the tenant.
    ///
    /// An error is of the whole list: a part of it would make webhooks look missing.
    pub(crate) async fn list_webhooks(&self) -> Result<Vec<RemoteWebhook>, ApiError> {
        self.list_webhooks_filtered(None).await
    }

    /// The webhooks that a filter of Protime's selects, such as `status eq 'Disabled'`.
    pub(crate) async fn list_webhooks_filtered(
        &self,
        filter: Option<&str>,
    ) -> Result<Vec<RemoteWebhook>, ApiError> {
        let mut url = self.inner.addresses.list(filter)?;
        let mut seen = HashSet::new();
        let mut webhooks = Vec::new();
        while seen.len() < MOST_PAGES {
            let page = self.page(&url).await?;
            webhooks.extend(page.webhooks);
            let Some(link) = page.next_link else { return Ok(webhooks) };
            let next = self.inner.addresses.next(&url, &link).map_err(|wrong| undocumented(&wrong))?;
            seen.insert(std::mem::replace(&mut url, next));
            if seen.contains(&url) {
                return Err(undocumented("its nextLink leads back to a page that was read already"));
            }
        }
        Err(undocumented(&format!("it has more than {MOST_PAGES} pages")))
    }

    async fn page(&self, url: &Url) -> Result<wire::Page, ApiError> {
        let answer = self.read(Endpoint::List, Method::GET, url.clone(), LARGE_ANSWER).await?;
        let page = wire::page(whole(&answer, LIST)?).map_err(|wrong| undocumented(&wrong))?;
        self.note_offset(page.assumed_utc);
        Ok(page)
    }

    /// One webhook by Protime's id.
    pub(crate) async fn get_webhook(&self, id: &str) -> Result<RemoteWebhook, ApiError> {
        let url = self.inner.addresses.one(id)?;
        let answer = self.read(Endpoint::Get, Method::GET, url, SMALL_ANSWER).await?;
        let (webhook, assumed_utc) = wire::webhook(whole(&answer, ONE)?)
            .map_err(|wrong| ApiError::transient(format!("{ONE} is not as documented: {wrong}")))?;
        self.note_offset(assumed_utc);
        Ok(webhook)
    }

    /// Deletes a webhook by Protime's id (softly, at Protime); 404 is an error like any other.
    pub(crate) async fn delete_webhook(&self, id: &str) -> Result<(), ApiError> {
        let url = self.inner.addresses.one(id)?;
        self.read(Endpoint::Delete, Method::DELETE, url, SMALL_ANSWER).await.map(drop)
    }

    /// Creates or renews a webhook: one call for both.
    ///
    /// With success the old key is dead and the answer holds the only copy of the new one: store it
    /// before anything else. The error says whether the POST may have been processed.
    pub(crate) async fn post_webhook(
        &self,
        pair: &Pair,
        references: &[ExternalReference],
    ) -> Result<PostAnswer, PostError> {
        let url = self.inner.addresses.post(references).map_err(PostError::NotProcessed)?;
        let body =
            wire::NewWebhook { destination_url: &pair.destination_url, collection_name: &pair.collection };
        let json = serde_json::to_vec(&body).map_err(|error| {
            PostError::NotProcessed(ApiError::needs_operator(format!("the webhook is no JSON: {error}")))
        })?;
        let request = Outgoing {
            endpoint: Endpoint::Post,
            method: Method::POST,
            url,
            authorization: None,
            content: Content::Json(json),
            limit: SMALL_ANSWER,
        };
        let (answer, token) = self.authorized(request.clone()).await.map_err(|failure| match failure {
            Failure::NotSent(error) => PostError::NotProcessed(error),
            Failure::Lost(error) => PostError::Unknown(error),
        })?;
        let status = answer.status;
        if !status.is_success() {
            let error = self.refused(&request, &answer, &token, &confidential_parts(pair));
            // A redirect or a client error is an answer instead of the work; anything else may come after it.
            let answered_instead = status.is_redirection() || status.is_client_error();
            return Err(if answered_instead {
                PostError::NotProcessed(error)
            } else {
                PostError::Unknown(error)
            });
        }
        let location = http::text(&answer.headers, &header::LOCATION).map(str::to_owned);
        let body = answer.body.map_err(|why| {
            PostError::Unknown(ApiError::Transient {
                message: format!(
                    "Protime answered the POST with {status}, but the answer could not be read: {why}"
                ),
                status: Some(status.as_u16()),
                retry_after: None,
            })
        })?;
        Ok(PostAnswer { status: status.as_u16(), location, body })
    }

    /// A request without a body, whose answer is a success or an error.
    pub(super) async fn read(
        &self,
        endpoint: Endpoint,
        method: Method,
        url: Url,
        limit: usize,
    ) -> Result<Answer, ApiError> {
        let request = Outgoing { endpoint, method, url, authorization: None, content: Content::Empty, limit };
        match self.authorized(request.clone()).await {
            Ok((answer, _)) if answer.status.is_success() => Ok(answer),
            Ok((answer, token)) => Err(self.refused(&request, &answer, &token, &[])),
            Err(Failure::NotSent(error) | Failure::Lost(error)) => Err(error),
        }
    }

    /// Sends a request with a token; with a new one if the first is refused.
    pub(super) async fn authorized(&self, mut request: Outgoing) -> Result<(Answer, Token), Failure> {
        let inner = &self.inner;
        let mut refused = None;
        loop {
            let token = inner.auth.token(&inner.http, refused).await.map_err(Failure::NotSent)?;
            request.authorization = Some(token.header());
            let answer = inner.http.send(request.clone()).await.map_err(|none| match none {
                NoAnswer::NotSent { message, retry_after } => {
                    Failure::NotSent(ApiError::Transient { message, status: None, retry_after })
                }
                NoAnswer::Lost { message } => Failure::Lost(ApiError::transient(message)),
            })?;
            if answer.status != reqwest::StatusCode::UNAUTHORIZED || refused.is_some() {
                return Ok((answer, token));
            }
            refused = Some(token.number);
        }
    }

    /// What an answer that is no success means; `confidential` is blotted out of it.
    pub(super) fn refused(
        &self,
        request: &Outgoing,
        answer: &Answer,
        token: &Token,
        confidential: &[String],
    ) -> ApiError {
        let auth = &self.inner.auth;
        let mut secrets = vec![token.expose(), auth.client_secret()];
        secrets.extend(confidential.iter().map(String::as_str));
        let detail = answer.detail(&secrets);
        let of_collection = match request.endpoint {
            Endpoint::Collection | Endpoint::Delta | Endpoint::Path => Addresses::collection_at(&request.url),
            _ => None,
        };
        Refusal {
            endpoint: request.endpoint,
            status: answer.status,
            detail: detail.text.as_deref(),
            oauth: None,
            location: answer.location_without_query(&request.url).as_deref(),
            retry_after: answer.retry_after,
            client_id: auth.client_id(),
            scope: request.endpoint.scope().or(of_collection.map(collection::scope).as_deref()),
            missing_scopes: &auth.missing(),
        }
        .decide()
    }

    fn note_offset(&self, assumed_utc: bool) {
        if assumed_utc && !self.inner.offset_noted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                tenant = %self.inner.tenant,
                "Protime's validUntil has no offset; it is taken for UTC"
            );
        }
    }
}

/// Why an authorized request has no answer.
pub(super) enum Failure {
    /// Nothing was sent to the API.
    NotSent(ApiError),
    /// It may have been processed.
    Lost(ApiError),
}

/// The whole body of an answer that is called `what`; one that broke off says nothing about Protime.
pub(super) fn whole<'a>(answer: &'a Answer, what: &str) -> Result<&'a [u8], ApiError> {
    match &answer.body {
        Ok(body) => Ok(body),
        Err(why) => Err(ApiError::transient(format!("{what} could not be read: {why}"))),
    }
}

fn undocumented(wrong: &str) -> ApiError {
    ApiError::transient(format!("{LIST} is not as documented: {wrong}"))
}

/// The parts of a destination in which people put secrets, as an error that echoes it would write them.
fn confidential_parts(pair: &Pair) -> Vec<String> {
    let Ok(url) = Url::parse(&pair.destination_url) else { return Vec::new() };
    let query = url.query().map(|query| format!("?{query}"));
    let password = url.password().map(|password| format!(":{password}@"));
    query.into_iter().chain(password).collect()
}
