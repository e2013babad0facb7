//! Webhooks: list, show, create or renew, delete.
//!
//! Laws: a 401 leads to one new token and one repeat, which is safe for a POST as well, because what
//! was refused was not processed; a POST is repeated for no other reason; a list is whole or an error.

use std::{
    collections::HashSet,
    sync::{PoisonError, atomic::Ordering},
};

use reqwest::{Method, StatusCode, Url, header};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;

use super::{
    TenantClient,
    address::{Addresses, Link},
    answer::PostAnswer,
    auth::Token,
    body::bare,
    error::{ApiError, Endpoint, PostError, Refusal},
    http::{Answer, Content, LARGE_ANSWER, Outgoing, SMALL_ANSWER},
    wire::{self, List, Odd},
};
use crate::domain::{
    collection,
    webhook::{ExternalReference, Pair, RemoteWebhook},
};

const LIST: &str = "Protime's list of webhooks";
const ONE: &str = "Protime's answer for the webhook";

/// More pages than any tenant has webhooks: beyond this the links lead nowhere.
const MOST_PAGES: usize = 10_000;

impl TenantClient {
    /// Every webhook of the tenant, and what else the list holds.
    ///
    /// An error is of the whole list: a part of it would make webhooks look missing.
    pub(crate) async fn list_webhooks(&self) -> Result<List, ApiError> {
        self.list_webhooks_filtered(None).await
    }

    /// The webhooks that a filter of Protime's selects, such as `status eq 'Disabled'`.
    pub(crate) async fn list_webhooks_filtered(&self, filter: Option<&str>) -> Result<List, ApiError> {
        let mut url = self.inner.addresses.list(filter)?;
        let mut seen = HashSet::new();
        let mut list = List::default();
        while seen.len() < MOST_PAGES {
            let before = list.webhooks.len() + list.odd.len();
            let page = self.page(&url, before).await?;
            list.webhooks.extend(page.list.webhooks);
            list.odd.extend(page.list.odd);
            let Some(link) = page.next_link else {
                if self.inner.http.clock().wants_a_witness() {
                    // Of this page only the Date is of interest, which an error has as well: a list is judged by
                    // what time it is at Protime.
                    let _page = self.page(&url, 0).await;
                }
                self.note_odd(&list.odd);
                return Ok(list);
            };
            let next = self.followed(&url, &link).map_err(|wrong| undocumented(&wrong))?;
            seen.insert(std::mem::replace(&mut url, next));
            if seen.contains(&url) {
                return Err(undocumented("its nextLink leads back to a page that was read already"));
            }
        }
        Err(undocumented(&format!("it has more than {MOST_PAGES} pages")))
    }

    async fn page(&self, url: &Url, before: usize) -> Result<wire::Page, ApiError> {
        let answer = self.read(Endpoint::List, Method::GET, url.clone(), LARGE_ANSWER).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(wire::Page::default());
        }
        let page = wire::page(whole(&answer, LIST)?, before).map_err(|wrong| undocumented(&wrong))?;
        self.note_offset(&page.list.webhooks);
        Ok(page)
    }

    pub(crate) async fn get_webhook(&self, id: &str) -> Result<RemoteWebhook, ApiError> {
        let url = self.inner.addresses.one(id)?;
        let answer = self.read(Endpoint::Get, Method::GET, url, SMALL_ANSWER).await?;
        let webhook = wire::webhook(whole(&answer, ONE)?)
            .map_err(|wrong| ApiError::transient(format!("{ONE} is not as documented: {wrong}")))?;
        self.note_offset(std::slice::from_ref(&webhook));
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
            PostError::NotProcessed(ApiError::needs_operator(format!(
                "the webhook cannot be written as JSON: {error}"
            )))
        })?;
        let request = Outgoing {
            content: Content::Json(json),
            // Some pages of Protime's say that a POST needs the collection's own scope as well.
            scopes: vec![super::WRITE_SCOPE.to_owned(), collection::scope(&pair.collection)],
            ..Outgoing::new(Endpoint::Post, Method::POST, url)
        };
        let (answer, token) = self.authorized(request.clone()).await?;
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
        let location = crate::http::header(&answer.headers, &header::LOCATION).map(str::to_owned);
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

    pub(super) async fn read(
        &self,
        endpoint: Endpoint,
        method: Method,
        url: Url,
        limit: usize,
    ) -> Result<Answer, ApiError> {
        let request = Outgoing { limit, ..reading(endpoint, method, url) };
        let (answer, token) = self.authorized(request.clone()).await?;
        if answer.status.is_success() {
            Ok(answer)
        } else {
            Err(self.refused(&request, &answer, &token, &[]))
        }
    }

    /// Sends a request with a token; with a new one if the first is refused and another may help.
    pub(super) async fn authorized(&self, mut request: Outgoing) -> Result<(Answer, Token), PostError> {
        let inner = &self.inner;
        let scopes = request.scopes.clone();
        let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
        let mut refused = None;
        loop {
            let token = inner.auth.token(&inner.http, refused).await.map_err(PostError::NotProcessed)?;
            request.authorization = Some(token.header.clone());
            let answer = inner.http.send(request.clone()).await?;
            if refused.is_some() {
                if matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
                    inner.auth.in_vain().note(&scopes, Instant::now());
                }
                return Ok((answer, token));
            }
            if !inner.auth.may_help(&token, answer.status, &scopes) {
                return Ok((answer, token));
            }
            refused = Some(token.number);
        }
    }

    /// What an answer that is not a success means; `confidential` is blotted out of it.
    pub(super) fn refused(
        &self,
        request: &Outgoing,
        answer: &Answer,
        token: &Token,
        confidential: &[String],
    ) -> ApiError {
        let auth = &self.inner.auth;
        let known = auth.known();
        let mut secrets = vec![token.expose(), auth.settings.client_secret.expose_secret()];
        secrets.extend(confidential.iter().map(String::as_str));
        let detail = answer.detail(&secrets);
        let mut scopes = request.scopes.iter();
        let (scope, besides) = (scopes.next(), scopes.next());
        Refusal {
            status: answer.status,
            detail: detail.text.as_deref(),
            location: answer.location_without_query(&request.url).as_deref(),
            retry_after: answer.retry_after,
            scope: scope.map(String::as_str),
            besides: besides.map(String::as_str).filter(|scope| !known.has(scope)),
            missing_scopes: &known.missing,
            scopes_are_known: known.granted.is_some(),
            ..Refusal::new(request.endpoint, &auth.settings.client_id)
        }
        .decide()
    }

    /// Where a link leads: on the tenant's own origin, whatever host it names. A server behind a proxy may
    /// know itself by another name, and the token goes to no one else.
    pub(super) fn followed(&self, current: &Url, link: &str) -> Result<Url, String> {
        let Link { url, named } = self.inner.addresses.next(current, link)?;
        if let Some(named) = named
            && !self.inner.link_noted.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                tenant = %self.inner.tenant,
                link = named,
                "a link in Protime's answer leads to another host; its path is asked for at api_origin instead"
            );
        }
        Ok(url)
    }

    /// Counts entries that are not understood, and logs them when they change.
    fn note_odd(&self, odd: &[Odd]) {
        let inner = &self.inner;
        inner.http.counters.odd_entries(inner.tenant.as_str(), odd.len());
        let found: Vec<String> = odd.iter().map(|one| one.wrong.clone()).collect();
        let mut noted = inner.odd_noted.lock().unwrap_or_else(PoisonError::into_inner);
        if *noted == found {
            return;
        }
        match found.first() {
            None => {
                tracing::info!(tenant = %inner.tenant, "every entry of Protime's list is as documented again");
            }
            Some(first) => tracing::warn!(
                tenant = %inner.tenant,
                count = found.len(),
                first,
                "Protime's list has entries that are not as documented; they are left out"
            ),
        }
        *noted = found;
    }

    fn note_offset(&self, webhooks: &[RemoteWebhook]) {
        let is_local = webhooks.iter().any(|webhook| webhook.local_end);
        if is_local && !self.inner.offset_noted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                tenant = %self.inner.tenant,
                "Protime's validUntil has no offset; it is taken for UTC"
            );
        }
    }
}

/// The whole body of an answer that is called `what`, as JSON begins; one that broke off says nothing about
/// Protime.
pub(super) fn whole<'a>(answer: &'a Answer, what: &str) -> Result<&'a [u8], ApiError> {
    match &answer.body {
        Ok(body) => Ok(bare(body)),
        Err(why) => Err(ApiError::transient(format!("{what} could not be read: {why}"))),
    }
}

/// A request that only asks, with the scopes that its address needs.
pub(super) fn reading(endpoint: Endpoint, method: Method, url: Url) -> Outgoing {
    let of_collection = match endpoint {
        Endpoint::Collection | Endpoint::Delta | Endpoint::Path => Addresses::collection_at(&url),
        _ => None,
    };
    let of_collection = of_collection.map(|name| match name {
        "webhooks" => super::READ_SCOPE.to_owned(),
        name => collection::scope(name),
    });
    let scopes = endpoint.scope().map(str::to_owned).or(of_collection).into_iter().collect();
    Outgoing { scopes, ..Outgoing::new(endpoint, method, url) }
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
